// How one head's map looks: cells, labels, colour scale; on the screen and as a picture file.
import {
  css, fit_canvas, ink, paint_map, paint_scale, room_below, shorten,
} from "../kit/canvas.js";

const LEAST_HEIGHT = 320; // of the cells; a window with less room must be scrolled

function measure(map, width) {
  const small = width < 560;
  const left = small ? 96 : 126;
  const top = small ? 116 : 100;
  const legend = small ? 86 : 62; // for the colour scale under the map
  const room = room_below(map, LEAST_HEIGHT + top + legend) - top - legend;
  const side = Math.max(120, Math.min(width - left - 12, room, map.data.most_px));
  const cell = side / map.part.span;
  return { width, small, left, top, above: top, side, height: top + side + legend, cell };
}

export function draw_map(map) {
  const size = (map.size = measure(map, map.picture.clientWidth));
  if (map.picture.clientWidth === 0) return;
  const context = fit_canvas(map.canvas, size.width, size.height);
  context.drawImage(draw_cells(map), size.left, size.top, size.side, size.side);
  draw_surroundings(context, map, size);
  if (map.hovered) draw_cross(context, map, size, map.hovered, 1);
  draw_cross(context, map, size, map.chosen, 2.5);
  map.buttons[0].disabled = map.buttons[2].disabled = map.part.span >= map.n;
  map.buttons[1].disabled = map.part.span <= 4;
  map.canvas.dataset.chosen = `${map.chosen.query},${map.chosen.key}`;
  map.canvas.setAttribute("aria-label",
    `Attention map of ${map.data.title}, ${map.n} tokens. Rows: query (reads). `
    + "Columns: key (is read). Arrow keys choose a cell.");
}

// The cells alone, kept until the data, the theme, the size or the zoom change.
function draw_cells(map) {
  const { data, theme, part, size } = map;
  const made_of = [data, theme, size.side, part.row, part.column, part.span, devicePixelRatio];
  if (map.cells && made_of.every((x, i) => x === map.cells_made_of[i])) return map.cells;
  map.cells_made_of = made_of;
  map.cells = document.createElement("canvas");
  const context = fit_canvas(map.cells, size.side, size.side);
  paint_map(context, data.levels, 0, part, { x: 0, y: 0, side: size.side }, theme, true);
  if (size.cell >= 14) draw_gaps(context, map, size);
  return map.cells;
}

function draw_gaps(context, map, size) {
  context.fillStyle = css(map.theme.back);
  for (let i = 1; i < map.part.span; i++) {
    context.fillRect(i * size.cell - 0.5, 0, 1, size.side);
    context.fillRect(0, i * size.cell - 0.5, size.side, 1);
  }
}

function draw_surroundings(context, map, size) {
  const { theme } = map;
  context.strokeStyle = css(theme.faint);
  context.lineWidth = 1;
  context.strokeRect(size.left - 0.5, size.top - 0.5, size.side + 1, size.side + 1);
  draw_titles(context, map.data.title, theme, size);
  const places = label_places(map, size);
  for (const i of places.rows) draw_label(context, map, size, "query", i, css(theme.text));
  for (const i of places.columns) draw_label(context, map, size, "key", i, css(theme.text));
  draw_legend(context, map, size);
}

function draw_titles(context, title, theme, size) {
  const y = size.top - size.above + 14;
  context.textBaseline = "middle";
  context.textAlign = "left";
  context.font = `600 20px ${theme.font}`;
  context.fillStyle = css(theme.text);
  context.fillText(title, 0, y);
  const end = context.measureText(title).width;
  context.font = `600 16px ${theme.font}`;
  context.fillStyle = ink(theme, "key");
  if (size.small) context.fillText("key (is read) →", 0, y + 28);
  else context.fillText("key (is read) →", Math.max(size.left, end + 24), y);
  context.textBaseline = "top";
  context.fillStyle = ink(theme, "query");
  context.translate(2, size.top);
  context.rotate(-Math.PI / 2);
  context.textAlign = "right";
  context.fillText("← query (reads)", 0, 0);
  context.setTransform(context.ratio, 0, 0, context.ratio, 0, 0);
}

// Rows and columns whose token is written out: all, or every so many; the chosen ones win.
function label_places(map, size) {
  const every = label_step(size);
  const pick = (origin, kept) => {
    const places = [];
    for (let i = Math.ceil(origin / every) * every; i < origin + map.part.span; i += every) {
      if (kept.every((k) => k === null || Math.abs(k - i) * size.cell >= 15)) places.push(i);
    }
    return places;
  };
  const { chosen, hovered } = map;
  return {
    rows: pick(map.part.row, [chosen.query, hovered?.query ?? null]),
    columns: pick(map.part.column, [chosen.key, hovered?.key ?? null]),
  };
}

const label_step = (size) => [1, 2, 5, 10, 20, 50, 100, 200, 500].find((n) => n * size.cell >= 15);

function label_font(size) {
  const px = Math.max(12, Math.min(17, size.cell * 0.62));
  return Math.min(px, size.left > 100 ? 17 : 15);
}

function draw_label(context, map, size, axis, index, color, weight = 400) {
  const origin = axis === "query" ? map.part.row : map.part.column;
  const at = (index - origin + 0.5) * size.cell;
  if (at < 0 || at > size.side) return;
  const px = label_font(size);
  context.font = `${weight} ${px}px ${map.theme.font}`;
  context.textBaseline = "middle";
  context.fillStyle = color;
  const room = axis === "query" ? size.left - 34 : (size.above - (size.small ? 52 : 36)) * 1.15;
  const place = label_step(size) > 1 ? `${index} ` : ""; // not every token is written: say which
  const text = fit_text(context, place + map.data.tokens[index], room);
  if (axis === "query") {
    context.textAlign = "right";
    context.fillText(text, size.left - 7, size.top + at);
    return;
  }
  context.translate(size.left + at, size.top - 7);
  context.rotate(-Math.PI / 3);
  context.textAlign = "left";
  context.fillText(text, 0, 0);
  context.setTransform(context.ratio, 0, 0, context.ratio, 0, 0);
}

function fit_text(context, text, room) {
  const n_letters = [...text].length;
  for (let n = Math.min(n_letters, 40); n > 1; n--) {
    const short = shorten(text, n);
    if (context.measureText(short).width <= room) return short;
  }
  return shorten(text, 1);
}

function draw_cross(context, map, size, cell, width) {
  const { theme, part } = map;
  const x = size.left + (cell.key - part.column) * size.cell;
  const y = size.top + (cell.query - part.row) * size.cell;
  const within = (at, origin) => at >= origin - 0.01 && at < origin + size.side - 0.01;
  context.save();
  context.beginPath();
  context.rect(size.left - 3, size.top - 3, size.side + 6, size.side + 6);
  context.clip();
  context.lineWidth = width > 1 ? 1.5 : 1;
  const thick = Math.max(size.cell, 3);
  if (within(y, size.top)) {
    context.strokeStyle = ink(theme, "query");
    context.strokeRect(size.left, y, size.side, thick);
  }
  if (within(x, size.left)) {
    context.strokeStyle = ink(theme, "key");
    context.strokeRect(x, size.top, thick, size.side);
  }
  context.strokeStyle = css(theme.text);
  context.lineWidth = width;
  if (within(x, size.left) && within(y, size.top)) context.strokeRect(x, y, thick, thick);
  context.restore();
  draw_label(context, map, size, "query", cell.query, ink(theme, "query"), 700);
  draw_label(context, map, size, "key", cell.key, ink(theme, "key"), 700);
}

function draw_legend(context, map, size) {
  const { theme } = map;
  const y = size.top + size.side + 12;
  const width = Math.min(220, size.side * 0.55);
  paint_scale(context, theme, size.left, y, width);
  context.fillStyle = css(theme.soft);
  context.textAlign = "left";
  context.fillText(scale_words(map, size), size.left, y + 36);
  if (size.small) draw_future_sign(context, theme, size.left, y + 56);
  else draw_future_sign(context, theme, size.left + width + 22, y);
}

function draw_future_sign(context, theme, x, y) {
  context.save();
  context.beginPath();
  context.rect(x, y - 2, 18, 16);
  context.clip();
  context.strokeStyle = css(theme.faint);
  context.lineWidth = 1;
  for (let i = -18; i < 36; i += 7) {
    context.beginPath();
    context.moveTo(x + i, y + 15);
    context.lineTo(x + i + 18, y - 3);
    context.stroke();
  }
  context.strokeRect(x + 0.5, y - 1.5, 17, 15);
  context.restore();
  context.fillStyle = css(theme.text);
  context.font = `14px ${theme.font}`;
  context.textBaseline = "middle";
  context.fillText("future: cannot be read", x + 26, y + 6);
}

function scale_words(map, size) {
  const dot = 1 / (size.cell * (window.devicePixelRatio || 1));
  if (dot <= 1) return "colour = √weight";
  return `colour = √weight; a dot shows the largest of about ${(dot * dot).toFixed(1)} weights`;
}

// -- download -------------------------------------------------------------------------------------

const MARGIN = 18; // round the picture in the file

export function download_png(map) {
  const figure = draw_figure(map);
  const file = document.createElement("canvas");
  const [width, height] = [figure.width / 2 + 2 * MARGIN, figure.height / 2 + 2 * MARGIN];
  const context = fit_canvas(file, width, height, 2);
  context.fillStyle = css(map.theme.back);
  context.fillRect(0, 0, width, height);
  context.drawImage(figure, MARGIN, MARGIN, figure.width / 2, figure.height / 2);
  const name = `attention ${map.data.title}.png`.replace(/[^\w.-]+/g, "-");
  file.toBlob((blob) => save(blob, name));
}

// The map as it is zoomed now, with its origin above and the chosen cell below, at 2 dots a pixel.
function draw_figure(map) {
  const size = measure(map, map.picture.clientWidth);
  const [head, foot] = [30, 30];
  const figure = document.createElement("canvas");
  const context = fit_canvas(figure, size.width, size.height + head + foot, 2);
  const shifted = { ...size, top: size.top + head };
  draw_png_cells(context, map, shifted);
  draw_surroundings(context, map, shifted);
  draw_cross(context, map, shifted, map.chosen, 2.5);
  context.fillStyle = css(map.theme.text);
  context.font = `15px ${map.theme.font}`;
  context.textAlign = "left";
  context.textBaseline = "top";
  context.fillText(map.data.origin, 0, 4);
  context.fillText(map.reading.textContent, 0, size.height + head + 6);
  return figure;
}

function draw_png_cells(context, map, size) {
  const cells = document.createElement("canvas");
  const own = fit_canvas(cells, size.side, size.side, context.ratio);
  const place = { x: 0, y: 0, side: size.side };
  paint_map(own, map.data.levels, 0, map.part, place, map.theme, true);
  if (size.cell >= 14) draw_gaps(own, map, size);
  context.drawImage(cells, size.left, size.top, size.side, size.side);
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
