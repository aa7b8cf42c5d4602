"use strict";
const STEPS = 1000, byId = id => document.getElementById(id);
let recipe, changes = {}, axes = {}, last = null, now = {}, cards = [];

function make(tag, attributes = {}, ...children) {
  const svg = ["svg", "rect", "line"].includes(tag);
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}
async function ask(question, body = {}) {
  const request = {method: "POST", headers: {"X-Dj-Assets": "page", "Content-Type": "application/json"}, body: JSON.stringify(body)};
  let answer;
  try { answer = await (await fetch("ask/" + question, request)).json(); }
  catch { answer = {error: "the server does not answer; start it again and reload the page"}; }
  byId("error").hidden = !answer.error;
  if (answer.error) { byId("error").textContent = answer.error; throw new Error(answer.error); }
  return answer;
}
const count = number => number.toLocaleString("en");
function share(part, whole) {
  if (!whole) return "–";
  const text = (100 * part / whole).toFixed(2);
  return part && part < whole && (text === "0.00" || text === "100.00") ? (100 * part / whole).toFixed(4) + " %" : text + " %";
}

// the position of a value on its axis, 0 to 1, and back
function place(axis, value) {
  const at = axis.log ? Math.log(Math.max(value, axis.low) / axis.low) / Math.log(axis.high / axis.low) : (value - axis.low) / (axis.high - axis.low);
  return Math.min(1, Math.max(0, at));
}
function valueAt(axis, at, bound) {
  let value = axis.log ? axis.low * (axis.high / axis.low) ** at : axis.low + at * (axis.high - axis.low);
  if (at === 0 && bound.side === "low") value = Math.min(axis.least, axis.low < 0 && axis.least >= 0 ? 0 : axis.low);
  if (at === 1 && bound.side === "high") value = Math.max(axis.greatest, axis.high);
  if (bound.whole) return bound.side === "low" ? Math.floor(value) : Math.ceil(value);
  return Number(value.toPrecision(4));
}
function valueOf(filter, bound) {
  const own = changes[filter.index] || {};
  return bound.parameter in own ? own[bound.parameter] : bound.value;
}

// one request of a kind at a time, always for the newest state
function latest(question, wait, body, show) {
  let timer, busy = false, again = false;
  async function go() {
    if (busy) { again = true; return; }
    busy = true; again = false;
    const asked = body();
    try { if (asked) { const answer = await ask(question, asked); if (!answer.overtaken) show(answer, asked); } }
    catch (error) { console.warn(error.message); }
    busy = false;
    if (again) go();
  }
  return () => { clearTimeout(timer); timer = setTimeout(go, wait); };
}
const askFilters = latest("filters", 0, () => ({changes}), answer => { now.filters = answer; show(); });
const askWhole = latest("whole", 400, () => ({changes}), (answer, asked) => { now.whole = answer; now.wholeOf = JSON.stringify(asked.changes); show(); });
const askBorder = latest("border", 120, () => last && {changes, index: last.filter.index, parameter: last.bound.parameter}, showBorder);

function move(filter, bound, value) {
  const own = changes[filter.index] = {...(changes[filter.index] || {})};
  if (value === null || value === bound.value) delete own[bound.parameter]; else own[bound.parameter] = value;
  if (!Object.keys(own).length) delete changes[filter.index];
  last = {filter, bound};
  byId("whole").classList.add("waiting");
  redraw(); askFilters(); askWhole(); askBorder();
}
function redraw() {
  for (const card of cards) card.redraw();
  const any = Object.keys(changes).length > 0;
  byId("reset").disabled = byId("write").disabled = !any;
}
function show() {
  const filters = now.filters?.steps || [], whole = now.whole?.steps || [];
  const fresh = now.wholeOf === JSON.stringify(changes);
  const end = steps => steps.length ? steps[steps.length - 1].samples_out : null;
  figure("alone", end(filters), now.alone0);
  figure("whole", end(whole), now.whole0);
  byId("whole").classList.toggle("waiting", !fresh);
  if (now.alone0 === undefined && filters.length && !Object.keys(changes).length) now.alone0 = end(filters);
  if (now.whole0 === undefined && whole.length && fresh && !Object.keys(changes).length) now.whole0 = end(whole);
  const took = [now.filters && `filters ${now.filters.seconds} s`, now.whole && `replay ${now.whole.seconds} s`].filter(Boolean);
  byId("took").textContent = took.join(", ") + (fresh ? "" : ", replaying…");
  const indices = [...new Set([...filters, ...whole, ...recipe.deduplicators].map(step => step.index))].sort((a, b) => a - b);
  byId("funnel").replaceChildren(...indices.map(index => {
    const one = filters.find(step => step.index === index), two = whole.find(step => step.index === index);
    const name = (one || two || recipe.deduplicators.find(step => step.index === index)).operator;
    const alone = make("td", {}, one ? share(one.alone, filters[0].samples_in) : "");
    const row = make("tr", {class: one ? "" : "dedup"}, make("td", {}, name), alone, make("td", {}, one ? count(one.samples_out) : ""),
      make("td", {class: fresh ? "" : "old"}, two ? count(two.samples_out) : "…"));
    return row;
  }));
  for (const card of cards) card.alone(filters.find(step => step.index === card.filter.index), filters[0]?.samples_in);
}
function figure(id, kept, before) {
  const [big, small] = byId(id).children, what = id === "alone" ? "kept by the filters alone" : "kept by the whole recipe";
  big.textContent = kept === null ? "–" : share(kept, recipe.samples_in);
  const moved = before !== undefined && kept !== null && kept !== before ? ` (${kept > before ? "+" : "−"}${count(Math.abs(kept - before))})` : "";
  small.textContent = kept === null ? what : `${what}: ${count(kept)}${moved}`;
}
function showBorder(answer, asked) {
  byId("border-of").textContent = `${last.filter.operator}, ${asked.parameter}`;
  const rows = answer.samples.map(sample => make("div", {class: "sample"},
    make("span", {class: sample.kept ? "tag" : "tag gone"}, sample.kept ? "kept" : "dropped"),
    ` ${Number(sample.value.toPrecision(6))} · ${sample.id}`, make("p", {}, sample.excerpt || "(the cleaned text is not stored)")));
  byId("border").replaceChildren(...(rows.length ? rows : [make("p", {class: "note"}, "the other filters keep no sample near this bound")]));
}

function cardOf(filter) {
  const graph = make("svg", {viewBox: "0 0 600 84", preserveAspectRatio: "none", role: "img", "aria-label": `distribution of ${filter.statistic}`});
  const ends = make("div", {class: "ends"}, make("span"), make("span")), alone = make("span", {class: "alone"});
  const rows = filter.bounds.map(bound => {
    const id = `${filter.index}-${bound.parameter}`;
    const slider = make("input", {type: "range", min: 0, max: STEPS, id: "slider-" + id, "aria-label": `${filter.operator} ${bound.parameter}`});
    const number = make("input", {type: "number", step: bound.whole ? 1 : "any", id: "number-" + id, "aria-label": `${filter.operator} ${bound.parameter}, value`});
    const back = make("button", {class: "link", hidden: ""}, "undo");
    slider.disabled = number.disabled = true;
    slider.oninput = () => {
      const at = slider.value / STEPS, open = bound.value === null && at === (bound.side === "low" ? 0 : 1);
      move(filter, bound, open ? null : valueAt(axes[filter.statistic], at, bound));
    };
    number.onchange = () => move(filter, bound, number.value === "" ? null : Number(number.value));
    back.onclick = () => move(filter, bound, bound.value);
    return {bound, slider, number, back, node: make("div", {class: "bound"}, make("label", {for: "number-" + id}, bound.parameter), slider, number, back)};
  });
  const node = make("section", {class: "card"}, make("div", {class: "head"}, make("h2", {}, filter.operator), make("span", {}, `${filter.statistic}, ${filter.unit}`), alone),
    graph, ends, ...rows.map(row => row.node), ...(filter.reversed ? [make("p", {class: "note"}, "keeps values outside of its range")] : []),
    ...(filter.fixed ? [make("p", {class: "note"}, `cannot be moved here: ${filter.fixed}`)] : []));
  return {filter, node, redraw, alone(step, all) { alone.textContent = step ? `drops ${share(step.alone, all)} alone` : ""; }};

  function redraw() {
    const axis = axes[filter.statistic];
    if (!axis) return;
    for (const {bound, slider, number, back, node} of rows) {
      const value = valueOf(filter, bound), changed = value !== bound.value;
      slider.disabled = number.disabled = Boolean(filter.fixed) || axis.counts === undefined;
      if (axis.counts && document.activeElement !== slider) slider.value = STEPS * (value === null ? (bound.side === "low" ? 0 : 1) : place(axis, value));
      if (document.activeElement !== number || !changed) number.value = value === null ? "" : value;
      back.hidden = !changed; node.classList.toggle("changed", changed);
    }
    if (!axis.counts) { ends.firstChild.textContent = "no values"; return; }
    draw(axis);
  }
  function draw(axis) {
    const [low, high] = ["low", "high"].map(side => { const bound = filter.bounds.find(one => one.side === side); return bound ? valueOf(filter, bound) : null; });
    const tallest = Math.max(...axis.counts, 1), width = 600 / axis.counts.length;
    const from = low === null ? 0 : place(axis, low), to = high === null ? 1 : place(axis, high);
    const bars = axis.counts.flatMap((number, bin) => {
      const middle = (bin + .5) / axis.counts.length, inside = (middle >= from && middle <= to) !== filter.reversed;
      const tall = number ? Math.max(1.5, 78 * number / tallest) : 0;
      return number ? [make("rect", {x: bin * width, y: 84 - tall, width: Math.max(.5, width - 1), height: tall, style: inside ? "fill:var(--kept)" : "fill:var(--fails)"})] : [];
    });
    const cuts = filter.bounds.flatMap(bound => {
      const line = (value, style) => value === null ? [] : [make("line", {x1: 600 * place(axis, value), x2: 600 * place(axis, value), y1: 0, y2: 84, ...style})];
      const value = valueOf(filter, bound), was = value === bound.value ? [] : line(bound.value, {style: "stroke:var(--faint)", "stroke-dasharray": "2 3"});
      return [...was, ...line(value, {style: "stroke:var(--cut)", "stroke-width": 2})];
    });
    graph.replaceChildren(...bars, ...cuts);
    ends.firstChild.textContent = Number(axis.low.toPrecision(4));
    ends.lastChild.textContent = Number(axis.high.toPrecision(4)) + (axis.log ? " (log scale)" : "");
  }
}

byId("reset").onclick = () => { changes = {}; redraw(); askFilters(); askWhole(); askBorder(); };
byId("write").onclick = async () => {
  const preview = await ask("preview", {changes});
  byId("confirm-head").textContent = `Write into ${preview.file}?`;
  byId("lines").replaceChildren(...preview.lines.split("\n").map(line =>
    make("div", {class: /^\+(?!\+\+)/.test(line) ? "plus" : /^-(?!--)/.test(line) ? "minus" : ""}, line || " ")));
  byId("confirm").showModal();
};
byId("no").onclick = () => byId("confirm").close();
byId("yes").onclick = async () => {
  byId("confirm").close();
  const written = await ask("write", {changes});
  changes = {};
  await load();
  byId("about").textContent = `written into ${written.file}; materialize to apply`;
};
async function load() {
  recipe = await ask("about");
  document.title = `What if: ${recipe.name}`;
  // as a part of Explore, the page is below that of all samples
  byId("back").hidden = !location.pathname.endsWith("/sliders/");
  byId("name").textContent = recipe.name;
  byId("about").textContent = `${count(recipe.samples_in)} samples of run ${recipe.run}`;
  now = {}; cards = recipe.filters.map(cardOf);
  byId("filters").replaceChildren(...cards.map(card => card.node));
  redraw(); askFilters(); askWhole();
  for (const filter of recipe.filters) { axes[filter.statistic] = await ask("axis", {statistic: filter.statistic}); redraw(); }
}
load();
