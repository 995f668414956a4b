// An array as a signed heat map whose elements can be chosen, and the finite difference beside the chosen one.

const WITH_NUMBERS = 8; // columns up to which cells show numbers

/** A heat map: a table of cells, blue for negative, orange for positive numbers, by size. */
function heatMap(matrix, letter, check = null) {
  const figure = element("figure", { class: "heat" });
  if (!matrix || matrix.numbers.length === 0) {
    figure.append(element("p", { class: "remark" }, matrix ? "It has no elements." : "Its elements were not kept."));
    return figure;
  }
  const { rows, columns, numbers } = matrix;
  const numeric = columns <= WITH_NUMBERS;
  const largest = matrix.largest;
  const table = element("table", {
    role: "grid",
    class: numeric ? "numeric" : "compact",
    "aria-label": `${letter}, shape ${shapeText(matrix.shape)}`,
  });
  table.style.setProperty("--wide", `${14 * columns}px`); // how wide the cells of a compact one may be, and must be
  table.style.setProperty("--narrow", `${7 * columns}px`);
  const checked = check?.at ? new Set(check.at) : null;
  const cells = [];
  const withHeads = numeric && rows * columns > 1;
  if (withHeads && columns > 1) {
    const head = element("tr", { role: "row", class: "heads", "aria-hidden": "true" }, element("th"));
    for (let j = 0; j < columns; j++) head.append(element("th", {}, String(j)));
    table.append(head);
  }
  for (let i = 0; i < rows; i++) {
    const row = element("tr", { role: "row" });
    if (withHeads) row.append(element("th", { "aria-hidden": "true" }, matrix.shape.length > 1 ? String(i) : ""));
    for (let j = 0; j < columns; j++) {
      const place = i * columns + j;
      const cell = heatCell(numbers[place], largest, numeric);
      cell.tabIndex = place ? -1 : 0;
      cell.dataset.place = place;
      if (checked?.has(place)) cell.classList.add("checked");
      cells.push(cell);
      row.append(cell);
    }
    table.append(row);
  }
  const readout = element("div", { class: "readout", "aria-live": "polite" });
  const frame = element("div", { class: "scroll" }, table);
  figure.append(frame, element("figcaption", {}, scaleOf(largest, numbers.length), ...partsLeftOut(matrix)), readout);
  if (check) readout.append(element("p", { class: "hint" }, hintOf(matrix, check)));

  const choose = (place) => {
    for (const cell of table.querySelectorAll("[aria-selected=true]")) {
      cell.setAttribute("aria-selected", "false");
      cell.tabIndex = -1;
    }
    cells[0].tabIndex = -1;
    cells[place].setAttribute("aria-selected", "true");
    cells[place].tabIndex = 0;
    readout.replaceChildren(...about(matrix, letter, place, check, (next) => {
      choose(next);
      cells[next].focus();
    }));
  };
  table.addEventListener("click", (event) => {
    const cell = event.target.closest("td");
    if (cell) {
      choose(Number(cell.dataset.place));
      cell.focus();
    }
  });
  table.addEventListener("keydown", (event) => {
    const cell = event.target.closest("td");
    const place = cell && moved(event.key, Number(cell.dataset.place), rows, columns);
    if (place === null || place === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    choose(place);
    cells[place].focus();
  });
  return figure;
}

/** Where a key leads from a place of a grid; null for other keys. */
function moved(key, place, rows, columns) {
  const i = Math.floor(place / columns);
  const j = place % columns;
  switch (key) {
    case "ArrowLeft": return i * columns + Math.max(j - 1, 0);
    case "ArrowRight": return i * columns + Math.min(j + 1, columns - 1);
    case "ArrowUp": return Math.max(i - 1, 0) * columns + j;
    case "ArrowDown": return Math.min(i + 1, rows - 1) * columns + j;
    case "Home": return i * columns;
    case "End": return (i + 1) * columns - 1;
    case "Enter": case " ": return place;
    default: return null;
  }
}

/** A cell: its colour by size and sign; exactly zero and what is not finite are marked. */
function heatCell(x, largest, numeric) {
  const cell = element("td", { role: "gridcell", "aria-selected": "false", "aria-label": written(x, 4) });
  if (!Number.isFinite(x)) {
    cell.className = "broken";
    cell.textContent = numeric ? written(x) : "!";
    return cell;
  }
  cell.className = x === 0 ? "zero" : x < 0 ? "negative" : "positive";
  const size = largest ? Math.abs(x) / largest : 0;
  cell.style.setProperty("--size", `${(100 * size).toFixed(1)}%`);
  if (size > 0.6) cell.classList.add("strong");
  if (numeric) cell.textContent = written(x);
  return cell;
}

/** The scale of the colours; of a single number there is none. */
function scaleOf(largest, n) {
  if (n === 1) return "";
  const bar = element("span", { class: "bar" });
  const ends = [written(-largest), written(largest)].map((text) => element("span", {}, text));
  return element("span", { class: "scale", "aria-hidden": "true" }, ends[0], bar, ends[1]);
}

/** What is said of an array of which only a corner is here. */
function partsLeftOut(matrix) {
  if (matrix.isWhole) return [];
  const rows = sizeOf(matrix.shape.slice(0, -1));
  const columns = matrix.shape.at(-1);
  const part = (n, all, what) => (n < all ? `${n} of ${all.toLocaleString("en")} ${what}` : `all ${all} ${what}`);
  const all = matrix.shape.length === 1
    ? `the first ${part(matrix.columns, columns, "elements")}`
    : `the first ${part(matrix.rows, rows, "rows")}, ${part(matrix.columns, columns, "columns")}`;
  return [element("span", { class: "remark" }, `Only a corner is shown: ${all.replace("the first all", "all")}.`)];
}

/** What stands where nothing is chosen yet. */
function hintOf(matrix, check) {
  const here = matrix.numbers.length;
  if (!check.at) return "Check one: choose an element.";
  const n = check.at.length;
  return `Check one: choose an element. ${n} of ${here} ${n > 1 ? "have" : "has"} a finite difference, marked with a dot.`;
}

/** What there is to say about a chosen element: its value, and its finite difference beside it. */
function about(matrix, letter, place, check, choose) {
  const x = matrix.numbers[place];
  const what = `${letter}${matrix.index(place)}`;
  if (!check) return [element("p", { class: "chosen" }, `${what} = ${written(x, 7)}`)];
  const list = element("dl", { class: "chosen" });
  const line = (term, ...text) => list.append(element("div", {}, element("dt", {}, term), element("dd", {}, ...text)));
  line(what, element("b", { class: "value" }, written(x, 7)));
  const at = check.at ? check.at.indexOf(place) : place;
  if (at < 0) {
    const nearest = nearestOf(check.at, place, matrix.columns);
    const button = element("button", { type: "button" }, `Check ${letter}${matrix.index(nearest)} instead`);
    button.addEventListener("click", () => choose(nearest));
    line("finite difference", "not computed for this one ", button);
    return [list];
  }
  check.numbers ??= decoded(check.data, check.type);
  const found = check.numbers[at];
  line("finite difference", element("b", { class: "numeric" }, written(found, 7)));
  line("they differ by", ...verdict(x, found, check, check.corners[place], matrix));
  return [list];
}

/** Whether a gradient and its finite difference agree, in words. */
function verdict(x, found, check, corner, matrix) {
  const gap = Math.abs(x - found);
  const text = written(gap, 2);
  const say = (kind, words) => [text, " ", element("span", { class: `verdict ${kind}` }, words)];
  if (corner) {
    const [left, right] = corner.map((side) => written(Number(side), 4));
    return say("kink", `the loss has a corner here: slope ${left} on the left, ${right} on the right`);
  }
  if (!Number.isFinite(gap)) return say("no", "✗ not finite");
  const size = Math.max(Math.abs(x), Math.abs(found), matrix.largest / 10);
  if (gap <= check.tolerance * size) return say("yes", "✓ they agree");
  if (gap <= check.rounding) return say("yes", "✓ no more than rounding");
  return say("no", "✗ they do not agree");
}

/** The checked place that is nearest to a place. */
function nearestOf(places, place, columns) {
  const distance = (other) =>
    Math.hypot(Math.floor(other / columns) - Math.floor(place / columns), (other % columns) - (place % columns));
  return places.reduce((best, other) => (distance(other) < distance(best) ? other : best));
}
