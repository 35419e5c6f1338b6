const cells = new WeakMap();
const HEIGHT = 110; // of the bars, pixels

export default function ({ parentElement, data }) {
  const cell = remember(cells, parentElement, open_cell);
  cell.data = unpack(data);
  cell.theme = read_theme(parentElement.host ?? parentElement, cell.data.colors);
  cell.draw();
  return () => forget(cells, parentElement);
}

function open_cell(parentElement) {
  const cell = { picture: parentElement.querySelector(".picture") };
  cell.draw = () => cell.data && draw_cell(cell);
  return cell;
}

function draw_cell(cell) {
  const { data, theme, picture } = cell;
  apply_inks(picture, theme);
  cell.reading = element("p", "reading", total_words(data));
  const bars = element("canvas", "bars");
  const grid = element("div", "cell", [
    element("div", "token query", ["q of ", shorten(data.query_token, 14), at(data.query)]),
    make_strip(data.q, largest(data.q), theme, "query", (i) => tell(cell, i)),
    element("div", "token key", ["k of ", shorten(data.key_token, 14), at(data.key)]),
    make_strip(data.k, largest(data.k), theme, "key", (i) => tell(cell, i)),
    element("div", "token", "q × k, one product each"),
    bars,
  ]);
  grid.onpointerleave = () => tell(cell, null);
  picture.replaceChildren(grid, cell.reading, equation(data));
  draw_bars(cell, bars);
}

const at = (i) => element("span", "at", String(i));
const total_words = (data) =>
  `${data.products.length} products, sum ${number(data.score)}. Point at one for its numbers.`;

function draw_bars(cell, canvas) {
  const { data, theme } = cell;
  const width = canvas.parentElement.querySelector(".strip").clientWidth;
  const context = fit_canvas(canvas, width, HEIGHT);
  const [top, step] = [largest(data.products) || 1, width / data.products.length];
  context.fillStyle = css(theme.faint);
  context.fillRect(0, HEIGHT / 2 - 0.5, width, 1);
  data.products.forEach((product, i) => {
    const height = (Math.abs(product) / top) * (HEIGHT / 2 - 4);
    context.fillStyle = css(product < 0 ? theme.soft : theme.attention);
    const y = product < 0 ? HEIGHT / 2 : HEIGHT / 2 - height;
    context.fillRect(i * step, y, Math.max(1, step - 1), height);
  });
  canvas.onpointermove = (event) => {
    const x = event.clientX - canvas.getBoundingClientRect().left;
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
    element("div", "left", left), element("div", "right", right), element("div", "words", words),
  ];
  return element("div", "equation", [
    ...line("q · k", `= ${six(data.score)}`, `the sum of the ${data.q.length} products`),
    ...line(data.scaling_words, `= ${six(data.scaled)}`, "the scaled score"),
    ...line(`exp(${six(data.scaled)} − ${six(data.largest)})`, `= ${exact(raised)}`,
      "less the largest scaled score of this row, which changes no weight and keeps exp small"),
    ...line(`÷ ${six(data.denominator)}`, `= ${exact(data.weight)}`,
      `÷ the sum of exp over the ${data.query + 1} keys this query can see: the weight`),
  ]);
}

const six = (x) => x.toFixed(6).replace("-", "−");
