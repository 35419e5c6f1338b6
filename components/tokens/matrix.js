// A matrix of signed numbers: the hue for positive, grey for negative, the page's ground for zero.
import {
  css, exact, fit_canvas, forget, mix, pixel, read_theme, remember, shorten, unpack,
} from "../kit/canvas.js";

const signed_maps = new WeakMap();

export default function ({ parentElement, data, setTriggerValue }) {
  const map = remember(signed_maps, parentElement, open_signed);
  map.data = unpack(data);
  const hues = { ...map.data.colors, hue: map.data.hue };
  map.theme = read_theme(parentElement.host ?? parentElement, hues);
  map.send = (row) => setTriggerValue("choose", row);
  if (!map.data.exact) {
    map.data.values = Float32Array.from(map.data.levels, (x) => ((x - 128) / 127) * map.data.limit);
  }
  map.hovered = null;
  map.image = null;
  map.chosen = map.data.chosen;
  map.draw();
  return () => forget(signed_maps, parentElement);
}

function open_signed(parentElement) {
  const picture = parentElement.querySelector(".picture");
  const [canvas, reading] = ["canvas", ".reading"].map((name) => picture.querySelector(name));
  const map = { picture, canvas, reading };
  map.draw = () => map.data && picture.clientWidth && draw_signed(map);
  canvas.onpointermove = (event) => { map.hovered = cell_at(map, event); map.draw(); };
  canvas.onpointerleave = () => { map.hovered = null; map.draw(); };
  canvas.onclick = (event) => {
    const at = cell_at(map, event);
    if (at) pick(map, at.row);
  };
  canvas.onkeydown = (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    pick(map, Math.max(0, Math.min(map.data.R - 1, (map.chosen ?? -1) + by)));
  };
  return map;
}

function pick(map, row) {
  if (row === map.chosen) return;
  map.chosen = row;
  map.draw();
  clearTimeout(map.timer);
  map.timer = setTimeout(() => map.send(row), 120);
}

function measure_signed(map) {
  const { R, N, columns, height } = map.data;
  const full = map.picture.clientWidth;
  const left = full < 560 ? 92 : 150;
  const top = columns ? 84 : 10;
  const width = columns ? Math.min(full - left - 8, height, N * 90) : full - left - 8;
  const tall = columns ? (width * R) / N : Math.min(height, R * 46);
  return { left, top, width, tall, full, w: width / N, h: tall / R };
}

function cell_at(map, event) {
  const box = map.canvas.getBoundingClientRect();
  const { left, top, w, h } = map.size;
  const column = Math.floor((event.clientX - box.left - left) / w);
  const row = Math.floor((event.clientY - box.top - top) / h);
  const inside = row >= 0 && row < map.data.R && column < map.data.N;
  return inside ? { row, column: Math.max(column, -1) } : null;
}

function draw_signed(map) {
  const size = (map.size = measure_signed(map));
  const context = fit_canvas(map.canvas, size.full, size.top + size.tall + 40);
  map.image ??= paint_signed(map);
  const shrunk = size.w * context.ratio < 1 || size.h * context.ratio < 1;
  context.imageSmoothingEnabled = shrunk;
  context.imageSmoothingQuality = "high";
  context.drawImage(map.image, size.left, size.top, size.width, size.tall);
  if (!map.data.columns && size.h >= 12) draw_row_gaps(context, map);
  draw_names(context, map);
  draw_marks(context, map);
  draw_scale(context, map);
  map.canvas.setAttribute("aria-label", map.data.label);
  map.canvas.dataset.chosen = map.chosen ?? "";
  read_signed(map);
}

function paint_signed(map) {
  const { R, N, values, limit } = map.data;
  const canvas = Object.assign(document.createElement("canvas"), { width: N, height: R });
  const context = canvas.getContext("2d");
  const image = context.createImageData(N, R);
  const pixels = new Uint32Array(image.data.buffer);
  const ramp = signed_ramp(map.theme).map((color) => pixel(color, 255));
  for (let i = 0; i < pixels.length; i++) {
    const share = Math.max(-1, Math.min(1, values[i] / (limit || 1)));
    pixels[i] = ramp[Math.round(share * 127) + 127];
  }
  context.putImageData(image, 0, 0);
  return canvas;
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

function draw_row_gaps(context, map) {
  const { left, top, width, h } = map.size;
  context.fillStyle = css(map.theme.back);
  for (let row = 1; row < map.data.R; row++) context.fillRect(left, top + row * h - 1.5, width, 3);
}

// As many names as fit; where not every row is named, its number stands before the name.
function draw_names(context, map) {
  const { data, size, theme, chosen } = map;
  context.textBaseline = "middle";
  const every = Math.ceil(15 / size.h);
  const row_name = (row, weight) => {
    context.font = `${weight} ${Math.max(12, Math.min(17, size.h * 0.7))}px ${theme.font}`;
    context.fillStyle = css(theme.text);
    context.textAlign = "right";
    const text = (every > 1 ? `${row} ` : "") + data.rows[row];
    const y = size.top + (row + 0.5) * size.h;
    context.fillText(fit(context, text, size.left - 12), size.left - 8, y);
  };
  for (let row = 0; row < data.R; row += every) {
    const hidden = chosen !== null && row !== chosen && Math.abs(row - chosen) * size.h < 15;
    if (!hidden) row_name(row, row === chosen ? 700 : 400);
  }
  if (chosen !== null && chosen % every) row_name(chosen, 700);
  if (data.columns) draw_column_names(context, map, every);
}

function draw_column_names(context, map, every) {
  const { data, size, theme } = map;
  for (let column = 0; column < data.N; column += every) {
    context.save();
    context.translate(size.left + (column + 0.5) * size.w, size.top - 6);
    context.rotate(-Math.PI / 3);
    context.textAlign = "left";
    context.font = `${Math.max(12, Math.min(16, size.w * 0.7))}px ${theme.font}`;
    context.fillStyle = css(theme.text);
    const text = (every > 1 ? `${column} ` : "") + data.columns[column];
    context.fillText(fit(context, text, size.top), 0, 0);
    context.restore();
  }
}

function fit(context, text, room) {
  const n = [...text].length;
  for (let most = Math.min(n, 30); most > 1; most--) {
    const short = shorten(text, most);
    if (context.measureText(short).width <= room) return short;
  }
  return shorten(text, 1);
}

function draw_marks(context, map) {
  const { left, top, width, tall, w, h } = map.size;
  context.strokeStyle = css(map.theme.faint);
  context.lineWidth = 1;
  context.strokeRect(left - 0.5, top - 0.5, width + 1, tall + 1);
  context.strokeStyle = css(map.theme.text);
  if (map.chosen !== null) {
    context.lineWidth = 2;
    context.strokeRect(left - 1, top + map.chosen * h, width + 2, h);
  }
  if (map.hovered && map.hovered.column >= 0) {
    context.lineWidth = 1.5;
    const [x, y] = [left + map.hovered.column * w, top + map.hovered.row * h];
    context.strokeRect(x - 1, y - 1, w + 2, h + 2);
  }
}

function draw_scale(context, map) {
  const { left, top, tall } = map.size;
  const [y, width] = [top + tall + 10, 180];
  const ramp = signed_ramp(map.theme);
  for (let i = 0; i < width; i++) {
    context.fillStyle = css(ramp[Math.round((i / (width - 1)) * 254)]);
    context.fillRect(left + 52 + i, y, 1.5, 14);
  }
  const text = (x) => x.toPrecision(2).replace("-", "−");
  context.fillStyle = css(map.theme.text);
  context.font = `14px ${map.theme.font}`;
  context.textBaseline = "middle";
  context.textAlign = "right";
  context.fillText(text(-map.data.limit), left + 46, y + 8);
  context.textAlign = "left";
  context.fillText(text(map.data.limit), left + 58 + width, y + 8);
}

function read_signed(map) {
  const { data, hovered, reading } = map;
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
