// A picture of cells: where they are, what is written beside them, the one pointed at and the one
// chosen, by hand or by keys. What a cell means, its colour and its words are the feature's own.
import { choose, component, css, dots, fit_canvas, frame, ink, place_of, unit, width_of } from "./canvas.js";
import { scaleBand } from "./d3/scale.js";

// A component of cells. What a feature says of them (grid: {data, theme, size, chosen, hovered …}):
//   measure(grid, width) -> {width, height, x, y …}: pixels, and the axes of columns and rows
//   paint(context, grid): cells, names, frames
//   label(grid) -> what is read to the blind; say(grid): words of the cell that is pointed at
// and, where it differs from the usual:
//   row, column: what a cell calls its place, otherwise "row" and "column"
//   cell_at(grid, x, y) -> cell or null; act(grid, cell): a click
//   move(grid, down, right) -> the next choice, null where a key is not meant
//   open(grid), once; take(grid, data before), with each message; press(grid, event) -> was it meant
export function cells(own) {
  const feature = { row: "row", column: "column", cell_at, move, act: choose, ...own };
  return component((picture) => open_cells(picture, feature), own.take);
}

function open_cells(picture, own) {
  const [canvas, tip, reading] = ["canvas", ".tip", ".reading"].map(
    (name) => picture.querySelector(name));
  const grid = { picture, canvas, tip, reading, own, pointer: null, hovered: null };
  grid.draw = () => grid.data && picture.clientWidth > 0 && draw(grid);
  canvas.addEventListener("pointermove", (event) => point(grid, event));
  canvas.addEventListener("pointerleave", () => point(grid, null));
  canvas.addEventListener("click", (event) => {
    const cell = own.cell_at(grid, ...place_of(canvas, event));
    if (cell) own.act(grid, cell);
  });
  canvas.addEventListener("keydown", (event) => press(grid, event));
  own.open?.(grid);
  return grid;
}

function draw(grid) {
  const { own, canvas, picture } = grid;
  grid.size = own.measure(grid, width_of(picture));
  grid.hovered = under_pointer(grid);
  own.paint(fit_canvas(canvas, grid.size.width, grid.size.height), grid);
  const { chosen } = grid;
  canvas.dataset.chosen = Number.isInteger(chosen) ? chosen : Object.values(chosen ?? {}).join();
  canvas.setAttribute("aria-label", own.label(grid));
  own.say(grid);
}

// -- hands and keys -------------------------------------------------------------------------------

// event: a pointer's, or null where there is none any more.
function point(grid, event) {
  grid.pointer = event && place_of(grid.canvas, event);
  const cell = grid.size ? under_pointer(grid) : null;
  if (JSON.stringify(cell) !== JSON.stringify(grid.hovered)) grid.draw();
}

const under_pointer = (grid) =>
  grid.pointer && grid.own.cell_at(grid, ...grid.pointer);

function cell_at({ own, size }, x, y) {
  const [row, column] = [size.y.index(y), size.x.index(x)];
  return row === null || column === null ? null : { [own.row]: row, [own.column]: column };
}

const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const REST_MS = 150; // a choice by keys is sent once they rest
export const within = (x, n) => Math.max(0, Math.min(n - 1, x));

function move({ own, size, chosen }, down, right) {
  const row = within(chosen[own.row] + down, size.y.n);
  return { [own.row]: row, [own.column]: within(chosen[own.column] + right, size.x.n) };
}

function press(grid, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const next = MOVES[event.key] ? grid.own.move(grid, ...MOVES[event.key]) : null;
  if (next === null && !grid.own.press?.(grid, event.key)) return;
  event.preventDefault();
  event.stopPropagation();
  if (next === null || JSON.stringify(next) === JSON.stringify(grid.chosen)) return;
  if (grid.own.walk) grid.own.walk(grid, next);
  else choose(grid, next, REST_MS);
}

// In a causal map the query never comes before the key.
export const causal = {
  row: "query",
  column: "key",
  move({ size, chosen }, down, right) {
    const query = within(chosen.query + down, size.y.n);
    return { query, key: within(chosen.key + right, query + 1) };
  },
  act(grid, cell) {
    if (cell.key <= cell.query) choose(grid, cell);
  },
};

// -- places ---------------------------------------------------------------------------------------

// n cells between two pixels, with a gap before cell `split`: where each is, which one is where.
export function axis(n, from, to, split = n, gap = 0) {
  const band = scaleBand(Array.from({ length: n }, (_, i) => i), [from, to - gap]);
  const step = band.step();
  const index = (pixel) => {
    let i = Math.floor((pixel - from) / step);
    if (i >= split) i = Math.max(split, Math.floor((pixel - from - gap) / step));
    return i >= 0 && i < n ? i : null;
  };
  return { n, from, to, step, index, at: (i) => band(i) + (i >= split ? gap : 0) };
}

const EVERY = [1, 2, 3, 4, 5, 10, 20, 50, 100, 200, 500, 1000];
export const every = (along, room) => EVERY.find((n) => n * along.step >= room) ?? 2000;

// The cells whose names have `room` pixels: all or every so many, and some always.
export function named(along, room, always = []) {
  const sure = always.filter((i) => i !== null && i !== undefined && i < along.n);
  const free = (i) => sure.every((k) => Math.abs(k - i) * along.step >= room);
  const names = [];
  for (let i = 0; i < along.n; i += every(along, room)) if (free(i)) names.push(i);
  return [...names, ...new Set(sure)];
}

// -- drawing --------------------------------------------------------------------------------------

// A drawing kept until one of `made_of` changes, so that pointing draws frames only. `paint` gets
// the context of a canvas of its own.
export function kept(grid, made_of, width, height, paint, ratio = dots()) {
  const now = [...made_of, width, height, ratio];
  if (!grid.kept_of || now.some((part, i) => part !== grid.kept_of[i])) {
    grid.kept = document.createElement("canvas");
    paint(fit_canvas(grid.kept, width, height, ratio));
    grid.kept_of = now;
  }
  return grid.kept;
}

// Puts such a drawing at a place, dot by dot.
export function stamp(context, grid, made_of, { x, y, wide, high }, paint) {
  if (context.is_vector) return paint_at(context, x, y, paint);
  const { ratio } = context;
  const drawing = kept(grid, made_of, Math.ceil(wide), Math.ceil(high), paint, ratio);
  context.drawImage(drawing, x, y, drawing.width / ratio, drawing.height / ratio);
  return undefined;
}

function paint_at(context, x, y, paint) {
  context.save();
  context.translate(x, y);
  paint(context);
  context.restore();
}

// The row, the column and the cell of a query and a key.
export function cross(context, theme, { x, y, wide, high }, area, width) {
  const thin = width > 1 ? 1.5 : 1;
  frame(context, ink(theme, "query"), thin, area.x, y, area.side, high);
  frame(context, ink(theme, "key"), thin, x, area.y, wide, area.side);
  frame(context, css(theme.text), width, x, y, wide, high);
}

// The words of a cell beside it; right of it where there is room.
export function show_tip({ tip, size }, text, { x, y, wide, away = 8 }) {
  tip.hidden = !text;
  if (!text) return;
  tip.textContent = text;
  const flips = x > size.width / 2;
  const px = (units) => `${units * unit()}px`;
  tip.style.left = flips ? "" : px(x + wide + away);
  tip.style.right = flips ? px(size.width - x + away) : "";
  tip.style.top = px(Math.max(0, Math.min(y, size.height - tip.offsetHeight / unit())));
}

export function bold(text, color) {
  const word = Object.assign(document.createElement("b"), { textContent: text });
  if (color) word.style.color = color;
  return word;
}
