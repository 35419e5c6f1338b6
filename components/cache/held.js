// What each policy keeps: a small triangle each, row = after reading a token, column = a token.
import { css, mix, paint_map, pixel, rgb, write } from "../kit/canvas.js";
import { cells, show_tip, stamp } from "../kit/grid.js";

const HEAD = 50, FOOT = 22, GAP = 22, LEAST = 210, MOST = 330;

export default cells({
  measure,
  paint,
  label: ({ data }) => `What each policy keeps, step by step: ${data.names.join(", ")}`,
  say: show_holders,
  cell_at,
  act() {},
  move: () => null,
});

function measure({ data }, width) {
  const n = data.names.length;
  const columns = Math.max(1, Math.min(n, Math.floor((width + GAP) / (LEAST + GAP))));
  const side = Math.min(MOST, (width - (columns - 1) * GAP) / columns);
  const tall = HEAD + side + FOOT;
  const places = data.names.map((_, i) => ({
    x: (i % columns) * (side + GAP), y: Math.floor(i / columns) * tall + HEAD, side,
  }));
  return { width, height: Math.ceil(n / columns) * tall, side, places };
}

function paint(context, grid) {
  const { data, theme, size } = grid;
  const place = { x: 0, y: 0, wide: size.width, high: size.height };
  stamp(context, grid, [data, theme, size.side], place, (own) =>
    data.names.forEach((_, i) => draw_panel(own, grid, size.places[i], i)));
}

function draw_panel(context, { data, theme, size: { side } }, { x, y }, i) {
  const part = { row: 0, column: 0, span: data.n };
  const own = { ...theme, pixels: ramp(theme, rgb(data.hues[i])) };
  paint_map(context, data[`held_${i}`], 0, part, { x, y, side }, own, false);
  const say = (text, at_x, at_y, look) =>
    write(context, theme, text, at_x, at_y, { baseline: "alphabetic", ...look });
  say(data.names[i], x, y - 29, { weight: 600, px: 17 });
  say(data.notes[i], x, y - 9, {});
  const soft = { px: 13, color: css(theme.soft) };
  say("tokens →", x, y + side + 15, soft);
  say("steps ↓", x + side, y + 14, { ...soft, align: "right" });
}

// Level 0, held by nobody, is grey; the others go from pale to the policy's hue.
function ramp({ back, text }, hue) {
  const low = mix(back, hue, 0.25);
  const color = (i) => (i === 0 ? mix(back, text, 0.1) : mix(low, hue, i / 255));
  return Array.from({ length: 256 }, (_, i) => pixel(color(i), 255));
}

function cell_at({ data, size }, at_x, at_y) {
  for (const [i, { x, y, side }] of size.places.entries()) {
    const column = Math.floor(((at_x - x) / side) * data.n);
    const row = Math.floor(((at_y - y) / side) * data.n);
    if (column >= 0 && column <= row && row < data.n) return { i, row, column };
  }
  return null;
}

function show_holders(grid) {
  const { hovered, size, data } = grid;
  if (!hovered) return show_tip(grid, "", {});
  const { i, row, column } = hovered;
  const share = data[`held_${i}`][(row * (row + 1)) / 2 + column] / 255;
  const token = column * data.stride;
  const part = `${(100 * share).toFixed(0)} % of the heads`;
  const who = share === 1 ? "all heads" : share === 0 ? "no head" : part;
  const text = `${data.names[i]}\nafter reading token ${row * data.stride}: `
    + `token ${token}  ${data.tokens[token]}\nis held by ${who}`;
  const { x, y } = size.places[i];
  const wide = size.side / data.n;
  show_tip(grid, text, { x: x + column * wide, y: y + (row / data.n) * size.side * 0.7, wide, away: 10 });
}
