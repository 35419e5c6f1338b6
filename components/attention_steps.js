const tables = new WeakMap();

export default function ({ parentElement, data, setTriggerValue }) {
  const table = remember(tables, parentElement, open_table);
  table.data = unpack(data);
  table.theme = read_theme(parentElement.host ?? parentElement, table.data.colors);
  table.send = (chosen) => setTriggerValue("choose", chosen);
  settle(table, table.data.chosen);
  table.draw();
  return () => forget(tables, parentElement);
}

function open_table(parentElement) {
  const picture = parentElement.querySelector(".picture");
  const table = { picture, width: -1 };
  table.draw = () => table.data && draw_table(table);
  return table;
}

function draw_table(table) {
  const { data, theme, picture, chosen } = table;
  const made_of = [data, theme, chosen];
  if (table.made_of?.every((x, i) => x === made_of[i])) return; // a new width needs no new table
  table.made_of = made_of;
  apply_inks(picture, theme);
  table.reading = element("p", "reading", "Point at a vector: its numbers appear here.");
  const grid = element("div", "steps", [...heading(data), ...query_row(table)]);
  grid.append(...key_rows(table), ...rest_row(data), ...sum_row(table));
  picture.replaceChildren(grid, ...projection(table), table.reading);
}

const HEADS = [
  ["key (is read)", "key"], ["k", "key"], ["1  q · k", ""], ["2", ""], ["3  mask", ""],
  ["4  softmax: weight", "attention"], ["v", "value"],
];

function heading(data) {
  return HEADS.map(([text, hue]) =>
    element("div", `head ${hue}`, text === "2" ? `2  ${data.scaling_words}` : text));
}

function query_row(table) {
  const { data, theme } = table;
  const say = (i, x) => tell(table, `q of ${data.query_token} (${data.query})`, i, x, "qk");
  return [
    element("div", "token query", [`${shorten(data.query_token, 14)}`, position(data.query)]),
    make_strip(data.q, largest(data.q), theme, "query", say),
    element("div", "note query", "q of the query (reads)"),
  ];
}

const position = (i) => element("span", "at", String(i));

function key_rows(table) {
  const { data } = table;
  const [keys, values] = [data.k, data.v].map((x) => rows_of(x, data.q.length));
  const tops = { key: largest(data.k), value: largest(data.v) };
  return data.positions.flatMap((at, i) => key_row(table, i, at, keys[i], values[i], tops));
}

function key_row(table, i, at, k, v, tops) {
  const { data, theme, chosen } = table;
  const future = at > data.query;
  const name = `${data.tokens[i]} (${at})`;
  const row = [
    element("div", "token key", [shorten(data.tokens[i], 14), position(at)]),
    make_strip(k, tops.key, theme, "key", (d, x) => tell(table, `k of ${name}`, d, x, "qk")),
    element("div", "number", number(data.scores[i])),
    element("div", "number", number(data.scaled[i])),
    element("div", "number", future ? "−∞" : "seen"),
    weight_bar(data.weights[i]),
    make_strip(v, tops.value, theme, "value", (d, x) => tell(table, `v of ${name}`, d, x, "v")),
  ];
  row.at(-1).classList.add("v");
  for (const part of row) {
    if (future) part.classList.add("future");
    if (at === chosen) part.classList.add("chosen");
    if (!future) part.onclick = () => choose(table, at);
  }
  return row;
}

function weight_bar(weight) {
  const bar = element("div", "bar");
  bar.style.width = `${100 * weight}%`;
  const cell = element("div", "weight", [bar, element("span", "", weight.toFixed(4))]);
  cell.title = exact(weight);
  return cell;
}

function rest_row(data) {
  const words = [];
  if (data.n_hidden > 0) {
    words.push(`${data.n_hidden} more ${data.n_hidden > 1 ? "keys" : "key"} with smaller weights, `
      + `${exact(Math.max(0, data.hidden_weight))} together, not drawn.`);
  }
  const drawn = data.positions.filter((at) => at > data.query).length;
  if (data.n_future > drawn) words.push(`${data.n_future - drawn} more later tokens, masked too.`);
  if (data.n_future === 0) words.push("No token comes later: the mask hides nothing from this query.");
  return words.length ? [element("div", "rest", words.join(" "))] : [];
}

function sum_row(table) {
  const { data, theme } = table;
  const say = (i, x) => tell(table, "weighted sum of v", i, x, "v");
  const mixed = make_strip(data.mixed, largest(data.mixed), theme, "value", say);
  mixed.classList.add("v");
  return [
    element("div", "total", "sum of the weights"),
    element("div", "weight total", data.sum.toFixed(6)),
    element("div", "sum", "5  each v × its weight, summed ↓"),
    element("div", "blank"),
    mixed,
  ];
}

function projection(table) {
  const { data, theme } = table;
  const say = (i, x) => tell(table, "added to the residual stream", i, x, "c");
  const norm = Math.sqrt(data.projected.reduce((sum, x) => sum + x * x, 0));
  return [
    element("div", "head residual",
      `6  × this head's ${data.q.length} rows of c_proj → ${data.projected.length} numbers added to `
      + `the residual stream, length ${number(norm)}`),
    make_strip(data.projected, largest(data.projected), theme, "residual", say),
    element("p", "check", `Check: all heads of this layer plus bias, less what attention added to the `
      + `residual stream: largest difference ${data.error.toExponential(1)}.`),
  ];
}

function tell(table, what, i, value, group) {
  table.reading.textContent = `${what}, dimension ${i}: ${exact(value)}`.replace("-", "−");
  const length = group === "c" ? table.data.projected.length : table.data.q.length;
  const { style } = table.picture;
  for (const name of ["qk", "v"]) style.setProperty(`--at-${name}`, name === group ? i / length : -9);
  style.setProperty("--one", 1 / length);
}
