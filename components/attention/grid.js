import { css, frame, is_large, paint_map, room_below, write } from "../kit/canvas.js";
import { axis, cells, named, show_tip, stamp } from "../kit/grid.js";

const TOP = 44; // room for the head numbers
const SIDE = { least: 4, most: 104 }; // of a tile
const LEAST = { height: 320, large: 120 }; // of all tiles; a window with less room must be scrolled

export default cells({
  row: "layer",
  column: "head",
  measure,
  paint,
  label: ({ chosen: { layer, head } }) => "All heads, rows are layers, columns are heads. "
    + `Chosen: layer ${layer} head ${head}. Arrow keys choose another.`,
  say: show_note,
});

function measure(grid, width) {
  const { n_heads, n_layers } = grid.data;
  const left = width < 260 ? 34 : 40; // room for the layer numbers
  const gap = width / n_heads < 20 ? 2 : 3;
  const below = room_below(grid, (is_large() ? LEAST.large : LEAST.height) + TOP) - TOP;
  const room = Math.floor(Math.min((width - left) / n_heads, below / n_layers)) - gap;
  const side = Math.max(SIDE.least, Math.min(SIDE.most, room));
  const height = TOP + n_layers * (side + gap);
  const x = axis(n_heads, left, left + n_heads * (side + gap));
  return { width, height, side, x, y: axis(n_layers, TOP, height) };
}

function paint(context, grid) {
  const { data, theme, size, hovered, chosen } = grid;
  const place = { x: 0, y: 0, wide: size.width, high: size.height };
  stamp(context, grid, [data, theme, size.side], place, (own) => draw_tiles(own, grid));
  draw_numbers(context, grid);
  if (hovered) frame_tile(context, size, hovered, css(theme.soft), 2);
  frame_tile(context, size, chosen, css(theme.back), 6);
  frame_tile(context, size, chosen, css(theme.text), 3);
}

function draw_tiles(context, { data, theme, size }) {
  for (let layer = 0; layer < data.n_layers; layer++) {
    for (let head = 0; head < data.n_heads; head++) {
      const place = { x: size.x.at(head), y: size.y.at(layer), side: size.side };
      const draw = data.levels ? draw_tile : draw_number;
      draw(context, data, theme, place, layer * data.n_heads + head);
      frame(context, css(theme.faint), 1, place.x - 0.5, place.y - 0.5, size.side + 1, size.side + 1);
    }
  }
}

function draw_tile(context, data, theme, place, index) {
  const part = { row: 0, column: 0, span: data.n };
  paint_map(context, data.levels, (index * data.n * (data.n + 1)) / 2, part, place, theme, false);
}

function draw_number(context, data, theme, { x, y, side }, index) {
  const number = data.numbers[index];
  if (Number.isNaN(number)) return;
  const share = Math.max(0, Math.min(1, number / data.top));
  context.fillStyle = css(theme.ramp[Math.round(share * 255)]);
  context.fillRect(x, y, side, side);
  if (side < 26) return;
  const text = number.toFixed(data.top > 2 ? 1 : 2).replace(/^0\./, ".");
  const color = css(share > 0.42 ? theme.back : theme.text);
  const px = Math.min(18, Math.round(side * 0.36));
  write(context, theme, text, x + side / 2, y + side / 2, { px, color, align: "center" });
}

function draw_numbers(context, { theme, size, chosen }) {
  const look = (bold) => ({
    align: "center", px: size.x.step > 24 ? 15 : 12, weight: bold ? 700 : 400,
    color: css(bold ? theme.text : theme.soft),
  });
  const middle = size.side / 2;
  for (const head of named(size.x, 18, [chosen.head])) {
    write(context, theme, head, size.x.at(head) + middle, TOP - 11, look(head === chosen.head));
  }
  for (const layer of named(size.y, 18, [chosen.layer])) {
    const y = size.y.at(layer) + middle;
    write(context, theme, layer, size.x.from - 12, y, look(layer === chosen.layer));
  }
  write(context, theme, "head →", size.x.from, 10, { color: css(theme.soft) });
  const upwards = { color: css(theme.soft), align: "right", turn: -Math.PI / 2 };
  write(context, theme, "← layer", 10, TOP, upwards);
}

function frame_tile(context, { x, y, side }, { layer, head }, color, width) {
  const out = width / 2 + 0.5;
  frame(context, color, width, x.at(head) - out, y.at(layer) - out, side + 2 * out, side + 2 * out);
}

function show_note(grid) {
  const { data, size, hovered } = grid;
  if (!hovered) return show_tip(grid, "", {});
  const { layer, head } = hovered;
  const text = `layer ${layer} head ${head}\n${data.notes[layer * data.n_heads + head]}`;
  show_tip(grid, text, { x: size.x.at(head), y: size.y.at(layer), wide: size.x.step, away: 6 });
}
