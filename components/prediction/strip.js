import { choose, component, rounded, fade_edges } from "../kit/canvas.js";
import { make } from "../kit/dom.js";

const LONG = 48; // tokens, from here on four lines instead of two

export default component(open_strip, (strip, before) => {
  fill_strip(strip);
  if (before?.names.length !== strip.data.names.length) return () => show_chosen(strip);
});

function open_strip(picture) {
  const strip = { picture, list: picture.querySelector(".tokens") };
  fade_edges(strip.list);
  strip.caret = make("i", "caret");
  strip.draw = () => strip.data && mark_chosen(strip);
  strip.list.addEventListener("click", (event) => {
    const token = event.target.closest(".token");
    if (token) choose(strip, Number(token.dataset.at));
  });
  strip.list.addEventListener("keydown", (event) => move_caret(strip, event));
  return strip;
}

const tint = (strip, bits) => {
  const share = Math.min(1, bits / strip.data.full);
  return `color-mix(in srgb, var(--surprisal) ${(share * 72).toFixed(1)}%, transparent)`;
};

// bits as people read them: never 0 for what is not 0.
const short_bits = (bits) => (bits > 0 && bits < 0.05 ? "<.1" : bits.toFixed(1));

function fill_strip(strip) {
  const { names, bits, rank } = strip.data;
  strip.list.classList.toggle("long", names.length > LONG);
  strip.list.replaceChildren(...names.map((name, at) => {
    const none = bits[at] === null;
    const small = make("small", "", none ? "–" : short_bits(bits[at]));
    const token = make("span", "token", [make("bdi", "", name), small]);
    token.dataset.at = at;
    token.setAttribute("role", "option");
    token.style.backgroundColor = none ? "" : tint(strip, bits[at]);
    token.title = none
      ? `token ${at}: nothing before it, so it was not predicted`
      : `token ${at}: ${bits[at].toFixed(3)} bits, probability ${rounded(2 ** -bits[at])}, `
        + `rank ${rank[at].toLocaleString("en")}`;
    return token;
  }));
  write_legend(strip);
}

function write_legend(strip) {
  const legend = strip.picture.querySelector(".legend");
  const scale = make("span", "scale");
  scale.style.background = `linear-gradient(to right, ${tint(strip, 0)}, ${tint(strip, 99)})`;
  const bits = ["surprisal of each token: 0", scale, `${strip.data.full} bits or more`];
  const caret = [make("i", "bar"), `${strip.data.why}: click a token, or use ← →`];
  legend.replaceChildren(make("span", "", bits), make("span", "", caret));
}

function mark_chosen(strip) {
  const tokens = strip.list.querySelectorAll(".token");
  tokens.forEach((token, at) => {
    token.classList.toggle("chosen", at === strip.chosen);
    token.setAttribute("aria-selected", at === strip.chosen);
  });
  tokens[strip.chosen]?.after(strip.caret);
  strip.list.dataset.chosen = strip.chosen;
}

// Scrolls inside the strip only; the page stays where it is.
function show_chosen(strip) {
  const token = strip.list.querySelector(".chosen");
  if (!token) return;
  const { list } = strip;
  const [top, bottom] = [token.offsetTop, token.offsetTop + token.offsetHeight];
  if (top < list.scrollTop) list.scrollTop = top;
  else if (bottom > list.scrollTop + list.clientHeight) list.scrollTop = bottom - list.clientHeight;
}

const STEPS = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };

function move_caret(strip, event) {
  const step = STEPS[event.key];
  if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  event.stopPropagation();
  const next = Math.max(0, Math.min(strip.data.names.length - 1, strip.chosen + step));
  if (next === strip.chosen) return;
  choose(strip, next, 150);
  show_chosen(strip);
}
