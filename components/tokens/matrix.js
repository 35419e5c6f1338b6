// A matrix of signed numbers: the hue for positive, grey for negative, the page's ground for zero.
import { choose, css, exact, frame, is_large, mix, pixel, room_below, significant, unit, write } from "../kit/canvas.js";
import { axis, cells, every, kept, named, within } from "../kit/grid.js";

const SCALE = 40; // below the cells: the scale of colours
const LEAST = 90; // of all rows

export default cells({
  take(map) {
    const { data } = map;
    data.values ??= Float32Array.from(data.levels, (x) => ((x - 128) / 127) * data.limit);
  },
  measure,
  paint,
  label: ({ data }) => data.label,
  say: read_out,
  cell_at({ size }, x, y) {
    const row = size.y.index(y);
    if (row === null || x >= size.x.to) return null;
    return { row, column: size.x.index(x) ?? -1 }; // -1: the row's name
  },
  act: (map, { row }) => row !== map.chosen && choose(map, row),
  move: ({ data, chosen }, down, right) => (right ? null : within((chosen ?? -1) + down, data.R)),
});

function measure(map, full) {
  const { R, N, columns } = map.data;
  const left = full < 560 ? 92 : 150;
  const top = columns ? 84 : 10;
  const height = height_of(map, top + SCALE);
  const width = columns ? Math.min(full - left - 8, height, N * 90) : full - left - 8;
  const tall = columns ? (width * R) / N : Math.min(height, R * 46);
  const [x, y] = [axis(N, left, left + width), axis(R, top, top + tall)];
  return { width: full, height: y.to + SCALE, wide: width, tall, x, y };
}

// In presentation mode a matrix ends, with the words below it, at the screen's lower edge.
function height_of(map, used) {
  const words = map.reading.offsetHeight / unit();
  return is_large() ? Math.min(map.data.height, room_below(map, LEAST + used + words) - used - words)
    : map.data.height;
}

function paint(context, map) {
  const { data, theme, size } = map;
  const image = kept(map, [data, theme], data.N, data.R, (own) => draw_values(own, map), 1);
  context.imageSmoothingEnabled = Math.min(size.x.step, size.y.step) * context.ratio < 1; // shrunk
  context.imageSmoothingQuality = "high";
  context.drawImage(image, size.x.from, size.y.from, size.wide, size.tall);
  if (!data.columns && size.y.step >= 12) draw_row_gaps(context, map);
  draw_row_names(context, map);
  if (data.columns) draw_column_names(context, map);
  draw_frames(context, map);
  draw_scale(context, map);
}

function draw_values(context, { data: { R, N, values, limit }, theme }) {
  const image = context.createImageData(N, R);
  const pixels = new Uint32Array(image.data.buffer);
  const ramp = signed_ramp(theme).map((color) => pixel(color, 255));
  for (let i = 0; i < pixels.length; i++) {
    const share = Math.max(-1, Math.min(1, values[i] / (limit || 1)));
    pixels[i] = ramp[Math.round(share * 127) + 127];
  }
  context.putImageData(image, 0, 0);
}

// 255 colours from −limit over zero (number 127) to limit.
function signed_ramp(theme) {
  const ground = mix(theme.back, theme.text, 0.05);
  const strong = mix(theme.hue, theme.text, 0.35);
  return Array.from({ length: 255 }, (_, i) => {
    const share = (i - 127) / 127;
    if (share < 0) return mix(ground, theme.text, -share * 0.75);
    if (share < 0.6) return mix(ground, theme.hue, share / 0.6);
    return mix(theme.hue, strong, (share - 0.6) / 0.4);
  });
}

function draw_row_gaps(context, { data, theme, size }) {
  context.fillStyle = css(theme.back);
  for (let row = 1; row < data.R; row++) {
    context.fillRect(size.x.from, size.y.at(row) - 1.5, size.wide, 3);
  }
}

// As many names as fit; if not every row has a name, its number is written before the name.
function draw_row_names(context, { data, size, theme, chosen }) {
  const look = { px: Math.max(12, Math.min(17, size.y.step * 0.7)), align: "right", room: size.x.from - 12 };
  for (const row of named(size.y, 15, [chosen])) {
    const y = size.y.at(row) + size.y.step / 2;
    const weight = row === chosen ? 700 : 400;
    write(context, theme, numbered(size.y, data.rows, row), size.x.from - 8, y, { ...look, weight });
  }
}

function draw_column_names(context, { data, size, theme }) {
  const px = Math.max(12, Math.min(16, size.x.step * 0.7));
  for (const column of named(size.x, 15)) {
    const x = size.x.at(column) + size.x.step / 2;
    const name = numbered(size.x, data.columns, column);
    write(context, theme, name, x, size.y.from - 6, { px, turn: -Math.PI / 3, room: size.y.from });
  }
}

const numbered = (along, names, i) => (every(along, 15) > 1 ? `${i} ` : "") + names[i];

function draw_frames(context, { theme, size, chosen, hovered }) {
  const { x, y, wide, tall } = size;
  frame(context, css(theme.faint), 1, x.from - 0.5, y.from - 0.5, wide + 1, tall + 1);
  const strong = css(theme.text);
  if (chosen !== null) frame(context, strong, 2, x.from - 1, y.at(chosen), wide + 2, y.step);
  if (!hovered || hovered.column < 0) return;
  const [left, top] = [x.at(hovered.column) - 1, y.at(hovered.row) - 1];
  frame(context, strong, 1.5, left, top, x.step + 2, y.step + 2);
}

function draw_scale(context, { data, theme, size }) {
  const [left, top, width] = [size.x.from, size.y.to + 10, 180];
  const ramp = signed_ramp(theme);
  for (let i = 0; i < width; i++) {
    context.fillStyle = css(ramp[Math.round((i / (width - 1)) * 254)]);
    context.fillRect(left + 52 + i, top, 1.5, 14);
  }
  const text = (x) => significant(x, 2);
  write(context, theme, text(-data.limit), left + 46, top + 8, { px: 14, align: "right" });
  write(context, theme, text(data.limit), left + 58 + width, top + 8, { px: 14 });
}

function read_out({ data, hovered, reading }) {
  if (!hovered || hovered.column < 0) {
    reading.textContent = data.label;
    return;
  }
  const value = data.values[hovered.row * data.N + hovered.column];
  const name = (texts, i) => `“${texts[i]}” (${i})`;
  const row = data.columns ? name(data.rows, hovered.row) : data.rows[hovered.row];
  const column = data.columns ? name(data.columns, hovered.column) : `number ${hovered.column}`;
  const digits = data.exact ? exact(value) : `about ${value.toFixed(2)}`;
  reading.textContent = `${row} · ${column}: ${data.say} ${digits.replace("-", "−")}`;
}
