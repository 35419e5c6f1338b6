import { component, css, exact, fit_canvas, place_of, rounded, shorten, width_of } from "../kit/canvas.js";
import { apply_inks, largest, make_strip, number } from "../kit/strips.js";
import { make } from "../kit/dom.js";

const HEIGHT = 110; // of the bars, pixels

export default component(open_cell);

function open_cell(picture) {
  const cell = { picture };
  cell.draw = () => cell.data && draw_cell(cell);
  return cell;
}

function draw_cell(cell) {
  const { data, theme, picture } = cell;
  apply_inks(picture, theme);
  cell.reading = make("p", "reading", total_words(data));
  const bars = make("canvas", "bars");
  const grid = make("div", "cell", [
    make("div", "token query", ["q of ", shorten(data.query_token, 14), at(data.query)]),
    make_strip(data.q, largest(data.q), theme, "query", (i) => tell(cell, i)),
    make("div", "token key", ["k of ", shorten(data.key_token, 14), at(data.key)]),
    make_strip(data.k, largest(data.k), theme, "key", (i) => tell(cell, i)),
    make("div", "token", "q × k, one product each"),
    bars,
  ]);
  grid.onpointerleave = () => tell(cell, null);
  picture.replaceChildren(title(data), grid, cell.reading, equation(data));
  draw_bars(cell, bars);
}

function title(data) {
  return make("h4", "", [
    "One weight: how query ", make("span", "query", [shorten(data.query_token, 30), at(data.query)]),
    " reads key ", make("span", "key", [shorten(data.key_token, 30), at(data.key)]),
    ` with weight ${rounded(data.weight)}`,
  ]);
}

const at = (i) => make("span", "at", String(i));
const total_words = (data) =>
  `${data.products.length} products, sum ${number(data.score)}. Point at one for its numbers.`;

function draw_bars(cell, canvas) {
  const { data, theme } = cell;
  const width = width_of(canvas.parentElement.querySelector(".strip"));
  const context = fit_canvas(canvas, width, HEIGHT);
  const [low, high] = [Math.min(0, ...data.products), Math.max(0, ...data.products)];
  const scale = (HEIGHT - 4) / (high - low || 1);
  const [zero, step] = [2 + high * scale, width / data.products.length];
  context.fillStyle = css(theme.faint);
  context.fillRect(0, zero - 0.5, width, 1);
  data.products.forEach((product, i) => {
    context.fillStyle = css(product < 0 ? theme.soft : theme.attention);
    context.fillRect(i * step, zero, Math.max(1, step - 1), -product * scale);
  });
  canvas.onpointermove = (event) => {
    const [x] = place_of(canvas, event);
    tell(cell, Math.max(0, Math.min(data.products.length - 1, Math.floor(x / step))));
  };
}

function tell(cell, i) {
  const { data, picture } = cell;
  picture.style.setProperty("--at-qk", i === null ? -9 : i / data.q.length);
  picture.style.setProperty("--one", 1 / data.q.length);
  cell.reading.textContent = i === null ? total_words(data)
    : `dimension ${i}: ${exact(data.q[i])} × ${exact(data.k[i])} = ${exact(data.products[i])}`
      .replaceAll("-", "−");
}

function equation(data) {
  const raised = Math.exp(data.scaled - data.largest);
  const line = (left, right, words) => [
    make("div", "left", left), make("div", "right", right), make("div", "words", words),
  ];
  return make("div", "equation", [
    ...line("q · k", `= ${six(data.score)}`, `the sum of the ${data.q.length} products`),
    ...line(data.scaling_words, `= ${six(data.scaled)}`, "the scaled score"),
    ...line(`exp(${six(data.scaled)} − ${six(data.largest)})`, `= ${exact(raised)}`,
      "less the largest scaled score of this row, which changes no weight and keeps exp small"),
    ...line(`÷ ${six(data.denominator)}`, `= ${exact(data.weight)}`,
      `÷ the sum of exp over the ${data.query + 1} keys this query can see: the weight`),
  ]);
}

const six = (x) => x.toFixed(6).replace("-", "−");
