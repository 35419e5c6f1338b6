// Several maps of one head, each a tile: name and tag above, a note below; one cell in all of them.
import { css, frame, ink, is_large, paint_map, shorten, significant, write } from "../kit/canvas.js";
import { bold, causal, cells, cross, stamp } from "../kit/grid.js";

const ABOVE = 50, BELOW = 34, GAP = 16, MOST = 360;

export default cells({
  ...causal,
  measure,
  paint,
  label: ({ data }) => `${data.names.length} attention maps of one head, ${data.tokens.length} `
    + `tokens: ${data.names.join(", ")}. Arrow keys choose a cell.`,
  say: read_out,
  cell_at,
});

function measure({ data }, width) {
  const n = data.names.length;
  const columns = Math.min(n, width >= 960 || is_large() ? 5 : width >= 560 ? 3 : 2);
  const side = Math.min(MOST, (width - GAP * (columns - 1) - 2) / columns);
  const tile = side + ABOVE + BELOW;
  const places = data.names.map((_, i) => ({
    x: 1 + (i % columns) * (side + GAP), y: Math.floor(i / columns) * tile + ABOVE, side,
  }));
  const tokens = { n: data.tokens.length };
  return { width, height: Math.ceil(n / columns) * tile, side, places, x: tokens, y: tokens };
}

function cell_at({ data, size: { places, side } }, x, y) {
  const place = places.find((p) => x >= p.x && x < p.x + side && y >= p.y && y < p.y + side);
  if (!place) return null;
  const token = (part) =>
    Math.min(data.tokens.length - 1, Math.floor((part / side) * data.n) * data.cell);
  return { query: token(y - place.y), key: token(x - place.x) };
}

function paint(context, grid) {
  const { data, theme, size, hovered, chosen, canvas } = grid;
  const all = { x: 0, y: 0, wide: size.width, high: size.height };
  stamp(context, grid, [data, theme, size.side], all, (own) =>
    size.places.forEach((place, i) => draw_tile(own, data, theme, place, i)));
  for (const place of size.places) {
    if (hovered) draw_cross(context, data, theme, place, hovered, 1);
    draw_cross(context, data, theme, place, chosen, 2);
  }
  canvas.dataset.tiles = data.names.length;
}

function draw_tile(context, data, theme, place, i) {
  const { x, y, side } = place;
  const part = { row: 0, column: 0, span: data.n };
  paint_map(context, data.levels, (i * data.n * (data.n + 1)) / 2, part, place, theme, true);
  frame(context, css(theme.faint), 1, x - 0.5, y - 0.5, side + 1, side + 1);
  const hue = data.tags[i].startsWith("what if") ? "key" : "value";
  const say = (text, at, look) =>
    write(context, theme, text, x, at, { baseline: "alphabetic", squeeze: side, ...look });
  say(data.names[i], y - 29, { weight: 700, px: 19 });
  say(data.tags[i], y - 9, { color: ink(theme, hue) });
  say(data.notes[i], y + side + 22, { px: 16 });
}

function draw_cross(context, data, theme, place, { query, key }, width) {
  const step = place.side / data.n;
  const thick = Math.max(step, 2);
  const [x, y] = [key, query].map((at) => Math.floor(at / data.cell) * step);
  const cell = { x: place.x + x, y: place.y + y, wide: thick, high: thick };
  cross(context, theme, cell, place, width);
}

// -- reading --------------------------------------------------------------------------------------

function read_out(grid) {
  const { data, theme, reading } = grid;
  const { query, key } = grid.hovered ?? grid.chosen;
  const reader = bold(shorten(data.tokens[query], 24), ink(theme, "query"));
  const read = bold(shorten(data.tokens[key], 24), ink(theme, "key"));
  if (key > query) {
    reading.replaceChildren(reader, ` (${query}) cannot read `, read, ` (${key}): it comes later`);
    return;
  }
  const parts = data.names.flatMap(
    (name, i) => [`${i ? " · " : ""}${name} `, bold(weight(grid, i, query, key))]);
  reading.replaceChildren(reader, ` (${query}) reads `, read, ` (${key}): `, ...parts);
}

function weight({ data }, i, query, key) {
  const is_chosen = query === data.chosen.query && key === data.chosen.key;
  if (is_chosen) return show_weight(data.chosen_weights[i]);
  const [row, column] = [query, key].map((at) => Math.floor(at / data.cell));
  const at = (i * data.n * (data.n + 1)) / 2 + (row * (row + 1)) / 2 + column;
  if (data.weights) return show_weight(data.weights[at]);
  return `${data.cell > 1 ? "at most" : "about"} ${show_weight((data.levels[at] / 255) ** 2)}`;
}

const show_weight = (x) => (x === 0 ? "0" : x < 5e-4 ? significant(x, 2) : x.toFixed(3));
