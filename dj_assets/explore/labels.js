// Thresholds moved together with what they gain and lose, and every filter compared with the labels.
import {ask, byId, count, histogram, make, newest, short, table, valueOn} from "./dom.js";
import {page, setQuery} from "./explore.js";

const latest = newest(), latestScores = newest();
const pictures = {};
let result = null;
const changesOf = () => page.moved;
const valueOf = bound => page.moved[bound.index]?.[bound.parameter] ?? bound.value;

function move(bound, value) {
  const own = {...page.moved[bound.index]};
  if (value === null || value === bound.value) delete own[bound.parameter]; else own[bound.parameter] = value;
  page.moved = {...page.moved, [bound.index]: own};
  if (!Object.keys(own).length) delete page.moved[bound.index];
}

export async function showThresholds() {
  page.about.recipe ??= await ask("recipe");
  if (page.view !== "thresholds") return;
  const {bounds, why_not: whyNot, file} = page.about.recipe;
  if (page.query.moved && !Object.keys(page.moved).length) page.moved = structuredClone(page.query.moved);
  if (whyNot) { byId("thresholds").replaceChildren(make("h2", {}, "Thresholds"), make("p", {}, whyNot)); return; }
  result = make("div", {class: "result", role: "status", "aria-live": "polite"});
  byId("thresholds").replaceChildren(make("h2", {}, "Thresholds"), make("p", {class: "about"}, `Of ${file}. Change one or several, then look at the samples that all changes together gain and lose.`), result, ...bounds.map(boundOf));
  ask_moved();
  // the server evaluates all filters now, so that the first change does not wait for it
  if (!Object.keys(page.moved).length) latest("moved", {changes: {}}).catch(() => {});
}
function boundOf(bound) {
  const id = `bound-${bound.index}-${bound.parameter}`, graph = make("div");
  const number = make("input", {type: "number", id, step: bound.whole ? 1 : "any", value: valueOf(bound) ?? "", disabled: Boolean(bound.fixed), title: bound.fixed || null});
  const undo = make("button", {class: "link", hidden: valueOf(bound) === bound.value, "aria-label": `Undo ${bound.parameter} of ${bound.operator}`, onclick: () => { number.value = bound.value ?? ""; change(); }}, "undo");
  const change = () => { move(bound, number.value === "" ? null : Number(number.value)); undo.hidden = valueOf(bound) === bound.value; draw(); ask_moved(); };
  let typing;
  number.oninput = () => { clearTimeout(typing); typing = setTimeout(change, 250); };
  const drag = (scale, picture) => event => {
    if (!event.buttons || bound.fixed) return;
    const box = picture.getBoundingClientRect(), value = valueOn(scale, Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)));
    number.value = bound.whole ? Math.round(value) : value;
    change();
  };
  async function draw() {
    pictures[bound.statistic] ??= ask("histogram", {query: {}, statistic: bound.statistic});
    const answer = await pictures[bound.statistic];
    const picture = answer.all ? histogram(answer, `Distribution of ${bound.statistic}`, [[bound.value, "cut"], ...(valueOf(bound) !== bound.value ? [[valueOf(bound), "moved"]] : [])]) : make("p", {class: "about"}, "no values");
    if (answer.all) picture.onpointerdown = graph.onpointermove = drag(answer.scale, picture);
    graph.replaceChildren(picture);
  }
  draw();
  return make("div", {class: "bound"}, make("label", {for: id}, make("b", {}, bound.operator), ` ${bound.parameter}`), graph, number, undo);
}
async function ask_moved() {
  const changes = changesOf(), any = Object.keys(changes).length > 0;
  if (!any) { result.replaceChildren(make("span", {class: "about"}, "No threshold is moved.")); return; }
  const answer = await latest("moved", {changes});
  if (!answer) return;
  const link = (change, number) => make("button", {class: change === "lost" ? "main" : "", disabled: !number, onclick: () => setQuery({moved: changes, change, run: ""}, {view: "samples"})}, `Show the ${count(number)} ${change} samples`);
  result.replaceChildren(link("lost", answer.lost), link("gained", answer.gained), make("button", {onclick: confirmWriting}, "Write into the recipe…"), make("span", {class: "about"}, `(${answer.how})`));
}

async function confirmWriting() {
  const changes = changesOf(), preview = await ask("preview", {changes}), dialog = byId("confirm");
  const lines = preview.lines.split("\n").map(line => make("div", {class: /^\+(?!\+\+)/.test(line) ? "plus" : /^-(?!--)/.test(line) ? "minus" : ""}, line || " "));
  dialog.replaceChildren(make("h2", {id: "confirm-title"}, `Write into ${preview.file}?`), make("pre", {}, ...lines), make("p", {class: "about"}, "Nothing else in the file changes. Run or materialize the subset to apply it: nothing is measured again."),
    make("div", {class: "tools"}, make("button", {class: "main", id: "write-yes", onclick: write}, "Write"), make("button", {onclick: () => dialog.close()}, "Cancel")));
  dialog.showModal();
  async function write() {
    dialog.close();
    const written = await ask("write", {changes});
    page.moved = {};
    page.about.recipe = null;
    await showThresholds();
    result.replaceChildren(make("span", {id: "written"}, `Written into ${written.file}. Run or materialize the subset to apply it.`));
  }
}

export async function showLabels() {
  const target = byId("labels"), {labels} = page.about;
  const head = [make("h2", {}, "Labels"), make("p", {}, `${count(labels.good)} good and ${count(labels.bad)} bad samples, version ${labels.version}. `, make("a", {href: "labels.jsonl", download: ""}, "Export as JSON lines")),
    make("p", {class: "about"}, "Open a sample or choose a row, then press g for good, b for bad, u to take the label back. A random sample gives honest figures.")];
  if (!labels.good && !labels.bad) { target.replaceChildren(...head); return; }
  target.replaceChildren(...head, make("p", {class: "about"}, "Comparing the filters…"));
  const answer = await latestScores("scores", {});
  if (!answer) return;
  const rate = value => value === null ? "–" : `${(100 * value).toFixed(1)} %`;
  const filters = table(["filter", "labelled it drops", "of them bad", "precision", "recall"], answer.filters.map(one => [one.operator, count(one.dropped), count(one.bad), rate(one.precision), rate(one.recall)]), 1);
  const use = one => make("button", {"aria-label": `Use ${one.parameter} ${short(one.value)} of ${one.operator}`, onclick: () => { page.moved = {...page.moved, [one.index]: {...page.moved[one.index], [one.parameter]: one.value}}; setQuery({}, {view: "thresholds"}); }}, "Use");
  const proposed = answer.proposals.length ? table(["filter", "threshold", "now", "proposed", "precision", "recall", ""], answer.proposals.map(one => [one.operator, one.parameter, short(one.now), short(one.value), `${rate(one.before.precision)} → ${rate(one.after.precision)}`, `${rate(one.before.recall)} → ${rate(one.after.recall)}`, use(one)]), 2) : make("p", {class: "about"}, "No threshold separates the labels better than the present one. A proposal needs five good and five bad samples with a value.");
  target.replaceChildren(...head, make("h3", {}, "Every filter as a search for bad samples"), filters, make("h3", {}, "Proposed thresholds"), make("p", {class: "about"}, "Each alone drops the largest share of bad samples less the share of good ones."), proposed);
}
