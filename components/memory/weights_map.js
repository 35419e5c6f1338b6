import {
  choose, css, exact, fit_canvas, forget, ink, mix, paint_scale, read_theme, remember, settle,
  shorten, unpack,
} from "../kit/canvas.js";

const maps = new WeakMap();
const [LABELS, BARS, GAP] = [92, 96, 14]; // pixels: column names, bars, between memory and prompt
const NAME = 12; // pixels, the smallest column name

export default function ({ parentElement, data, setTriggerValue }) {
  const map = remember(maps, parentElement, open_map);
  map.data = unpack(data);
  map.n = map.data.rows.length;
  map.k = map.data.slots.length;
  map.columns = map.k + map.data.rest.length;
  map.theme = read_theme(parentElement.host ?? parentElement,
    { ...map.data.colors, memory: map.data.memory });
  map.send = (chosen) => setTriggerValue("choose", chosen);
  map.picture.style.setProperty("--memory", map.data.memory);
  settle(map, map.data.chosen);
  map.draw();
  return () => forget(maps, parentElement);
}

function open_map(parentElement) {
  const picture = parentElement.querySelector(".picture");
  const [canvas, reading, sums] = ["canvas", ".reading", ".sums"].map(
    (name) => picture.querySelector(name));
  const map = { picture, canvas, reading, sums };
  map.draw = () => map.data && draw_map(map);
  canvas.addEventListener("pointermove", (event) => {
    map.hovered = cell_at(map, event);
    read_out(map);
  });
  canvas.addEventListener("pointerleave", () => { map.hovered = null; read_out(map); });
  canvas.addEventListener("click", (event) => {
    const cell = cell_at(map, event);
    if (cell && cell.row !== null) choose(map, cell.row);
  });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    const next = Math.max(0, Math.min(map.n - 1, map.chosen + step));
    if (next !== map.chosen) choose(map, next, 150);
  });
  return map;
}

// -- places ---------------------------------------------------------------------------------------

function measure(map) {
  const width = map.picture.clientWidth;
  const left = width < 560 ? 84 : 120;
  const gap = map.k ? GAP : 0;
  const column = Math.min(44, (width - left - gap - 4) / map.columns);
  const row = Math.max(3, Math.min(26, 440 / map.n));
  const top = LABELS + BARS + 12;
  const end = left + gap + column * map.columns;
  return { width, left, gap, column, row, top, end, height: top + row * map.n + 40 };
}

const x_of = (map, c) => map.size.left + c * map.size.column + (c >= map.k ? map.size.gap : 0);

function cell_at(map, event) {
  const box = map.canvas.getBoundingClientRect();
  const { left, gap, column, row, top } = map.size;
  const [x, y] = [event.clientX - box.left, event.clientY - box.top];
  const inside = y >= top && y < top + row * map.n;
  const line = inside ? Math.floor((y - top) / row) : null;
  const split = left + map.k * column;
  if (x < left) return { row: line, column: null };
  if (x >= split && x < split + gap) return null;
  const c = x < split ? Math.floor((x - left) / column)
    : map.k + Math.floor((x - split - gap) / column);
  return c < map.columns ? { row: line, column: c } : null;
}

// -- drawing --------------------------------------------------------------------------------------

const weight = (map, row, c) => map.data.weights[row * map.columns + c];
const name_of = (map, c) => (c < map.k ? map.data.slots[c] : map.data.rest[c - map.k]);

function draw_map(map) {
  map.size = measure(map);
  if (!map.size.width) return;
  const context = fit_canvas(map.canvas, map.size.width, map.size.height);
  draw_heads(context, map);
  draw_columns(context, map);
  draw_bars(context, map);
  draw_cells(context, map);
  draw_rows(context, map);
  paint_scale(context, map.theme, map.size.left, map.size.height - 32, 200);
  map.canvas.setAttribute("aria-label",
    `${map.n} tokens, what each reads of ${map.k} slots and ${map.data.rest_title}. `
    + map.data.of);
  map.canvas.dataset.chosen = map.chosen;
  read_out(map);
}

function draw_heads(context, map) {
  const { data, theme, size } = map;
  context.font = `600 15px ${theme.font}`;
  context.textBaseline = "top";
  context.textAlign = "left";
  const split = size.left + map.k * size.column;
  const marks = [[data.rest_title, split + size.gap, size.end, theme.query]];
  if (map.k) marks.unshift([`${data.title}: ${map.k} slots`, size.left, split, theme.memory]);
  for (const [text, from, to, hue] of marks) {
    context.fillStyle = css(mix(hue, theme.text, 0.3));
    const wide = context.measureText(text).width;
    const room = (to === size.end ? size.width : to) - from;
    if (room > wide) context.fillText(text, from, 0);
    else if (to - size.left > 2.5 * wide) context.fillText(text, to - wide, 0);
    context.fillRect(from, 19, Math.max(2, to - from - 1), 3);
  }
}

// All columns where there is room for their names, else those that the chosen row reads most.
function named_columns(map) {
  const every = Array.from({ length: map.columns }, (_, c) => c);
  if (map.size.column >= NAME) return every;
  every.sort((a, b) => weight(map, map.chosen, b) - weight(map, map.chosen, a));
  const named = [];
  for (const c of every) {
    if (weight(map, map.chosen, c) < 0.005) break;
    const far = (other) => Math.abs(x_of(map, c) - x_of(map, other)) >= NAME + 3;
    if (named.every(far)) named.push(c);
  }
  return named;
}

function draw_columns(context, map) {
  const { theme, size } = map;
  context.font = `${Math.max(NAME, Math.min(15, size.column * 0.9))}px ${theme.font}`;
  context.textAlign = "left";
  context.textBaseline = "middle";
  for (const c of named_columns(map)) {
    context.save();
    context.translate(x_of(map, c) + size.column / 2, LABELS - 2);
    context.rotate(-Math.PI / 2);
    context.fillStyle = css(theme.text);
    context.fillText(shorten(name_of(map, c), 9), 0, 0);
    context.restore();
  }
}

function draw_bars(context, map) {
  const { theme, size } = map;
  let most = 1e-9;
  for (let c = 0; c < map.columns; c++) most = Math.max(most, weight(map, map.chosen, c));
  const zero = LABELS + BARS + 4;
  for (let c = 0; c < map.columns; c++) {
    const height = (weight(map, map.chosen, c) / most) * BARS;
    context.fillStyle = css(c < map.k ? theme.memory : theme.query);
    context.fillRect(x_of(map, c), zero - height, Math.max(1, size.column - 1), height);
  }
  context.fillStyle = css(theme.faint);
  context.fillRect(size.left, zero, size.end - size.left, 1);
  context.fillStyle = css(theme.soft);
  context.font = `13px ${theme.font}`;
  context.textAlign = "right";
  context.textBaseline = "middle";
  context.fillText(most.toPrecision(3), size.left - 6, LABELS + 8);
  context.fillText("0", size.left - 6, zero - 2);
}

// Where several columns share a dot it takes the largest.
function draw_cells(context, map) {
  const { theme, size } = map;
  const ratio = context.ratio;
  const dots = Math.round((size.end - size.left) * ratio);
  const levels = new Uint8Array(dots);
  for (let row = 0; row < map.n; row++) {
    levels.fill(0);
    const last = map.data.causal ? map.k + row + 1 : map.columns;
    for (let c = 0; c < last; c++) {
      const level = Math.round(Math.sqrt(weight(map, row, c)) * 255);
      const from = Math.round((x_of(map, c) - size.left) * ratio);
      const to = Math.max(from + 1, from + Math.round((size.column - (size.column > 6)) * ratio));
      for (let x = from; x < to && x < dots; x++) levels[x] = Math.max(levels[x], level, 1);
    }
    paint_row(context, theme, levels, size, row);
  }
}

function paint_row(context, theme, levels, size, row) {
  const ratio = context.ratio;
  const gap = size.row > 8 ? 1 : 0;
  let from = 0;
  for (let x = 1; x <= levels.length; x++) {
    if (x < levels.length && levels[x] === levels[from]) continue;
    if (levels[from]) {
      context.fillStyle = css(theme.ramp[levels[from]]);
      context.fillRect(size.left + from / ratio, size.top + row * size.row,
        (x - from) / ratio, size.row - gap);
    }
    from = x;
  }
}

function draw_rows(context, map) {
  const { theme, size } = map;
  context.textAlign = "right";
  context.textBaseline = "middle";
  const every = Math.ceil(15 / size.row);
  for (let row = 0; row < map.n; row++) {
    const own = row === map.chosen;
    if (!own && (row % every || Math.abs(row - map.chosen) < every)) continue;
    const height = Math.max(13, Math.min(16, size.row * 0.72));
    context.font = `${own ? 700 : 400} ${height}px ${theme.font}`;
    context.fillStyle = own ? ink(theme, "query") : css(theme.text);
    const y = size.top + (row + 0.5) * size.row;
    context.fillText(shorten(map.data.rows[row], 13), size.left - 6, y);
  }
  context.strokeStyle = css(theme.text);
  context.lineWidth = 1.5;
  context.strokeRect(size.left - 1, size.top + map.chosen * size.row - 0.5,
    size.end - size.left + 2, size.row);
}

// -- words ----------------------------------------------------------------------------------------

function part(text, name = "") {
  const made = document.createElement(name === "plain" ? "span" : "b");
  if (name) made.className = name;
  made.textContent = text;
  return made;
}

function read_out(map) {
  const { data, chosen } = map;
  const memory = data.from_memory[chosen];
  const number = data.rows[chosen] === "<|endoftext|>" ? -1 : chosen - data.start;
  map.sums.replaceChildren(
    part(data.rows[chosen]), number < 0 ? "" : ` (token ${number})`, ": memory ",
    part(six(memory), "memory"),
    ` + ${data.rest_title} `, part(six(data.sums[chosen] - memory)), " = ",
    part(six(data.sums[chosen])), `. ${data.of}`);
  const cell = map.hovered;
  if (!cell || cell.column === null) {
    map.reading.textContent = `Rows: the prompt's tokens, which read. Columns: what they read, `
      + `slots of the memory, then ${data.rest_title}. Click a row for its bars.`;
    return;
  }
  const row = cell.row ?? chosen;
  const name = name_of(map, cell.column);
  if (data.causal && cell.column - map.k > row) {
    map.reading.replaceChildren(part(data.rows[row]), " cannot read ", part(name),
      ": it comes later");
    return;
  }
  const place = cell.column < map.k ? "memory" : data.rest_title;
  map.reading.replaceChildren(part(data.rows[row]), " reads ", part(name), ` (${place}), weight `,
    part(exact(weight(map, row, cell.column))));
}

const six = (x) => x.toFixed(6).replace("-", "−");
