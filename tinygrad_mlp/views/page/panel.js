// The panel of a step: what arrives, by which formula what leaves, and what the forward pass computed.

/** Everything there is to say about a step, for gradients or for values; `go(step, edge)` jumps. */
function panelOf(data, number, mode, go) {
  const step = data.steps[number - 1];
  const panel = document.createDocumentFragment();
  const title = element("h2", {}, `Step ${number} of ${data.steps.length}: `, element("b", {}, step.operation));
  if (step.layer) title.append(element("span", { class: "layer" }, bdi(step.layer)));
  panel.append(title);
  const facts = factsOf(step);
  if (facts.length) panel.append(element("p", { class: "facts" }, ...facts));
  const cards = element("div", { class: "cards" });
  if (mode === "values") {
    if (step.forward) panel.append(element("p", { class: "forward" }, step.forward));
    for (const [i, edge] of step.edges.entries()) cards.append(valueCard(data, edge, i, go));
    cards.append(resultCard(data, step));
  } else {
    cards.append(arrivingCard(data, step, go));
    for (const [i, edge] of leavingEdges(step)) cards.append(leavingCard(data, step, edge, i, go));
    const still = step.edges.filter((edge) => !edge.flows);
    if (still.length) cards.append(dataCard(data, still));
  }
  panel.append(cards);
  return panel;
}

/** The inputs that a gradient goes to, with their numbers: first parameters, then the next steps. */
function leavingEdges(step) {
  const found = [...step.edges.entries()].filter(([, edge]) => edge.flows);
  const isStep = ([, edge]) => edge.target.startsWith("step");
  return found.sort((a, b) => isStep(a) - isStep(b));
}

/** What is worth knowing about a step beside its arrays. */
function factsOf(step) {
  const facts = [];
  if (step.name) facts.push(element("span", {}, "called ", bdi(step.name)));
  for (const [key, value] of Object.entries(step.options)) facts.push(element("span", {}, `${key} = ${value}`));
  if (step.activity) facts.push(element("span", { class: "warning" }, step.activity));
  return facts;
}

/** A card: a head, and what belongs to it. */
function card(kind, head, ...children) {
  return element("section", { class: `card ${kind}` }, element("h3", {}, ...head), ...children);
}

/** A link to a step or to a leaf's step. */
function placeLink(data, key, go) {
  const step = data.steps.find((s) => s.key === key);
  if (!step) return bdi(data.leaves.find((l) => l.key === key).title);
  const made = element("a", { href: `#step=${step.number}` }, `step ${step.number}, ${step.operation}`);
  made.addEventListener("click", (event) => {
    event.preventDefault();
    go(step.number, null);
  });
  return made;
}

/** `shape (2, 3) · ‖dW‖ = 0.5`; what is remarkable about it in words. */
function measureLine(letter, shape, gradient) {
  const line = element("p", { class: "measure" }, `shape ${shapeText(shape)}`);
  if (!gradient) return line;
  line.append(` · ‖${letter}‖ = ${written(real(gradient.norm), 4)}`);
  const words = { nan: "it has NaN in it", inf: "it is infinite", zero: "all of it is exactly 0" }[gradient.mark];
  if (words) line.append(element("b", { class: gradient.mark === "zero" ? "is-zero" : "is-broken" }, ` ${words}`));
  return line;
}

/** The heat map of a gradient with its checks. */
function gradientMap(data, letter, gradient) {
  if (!gradient) return "";
  return heatMap(gradient.array === null ? null : data.matrices[gradient.array], letter, gradient.check);
}

/** The heat map of values. */
const valueMap = (data, letter, number) => heatMap(data.matrices[number], letter);

/** The gradient that arrives. */
function arrivingCard(data, step, go) {
  const from = [];
  for (const other of data.steps) {
    for (const edge of other.edges) {
      if (edge.target === step.key && edge.flows) from.push([`d${edge.letter} of `, placeLink(data, other.key, go)]);
    }
  }
  const line = element("p", { class: "way" });
  if (!from.length) line.append("where the backward pass begins");
  else line.append(from.length > 1 ? `sum of ${from.length} paths: ` : "", ...joined(from, " + "));
  const what = element("span", { class: "formula" }, "dY");
  const meaning = element("span", { class: "meaning" }, "arrives: ∂loss / ∂Y");
  const measure = measureLine("dY", step.shape, step.gradient);
  return card("arriving", [what, " ", meaning], line, measure, gradientMap(data, "dY", step.gradient));
}

/** Lists with something between them. */
const joined = (lists, between) => lists.flatMap((list, i) => (i ? [between, ...list] : list));

/** A gradient that leaves: its formula, where it goes, and the values that the formula uses. */
function leavingCard(data, step, edge, index, go) {
  const letter = `d${edge.letter}`;
  const leaf = data.leaves.find((l) => l.key === edge.target);
  const target = leaf ?? data.steps.find((s) => s.key === edge.target);
  const way = element("p", { class: "way" }, leaf ? "to " : "goes on to ", placeLink(data, edge.target, go));
  if (target.uses > 1) way.append(` as one of ${target.uses} paths`);
  const made = card("leaving", [element("span", { class: "formula" }, edge.formula)], way);
  made.id = `edge${index}`;
  made.tabIndex = -1;
  if (edge.where.length) made.append(element("p", { class: "where" }, `where ${edge.where.join(", ")}`));
  made.append(measureLine(letter, target.shape, edge.gradient), gradientMap(data, letter, edge.gradient));
  for (const used of usedBy(data, step, edge)) {
    const summary = element("summary", {}, `${used.letter} `, element("span", {}, shapeText(used.shape)));
    const details = element("details", { class: "used" }, summary);
    details.addEventListener("toggle", () => {
      if (details.children.length === 1) details.append(valueMap(data, used.letter, used.values));
    });
    made.append(details);
  }
  if (leaf && leaf.uses > 1 && leaf.gradient) {
    const sum = element("p", { class: "sum" }, "The gradient of ", bdi(leaf.title), ` is the sum of ${leaf.uses} paths:`);
    made.append(sum, measureLine("grad", leaf.shape, leaf.gradient), gradientMap(data, "grad", leaf.gradient));
  }
  if (leaf?.update_ratio !== null && leaf?.update_ratio !== undefined) {
    const percent = `${written(100 * real(leaf.update_ratio), 2)} %`;
    made.append(element("p", { class: "remark" }, `The optimizer's next step moves it by ${percent} of its norm.`));
  }
  return made;
}

/** The inputs and the output whose values a formula uses, by their letters. */
function usedBy(data, step, edge) {
  const right = edge.formula.slice(edge.formula.indexOf("=") + 1) + edge.where.join(" ");
  const stands = (letter) => {
    const plain = letter.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    return new RegExp(`(^|[^\\p{L}\\p{N}_])${plain}(ᵀ|(?![\\p{L}\\p{N}_]))`, "u").test(right);
  };
  const found = new Map();
  for (const input of step.edges) {
    const source = data.steps.find((s) => s.key === input.target) ?? data.leaves.find((l) => l.key === input.target);
    if (stands(input.letter)) found.set(input.letter, { letter: input.letter, ...source });
  }
  if (!found.has("Y") && stands("Y")) found.set("Y", { ...step, letter: "Y" });
  return [...found.values()].map(({ letter, shape, values }) => ({ letter, shape, values }));
}

/** Inputs to which nothing flows. */
function dataCard(data, edges) {
  const names = joined(edges.map((edge) => [bdi(data.leaves.find((l) => l.key === edge.target)?.title ?? edge.role)]), ", ");
  return card("still", [...names], element("p", { class: "way" }, "No gradient: this is data, or it has no slope."));
}

/** An input of the forward pass. */
function valueCard(data, edge, index, go) {
  const leaf = data.leaves.find((l) => l.key === edge.target);
  const source = leaf ?? data.steps.find((s) => s.key === edge.target);
  const kind = !leaf ? "from " : leaf.is_parameter ? "parameter " : "data ";
  const way = element("p", { class: "way" }, kind, placeLink(data, edge.target, go));
  const head = [element("span", { class: "formula" }, edge.letter)];
  const made = card("input", head, way, measureLine(edge.letter, source.shape, null), valueMap(data, edge.letter, source.values));
  made.id = `edge${index}`;
  made.tabIndex = -1;
  return made;
}

/** What the forward pass computed here. */
function resultCard(data, step) {
  const head = [element("span", { class: "formula" }, "Y"), " ", element("span", { class: "meaning" }, "the result")];
  const measure = measureLine("Y", step.shape, { norm: step.norm, mark: "" });
  return card("result", head, measure, valueMap(data, "Y", step.values));
}
