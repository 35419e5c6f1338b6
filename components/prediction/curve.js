import {
  choose, component, is_large, place_of, room_below, rounded, significant, unit, width_of,
} from "../kit/canvas.js";
import { spread, throw_darts, work_out } from "./math.js";
import { make_dials, make_draw_dials } from "./dials.js";
import { N_LINEAR, PLOT, draw_curve, draw_line_of_chance, full_scale } from "./drawing.js";
import { make } from "../kit/dom.js";

const N_BARS = { desk: 11, large: 8 };
const HEIGHT = { least: 200, most: PLOT.height };
const EDGE = 4; // units below the curve
const STAGES = ["Logits", "÷ temperature", "top-k", "top-p", "Renormalised"];

export default component(open_instrument, (one) => {
  one.plain = spread(one.data.logits, 1);
  if (one.n_vocabulary === one.data.logits.length) return;
  one.n_vocabulary = one.data.logits.length;
  one.show_dials = make_dials(one.picture.querySelector(".dials"), one.n_vocabulary, one.change);
});

function open_instrument(picture) {
  const find = (name) => picture.querySelector(name);
  const one = { picture, root: picture.getRootNode(), axes: "log" };
  Object.assign(one, { curve: find(".curve"), tip: find(".tip"), bars: find(".bars") });
  one.change = (part, rest) => choose(one, { ...one.chosen, ...part }, rest);
  one.draw = () => one.data && draw_all(one);
  make_axes_choice(one, find(".axes"));
  make_draws(one, find(".draws"));
  one.curve.addEventListener("pointermove", (event) => tell_rank(one, event));
  one.curve.addEventListener("pointerleave", () => { one.tip.hidden = true; });
  return one;
}

function make_axes_choice(one, box) {
  const choices = { log: "logarithmic: all tokens", linear: `linear: the first ${N_LINEAR}` };
  for (const [name, words] of Object.entries(choices)) {
    const button = make("button", "", words);
    button.onclick = () => { one.axes = name; one.draw(); };
    button.dataset.axes = name;
    box.append(button);
  }
  const legend = make("span", "legend");
  legend.append(make("i", "plain"), "as trained", make("i", "tempered"), "after temperature",
    make("i", "final"), "final");
  box.append(legend);
}

function make_draws(one, box) {
  const dials = make_draw_dials(one.change);
  one.show_draw_dials = dials.update;
  one.chance = make("canvas", "chance");
  one.verdict = make("p", "verdict");
  dials.box.append(one.verdict);
  box.append(dials.box, one.chance,
    make("small", "", "The tokens side by side, each as wide as its probability, the most "
      + "probable first; a random number u between 0 and 1 decides. Every mark is one draw. At "
      + "the prompt’s end, the first is what “python -m model generate” draws with this seed."));
}

// The figures of the present dials: the browser's while they move, the server's once it has heard.
function work(one) {
  const { data, chosen } = one;
  const now = work_out(data.logits, chosen, one.plain);
  const same = (name) => data.chosen[name] === chosen[name];
  one.exact = ["temperature", "top_k", "top_p"].every(same);
  if (one.exact) {
    now.facts = data.facts;
    [now.n_k, now.n_p, now.kept] = [data.facts[2].n_alive, data.facts[3].n_alive, data.kept];
  }
  one.now = now;
  one.darts = throw_darts(data.points, data.points_low, now.tempered, now.n_p, now.kept);
  one.drawn_exact = one.exact && same("seed") && same("draws");
}

function draw_all(one) {
  if (one.picture.clientWidth === 0) return;
  work(one);
  const { data, theme, plain, now, chosen, darts } = one;
  one.show_dials(chosen, one.root);
  one.show_draw_dials(chosen, one.root);
  show_stages(one);
  for (const button of one.picture.querySelectorAll(".axes button")) {
    button.classList.toggle("on", button.dataset.axes === one.axes);
  }
  const view = { theme, plain, now, chosen, darts, axes: one.axes, names: data.names,
    points: data.points, came: data.came, came_name: data.came_name };
  PLOT.height = height_of(one);
  one.shown = draw_curve(one.curve, view, width_of(one.curve.parentElement));
  show_bars(one);
  draw_line_of_chance(one.chance, view, width_of(one.picture));
  show_verdict(one);
  one.picture.dataset.exact = one.drawn_exact;
}

// The curve ends where the screen ends.
function height_of(one) {
  const [curve, whole] = [one.curve, one.picture].map((part) => part.getBoundingClientRect().top);
  const room = room_below(one, HEIGHT.least) - (curve - whole) / unit();
  return Math.max(HEIGHT.least, Math.min(HEIGHT.most, room - EDGE));
}

const percent = (p) => {
  if (p === 0 || p === 1) return `${100 * p} %`;
  if (p < 0.01) return `${significant(100 * p, 2)} %`;
  return p > 0.9995 ? "> 99.9 %" : `${(100 * p).toFixed(1)} %`;
};

function show_stages(one) {
  const { now } = one;
  const count = (n) => `${n.toLocaleString("en")} ${n === 1 ? "token" : "tokens"}`;
  const moved = one.chosen.temperature === 1 ? "nothing changes at 1" : "moves mass, cuts none";
  const cut = (fact, before) => fact.n_alive === before.n_alive
    ? "cuts nothing" : `cuts ${percent(fact.cut)} of the mass`;
  const [logits, tempered, top_k, top_p] = now.facts;
  const left = now.n_p === tempered.n_alive ? "nothing was cut"
    : `${percent(now.kept)} of the mass is left`;
  const cards = [
    [logits, `${count(logits.n_alive)}`, "softmax as trained"],
    [tempered, count(tempered.n_alive), moved],
    [top_k, count(top_k.n_alive), cut(top_k, tempered)],
    [top_p, count(top_p.n_alive), cut(top_p, top_k)],
    [top_p, `× ${significant(1 / now.kept, 4)}`, left],
  ];
  const box = one.picture.querySelector(".stages");
  box.replaceChildren(...cards.map(([fact, alive, words], i) => {
    const card = make("div", "stage", [
      make("div", "name", STAGES[i]),
      make("div", "alive", alive),
      make("div", "words", words),
      make("div", "figures", [`${fact.entropy.toFixed(3)} bits · top ${percent(fact.top)}`]),
    ]);
    card.dataset.alive = fact.n_alive;
    card.dataset.entropy = fact.entropy;
    card.dataset.cut = fact.cut;
    return card;
  }));
}

// The most probable tokens, and the one that came even if it is not among them; then the rest.
function show_bars(one) {
  const { data, plain, now, darts } = one;
  const n = plain.p.length;
  const shown = Array.from({ length: Math.min(is_large() ? N_BARS.large : N_BARS.desk, n) }, (_, i) => i);
  if (data.came !== null && data.came >= shown.length) shown[shown.length - 1] = data.came;
  const of = {
    plain: (i) => plain.p[i],
    final: (i) => (i < now.n_p ? now.tempered[i] / now.kept : 0),
    count: (i) => (i < now.n_p ? darts.counts[i] : 0),
  };
  const rest = (name, all) => Math.max(0, shown.reduce((left, i) => left - of[name](i), all));
  const n_draws = data.points.length;
  const drawn = shown.map((i) => of.count(i) / n_draws);
  const scale = full_scale(Math.max(plain.p[0], of.final(0), ...drawn));
  const rows = shown.map((i) => make_bar({
    name: i === data.came ? data.came_name : data.names[i], plain: of.plain(i), final: of.final(i),
    count: of.count(i), why: why_cut(one, i), came: i === data.came, rank: i + 1, n_draws, scale,
  }));
  if (n > shown.length) {
    const none = now.n_p <= shown[shown.length - 1] && now.n_p <= shown.length;
    rows.push(make_bar({
      name: `${(n - shown.length).toLocaleString("en")} others`, plain: rest("plain", 1),
      final: none ? 0 : rest("final", 1), count: rest("count", n_draws), why: none ? "all cut" : "",
      n_draws, scale,
    }));
  }
  const titles = ["token", `full width = ${significant(100 * scale, 3)} %`, "final", "drawn"];
  const head = make("div", "bar head", titles.map((words) => make("span", "", words)));
  one.bars.replaceChildren(head, ...rows);
}

function why_cut({ now }, i) {
  if (i < now.n_p) return "";
  if (i >= now.facts[1].n_alive) return "not the first";
  return i >= now.n_k ? "cut by top-k" : "cut by top-p";
}

function make_bar({ name, plain, final, count, why, came, rank, n_draws, scale }) {
  const track = make("span", "track", ["plain", "final", "drawn"].map((kind) => make("i", kind)));
  [plain, final, count / n_draws].forEach((p, i) => {
    track.children[i].style.width = `${Math.min(100, (100 * p) / scale)}%`;
  });
  const kinds = [why && "cut", came && "came", !rank && "others"].filter(Boolean).join(" ");
  const row = make("div", `bar ${kinds}`, [
    make("bdi", "name", name), track, make("span", "p", why || percent(final)),
    make("span", "count", count.toLocaleString("en")),
  ]);
  if (final > scale) track.classList.add("beyond");
  const place = rank ? `, rank ${rank.toLocaleString("en")}` : "";
  row.title = `${name}${place}: as trained ${rounded(plain)}, final ${rounded(final)}, `
    + `drawn ${count} times`;
  row.dataset.final = final;
  return row;
}

function show_verdict(one) {
  const { data, darts, chosen } = one;
  const name = one.drawn_exact ? data.drawn : data.names[darts.first] ?? "…";
  const rank = (one.drawn_exact ? data.drawn_rank : darts.first) + 1;
  one.verdict.replaceChildren(`seed ${chosen.seed} draws `, make("b", "", make("bdi", "", name)),
    ` (rank ${rank.toLocaleString("en")})`);
  one.verdict.dataset.rank = rank;
}

function tell_rank(one, event) {
  const box = one.curve.getBoundingClientRect();
  const rank = one.shown.rank_at(place_of(one.curve, event)[0]);
  one.tip.hidden = rank < 1 || rank > one.shown.n;
  if (one.tip.hidden) return;
  const { plain, now, data } = one;
  const i = rank - 1;
  const name = data.names[i] ?? "";
  const final = i < now.n_p ? rounded(now.tempered[i] / now.kept) : `0, ${why_cut(one, i)}`;
  const lines = [`rank ${rank.toLocaleString("en")}  ${name}`, `as trained ${rounded(plain.p[i])}`];
  one.tip.textContent = [...lines, `final ${final}`].join("\n");
  const left = event.clientX - box.left;
  const right = left > box.width / 2;
  one.tip.style.left = right ? "" : `${left + 16}px`;
  one.tip.style.right = right ? `${box.width - left + 16}px` : "";
  one.tip.style.top = `${PLOT.top + 8}px`;
}
