import { choose, component, fade_edges } from "../kit/canvas.js";
import { make } from "../kit/dom.js";

const WIDTH = 138; // of a column

export default component(open_picture, (one, before) => {
  fill_columns(one);
  const moved = one.marked !== one.chosen;
  if (moved || before?.names.length !== one.data.names.length) return () => show_chosen(one);
});

function open_picture(picture) {
  const one = { picture, columns: picture.querySelector(".columns") };
  one.window = picture.querySelector(".window");
  fade_edges(one.window);
  one.draw = () => one.data && mark_chosen(one);
  const names = ["reads", "predicts", "", "", "comes", ""];
  const label = (words, i) => make("div", `name row${i}`, words);
  picture.querySelector(".names").replaceChildren(...names.map(label));
  one.columns.addEventListener("click", (event) => {
    const column = event.target.closest(".column");
    if (column) choose(one, Number(column.dataset.at));
  });
  one.window.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    const next = Math.max(0, Math.min(one.data.names.length - 1, one.chosen + step));
    if (next === one.chosen) return;
    choose(one, next, 150);
    show_chosen(one);
  });
  return one;
}

function fill_columns(one) {
  const { names } = one.data;
  one.columns.style.width = `${names.length * WIDTH}px`;
  const columns = names.map((_, at) => make_column(one, at));
  one.columns.replaceChildren(make_links(names.length), ...columns);
}

// Never 100 % for what is not certain, never 0 % for what is possible.
const share = (p) => (p < 0.005 ? "< 1 %" : p >= 0.995 && p < 1 ? "> 99 %"
  : `${(100 * p).toFixed(0)} %`);

function make_column(one, at) {
  const { names, guesses, probability, rank, bits } = one.data;
  const last = at + 1 === names.length;
  const hit = (i) => !last && rank[at + 1] === i + 1 && guesses[at][i] === names[at + 1];
  const rows = guesses[at].map((guess, i) => {
    const row = make("div", `guess${hit(i) ? " hit" : ""}`, [
      make("i", "share"), make("bdi", "", guess),
      make("span", "", share(probability[at][i])),
    ]);
    row.firstChild.style.width = `${100 * probability[at][i]}%`;
    return row;
  });
  const place = last ? 0 : rank[at + 1];
  const verdict = last ? "not yet"
    : `${place === 1 ? "✓ first guess" : `✗ rank ${place.toLocaleString("en")}`}`;
  const column = make("div", `column${place === 1 ? " right" : ""}`, [
    make("div", "token", make("bdi", "", names[at])),
    make("div", "guesses", rows),
    make("div", `came${last ? " none" : ""}`, make("bdi", "", last ? "?" : names[at + 1])),
    make("div", "verdict", [verdict, make("br"), last ? "" : `${bits[at + 1].toFixed(2)} bits`]),
  ]);
  column.dataset.at = at;
  column.style.left = `${at * WIDTH}px`;
  column.style.width = `${WIDTH}px`;
  return column;
}

// The answer under one token is the next token: a line from each answer to that token.
function make_links(n) {
  const space = "http://www.w3.org/2000/svg";
  const links = document.createElementNS(space, "svg");
  links.setAttribute("class", "links");
  links.setAttribute("width", n * WIDTH);
  const path = document.createElementNS(space, "path");
  const steps = Array.from({ length: n - 1 }, (_, at) => {
    const [from, to] = [(at + 1) * WIDTH - 18, (at + 1) * WIDTH + 16];
    return `M${from} 216 C${from + 17} 206, ${to - 17} 62, ${to} 46`;
  });
  path.setAttribute("d", steps.join(" "));
  links.append(path);
  return links;
}

function mark_chosen(one) {
  for (const column of one.columns.querySelectorAll(".column")) {
    column.classList.toggle("chosen", Number(column.dataset.at) === one.chosen);
  }
  one.columns.dataset.chosen = one.marked = one.chosen;
}

function show_chosen(one) {
  const { window: box, chosen } = one;
  const wanted = chosen * WIDTH - (box.clientWidth - WIDTH) / 2;
  box.scrollLeft = Math.max(0, wanted);
}
