// What each policy keeps: a small triangle each, row = after reading a token, column = a token.
import {
  css, fit_canvas, forget, mix, paint_map, pixel, read_theme, remember, rgb, unpack,
} from "../kit/canvas.js";

const panels = new WeakMap();
const HEAD = 50, FOOT = 22, GAP = 22, LEAST = 210;

function open_panels(parentElement) {
  const picture = parentElement.querySelector(".picture");
  const [canvas, tip] = ["canvas", ".tip"].map((name) => picture.querySelector(name));
  const held = { picture, canvas, tip };
  held.draw = () => draw_panels(held);
  held.canvas.onpointermove = (event) => { held.hovered = cell_at(held, event); show_tip(held); };
  held.canvas.onpointerleave = () => { held.hovered = null; show_tip(held); };
  return held;
}

export default function ({ parentElement, data }) {
  const held = remember(panels, parentElement, open_panels);
  held.data = unpack(data);
  held.theme = read_theme(held.picture, held.data.colors);
  held.ramps = held.data.hues.map((hue) => ramp(held.theme, rgb(hue)));
  held.draw();
  return () => forget(panels, parentElement);
}

// Level 0, held by nobody, is grey; the others go from pale to the policy's hue.
function ramp({ back, text }, hue) {
  const low = mix(back, hue, 0.25);
  const color = (i) => (i === 0 ? mix(back, text, 0.1) : mix(low, hue, i / 255));
  return Array.from({ length: 256 }, (_, i) => pixel(color(i), 255));
}

function measure_panels(held) {
  const width = held.picture.clientWidth;
  const n = held.data.names.length;
  const columns = Math.max(1, Math.min(n, Math.floor((width + GAP) / (LEAST + GAP))));
  const side = Math.min(330, (width - (columns - 1) * GAP) / columns);
  const lines = Math.ceil(n / columns);
  return { width, columns, side, height: lines * (HEAD + side + FOOT) };
}

const corner = (size, i) => ({
  x: (i % size.columns) * (size.side + GAP),
  y: Math.floor(i / size.columns) * (HEAD + size.side + FOOT) + HEAD,
});

function draw_panels(held) {
  if (!held.data || !held.picture.clientWidth) return;
  const size = (held.size = measure_panels(held));
  const context = fit_canvas(held.canvas, size.width, size.height);
  held.data.names.forEach((name, i) => draw_panel(context, held, size, i, name));
}

function draw_panel(context, held, size, i, name) {
  const { theme, data } = held;
  const { x, y } = corner(size, i);
  const part = { row: 0, column: 0, span: data.n };
  const own = { ...theme, pixels: held.ramps[i] };
  paint_map(context, data[`held_${i}`], 0, part, { x, y, side: size.side }, own, false);
  context.textAlign = "left";
  context.textBaseline = "alphabetic";
  context.fillStyle = css(theme.text);
  context.font = `600 17px ${theme.font}`;
  context.fillText(name, x, y - 29);
  context.font = `15px ${theme.font}`;
  context.fillText(data.notes[i], x, y - 9);
  context.fillStyle = css(theme.soft);
  context.font = `13px ${theme.font}`;
  context.fillText("tokens →", x, y + size.side + 15);
  context.textAlign = "right";
  context.fillText("steps ↓", x + size.side, y + 14);
}

function cell_at(held, event) {
  const box = held.canvas.getBoundingClientRect();
  const { size, data } = held;
  for (let i = 0; i < data.names.length; i++) {
    const { x, y } = corner(size, i);
    const column = Math.floor(((event.clientX - box.left - x) / size.side) * data.n);
    const row = Math.floor(((event.clientY - box.top - y) / size.side) * data.n);
    if (column >= 0 && column <= row && row < data.n) return { i, row, column };
  }
  return null;
}

function show_tip(held) {
  const { tip, hovered, size, data } = held;
  tip.hidden = !hovered;
  if (!hovered) return;
  const { i, row, column } = hovered;
  const share = data[`held_${i}`][(row * (row + 1)) / 2 + column] / 255;
  const token = column * data.stride;
  const part = `${(100 * share).toFixed(0)} % of the heads`;
  const who = share === 1 ? "all heads" : share === 0 ? "no head" : part;
  tip.textContent = `${data.names[i]}\nafter reading token ${row * data.stride}: `
    + `token ${token}  ${data.tokens[token]}\nis held by ${who}`;
  const { x, y } = corner(size, i);
  const at = x + ((column + 1) / data.n) * size.side;
  const right = at > size.width / 2;
  tip.style.left = right ? "" : `${at + 10}px`;
  tip.style.right = right ? `${size.width - at + 20}px` : "";
  tip.style.top = `${y + (row / data.n) * size.side * 0.7}px`;
}
