// Pieces of a text as chips. One choice, by click or arrow keys.
import { fade_edges } from "../kit/canvas.js";

const lists = new WeakMap();

export default function ({ parentElement, data, setTriggerValue }) {
  const box = parentElement.querySelector(".chips");
  const state = lists.get(parentElement) ?? {};
  if (!lists.has(parentElement)) fade_edges(box);
  lists.set(parentElement, state);
  box.setAttribute("aria-label", data.label);
  state.chosen = data.chosen;
  state.chips = data.pieces.map((tokens, i) => make_chip(tokens, data, i));
  box.replaceChildren(...state.chips);
  mark(state);
  const choose = (i) => {
    if (i < 0 || i >= state.chips.length || i === state.chosen) return;
    state.chosen = i;
    mark(state);
    clearTimeout(state.timer);
    state.timer = setTimeout(() => setTriggerValue("choose", i), 60);
  };
  box.onclick = (event) => {
    const chip = event.target.closest(".chip");
    if (chip) choose(Number(chip.dataset.at));
  };
  box.onkeydown = (event) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    choose((state.chosen ?? -1) + by);
    state.chips[state.chosen]?.scrollIntoView({ block: "nearest" });
  };
}

function make_chip(tokens, data, i) {
  const chip = document.createElement("div");
  chip.className = "chip";
  chip.dataset.at = i;
  chip.setAttribute("role", "option");
  chip.style.setProperty("--hue", data.colours[data.kinds[i]]);
  for (const [text, id] of tokens) {
    const token = document.createElement("div");
    token.className = "token";
    const word = document.createElement("bdi");
    word.textContent = text;
    const below = document.createElement("small");
    below.textContent = id;
    token.append(word, below);
    token.title = `“${text}”, id ${id}`;
    chip.append(token);
  }
  if (data.more[i]) {
    const more = document.createElement("div");
    more.className = "token more";
    more.textContent = `and ${data.more[i].toLocaleString("en")} more`;
    chip.append(more);
  }
  return chip;
}

function mark(state) {
  state.chips.forEach((chip, i) => {
    chip.classList.toggle("chosen", i === state.chosen);
    chip.setAttribute("aria-selected", i === state.chosen);
  });
}
