// One token's residual stream from left to right: its thickness is its length; arrows are what
// attention and MLPs add, their length on the same scale, their angle the true one to the stream.
import { component, css, fit_canvas, ink, is_large, mix, room_below, width_of, write } from "../kit/canvas.js";

export default component(open_river);

function open_river(picture) {
  const river = { picture, canvas: picture.querySelector("canvas") };
  river.draw = () => river.data && picture.clientWidth > 0 && draw_river(river);
  return river;
}

const HEIGHT = 408, LEAST = 240;

// Where the stream's middle, the words and the legend are; share: of the usual height above the words.
function places(river) {
  const height = is_large() ? Math.min(HEIGHT, room_below(river, LEAST)) : HEIGHT;
  const words = height - 74;
  return { height, words, middle: (164 / 334) * words, share: words / (HEIGHT - 74) };
}

function draw_river(river) {
  const { data, picture } = river;
  const width = width_of(picture);
  river.y = places(river);
  const context = fit_canvas(river.canvas, width, river.y.height);
  const n = data.norm.length;
  const [left, right] = [64, 74];
  const pitch = (width - left - right) / (n - 1);
  const scale = river.y.share * pixels_per_unit(data);
  const x = (i) => left + i * pitch;
  const thick = (i) => Math.max(1.5, data.norm[i] * scale);
  draw_words(context, river, x, pitch);
  draw_body(context, river, x, thick);
  for (let i = 0; i < n - 1; i++) draw_write(context, river, i, x(i) + pitch / 2, thick, scale, pitch);
  draw_lengths(context, river, x, thick, pitch);
  draw_legend(context, river, width);
  river.canvas.setAttribute("role", "img");
  river.canvas.setAttribute("aria-label", data.title);
}

// Pixels for one unit of length: the stream at most 150 thick, no arrow beyond its half of the picture.
function pixels_per_unit(data) {
  const reaches = Array.from(data.added, (length, i) =>
    length * sine_of(data.cosine[i]) + Math.max(data.norm[i], data.norm[i + 1]) / 2);
  return Math.min(150 / Math.max(...data.norm, 1e-9), 112 / Math.max(...reaches, 1e-9));
}

const sine_of = (cosine) => (Number.isNaN(cosine) ? 1 : Math.sqrt(Math.max(0, 1 - cosine * cosine)));

function draw_body(context, { data, theme, y: { middle } }, x, thick) {
  const n = data.norm.length;
  const gradient = context.createLinearGradient(x(0), 0, x(n - 1), 0);
  gradient.addColorStop(0, css(theme.embedding, 0.9));
  gradient.addColorStop(Math.min(0.3, 2 / n), css(theme.residual, 0.75));
  gradient.addColorStop(1, css(theme.output, 0.9));
  context.fillStyle = gradient;
  context.beginPath();
  for (const side of [-1, 1]) {
    for (let step = 0; step < n; step++) {
      const i = side < 0 ? step : n - 1 - step;
      const y = middle + (side * thick(i)) / 2;
      if (step === 0 && side < 0) context.moveTo(x(i), y);
      else if (step === 0) context.lineTo(x(i), y);
      else {
        const before = side < 0 ? i - 1 : i + 1;
        const half = (x(i) + x(before)) / 2;
        context.bezierCurveTo(half, middle + (side * thick(before)) / 2, half, y, x(i), y);
      }
    }
    if (side < 0) {
      const [tip, end] = [x(n - 1) + 26, thick(n - 1) / 2];
      context.lineTo(x(n - 1), middle - end - 9);
      context.lineTo(tip, middle);
      context.lineTo(x(n - 1), middle + end + 9);
    }
  }
  context.fill();
}

// cosine 1 points along the stream, 0 stands at a right angle to it, −1 points against it.
function draw_write(context, river, i, x, thick, scale, pitch) {
  const { data, theme, y: { middle } } = river;
  const attention = i % 2 === 0;
  const length = data.added[i] * scale;
  const hue = attention ? "attention" : "mlp";
  const edge = Math.max(thick(i), thick(i + 1)) / 2 + 6;
  const outward = attention ? -1 : 1;
  const cosine = Number.isNaN(data.cosine[i]) ? 0 : data.cosine[i];
  const sine = sine_of(data.cosine[i]);
  // the arrow flies towards the stream: from outside, its tip at the stream's edge
  const tip = { x: x + Math.max(-pitch, (length * cosine) / 2), y: middle + outward * edge };
  const tail = { x: tip.x - length * cosine, y: tip.y + outward * length * sine };
  context.strokeStyle = context.fillStyle = css(theme[hue]);
  context.lineWidth = Math.max(2, Math.min(5, pitch / 8));
  context.lineCap = "round";
  context.beginPath();
  context.moveTo(tail.x, tail.y);
  context.lineTo(tip.x, tip.y);
  context.stroke();
  const head = Math.min(11, 3 + length * 0.4);
  const angle = Math.atan2(tip.y - tail.y, tip.x - tail.x);
  context.beginPath();
  context.moveTo(tip.x + Math.cos(angle) * 3, tip.y + Math.sin(angle) * 3);
  for (const turn of [2.6, -2.6]) {
    context.lineTo(tip.x + head * Math.cos(angle + turn), tip.y + head * Math.sin(angle + turn));
  }
  context.fill();
  if (pitch < 34) return;
  const look = { px: 14, align: "center", baseline: attention ? "bottom" : "top" };
  const words = short_number(data.added[i]);
  write(context, theme, words, tail.x, tail.y + outward * 5, { ...look, color: ink(theme, hue) });
}

const short_number = (x) => x.toFixed(x >= 10 ? 0 : 1);

function draw_lengths(context, river, x, thick, pitch) {
  const { data, theme, y: { middle } } = river;
  const every = 2 * Math.max(1, Math.ceil(46 / (2 * pitch)));
  for (let i = 0; i < data.norm.length; i += every) {
    const inside = thick(i) > 24;
    const color = inside ? "#ffffff" : css(theme.text);
    const y = inside ? middle : middle - thick(i) / 2 - 12;
    write(context, theme, short_number(data.norm[i]), x(i), y, { weight: 600, align: "center", color });
  }
}

function draw_words(context, river, x, pitch) {
  const { data, theme, y: { words } } = river;
  const room = 2 * pitch;
  const every = Math.max(1, Math.ceil(58 / room));
  const last = data.words.length - 1;
  const look = { align: "center", baseline: "alphabetic" };
  const soft = { ...look, px: 14, color: css(theme.soft) };
  for (let layer = 0; layer <= last; layer++) {
    if ((last - layer) % every) continue;
    const at = x(2 * layer);
    context.strokeStyle = css(theme.faint);
    context.lineWidth = 1;
    context.setLineDash([2, 4]);
    context.beginPath();
    context.moveTo(at, 20);
    context.lineTo(at, words - 20);
    context.stroke();
    context.setLineDash([]);
    const sure = data.word_probability[layer];
    const color = css(mix(mix(theme.back, theme.text, 0.55), theme.text, sure));
    const bold = { ...look, weight: 700, px: layer === last ? 21 : 18, color };
    write(context, theme, data.words[layer], at, words, { ...bold, room: room * every - 6 });
    const percent = sure < 0.01 ? "< 1 %" : `${Math.round(100 * sure)} %`;
    write(context, theme, percent, at, words + 19, soft);
    write(context, theme, layer === last ? "end" : `L${layer}`, at, 14, soft);
  }
}

function draw_legend(context, { theme, y: { height } }, width) {
  const y = height - 18;
  context.font = `15px ${theme.font}`;
  let at = 4;
  for (const [words, hue] of [["attention adds", "attention"], ["MLP adds", "mlp"]]) {
    context.fillStyle = css(theme[hue]);
    context.fillRect(at, y - 2, 26, 4);
    at += 32;
    write(context, theme, words, at, y, { color: ink(theme, hue) });
    at += context.measureText(words).width + 22;
  }
  const angle = "→ along the stream   ↑ ↓ at a right angle   ← against it";
  const room = context.measureText(angle).width;
  if (at + room < width) write(context, theme, angle, at, y, { color: css(theme.soft) });
}
