import { fade_edges } from "./canvas.js";
import { make } from "./dom.js";

const rows = new WeakMap(); // parentElement -> how many tokens it showed last

export default function ({ parentElement, data }) {
  const row = parentElement.querySelector(".row");
  if (!rows.has(parentElement)) fade_edges(row);
  row.style.height = data.height;
  const boxes = data.boxes.map(make_box);
  const words = `… ${data.n_hidden.toLocaleString("en")} more tokens …`;
  if (data.n_hidden) boxes.splice(data.fold_at, 0, make("span", "fold", words));
  row.replaceChildren(...boxes);
  const n = data.boxes.length + data.n_hidden;
  if (data.opens_at_end && rows.get(parentElement) !== n) row.scrollTop = row.scrollHeight;
  rows.set(parentElement, n);
}

function make_box(told) {
  const box = make("span", told.is_dashed ? "box dashed" : "box", make("bdi", "", told.text));
  if (told.ground) box.style.background = told.ground;
  if (told.line) box.style.borderBottom = `3px solid ${told.line}`;
  if (told.below) {
    const below = make("small", "", told.below);
    below.style.color = `color-mix(in srgb, ${told.below_hue} 55%, var(--st-text-color))`; // the pure hue is too pale
    box.append(below);
  }
  return box;
}
