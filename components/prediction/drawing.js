// The sorted curve on its axes. view: {plain, now, chosen, theme, names, came, axes}.
import { css, fit_canvas, mix, shorten, significant, write } from "../kit/canvas.js";

export const PLOT = { left: 74, right: 14, top: 54, bottom: 46, height: 372 };
export const N_LINEAR = 40;

export function draw_curve(canvas, view, width) {
  const context = fit_canvas(canvas, width, PLOT.height);
  const axes = view.axes === "log" ? log_axes(view, width) : linear_axes(view, width);
  draw_grid(context, view.theme, axes);
  if (view.axes === "log") draw_lines(context, view, axes);
  else draw_columns(context, view, axes);
  draw_cuts(context, view, axes);
  draw_came(context, view, axes);
  return axes;
}

// x and y: rank from 1 on, probability -> pixels; rank_at: pixels -> rank.
function log_axes(view, width) {
  const n = view.plain.p.length;
  const span = Math.max(Math.log10(n), 0.3);
  const lowest = view.plain.p[n - 1];
  const floor = Math.max(-60, Math.min(-6, Math.floor(Math.log10(lowest || 1e-12))));
  const [w, h] = [width - PLOT.left - PLOT.right, PLOT.height - PLOT.top - PLOT.bottom];
  const x = (rank) => PLOT.left + (Math.log10(rank) / span) * w;
  const y = (p) => PLOT.top + (Math.log10(p || 1e-99) / floor) * h; // what is below leaves the plot
  const decades = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
  const every = Math.ceil(-floor / 7);
  return {
    x, y, width, n,
    rank_at: (px) => Math.round(10 ** (((px - PLOT.left) / w) * span)),
    x_ticks: decades(0, Math.floor(span)).map((e) => [x(10 ** e), (10 ** e).toLocaleString("en")]),
    y_ticks: decades(floor, 0).filter((e) => e % every === 0)
      .map((e) => [y(10 ** e), decade(e)]),
    x_title: "rank of the token, 1 = most probable (log)", y_title: "probability (log)",
  };
}

const decade = (e) => (e >= -3 ? String(10 ** e) : `10${superscript(e)}`);
const SMALL = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const superscript = (e) => `⁻${[...String(-e)].map((digit) => SMALL[digit]).join("")}`;

function linear_axes(view, width) {
  const n = Math.min(N_LINEAR, view.plain.p.length);
  const most = Math.max(view.plain.p[0], view.now.tempered[0] / view.now.kept);
  const top = full_scale(most);
  const [w, h] = [width - PLOT.left - PLOT.right, PLOT.height - PLOT.top - PLOT.bottom];
  const step = w / n;
  const x = (rank) => PLOT.left + (rank - 0.5) * step;
  const y = (p) => PLOT.top + (1 - p / top) * h;
  const ranks = [1, 5, 10, 15, 20, 25, 30, 35, 40].filter((rank) => rank <= n);
  return {
    x, y, width, n, step,
    rank_at: (px) => Math.ceil((px - PLOT.left) / step),
    x_ticks: ranks.map((rank) => [x(rank), String(rank)]),
    y_ticks: [0, 0.25, 0.5, 0.75, 1].map((s) => [y(s * top), share_of(s * top)]),
    x_title: `rank of the token: the first ${n}`, y_title: "probability",
  };
}

const share_of = (p) => `${significant(100 * p, 3)} %`;
const SCALES = [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5];
export const full_scale = (p) => SCALES.find((scale) => p <= scale) ?? 1;

function draw_grid(context, theme, axes) {
  const bottom = PLOT.height - PLOT.bottom;
  const look = { px: 14, color: css(theme.soft), align: "center" };
  const below = { ...look, baseline: "top" };
  context.strokeStyle = css(theme.text, 0.12);
  context.lineWidth = 1;
  for (const [y, words] of axes.y_ticks) {
    line(context, PLOT.left, y, axes.width - PLOT.right, y);
    write(context, theme, words, PLOT.left - 8, y, { ...look, align: "right" });
  }
  for (const [x, words] of axes.x_ticks) {
    line(context, x, bottom, x, bottom + 4);
    write(context, theme, words, x, bottom + 7, below);
  }
  const middle = (PLOT.left + axes.width - PLOT.right) / 2;
  write(context, theme, axes.x_title, middle, bottom + 26, below);
  write(context, theme, axes.y_title, 14, (PLOT.top + bottom) / 2, { ...look, turn: -Math.PI / 2 });
}

function line(context, x0, y0, x1, y1) {
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
}

// Ranks to draw: all of the first 100, then a thousand steps of equal ratio, the last.
function sampled(n) {
  const ranks = [];
  const next = (rank) => Math.max(rank + 1, Math.floor(rank * 1.008));
  for (let rank = 1; rank <= n; rank = next(rank)) ranks.push(rank);
  if (ranks[ranks.length - 1] !== n) ranks.push(n);
  return ranks;
}

function draw_lines(context, view, axes) {
  const { plain, now, theme } = view;
  const bottom = PLOT.height - PLOT.bottom;
  const stroke = (n, p, color, width, dash = []) => {
    context.beginPath();
    for (const rank of sampled(n)) context.lineTo(axes.x(rank), axes.y(p(rank - 1)));
    Object.assign(context, { strokeStyle: color, lineWidth: width, lineJoin: "round" });
    context.setLineDash(dash);
    context.stroke();
    context.setLineDash([]);
  };
  context.save();
  context.beginPath();
  context.rect(PLOT.left, 0, axes.width - PLOT.left, bottom);
  context.clip();
  context.beginPath();
  context.moveTo(axes.x(1), bottom);
  for (const rank of sampled(now.n_p)) {
    context.lineTo(axes.x(rank), axes.y(now.tempered[rank - 1] / now.kept));
  }
  context.lineTo(axes.x(now.n_p), bottom);
  context.fillStyle = css(theme.guess, 0.16);
  context.fill();
  stroke(plain.p.length, (i) => plain.p[i], css(theme.soft), 2.5);
  if (now.facts[1].n_alive > 1) {
    stroke(plain.p.length, (i) => now.tempered[i], css(theme.guess), 2, [7, 5]);
  }
  stroke(now.n_p, (i) => now.tempered[i] / now.kept, css(theme.guess), 4.5);
  if (now.n_p === 1) dot(context, axes.x(1), axes.y(1), 7, css(theme.guess));
  context.restore();
}

function draw_columns(context, view, axes) {
  const { plain, now, theme } = view;
  const bottom = PLOT.height - PLOT.bottom;
  const bar = Math.max(2, axes.step * 0.42);
  for (let i = 0; i < axes.n; i++) {
    const x = axes.x(i + 1);
    context.fillStyle = css(theme.text, 0.32);
    context.fillRect(x - bar, axes.y(plain.p[i]), bar, bottom - axes.y(plain.p[i]));
    const final = i < now.n_p ? now.tempered[i] / now.kept : 0;
    context.fillStyle = css(theme.guess);
    context.fillRect(x, axes.y(final), bar, bottom - axes.y(final));
    if (i < now.n_p) continue;
    context.strokeStyle = css(theme.guess, 0.7);
    context.lineWidth = 1;
    const y = axes.y(now.tempered[i]);
    context.strokeRect(x + 0.5, y, bar - 1, bottom - y);
  }
}

function dot(context, x, y, radius, color) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = color;
  context.fill();
}

// One line where each stage cuts, its words above the plot, the tokens beyond in shade.
function draw_cuts(context, view, axes) {
  const { now, chosen, theme } = view;
  const n = view.plain.p.length;
  const cuts = [];
  const n_t = now.facts[1].n_alive;
  const say = (count) => count.toLocaleString("en");
  if (n_t < n) cuts.push([n_t, "temperature 0 keeps 1"]);
  if (now.n_k < n_t) {
    const ties = now.n_k === chosen.top_k ? "" : `, equals kept: ${say(now.n_k)}`;
    cuts.push([now.n_k, `top-k ${say(chosen.top_k)}${ties}`]);
  }
  if (now.n_p < now.n_k) cuts.push([now.n_p, `top-p ${chosen.top_p} keeps ${say(now.n_p)}`]);
  const bottom = PLOT.height - PLOT.bottom;
  const edge = (count) => (axes.step
    ? axes.x(count) + axes.step / 2 : axes.x(Math.sqrt(count * (count + 1))));
  const end = axes.width - PLOT.right;
  context.font = `600 15px ${theme.font}`;
  cuts.forEach(([count, words], i) => {
    if (count >= axes.n) return;
    const x = edge(count);
    if (i === cuts.length - 1) {
      context.fillStyle = css(theme.text, 0.07);
      context.fillRect(x, PLOT.top, end - x, bottom - PLOT.top);
    }
    const y = PLOT.top - 22 * (cuts.length - i);
    context.strokeStyle = css(theme.text, 0.75);
    context.lineWidth = 2;
    line(context, x, y, x, bottom);
    const fits = x + context.measureText(words).width + 8 < end;
    const look = { weight: 600, baseline: "top", align: fits ? "left" : "right" };
    write(context, theme, words, x + (fits ? 6 : -6), y, look);
  });
}

function draw_came(context, view, axes) {
  const { came, came_name, now, plain, theme } = view;
  if (came === null || came >= axes.n) return;
  const p = came < now.n_p ? now.tempered[came] / now.kept : plain.p[came];
  const [x, y] = [axes.x(came + 1), axes.y(p)];
  dot(context, x, y, 9, css(theme.back));
  dot(context, x, y, 7, css(theme.came));
  context.font = `600 15px ${theme.font}`;
  const words = `came: ${shorten(came_name, 18)}`;
  const room = context.measureText(words).width + 16;
  const right = x + room < axes.width - PLOT.right;
  context.textAlign = right ? "left" : "right";
  context.textBaseline = "middle";
  context.lineWidth = 4;
  context.strokeStyle = css(theme.back);
  context.fillStyle = css(mix(theme.came, theme.text, 0.3));
  const up = y > PLOT.top + 24 ? y - 17 : y + 17;
  context.strokeText(words, x + (right ? 12 : -12), up);
  context.fillText(words, x + (right ? 12 : -12), up);
}

// [0, 1) cut into the tokens' segments, a mark for each draw. The first draw is the long one.
export function draw_line_of_chance(canvas, view, width) {
  const { now, darts, points, theme, names } = view;
  const [top, height] = [26, 30];
  const context = fit_canvas(canvas, width, 78);
  const x = (share) => share * width;
  const total = darts.ends[now.n_p - 1];
  let start = 0;
  context.font = `600 15px ${theme.font}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (let i = 0; i < now.n_p; i++) {
    const end = darts.ends[i] / total;
    if (x(end) - x(start) < 0.75) break; // all others are thinner still: one common block
    context.fillStyle = css(theme.guess, i % 2 ? 0.5 : 0.75);
    context.fillRect(x(start), top, x(end) - x(start), height);
    const name = shorten(names[i] ?? "", 14);
    if (context.measureText(name).width + 8 < x(end) - x(start)) {
      context.fillStyle = css(theme.text);
      context.fillText(name, x((start + end) / 2), top + height / 2);
    }
    start = end;
  }
  context.fillStyle = css(theme.guess, 0.35);
  context.fillRect(x(start), top, width - x(start), height);
  const alpha = points.length <= 100 ? 0.9 : points.length <= 1000 ? 0.35 : 0.08;
  context.fillStyle = css(theme.text, alpha);
  for (const point of points) context.fillRect(x(point) - 0.5, top + height + 3, 1, 14);
  const first = x(points[0]);
  context.fillStyle = css(theme.text);
  context.fillRect(first - 1.5, top - 6, 3, height + 26);
  context.textBaseline = "alphabetic";
  const words = `u = ${points[0].toFixed(5)}`;
  const room = context.measureText(words).width / 2 + 2;
  context.fillText(words, Math.max(room, Math.min(width - room, first)), top - 10);
}
