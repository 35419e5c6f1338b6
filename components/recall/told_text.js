// Words are DOM text. Ground: how strongly a word is read; line below: what the answer loses
// without it.
import { rounded } from "../kit/canvas.js";
import { make } from "../kit/dom.js";

const pictures = new WeakMap();

export default function ({ parentElement, data, setTriggerValue }) {
  const picture = parentElement.querySelector(".picture");
  const one = pictures.get(parentElement) ?? { picture };
  pictures.set(parentElement, one);
  Object.assign(one, { data, focus: null });
  one.send_word = (place) => setTriggerValue("word", place);
  one.send_prompt = (number) => setTriggerValue("prompt", number);
  for (const [name, hue] of Object.entries(data.hues)) {
    picture.style.setProperty(`--${name}`, hue);
  }
  const told = picture.querySelector(".told");
  const top = told.scrollTop;
  one.words = [];
  told.replaceChildren(...data.rows.map((row) => told_row(one, row)));
  told.scrollTop = top;
  picture.querySelector(".asked").replaceChildren(...asked_row(one));
  colour(one);
  say_nothing(one);
}

function told_row(one, row) {
  if (row.fold) return make("div", "row", [make("b"), make("div", "fold", row.fold)]);
  const number = make("button", "", `prompt ${row.number}`);
  number.type = "button";
  number.title = "Click: all its words";
  number.onclick = () => one.send_prompt(row.number);
  return make("div", "row", [number,
    make("div", "words", row.words.map((word) => told_word(one, row.number, word)))]);
}

function told_word(one, prompt, word) {
  const box = make("span", `word ${word.stored ? "slot" : "not"} ${word.mark}`,
    make("bdi", "", word.text));
  box.dataset.place = `${prompt} ${word.position}`;
  if (word.lost > 0.005) {
    const line = make("i");
    line.style.width = `calc((100% - 0.4em) * ${Math.min(1, word.lost)})`;
    box.append(line);
  }
  box.onpointerenter = () => say_word(one, prompt, word);
  box.onpointerleave = () => say_nothing(one);
  if (word.stored) {
    box.tabIndex = 0;
    box.setAttribute("role", "button");
    box.onclick = () => one.send_word([prompt, word.position]);
    box.onfocus = () => say_word(one, prompt, word);
    box.onkeydown = (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      box.onclick();
    };
  }
  one.words.push([box, word]);
  return box;
}

function asked_row(one) {
  const words = one.data.ask.map((text) => make("span", "word", make("bdi", "", text)));
  one.answer = one.data.answer.map(([text, p], i) => {
    const box = make("span", "word answer", [make("bdi", "", text), make("small", "", percent(p))]);
    box.onpointerenter = () => point_at(one, i);
    box.onpointerleave = () => point_at(one, null);
    return box;
  });
  return [make("b", "", "asked"), make("div", "words", [...words, ...one.answer])];
}

function point_at(one, i) {
  one.focus = i;
  one.answer.forEach((box, a) => box.classList.toggle("focus", a === i));
  colour(one);
  say_nothing(one);
}

// Of one answer token, or the largest of all of them.
const read_of = (one, word) => (word.reads === null ? 0
  : one.focus === null ? Math.max(...word.reads) : word.reads[one.focus]);

function colour(one) {
  for (const [box, word] of one.words) {
    const tint = (78 * Math.sqrt(Math.min(1, read_of(one, word)))).toFixed(1);
    box.style.setProperty(
      "--ground", `color-mix(in srgb, var(--memory) ${tint}%, var(--st-background-color))`);
  }
}

const percent = (p) => (p > 0 && p < 0.001 ? "< 0.1 %" : p < 1 && p > 0.999 ? "> 99.9 %"
  : `${(100 * p).toFixed(1)} %`);
const bold = (text) => make("b", "", make("bdi", "", text));

function say_word(one, prompt, word) {
  const reading = one.picture.querySelector(".reading");
  const where = [bold(word.text), ` prompt ${prompt}, token ${word.position}: `];
  if (!word.stored) return reading.replaceChildren(...where, "no slot holds it.");
  if (word.reads === null) {
    return reading.replaceChildren(...where, "in memory, not retrieved for this question.");
  }
  const whose = one.focus === null ? "" : ` for ${one.data.answer[one.focus][0]}`;
  const lost = word.lost === null ? "" : word.lost > 0
    ? ` Without it the answer loses ${percent(word.lost)} of its probability.`
    : " Without it the answer loses nothing.";
  reading.replaceChildren(...where, `read weight${whose} `, bold(rounded(read_of(one, word))),
    `. ${word.more}${lost} ${one.data.clicks}`);
}

function say_nothing(one) {
  const reading = one.picture.querySelector(".reading");
  if (!one.words.some(([, word]) => word.stored)) {
    return reading.replaceChildren("No slot holds a word, so there is nothing to read.");
  }
  const whose = one.focus === null ? "the answer" : one.data.answer[one.focus][0];
  reading.replaceChildren(
    make("span", "key reads"), ` how strongly it is read for ${whose} (√ of the mean weight)  `,
    make("span", "key loses"), " what the answer loses without it. Faint: not in memory. ",
    one.data.clicks);
}
