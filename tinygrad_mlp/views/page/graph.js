// The graph as SVG: one row for each step, in backward order, with the parameters that it reaches beside it.
//
// A gradient for the next row flows straight down; one that passes rows goes around on the left. Layers are frames
// around rows, and a closed layer is one row.

const PAD = 10;
const LANE = 18; // between arrows that go around on the left
const CHANNEL = 14; // between arrows that pass rows on their way to a parameter
const INSET = 9; // of a frame within a frame
const TITLE = 20; // the height of a frame's title
const BETWEEN_ROWS = 30;
const LEAF_HEIGHT = 38;
const BETWEEN_LEAVES = 8;
const LINE = 14;
const DECADES = 6;
const SMALLEST = 0.75; // a drawing that is wider still can be scrolled

const pen = document.createElement("canvas").getContext("2d");
const FONTS = { name: "600 12.5px system-ui, sans-serif", text: "10.5px system-ui, sans-serif" };

/** A text that fits a width: its middle is left out if need be. */
function fitted(text, width, font = "text") {
  pen.font = FONTS[font];
  const characters = [...text];
  let n = characters.length;
  if (pen.measureText(text).width <= width) return text;
  let cut;
  do {
    n -= 1;
    const half = Math.ceil(n / 2);
    cut = `${characters.slice(0, half).join("")}…${characters.slice(characters.length - (n - half)).join("")}`;
  } while (n > 1 && pen.measureText(cut).width > width);
  return cut;
}

/** An SVG element. */
function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) if (value !== null) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Lanes for intervals [start, end], so that two on one lane do not meet; shorter ones are the inner ones. */
function lanesFor(intervals) {
  const lanes = [];
  const order = [...intervals.keys()].sort((a, b) => length(intervals[a]) - length(intervals[b]));
  const found = [];
  for (const i of order) {
    const [start, end] = intervals[i];
    let lane = lanes.findIndex((taken) => taken.every(([s, e]) => end <= s || e <= start));
    if (lane < 0) lane = lanes.push([]) - 1;
    lanes[lane].push([start, end]);
    found[i] = lane;
  }
  return { of: found, count: lanes.length };
  function length([start, end]) {
    return end - start;
  }
}

/** Where norms stand on a logarithmic scale, from 0 to 1. */
function normScale(norms) {
  const logs = norms.filter((n) => n > 0 && Number.isFinite(n)).map(Math.log10);
  const high = logs.length ? Math.max(...logs) : 0;
  const low = Math.min(Math.max(logs.length ? Math.min(...logs) : 0, high - DECADES), high - 1);
  return (n) => (n > 0 && Number.isFinite(n) ? Math.min(1, Math.max(0, (Math.log10(n) - low) / (high - low))) : 0);
}

/** What is drawn: rows, leaves beside them, frames around them, and arrows between them. */
function pictured(data, closed) {
  const rows = [];
  const rowOf = new Map();
  for (let number = 1; number <= data.steps.length; ) {
    const layer = data.layers.find((l) => closed.has(l) && l.first <= number && number <= l.last);
    const row = { at: rows.length, layer: layer ?? null, first: number, last: layer ? layer.last : number, leaves: [] };
    rows.push(row);
    for (; number <= row.last; number++) rowOf.set(`step${number}`, row);
  }
  const users = new Map(data.leaves.map((leaf) => [leaf.key, new Set()]));
  for (const step of data.steps) for (const edge of step.edges) users.get(edge.target)?.add(rowOf.get(step.key));
  const homes = new Map();
  for (const leaf of data.leaves) {
    const its = [...users.get(leaf.key)];
    if (its.length === 1 && its[0].layer) continue; // within a closed layer
    const home = its.reduce((a, b) => (b.at > a.at ? b : a));
    home.leaves.push(leaf);
    homes.set(leaf.key, home);
  }
  for (const row of rows) row.leaves.sort((a, b) => b.is_parameter - a.is_parameter);

  const arrows = [];
  const merged = new Map();
  for (const step of data.steps) {
    const from = rowOf.get(step.key);
    for (const [index, edge] of step.edges.entries()) {
      const to = rowOf.get(edge.target) ?? null;
      if (to === from || (!to && !homes.has(edge.target))) continue;
      const key = from.layer || to?.layer ? `${from.at} ${to ? to.at : edge.target} ${edge.flows}` : null;
      let arrow = key && merged.get(key);
      if (!arrow) {
        arrow = { from, to, leaf: to ? null : edge.target, home: homes.get(edge.target), flows: edge.flows, edges: [] };
        arrows.push(arrow);
        if (key) merged.set(key, arrow);
      }
      arrow.edges.push({ step, index, edge });
    }
  }
  for (const arrow of arrows) {
    const norms = arrow.edges.map(({ edge }) => edge.gradient && real(edge.gradient.norm));
    arrow.norm = arrow.flows && norms.every((n) => n !== null) ? Math.hypot(...norms) : null;
  }
  const frames = data.layers.filter((layer) => {
    if (closed.has(layer)) return false;
    if (data.layers.some((l) => closed.has(l) && l !== layer && l.first <= layer.first && layer.last <= l.last)) {
      return false;
    }
    if (!isAlone(data, layer, rowOf)) return true;
    rowOf.get(`step${layer.first}`).caption = layer.title;
    return false;
  });
  return { rows, rowOf, homes, arrows, frames };
}

/** Whether a layer is one step without parameters, which needs no frame. */
function isAlone(data, layer, rowOf) {
  if (layer.first !== layer.last) return false;
  const step = data.steps[layer.first - 1];
  return !step.edges.some((edge) => !rowOf.has(edge.target) && edge.flows);
}

/** The sizes of a drawing that has about so much room. */
function measures(room) {
  return room < 460 ? { step: 172, gap: 62, leaf: 112 } : { step: 216, gap: 78, leaf: 140 };
}

/** Draw the graph; `open(layer)` is called when a layer is to be opened or closed, `go(step, edge)` for a step. */
function drawn(data, closed, room, { toggle, go }) {
  const picture = pictured(data, closed);
  const { rows, arrows, frames } = picture;
  const size = measures(room);
  const around = arrows.filter((a) => a.to && a.to.at !== a.from.at + 1);
  const lanes = lanesFor(around.map((a) => [a.from.at, a.to.at].sort((x, y) => x - y)));
  const passing = arrows.filter((a) => !a.to && a.home !== a.from);
  // All that go to one parameter share a channel, like tributaries.
  const reused = [...new Set(passing.map((a) => a.leaf))];
  const spans = reused.map((leaf) => {
    const its = passing.filter((a) => a.leaf === leaf);
    return [Math.min(...its.map((a) => a.from.at)), its[0].home.at];
  });
  const channels = lanesFor(spans);
  const bends = new Map(); // how far above a box's foot the ways of its passing arrows begin
  for (const arrow of passing) {
    const before = passing.filter((a) => a.from === arrow.from).indexOf(arrow);
    bends.set(arrow, 8 + 9 * (before % 4));
  }
  const deepest = Math.max(-1, ...frames.map((frame) => frame.depth)) + 1;
  const left = PAD + lanes.count * LANE + (lanes.count ? 8 : 0);
  const stepX = left + deepest * INSET;
  const leafX = stepX + size.step + channels.count * CHANNEL + size.gap;
  const width = leafX + size.leaf + deepest * INSET + PAD;
  const scale = normScale(arrows.map((a) => a.norm ?? 0));

  let y = PAD;
  const frameBoxes = [];
  for (const row of rows) {
    for (const frame of frames.filter((f) => f.first === row.first)) {
      frameBoxes.push({ frame, y });
      y += TITLE;
    }
    row.lines = linesOf(data, row);
    row.y = y;
    const leaves = row.leaves.length * (LEAF_HEIGHT + BETWEEN_LEAVES) - BETWEEN_LEAVES;
    row.height = Math.max(22 + LINE * row.lines.length + 5, leaves, 40);
    const top = y + (row.height - leaves) / 2;
    row.leaves.forEach((leaf, i) => {
      leaf.y = top + i * (LEAF_HEIGHT + BETWEEN_LEAVES);
    });
    y += row.height;
    for (const box of frameBoxes.filter((b) => b.frame.last === row.last).reverse()) {
      y += INSET;
      box.height = y - box.y;
    }
    y += BETWEEN_ROWS;
  }
  const height = y - BETWEEN_ROWS + PAD;

  const shrunk = Math.min(1, Math.max(SMALLEST, room / width));
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, width: width * shrunk, height: height * shrunk, role: "group" });
  root.setAttribute("aria-label", "The graph: steps from top to bottom, in backward order");
  for (const { frame, y: top, height: tall } of frameBoxes) {
    const inset = left + frame.depth * INSET;
    root.append(frameElement(frame, inset, top, width - PAD - (inset - left) - inset, tall, toggle));
  }
  const ports = portsOf(arrows);
  for (const arrow of arrows) {
    const around_ = around.indexOf(arrow);
    const bend = bends.get(arrow) ?? 0;
    const lane = around_ >= 0 ? left - 8 - lanes.of[around_] * LANE : 0;
    const channel = bend ? stepX + size.step + 12 + channels.of[reused.indexOf(arrow.leaf)] * CHANNEL : 0;
    const place = { size, stepX, leafX, lane, channel, bend, port: ports.get(arrow), scale };
    root.append(arrowElement(arrow, place, data, go));
  }
  for (const row of rows) {
    root.append(rowElement(data, row, stepX, size.step, { toggle, go }));
    for (const leaf of row.leaves) root.append(leafElement(data, leaf, leafX, size.leaf, go));
  }
  return { root, rows, rowOf: picture.rowOf };
}

/** Which of the arrows between the same two boxes an arrow is, and of how many: [0, 2]. */
function portsOf(arrows) {
  const groups = new Map();
  const straight = (a) => (a.to ? a.to.at === a.from.at + 1 : true);
  for (const arrow of arrows) {
    const key = straight(arrow) ? `${arrow.to ? arrow.from.at : ""} ${arrow.to ? arrow.to.at : arrow.leaf}` : arrow;
    groups.set(key, [...(groups.get(key) ?? []), arrow]);
  }
  const ports = new Map();
  for (const group of groups.values()) group.forEach((arrow, i) => ports.set(arrow, [i, group.length]));
  return ports;
}

/** The lines below the head of a row's box. */
function linesOf(data, row) {
  const step = data.steps[row.first - 1];
  const lines = [];
  if (row.layer) {
    const names = [...new Set(data.steps.slice(row.first - 1, row.last).map((s) => s.operation))];
    lines.push({ text: `steps ${row.first}–${row.last}: ${names.join(", ")}`, kind: "formula" });
  } else {
    if (row.caption) lines.push({ text: row.caption, kind: "where" });
    const formulas = new Set(leavingEdges(step).map(([, edge]) => edge.formula));
    for (const [i, text] of [...formulas].slice(0, 4).entries()) {
      lines.push({ text, other: i ? "" : step.forward, kind: "formula" });
    }
  }
  const paths = step.uses > 1 ? `, sum of ${step.uses} paths` : "";
  const norm = step.gradient ? `‖dY‖ = ${written(real(step.gradient.norm))}` : "";
  lines.push({
    text: `${norm}${paths}`.replace(/^, /, ""),
    other: step.shape.length ? `‖Y‖ = ${written(real(step.norm))}` : `Y = ${written(data.arrays[step.values].numbers[0])}`,
    kind: step.gradient && ["nan", "inf"].includes(step.gradient.mark) ? "norm broken" : "norm",
  });
  if (!row.layer && step.activity) lines.push({ text: step.activity, kind: "warning" });
  return lines;
}

/** The frame of an open layer, with a title that closes it. */
function frameElement(frame, x, y, width, height, toggle) {
  const title = svg("text", { x: x + width - 9, y: y + 14, "text-anchor": "end" }, `▾ ${fitted(frame.title, 150)}`);
  const button = svg("g", { class: "title", role: "button", tabindex: 0, "aria-expanded": "true" }, title);
  button.setAttribute("aria-label", `Layer ${frame.title}: close`);
  button.append(svg("title", {}, `${frame.title}: close the layer`));
  whenPressed(button, () => toggle(frame));
  return svg("g", { class: "frame" }, svg("rect", { x, y, width, height, rx: 8 }), button);
}

/** Call a function on a click, or on Enter and Space. */
function whenPressed(button, action) {
  button.addEventListener("click", action);
  button.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    action();
  });
}

/** A link to a step, which jumps there without the browser's help. */
function link(step, edge, go, attributes) {
  const made = svg("a", { href: `#step=${step}`, ...attributes });
  made.addEventListener("click", (event) => {
    event.preventDefault();
    go(step, edge);
  });
  return made;
}

/** The box of a step or of a closed layer. */
function rowElement(data, row, x, width, { toggle, go }) {
  const step = data.steps[row.first - 1];
  const name = row.layer ? row.layer.title : step.operation + (step.name ? ` → ${step.name}` : "");
  const shape = shapeText(step.shape);
  const box = link(row.first, null, go, { class: row.layer ? "step layer" : "step", "data-first": row.first });
  box.dataset.last = row.last;
  const norm = step.gradient ? `, norm of the arriving gradient ${written(real(step.gradient.norm))}` : "";
  const where = !row.layer && step.layer ? ` in ${step.layer}` : "";
  box.setAttribute("aria-label", row.layer
    ? `Layer ${name}, steps ${row.first} to ${row.last}`
    : `Step ${row.first}, ${name}${where}, shape ${shape}${norm}`);
  box.append(svg("title", {}, row.layer || !step.layer ? name : `${name} in ${step.layer}`));
  box.append(svg("rect", { x, y: row.y, width, height: row.height, rx: 8 }));
  pen.font = FONTS.text;
  const shapeWidth = pen.measureText(shape).width;
  const digits = String(row.first).length * 8;
  const room = width - 22 - digits - shapeWidth - 12 - (row.layer ? 16 : 0);
  box.append(
    svg("text", { class: "number", x: x + 9, y: row.y + 17 }, String(row.first)),
    svg("text", { class: "name", x: x + 15 + digits, y: row.y + 17 }, fitted(name, room, "name")),
    svg("text", { class: "shape", x: x + width - 9, y: row.y + 17, "text-anchor": "end" }, shape),
  );
  row.lines.forEach((line, i) => {
    const place = { x: x + 9, y: row.y + 33 + i * LINE };
    const text = fitted(line.text, width - 18);
    if (line.other === undefined) box.append(svg("text", { class: line.kind, ...place }, text));
    else {
      box.append(svg("text", { class: `${line.kind} of-gradient`, ...place }, text));
      box.append(svg("text", { class: `${line.kind} of-value`, ...place }, fitted(line.other, width - 18)));
    }
  });
  if (!row.layer) return box;
  const opener = svg("g", { class: "title", role: "button", tabindex: 0, "aria-expanded": "false" });
  opener.setAttribute("aria-label", `Layer ${name}: open`);
  opener.append(
    svg("rect", { x: x + width - 30, y: row.y + row.height - 24, width: 26, height: 22, rx: 5 }),
    svg("text", { x: x + width - 17, y: row.y + row.height - 8, "text-anchor": "middle" }, "▸"),
    svg("title", {}, `${name}: open the layer`),
  );
  whenPressed(opener, () => toggle(row.layer));
  return svg("g", {}, box, opener);
}

/** A leaf's name as it stands in the graph: within its layer's frame, without the layer's path. */
const shortName = (leaf) => (leaf.title.startsWith(`${leaf.layer}.`) ? leaf.title.slice(leaf.layer.length + 1) : leaf.title);

/** The box of a parameter or of data; it leads to the last step that sends a gradient there. */
function leafElement(data, leaf, x, width, go) {
  const user = data.steps.findLast((step) => step.edges.some((edge) => edge.target === leaf.key));
  const edge = user.edges.findIndex((e) => e.target === leaf.key);
  const box = link(user.number, edge, go, { class: leaf.is_parameter ? "leaf" : "leaf data", "data-first": user.number });
  const says = !leaf.is_parameter ? "no gradient" : leaf.gradient ? `‖grad‖ = ${written(real(leaf.gradient.norm))}` : "";
  const more = leaf.uses > 1 ? `${says ? ", " : ""}${leaf.uses} paths` : "";
  const shape = leaf.shape.length ? shapeText(leaf.shape) : "";
  box.setAttribute("aria-label", `${leaf.is_parameter ? "Parameter" : "Data"} ${leaf.title} ${shape}, ${says}${more}`);
  box.append(svg("title", {}, leaf.title), svg("rect", { x, y: leaf.y, width, height: LEAF_HEIGHT, rx: 4 }));
  pen.font = FONTS.text;
  const room = width - 22 - pen.measureText(shape).width;
  const norm = written(real(leaf.norm));
  const broken = ["nan", "inf"].includes(leaf.gradient?.mark) ? " broken" : "";
  box.append(
    svg("text", { class: "name", x: x + 8, y: leaf.y + 16 }, fitted(shortName(leaf), room, "name")),
    svg("text", { class: "shape", x: x + width - 8, y: leaf.y + 16, "text-anchor": "end" }, shape),
    svg("text", { class: `norm of-gradient${broken}`, x: x + 8, y: leaf.y + 31 }, fitted(says + more, width - 16)),
    svg("text", { class: "norm of-value", x: x + 8, y: leaf.y + 31 }, leaf.shape.length ? `norm ${norm}` : ""),
  );
  return box;
}

/** An arrow: the way of a gradient, as wide and dark as it is large. */
function arrowElement(arrow, place, data, go) {
  const { size, stepX, leafX, lane, channel, bend, port, scale } = place;
  const { from, to } = arrow;
  const [i, n] = port;
  const shift = (i - (n - 1) / 2) * (to ? 26 : Math.min(14, 30 / n));
  let path, head, tail, label;
  if (to && lane) {
    const [y1, y2] = [from.y + from.height - 12, to.y + 12];
    path = `M${stepX},${y1} H${lane + 8} Q${lane},${y1} ${lane},${y1 + 8} V${y2 - 8} Q${lane},${y2} ${lane + 8},${y2} H${stepX - 6}`;
    head = triangle(stepX, y2, 1, 0);
    tail = triangle(stepX - 7, y1, -1, 0);
    label = { x: lane - 3, y: (y1 + y2) / 2, transform: `rotate(-90 ${lane - 3} ${(y1 + y2) / 2})`, "text-anchor": "middle" };
  } else if (to) {
    const x = stepX + size.step / 2 + shift;
    path = `M${x},${from.y + from.height} V${to.y - 6}`;
    head = triangle(x, to.y, 0, 1);
    tail = triangle(x, from.y + from.height + 7, 0, -1);
    const before = n > 1 && i < n / 2;
    label = { x: x + (before ? -6 : 6), y: from.y + from.height + 14, "text-anchor": before ? "end" : "start" };
  } else {
    const leaf = arrow.home.leaves.find((l) => l.key === arrow.leaf);
    const y = leaf.y + LEAF_HEIGHT / 2 + shift + (n > 1 ? 3 : 0);
    const start = stepX + size.step;
    if (channel) {
      const y1 = from.y + from.height - bend;
      path = `M${start},${y1} H${channel - 6} Q${channel},${y1} ${channel},${y1 + 6} V${y - 6} Q${channel},${y} ${channel + 6},${y} H${leafX - 6}`;
      tail = triangle(start, y1, -1, 0);
    } else {
      path = `M${start},${y} H${leafX - 6}`;
      tail = triangle(start, y, -1, 0);
    }
    head = triangle(leafX, y, 1, 0);
    label = { x: leafX - size.gap / 2, y: y - 4, "text-anchor": "middle" };
  }
  const { step, index, edge } = arrow.edges[0];
  const kind = !arrow.flows ? "none" : arrow.norm === null ? "unknown"
    : arrow.norm === 0 ? "zero" : Number.isFinite(arrow.norm) ? "some" : "broken";
  const made = link(step.number, index, go, { class: `arrow ${kind}`, tabindex: -1, "data-first": from.first });
  made.dataset.last = from.last;
  made.setAttribute("aria-hidden", "true"); // the panel lists them, and keys lead there
  const at = scale(arrow.norm ?? 0);
  made.style.setProperty("--strength", `${(100 * at).toFixed(0)}%`);
  made.style.setProperty("--width", `${(1.2 + 3.3 * at).toFixed(2)}px`);
  const names = arrow.edges.length > 1 ? `${arrow.edges.length} gradients` : `d${edge.letter}`;
  const norm = arrow.norm === null ? "" : ` ${written(arrow.norm)}`;
  const source = data.steps.find((s) => s.key === edge.target) ?? data.leaves.find((l) => l.key === edge.target);
  const value = arrow.edges.length > 1 ? "" : `${edge.letter} ${written(real(source.norm))}`;
  made.append(
    svg("path", { class: "reach", d: path }),
    svg("path", { class: "line", d: path }),
    svg("path", { class: "pulse", d: path }),
    svg("path", { class: "head", d: head }),
    svg("path", { class: "tail", d: tail }),
  );
  if (n <= 2 || !to) {
    const room = to ? 120 : size.gap + 4;
    if (arrow.flows) made.append(svg("text", { class: "label of-gradient", ...label }, fitted(names + norm, room)));
    made.append(svg("text", { class: "label of-value", ...label }, fitted(value, room)));
  }
  made.append(svg("title", {}, arrow.flows ? `${names}${norm}` : `${edge.letter}: no gradient`));
  return made;
}

/** The head of an arrow whose point is at (x, y). */
function triangle(x, y, dx, dy) {
  const [bx, by] = [x - 8 * dx, y - 8 * dy];
  return `M${x},${y} L${bx - 4 * dy},${by - 4 * dx} L${bx + 4 * dy},${by + 4 * dx} Z`;
}
