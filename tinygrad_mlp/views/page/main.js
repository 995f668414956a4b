// The page: which step is shown, and everything that changes it: buttons, slider, keys, clicks, the address.

const MOST_PRINTED = 40;
const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId("data").textContent);
data.matrices = (data.arrays ?? []).map((entry) => new Matrix(entry));
data.arrays = data.matrices;
const last = data.steps.length;
const state = { step: 1, mode: "gradients", closed: new Set((data.layers ?? []).filter((layer) => layer.closed)) };
let graph = null;
let room = 0;

/** Show a step; `edge` is one of its inputs to look at. */
function go(step, edge = null, { scroll = true } = {}) {
  state.step = Math.min(last, Math.max(1, Math.round(step)));
  byId("panel").replaceChildren(panelOf(data, state.step, state.mode, go));
  const number = String(state.step);
  const { operation, layer } = data.steps[state.step - 1];
  const words = `Step ${number} of ${last}: ${operation}${layer ? ` in ${layer}` : ""}`;
  byId("slider").value = number;
  byId("slider").setAttribute("aria-valuetext", words);
  byId("count").textContent = `${number} / ${last}`;
  byId("previous").setAttribute("aria-disabled", String(state.step === 1));
  byId("next").setAttribute("aria-disabled", String(state.step === last));
  byId("status").textContent = words + spoken(data.steps[state.step - 1]);
  mark(scroll);
  remember();
  const card = edge === null ? null : byId(`edge${edge}`);
  if (card) {
    card.scrollIntoView({ block: "nearest" });
    card.focus({ preventScroll: true });
  }
}

/** What a screen reader says of a step. */
function spoken(step) {
  if (state.mode === "values") return step.forward ? `. ${step.forward}` : "";
  const arrives = step.gradient ? `. The arriving gradient has norm ${written(real(step.gradient.norm))}` : "";
  const formulas = step.edges.filter((edge) => edge.flows).map((edge) => edge.formula);
  return `${arrives}. ${formulas.join("; ")}`;
}

/** Keep the step in the address, where there is one: a frame in a notebook has none. */
function remember() {
  const hash = `#step=${state.step}${state.mode === "values" ? "&show=values" : ""}`;
  try {
    if (location.protocol !== "about:" && location.hash !== hash) history.replaceState(null, "", hash);
  } catch {
    // a frame that may not change its address
  }
}

/** The step that the address names. */
function followAddress() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  setMode(wanted.get("show") === "values" ? "values" : "gradients");
  go(Number(wanted.get("step")) || 1);
}

/** Draw the graph anew: at first, when a layer is opened or closed, and when there is another width. */
function draw() {
  const pane = byId("graph");
  room = pane.clientWidth || 460;
  graph = drawn(data, state.closed, room, { toggle, go });
  pane.replaceChildren(graph.root);
  mark(true);
}

/** Open a closed layer, or close an open one. */
function toggle(layer) {
  if (!state.closed.delete(layer)) state.closed.add(layer);
  draw();
  const label = `Layer ${layer.title}: ${state.closed.has(layer) ? "open" : "close"}`;
  [...graph.root.querySelectorAll(".title")].find((b) => b.getAttribute("aria-label") === label)?.focus();
}

/** Show in the graph how far the gradient has come. */
function mark(scroll) {
  if (!graph) return;
  graph.root.setAttribute("class", state.mode);
  let here = null;
  for (const box of graph.root.querySelectorAll("[data-first]")) {
    const first = Number(box.dataset.first);
    const end = Number(box.dataset.last ?? first);
    const isHere = first <= state.step && state.step <= end;
    const isDone = state.mode === "values" ? first > state.step : end < state.step;
    box.classList.toggle("here", isHere);
    box.classList.toggle("done", isDone);
    box.classList.toggle("ahead", !isHere && !isDone);
    if (box.classList.contains("step")) {
      if (isHere) box.setAttribute("aria-current", "step");
      else box.removeAttribute("aria-current");
      if (isHere) here = box;
    }
  }
  if (!here || !scroll) return;
  const pane = byId("graph");
  const [inner, outer] = [here.getBoundingClientRect(), pane.getBoundingClientRect()];
  const top = pane.scrollTop + inner.top - outer.top - (pane.clientHeight - inner.height) / 2;
  pane.scrollTo({ top, behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
}

function setMode(mode) {
  state.mode = mode;
  byId("gradients").setAttribute("aria-pressed", String(mode === "gradients"));
  byId("values").setAttribute("aria-pressed", String(mode === "values"));
}

/** A graph of too many steps, as a table. */
function showOverview() {
  const heads = ["where", "steps", "‖dY‖", ""].map((text) => element("th", { scope: "col" }, text));
  const table = element("table", { class: "overview" }, element("thead", {}, element("tr", {}, ...heads)));
  const body = element("tbody");
  for (const row of data.overview) {
    const [title, ...cells] = row;
    body.append(element("tr", {}, element("th", { scope: "row" }, bdi(title)), ...cells.map((c) => element("td", {}, c))));
  }
  table.append(body);
  byId("panel").append(table);
  byId("controls").hidden = true;
  byId("graph").hidden = true;
  byId("skip").hidden = true;
  document.body.classList.add("without-graph");
}

/** Whether keys belong to what has the focus. */
const takesKeys = (target) => target instanceof Element && target.closest("[role=grid], input, summary") !== null;

function listen() {
  byId("previous").addEventListener("click", () => go(state.step - 1));
  byId("next").addEventListener("click", () => go(state.step + 1));
  byId("slider").addEventListener("input", (event) => go(Number(event.target.value)));
  for (const mode of ["gradients", "values"]) {
    byId(mode).addEventListener("click", () => {
      setMode(mode);
      go(state.step, null, { scroll: false });
    });
  }
  byId("skip").addEventListener("click", (event) => {
    event.preventDefault();
    byId("panel").focus();
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || takesKeys(event.target)) return;
    const step = { ArrowLeft: state.step - 1, ArrowRight: state.step + 1, Home: 1, End: last }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    go(step);
  });
  window.addEventListener("hashchange", followAddress);
  new ResizeObserver(() => {
    const now = byId("graph").clientWidth;
    if (now && measures(now).step !== measures(room).step) draw();
  }).observe(byId("graph"));
  window.addEventListener("beforeprint", () => {
    const steps = last <= MOST_PRINTED ? data.steps.map((step) => step.number) : [state.step];
    const pages = steps.map((number) => element("article", {}, panelOf(data, number, state.mode, go)));
    byId("paper").replaceChildren(...pages);
    for (const made of byId("paper").querySelectorAll("[id]")) made.removeAttribute("id");
  });
  window.addEventListener("afterprint", () => byId("paper").replaceChildren());
}

for (const note of data.notes) byId("notes").append(element("p", { class: "note" }, note));
if (data.overview) {
  showOverview();
} else {
  byId("slider").max = String(last);
  listen();
  draw();
  followAddress();
}
