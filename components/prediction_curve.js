const instruments = new WeakMap();
const N_BARS = 11;
const STAGES = ["Logits", "÷ temperature", "top-k", "top-p", "Renormalised"];

export default function ({ parentElement, data, setTriggerValue }) {
  const one = remember(instruments, parentElement, open_instrument);
  one.data = unpack(data);
  one.theme = read_theme(parentElement.host ?? parentElement, one.data.colors);
  one.hues = Object.fromEntries(Object.entries(one.data.hues).map(([name, c]) => [name, rgb(c)]));
  one.picture.style.setProperty("--guess", one.data.hues.guess);
  one.picture.style.setProperty("--came", one.data.hues.came);
  one.send = (chosen) => setTriggerValue("choose", chosen);
  const p = probabilities(one.data.logits, 1);
  one.plain = { p, entropy: entropy(p, p.length, 1) };
  if (one.n_vocabulary !== p.length) {
    one.n_vocabulary = p.length;
    one.show_dials = make_dials(one.picture.querySelector(".dials"), p.length, one.change);
  }
  settle(one, one.data.chosen);
  one.draw();
  return () => forget(instruments, parentElement);
}

function open_instrument(parentElement) {
  const picture = parentElement.querySelector(".picture");
  const find = (name) => picture.querySelector(name);
  const one = { picture, root: parentElement.getRootNode?.() ?? document, axes: "log" };
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
      + "probable first; a random number u between 0 and 1 decides. Every mark is one draw."));
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
  const { data, theme, hues, plain, now, chosen, darts } = one;
  one.show_dials(chosen, one.root);
  one.show_draw_dials(chosen, one.root);
  show_stages(one);
  for (const button of one.picture.querySelectorAll(".axes button")) {
    button.classList.toggle("on", button.dataset.axes === one.axes);
  }
  const view = { theme, hues, plain, now, chosen, darts, axes: one.axes, names: data.names,
    points: data.points, came: data.came, came_name: data.came_name };
  one.shown = draw_curve(one.curve, view, one.curve.parentElement.clientWidth);
  show_bars(one);
  draw_line_of_chance(one.chance, view, one.picture.clientWidth);
  show_verdict(one);
  one.picture.dataset.exact = one.drawn_exact;
}

const percent = (p) => {
  if (p === 0 || p === 1) return `${100 * p} %`;
  if (p < 1e-6) return `${(100 * p).toExponential(1).replace("e-", "e−")} %`;
  if (p < 0.01) return `${(100 * p).toPrecision(2)} %`;
  return p > 0.9995 ? "> 99.9 %" : `${(100 * p).toFixed(1)} %`;
};

function show_stages(one) {
  const { now } = one;
  const count = (n) => `${n.toLocaleString("en")} ${n === 1 ? "token" : "tokens"}`;
  const moved = one.chosen.temperature === 1 ? "nothing changes at 1" : "moves mass, cuts none";
  const cut = (fact, before) => fact.n_alive === before.n_alive
    ? "cuts nothing" : `cuts ${percent(fact.cut)} of the mass`;
  const [logits, tempered, top_k, top_p] = now.facts;
  const cards = [
    [logits, `${count(logits.n_alive)}`, "softmax as trained"],
    [tempered, count(tempered.n_alive), moved],
    [top_k, count(top_k.n_alive), cut(top_k, tempered)],
    [top_p, count(top_p.n_alive), cut(top_p, top_k)],
    [top_p, `× ${(1 / now.kept).toPrecision(4)}`, now.n_p === tempered.n_alive ? "nothing was cut" : `${percent(now.kept)} of the mass is left`],
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

function show_bars(one) {
  const { data, plain, now, darts, chosen } = one;
  const n = Math.min(N_BARS, plain.p.length);
  const final = (i) => (i < now.n_p ? now.tempered[i] / now.kept : 0);
  const drawn = (i) => (i < now.n_p ? darts.counts[i] : 0) / data.points.length;
  const most = Math.max(plain.p[0], final(0), ...Array.from({ length: n }, (_, i) => drawn(i)));
  const scale = full_scale(most);
  const rows = Array.from({ length: n }, (_, i) =>
    make_bar(data.names[i], plain.p[i], final(i), drawn(i), scale, {
      why: i < now.n_p ? "" : i >= now.n_k ? (chosen.temperature ? "cut by top-k" : "not the first")
        : "cut by top-p",
      came: i === data.came, count: i < now.n_p ? darts.counts[i] : 0,
    }));
  const rest = (of) => Math.max(0, 1 - Array.from({ length: n }, (_, i) => of(i)).reduce((a, b) => a + b, 0));
  if (plain.p.length > n) {
    const left = data.points.length - Array.from({ length: n }, (_, i) => (i < now.n_p ? darts.counts[i] : 0))
      .reduce((a, b) => a + b, 0);
    const others = `${(plain.p.length - n).toLocaleString("en")} others`;
    const p = now.n_p > n ? rest(final) : 0;
    const why = now.n_p > n ? "" : "all cut";
    rows.push(make_bar(others, rest((i) => plain.p[i]), p, left / data.points.length, scale,
      { why, came: data.came !== null && data.came >= n, count: left, others: true }));
  }
  const head = make("div", "bar head", [make("span", "", "token"),
    make("span", "", `full width = ${percent(scale)}`), make("span", "", "final"),
    make("span", "", "drawn")]);
  one.bars.replaceChildren(head, ...rows);
}

function make_bar(name, plain, final, drawn, scale, { why, came, count, others }) {
  const share = (p) => `${Math.min(100, (100 * p) / scale)}%`;
  const track = make("span", "track", ["plain", "final", "drawn"].map((kind) => make("i", kind)));
  [plain, final, drawn].forEach((p, i) => { track.children[i].style.width = share(p); });
  const row = make("div", `bar${why ? " cut" : ""}${came ? " came" : ""}${others ? " others" : ""}`, [
    make("bdi", "name", name), track, make("span", "p", why || percent(final)),
    make("span", "count", count.toLocaleString("en")),
  ]);
  row.title = `${name}: as trained ${exact(plain)}, final ${exact(final)}, drawn ${count} times`;
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
  const rank = one.shown.rank_at(event.clientX - box.left);
  one.tip.hidden = rank < 1 || rank > one.shown.n;
  if (one.tip.hidden) return;
  const { plain, now, data } = one;
  const i = rank - 1;
  const name = data.names[i] ?? "";
  const final = i < now.n_p ? exact(now.tempered[i] / now.kept)
    : `0, cut by ${i >= now.facts[1].n_alive ? "temperature 0" : i >= now.n_k ? "top-k" : "top-p"}`;
  one.tip.textContent = `rank ${rank.toLocaleString("en")}  ${name}\nas trained ${exact(plain.p[i])}`
    + `\nfinal ${final}`;
  const left = event.clientX - box.left;
  const right = left > box.width / 2;
  one.tip.style.left = right ? "" : `${left + 16}px`;
  one.tip.style.right = right ? `${box.width - left + 16}px` : "";
  one.tip.style.top = `${PLOT.top + 8}px`;
}
