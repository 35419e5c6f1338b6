// Clocks: pair i of q and of k turned by position × frequency i. Two dials: how far the key lies
// before the query, and how far both are moved together, which turns every hand and no score.
import {
  component, css, fit_canvas, frame, ink, is_large, mix, place_of, room_below, shorten, significant, unit,
  width_of, write,
} from "../kit/canvas.js";

const CURVE = { height: 230, least: 130, left: 62, right: 14, top: 16, bottom: 46 };

export default component(open_clocks, (clocks, before) => {
  const [query, key] = clocks.data.places;
  clocks.distance.max = clocks.data.scores.length - 1;
  clocks.moved.max = 100;
  if (before?.places.join() === clocks.data.places.join()) return;
  clocks.distance.value = query - key;
  clocks.moved.value = 0;
});

function open_clocks(picture) {
  const [dials, score, faces, curve] = [".dials", ".score", ".clocks", ".curve"]
    .map((name) => picture.querySelector(name));
  const clocks = { picture, score, faces, curve };
  clocks.draw = () => clocks.data && picture.clientWidth > 0 && draw_clocks(clocks);
  const words = "Distance: tokens from the key to the query";
  clocks.distance = add_dial(dials, words, clocks);
  clocks.moved = add_dial(dials, "Move both along by", clocks);
  const play = document.createElement("button");
  Object.assign(play, { type: "button", textContent: "▶ move both", onclick: () => run(clocks) });
  dials.append(play);
  clocks.play = play;
  curve.onpointerdown = (event) => point(clocks, event);
  curve.onpointermove = (event) => event.buttons && point(clocks, event);
  return clocks;
}

function add_dial(dials, text, clocks) {
  const label = document.createElement("label");
  const said = document.createElement("output");
  const range = document.createElement("input");
  Object.assign(range, { type: "range", min: 0, max: 1, step: 1, oninput: () => clocks.draw() });
  range.setAttribute("aria-label", text);
  const words = document.createElement("span");
  words.append(`${text}: `, said);
  label.append(words, range);
  dials.append(label);
  range.said = said;
  return range;
}

function run(clocks) {
  const stop = () => {
    clearInterval(clocks.timer);
    clocks.timer = null;
    clocks.play.textContent = "▶ move both";
  };
  if (clocks.timer) return stop();
  if (Number(clocks.moved.value) >= 100) clocks.moved.value = 0;
  clocks.play.textContent = "❚❚ stop";
  clocks.timer = setInterval(() => {
    if (!clocks.picture.isConnected || Number(clocks.moved.value) >= 100) return stop();
    clocks.moved.value = Number(clocks.moved.value) + 1;
    clocks.draw();
  }, 120);
}

function point(clocks, event) {
  const wide = width_of(clocks.curve) - CURVE.left - CURVE.right;
  const share = (place_of(clocks.curve, event)[0] - CURVE.left) / wide;
  const last = clocks.data.scores.length - 1;
  clocks.distance.value = Math.round(Math.max(0, Math.min(1, share)) * last);
  clocks.draw();
}

// -- arithmetic -----------------------------------------------------------------------------------

// Both vectors at their positions -> per pair {q: [x, y], k: [x, y]} and the scaled score.
function turned(data, at_query, at_key) {
  const turn = (x, i, at) => {
    const angle = at * data.frequencies[i];
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    return [x[2 * i] * c - x[2 * i + 1] * s, x[2 * i] * s + x[2 * i + 1] * c];
  };
  const pairs = data.frequencies.map((_, i) => ({
    q: turn(data.q, i, at_query), k: turn(data.k, i, at_key),
  }));
  const score = pairs.reduce((sum, { q, k }) => sum + q[0] * k[0] + q[1] * k[1], 0);
  return { pairs, score: score * data.scaling };
}

// -- picture --------------------------------------------------------------------------------------

const minus = (text) => text.replaceAll("-", "−");

function draw_clocks(clocks) {
  const { data } = clocks;
  clocks.picture.classList.toggle("large", is_large());
  const [distance, moved] = [clocks.distance, clocks.moved].map((dial) => Number(dial.value));
  const at_key = Math.max(0, data.places[0] - distance) + moved;
  const at_query = at_key + distance;
  const here = turned(data, at_query, at_key);
  const still = turned(data, distance, 0);
  clocks.distance.said.textContent = `${distance}`;
  clocks.moved.said.textContent = `${moved}`;
  say(clocks, at_query, at_key, here.score, still.score);
  draw_faces(clocks, here.pairs);
  draw_curve(clocks, distance, here.score);
}

function say(clocks, at_query, at_key, score, still) {
  const { data, theme } = clocks;
  const word = (tag, text, color) => {
    const made = document.createElement(tag);
    made.textContent = text;
    if (color) made.style.color = color;
    return made;
  };
  clocks.score.dataset.score = score;
  clocks.score.replaceChildren(
    "query ", word("b", shorten(data.names[0], 20), ink(theme, "query")), ` at ${at_query}, key `,
    word("b", shorten(data.names[1], 20), ink(theme, "key")), ` at ${at_key}:  q·k/√d = `,
    word("b", minus(score.toFixed(4))), " ",
    word("i", `moved back to ${at_query - at_key} and 0: ${minus(still.toFixed(4))}, difference `
      + `${score === still ? "0" : significant(Math.abs(score - still), 1)}`),
  );
}

function draw_faces(clocks, pairs) {
  const { data, theme, faces } = clocks;
  const width = width_of(clocks.picture);
  const rows = is_large() ? 1 : Math.ceil(pairs.length / Math.max(1, Math.floor(width / 92)));
  const across = Math.ceil(pairs.length / rows);
  const side = Math.min(width / across, 160);
  const context = fit_canvas(faces, width, rows * (side + 24));
  const longest = Math.max(...pairs.flatMap(({ q, k }) => [Math.hypot(...q), Math.hypot(...k)]));
  pairs.forEach((pair, i) => {
    const x = (i % across) * side + side / 2;
    const y = Math.floor(i / across) * (side + 24) + side / 2;
    const radius = side / 2 - 7;
    draw_face(context, theme, x, y, radius, pair, longest || 1);
    const look = { px: 14, align: "center", baseline: "top", color: css(theme.soft) };
    write(context, theme, period(data.frequencies[i]), x, y + radius + 6, { ...look, squeeze: side - 6 });
  });
  faces.setAttribute("aria-label", `${pairs.length} clocks, one for each pair of dimensions`);
  faces.dataset.clocks = pairs.length;
}

function period(frequency) {
  const tokens = (2 * Math.PI) / frequency;
  if (tokens < 100) return `turn: ${tokens.toFixed(tokens < 10 ? 1 : 0)}`;
  return `turn: ${Math.round(tokens).toLocaleString("en")}`;
}

function draw_face(context, theme, x, y, radius, { q, k }, longest) {
  context.lineWidth = 1.5;
  context.strokeStyle = css(theme.faint);
  context.fillStyle = css(mix(theme.back, theme.text, 0.035));
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
  context.stroke();
  for (const [vector, name] of [[k, "key"], [q, "query"]]) {
    const length = (0.94 * radius * Math.hypot(...vector)) / longest;
    const angle = Math.atan2(vector[1], vector[0]);
    draw_hand(context, css(theme[name]), x, y, length, angle);
  }
}

function draw_hand(context, color, x, y, length, angle) {
  const [dx, dy] = [Math.cos(angle) * length, -Math.sin(angle) * length];
  context.strokeStyle = context.fillStyle = color;
  context.lineWidth = 3.5;
  context.lineCap = "round";
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(x + dx, y + dy);
  context.stroke();
  context.beginPath();
  context.arc(x + dx, y + dy, 4, 0, 2 * Math.PI);
  context.fill();
}

function draw_curve(clocks, distance, score) {
  const { data, theme, curve } = clocks;
  const width = width_of(clocks.picture);
  const height = height_of(clocks);
  const context = fit_canvas(curve, width, height);
  const { scores } = data;
  const [low, high] = scores.reduce(([a, b], x) => [Math.min(a, x), Math.max(b, x)], [0, 0]);
  const pad = 0.06 * (high - low || 1);
  const last = Math.max(1, scores.length - 1);
  const at_x = (d) => CURVE.left + (d / last) * (width - CURVE.left - CURVE.right);
  const tall = height - CURVE.top - CURVE.bottom;
  const at_y = (s) => CURVE.top + ((high + pad - s) / (high - low + 2 * pad)) * tall;
  draw_axes(context, theme, { width, height, low, high, last, at_x, at_y });
  context.strokeStyle = css(theme.attention);
  context.lineWidth = 2;
  context.beginPath();
  scores.forEach((s, d) => context[d ? "lineTo" : "moveTo"](at_x(d), at_y(s)));
  context.stroke();
  context.fillStyle = css(theme.text);
  context.beginPath();
  context.arc(at_x(distance), at_y(score), 7, 0, 2 * Math.PI);
  context.fill();
  curve.setAttribute("aria-label", `Score against distance; ${score.toFixed(4)} at ${distance}`);
}

// In presentation mode the curve ends at the screen's lower edge.
function height_of(clocks) {
  if (!is_large()) return CURVE.height;
  const [top, curve] = [clocks.picture, clocks.curve].map((one) => one.getBoundingClientRect().top);
  const above = (curve - top) / unit();
  return Math.min(CURVE.height, room_below(clocks, above + CURVE.least) - above - 12);
}

function draw_axes(context, theme, { width, height, low, high, last, at_x, at_y }) {
  const bottom = height - CURVE.bottom;
  const wide = width - CURVE.left - CURVE.right;
  frame(context, css(theme.faint), 1, CURVE.left, CURVE.top, wide, bottom - CURVE.top);
  const look = { color: css(theme.soft), align: "center", baseline: "top" };
  for (const s of new Set([low, 0, high])) {
    const crowded = s !== 0 && Math.abs(at_y(s) - at_y(0)) < 16;
    const text = minus(s.toFixed(Math.abs(s) < 10 ? 2 : 0));
    const left = { ...look, align: "right", baseline: "middle" };
    if (!crowded) write(context, theme, text, CURVE.left - 8, at_y(s), left);
  }
  context.beginPath();
  context.moveTo(CURVE.left, at_y(0));
  context.lineTo(width - CURVE.right, at_y(0));
  context.stroke();
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500].find((s) => (s / last) * width > 60) ?? 1000;
  for (let d = 0; d <= last; d += step) write(context, theme, d, at_x(d), bottom + 6, look);
  const words = "distance: the query's position − the key's";
  write(context, theme, words, (CURVE.left + width) / 2, bottom + 25, { ...look, px: 16 });
}
