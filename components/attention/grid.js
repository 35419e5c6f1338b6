import {
  choose, css, fit_canvas, forget, paint_map, read_theme, remember, room_below, settle, unpack,
} from "../kit/canvas.js";

const grids = new WeakMap();
const TOP = 44; // room for the head numbers
const SIDE = { least: 4, most: 104 }; // of a tile
const LEAST_HEIGHT = 320; // of all tiles; a window with less room must be scrolled

export default function ({ parentElement, data, setTriggerValue }) {
  const grid = remember(grids, parentElement, open_grid);
  grid.data = unpack(data);
  grid.theme = read_theme(parentElement.host ?? parentElement, grid.data.colors);
  grid.send = (chosen) => setTriggerValue("choose", chosen);
  settle(grid, grid.data.chosen);
  grid.draw();
  return () => forget(grids, parentElement);
}

function open_grid(parentElement) {
  const picture = parentElement.querySelector(".picture");
  const canvas = picture.querySelector("canvas");
  const grid = { picture, canvas, tip: picture.querySelector(".tip") };
  grid.draw = () => grid.data && draw_grid(grid);
  canvas.addEventListener("pointermove", (event) => point_at(grid, event));
  canvas.addEventListener("pointerleave", () => { grid.hovered = null; grid.draw(); });
  canvas.addEventListener("click", (event) => {
    const head = head_at(grid, event);
    if (head) choose(grid, head);
  });
  canvas.addEventListener("keydown", (event) => move_choice(grid, event));
  return grid;
}

function measure(grid) {
  const { n_heads, n_layers } = grid.data;
  const width = grid.picture.clientWidth;
  const left = width < 260 ? 34 : 40; // room for the layer numbers
  const gap = width / n_heads < 20 ? 2 : 3;
  const below = room_below(grid, LEAST_HEIGHT + TOP) - TOP;
  const room = Math.floor(Math.min((width - left) / n_heads, below / n_layers)) - gap;
  const side = Math.max(SIDE.least, Math.min(SIDE.most, room));
  return { width, left, side, pitch: side + gap, height: TOP + n_layers * (side + gap) };
}

const corner = (size, { layer, head }) =>
  ({ x: size.left + head * size.pitch, y: TOP + layer * size.pitch });

function draw_grid(grid) {
  const { data, theme, canvas } = grid;
  const size = (grid.size = measure(grid));
  if (size.width === 0) return;
  const context = fit_canvas(canvas, size.width, size.height);
  context.drawImage(draw_tiles(grid), 0, 0, size.width, size.height);
  draw_axes(context, data, theme, size, grid.chosen);
  if (grid.hovered) frame_tile(context, size, grid.hovered, css(theme.soft), 2);
  frame_tile(context, size, grid.chosen, css(theme.back), 6);
  frame_tile(context, size, grid.chosen, css(theme.text), 3);
  const { layer, head } = grid.chosen;
  canvas.setAttribute("aria-label",
    `All heads, rows are layers, columns are heads. Chosen: layer ${layer} head ${head}. `
    + "Arrow keys choose another.");
  canvas.dataset.chosen = `${layer},${head}`;
  show_tip(grid);
}

// All tiles, kept until the data, the theme or the size change: pointing redraws only frames.
function draw_tiles(grid) {
  const { data, theme, size } = grid;
  const made_of = [data, theme, size.width, size.height, window.devicePixelRatio];
  if (grid.tiles && made_of.every((part, i) => part === grid.tiles_made_of[i])) return grid.tiles;
  grid.tiles_made_of = made_of;
  grid.tiles = document.createElement("canvas");
  const context = fit_canvas(grid.tiles, size.width, size.height);
  for (let index = 0; index < data.n_layers * data.n_heads; index++) {
    const head = { layer: Math.floor(index / data.n_heads), head: index % data.n_heads };
    const place = { ...corner(size, head), side: size.side };
    if (data.levels) draw_tile(context, data, theme, place, index);
    else draw_number(context, data, theme, place, index);
  }
  return grid.tiles;
}

function draw_axes(context, data, theme, size, chosen) {
  const every = Math.ceil(18 / size.pitch); // a number needs 18 pixels
  const font = (bold) => `${bold ? 700 : 400} ${size.pitch > 24 ? 15 : 12}px ${theme.font}`;
  const color = (bold) => css(bold ? theme.text : theme.soft);
  context.textBaseline = "middle";
  context.textAlign = "center";
  for (let head = 0; head < data.n_heads; head++) {
    if (head % every && head !== chosen.head) continue;
    context.font = font(head === chosen.head);
    context.fillStyle = color(head === chosen.head);
    context.fillText(head, size.left + head * size.pitch + size.side / 2, TOP - 11);
  }
  for (let layer = 0; layer < data.n_layers; layer++) {
    if (layer % every && layer !== chosen.layer) continue;
    context.font = font(layer === chosen.layer);
    context.fillStyle = color(layer === chosen.layer);
    context.fillText(layer, size.left - 12, TOP + layer * size.pitch + size.side / 2);
  }
  context.font = `15px ${theme.font}`;
  context.fillStyle = css(theme.soft);
  context.textAlign = "left";
  context.fillText("head →", size.left, 10);
  context.translate(10, TOP);
  context.rotate(-Math.PI / 2);
  context.textAlign = "right";
  context.fillText("← layer", 0, 0);
  context.setTransform(context.ratio, 0, 0, context.ratio, 0, 0);
}

function draw_tile(context, data, theme, place, index) {
  const part = { row: 0, column: 0, span: data.n };
  paint_map(context, data.levels, (index * data.n * (data.n + 1)) / 2, part, place, theme, false);
  context.strokeStyle = css(theme.faint);
  context.lineWidth = 1;
  context.strokeRect(place.x - 0.5, place.y - 0.5, place.side + 1, place.side + 1);
}

function draw_number(context, data, theme, { x, y, side }, index) {
  const number = data.numbers[index];
  context.strokeStyle = css(theme.faint);
  context.lineWidth = 1;
  context.strokeRect(x - 0.5, y - 0.5, side + 1, side + 1);
  if (Number.isNaN(number)) return;
  const share = Math.max(0, Math.min(1, number / data.top));
  const level = Math.round(share * 255);
  context.fillStyle = css(theme.ramp[level]);
  context.fillRect(x, y, side, side);
  if (side < 26) return;
  context.fillStyle = css(share > 0.42 ? theme.back : theme.text);
  context.font = `${Math.min(18, Math.round(side * 0.36))}px ${theme.font}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  const text = number.toFixed(data.top > 2 ? 1 : 2).replace(/^0\./, ".");
  context.fillText(text, x + side / 2, y + side / 2);
}

function frame_tile(context, size, head, color, width) {
  const { x, y } = corner(size, head);
  const out = width / 2 + 0.5;
  context.strokeStyle = color;
  context.lineWidth = width;
  context.strokeRect(x - out, y - out, size.side + 2 * out, size.side + 2 * out);
}

function head_at(grid, event) {
  const box = grid.canvas.getBoundingClientRect();
  const head = Math.floor((event.clientX - box.left - grid.size.left) / grid.size.pitch);
  const layer = Math.floor((event.clientY - box.top - TOP) / grid.size.pitch);
  const { n_heads, n_layers } = grid.data;
  return head >= 0 && layer >= 0 && head < n_heads && layer < n_layers ? { layer, head } : null;
}

function point_at(grid, event) {
  const head = head_at(grid, event);
  if (JSON.stringify(head) === JSON.stringify(grid.hovered ?? null)) return;
  grid.hovered = head;
  grid.draw();
}

function show_tip(grid) {
  const { tip, hovered, size, data } = grid;
  tip.hidden = !hovered;
  if (!hovered) return;
  const { x, y } = corner(size, hovered);
  tip.textContent = `layer ${hovered.layer} head ${hovered.head}\n`
    + data.notes[hovered.layer * data.n_heads + hovered.head];
  const right = x > size.width / 2;
  tip.style.left = right ? "" : `${x + size.pitch + 6}px`;
  tip.style.right = right ? `${size.width - x + 6}px` : "";
  tip.style.top = `${Math.max(0, Math.min(y, size.height - tip.offsetHeight))}px`;
}

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

function move_choice(grid, event) {
  const step = STEPS[event.key];
  if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  event.stopPropagation();
  const { n_layers, n_heads } = grid.data;
  const within = (x, n) => Math.max(0, Math.min(n - 1, x));
  const { layer, head } = grid.chosen;
  const next = { layer: within(layer + step[0], n_layers), head: within(head + step[1], n_heads) };
  if (next.layer !== layer || next.head !== head) choose(grid, next, 150);
}
