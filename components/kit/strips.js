// Vectors as strips: one cell for each number, a hue for positive, grey for negative.
import { css, ink, mix } from "./canvas.js";

// values: Float32Array; top: the size drawn in full colour. -> a <div class="strip"> to point at.
export function make_strip(values, top, theme, name, say) {
  const strip = document.createElement("div");
  const canvas = document.createElement("canvas");
  strip.className = "strip";
  Object.assign(canvas, { width: values.length, height: 1 });
  const context = canvas.getContext("2d");
  const image = context.createImageData(values.length, 1);
  const ground = mix(theme.back, theme.text, 0.06);
  values.forEach((value, i) => {
    const share = Math.min(1, Math.abs(value) / (top || 1));
    const hue = value < 0 ? mix(ground, theme.text, 0.75) : theme[name];
    const color = mix(ground, hue, share);
    image.data.set([...color, 255], 4 * i);
  });
  context.putImageData(image, 0, 0);
  strip.append(canvas);
  strip.onpointermove = (event) => {
    const box = strip.getBoundingClientRect();
    const i = Math.floor(((event.clientX - box.left) / box.width) * values.length);
    if (i >= 0 && i < values.length) say(i, values[i]);
  };
  return strip;
}

export const largest = (values) => values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
export const rows_of = (values, width) => Array.from(
  { length: values.length / width }, (_, i) => values.subarray(i * width, (i + 1) * width));

export const number = (x) => (x === -Infinity ? "−∞" : x.toFixed(3).replace("-", "−"));

export function apply_inks(box, theme) {
  for (const name of ["query", "key", "value", "attention", "residual"]) {
    box.style.setProperty(`--${name}`, ink(theme, name));
    box.style.setProperty(`--${name}-fill`, css(theme[name]));
  }
}
