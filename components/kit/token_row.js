import { fade_edges } from "./canvas.js";

const rows = new WeakMap(); // parentElement -> how many tokens it showed last

export default function ({ parentElement, data }) {
  const row = parentElement.querySelector(".row");
  if (!rows.has(parentElement)) fade_edges(row);
  row.style.height = data.height;
  const boxes = data.boxes.map(make_box);
  if (data.n_hidden) boxes.splice(data.fold_at, 0, make_fold(data.n_hidden));
  row.replaceChildren(...boxes);
  const n = data.boxes.length + data.n_hidden;
  if (data.opens_at_end && rows.get(parentElement) !== n) row.scrollTop = row.scrollHeight;
  rows.set(parentElement, n);
}

function make_box(told) {
  const box = document.createElement("span");
  const text = document.createElement("bdi");
  text.textContent = told.text;
  box.className = told.is_dashed ? "box dashed" : "box";
  box.append(text);
  if (told.ground) box.style.background = told.ground;
  if (told.line) box.style.borderBottom = `3px solid ${told.line}`;
  if (told.below) {
    const below = document.createElement("small");
    below.textContent = told.below;
    below.style.color = told.below_hue;
    box.append(below);
  }
  return box;
}

function make_fold(n) {
  const fold = document.createElement("span");
  fold.className = "fold";
  fold.textContent = `… ${n.toLocaleString("en")} more tokens …`;
  return fold;
}
