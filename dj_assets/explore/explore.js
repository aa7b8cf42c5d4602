// The page of one run: its query, the filters, and the table of samples.
import {ask, byId, count, fail, histogram, make, newest, positionOn, share, short, valueOn, visible} from "./dom.js";
import {showCharts} from "./charts.js";
import {openSample, sampleIsOpen} from "./sample.js";
import {showLabels, showThresholds} from "./labels.js";

const ROW = 54, MOST_HEIGHT = 8e6, PAGE = 60;
const VIEWS = {samples: () => reload(), charts: showCharts, thresholds: showThresholds, labels: showLabels};
export const page = {about: null, query: {}, view: "samples", moved: {}};

const askPage = newest(), askTexts = newest();
let total = 0, first = 0, loaded = {start: -1, rows: []}, active = 0, texts = {}, polling = 0;

export const statistic = name => page.about.statistics.find(one => one.name === name);
export const numeric = () => page.about.statistics.filter(one => one.numeric);

// the query without what is empty: the address stays short
function compact(query) {
  const empty = value => value === null || value === undefined || value === "" || value === false || (typeof value === "object" && !Object.keys(value).length);
  return Object.fromEntries(Object.entries(query).filter(([, value]) => !empty(value)));
}
export function setQuery(changes, {replace = false, view = page.view} = {}) {
  page.query = compact({...page.query, ...changes});
  page.view = view;
  remember(replace);
  first = active = 0;
  show();
}
function remember(replace) {
  const address = new URLSearchParams();
  if (Object.keys(page.query).length) address.set("q", JSON.stringify(page.query));
  if (page.view !== "samples") address.set("view", page.view);
  const url = "?" + address;
  if (replace) history.replaceState(null, "", url); else if (url !== location.search) history.pushState(null, "", url);
}
function readAddress() {
  const address = new URLSearchParams(location.search);
  try { page.query = compact(JSON.parse(address.get("q") || "{}")); } catch { page.query = {}; fail("the query in the address cannot be read"); }
  page.view = address.get("view") in VIEWS ? address.get("view") : "samples";
  first = active = 0;
}

function showTabs() {
  for (const name of Object.keys(VIEWS)) {
    const chosen = name === page.view, tab = byId("tab-" + name);
    byId(name).hidden = !chosen;
    tab.setAttribute("aria-selected", chosen);
    tab.tabIndex = chosen ? 0 : -1;
  }
}
export function show() {
  showTabs(); showChips(); showFilters(); showOrder();
  VIEWS[page.view]();
}

// ---- the filters in use, each with a button that takes it away
function chips() {
  const query = page.query, out = (key, value) => () => setQuery({[key]: query[key].filter(one => one !== value)});
  const without = (key, name) => () => { const left = {...query[key]}; delete left[name]; setQuery({[key]: left}); };
  return [
    ...["kinds", "operators", "reasons", "labels"].flatMap(key => (query[key] || []).map(value => [value, out(key, value)])),
    ...(query.files || []).map(number => [page.about.files.find(file => file.number === number)?.name || `file ${number}`, out("files", number)]),
    ...(query.created ? [["made from other samples", () => setQuery({created: false})]] : []),
    ...Object.entries(query.ranges || {}).map(([name, [low, high]]) => [`${low === null ? "" : short(low) + " ≤ "}${name}${high === null ? "" : " ≤ " + short(high)}`, without("ranges", name)]),
    ...Object.entries(query.names || {}).map(([name, values]) => [`${name}: ${values.join(", ")}`, without("names", name)]),
    ...(query.text ? [[`text contains “${query.text}”`, () => setQuery({text: ""})]] : []),
    ...(query.run ? [[`${query.change || "changed"} since run ${query.run}`, () => setQuery({run: "", change: ""})]] : []),
    ...(query.moved ? [[`${query.change || "changed"} by moved thresholds`, () => setQuery({moved: {}, change: ""})]] : []),
  ];
}
function showChips() {
  const used = chips(), shown = used.map(([text, remove]) => make("span", {class: "chip"}, visible(text), make("button", {class: "link", "aria-label": `Remove the filter ${text}`, onclick: remove}, "×")));
  if (shown.length > 1) shown.push(make("button", {class: "link", onclick: () => { page.query = compact({sort: page.query.sort, descending: page.query.descending, seed: page.query.seed}); setQuery({}); }}, "Remove all"));
  byId("chips").replaceChildren(...shown);
  byId("filters-in-use").textContent = used.length ? `${used.length} filter${used.length === 1 ? "" : "s"} in use` : "no filter in use";
}

// ---- the side with all filters
function choices(target, key, options) {
  const chosen = page.query[key] || [];
  target.replaceChildren(...options.map(([value, label, number]) => make("label", {class: "choice"},
    make("input", {type: "checkbox", checked: chosen.includes(value), onchange: event => setQuery({[key]: event.target.checked ? [...chosen, value] : chosen.filter(one => one !== value)})}),
    visible(label), number === undefined ? null : make("span", {}, count(number)))));
}
function showFilters() {
  const {about, query} = page;
  choices(byId("kinds"), "kinds", Object.entries(about.kinds).map(([kind, number]) => [kind, kind, number]));
  if (about.created) byId("kinds").append(make("label", {class: "choice"}, make("input", {type: "checkbox", checked: Boolean(query.created), onchange: event => setQuery({created: event.target.checked})}), "made from other samples", make("span", {}, count(about.created))));
  const ends = new Map();
  for (const outcome of about.outcomes) if (outcome.operator) ends.set(outcome.operator, (ends.get(outcome.operator) || 0) + outcome.count);
  choices(byId("operators"), "operators", [...ends].map(([name, number]) => [name, name, number]));
  const reasons = about.outcomes.filter(outcome => outcome.reason && (query.operators || []).includes(outcome.operator));
  if (reasons.length) {
    const node = make("div", {class: "choices"});
    choices(node, "reasons", reasons.map(outcome => [outcome.reason, outcome.reason, outcome.count]));
    byId("operators").append(make("p", {class: "about"}, "Reasons"), node);
  }
  choices(byId("label-filter"), "labels", ["good", "bad", "none"].map(label => [label, label === "none" ? "without a label" : label]));
  byId("text").value = query.text || "";
  for (const range of ranges) range.refresh();
  for (const group of groups) group.refresh();
}

const ranges = [], groups = [];
function rangeOf(column) {
  const graph = make("div"), low = make("input", {type: "number", step: "any", "aria-label": `least ${column.name}`}), high = make("input", {type: "number", step: "any", "aria-label": `greatest ${column.name}`});
  const node = make("details", {"aria-label": column.name, ontoggle: () => refresh()}, make("summary", {}, column.name), make("p", {class: "about"}, `${column.unit}; drag over the histogram, or type the ends`), graph, make("div", {class: "ends"}, low, high));
  const latest = newest();
  let answer = null, key = "";
  const read = input => input.value === "" ? null : Number(input.value);
  const set = (from, to) => { const all = {...page.query.ranges}; if (from === null && to === null) delete all[column.name]; else all[column.name] = [from, to]; setQuery({ranges: all}); };
  for (const input of [low, high]) input.addEventListener("change", () => set(read(low), read(high)));
  async function refresh() {
    const own = page.query.ranges?.[column.name] || [null, null];
    [low.value, high.value] = own.map(value => value === null ? "" : value);
    if (!node.open) return;
    const query = compact({...page.query, ranges: {...page.query.ranges, [column.name]: undefined}});
    const body = {query: {...query, ranges: Object.fromEntries(Object.entries(query.ranges || {}).filter(([, value]) => value))}, statistic: column.name};
    if (JSON.stringify(body) !== key) {
      const got = await latest("histogram", body);
      if (!got) return;
      answer = got; key = JSON.stringify(body);
    }
    draw();
  }
  function draw() {
    if (!answer?.all) { graph.replaceChildren(make("p", {class: "about"}, "no values")); return; }
    const picture = histogram(answer, `Distribution of ${column.name}; kept samples below, others above`, [[column.low, "cut"], [column.high, "cut"]]);
    const brush = make("rect", {class: "brush", y: 0, height: 70});
    picture.append(brush);
    const mark = (from, to) => { brush.setAttribute("x", 300 * Math.min(from, to)); brush.setAttribute("width", 300 * Math.abs(to - from)); };
    const own = page.query.ranges?.[column.name];
    if (own) mark(own[0] === null ? 0 : positionOn(answer.scale, own[0]), own[1] === null ? 1 : positionOn(answer.scale, own[1]));
    let start = null;
    const at = event => { const box = picture.getBoundingClientRect(); return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)); };
    picture.onpointerdown = event => { start = at(event); picture.setPointerCapture(event.pointerId); };
    picture.onpointermove = event => { if (start !== null) mark(start, at(event)); };
    picture.onpointerup = event => {
      const [from, to] = [start, at(event)].sort((a, b) => a - b);
      start = null;
      if (to - from < .01) set(null, null); else set(from <= 0 ? null : valueOn(answer.scale, from), to >= 1 ? null : valueOn(answer.scale, to));
    };
    graph.replaceChildren(picture, make("div", {class: "ends"}, make("span", {}, short(answer.scale.low)), make("span", {}, (answer.scale.log ? "log scale, " : "") + short(answer.scale.high))));
  }
  return {node, refresh};
}
function groupOf(by) {
  const list = make("div", {class: "choices"}), node = make("details", {"aria-label": by, ontoggle: () => refresh()}, make("summary", {}, by), list);
  const latest = newest(), isFile = by === "source file";
  async function refresh() {
    if (!node.open) return;
    const query = isFile ? {...page.query, files: []} : {...page.query, names: {...page.query.names, [by]: []}};
    const answer = await latest("groups", {query: isFile || page.query.names?.[by] ? withoutEmptyNames(query) : page.query, by}, pending => list.replaceChildren(make("p", {class: "about"}, `reading the field, ${share(pending.done, pending.total)}`)));
    if (!answer) return;
    const chosen = isFile ? (page.query.files || []).map(number => page.about.files.find(file => file.number === number)?.name) : page.query.names?.[by] || [];
    list.replaceChildren(...answer.rows.map(row => make("label", {class: "choice"}, make("input", {type: "checkbox", checked: chosen.includes(row.name), onchange: event => {
      const names = event.target.checked ? [...chosen, row.name] : chosen.filter(one => one !== row.name);
      if (isFile) setQuery({files: page.about.files.filter(file => names.includes(file.name)).map(file => file.number)});
      else { const all = {...page.query.names, [by]: names}; if (!names.length) delete all[by]; setQuery({names: all}); }
    }}), visible(row.name), make("span", {}, count(row.all)))));
  }
  return {node, refresh};
}
function withoutEmptyNames(query) {
  return {...query, names: Object.fromEntries(Object.entries(query.names || {}).filter(([, values]) => values.length))};
}

// ---- the order
function showOrder() {
  const {query} = page;
  byId("sort").value = query.seed !== undefined ? "random" : query.sort || "";
  byId("descending").checked = Boolean(query.descending);
  byId("seed-label").hidden = query.seed === undefined;
  if (query.seed !== undefined) byId("seed").value = query.seed;
}

// ---- the table: only the rows in sight exist
const scroller = () => byId("scroller");
const inSight = () => Math.max(1, Math.floor(scroller().clientHeight / ROW));
const height = () => Math.min(total * ROW, MOST_HEIGHT);
const scaled = () => total * ROW > MOST_HEIGHT;

export async function reload() {
  loaded = {start: -1, rows: []}; texts = {};
  await load(true);
}
async function load(always = false) {
  const start = Math.max(0, Math.min(first, total - 1) - 10);
  const need = first < loaded.start || first + inSight() > loaded.start + loaded.rows.length || loaded.start < 0;
  if (!always && (!need || loaded.start + loaded.rows.length >= total && first >= loaded.start)) { draw(); return; }
  const answer = await askPage("page", {query: page.query, start, size: PAGE});
  if (!answer) return;
  ({total} = answer);
  loaded = {start, rows: answer.rows};
  byId("count").textContent = `${count(total)} of ${count(page.about.samples)} samples, ${share(answer.kept, total)} kept`;
  byId("height").style.height = height() + "px";
  scroller().setAttribute("aria-rowcount", total);
  showSearch(answer.search);
  draw();
  readTexts();
}
// the texts in sight first, then the others of the window
async function readTexts() {
  const near = loaded.rows.slice(Math.max(0, first - loaded.start), first - loaded.start + inSight() + 1);
  for (const rows of [near.slice(0, 6), near, loaded.rows]) {
    const missing = rows.map(row => row.position).filter(position => !(position in texts));
    if (!missing.length) continue;
    const got = await askTexts("texts", {positions: missing});
    if (!got) return;
    for (const position of missing) texts[position] = got.texts[position] ?? "";
    draw();
  }
}
function draw() {
  const node = byId("rows"), from = first - loaded.start, rows = loaded.rows.slice(Math.max(0, from), Math.max(0, from) + inSight() + 1);
  const shown = scaled() ? scroller().scrollTop : first * ROW;
  node.style.transform = `translateY(${shown}px)`;
  node.replaceChildren(...rows.map((row, index) => rowOf(row, Math.max(first, loaded.start) + index)));
  const current = byId(`row-${active}`);
  if (current) scroller().setAttribute("aria-activedescendant", current.id); else scroller().removeAttribute("aria-activedescendant");
  if (!total) node.replaceChildren(make("p", {class: "about", style: "padding:14px"}, "No sample has all of this."));
}
function columnsOf() {
  const {sort, ranges: used = {}} = page.query, names = [...new Set([sort, ...Object.keys(used), ...numeric().map(one => one.name)])].filter(Boolean);
  return names.slice(0, 2);
}
function rowOf(row, index) {
  const why = row.reason || row.operator || "";
  return make("div", {id: `row-${index}`, class: "sample-row" + (index === active ? " active" : ""), role: "row", "aria-rowindex": index + 1, "aria-selected": index === active, onclick: () => { active = index; open(); }},
    make("div", {role: "gridcell"}, make("span", {class: `kind ${row.kind}`}, row.kind), row.label ? make("span", {class: `kind ${row.label}`}, ` · ${row.label}`) : null),
    make("div", {role: "gridcell", class: "id"}, make("bdi", {}, visible(row.id)), row.operator ? make("small", {class: "about"}, ` ${row.operator}`) : null),
    make("div", {role: "gridcell", class: "why", title: visible(why)}, visible(row.reason || "")),
    make("div", {role: "gridcell", class: "excerpt"}, make("bdi", {}, visible(texts[row.position] ?? "…"))),
    make("div", {role: "gridcell", class: "numbers"}, ...columnsOf().flatMap(name => [make("small", {}, name), short(row.values[name]), make("br")])));
}
export const rowAt = index => loaded.rows[index - loaded.start];
function open() {
  draw();
  const row = rowAt(active);
  if (row) openSample(row.position, {step: async by => { await move(active + by); return rowAt(active)?.position; }, labelled: label => { const one = rowAt(active); if (one) one.label = label; draw(); }});
}
async function move(to) {
  active = Math.max(0, Math.min(total - 1, to));
  if (active < first) first = active;
  if (active >= first + inSight()) first = active - inSight() + 1;
  place();
  await load();
}
let placing = false;
function place() {
  placing = true;
  scroller().scrollTop = scaled() ? first / Math.max(1, total - inSight()) * (height() - scroller().clientHeight) : first * ROW;
}
function onScroll() {
  if (placing) { placing = false; draw(); return; }
  const reach = height() - scroller().clientHeight;
  first = scaled() ? Math.round(scroller().scrollTop / Math.max(1, reach) * (total - inSight())) : Math.floor(scroller().scrollTop / ROW);
  first = Math.max(0, Math.min(first, total - 1));
  load();
}
function onWheel(event) {
  if (!scaled()) return;
  // one pixel of a scaled bar is many rows: the wheel moves by rows
  event.preventDefault();
  first = Math.max(0, Math.min(total - inSight(), first + Math.sign(event.deltaY) * Math.max(1, Math.round(Math.abs(event.deltaY) / ROW))));
  place(); load();
}
export async function giveLabel(position, label) {
  page.about.labels = await ask("label", {position, label});
}
const KEYS = {g: "good", b: "bad", u: ""};
async function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const pages = inSight() - 1, to = {ArrowDown: active + 1, ArrowUp: active - 1, j: active + 1, k: active - 1, PageDown: active + pages, PageUp: active - pages, Home: 0, End: total - 1}[event.key];
  if (to !== undefined) { event.preventDefault(); await move(to); }
  else if (event.key === "Enter") { event.preventDefault(); open(); }
  else if (event.key in KEYS && rowAt(active)) { const row = rowAt(active); await giveLabel(row.position, KEYS[event.key]); row.label = KEYS[event.key]; await move(active + 1); }
}

// ---- the search: the table fills while the texts are read
function showSearch(progress) {
  const running = progress && !progress.finished;
  byId("searching").hidden = !running;
  byId("found").textContent = !progress ? "" : progress.error || `${count(progress.found)} found${progress.complete ? "" : running ? `, ${share(progress.done, progress.total)} read` : ", stopped before the end"}`;
  if (!progress) return;
  byId("progress").value = progress.total ? progress.done / progress.total : 1;
  clearTimeout(polling);
  if (running) polling = setTimeout(poll, 200);
}
async function poll() {
  const {search} = await ask("progress", {query: page.query});
  showSearch(search);
  if (search && page.view === "samples" && (search.finished || first === 0)) await load(true);
}

// a large run takes seconds to open: a view that is chosen meanwhile is shown as soon as it is there
function choose(view) {
  if (page.about) { setQuery({}, {view}); return; }
  page.view = view;
  const address = new URLSearchParams(location.search);
  address.set("view", view);
  history.replaceState(null, "", "?" + address);
  showTabs();
}
function connectTabs() {
  for (const name of Object.keys(VIEWS)) { const tab = byId("tab-" + name); tab.onclick = () => choose(name); tab.disabled = false; }
  document.querySelector("[role=tablist]").addEventListener("keydown", event => {
    const names = Object.keys(VIEWS), by = {ArrowRight: 1, ArrowLeft: -1}[event.key];
    if (!by) return;
    const next = names[(names.indexOf(page.view) + by + names.length) % names.length];
    choose(next); byId("tab-" + next).focus();
  });
}
function connect() {
  byId("search").onsubmit = async event => { event.preventDefault(); const text = byId("text").value; if (text) await ask("search", {query: {text}}); setQuery({text}, {view: "samples"}); };
  byId("cancel").onclick = async () => { showSearch((await ask("cancel", {query: page.query})).search); };
  byId("sort").replaceChildren(make("option", {value: ""}, "of the source"), make("option", {value: "random"}, "random sample"), ...numeric().map(one => make("option", {value: one.name}, one.name)));
  byId("sort").onchange = event => setQuery(event.target.value === "random" ? {sort: "", seed: Number(byId("seed").value)} : {sort: event.target.value, seed: undefined});
  byId("descending").onchange = event => setQuery({descending: event.target.checked});
  byId("seed").onchange = event => setQuery({seed: Math.max(0, Math.floor(Number(event.target.value)))});
  scroller().addEventListener("scroll", onScroll); scroller().addEventListener("wheel", onWheel, {passive: false}); scroller().addEventListener("keydown", onKey);
  new ResizeObserver(() => { if (page.view === "samples") load(); }).observe(scroller());
  addEventListener("popstate", () => { readAddress(); show(); });
  addEventListener("keydown", event => { if (event.key === "/" && !sampleIsOpen() && !/INPUT|SELECT/.test(document.activeElement.tagName)) { event.preventDefault(); byId("filters").open = true; byId("text").focus(); } });
  ranges.push(...numeric().map(rangeOf)); groups.push(...page.about.groupings.filter(by => !["outcome", "operator"].includes(by)).map(groupOf));
  byId("ranges").replaceChildren(...ranges.map(range => range.node)); byId("groups-filter").replaceChildren(...groups.map(group => group.node));
  if (matchMedia("(max-width: 860px)").matches) byId("filters").open = false;
}

async function start() {
  connectTabs();
  page.about = await ask("about");
  document.title = `Explore: ${page.about.name}`;
  byId("name").textContent = page.about.name;
  byId("about").textContent = `${count(page.about.samples)} samples of run ${page.about.run}, finished ${page.about.finished.slice(0, 16).replace("T", " ")}`;
  readAddress(); connect(); show();
}
start();
