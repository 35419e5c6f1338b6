import {
  choose, exact, forget, ink, read_theme, remember, settle, shorten, unpack,
} from "../kit/canvas.js";
import { download_png, draw_map } from "./head_map_drawing.js";

const maps = new WeakMap();

export default function ({ parentElement, data, setTriggerValue }) {
  const map = remember(maps, parentElement, open_map);
  const n_before = map.data?.tokens.length;
  map.data = unpack(data);
  map.n = map.data.tokens.length;
  map.theme = read_theme(parentElement.host ?? parentElement, map.data.colors);
  map.send = (chosen) => setTriggerValue("choose", chosen);
  if (!map.part || map.part.span >= n_before || map.part.span > map.n) show_all(map);
  else keep_inside(map);
  settle(map, map.data.chosen);
  map.draw();
  return () => forget(maps, parentElement);
}

function open_map(parentElement) {
  const picture = parentElement.querySelector(".picture");
  const [canvas, reading] = ["canvas", ".reading"].map((name) => picture.querySelector(name));
  const map = { picture, canvas, reading };
  map.draw = () => { if (map.data) { draw_map(map); read_out(map); } };
  map.buttons = [
    ["−", "Zoom out", () => zoom(map, 1.6)],
    ["+", "Zoom in", () => zoom(map, 1 / 1.6)],
    ["all", "Show the whole map", () => { show_all(map); map.draw(); }],
    ["PNG", "Download this picture", () => download_png(map)],
  ].map(([text, title, act]) => add_button(picture.querySelector(".tools"), text, title, act));
  listen(map);
  return map;
}

function add_button(tools, text, title, act) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", textContent: text, title, onclick: act });
  button.setAttribute("aria-label", title);
  tools.append(button);
  return button;
}

// -- what is seen: part = {row, column, span} in tokens -------------------------------------------

function show_all(map) {
  map.part = { row: 0, column: 0, span: map.n };
}

function keep_inside(map) {
  const { part, n } = map;
  part.span = Math.max(Math.min(4, n), Math.min(n, part.span));
  part.row = Math.max(0, Math.min(n - part.span, part.row));
  part.column = Math.max(0, Math.min(n - part.span, part.column));
}

// Zooms round a cell, by default the chosen one.
function zoom(map, factor, centre = { row: map.chosen.query, column: map.chosen.key }) {
  const { part } = map;
  const span = Math.max(4, Math.min(map.n, Math.round(part.span * factor)));
  const share = (at, origin) => Math.max(0, Math.min(1, (at + 0.5 - origin) / part.span));
  map.part = {
    row: Math.round(centre.row + 0.5 - share(centre.row, part.row) * span),
    column: Math.round(centre.column + 0.5 - share(centre.column, part.column) * span),
    span,
  };
  keep_inside(map);
  map.draw();
}

// -- reading a cell -------------------------------------------------------------------------------

function weight_of(map, { query, key }) {
  const { data } = map;
  const at = (query * (query + 1)) / 2 + key;
  if (data.weights) return exact(data.weights[at]);
  if (query === data.chosen.query && key === data.chosen.key) return exact(data.chosen_weight);
  return `about ${exact((data.levels[at] / 255) ** 2)} (click for the exact weight)`;
}

function read_out(map) {
  const { reading, theme } = map;
  const { query, key } = map.hovered ?? map.chosen;
  const word = (text, color) => {
    const bold = document.createElement("b");
    bold.textContent = text;
    if (color) bold.style.color = color;
    return bold;
  };
  const token = (i) => `${shorten(map.data.tokens[i], 40)}`;
  const [reader, read] = [
    word(token(query), ink(theme, "query")), word(token(key), ink(theme, "key")),
  ];
  if (key > query) {
    reading.replaceChildren("query ", reader, ` (${query}) cannot read key `, read,
      ` (${key}): it comes later`);
  } else {
    reading.replaceChildren("query ", reader, ` (${query}) reads key `, read,
      ` (${key}) with weight `, word(weight_of(map, { query, key })));
  }
}

// -- hands ----------------------------------------------------------------------------------------

function cell_at(map, event) {
  const box = map.canvas.getBoundingClientRect();
  const { left, top, side, cell } = map.size;
  const [x, y] = [event.clientX - box.left - left, event.clientY - box.top - top];
  if (y < 0 || y >= side || x >= side) return null;
  const query = Math.floor(map.part.row + y / cell);
  if (x < 0) return { query, key: null };
  return { query, key: Math.floor(map.part.column + x / cell) };
}

function listen(map) {
  const { canvas } = map;
  canvas.addEventListener("pointermove", (event) => {
    if (map.grab) return drag(map, event);
    const cell = cell_at(map, event);
    map.hovered = cell && cell.key !== null ? cell : null;
    map.draw();
  });
  canvas.addEventListener("pointerleave", () => { map.hovered = null; map.draw(); });
  canvas.addEventListener("pointerdown", (event) => {
    if (map.part.span >= map.n) return;
    canvas.setPointerCapture(event.pointerId);
    map.grab = { x: event.clientX, y: event.clientY, ...map.part };
  });
  canvas.addEventListener("pointerup", () => {
    canvas.classList.remove("grabbed");
    map.moved = map.grab?.moved;
    map.grab = null;
  });
  canvas.addEventListener("pointercancel", () => { // the browser took the finger away to scroll
    canvas.classList.remove("grabbed");
    map.grab = map.moved = null;
  });
  canvas.addEventListener("click", (event) => {
    const cell = map.moved ? null : cell_at(map, event);
    if (!cell || (cell.key !== null && cell.key > cell.query)) return;
    if (cell.key === null) map.send(cell);
    else choose(map, cell);
  });
  canvas.addEventListener("dblclick", (event) => {
    const cell = cell_at(map, event);
    if (cell && cell.key !== null) zoom(map, 0.5, { row: cell.query, column: cell.key });
  });
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return; // a bare wheel scrolls the page
    event.preventDefault();
    const cell = cell_at(map, event);
    const centre = cell && cell.key !== null ? { row: cell.query, column: cell.key } : undefined;
    zoom(map, event.deltaY > 0 ? 1.15 : 1 / 1.15, centre);
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => press(map, event));
}

function drag(map, event) {
  const { grab, size } = map;
  const [right, down] = [event.clientX - grab.x, event.clientY - grab.y];
  if (Math.abs(right) + Math.abs(down) < 5) return;
  grab.moved = true;
  map.canvas.classList.add("grabbed");
  map.part = {
    row: Math.round(grab.row - down / size.cell),
    column: Math.round(grab.column - right / size.cell),
    span: map.part.span,
  };
  keep_inside(map);
  map.hovered = null;
  map.draw();
}

const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

function press(map, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const zooms = { "+": 1 / 1.6, "=": 1 / 1.6, "-": 1.6 };
  const move = MOVES[event.key];
  if (!move && !(event.key in zooms)) return;
  event.preventDefault();
  event.stopPropagation();
  if (!move) return zoom(map, zooms[event.key]);
  const query = Math.max(0, Math.min(map.n - 1, map.chosen.query + move[0]));
  const key = Math.max(0, Math.min(query, map.chosen.key + move[1]));
  bring_into_view(map, query, key);
  if (query !== map.chosen.query || key !== map.chosen.key) choose(map, { query, key }, 150);
}

function bring_into_view(map, query, key) {
  const { part } = map;
  const shift = (at, origin) => Math.min(at, Math.max(origin, at - part.span + 1));
  map.part = { row: shift(query, part.row), column: shift(key, part.column), span: part.span };
}
