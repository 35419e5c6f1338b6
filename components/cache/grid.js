// The KV cache as a picture: a column for each token, in each layer a cell of K above one of V.
import {
  choose, css, fit_canvas, forget, mix, read_theme, remember, settle, shorten, unpack,
} from "../kit/canvas.js";

const grids = new WeakMap();
const LEFT = 62, TOP = 6, GAP = 5, MOST_PITCH = 34;

function open_grid(parentElement) {
  const picture = parentElement.querySelector(".picture");
  const [canvas, tip] = ["canvas", ".tip"].map((name) => picture.querySelector(name));
  const grid = { picture, canvas, tip };
  grid.draw = () => draw_grid(grid);
  grid.canvas.onpointermove = (event) => point(grid, event);
  grid.canvas.onpointerleave = () => { grid.hovered = null; grid.draw(); };
  grid.canvas.onclick = (event) => {
    const cell = cell_at(grid, event);
    if (cell && cell.token < grid.data.n_entries) choose(grid, cell);
  };
  grid.canvas.onkeydown = (event) => press(grid, event);
  return grid;
}

export default function ({ parentElement, data, setTriggerValue }) {
  const grid = remember(grids, parentElement, open_grid);
  grid.data = unpack(data);
  grid.theme = read_theme(grid.picture, grid.data.colors);
  grid.send = (cell) => setTriggerValue("choose", cell);
  settle(grid, grid.data.chosen);
  const { n_layers, n_entries, n_prompt } = grid.data;
  grid.canvas.setAttribute("aria-label", `KV cache: ${n_layers} layers × ${n_entries} tokens, `
    + `${n_prompt} of them from the prefill; arrow keys choose a cached vector`);
  grid.draw();
  return () => forget(grids, parentElement);
}

// -- places ---------------------------------------------------------------------------------------

function measure_grid(grid) {
  const { n_layers, n_columns } = grid.data;
  const width = grid.picture.clientWidth;
  const pitch = Math.min(MOST_PITCH, (width - LEFT - 4) / n_columns);
  const row = Math.max(7, Math.min(40, 330 / n_layers));
  const named = pitch >= 15;
  const foot = 78;
  return { width, pitch, row, named, height: TOP + n_layers * row + foot };
}

const place = (size, { layer, token, kind }) => ({
  x: LEFT + token * size.pitch,
  y: TOP + layer * size.row + (kind === "V" ? half(size) : 0),
});
const half = (size) => (size.row - Math.min(GAP, size.row * 0.2)) / 2;

function cell_at(grid, event) {
  const box = grid.canvas.getBoundingClientRect();
  const { size, data } = grid;
  const [x, y] = [event.clientX - box.left - LEFT, event.clientY - box.top - TOP];
  const layer = Math.floor(y / size.row);
  const token = Math.floor(x / size.pitch);
  if (x < 0 || y < 0 || layer >= data.n_layers || token >= data.n_columns) return null;
  return { layer, token, kind: y - layer * size.row < half(size) ? "K" : "V" };
}

// -- drawing --------------------------------------------------------------------------------------

function draw_grid(grid) {
  if (!grid.data || !grid.picture.clientWidth) return;
  const size = (grid.size = measure_grid(grid));
  const context = fit_canvas(grid.canvas, size.width, size.height);
  draw_columns(context, grid, size);
  draw_layers(context, grid, size);
  draw_names(context, grid, size);
  draw_new(context, grid, size);
  outline(context, grid, size, grid.chosen, 2.5);
  if (grid.hovered) outline(context, grid, size, grid.hovered, 1.5);
  show_tip(grid);
}

function draw_columns(context, grid, size) {
  const { data, theme } = grid;
  const gap = size.pitch > 5 ? 1 : 0;
  const [wide, high] = [Math.max(size.pitch - gap, 0.6), Math.max(half(size) - 1, 2)];
  for (let token = 0; token < data.n_columns; token++) {
    const held = token < data.n_entries;
    const strength = token < data.n_prompt ? 0.5 : 1;
    for (let layer = 0; layer < data.n_layers; layer++) {
      for (const kind of ["K", "V"]) {
        const { x, y } = place(size, { layer, token, kind });
        const hue = theme[kind === "K" ? "key" : "value"];
        context.fillStyle = held ? css(mix(theme.back, hue, strength)) : css(theme.text, 0.06);
        context.fillRect(x, y, wide, high);
      }
    }
  }
}

function draw_layers(context, grid, size) {
  const { theme, data } = grid;
  context.font = `14px ${theme.font}`;
  context.fillStyle = css(theme.text);
  context.textAlign = "right";
  context.textBaseline = "middle";
  const every = Math.ceil(16 / size.row);
  for (let layer = 0; layer < data.n_layers; layer += every) {
    const word = layer === 0 ? "layer 0" : String(layer);
    context.fillText(word, LEFT - 8, TOP + layer * size.row + half(size));
  }
}

function draw_names(context, grid, size) {
  const { theme, data } = grid;
  const base = TOP + data.n_layers * size.row + 3;
  context.font = `14px ${theme.font}`;
  context.fillStyle = css(theme.text);
  if (!size.named) return draw_numbers(context, grid, size, base);
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (let token = 0; token < data.n_entries; token++) {
    context.save();
    context.translate(LEFT + (token + 0.5) * size.pitch + 2, base + 4);
    context.rotate(-Math.PI / 3.2);
    context.fillText(shorten(data.tokens[token], 9), 0, 4);
    context.restore();
  }
}

function draw_numbers(context, grid, size, base) {
  context.textAlign = "center";
  context.textBaseline = "top";
  const every = [10, 20, 50, 100, 200, 500].find((n) => n * size.pitch >= 46) ?? 1000;
  for (let token = 0; token < grid.data.n_columns; token += every) {
    const x = LEFT + (token + 0.5) * size.pitch;
    context.fillRect(x - 0.5, base, 1, 5);
    context.fillText(String(token), x, base + 8);
  }
  context.fillText("token of the text", LEFT + (grid.data.n_columns * size.pitch) / 2, base + 30);
}

// The columns this step added, framed.
function draw_new(context, grid, size) {
  const { data, theme } = grid;
  const x = LEFT + data.n_before * size.pitch;
  const width = (data.n_entries - data.n_before) * size.pitch;
  context.strokeStyle = css(theme.text);
  context.lineWidth = 2;
  context.setLineDash([5, 3]);
  context.strokeRect(x - 1.5, TOP - 3, width + 2, data.n_layers * size.row + 3);
  context.setLineDash([]);
}

function outline(context, grid, size, cell, thick) {
  if (cell.token >= grid.data.n_columns || cell.layer >= grid.data.n_layers) return;
  const { x, y } = place(size, cell);
  context.strokeStyle = css(grid.theme.text);
  context.lineWidth = thick;
  context.strokeRect(x - 1, y - 1, Math.max(size.pitch, 3) + 1, half(size) + 1);
}

// -- pointing -------------------------------------------------------------------------------------

function point(grid, event) {
  const cell = cell_at(grid, event);
  if (JSON.stringify(cell) === JSON.stringify(grid.hovered ?? null)) return;
  grid.hovered = cell;
  grid.draw();
}

function show_tip(grid) {
  const { tip, hovered, size, data } = grid;
  tip.hidden = !hovered;
  if (!hovered) return;
  const { x, y } = place(size, hovered);
  tip.textContent = words(hovered, data);
  const right = x > size.width / 2;
  tip.style.left = right ? "" : `${x + size.pitch + 8}px`;
  tip.style.right = right ? `${size.width - x + 8}px` : "";
  tip.style.top = `${Math.max(0, Math.min(y, size.height - tip.offsetHeight))}px`;
}

function words({ layer, token, kind }, data) {
  if (token >= data.n_entries) return `token ${token}: not cached at this step`;
  const when = token < data.n_prompt ? "written by the prefill" : `written by a decode step`;
  return `${kind} of token ${token}  ${data.tokens[token]}\nlayer ${layer}: ${data.n_heads} heads`
    + ` × ${data.d_head} numbers, ${data.cell_bytes} bytes\n${when}`;
}

const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

// Up and down go through K and V of every layer, left and right through the tokens.
function press(grid, event) {
  const move = MOVES[event.key];
  if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  event.stopPropagation();
  const { data, chosen } = grid;
  const within = (x, n) => Math.max(0, Math.min(n - 1, x));
  const line = within(chosen.layer * 2 + (chosen.kind === "V") + move[0], 2 * data.n_layers);
  const token = within(chosen.token + move[1], data.n_entries);
  choose(grid, { layer: line >> 1, token, kind: line % 2 ? "V" : "K" }, 150);
}
