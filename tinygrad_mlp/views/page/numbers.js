// Numbers, shapes and arrays: how they arrive, and how they are written.

/** A number from JSON, where NaN and the infinities are text. */
const real = (x) => (typeof x === "string" ? { nan: NaN, inf: Infinity, "-inf": -Infinity }[x] ?? Number(x) : x);

/** A number with so many significant digits: 0.265, 1.23e−5, NaN, ∞; "0" is exactly zero. */
function written(x, digits = 3) {
  if (Number.isNaN(x)) return "NaN";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  if (x === 0) return "0";
  const power = Math.floor(Math.log10(Math.abs(x)));
  let text;
  if (power < -4 || power > 6) {
    const [digitsPart, exponent] = x.toExponential(digits - 1).split("e");
    text = `${Number(digitsPart)}e${Number(exponent)}`;
  } else {
    text = power >= digits ? x.toFixed(0) : String(Number(x.toPrecision(digits)));
  }
  return text.replaceAll("-", "−"); // U+2212, which screen readers read out
}

/** (2, 3), and (3,) for one axis, as in NumPy. */
const shapeText = (shape) => `(${shape.join(", ")}${shape.length === 1 ? "," : ""})`;

/** How many elements a shape has. */
const sizeOf = (shape) => shape.reduce((product, n) => product * n, 1);

/** The numbers in little-endian base64. */
function decoded(data, type) {
  const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  return type === "f4" ? new Float32Array(bytes.buffer) : new Float64Array(bytes.buffer);
}

/** An array of the page, whose elements are decoded when they are first asked for. */
class Matrix {
  constructor({ shape, rows, columns, type, data }) {
    Object.assign(this, { shape, rows, columns, type, data });
  }

  get numbers() {
    this.decodedNumbers ??= decoded(this.data, this.type);
    return this.decodedNumbers;
  }

  get isWhole() {
    return this.rows * this.columns === sizeOf(this.shape);
  }

  /** The index of a place of the part that is here, as in NumPy: [0, 1]. */
  index(place) {
    if (!this.shape.length) return "";
    const index = [place % this.columns];
    let row = Math.floor(place / this.columns);
    for (const n of this.shape.slice(0, -1).reverse()) {
      index.unshift(row % n);
      row = Math.floor(row / n);
    }
    return `[${index.join(", ")}]`;
  }

  /** The largest absolute value that is a number. */
  get largest() {
    let largest = 0;
    for (const x of this.numbers) if (Number.isFinite(x)) largest = Math.max(largest, Math.abs(x));
    return largest;
  }
}

/** An HTML element; text never becomes markup. */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) if (value !== null) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== null && child !== ""));
  return made;
}

/** A name that somebody gave: its direction of writing does not turn around what stands beside it. */
const bdi = (text) => element("bdi", {}, text);
