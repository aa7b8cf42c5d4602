// Elements, questions to the server, and numbers as texts. Every text of the data becomes a text node, never markup.
const SVG = new Set(["svg", "rect", "line", "path", "g", "title", "text"]);
export const byId = id => document.getElementById(id);

export function make(tag, attributes = {}, ...children) {
  const node = SVG.has(tag) ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter(child => child !== null && child !== undefined));
  return node;
}

export function fail(message) {
  byId("error").hidden = !message;
  byId("error").textContent = message || "";
}

export async function ask(question, body = {}, onPending = null) {
  const request = {method: "POST", headers: {"X-Dj-Assets": "page", "Content-Type": "application/json"}, body: JSON.stringify(body)};
  for (;;) {
    let answer;
    try { answer = await (await fetch("ask/" + question, request)).json(); }
    catch { answer = {error: "the server does not answer; start it again and reload the page"}; }
    if (answer.error) { fail(answer.error); throw new Error(answer.error); }
    fail("");
    if (!answer.pending) return answer;
    if (onPending) onPending(answer.pending);
    await new Promise(done => setTimeout(done, 150));
  }
}

// Only the newest of several answers is shown.
export function newest() {
  let last = 0;
  return async (question, body, onPending) => {
    const mine = ++last, answer = await ask(question, body, onPending);
    return mine === last ? answer : null;
  };
}

export const count = number => number.toLocaleString("en");
export const short = value => typeof value === "number" ? (Number.isInteger(value) ? count(value) : String(Number(value.toPrecision(4)))) : value === null || value === undefined ? "–" : String(value);
export const share = (part, whole) => whole ? `${(100 * part / whole).toFixed(1)} %` : "–";

// Control and format characters of the data are shown by their numbers: some reverse the direction of a text.
export const visible = text => text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]/gu, sign => "\\u" + sign.codePointAt(0).toString(16).padStart(4, "0"));

export function table(head, rows, numbersFrom = 99) {
  const style = index => index >= numbersFrom ? "n" : "";
  const cell = (tag, content, index) => make(tag, {class: style(index), ...(tag === "th" ? {scope: "col"} : {})}, ...(Array.isArray(content) ? content : [content]));
  return make("div", {class: "wide"}, make("table", {},
    make("thead", {}, make("tr", {}, ...head.map((title, index) => cell("th", title, index)))),
    make("tbody", {}, ...rows.map(row => make("tr", {}, ...row.map((content, index) => cell("td", content, index)))))));
}

// the position of a value on a scale, 0 to 1, and back
export function positionOn(scale, value) {
  const at = scale.log ? Math.log(Math.max(value, scale.low) / scale.low) / Math.log(scale.high / scale.low) : (value - scale.low) / (scale.high - scale.low);
  return Math.min(1, Math.max(0, at));
}
export function valueOn(scale, at) {
  const value = scale.log ? scale.low * (scale.high / scale.low) ** at : scale.low + at * (scale.high - scale.low);
  return Number(value.toPrecision(4));
}

// A screen reader reads the ends of the axis and the marked values, which others see.
const MARKS = {cut: "threshold", moved: "moved threshold", at: "this sample"};
function spoken(label, scale, marked) {
  const values = marked.map(([value, style]) => `, ${MARKS[style]} ${short(value)}`);
  return `${label}; from ${short(scale.low)} to ${short(scale.high)}${scale.log ? " on a log scale" : ""}${values.join("")}`;
}

export function histogram(answer, label, lines = []) {
  const bins = answer.all.length, tallest = Math.max(1, ...answer.all, ...(answer.before || []));
  const tall = number => number ? Math.max(1.5, 66 * number / tallest) : 0;
  const bars = answer.all.flatMap((all, bin) => {
    const box = {x: bin * 300 / bins, width: Math.max(.6, 300 / bins - .6)}, kept = tall(answer.kept[bin]), whole = Math.max(kept, tall(all));
    return all ? [make("rect", {...box, y: 70 - whole, height: whole - kept, class: "other"}), make("rect", {...box, y: 70 - kept, height: kept, class: "kept"})] : [];
  });
  const before = answer.before ? [make("path", {class: "before", d: "M" + answer.before.map((number, bin) => `${bin * 300 / bins} ${70 - tall(number)}L${(bin + 1) * 300 / bins} ${70 - tall(number)}`).join("L")})] : [];
  const marked = lines.filter(([value]) => value !== null && value !== undefined && Number.isFinite(value));
  const marks = marked.map(([value, style]) => {
    const x = 300 * positionOn(answer.scale, value);
    return make("line", {x1: x, x2: x, y1: 0, y2: 70, class: style});
  });
  return make("svg", {class: "histogram", viewBox: "0 0 300 70", preserveAspectRatio: "none", role: "img", "aria-label": spoken(label, answer.scale, marked)}, ...bars, ...before, ...marks);
}
