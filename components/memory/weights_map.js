import {
  choose, css, frame, ink, is_large, mix, paint_scale, room_below, rounded, shorten, significant, unit, write,
} from "../kit/canvas.js";
import { axis, bold, cells, named, stamp, within } from "../kit/grid.js";

const GAP = 14; // units between memory and prompt
const PARTS = { desk: { labels: 92, bars: 96 }, large: { labels: 72, bars: 44 } }; // units: column names, bars
const NAME = 12; // pixels, the smallest column name

export default cells({
  take(map) {
    const { rows, slots, rest } = map.data;
    Object.assign(map, { n: rows.length, k: slots.length, columns: slots.length + rest.length });
    map.picture.style.setProperty("--memory", map.data.hues.memory);
  },
  open(map) { map.sums = map.picture.querySelector(".sums"); },
  measure,
  paint,
  label: ({ data, n, k }) =>
    `${n} tokens, what each reads of ${k} slots and ${data.rest_title}. ${data.of}`,
  say: read_out,
  cell_at: ({ size }, x, y) =>
    x > size.x.to ? null : { row: size.y.index(y), column: x < size.x.from ? null : size.x.index(x) },
  act: (map, { row }) => row !== null && choose(map, row),
  move: ({ n, chosen }, down, right) => (right ? null : within(chosen + down, n)),
});

function measure(map, width) {
  const { n, k, columns } = map;
  const left = width < 560 ? 84 : 120;
  const gap = k ? GAP : 0;
  const to = left + gap + Math.min(44, (width - left - gap - 4) / columns) * columns;
  const { labels, bars } = PARTS[is_large() ? "large" : "desk"];
  const top = labels + bars + 12;
  const room = is_large() ? room_below(map, 0) - map.canvas.offsetTop / unit() - top : 440;
  const row = Math.max(3, Math.min(26, room / n));
  const y = axis(n, top, top + row * n);
  return { labels, bars, width, height: y.to + 40, x: axis(columns, left, to, k, gap), y };
}

const weight = (map, row, c) => map.data.weights[row * map.columns + c];
const name_of = (map, c) => (c < map.k ? map.data.slots[c] : map.data.rest[c - map.k]);

function paint(context, map) {
  const { data, theme, size } = map;
  draw_heads(context, map);
  draw_names(context, map);
  draw_bars(context, map);
  const { x: { from: x, to }, y: { from: y, to: end } } = size;
  const place = { x, y, wide: to - x, high: end - y };
  stamp(context, map, [data, theme, to, end], place, (own) => draw_weights(own, map));
  draw_rows(context, map);
  paint_scale(context, theme, size.x.from, size.height - 32, 200);
}

function draw_heads(context, { data, theme, size, k }) {
  const split = k ? size.x.at(k - 1) + size.x.step : size.x.from;
  const marks = [[data.rest_title, size.x.to - data.rest.length * size.x.step, size.x.to, theme.query]];
  if (k) marks.unshift([`${data.title}: ${k} slots`, size.x.from, split, theme.memory]);
  for (const [text, from, to, hue] of marks) {
    const look = { weight: 600, baseline: "top", color: css(mix(hue, theme.text, 0.3)) };
    context.font = `600 15px ${theme.font}`;
    const wide = context.measureText(text).width;
    const room = (to === size.x.to ? size.width : to) - from;
    if (room > wide) write(context, theme, text, from, 0, look);
    else if (to - size.x.from > 2.5 * wide) write(context, theme, text, to - wide, 0, look);
    context.fillStyle = look.color;
    context.fillRect(from, 19, Math.max(2, to - from - 1), 3);
  }
}

// All columns if there is room for their names, else those that the chosen row reads most.
function named_columns(map) {
  const { size, chosen } = map;
  const every = Array.from({ length: map.columns }, (_, c) => c);
  if (size.x.step >= NAME) return every;
  every.sort((a, b) => weight(map, chosen, b) - weight(map, chosen, a));
  const names = [];
  for (const c of every) {
    if (weight(map, chosen, c) < 0.005) break;
    const far = (other) => Math.abs(size.x.at(c) - size.x.at(other)) >= NAME + 3;
    if (names.every(far)) names.push(c);
  }
  return names;
}

function draw_names(context, map) {
  const { theme, size } = map;
  const look = { px: Math.max(NAME, Math.min(15, size.x.step * 0.9)), turn: -Math.PI / 2 };
  for (const c of named_columns(map)) {
    const name = shorten(name_of(map, c), 9);
    write(context, theme, name, size.x.at(c) + size.x.step / 2, size.labels - 2, look);
  }
}

function draw_bars(context, map) {
  const { theme, size } = map;
  let most = 1e-9;
  for (let c = 0; c < map.columns; c++) most = Math.max(most, weight(map, map.chosen, c));
  const zero = size.labels + size.bars + 4;
  for (let c = 0; c < map.columns; c++) {
    const height = (weight(map, map.chosen, c) / most) * size.bars;
    context.fillStyle = css(c < map.k ? theme.memory : theme.query);
    context.fillRect(size.x.at(c), zero - height, Math.max(1, size.x.step - 1), height);
  }
  context.fillStyle = css(theme.faint);
  context.fillRect(size.x.from, zero, size.x.to - size.x.from, 1);
  const look = { px: 13, align: "right", color: css(theme.soft) };
  write(context, theme, significant(most, 3), size.x.from - 6, size.labels + 8, look);
  write(context, theme, "0", size.x.from - 6, zero - 2, look);
}

// Where several columns share a dot it takes the largest.
function draw_weights(context, map) {
  const { theme, size } = map;
  const ratio = context.ratio;
  const levels = new Uint8Array(Math.round((size.x.to - size.x.from) * ratio));
  for (let row = 0; row < map.n; row++) {
    levels.fill(0);
    const last = map.data.causal ? map.k + row + 1 : map.columns;
    for (let c = 0; c < last; c++) {
      const level = Math.round(Math.sqrt(weight(map, row, c)) * 255);
      const from = Math.round((size.x.at(c) - size.x.from) * ratio);
      const dots = Math.max(1, Math.round((size.x.step - (size.x.step > 6)) * ratio));
      for (let x = from; x < Math.min(from + dots, levels.length); x++) {
        levels[x] = Math.max(levels[x], level, 1);
      }
    }
    paint_row(context, theme, levels, size, row);
  }
}

function paint_row(context, theme, levels, { y }, row) {
  const ratio = context.ratio;
  const gap = y.step > 8 ? 1 : 0;
  let from = 0;
  for (let x = 1; x <= levels.length; x++) {
    if (x < levels.length && levels[x] === levels[from]) continue;
    if (levels[from]) {
      context.fillStyle = css(theme.ramp[levels[from]]);
      context.fillRect(from / ratio, row * y.step, (x - from) / ratio, y.step - gap);
    }
    from = x;
  }
}

function draw_rows(context, { data, theme, size, chosen }) {
  const px = Math.max(13, Math.min(16, size.y.step * 0.72));
  for (const row of named(size.y, 15, [chosen])) {
    const own = row === chosen && { weight: 700, color: ink(theme, "query") };
    const y = size.y.at(row) + size.y.step / 2;
    write(context, theme, shorten(data.rows[row], 13), size.x.from - 6, y, { px, align: "right", ...own });
  }
  const wide = size.x.to - size.x.from + 2;
  frame(context, css(theme.text), 1.5, size.x.from - 1, size.y.at(chosen) - 0.5, wide, size.y.step);
}

// -- words ----------------------------------------------------------------------------------------

function read_out(map) {
  const { data, chosen, reading, hovered } = map;
  const memory = data.from_memory[chosen];
  const number = data.rows[chosen] === "<|endoftext|>" ? -1 : chosen - data.start;
  map.sums.replaceChildren(
    bold(data.rows[chosen]), number < 0 ? "" : ` (token ${number})`, ": memory ",
    Object.assign(bold(six(memory)), { className: "memory" }),
    ` + ${data.rest_title} `, bold(six(data.sums[chosen] - memory)), " = ",
    bold(six(data.sums[chosen])), `. ${data.of}`);
  reading.replaceChildren(...cell_words(map, hovered?.column ?? null, hovered?.row ?? chosen));
}

function cell_words(map, column, row) {
  const { data, k } = map;
  if (column === null) {
    return ["Rows: the prompt's tokens, which read. Columns: what they read, slots of the memory, "
      + `then ${data.rest_title}. Click a row for its bars.`];
  }
  const [reader, read] = [bold(data.rows[row]), bold(name_of(map, column))];
  if (data.causal && column - k > row) return [reader, " cannot read ", read, ": it comes later"];
  const place = column < k ? "memory" : data.rest_title;
  return [reader, " reads ", read, ` (${place}), weight `, bold(rounded(weight(map, row, column)))];
}

const six = (x) => x.toFixed(6).replace("-", "−");
