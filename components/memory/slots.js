import { choose, exact, fade_edges, forget, remember, settle, unpack } from "../kit/canvas.js";

const pictures = new WeakMap();
const MANY = 160; // slots, from here on smaller boxes

export default function ({ parentElement, data, setTriggerValue }) {
  const one = remember(pictures, parentElement, open_slots);
  one.data = unpack(data);
  one.send = (chosen) => setTriggerValue("choose", chosen);
  settle(one, one.data.chosen);
  one.picture.style.setProperty("--memory", one.data.hue);
  fill(one);
  one.draw();
  return () => forget(pictures, parentElement);
}

function open_slots(parentElement) {
  const picture = parentElement.querySelector(".picture");
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
  const empty = Array.from({ length: data.n - data.text.length },
    () => document.createElement("i"));
  one.grid.replaceChildren(...one.boxes, ...empty);
}

function slot(one, i, read) {
  const { data } = one;
  const box = document.createElement("button");
  const text = document.createElement("bdi");
  text.textContent = data.text[i];
  box.type = "button";
  box.append(text);
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
  const bold = Object.assign(document.createElement("b"), { textContent: data.text[i] });
  const around = Object.assign(document.createElement("bdi"), { textContent: data.around[i] });
  one.reading.replaceChildren(`Slot ${i}: `, bold, ` of prompt ${data.prompt[i]}, position `
    + `${data.position[i]}, in “`, around, `”. Read now: ${exact(data.now[i])}; in all `
    + `${exact(data.total[i])}; salience ${exact(data.salience[i])}.`
    + (data.tokens[i] > 1 ? ` A summary of ${data.tokens[i]} tokens.` : "")
    + (data.pinned[i] ? " Pinned." : ""));
}
