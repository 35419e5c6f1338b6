// Words are DOM text (the browser knows every script); lines are one SVG behind them.
import { choose, component, rounded, fade_edges, settle } from "../kit/canvas.js";
import { make } from "../kit/dom.js";

const MOST_LINES = 44; // of all words together
const OF_FOCUS = 14; // of the word that is looked at
const LEAST = 0.02; // thinner lines are left out, unless the word is looked at
const THICK = 36; // pixels for a weight of 1
const SVG = "http://www.w3.org/2000/svg";

export default component(open_reads, (one) => {
  one.hovered = null;
  one.send = (row) => one.tell("row", row);
  settle(one, one.data.at);
  fill(one);
  return () => reveal(one);
});

function open_reads(picture) {
  const find = (name) => picture.querySelector(name);
  const one = { picture, svg: find(".lines"), told: find(".told"), typed: find(".typed") };
  one.reading = find(".reading");
  one.draw = () => one.data && draw(one);
  for (const box of [one.told, one.typed]) {
    box.addEventListener("scroll", () => draw_lines(one));
    fade_edges(box);
  }
  return one;
}

// -- words ----------------------------------------------------------------------------------------

function fill(one) {
  const { data } = one;
  one.column = new Map(data.columns.map((slot, column) => [slot, column]));
  one.slots = new Map();
  one.boxes = []; // [slot, box]: a summary slot has a box for each of its words
  const n_words = data.told.reduce((n, row) => n + row.words.length, 0);
  one.told.classList.toggle("dense", n_words > 90 || data.told.length > 6);
  one.told.replaceChildren(...data.told.map((row) => make_row(
    row.number, row.words.map((word) => told_word(one, word)))));
  one.words = data.typed.map((text, t) => typed_word(one, text, t));
  const row = make_row("now", [...one.words, ...data.guesses.map(ghost)]);
  row.classList.add("now");
  one.typed.replaceChildren(row);
  one.typed.scrollTop = one.typed.scrollHeight;
}

const make_row = (number, words) => make("div", "row", [
  make("b", "", number), make("div", "words", words)]);

function told_word(one, word) {
  if ("fold" in word) {
    const words = `… ${word.fold.toLocaleString("en")} more, not read …`;
    return make("span", "fold", word.fold ? words : "… nothing in memory …");
  }
  const box = make("span", "word", make("bdi", "", word.t));
  if (word.s < 0) {
    box.classList.add(one.data.is_struck ? "gone" : "unkept");
    box.title = `not in the ${one.data.store}: not written, or evicted`;
    return box;
  }
  box.classList.add("slot");
  box.classList.toggle("read", one.column.has(word.s));
  act(box, () => one.tell("slot", word.s));
  box.onpointerenter = () => say_slot(one, word.s, word.t);
  box.onpointerleave = () => say_focus(one);
  one.slots.set(word.s, box);
  one.boxes.push([word.s, box]);
  box.dataset.text = word.t;
  return box;
}

function typed_word(one, text, t) {
  const box = make("span", "word", make("bdi", "", text));
  if (one.data.nothing) {
    box.append(make("i", "open"));
    box.lastChild.style.width = `${(100 * (1 - one.data.nothing[t])).toFixed(1)}%`;
  }
  act(box, () => choose(one, t));
  box.onpointermove = () => { // a word that came to lie under a resting pointer was not pointed at
    if (one.hovered === t) return;
    one.hovered = t;
    one.draw();
  };
  box.onpointerleave = () => { one.hovered = null; one.draw(); };
  return box;
}

function act(box, what) {
  box.tabIndex = 0;
  box.setAttribute("role", "button");
  box.onclick = what;
  box.onkeydown = (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    what();
  };
}

function ghost([text, p], i) {
  const box = make("span", `word ghost${i ? " plain" : ""}`, make("bdi", "", text));
  box.append(make("small", "", `${i ? "without memory " : ""}${percent(p)}`));
  return box;
}

function percent(p) {
  if (p > 0 && p < 0.001) return "< 0.1 %";
  return p >= 0.9995 && p < 1 ? "> 99.9 %" : `${(100 * p).toFixed(1)} %`;
}

// -- lines ----------------------------------------------------------------------------------------

const focus = (one) => Math.min(one.hovered ?? one.chosen, one.data.typed.length - 1);
const weight = (one, t, k) => one.data.weights[t * one.data.columns.length + k];

function draw(one) {
  const at = focus(one);
  one.words.forEach((word, t) => word.classList.toggle("focus", t === at));
  for (const [slot, box] of one.boxes) {
    const share = one.column.has(slot) && at >= 0 ? weight(one, at, one.column.get(slot)) : 0;
    const tint = (70 * Math.sqrt(Math.min(1, share))).toFixed(1);
    box.style.setProperty(
      "--ground", `color-mix(in srgb, var(--memory) ${tint}%, var(--st-background-color))`);
  }
  draw_lines(one);
  say_focus(one);
}

// The strongest reads of all words, then more of the word that is looked at.
function chosen_lines(one) {
  const { typed, columns } = one.data;
  const all = [];
  for (let t = 0; t < typed.length; t++) {
    for (let k = 0; k < columns.length; k++) {
      const w = weight(one, t, k);
      if (w >= LEAST || t === focus(one)) all.push({ t, k, w });
    }
  }
  all.sort((a, b) => b.w - a.w);
  const at = focus(one);
  const others = all.filter((line) => line.t !== at && line.w >= LEAST).slice(0, MOST_LINES);
  const own = all.filter((line) => line.t === at && line.w >= 0.002).slice(0, OF_FOCUS);
  return [...others.map((line) => ({ ...line, faint: true })).reverse(), ...own.reverse()];
}

// A long conversation scrolls to the word that the focus reads most.
function reveal(one) {
  const at = focus(one);
  if (at < 0 || !one.data.columns.length || one.told.scrollHeight <= one.told.clientHeight) return;
  const slot = one.slots.get(one.data.columns[strongest(one, at)]);
  if (!slot) return;
  const [box, area] = [slot, one.told].map((x) => x.getBoundingClientRect());
  if (box.top < area.top || box.bottom > area.bottom) {
    one.told.scrollTop += (box.top + box.bottom - area.top - area.bottom) / 2;
  }
  draw_lines(one);
}

function draw_lines(one) {
  if (!one.data) return;
  const box = one.picture.getBoundingClientRect();
  if (!box.width) return;
  const [told, typed] = [one.told, one.typed].map((x) => x.getBoundingClientRect());
  const within = (y, area) => Math.max(area.top, Math.min(area.bottom, y));
  const paths = [];
  for (const line of chosen_lines(one)) {
    const slot = one.slots.get(one.data.columns[line.k]);
    if (!slot) continue;
    const [from, to] = [one.words[line.t], slot].map((x) => x.getBoundingClientRect());
    const [x1, y1] = [from.left + from.width / 2 - box.left, within(from.top, typed) - box.top];
    const [x2, y2] = [to.left + to.width / 2 - box.left, within(to.bottom, told) - box.top];
    const bend = Math.max(30, (y1 - y2) * 0.55);
    const d = `M${x1} ${y1}C${x1} ${y1 - bend} ${x2} ${y2 + bend} ${x2} ${y2}`;
    const seen = to.top < told.bottom && to.bottom > told.top;
    paths.push(path(one, line, d, seen), hit(one, line, d));
  }
  one.svg.replaceChildren(...paths);
  one.picture.dataset.lines = paths.length / 2;
}

function path(one, line, d, seen) {
  const made = document.createElementNS(SVG, "path");
  made.setAttribute("d", d);
  made.setAttribute("stroke-width", Math.max(0.8, THICK * line.w).toFixed(2));
  const strength = line.faint ? 0.2 : 0.35 + 0.6 * Math.sqrt(line.w);
  made.setAttribute("stroke-opacity", (seen ? strength : strength * 0.4).toFixed(2));
  return made;
}

function hit(one, line, d) {
  const made = document.createElementNS(SVG, "path");
  made.setAttribute("class", "hit");
  made.setAttribute("d", d);
  made.setAttribute("stroke-width", Math.max(10, THICK * line.w).toFixed(0));
  made.addEventListener("pointerenter", () => say(one, line.t, line.k));
  made.addEventListener("pointerleave", () => say_focus(one));
  return made;
}

// -- words about it -------------------------------------------------------------------------------

function strongest(one, t) {
  let best = 0;
  for (let k = 1; k < one.data.columns.length; k++) {
    if (weight(one, t, k) > weight(one, t, best)) best = k;
  }
  return best;
}

function say(one, t, k) {
  const slot = one.data.columns[k];
  const box = one.slots.get(slot);
  const total = one.data.columns.reduce((sum, _, i) => sum + weight(one, t, i), 0);
  const bold = (text) => make("b", "", make("bdi", "", text));
  const place = box ? `, prompt ${box.closest(".row").firstChild.textContent}` : "";
  one.reading.replaceChildren(
    bold(one.data.typed[t]), " reads ", bold(box?.dataset.text ?? "?"),
    ` (slot ${slot}${place}) with weight `, bold(rounded(weight(one, t, k))),
    `; from memory in all ${rounded(total)}`,
    ...(one.data.nothing ? ["; it reads nothing with ", bold(rounded(one.data.nothing[t]))] : []),
    ". ", make("span", "of", one.data.of));
}

function say_focus(one) {
  const at = focus(one);
  if (at < 0) return one.reading.replaceChildren("Type a prompt: its reads appear here.");
  if (!one.data.columns.length) {
    return one.reading.replaceChildren(one.data.unread);
  }
  say(one, at, strongest(one, at));
}

function say_slot(one, slot, text) {
  const at = focus(one);
  if (at >= 0 && one.column.has(slot)) return say(one, at, one.column.get(slot));
  one.reading.replaceChildren(
    make("b", "", make("bdi", "", text)), ` (slot ${slot}) is not read for this prompt. `,
    "Click: open the slot.");
}
