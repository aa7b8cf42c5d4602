// Charts of the samples that the filters choose: scatter, groups, tables of two groupings, two runs.
import {byId, count, histogram, make, newest, share, short, table, valueOn, positionOn, visible} from "./dom.js";
import {numeric, page, setQuery, statistic} from "./explore.js";
import {openSample} from "./sample.js";

const chosen = {x: null, y: null, by: "source file", value: "", rows: null, columns: "source file", run: null, over: null, colour: "outcome"};
const latest = {scatter: newest(), groups: newest(), cross: newest(), run: newest(), lost: newest(), gained: newest(), map: newest()};
const waiting = target => pending => target.replaceChildren(make("p", {class: "about"}, `reading the field, ${share(pending.done, pending.total)}`));

function select(label, key, options, redraw) {
  const node = make("select", {onchange: event => { chosen[key] = event.target.value; redraw(); }}, ...options.map(([value, text]) => make("option", {value, selected: chosen[key] === value}, text)));
  return make("label", {}, `${label} `, node);
}
const withNames = names => names.map(name => [name, name.replace(/^field:/, "field ")]);

export function showCharts() {
  const {about} = page, names = numeric().map(one => one.name);
  chosen.x ??= names[0]; chosen.y ??= names[1] || names[0]; chosen.over ??= names[0];
  chosen.rows ??= about.groupings.find(name => !["source file", "outcome", "operator"].includes(name)) || "outcome";
  chosen.run ??= about.runs[0] || "";
  const parts = [
    ...(about.map ? [chart("Map", [select("Colour", "colour", withNames(about.groupings), map)], "map")] : []),
    ...(names.length ? [chart("Two statistics", [select("Across", "x", withNames(names), scatter), select("Up", "y", withNames(names), scatter)], "scatter")] : []),
    chart("Groups", [select("By", "by", withNames(about.groupings), groups), select("Statistic", "value", [["", "none"], ...withNames(names)], groups)], "groups"),
    chart("Two groupings", [select("Rows", "rows", withNames(about.groupings), cross), select("Columns", "columns", withNames(about.groupings), cross)], "cross"),
    ...(about.runs.length && names.length ? [chart("Two runs", [select("Earlier run", "run", withNames(about.runs), runs), select("Statistic", "over", withNames(names), runs)], "two-runs")] : []),
  ];
  byId("charts").replaceChildren(make("p", {class: "about"}, "Of the samples that the filters choose."), ...parts);
  if (names.length) scatter();
  groups(); cross();
  if (about.map) map();
  if (about.runs.length && names.length) runs();
}
function chart(title, tools, id) {
  return make("div", {class: "chart", role: "group", "aria-label": title}, make("h2", {}, title), make("div", {class: "tools"}, ...tools), make("div", {id}));
}

async function scatter() {
  const target = byId("scatter"), {x, y} = chosen, answer = await latest.scatter("scatter", {query: page.query, x, y});
  if (!answer) return;
  if (!answer.all) { target.replaceChildren(make("p", {class: "about"}, "no values")); return; }
  const width = answer.all.length, height = answer.all[0].length, canvas = make("canvas", {width: 720, height: 420, role: "img", "aria-label": `Density of ${x} and ${y}: the darker, the more samples; blue are kept, orange are not`});
  const paint = canvas.getContext("2d"), css = getComputedStyle(document.documentElement), most = Math.max(1, ...answer.all.flat());
  const colours = ["--kept", "--lost"].map(name => css.getPropertyValue(name).trim());
  for (let i = 0; i < width; i++) for (let j = 0; j < height; j++) {
    const all = answer.all[i][j];
    if (!all) continue;
    const kept = answer.kept[i][j] / all, box = [i * 720 / width, 420 - (j + 1) * 420 / height, 720 / width - .5, 420 / height - .5];
    paint.globalAlpha = .12 + .88 * Math.log1p(all) / Math.log1p(most);
    // the share of kept samples fills the cell from below
    paint.fillStyle = colours[1]; paint.fillRect(...box);
    paint.globalAlpha = 1; paint.clearRect(box[0], box[1] + box[3] * (1 - kept), box[2], box[3] * kept);
    paint.globalAlpha = .12 + .88 * Math.log1p(all) / Math.log1p(most);
    paint.fillStyle = colours[0]; paint.fillRect(box[0], box[1] + box[3] * (1 - kept), box[2], box[3] * kept);
  }
  paint.globalAlpha = 1; paint.strokeStyle = css.getPropertyValue("--cut").trim(); paint.setLineDash([5, 4]);
  const cut = (scale, value, line) => { if (value !== null && value > scale.low && value < scale.high) { paint.beginPath(); line(positionOn(scale, value)); paint.stroke(); } };
  for (const value of [statistic(x).low, statistic(x).high]) cut(answer.x, value, at => { paint.moveTo(720 * at, 0); paint.lineTo(720 * at, 420); });
  for (const value of [statistic(y).low, statistic(y).high]) cut(answer.y, value, at => { paint.moveTo(0, 420 - 420 * at); paint.lineTo(720, 420 - 420 * at); });
  const brush = make("div", {class: "brush", hidden: true}), plot = make("div", {class: "plot"}, canvas, brush);
  dragged(canvas, brush, (a, b) => setQuery({ranges: {...page.query.ranges, [x]: [valueOn(answer.x, a.x), valueOn(answer.x, b.x)], [y]: [valueOn(answer.y, 1 - b.y), valueOn(answer.y, 1 - a.y)]}}, {view: "samples"}));
  target.replaceChildren(plot, make("p", {class: "about"}, `${x}: ${short(answer.x.low)} to ${short(answer.x.high)}${answer.x.log ? " (log)" : ""}, ${y}: ${short(answer.y.low)} to ${short(answer.y.high)}${answer.y.log ? " (log)" : ""}. Darker: more samples; blue: kept, orange: not kept. Drag a rectangle to see its samples, or type both ranges under Filters.${answer.missing ? ` ${count(answer.missing)} samples have no value.` : ""}`));
}
function dragged(canvas, brush, done) {
  let start = null;
  const at = event => { const box = canvas.getBoundingClientRect(), clip = value => Math.min(1, Math.max(0, value)); return {x: clip((event.clientX - box.left) / box.width), y: clip((event.clientY - box.top) / box.height)}; };
  const corners = (a, b) => [{x: Math.min(a.x, b.x), y: Math.min(a.y, b.y)}, {x: Math.max(a.x, b.x), y: Math.max(a.y, b.y)}];
  canvas.onpointerdown = event => { start = at(event); canvas.setPointerCapture(event.pointerId); };
  canvas.onpointermove = event => {
    if (!start) return;
    const [a, b] = corners(start, at(event));
    brush.hidden = false;
    Object.assign(brush.style, {left: 100 * a.x + "%", top: 100 * a.y + "%", width: 100 * (b.x - a.x) + "%", height: 100 * (b.y - a.y) + "%"});
  };
  canvas.onpointerup = event => {
    const [a, b] = corners(start, at(event));
    start = null; brush.hidden = true;
    if (b.x - a.x > .01 && b.y - a.y > .01) done(a, b);
  };
}

const COLOURS = ["#3b7dd8", "#e07b39", "#2f9e6e", "#b04fb5", "#c9a227", "#d1495b", "#4fb3bf", "#8a6d3b", "#7a7fd1", "#8d8d8d"];
async function map() {
  const target = byId("map"), {colour} = chosen, answer = await latest.map("map", {query: page.query, by: colour}, waiting(target));
  if (!answer) return;
  if (!answer.points?.length) { target.replaceChildren(make("p", {class: "about"}, "no embeddings")); return; }
  const [width, height, edge] = [720, 480, 10], at = ([x, y]) => [edge + x * (width - 2 * edge), height - edge - y * (height - 2 * edge)];
  const canvas = make("canvas", {width, height, role: "img", "aria-label": `Map of ${count(answer.points.length)} samples by their embeddings, coloured by ${colour}: near points have near meanings`});
  const paint = canvas.getContext("2d");
  paint.globalAlpha = answer.points.length > 1500 ? .55 : .8;
  // the largest group is drawn first, so that small ones are seen
  const order = answer.points.map((_, index) => index).sort((a, b) => answer.colours[a] - answer.colours[b]);
  for (const index of order) {
    const [x, y] = at(answer.points[index]);
    paint.fillStyle = COLOURS[answer.colours[index]]; paint.beginPath(); paint.arc(x, y, 3.2, 0, 7); paint.fill();
  }
  const open = position => {
    let place = answer.positions.indexOf(position);
    openSample(position, {step: async by => answer.positions[place = Math.max(0, Math.min(answer.positions.length - 1, place + by))], labelled: () => {}});
  };
  const nearest = event => {
    const box = canvas.getBoundingClientRect(), x = (event.clientX - box.left) * width / box.width, y = (event.clientY - box.top) * height / box.height;
    const distances = answer.points.map(point => { const [px, py] = at(point); return (px - x) ** 2 + (py - y) ** 2; }), least = Math.min(...distances);
    return least < 100 ? answer.positions[distances.indexOf(least)] : null;
  };
  canvas.onclick = event => { const position = nearest(event); if (position !== null) open(position); };
  canvas.onpointermove = event => { canvas.style.cursor = nearest(event) === null ? "default" : "pointer"; };
  const legend = answer.groups.map((group, index) => make("span", {class: "map-key"}, make("i", {style: `background:${COLOURS[index]}`}), make("bdi", {}, visible(group.name)), ` ${count(group.count)}`));
  const [across, up] = answer.explained.map(part => `${Math.round(100 * part)} %`);
  target.replaceChildren(make("div", {class: "legends"}, ...legend), make("div", {class: "plot"}, canvas), make("p", {class: "about"}, `${count(answer.points.length)} of ${count(answer.total)} samples, by the first two principal components of their embeddings, which explain ${across} and ${up} of the variance. Click a point to see its sample.`));
}

async function groups() {
  const target = byId("groups"), {by, value} = chosen, answer = await latest.groups("groups", {query: page.query, by, statistic: value}, waiting(target));
  if (!answer) return;
  const all = answer.rows.flatMap(row => row.percentiles || []), ends = [Math.min(...all), Math.max(...all)];
  const rows = answer.rows.map(row => [make("bdi", {}, visible(row.name)), count(row.all), share(row.all, answer.total), share(row.kept, row.all), ...(value ? [row.percentiles ? whisker(row.percentiles, ends, row.name) : "–", row.percentiles ? short(row.percentiles[2]) : ""] : [])]);
  const more = answer.groups > answer.rows.length ? [make("p", {class: "about"}, `The largest ${answer.rows.length} of ${count(answer.groups)} groups.`)] : [];
  target.replaceChildren(table([by.replace(/^field:/, ""), "samples", "share", "kept", ...(value ? [`${value}, 5 to 95 %`, "median"] : [])], rows, 1), ...more);
}
function whisker(percentiles, [low, high], name) {
  const x = percentiles.map(value => 4 + 212 * (high > low ? (value - low) / (high - low) : .5));
  return make("svg", {class: "whisker", viewBox: "0 0 220 16", role: "img", "aria-label": `${name}: 5 % ${short(percentiles[0])}, median ${short(percentiles[2])}, 95 % ${short(percentiles[4])}`},
    make("line", {class: "line", x1: x[0], x2: x[4], y1: 8, y2: 8}), make("rect", {class: "box", x: x[1], width: Math.max(1, x[3] - x[1]), y: 2, height: 12}), make("line", {class: "middle", x1: x[2], x2: x[2], y1: 1, y2: 15}));
}

async function cross() {
  const target = byId("cross"), {rows, columns} = chosen, answer = await latest.cross("cross", {query: page.query, rows, columns}, waiting(target));
  if (!answer) return;
  const most = Math.max(1, ...answer.all.flat());
  const cell = (all, kept) => make("span", {style: `background:color-mix(in srgb, var(--kept) ${Math.round(70 * all / most)}%, transparent);padding:2px 6px;border-radius:4px`, title: `${share(kept, all)} kept`}, count(all));
  const node = table([rows.replace(/^field:/, ""), ...answer.columns.map(visible)], answer.rows.map((name, index) => [make("bdi", {}, visible(name)), ...answer.all[index].map((all, other) => cell(all, answer.kept[index][other]))]), 1);
  node.classList.add("heat");
  target.replaceChildren(node);
}

async function runs() {
  const target = byId("two-runs"), {run, over} = chosen;
  const [answer, gained, lost] = await Promise.all([latest.run("histogram", {query: page.query, statistic: over, run}), ...["gained", "lost"].map(change => latest[change]("page", {query: {...page.query, run, change}, size: 0}))]);
  if (!answer || !gained || !lost) return;
  const link = (change, number) => make("button", {disabled: !number, onclick: () => setQuery({run, change, moved: {}}, {view: "samples"})}, `Show the ${count(number)} ${change} samples`);
  const picture = answer.all ? histogram({...answer, all: answer.kept}, `Kept samples by ${over}: now as area, in the earlier run as line`, [[statistic(over).low, "cut"], [statistic(over).high, "cut"]]) : make("p", {}, "no values");
  target.replaceChildren(make("div", {class: "tools"}, link("gained", gained.total), link("lost", lost.total)), make("div", {class: "plot"}, picture), make("p", {class: "about"}, `Kept samples by ${over}, ${short(answer.scale?.low)} to ${short(answer.scale?.high)}${answer.scale?.log ? " (log)" : ""}. Area: run ${page.about.run}. Line: run ${run}.`));
}
