import { component, rounded } from "../kit/canvas.js";
import { make } from "../kit/dom.js";

export default component((picture) => {
  const [grid, reading] = [".heads", ".reading"].map((name) => picture.querySelector(name));
  const one = { picture, grid, reading };
  one.draw = () => one.data && fill(one);
  return one;
});

function fill(one) {
  const { data } = one;
  const every = data.n_heads > 16 ? 5 : 1;
  const cells = [make("span")];
  for (let head = 0; head < data.n_heads; head++) {
    cells.push(make("span", "", head % every ? "" : String(head)));
  }
  for (let layer = 0; layer < data.n_layers; layer++) {
    cells.push(make("span", "", data.n_layers > 24 && layer % 5 ? "" : String(layer)));
    for (let head = 0; head < data.n_heads; head++) cells.push(cell(one, layer, head));
  }
  one.grid.style.gridTemplateColumns = `1.6em repeat(${data.n_heads}, minmax(0, 1fr))`;
  one.grid.replaceChildren(...cells);
  tell(one, null);
}

function cell(one, layer, head) {
  const button = make("button");
  const share = one.data.share[layer * one.data.n_heads + head];
  const paint = `color-mix(in srgb, var(--memory) ${(94 * share).toFixed(1)}%, `
    + "color-mix(in srgb, var(--st-text-color) 9%, var(--st-background-color)))";
  button.style.setProperty("--fill", paint);
  button.type = "button";
  const words = `layer ${layer}, head ${head}: ${rounded(share)} of its attention`;
  button.setAttribute("aria-label", words);
  const { chosen } = one;
  button.classList.toggle("chosen", chosen?.layer === layer && chosen?.head === head);
  button.onpointerenter = () => tell(one, words);
  button.onpointerleave = () => tell(one, null);
  button.onclick = () => {
    const again = one.chosen?.layer === layer && one.chosen?.head === head;
    one.chosen = again ? null : { layer, head };
    one.chosen_at = performance.now();
    fill(one);
    one.send({ layer, head });
  };
  return button;
}

function tell(one, words) {
  const mean = one.data.share.reduce((sum, x) => sum + x, 0) / one.data.share.length;
  const token = make("bdi", "", one.data.token);
  const resting = ` reads ${rounded(mean)} from memory, mean of all. Rows: layers, columns: heads. `
    + "Click: only this head; again: the mean.";
  one.reading.replaceChildren(...(words ? [words] : [token, resting]));
}
