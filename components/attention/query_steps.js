import { choose, component, exact, is_large, rounded, shorten, significant } from "../kit/canvas.js";
import { apply_inks, largest, make_strip, number, rows_of } from "../kit/strips.js";
import { make } from "../kit/dom.js";

export default component(open_table);

function open_table(picture) {
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
  picture.tabIndex = is_large() ? 0 : -1; // it scrolls there
  table.reading = make("div", "reading", FIRST_WORDS);
  const steps = make("div", "steps", [heading(data), query_row(table), ...key_rows(table)]);
  steps.append(...rest_row(data), sum_row(table));
  steps.onpointerleave = () => point_nowhere(table);
  picture.replaceChildren(steps, ...projection(table));
}

const FIRST_WORDS = "← q of the query (reads). Point at any vector for its numbers.";
const HEADS = [
  ["key (is read)", "key"], ["k", "key"], ["1  q · k", ""], ["2", ""], ["3  mask", ""],
  ["4  softmax: weight", "attention"], ["v", "value"],
];

function heading(data) {
  return make("div", "row head", HEADS.map(([text, hue]) =>
    make("div", hue, text === "2" ? `2  ${data.scaling_words}` : text)));
}

function query_row(table) {
  const { data, theme } = table;
  const say = (i, x) => tell(table, `q of ${data.query_token} (${data.query})`, i, x, "qk");
  return make("div", "row", [
    token_name("query", data.query_token, data.query),
    make_strip(data.q, largest(data.q), theme, "query", say),
    table.reading,
  ]);
}

const token_name = (hue, text, at) =>
  make("div", `token ${hue}`, [shorten(text, 14), make("span", "at", String(at))]);

function key_rows(table) {
  const { data } = table;
  const [keys, values] = [data.k, data.v].map((x) => rows_of(x, data.q.length));
  const tops = { key: largest(data.k), value: largest(data.v) };
  return data.positions.map((at, i) => key_row(table, i, at, keys[i], values[i], tops));
}

function key_row(table, i, at, k, v, tops) {
  const { data, theme, chosen } = table;
  const future = at > data.query;
  const name = `${data.tokens[i]} (${at})`;
  const row = make("div", "row", [
    token_name("key", data.tokens[i], at),
    make_strip(k, tops.key, theme, "key", (d, x) => tell(table, `k of ${name}`, d, x, "qk")),
    make("div", "number", number(data.scores[i])),
    make("div", "number", number(data.scaled[i])),
    make("div", "number", future ? "−∞" : "seen"),
    weight_bar(data.weights[i]),
    value_strip(v, tops.value, theme, (d, x) => tell(table, `v of ${name}`, d, x, "v")),
  ]);
  row.dataset.key = at;
  if (at === chosen) row.classList.add("chosen");
  if (future) row.classList.add("future");
  else row.onclick = () => choose(table, at);
  return row;
}

function value_strip(values, top, theme, say) {
  const strip = make_strip(values, top, theme, "value", say);
  strip.classList.add("v");
  return strip;
}

function weight_bar(weight) {
  const bar = make("div", "bar");
  bar.style.width = `${100 * weight}%`;
  const text = weight > 0 && weight < 5e-5 ? significant(weight, 2) : weight.toFixed(4);
  const cell = make("div", "weight", [bar, make("span", "", text)]);
  cell.title = exact(weight);
  return cell;
}

function rest_row(data) {
  const words = [];
  if (data.n_hidden > 0) {
    const keys = `${data.n_hidden} more ${data.n_hidden > 1 ? "keys" : "key"}`;
    words.push(`${keys} with ${rounded(Math.max(0, data.hidden_weight))} of the weight not drawn.`);
  }
  const drawn = data.positions.filter((at) => at > data.query).length;
  const later = data.n_future - drawn;
  if (later > 0) words.push(`${later} more later ${later > 1 ? "tokens" : "token"}, masked too.`);
  if (data.n_future === 0) words.push("No token comes later: the mask hides nothing here.");
  return words.length ? [make("div", "rest", words.join(" "))] : [];
}

function sum_row(table) {
  const { data, theme } = table;
  const say = (i, x) => tell(table, "sum of weight × v", i, x, "v");
  return make("div", "row sum", [
    make("div", "label", "sum of the weights"),
    make("div", "weight", [make("span", "", data.sum.toFixed(4))]),
    value_strip(data.mixed, largest(data.mixed), theme, say),
    make("div", "value", "5  sum of each v × its weight ↑"),
  ]);
}

function projection(table) {
  const { data, theme } = table;
  const say = (i, x) => tell(table, "added to the residual stream", i, x, "c");
  const norm = Math.sqrt(data.projected.reduce((sum, x) => sum + x * x, 0));
  const full = [["q", data.q], ["k", data.k], ["v", data.v], ["their sum", data.mixed],
    ["the last", data.projected]]
    .map(([name, x]) => `${name} ${significant(largest(x), 3)}`).join(", ");
  return [
    make("p", "head attention",
      `6  × this head's ${data.q.length} rows of c_proj → ${data.projected.length} numbers added `
      + `to the residual stream, length ${number(norm)}`),
    make_strip(data.projected, largest(data.projected), theme, "attention", say),
    make("p", "check", "Check: what all heads of this layer and the bias add, against what "
      + "attention really added to the residual stream: largest difference "
      + `${significant(data.error, 1)}.`),
    make("p", "check",
      `Colours: a vector's hue is positive, grey is negative; full colour at ${full}.`),
  ];
}

function tell(table, what, i, value, group) {
  table.reading.textContent = `${what}, dimension ${i}: ${exact(value)}`.replace("-", "−");
  mark(table, group, i);
}

function point_nowhere(table) {
  table.reading.textContent = FIRST_WORDS;
  mark(table, "", 0);
}

// Frames one dimension in every vector that has it.
function mark(table, group, i) {
  const { style } = table.picture;
  for (const name of ["qk", "v"]) {
    style.setProperty(`--at-${name}`, name === group ? i / table.data.q.length : -9);
  }
  style.setProperty("--one", 1 / table.data.q.length);
}
