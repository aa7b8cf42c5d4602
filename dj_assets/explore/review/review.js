// One question at a time: the clip with its tracks, the options, and the decision. Every text of the data is a text node.
import {ask, byId, make, table, visible} from "./dom.js";

const KEYS = {accept: "accepted", rewrite: "rewrote", reject: "rejected"};
let about = null, shown = null, chosen = "", latest = 0;

const ids = () => about.questions.map(question => question.id);
const at = () => ids().indexOf(shown.id);
const firstOpen = () => ids().find(id => !about.own[id]) ?? ids()[0];

async function start() {
  about = await ask("about");
  const asked = decodeURIComponent(location.hash.slice(1));
  if (!about.questions.length) { byId("about").textContent = "There are no questions to review."; return; }
  await show(ids().includes(asked) ? asked : firstOpen());
}

async function show(id) {
  const mine = ++latest, answer = await ask("question", {question: id});
  if (mine !== latest) return;
  shown = answer;
  chosen = shown.decision?.chosen || "";
  history.replaceState(null, "", "#" + encodeURIComponent(id));
  const clip = byId("clip");
  clip.src = "clip?question=" + encodeURIComponent(id);
  // the bars are on the time of the clip
  clip.onloadedmetadata = drawRibbon;
  clip.onerror = () => { byId("heard").textContent = "The clip cannot be shown."; };
  byId("rewriting").hidden = true;
  draw();
}

function draw() {
  const {annotations: known} = shown, done = Object.keys(about.own).length, all = about.questions.length;
  byId("about").textContent = `Reviewer ${about.reviewer}: question ${at() + 1} of ${all}, ${done} decided`;
  byId("done").value = done / all;
  byId("task").textContent = `${shown.task.replaceAll("_", " ")}: sample ${shown.sample}, clip ${shown.clip}${shown.decision ? ` (you ${KEYS[shown.decision.decision]} it)` : ""}`;
  byId("text").textContent = visible(shown.text);
  const open = Boolean(chosen || shown.decision);
  byId("options").replaceChildren(...shown.options.map((option, index) => make("button", {"aria-pressed": String(option.text === chosen), class: open && option.key ? "right" : "", onclick: () => choose(index)},
    make("b", {}, String(index + 1)), make("bdi", {}, visible(option.text)), open ? make("span", {class: "about"}, option.key ? rightBy() : `from ${option.origin.join(", ")}`) : null)));
  const said = Object.entries(shown.answers).map(([model, answer]) => `${model}: ${answer}`).join("; ");
  const {making, blind} = shown;
  byId("made").textContent = !open || !making ? "" : `${making.author} described ${making.person || "the people"}: ${visible(making.description)}`;
  byId("blind").textContent = !open || !blind ? "" : `Without the video, ${blind.model} was right ${blind.right} of ${blind.tries} times.`;
  byId("votes").textContent = !open ? "" : shown.votes ? `${shown.votes} models agree on the right option. They said: ${visible(said)}` : "The right option comes from the annotations.";
  byId("heard").textContent = known ? [known.tag && `sound: ${known.tag}`, known.words && `words: ${visible(known.words)}`, known.description && visible(known.description)].filter(Boolean).join(" · ") : "";
  drawRibbon();
  byId("previous").disabled = at() <= 0;
  byId("next").disabled = at() >= all - 1;
  byId("states").replaceChildren(table(["state", "questions"], Object.entries(about.states), 1));
  byId("balance").replaceChildren(table(["task", "A", "B", "C", "D"], Object.entries(about.balance).map(([task, counts]) => [task.replaceAll("_", " "), ...counts.map(String)]), 1));
  byId("agreements").replaceChildren(about.agreements.length ? table(["reviewers", "both", "equal", "kappa"], about.agreements.map(one => [one.reviewers.join(", "), String(one.questions), String(one.equal), one.kappa === null ? "–" : one.kappa.toFixed(2)]), 1)
    : make("p", {class: "about"}, "No question has decisions of two reviewers."));
}

const rightBy = () => shown.agreed.length ? `✓ right: ${shown.votes} votes, ${shown.agreed.join(", ")}` : "✓ right";

function drawRibbon() {
  const {annotations: known} = shown;
  byId("ribbon").replaceChildren(...(known && known.spans.length ? [ribbon(known), make("p", {class: "about"}, `A bar for each person: when a face is seen. Blue: the person speaks.${shown.making?.track ? " Outlined: the question is about this person." : ""}`)] : []));
}

// One bar for each person: where the track is seen; in another colour while the person speaks.
function ribbon(known) {
  const end = Math.max(...known.spans.map(span => span[1]), byId("clip").duration || 0, 0.1), high = 14;
  const bar = ([from, to], number, style) => make("rect", {x: 600 * from / end, y: high * number + 2, width: Math.max(2, 600 * (to - from) / end), height: high - 4, rx: 2, class: style},
    make("title", {}, `person ${number + 1}: ${from.toFixed(1)} to ${to.toFixed(1)} s${style.startsWith("speaks") ? ", speaks" : ""}`));
  const bars = known.spans.flatMap((span, number) => {
    const asked = shown.making?.track === number + 1 ? " asked" : "", parts = known.speaks[number] ? known.spoken[number] : [];
    return parts ? [bar(span, number, "seen" + asked), ...parts.map(part => bar(part, number, "speaks"))] : [bar(span, number, "speaks" + asked)];
  });
  const now = make("line", {x1: 0, x2: 0, y1: 0, y2: high * known.spans.length});
  const clip = byId("clip");
  clip.ontimeupdate = () => { const x = 600 * Math.min(clip.currentTime, end) / end; now.setAttribute("x1", x); now.setAttribute("x2", x); };
  const spoken = known.spans.map(([from, to], number) => `person ${number + 1} from ${from.toFixed(1)} to ${to.toFixed(1)} s${known.speaks[number] ? ", speaks" : ""}`).join("; ");
  return make("svg", {class: "ribbon", viewBox: `0 0 600 ${high * known.spans.length}`, role: "img", "aria-label": `Tracks: ${spoken}`}, ...bars, now);
}

function choose(index) {
  if (!shown.options[index]) return;
  chosen = shown.options[index].text;
  draw();
  byId("options").children[index].focus();
}

async function decide(decision, more = {}) {
  const id = shown.id;
  about = await ask("decide", {question: id, decision, chosen, ...more});
  const list = ids(), after = list.slice(list.indexOf(id) + 1).find(other => !about.own[other]) ?? firstOpen();
  await show(about.own[after] ? id : after);
  byId("text").focus();
}

function rewrite() {
  const form = byId("rewriting"), wrong = shown.options.filter(option => !option.key);
  const field = (name, label, value) => make("label", {}, label, make("input", {name, value, required: true, autocomplete: "off"}));
  form.replaceChildren(field("text", "Question", shown.text), field("key", "Right", shown.key), ...wrong.map((option, number) => field(`wrong-${number}`, `Wrong ${number + 1}`, option.text)),
    make("div", {class: "tools"}, make("button", {class: "main"}, "Save"), make("button", {type: "button", onclick: () => { form.hidden = true; }}, "Cancel")));
  form.hidden = false;
  form.elements.text.focus();
  form.onsubmit = event => {
    event.preventDefault();
    decide("rewrite", {text: form.elements.text.value, key: form.elements.key.value, distractors: wrong.map((_, number) => form.elements[`wrong-${number}`].value)}).catch(() => {});
  };
}

const step = by => { const next = ids()[at() + by]; if (next) show(next); };
const ACTIONS = {a: () => decide("accept"), e: rewrite, r: () => decide("reject"), ArrowLeft: () => step(-1), ArrowRight: () => step(1)};
byId("accept").onclick = ACTIONS.a;
byId("rewrite").onclick = ACTIONS.e;
byId("reject").onclick = ACTIONS.r;
byId("previous").onclick = ACTIONS.ArrowLeft;
byId("next").onclick = ACTIONS.ArrowRight;
addEventListener("keydown", event => {
  if (!shown || event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|VIDEO)$/.test(event.target.tagName)) return;
  if (/^[1-8]$/.test(event.key)) choose(Number(event.key) - 1);
  else if (ACTIONS[event.key]) Promise.resolve(ACTIONS[event.key]()).catch(() => {});
  else return;
  event.preventDefault();
});
start();
