// One LayerNorm on one vector: four pictures of it, and the arithmetic of the place pointed at.
import {
  component, css, exact, fit_canvas, is_large, place_of, room_below, significant, unit, width_of, write,
} from "../kit/canvas.js";
import { make } from "../kit/dom.js";

export default component(open_norm, (norm) => {
  if (!(norm.at < norm.data.x.length)) norm.at = norm.data.start;
  build(norm);
});

function open_norm(picture) {
  const norm = { picture, at: NaN };
  norm.draw = () => norm.rows && picture.clientWidth > 0 && draw_norm(norm);
  return norm;
}

const LEAST = 150; // of all rows together, in units
const EDGE = 62; // pixels for the numbers beside the bars
const round = (x) => significant(x, 4);
const say = exact;

function build(norm) {
  const { data, picture } = norm;
  const rows = [
    ["x", "x", "the residual stream here", "residual"],
    ["centred", "x − μ", "its mean is 0", "residual"],
    ["normed", "(x − μ) ÷ σ", "its length is √D, its spread 1", "output"],
    ["gamma", "× γ", "learned, one for each place", "norm"],
    ["beta", "+ β", "learned, one for each place", "norm"],
    ["output", "output", "what the next part reads", "attention"],
  ];
  const between = [
    `− μ = ${say(data.mean)}: the mean of the ${data.x.length} numbers`,
    `÷ σ = ${say(data.sigma)} = √(mean of (x − μ)² + ε), ε = ${data.eps}`,
  ];
  norm.rows = [];
  const children = rows.flatMap(([name, title, note, hue], i) => {
    const canvas = document.createElement("canvas");
    const label = make("div", "name", [make("b", "", title), make("small", "", note)]);
    canvas.onpointermove = (event) => {
      const share = place_of(canvas, event)[0] / (width_of(canvas) - EDGE);
      const at = Math.floor(share * data.x.length);
      if (at < 0 || at >= data.x.length || at === norm.at) return;
      norm.at = at;
      norm.draw();
    };
    norm.rows.push({ canvas, values: data[name], hue, height: hue === "norm" ? 40 : 62 });
    const row = make("div", "norm-row", [label, canvas]);
    return i < between.length ? [row, make("div", "arrow", [make("span", "", between[i])])] : [row];
  });
  norm.sum = make("div", "sum");
  picture.replaceChildren(...children, norm.sum);
}

function draw_norm(norm) {
  const { data, rows, theme, at, sum } = norm;
  norm.picture.classList.toggle("large", is_large());
  const share = share_of(norm);
  for (const row of rows) draw_bars({ ...row, height: row.height * share }, theme, at);
  const bold = (text) => make("b", "", text);
  const soft = (text) => make("i", "", text);
  const gain = data.normed[at] * data.gamma[at];
  sum.replaceChildren(
    soft(`place ${at}:`), bold(say(data.x[at])), soft(`− μ →`), bold(say(data.centred[at])),
    soft("÷ σ →"), bold(say(data.normed[at])), soft(`× γ ${say(data.gamma[at])} →`),
    bold(say(gain)), soft(`+ β ${say(data.beta[at])} →`), bold(say(data.output[at])),
  );
}

// In presentation mode the six rows are as high as the screen has room for.
const WORDS = 150; // units of the words between and below the rows
function share_of(norm) {
  if (!is_large()) return 1;
  const all = norm.rows.reduce((sum, { height }) => sum + height, 0);
  return Math.min(1, (room_below(norm, WORDS + LEAST) - WORDS) / all);
}

// Bars from the zero line, as many as there are pixels; where several share one, the largest size.
function draw_bars({ canvas, values, hue, height }, theme, at) {
  const whole = (canvas.parentElement.getBoundingClientRect().right
    - canvas.getBoundingClientRect().left) / unit();
  const width = whole - EDGE;
  const context = fit_canvas(canvas, whole, height);
  let [low, high] = [0, 0];
  for (const x of values) [low, high] = [Math.min(low, x), Math.max(high, x)];
  const scale = (height - 8) / (high - low || 1);
  const y = (x) => 4 + (high - x) * scale;
  const pitch = width / values.length;
  context.fillStyle = css(theme[hue]);
  const n_bars = Math.min(values.length, Math.floor(width));
  for (let bar = 0; bar < n_bars; bar++) {
    const first = Math.floor((bar * values.length) / n_bars);
    const last = Math.max(first + 1, Math.floor(((bar + 1) * values.length) / n_bars));
    let most = values[first];
    for (let i = first; i < last; i++) if (Math.abs(values[i]) > Math.abs(most)) most = values[i];
    const top = Math.min(y(0), y(most));
    const wide = (width / n_bars) * (pitch > 3 ? 0.8 : 1);
    context.fillRect((bar * width) / n_bars, top, wide, Math.max(0.7, Math.abs(y(most) - y(0))));
  }
  context.fillStyle = css(theme.faint);
  context.fillRect(0, y(0) - 0.5, width, 1);
  context.fillStyle = css(theme.key, 0.5);
  context.fillRect(at * pitch, 0, Math.max(1.5, pitch), height);
  const look = { px: 13, color: css(theme.soft) };
  write(context, theme, round(high), width + 8, 0, { ...look, baseline: "top" });
  write(context, theme, round(low), width + 8, height, { ...look, baseline: "bottom" });
}
