import { make } from "../kit/dom.js";

const rows = new WeakMap();

export default function ({ parentElement, data, setTriggerValue }) {
  const row = parentElement.querySelector(".cards");
  rows.set(parentElement, (name) => setTriggerValue("choose", name));
  for (const [name, hue] of Object.entries(data.hues)) row.style.setProperty(`--${name}`, hue);
  while (row.children.length > data.cards.length) row.lastChild.remove();
  while (row.children.length < data.cards.length) row.append(new_card(parentElement));
  data.cards.forEach((card, i) => fill_card(row.children[i], card, card.name === data.chosen));
}

function new_card(parentElement) {
  const card = make("button", "card");
  card.type = "button";
  card.setAttribute("role", "radio");
  card.onclick = () => rows.get(parentElement)(card.dataset.name);
  return card;
}

function fill_card(card, data, chosen) {
  card.dataset.name = data.name;
  card.setAttribute("aria-checked", chosen);
  card.replaceChildren(
    make("h4", "", data.title),
    make("div", "what", data.what),
    make("div", `said ${data.mark}`, make("bdi", "", data.said)),
    make("div", "tokens", data.tokens.flatMap(token_bar)),
    make("div", "gained", [make("b", "", data.head), data.gained]),
  );
}

function token_bar({ text, p, rank }) {
  const bar = make("i", "", make("span"));
  bar.firstChild.style.width = `${100 * p}%`;
  const numbers = make("small", "", `${percent(p)} · rank ${rank.toLocaleString("en")}`);
  return [make("b", "", make("bdi", "", text)), bar, numbers];
}

// Never 0 for what is not 0, never 100 for what is not 1.
function percent(p) {
  if (p > 0 && p < 0.001) return "< 0.1 %";
  if (p < 1 && p > 0.999) return "> 99.9 %";
  return `${(100 * p).toFixed(1)} %`;
}
