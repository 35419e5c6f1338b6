// What every picture begins with: its message, colours, canvas, size and choice.
import { is_whole, script_rests } from "./dom.js";

// canvas.pack's twin: Uint8Array -> header with its arrays (Uint8Array or Float32Array) as fields.
export function unpack(bytes) {
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  for (const [name, [type, start, size]] of Object.entries(header.arrays)) {
    const Kind = type === "float32" ? Float32Array : Uint8Array;
    header[name] = new Kind(buffer, 4 + length + start, size);
  }
  return header;
}

// -- colours --------------------------------------------------------------------------------------

export function rgb(color) {
  const context = document.createElement("canvas").getContext("2d");
  context.fillStyle = color;
  context.fillRect(0, 0, 1, 1);
  return Array.from(context.getImageData(0, 0, 1, 1).data.slice(0, 3));
}

export const mix = (a, b, share) => a.map((x, i) => Math.round(x + (b[i] - x) * share));
export const pixel = ([r, g, b], alpha) => (alpha << 24) | (b << 16) | (g << 8) | r;
export const css = (color, alpha = 1) => `rgba(${color.join(",")},${alpha})`;

// What the theme says now; `attention` has 256 steps of [r, g, b] for √weight.
export function read_theme(element, colors) {
  const style = getComputedStyle(element);
  const of = (name) => rgb(style.getPropertyValue(name));
  const theme = { font: style.getPropertyValue("--st-font") };
  theme.back = of("--st-background-color");
  theme.text = of("--st-text-color");
  theme.faint = mix(theme.back, theme.text, is_large() ? 0.4 : 0.25);
  theme.soft = mix(theme.back, theme.text, is_large() ? 0.85 : 0.65);
  for (const [name, color] of Object.entries(colors)) theme[name] = rgb(color);
  const low = mix(theme.back, theme.attention, 0.13);
  const high = mix(theme.attention, theme.text, 0.8);
  theme.ramp = Array.from({ length: 256 }, (_, level) => {
    const p = level / 255;
    if (p < 0.6) return mix(low, theme.attention, p / 0.6);
    return mix(theme.attention, high, (p - 0.6) / 0.4);
  });
  theme.pixels = theme.ramp.map((color) => pixel(color, 255));
  return theme;
}

// A hue on the page's ground strong enough to be read as text: WCAG asks for a contrast of 4.5.
const READABLE = 5; // a little more, for rows that are pointed at are shaded
export function ink(theme, name) {
  let share = 0.3;
  while (share < 1 && contrast(mix(theme[name], theme.text, share), theme.back) < READABLE) share += 0.05;
  return css(mix(theme[name], theme.text, share));
}

function contrast(one, other) {
  const [dark, bright] = [brightness(one), brightness(other)].toSorted((a, b) => a - b);
  return (bright + 0.05) / (dark + 0.05);
}

// WCAG's relative luminance of [r, g, b], 0 to 1.
function brightness(color) {
  const [r, g, b] = color.map((x) => (x <= 10 ? x / 3294 : ((x / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

// -- drawing --------------------------------------------------------------------------------------

// A picture is drawn in units: on a desk one is a CSS pixel, in presentation mode more
// (presenting.css), so that all that is written in a picture grows with it.
export const unit = () =>
  Number(getComputedStyle(document.documentElement).getPropertyValue("--picture-scale")) || 1;
export const is_large = () => unit() > 1; // presentation mode: a picture fits the screen
export const dots = () => unit() * (window.devicePixelRatio || 1); // of the screen, in a unit
export const width_of = (element) => element.clientWidth / unit();
const LEAST_LARGE = 13; // units of type where a unit is more than a pixel

// Where a pointer is on a canvas, in units.
export function place_of(canvas, event) {
  const box = canvas.getBoundingClientRect();
  return [(event.clientX - box.left) / unit(), (event.clientY - box.top) / unit()];
}

// Sizes a canvas in units and hands back its context, in which 1 is a unit.
// A picture that is taken away draws vectors instead (kit/export/dom_svg.js).
export function fit_canvas(canvas, width, height, ratio = dots()) {
  if (canvas.take_vectors) return canvas.take_vectors(width, height);
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
  Object.assign(canvas.style, { width: `${width * unit()}px`, height: `${height * unit()}px` });
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.ratio = ratio;
  return context;
}

// Paints a square part of a causal map. levels: the lower triangle, row by row, from `start` on.
// part: {row, column, span} in tokens, whole or not; place: {x, y, side} in CSS pixels. Where one dot stands for
// several weights it takes the largest; dots in the future are hatched or left empty.
export function paint_map(context, levels, start, part, place, theme, hatch) {
  const side = Math.round(place.side * context.ratio);
  const image = context.createImageData(side, side);
  const pixels = new Uint32Array(image.data.buffer);
  const line = hatch ? pixel(theme.faint, 190) : 0;
  const period = Math.round(7 * context.ratio);
  const from = (dot, origin) => Math.floor(origin + (dot * part.span) / side);
  const to = (dot, origin) => Math.max(from(dot, origin) + 1, from(dot + 1, origin));
  for (let y = 0; y < side; y++) {
    const [row, row_end] = [from(y, part.row), to(y, part.row)];
    for (let x = 0; x < side; x++) {
      const [column, column_end] = [from(x, part.column), to(x, part.column)];
      let level = -1;
      for (let i = Math.max(row, column); i < row_end; i++) {
        const base = start + (i * (i + 1)) / 2;
        const last = Math.min(column_end, i + 1);
        for (let j = column; j < last; j++) if (levels[base + j] > level) level = levels[base + j];
      }
      const empty = (x + y) % period < context.ratio ? line : 0;
      pixels[y * side + x] = level < 0 ? empty : theme.pixels[level];
    }
  }
  context.putImageData(
    image, Math.round(place.x * context.ratio), Math.round(place.y * context.ratio)
  );
}

// The colour scale of the weights: a bar whose colours grow with √weight, ticks in weights.
export function paint_scale(context, theme, x, y, width) {
  for (let i = 0; i < width; i++) {
    context.fillStyle = css(theme.ramp[Math.floor((i / width) * 256)]);
    context.fillRect(x + i, y, 1.5, 12);
  }
  context.fillStyle = css(theme.text);
  context.font = `13px ${theme.font}`;
  context.textBaseline = "top";
  context.textAlign = "center";
  for (const weight of width < 200 ? [0, 0.1, 0.3, 1] : [0, 0.01, 0.1, 0.3, 0.6, 1]) {
    const at = x + Math.sqrt(weight) * width;
    context.fillRect(at - 0.5, y + 12, 1, 4);
    context.fillText(String(weight), at, y + 18);
  }
}

export const shorten = (text, most) => {
  const letters = [...text];
  return letters.length > most ? `${letters.slice(0, most - 1).join("")}…` : text;
};

// As much of a text as `room` pixels hold, in the context's font.
export function fitted(context, text, room) {
  if (context.measureText(text).width <= room) return text;
  for (let n = [...text].length - 1; n > 1; n--) {
    const short = shorten(text, n);
    if (context.measureText(short).width <= room) return short;
  }
  return shorten(text, 1);
}

// Writes a text at a point: `color` is CSS, `turn` an angle; it is cut to `room` pixels, or made
// narrower to be no wider than `squeeze`.
export function write(context, theme, text, x, y, {
  px = 15, weight = 400, color = css(theme.text), align = "left", baseline = "middle", turn = 0, room, squeeze,
} = {}) {
  if (is_large()) px = Math.max(px, LEAST_LARGE);
  context.save();
  Object.assign(context, { font: `${weight} ${px}px ${theme.font}`, fillStyle: color });
  Object.assign(context, { textAlign: align, textBaseline: baseline, textRendering: "geometricPrecision" });
  context.translate(x, y);
  if (turn) context.rotate(turn);
  context.fillText(room === undefined ? text : fitted(context, text, room), 0, 0, squeeze);
  context.restore();
}

export function frame(context, color, width, x, y, wide, high) {
  Object.assign(context, { strokeStyle: color, lineWidth: width });
  context.strokeRect(x, y, wide, high);
}

// As people read a number: three significant digits. Take away has them all.
export const rounded = (x) => significant(x, 3);

// Where a number is computed with or adds up before the reader's eyes: six.
export const exact = (x) => significant(x, 6);

// x rounded to so many significant digits, never in e-notation: 0.0123, −4.5, 1.2 × 10⁻⁵.
export function significant(x, digits) {
  const [mantissa, power] = Math.abs(x).toExponential(digits - 1).split("e");
  const sign = x < 0 ? "−" : "";
  if (x === 0 || (power >= -5 && power < 9)) {
    const shown = Number(`${mantissa}e${power}`);
    const places = Math.min(20, Math.max(0, digits - 1 - power));
    return sign + shown.toLocaleString("en", { maximumFractionDigits: places });
  }
  return `${sign}${Number(mantissa)} × 10${[...`${Number(power)}`].map((c) => RAISED[c]).join("")}`;
}

const RAISED = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

// -- components -----------------------------------------------------------------------------------

// A component's default export. open(picture) -> its state, which has draw(); take(state, data
// before) follows each message, and what it hands back runs after the drawing.
export function component(open, take = () => {}) {
  const states = new WeakMap();
  return ({ parentElement, data, setTriggerValue }) => {
    const make = () => open(parentElement.querySelector(".picture"));
    const state = remember(states, parentElement, make);
    const before = state.data;
    state.data = unpack(data);
    const { colors, hues, chosen } = state.data;
    state.theme = read_theme(parentElement.host ?? parentElement, { ...colors, ...hues });
    for (const [name, hue] of Object.entries(hues ?? {})) {
      state.picture.style.setProperty(`--${name}`, hue);
    }
    state.tell = setTriggerValue;
    state.send = (choice) => setTriggerValue("choose", choice);
    if (chosen !== undefined) settle(state, chosen);
    const after = take(state, before);
    state.draw();
    after?.();
    return () => forget(states, parentElement);
  };
}

// One state per mounted component; the default export runs again at every update.
export function remember(states, parentElement, open) {
  let state = states.get(parentElement);
  if (!state) {
    states.set(parentElement, (state = open(parentElement)));
    state.observer = new ResizeObserver(() => state.draw());
    state.observer.observe(parentElement.querySelector(".picture"));
    state.resized = () => state.draw();
    window.addEventListener("resize", state.resized);
    parentElement.querySelector(".picture").addEventListener("draw_vectors", state.resized);
  }
  return state;
}

// Called at updates too, not only when the component goes.
export function forget(states, parentElement) {
  const state = states.get(parentElement);
  if (!state || parentElement.querySelector(".picture").isConnected) return;
  clearTimeout(state.timer);
  clearTimeout(state.following);
  window.removeEventListener("resize", state.resized);
  state.observer.disconnect();
  states.delete(parentElement);
}

// Units from a picture's top to the window's lower edge, with the page scrolled to its start; at
// least `least`. It follows the window, and the page above: to the pixel until a key is pressed, for
// a page is put together in its own time; then only when that moves by LINES or more, for a prompt
// box that grows by a line while one types must not resize the picture.
const LINES = 60;
export function room_below(state, least) {
  const [top, now] = [top_of(state), `${innerWidth} x ${innerHeight}`];
  const is_new = state.window !== now;
  if (is_new || Math.abs(top - state.top) >= LINES) {
    Object.assign(state, { window: now, top }, is_new && { since: performance.now() });
    delete state.picture.dataset.rest;
    follow(state);
  }
  return Math.max(least, (innerHeight - state.top) / unit());
}

const top_of = (state) => state.picture.getBoundingClientRect().top + scrolled(state.picture);

let last_key = -Infinity;
addEventListener("keydown", () => { last_key = performance.now(); }, true);

// Looks again and again where the page above has put the picture. data-rest: nothing has moved since
// the last look, Streamlit runs no script, and the page is whole.
const LOOK_MS = 400;
function follow(state) {
  clearTimeout(state.following);
  state.following = setTimeout(() => {
    if (!state.picture.isConnected) return;
    const [top, is_typed] = [top_of(state), last_key > state.since];
    const moves = !is_typed && Math.abs(top - state.top) > 0.5;
    if (moves) {
      state.top = top;
      state.draw();
    }
    const rests = !moves && script_rests() && is_whole();
    if (rests) state.picture.dataset.rest = "";
    else delete state.picture.dataset.rest;
    if (!is_typed || !rests) follow(state);
  }, LOOK_MS);
}

// How far everything round an element is scrolled, also outside the component's shadow root.
function scrolled(element) {
  let pixels = 0;
  for (let at = element; at; at = at.parentNode ?? at.host) pixels += at.scrollTop ?? 0;
  return pixels;
}

// A choice made here holds until the server has heard of it: an older run must not undo it.
const PATIENCE_MS = 4000;
export function settle(state, chosen) {
  const late = performance.now() - (state.chosen_at ?? -PATIENCE_MS) > PATIENCE_MS;
  if (late || JSON.stringify(chosen) === JSON.stringify(state.chosen)) {
    state.chosen = chosen;
    state.chosen_at = -PATIENCE_MS;
  }
}

// Shows a choice at once and sends it when the keys rest.
export function choose(state, chosen, rest_ms = 0) {
  state.chosen = chosen;
  state.chosen_at = performance.now();
  state.draw();
  clearTimeout(state.timer);
  state.timer = setTimeout(() => state.send(chosen), rest_ms);
}

// A scrolling box fades at every edge beyond which there is more; data-more names these edges.
export function fade_edges(box) {
  const update = () => {
    const { scrollLeft: x, scrollTop: y } = box;
    const hidden = {
      top: y, bottom: box.scrollHeight - box.clientHeight - y,
      left: x, right: box.scrollWidth - box.clientWidth - x,
    };
    const more = Object.keys(hidden).filter((side) => hidden[side] > 2);
    if (box.dataset.more === more.join(" ")) return;
    box.dataset.more = more.join(" ");
    box.style.maskImage = more.map((side) => `linear-gradient(to ${OPPOSITE[side]}, `
      + "rgba(0, 0, 0, 0.12), black 2.2em)").join(", ");
    box.style.maskComposite = "intersect";
  };
  box.addEventListener("scroll", update, { passive: true });
  new ResizeObserver(update).observe(box);
  new MutationObserver(update).observe(box, { childList: true, subtree: true });
  update();
}

const OPPOSITE = { top: "bottom", bottom: "top", left: "right", right: "left" };
