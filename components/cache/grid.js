// The KV cache as a picture: a column for each token, in each layer a cell of K above one of V.
import { choose, css, frame, is_large, mix, room_below, shorten, write } from "../kit/canvas.js";
import { axis, cells, every, show_tip, within } from "../kit/grid.js";

const LEFT = 62, TOP = 6, GAP = 5, FOOT = 78, MOST_PITCH = 34;
const LEAST = { height: 240, large: 110 }; // of all layers; a window with less room must be scrolled
const MOST = 330; // on a desk
const NAMED = 15; // pixels that a token's name needs

export default cells({
  row: "layer",
  column: "token",
  measure,
  paint,
  label: ({ data: { n_layers, n_entries, n_prompt } }) => `KV cache: ${n_layers} layers × `
    + `${n_entries} tokens, ${n_prompt} of them from the prefill; arrow keys choose a cached vector`,
  say: show_words,
  cell_at({ size }, x, y) {
    const [layer, token] = [size.y.index(y), size.x.index(x)];
    if (layer === null || token === null) return null;
    return { layer, token, kind: y - size.y.at(layer) < size.half ? "K" : "V" };
  },
  act(grid, cell) {
    if (cell.token < grid.data.n_entries) choose(grid, cell);
  },
  // Up and down go through K and V of every layer, left and right through the tokens.
  move({ data, chosen }, down, right) {
    const line = within(chosen.layer * 2 + (chosen.kind === "V") + down, 2 * data.n_layers);
    const token = within(chosen.token + right, data.n_entries);
    return { layer: line >> 1, token, kind: line % 2 ? "V" : "K" };
  },
});

function measure(grid, width) {
  const { n_layers, n_columns } = grid.data;
  const below = room_below(grid, (is_large() ? LEAST.large : LEAST.height) + TOP + FOOT) - TOP - FOOT;
  const room = Math.min(is_large() ? Infinity : MOST, below);
  const pitch = Math.min(MOST_PITCH, (width - LEFT - 4) / n_columns);
  const row = Math.max(7, Math.min(40, room / n_layers));
  return {
    width, height: TOP + n_layers * row + FOOT, half: (row - Math.min(GAP, row * 0.2)) / 2,
    x: axis(n_columns, LEFT, LEFT + n_columns * pitch), y: axis(n_layers, TOP, TOP + n_layers * row),
  };
}

const top_of = (size, layer, kind) => size.y.at(layer) + (kind === "V" ? size.half : 0);

function paint(context, grid) {
  draw_vectors(context, grid);
  draw_layers(context, grid);
  if (grid.size.x.step >= NAMED) draw_names(context, grid);
  else draw_numbers(context, grid);
  draw_new(context, grid);
  outline(context, grid, grid.chosen, 2.5);
  if (grid.hovered) outline(context, grid, grid.hovered, 1.5);
}

function draw_vectors(context, { data, theme, size }) {
  const gap = size.x.step > 5 ? 1 : 0;
  const [wide, high] = [Math.max(size.x.step - gap, 0.6), Math.max(size.half - 1, 2)];
  for (const [kind, hue] of [["K", theme.key], ["V", theme.value]]) {
    for (let token = 0; token < data.n_columns; token++) {
      const color = css(mix(theme.back, hue, token < data.n_prompt ? 0.5 : 1));
      context.fillStyle = token < data.n_entries ? color : css(theme.text, 0.06);
      for (let layer = 0; layer < data.n_layers; layer++) {
        context.fillRect(size.x.at(token), top_of(size, layer, kind), wide, high);
      }
    }
  }
}

function draw_layers(context, { data, theme, size }) {
  for (let layer = 0; layer < data.n_layers; layer += every(size.y, 16)) {
    const y = size.y.at(layer) + size.half;
    write(context, theme, layer ? layer : "layer 0", LEFT - 8, y, { px: 14, align: "right" });
  }
}

function draw_names(context, { data, theme, size }) {
  const slanted = { px: 14, align: "right", turn: -Math.PI / 3.2 };
  for (let token = 0; token < data.n_entries; token++) {
    const x = size.x.at(token) + size.x.step / 2 + 2;
    write(context, theme, shorten(data.tokens[token], 9), x + 3.33, size.y.to + 9.22, slanted);
  }
}

function draw_numbers(context, { data, theme, size }) {
  const look = { px: 14, align: "center", baseline: "top" };
  for (let token = 0; token < data.n_columns; token += Math.max(10, every(size.x, 46))) {
    const x = size.x.at(token) + size.x.step / 2;
    write(context, theme, token, x, size.y.to + 11, look);
    context.fillStyle = css(theme.text);
    context.fillRect(x - 0.5, size.y.to + 3, 1, 5);
  }
  write(context, theme, "token of the text", (LEFT + size.x.to) / 2, size.y.to + 33, look);
}

// The columns this step added, framed.
function draw_new(context, { data, theme, size }) {
  context.setLineDash([5, 3]);
  const wide = (data.n_entries - data.n_before) * size.x.step + 2;
  const x = LEFT + data.n_before * size.x.step - 1.5;
  frame(context, css(theme.text), 2, x, TOP - 3, wide, size.y.to - TOP + 3);
  context.setLineDash([]);
}

function outline(context, { data, theme, size }, { layer, token, kind }, thick) {
  if (token >= data.n_columns || layer >= data.n_layers) return;
  const [x, y] = [size.x.at(token) - 1, top_of(size, layer, kind) - 1];
  frame(context, css(theme.text), thick, x, y, Math.max(size.x.step, 3) + 1, size.half + 1);
}

function show_words(grid) {
  const { data, size, hovered } = grid;
  if (!hovered) return show_tip(grid, "", {});
  const { layer, token, kind } = hovered;
  const when = token < data.n_prompt ? "written by the prefill" : "written by a decode step";
  const held = `${kind} of token ${token}  ${data.tokens[token]}\nlayer ${layer}: ${data.n_heads} `
    + `heads × ${data.d_head} numbers, ${data.cell_bytes} bytes\n${when}`;
  const text = token < data.n_entries ? held : `token ${token}: not cached at this step`;
  const [x, y] = [size.x.at(token), top_of(size, layer, kind)];
  show_tip(grid, text, { x, y, wide: size.x.step });
}
