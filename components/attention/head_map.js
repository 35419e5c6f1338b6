// One head's map: cells, names of queries and keys, colour scale, zoom.
import {
  choose, css, dots, frame, ink, is_large, paint_map, paint_scale, room_below, rounded, shorten, write,
} from "../kit/canvas.js";
import { axis, bold, causal, cells, cross, every, named, show_tip, stamp } from "../kit/grid.js";
import { follow_hands, keep_part, scale, show_all, sync } from "./head_map_zoom.js";
import { draw_row, room_beside } from "./head_map_row.js";

// Round the cells, in units: left for the queries' names, top for titles and the keys' names, legend
// for the colour scale below, right for the sum of every row. name: what a name needs. least: the
// height of the cells; a window with less room must be scrolled.
const LAYOUTS = {
  wide: { left: 126, top: 100, legend: 62, right: 62, name: 15, least: 320 },
  small: { left: 96, top: 116, legend: 86, right: 48, name: 15, least: 320 },
  large: { left: 96, top: 88, legend: 2, right: 56, name: 11.5, least: 120 },
};

export default cells({
  ...causal,
  open(map) {
    map.buttons = [
      ["−", "Zoom out", () => scale(map, 1 / 1.6)],
      ["+", "Zoom in", () => scale(map, 1.6)],
      ["all", "All: show the whole map", () => { show_all(map); map.draw(); }],
    ].map(([text, title, act]) => add_button(map.picture.querySelector(".tools"), text, title, act));
    follow_hands(map);
  },
  take(map, before) {
    map.n = map.data.tokens.length;
    keep_part(map, before?.tokens.length);
  },
  measure,
  paint,
  label: ({ data, n }) => `Attention map of ${data.title}, ${n} tokens. Rows: query (reads). `
    + "Columns: key (is read). Arrow keys choose a cell.",
  say,
  cell_at({ size }, x, y) {
    if (y < size.top || y >= size.top + size.side || x >= size.left + size.side) return null;
    return { query: size.y.index(y), key: x < size.left ? null : size.x.index(x) };
  },
  act(map, cell) {
    if (cell.key === null) map.send(cell); // the name of a query
    else causal.act(map, cell);
  },
  walk(map, next) {
    const { part } = map;
    const shift = (at, origin) => Math.min(at, Math.max(origin, at - part.span + 1));
    map.part = { ...part, row: shift(next.query, part.row), column: shift(next.key, part.column) };
    choose(map, next, 150);
  },
  press(map, key) {
    const factor = { "+": 1.6, "=": 1.6, "-": 1 / 1.6 }[key];
    if (factor) scale(map, factor);
    return factor !== undefined;
  },
});

function add_button(tools, text, title, act) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", textContent: text, title, onclick: act });
  button.setAttribute("aria-label", title);
  tools.append(button);
  return button;
}

function measure(map, width) {
  const layout = is_large() ? "large" : width < 560 ? "small" : "wide";
  const { left, top, legend, right, name, least } = LAYOUTS[layout];
  const room = room_below(map, least + top + legend) - top - legend;
  const side = Math.max(120, Math.min(width - left - right, room, map.data.most_px));
  const { n, part } = map;
  const cell = side / part.span;
  const along = (from, origin) => axis(n, from - origin * cell, from + (n - origin) * cell);
  const [x, y] = [along(left, part.column), along(top, part.row)];
  return { width, layout, name, left, top, right, side, height: top + side + legend, cell, x, y };
}

// -- drawing --------------------------------------------------------------------------------------

// The cell that is pointed at; null on a query's name.
const pointed = ({ hovered }) => (hovered?.key === null ? null : hovered);

function paint(context, map) {
  const { data, theme, part, size, n } = map;
  const made_of = [data, theme, part.row, part.column, part.span];
  const place = { x: size.left, y: size.top, wide: size.side, high: size.side };
  stamp(context, map, made_of, place, (own) => draw_cells(own, map));
  frame(context, css(theme.faint), 1, size.left - 0.5, size.top - 0.5, size.side + 1, size.side + 1);
  draw_titles(context, map);
  draw_names(context, map);
  draw_sums(context, map);
  if (pointed(map)) draw_cross(context, map, pointed(map), 1);
  draw_cross(context, map, map.chosen, 2.5);
  draw_legend(context, map);
  sync(map);
  map.buttons[0].disabled = map.buttons[2].disabled = part.span >= n;
  map.buttons[1].disabled = part.span <= 4;
}

function draw_cells(context, { data, theme, part, size }) {
  const place = { x: 0, y: 0, side: size.side };
  paint_map(context, data.levels, 0, part, place, theme, true);
  if (size.cell < 14) return;
  context.fillStyle = css(theme.back);
  for (let x = 1 - (part.column % 1); x < part.span; x++) {
    context.fillRect(x * size.cell - 0.5, 0, 1, size.side);
  }
  for (let y = 1 - (part.row % 1); y < part.span; y++) {
    context.fillRect(0, y * size.cell - 0.5, size.side, 1);
  }
}

function draw_titles(context, { data, theme, size }) {
  write(context, theme, data.title, 0, 14, { weight: 600, px: 20 });
  context.font = `600 20px ${theme.font}`;
  const end = Math.max(size.left, context.measureText(data.title).width + 24);
  const look = { weight: 600, px: 16 };
  const [x, y] = size.layout === "small" ? [0, 42] : [end, 14];
  write(context, theme, "key (is read) →", x, y, { ...look, color: ink(theme, "key") });
  const upwards = { ...look, align: "right", baseline: "top", turn: -Math.PI / 2 };
  write(context, theme, "← query (reads)", 2, size.top, { ...upwards, color: ink(theme, "query") });
}

// All names, or every n-th; the chosen and the pointed ones are always drawn.
function draw_names(context, map) {
  const cell = pointed(map);
  for (const axis_name of ["query", "key"]) {
    const along = axis_name === "query" ? map.size.y : map.size.x;
    const sure = [map.chosen[axis_name], cell?.[axis_name]];
    for (const i of named(along, map.size.name, sure)) {
      const look = sure.includes(i) && { color: ink(map.theme, axis_name), weight: 700 };
      draw_name(context, map, axis_name, i, look);
    }
  }
}

function draw_name(context, { data, theme, size }, axis_name, i, look) {
  const is_query = axis_name === "query";
  const [along, from] = is_query ? [size.y, size.top] : [size.x, size.left];
  const at = along.at(i) + size.cell / 2;
  if (at < from || at > from + size.side) return;
  const px = Math.min(size.layout === "wide" ? 17 : 15, Math.max(12, size.cell * 0.62));
  const place = every(along, size.name) > 1 ? `${i} ` : ""; // not every token is written: say which
  const room = is_query ? size.left - 34 : (size.top - (size.layout === "small" ? 52 : 36)) * 1.15;
  const text = place + shorten(data.tokens[i], 40);
  if (is_query) write(context, theme, text, size.left - 7, at, { px, room, align: "right", ...look });
  else write(context, theme, text, at, size.top - 7, { px, room, turn: -Math.PI / 3, ...look });
}

// What each row adds up to, at its right end, beside the rows that have their names.
function draw_sums(context, map) {
  const { data, theme, size } = map;
  const [x, px] = [size.left + size.side + 8, size.layout === "wide" ? 14 : 12];
  write(context, theme, "Σ row", x, size.top - 12, { px, color: css(theme.soft) });
  for (const i of named(size.y, size.name, [map.chosen.query, pointed(map)?.query])) {
    const at = size.y.at(i) + size.cell / 2;
    if (at < size.top || at > size.top + size.side) continue;
    write(context, theme, data.sums[i].toFixed(3), x, at, { px, color: css(theme.soft) });
  }
}

function draw_cross(context, { theme, size }, cell, width) {
  const thick = Math.max(size.cell, 3);
  const place = { x: size.x.at(cell.key), y: size.y.at(cell.query), wide: thick, high: thick };
  context.save();
  context.beginPath();
  context.rect(size.left - 3, size.top - 3, size.side + 6, size.side + 6);
  context.clip();
  cross(context, theme, place, { x: size.left, y: size.top, side: size.side }, width);
  context.restore();
}

function draw_legend(context, { theme, size }) {
  if (size.layout === "large") return;
  const y = size.top + size.side + 12;
  const width = Math.min(220, size.side * 0.55);
  paint_scale(context, theme, size.left, y, width);
  const look = { px: 13, baseline: "top", color: css(theme.soft) };
  write(context, theme, scale_words(size), size.left, y + 36, look);
  if (size.layout === "small") draw_future_sign(context, theme, size.left, y + 56);
  else draw_future_sign(context, theme, size.left + width + 22, y);
}

function draw_future_sign(context, theme, x, y) {
  context.save();
  context.beginPath();
  context.rect(x, y - 2, 18, 16);
  context.clip();
  for (let i = -18; i < 36; i += 7) {
    context.moveTo(x + i, y + 15);
    context.lineTo(x + i + 18, y - 3);
  }
  frame(context, css(theme.faint), 1, x + 0.5, y - 1.5, 17, 15);
  context.stroke();
  context.restore();
  write(context, theme, "future: cannot be read", x + 26, y + 6, { px: 14 });
}

function scale_words(size) {
  const dot = 1 / (size.cell * dots());
  if (dot <= 1) return "colour = √weight";
  return `colour = √weight; a dot shows the largest of about ${(dot * dot).toFixed(1)} weights`;
}

// -- reading a cell -------------------------------------------------------------------------------

// Under the map; in a hall that is below the screen, so the cell pointed at has a tip where no row is
// written out beside the map.
function say(map) {
  const words = cell_words(map), at = pointed(map);
  map.reading.replaceChildren(...words);
  draw_row(map, at?.key ?? map.chosen.key, at?.query ?? map.hovered?.query ?? map.chosen.query);
  if (!at || !is_large() || room_beside(map)) return show_tip(map, "", {});
  const { size } = map;
  show_tip(map, map.reading.textContent, { x: size.x.at(at.key), y: size.y.at(at.query), wide: size.cell });
  return undefined;
}

function cell_words(map) {
  const { data, theme } = map;
  const { query, key } = pointed(map) ?? map.chosen;
  const reader = bold(shorten(data.tokens[query], 40), ink(theme, "query"));
  const read = bold(shorten(data.tokens[key], 40), ink(theme, "key"));
  const start = ["query ", reader, ` (${query})`];
  if (key > query) return [...start, " cannot read key ", read, ` (${key}): it comes later`];
  return [...start, " reads key ", read, ` (${key}) with weight `, bold(weight_of(data, query, key))];
}

function weight_of(data, query, key) {
  const at = (query * (query + 1)) / 2 + key;
  if (data.weights) return rounded(data.weights[at]);
  if (query === data.chosen.query && key === data.chosen.key) return rounded(data.chosen_weight);
  return `about ${rounded((data.levels[at] / 255) ** 2)} (click for the exact weight)`;
}
