import { choose, component, rounded, fade_edges } from "../kit/canvas.js";
import { make } from "../kit/dom.js";

const MANY = 160; // slots, from here on smaller boxes

export default component(open_slots, fill);

function open_slots(picture) {
  const one = { picture, grid: picture.querySelector(".slots") };
  one.reading = picture.querySelector(".reading");
  fade_edges(one.grid);
  one.draw = () => one.data && mark_chosen(one);
  return one;
}

function fill(one) {
  const { data } = one;
  one.grid.classList.toggle("many", data.n > MANY);
  const kept = new Set(data.kept);
  one.boxes = data.text.map((_, i) => slot(one, i, kept.has(i)));
  const empty = Array.from({ length: data.n - data.text.length }, () => make("i"));
  one.grid.replaceChildren(...one.boxes, ...empty);
}

function slot(one, i, read) {
  const { data } = one;
  const box = make("button", "", make("bdi", "", data.text[i]));
  box.type = "button";
  box.classList.toggle("read", read);
  box.classList.toggle("pinned", data.pinned[i]);
  box.classList.toggle("first", i === 0 || data.prompt[i] !== data.prompt[i - 1]);
  box.dataset.prompt = data.prompt[i];
  const tint = (76 * Math.sqrt(Math.min(1, data.now[i]))).toFixed(1);
  box.style.setProperty("--ground",
    `color-mix(in srgb, var(--memory) ${tint}%, var(--st-background-color))`);
  box.onpointerenter = () => say(one, i);
  box.onpointerleave = () => say(one, null);
  box.onclick = () => choose(one, i);
  return box;
}

function mark_chosen(one) {
  one.boxes.forEach((box, i) => box.classList.toggle("chosen", i === one.chosen));
  one.grid.dataset.chosen = one.chosen;
  say(one, null);
}

function say(one, i) {
  const { data } = one;
  if (i === null) {
    one.reading.textContent = `Colour: √ of the weight read from it now. Strong border: `
      + `${data.strong}. Small number: the prompt that wrote it. Dashed: empty.`
      + (data.pinned.includes(true) ? " Dot: pinned, it does not leave." : "");
    return;
  }
  const [bold, around] = [make("b", "", data.text[i]), make("bdi", "", data.around[i])];
  one.reading.replaceChildren(`Slot ${i}: `, bold, ` of prompt ${data.prompt[i]}, position `
    + `${data.position[i]}, in “`, around, `”. Read now: ${rounded(data.now[i])}; in all `
    + `${rounded(data.total[i])}; salience ${rounded(data.salience[i])}.`
    + (data.tokens[i] > 1 ? ` A summary of ${data.tokens[i]} tokens.` : "")
    + (data.pinned[i] ? " Pinned." : ""));
}
