// Several maps of one head, each a tile: name and tag above, a note below; one cell in all of them.
import {
  choose, css, fit_canvas, forget, ink, paint_map, read_theme, remember, settle, shorten, unpack,
} from "../kit/canvas.js";

const all_maps = new WeakMap();
const [ABOVE, BELOW, GAP] = [50, 34, 16];

export default function ({ parentElement, data, setTriggerValue }) {
  const maps = remember(all_maps, parentElement, open_maps);
  maps.data = unpack(data);
  maps.theme = read_theme(parentElement.host ?? parentElement, maps.data.colors);
  maps.send = (chosen) => setTriggerValue("choose", chosen);
  maps.hovered = null;
  settle(maps, maps.data.chosen);
  maps.draw();
  return () => forget(all_maps, parentElement);
}

function open_maps(parentElement) {
  const picture = parentElement.querySelector(".picture");
  const [canvas, reading] = ["canvas", ".reading"].map((name) => picture.querySelector(name));
  const maps = { picture, canvas, reading };
  maps.draw = () => maps.data && picture.clientWidth > 0 && draw_maps(maps);
  canvas.onpointermove = (event) => { maps.hovered = cell_at(maps, event); maps.draw(); };
  canvas.onpointerleave = () => { maps.hovered = null; maps.draw(); };
  canvas.onclick = (event) => {
    const cell = cell_at(maps, event);
    if (cell && cell.key <= cell.query) choose(maps, cell);
  };
  canvas.onkeydown = (event) => press(maps, event);
  return maps;
}

// -- places ---------------------------------------------------------------------------------------

function measure(maps) {
  const width = maps.picture.clientWidth;
  const n = maps.data.names.length;
  const columns = Math.min(n, width >= 960 ? 5 : width >= 560 ? 3 : 2);
  const side = Math.min(360, (width - GAP * (columns - 1) - 2) / columns);
  const tile = side + ABOVE + BELOW;
  const places = maps.data.names.map((_, i) => ({
    x: 1 + (i % columns) * (side + GAP), y: Math.floor(i / columns) * tile + ABOVE, side,
  }));
  return { width, height: Math.ceil(n / columns) * tile, side, places };
}

function cell_at(maps, event) {
  const box = maps.canvas.getBoundingClientRect();
  const [x, y] = [event.clientX - box.left, event.clientY - box.top];
  const { data, size } = maps;
  const { side } = size;
  const place = size.places.find((p) => x >= p.x && x < p.x + side && y >= p.y && y < p.y + side);
  if (!place) return null;
  const token = (part) => {
    const last = data.tokens.length - 1;
    return Math.min(last, Math.floor((part / side) * data.n) * data.cell);
  };
  return { query: token(y - place.y), key: token(x - place.x) };
}

const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

function press(maps, event) {
  const move = MOVES[event.key];
  if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  event.stopPropagation();
  const last = maps.data.tokens.length - 1;
  const query = Math.max(0, Math.min(last, maps.chosen.query + move[0]));
  const key = Math.max(0, Math.min(query, maps.chosen.key + move[1]));
  if (query !== maps.chosen.query || key !== maps.chosen.key) choose(maps, { query, key }, 150);
}

// -- picture --------------------------------------------------------------------------------------

function draw_maps(maps) {
  const { data, theme } = maps;
  const size = (maps.size = measure(maps));
  const context = fit_canvas(maps.canvas, size.width, size.height);
  const triangle = (data.n * (data.n + 1)) / 2;
  const part = { row: 0, column: 0, span: data.n };
  size.places.forEach((place, i) => {
    paint_map(context, data.levels, i * triangle, part, place, theme, true);
    context.strokeStyle = css(theme.faint);
    context.lineWidth = 1;
    context.strokeRect(place.x - 0.5, place.y - 0.5, place.side + 1, place.side + 1);
    draw_words(context, maps, place, i);
    if (maps.hovered) draw_cross(context, maps, place, maps.hovered, 1);
    draw_cross(context, maps, place, maps.chosen, 2);
  });
  maps.canvas.dataset.chosen = `${maps.chosen.query},${maps.chosen.key}`;
  maps.canvas.dataset.tiles = data.names.length;
  maps.canvas.setAttribute("aria-label", `${data.names.length} attention maps of one head, `
    + `${data.tokens.length} tokens: ${data.names.join(", ")}. Arrow keys choose a cell.`);
  read_out(maps);
}

function draw_words(context, maps, place, i) {
  const { data, theme } = maps;
  context.textBaseline = "alphabetic";
  context.textAlign = "left";
  context.fillStyle = css(theme.text);
  context.font = `700 19px ${theme.font}`;
  context.fillText(data.names[i], place.x, place.y - 29, place.side);
  context.font = `15px ${theme.font}`;
  context.fillStyle = data.tags[i].startsWith("what if") ? ink(theme, "key") : ink(theme, "value");
  context.fillText(data.tags[i], place.x, place.y - 9, place.side);
  context.fillStyle = css(theme.text);
  context.font = `16px ${theme.font}`;
  context.fillText(data.notes[i], place.x, place.y + place.side + 22, place.side);
}

function draw_cross(context, maps, place, chosen, width) {
  const { data, theme } = maps;
  const step = place.side / data.n;
  const thick = Math.max(step, 2);
  const x = place.x + Math.floor(chosen.key / data.cell) * step;
  const y = place.y + Math.floor(chosen.query / data.cell) * step;
  context.lineWidth = width > 1 ? 1.5 : 1;
  context.strokeStyle = ink(theme, "query");
  context.strokeRect(place.x, y, place.side, thick);
  context.strokeStyle = ink(theme, "key");
  context.strokeRect(x, place.y, thick, place.side);
  context.lineWidth = width;
  context.strokeStyle = css(theme.text);
  context.strokeRect(x, y, thick, thick);
}

// -- reading --------------------------------------------------------------------------------------

function read_out(maps) {
  const { data, theme, reading } = maps;
  const { query, key } = maps.hovered ?? maps.chosen;
  const word = (text, color) => {
    const bold = document.createElement("b");
    bold.textContent = text;
    if (color) bold.style.color = color;
    return bold;
  };
  const reader = word(shorten(data.tokens[query], 24), ink(theme, "query"));
  const read = word(shorten(data.tokens[key], 24), ink(theme, "key"));
  if (key > query) {
    reading.replaceChildren(reader, ` (${query}) cannot read `, read, ` (${key}): it comes later`);
    return;
  }
  const parts = data.names.flatMap(
    (name, i) => [`${i ? " · " : ""}${name} `, word(weight(maps, i))]);
  reading.replaceChildren(reader, ` (${query}) reads `, read, ` (${key}): `, ...parts);
}

function weight(maps, i) {
  const { data } = maps;
  const { query, key } = maps.hovered ?? maps.chosen;
  const is_chosen = query === data.chosen.query && key === data.chosen.key;
  if (is_chosen) return show_weight(data.chosen_weights[i]);
  const [row, column] = [query, key].map((at) => Math.floor(at / data.cell));
  const at = (i * data.n * (data.n + 1)) / 2 + (row * (row + 1)) / 2 + column;
  if (data.weights) return show_weight(data.weights[at]);
  return `${data.cell > 1 ? "at most" : "about"} ${show_weight((data.levels[at] / 255) ** 2)}`;
}

const show_weight = (x) => (x === 0 ? "0" : x < 5e-4 ? x.toExponential(1) : x.toFixed(3));
