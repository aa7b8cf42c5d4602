// The pair sheet of a sample: both images and the heat map of their difference with all boxes, and both captions.
import {make, short, table, visible} from "./dom.js";

const MARKS = {removed: "del", added: "ins"};

export function pairSheet(sample, openBox) {
  const {pair, position} = sample;
  const drawings = [0, 1, 2].map(() => make("svg", {role: "img", preserveAspectRatio: "none", "aria-label": `${pair.boxes.length} boxes`}, ...drawn(pair.boxes)));
  // boxes are in pixels of the first image
  const fit = event => drawings.forEach(drawing => scale(drawing, event.target));
  const sources = [`media?position=${position}&kind=images&number=0`, `media?position=${position}&kind=images&number=1`, `heat?position=${position}`];
  const names = ["first image", "second image", "heat map of the difference"], notes = [...pair.captions.map(caption), make("span", {}, "difference of the pixels, as its square root")];
  const figures = sources.map((source, index) => {
    const note = make("figcaption", {}, notes[index]);
    const fault = () => note.append(make("span", {class: "about"}, " (cannot be shown)"));
    return make("figure", {}, make("div", {class: "boxed"}, make("img", {src: source, alt: names[index], onerror: fault, ...(index ? {} : {onload: fit})}), drawings[index]), note);
  });
  const keys = pair.legend.map(entry => make("span", {}, make("i", {class: `key ${entry.style}`}), `${entry.boxes} ${entry.label}`));
  return [make("h3", {}, "Pair of images"), make("div", {class: "sheet"},
    make("div", {class: "legend"}, ...(keys.length ? keys : ["no candidate box"])), make("div", {class: "pictures"}, ...figures), ...listed(pair.boxes, openBox))];
}

const caption = parts => make("bdi", {}, ...parts.map(part => part.kind in MARKS ? make(MARKS[part.kind], {}, visible(part.text)) : visible(part.text)));

// Kept boxes are on top, and the box of this sample above all.
function drawn(boxes) {
  const rank = ([, box]) => 2 * box.here + (box.style === "kept");
  return boxes.map((box, index) => [index + 1, box]).sort((one, other) => rank(one) - rank(other)).map(([number, box]) => {
    const [x, y, width, height] = box.area;
    return make("g", {class: `box ${box.style}${box.here ? " here" : ""}`}, make("rect", {class: "rim", x, y, width, height}), make("rect", {x, y, width, height}), make("text", {x, y}, String(number)), make("title", {}, `${number}: ${visible(box.label)}`));
  });
}

function scale(drawing, image) {
  const {naturalWidth: width, naturalHeight: height} = image, size = Math.max(width, height) / 28;
  drawing.setAttribute("viewBox", `0 0 ${width} ${height}`);
  for (const text of drawing.querySelectorAll("text")) {
    const box = text.previousSibling;
    text.setAttribute("font-size", size);
    text.setAttribute("x", Number(box.getAttribute("x")) + size / 4);
    text.setAttribute("y", Number(box.getAttribute("y")) + size);
  }
}

function listed(boxes, openBox) {
  if (!boxes.length) return [];
  const names = [...new Set(boxes.flatMap(box => Object.keys(box.values)))];
  const link = (box, number) => box.here || box.position === null ? make("b", {}, `${number}${box.here ? " (this sample)" : ""}`) : make("button", {class: "link", onclick: () => openBox(box.position), "aria-label": `Open box ${number}`}, String(number));
  const rows = boxes.map((box, index) => [link(box, index + 1), make("span", {}, make("i", {class: `key ${box.style}`}), visible(box.label)), visible(box.reason), ...names.map(name => short(box.values[name]))]);
  return [make("details", {}, make("summary", {}, `${boxes.length} boxes`), table(["box", "outcome", "why", ...names], rows, 3))];
}
