// The pass, layer by layer: what is computed later is faint until it is its turn.
import { best_edge, edge_words } from "./whole_edges.js";
import { percent, svg, tell_default } from "./whole_items.js";

const WHOLE_MS = 9000;
const ICONS = { Play: "M1 0L10 5L1 10Z", Stop: "M1 1H9V9H1Z" };

export function wire_play(one, button) {
  one.button = button;
  one.button.onclick = () => (one.playing ? stop(one) : start(one));
  one.picture.addEventListener("keydown", (event) => event.key === "Escape" && stop(one));
  one.map.addEventListener("pointerdown", () => stop(one));
  label(one);
}

function label(one) {
  const word = one.playing ? "Stop" : "Play";
  one.button.replaceChildren(svg("svg", { viewBox: "0 0 10 10", "aria-hidden": "true" }, svg("path", { d: ICONS[word] })), word);
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  one.button.disabled = still;
  one.button.title = still ? "Your system asks for less motion" : "The pass, layer by layer";
}

function start(one) {
  one.playing = true;
  one.step = 0;
  label(one);
  play_again(one);
  next_soon(one);
}

function next_soon(one) {
  const n_steps = one.place.n_layers + 2;
  clearTimeout(one.timer);
  one.timer = setTimeout(() => {
    one.step += 1;
    if (one.step > n_steps - 1) return stop(one);
    play_again(one);
    return next_soon(one);
  }, Math.min(1100, Math.max(350, WHOLE_MS / n_steps)));
}

export function stop(one) {
  if (!one.playing) return;
  clearTimeout(one.timer);
  one.playing = false;
  label(one);
  play_again(one);
  tell_default(one);
}

// Shows what is computed up to this step; without a pass, all of it.
export function play_again(one) {
  one.map.classList.toggle("playing", Boolean(one.playing));
  if (one.playing) one.picture.dataset.step = one.step;
  else delete one.picture.dataset.step;
  for (const part of one.map.querySelectorAll("[data-step]")) {
    part.classList.toggle("later", Boolean(one.playing) && Number(part.dataset.step) > one.step);
  }
  if (one.playing) one.tip.textContent = narrate(one);
}

function narrate(one) {
  const { data, step, place } = one;
  if (step === 0) return "Each token becomes a vector: its embedding plus its position.";
  const [word, p] = step <= place.n_layers ? data.words[step] : data.next[0];
  if (step > place.n_layers) return `Next word: “${word}”, ${percent(p)}.`;
  return `Block ${step - 1}: ${edge_words(one, best_edge(data, step - 1))} Best word so far: “${word}”, ${percent(p)}.`;
}
