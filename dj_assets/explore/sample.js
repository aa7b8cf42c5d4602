// One sample in a dialog: text with marks, statistics on their distributions, duplicate, media, relatives, operators.
import {ask, byId, count, histogram, make, newest, short, table, visible} from "./dom.js";
import {giveLabel, numeric, page} from "./explore.js";
import {pairSheet} from "./pair.js";

let now = null, moves = null;
const latest = newest(), latestTrace = newest();
export const sampleIsOpen = () => byId("sample").open;

export async function openSample(position, {step, labelled}) {
  moves = {step, labelled};
  await showSample(position);
}

async function showSample(position) {
  const sample = await latest("sample", {position});
  if (!sample) return;
  now = sample;
  const dialog = byId("sample");
  dialog.replaceChildren(top(sample), ...body(sample));
  dialog.onkeydown = onKey;
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
  dialog.querySelector("h2").focus();
  drawStatistics(sample);
  if (sample.people) showPeople(sample);
  try { showTrace(await latestTrace("trace", {position})); } catch { byId("trace")?.replaceChildren(make("p", {class: "about"}, "the operators cannot be shown, see the message at the top of the page")); }
}

// The sheets of the report: markup whose texts the server escaped, and in which no script would run.
async function showPeople(sample) {
  let shown = [make("p", {class: "about"}, "the people cannot be shown, see the message at the top of the page")];
  try {
    const {sheets} = await ask("people", {position: sample.position});
    shown = sheets.flatMap(sheet => [...new DOMParser().parseFromString(sheet, "text/html").body.childNodes]);
  } catch { /* the message is shown */ }
  if (now === sample) byId("people").replaceChildren(...shown);
}

async function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const by = {j: 1, k: -1, ArrowRight: 1, ArrowLeft: -1}[event.key], label = {g: "good", b: "bad", u: ""}[event.key];
  if (by) { event.preventDefault(); await go(by); }
  else if (label !== undefined) { event.preventDefault(); await setLabel(label); }
}
async function go(by) {
  const position = await moves.step(by);
  if (position !== undefined && position !== now.position) await showSample(position);
}
async function setLabel(label) {
  await giveLabel(now.position, label);
  moves.labelled(label);
  now.label = label;
  byId("sample-label").textContent = label ? `label: ${label}` : "no label";
}

function top(sample) {
  const button = (text, act, name) => make("button", {onclick: act, "aria-label": name || text}, text);
  return make("div", {class: "top"}, make("h2", {id: "sample-title", tabindex: -1}, make("bdi", {}, visible(sample.id))),
    make("span", {id: "sample-label", role: "status"}, sample.label ? `label: ${sample.label}` : "no label"),
    button("Good (g)", () => setLabel("good"), "Label good"), button("Bad (b)", () => setLabel("bad"), "Label bad"), button("← k", () => go(-1), "Previous sample"), button("j →", () => go(1), "Next sample"), button("Close", () => byId("sample").close()));
}
function body(sample) {
  const {outcome} = sample, why = [outcome.operator && `by ${outcome.operator}`, sample.reason || outcome.reason].filter(Boolean).join(": ");
  return [
    make("p", {}, make("span", {class: `kind ${outcome.kind}`}, outcome.kind), " ", make("bdi", {}, visible(why))),
    make("p", {class: "about"}, visible(`${sample.source}, row ${sample.row}`)),
    ...(sample.pair ? pairSheet(sample, showSample) : media(sample)),
    ...(sample.people ? [make("h3", {}, "People in clips"), make("div", {id: "people"}, make("p", {class: "about"}, "Decoding frames…"))] : []),
    ...text(sample),
    ...duplicate(sample.duplicate),
    ...relatives(sample.relatives),
    make("h3", {}, "Statistics"), make("div", {class: "two", id: "statistics"}),
    make("h3", {}, "Operators"), make("div", {id: "trace"}, make("p", {class: "about"}, "Reading the source file…")),
    ...(sample.fields ? [make("h3", {}, "Other fields"), make("div", {class: "text"}, visible(sample.fields))] : []),
  ];
}
function text(sample) {
  if (sample.text === null) return [make("h3", {}, "Text"), make("p", {class: "about"}, "The cleaned text is not stored: the sample was lost while it was loaded.")];
  const style = marks => marks.includes("flagged word") ? "flagged" : marks.includes("repeated words") ? "" : "characters";
  const pieces = sample.text.map(piece => piece.marks.length ? make("mark", {class: style(piece.marks), title: piece.marks.join(", ")}, visible(piece.text)) : visible(piece.text));
  const seen = new Set(sample.text.flatMap(piece => piece.marks));
  return [make("h3", {}, `Cleaned text, ${count(sample.characters)} characters`),
    make("p", {class: "about"}, seen.size ? `Marked: ${[...seen].join(", ")}` : "No n-gram repeats, and no word is flagged."),
    make("div", {class: "text", tabindex: 0, role: "region", "aria-label": "Cleaned text"}, ...pieces)];
}
const parts = list => list.map(part => part.kind === "same" ? visible(part.text) : make(part.kind === "added" ? "ins" : "del", {}, visible(part.text)));
function duplicate(one) {
  if (!one) return [];
  const cluster = `${count(one.cluster)} samples in the cluster` + (one.distance === null ? "" : `, distance ${short(one.distance)}`) + (one.against ? `, in ${one.against} of the reference set` : "");
  const side = kind => make("div", {class: "text", tabindex: 0, role: "region", "aria-label": kind === "del" ? "Text of the kept duplicate" : "Text of this sample"}, ...one.parts.filter(part => part.kind === "same" || part.kind === (kind === "del" ? "removed" : "added")).map(part => part.kind === "same" ? visible(part.text) : make(kind, {}, visible(part.text))));
  const link = one.position === null ? make("bdi", {}, visible(one.id)) : make("button", {class: "link", onclick: () => showSample(one.position)}, visible(one.id));
  return [make("h3", {}, "The duplicate that was kept"), make("p", {class: "about"}, link, ` · ${cluster}`),
    make("div", {class: "two"}, make("div", {}, make("p", {class: "about"}, "kept"), side("del")), make("div", {}, make("p", {class: "about"}, "this sample"), side("ins")))];
}
function relatives(list) {
  if (!list.length) return [];
  const link = one => one.position === null ? make("bdi", {}, visible(one.id)) : make("button", {class: "link", onclick: () => showSample(one.position)}, visible(one.id));
  return [make("h3", {}, "Related samples"), table(["relation", "sample"], list.map(one => [one.relation, link(one)]))];
}
function media(sample) {
  if (!sample.media.length) return [];
  const source = one => `media?position=${sample.position}&kind=${one.kind}&number=${one.number}`;
  const figures = sample.media.map(one => {
    const note = make("figcaption", {class: "about"}, visible(one.name));
    const fault = () => { note.textContent = visible(one.name) + ": cannot be shown"; };
    const medium = one.kind === "images" ? make("img", {src: source(one), alt: visible(one.name), loading: "lazy", onerror: fault}) : make("video", {src: source(one), controls: true, preload: "metadata", "aria-label": visible(one.name), onerror: fault});
    return make("figure", {}, medium, note);
  });
  return [make("div", {class: "media"}, ...figures)];
}
async function drawStatistics(sample) {
  const known = numeric().filter(one => one.name in sample.values), others = page.about.statistics.filter(one => !one.numeric && one.name in sample.values);
  const cell = column => make("div", {class: "statistic"}, make("h4", {}, `${column.name}: `, short(sample.values[column.name])), make("p", {class: "about"}, [column.unit, bounds(column)].filter(Boolean).join("; ")), make("div"));
  const cells = known.map(cell);
  byId("statistics").replaceChildren(...cells, ...others.map(column => make("div", {class: "statistic"}, make("h4", {}, `${column.name}: `, visible(String(sample.values[column.name]))))));
  for (const [index, column] of known.entries()) {
    const answer = await ask("histogram", {query: {}, statistic: column.name});
    if (now !== sample) return;
    if (!answer.all) continue;
    const value = [].concat(sample.values[column.name])[0];
    cells[index].lastChild.replaceChildren(histogram(answer, `${column.name} of this sample on the distribution of all samples`, [[column.low, "cut"], [column.high, "cut"], [value, "at"]]));
  }
}
function bounds(column) {
  const parts = [column.low !== null ? `at least ${short(column.low)}` : "", column.high !== null ? `at most ${short(column.high)}` : ""].filter(Boolean);
  return parts.length ? `${column.reversed ? "outside of: " : ""}${parts.join(", ")}` : "";
}
function showTrace(trace) {
  if (!trace || !byId("trace")) return;
  byId("trace").replaceChildren(...trace.steps.map(step => make("div", {class: "step" + (step.ended ? " ended" : "")}, make("b", {}, step.operator), ` ${visible(step.summary)}`,
    ...step.details.map(detail => make("p", {class: "about"}, visible(detail))),
    step.parts ? make("div", {class: "text", tabindex: 0, role: "region", "aria-label": `Changes by ${step.operator}`}, ...parts(step.parts)) : null,
    ...step.calls.map(call))));
}
// A call of a language model: what it was asked, and what it answered.
function call(one) {
  const block = (name, content) => [make("h4", {}, visible(name)), make("div", {class: "text", tabindex: 0, role: "region", "aria-label": `Language model, ${name}`}, visible(content))];
  return make("details", {}, make("summary", {}, `Asked ${visible(one.model)}` + (one.error === null ? "" : ": failed")),
    ...one.messages.flatMap(([role, content]) => block(role, content)), ...(one.error === null ? block("answer", one.answer) : block("error", one.error)));
}
