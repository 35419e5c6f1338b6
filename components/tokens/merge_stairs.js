// A word merged step by step. Row 0 are its bytes; row r is the word after r merges.
import { fade_edges, is_large } from "../kit/canvas.js";

const stairs = new WeakMap();
const SIDE = 180; // pixels of the words at the side

export default function ({ parentElement, data }) {
  const state = stairs.get(parentElement) ?? open_stairs(parentElement);
  const fresh = !state.data || state.data.word !== data.word;
  state.data = data;
  state.last = data.rows.length - 1;
  if (fresh || state.step > state.last) state.step = state.last;
  state.slider.max = state.last;
  build(state);
  draw(state);
  return () => {
    if (state.picture.isConnected) return;
    state.observer.disconnect();
    stairs.delete(parentElement);
  };
}

function open_stairs(parentElement) {
  const picture = parentElement.querySelector(".picture");
  const [controls, say, grid] = [".controls", ".say", ".stairs"].map((n) => picture.querySelector(n));
  const state = { picture, say, grid, step: 0 };
  fade_edges(picture.querySelector(".scroll"));
  const go = (step) => { state.step = Math.max(0, Math.min(state.last, step)); draw(state); };
  state.first = button(icon("M5 3v14M15 3 7 10l8 7z"), "Back to the bytes", () => go(0));
  state.back = button(icon("M14 3 5 10l9 7z"), "Undo one merge", () => go(state.step - 1));
  state.next = button(icon("M6 3l9 7-9 7z"), "Apply the next merge", () => go(state.step + 1));
  state.all = button("All rows", "All rows: show every merge", () => go(state.last));
  state.slider = Object.assign(document.createElement("input"), { type: "range", min: 0, step: 1 });
  state.slider.setAttribute("aria-label", "Merges applied");
  state.slider.oninput = () => go(Number(state.slider.value));
  state.at = cell("at", "");
  controls.replaceChildren(state.first, state.back, state.slider, state.next, state.all, state.at);
  picture.onkeydown = (event) => {
    if (event.target === state.slider) return;
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (by) { event.preventDefault(); go(state.step + by); }
  };
  state.observer = new ResizeObserver(() => {
    if (state.data && state.width !== state.picture.clientWidth) { build(state); draw(state); }
  });
  state.observer.observe(picture);
  stairs.set(parentElement, state);
  return state;
}

// A drawing of 20 × 20, so that it looks the same in every font.
function icon(path) {
  const drawing = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  drawing.setAttribute("viewBox", "0 0 20 20");
  drawing.setAttribute("class", "icon");
  line.setAttribute("d", path);
  drawing.append(line);
  return drawing;
}

function button(face, title, onclick) {
  const made = document.createElement("button");
  Object.assign(made, { type: "button", title, onclick });
  made.append(face);
  made.setAttribute("aria-label", title);
  return made;
}

function cell(name, text, title = "") {
  const made = document.createElement("div");
  made.className = name;
  made.dir = "auto";
  Object.assign(made, { textContent: text, title });
  return made;
}

// -- the grid: column 1 are the words at the side, then one column for each byte -------------------

function build(state) {
  const { data, grid } = state;
  const n = data.letters.length;
  state.width = state.picture.clientWidth;
  const room = (state.width - SIDE) / n;
  const width = Math.floor(Math.max(40, Math.min(104, room)));
  grid.style.gridTemplateColumns = `max-content repeat(${n}, ${width}px)`;
  grid.style.setProperty("--colour", data.colour);
  grid.style.setProperty("--next", data.next);
  grid.replaceChildren();
  state.row = 0;
  const chars = data.characters.map((c) => ["char", c.text, c.title, c.start, c.end]);
  const bytes = data.hex.map((hex, i) => ["hex", hex, `byte ${parseInt(hex, 16)}`, i, i + 1]);
  put_line(state, "characters", chars);
  put_line(state, "bytes", bytes);
  data.rows.forEach((row, r) => put_row(state, row, r));
  put_ids(state);
}

// step: the merge after which a line appears; null: it is always there.
function put_line(state, side, cells, step = null) {
  state.row += 1;
  const name = step === null ? "" : ` step-${step}`;
  const label = cell("side" + name, side);
  label.style.gridRow = state.row;
  state.grid.append(label);
  for (const [kind, text, title, start, end] of cells) {
    const made = cell(kind + name, text, title);
    made.style.gridArea = `${state.row} / ${start + 2} / ${state.row + 1} / ${end + 2}`;
    state.grid.append(made);
  }
}

function put_row(state, row, r) {
  const { data } = state;
  const before = r ? data.rows[r - 1] : null;
  const made = new Set(before ? before.joined.map((i) => before.parts[i][0]) : []);
  const soon = new Set(row.joined.flatMap((i) => [i, i + 1]));
  const is_last = r === state.last;
  const boxes = row.parts.map(([start, end], i) => {
    const kinds = ["box", made.has(start) && "made", soon.has(i) && "soon", is_last && "final"];
    const text = r ? row.texts[i] : row.letters[i];
    const title = `“${row.texts[i]}”, in the merges file “${row.letters[i]}”`;
    return [kinds.filter(Boolean).join(" "), text, title, start, end];
  });
  const side = data.special ? "a token of its own" : r ? `merge ${r}` : "GPT-2’s letters for them";
  put_line(state, side, boxes, r);
  if (!is_last || row.ranks.length) put_ranks(state, row, r, is_last);
}

// A rank is drawn on the border of its two boxes: in the two byte columns that meet there.
function put_ranks(state, row, r, is_last) {
  const joined = new Set(row.joined);
  const cells = row.ranks.map((rank, i) => {
    const border = row.parts[i][1];
    const text = rank === null ? "–" : String(rank);
    const title = rank === null ? "no such pair in the list of merges" : `rank ${rank}`;
    return [joined.has(i) ? "rank soon" : "rank", text, title, border - 1, border + 1];
  });
  put_line(state, is_last ? "no pair is in the list" : r ? "" : "rank of each pair", cells, r);
}

function put_ids(state) {
  const { data } = state;
  const last = data.rows[state.last];
  const cells = last.parts.map(([a, b], i) => ["id", String(data.ids[i]), "token id", a, b]);
  put_line(state, "token ids", cells, state.last);
}

// -- one step -------------------------------------------------------------------------------------

function draw(state) {
  const { data, step, last } = state;
  state.picture.classList.toggle("large", is_large());
  for (const made of state.grid.children) {
    const of = /step-(\d+)/.exec(made.className);
    made.classList.toggle("later", Boolean(of) && Number(of[1]) > step);
    made.classList.toggle("away", is_large() && Boolean(of) && !is_near(Number(of[1]), step));
  }
  state.slider.value = step;
  state.slider.disabled = last === 0;
  state.first.disabled = state.back.disabled = step === 0;
  state.next.disabled = state.all.disabled = step === last;
  state.at.textContent = `${step} of ${last} merge${last === 1 ? "" : "s"}`;
  state.say.textContent = sentence(data, step, last);
  state.picture.dataset.step = `${step}/${last}`;
}

// In a hall: the row that was just made and the one that it was made of, or the first two.
const is_near = (row, step) => row === step || row === step - 1 || (step === 0 && row === 1);

function sentence(data, step, last) {
  if (data.special) return "This token is taken whole, before the text is cut.";
  const drawn = data.letters.length;
  const cut = drawn < data.n_bytes ? ` Drawn: the first ${drawn} of ${data.n_bytes} bytes.` : "";
  if (step === last) {
    const ids = data.n_tokens === 1 ? "one token" : `${data.n_tokens} tokens`;
    const why = last ? "No pair of neighbours is in the list any more" : "Nothing to merge";
    return `${why}: ${ids}.${cut}`;
  }
  const row = data.rows[step];
  const [i] = row.joined;
  const pair = `“${row.texts[i]}” + “${row.texts[i + 1]}”`;
  return `Next: ${pair} has the lowest rank of this row, ${row.rank.toLocaleString("en")}.${cut}`;
}
