// What a picture on the page shows, as a table, where nobody offered its arrays (kit/export/offers.py):
// a chart's own numbers, a table's cells, else its words line by line.
import { all_inside, drawn } from "./dom_svg.js";

// What Plotly drew: traces with all that it worked out, the layout as it was given; undefined where the
// picture is no chart.
export function chart_in(picture) {
  const plot = [...all_inside(picture)].find((one) => one["_fullLayout"]);
  return plot && { traces: plot["_fullData"], layout: plot.layout };
}

// -> CSV
export function csv_of(picture) {
  const chart = chart_in(picture);
  if (chart) return written(chart_rows(chart));
  const table = [...all_inside(picture)].find((one) => one.localName === "table");
  return written(table ? table_rows(table) : word_rows(drawn(picture).words));
}

const written = (rows) => `${rows.map((row) => row.map(field).join(",")).join("\n")}\n`;

// A text that a spreadsheet would take for a formula gets an apostrophe in front.
function field(value) {
  if (typeof value === "number" || value === undefined || value === null) return String(value ?? "");
  let text = String(value);
  if (/^[=+\-@]/.test(text) && Number.isNaN(Number(text))) text = `'${text}`;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const plain = (text) => String(text ?? "").replace(/<br ?\/?>/g, " ").replace(/<[^>]*>/g, "")
  .replace(/&#36;/g, "$").replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&quot;/g, '"').replace(/&amp;/g, "&");
const is_list = (x) => Array.isArray(x) || ArrayBuffer.isView(x);
const cell = (x) => (typeof x === "string" ? plain(x) : x);

function chart_rows({ traces, layout }) {
  const shown = traces.filter((one) => one.visible === true);
  const maps = shown.filter((one) => is_list(one.z));
  const lines = shown.filter((one) => !is_list(one.z));
  const titles = ["x", "y"].map((name) => plain(layout[`${name}axis`]?.title?.text) || name);
  return [...maps.flatMap((one) => map_rows(one, titles)), ...line_rows(lines, titles)];
}

function map_rows({ x, y, z, name }, [across, down]) {
  const columns = Array.from(z[0] ?? [], (_, i) => cell(x?.[i]) ?? i);
  return [[`${plain(name)} ${down} \\ ${across}`.trim(), ...columns],
    ...Array.from(z, (row, i) => [cell(y?.[i]) ?? i, ...row])];
}

const COLUMNS = ["labels", "ids", "parents", "values", "x", "y", "base", "text"];

function line_rows(traces, [across, down]) {
  const used = COLUMNS.filter((name) => traces.some((one) => is_list(one[name])));
  if (!traces.length || !used.length) return [];
  const titles = { x: across, y: down };
  const rows = traces.flatMap((one) => {
    const n = Math.max(...used.map((name) => (is_list(one[name]) ? one[name].length : 0)));
    return Array.from({ length: n }, (_, i) => [plain(one.name),
      ...used.map((name) => (is_list(one[name]) ? cell(one[name][i]) : ""))]);
  });
  return [["series", ...used.map((name) => titles[name] ?? name)], ...rows];
}

const table_rows = (table) => [...table.rows].map((row) =>
  [...row.cells].map((one) => number_of(one.textContent.trim())));

// "1,234" and "−0.5" are numbers.
function number_of(text) {
  const bare = text.replaceAll(",", "").replace("−", "-");
  return bare !== "" && !Number.isNaN(Number(bare)) ? Number(bare) : text;
}

const SAME_LINE = 5; // pixels

function word_rows(words) {
  const rows = [];
  for (const word of words.toSorted((a, b) => a.y - b.y)) {
    const last = rows.at(-1);
    if (last && Math.abs(last.y - word.y) < SAME_LINE) last.words.push(word);
    else rows.push({ y: word.y, words: [word] });
  }
  return rows.map((row) => row.words.toSorted((a, b) => a.x - b.x).map(({ text }) => number_of(text)));
}
