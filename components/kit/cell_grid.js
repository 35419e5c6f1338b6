// A grid of coloured cells, rows × columns, with words in them where there is room. Wide grids
// scroll: the canvas is as wide as the window and draws the columns that are in it.
import {
  choose, css, exact, fit_canvas, forget, ink, mix, read_theme, remember, settle, shorten, unpack,
} from "./canvas.js";

const grids = new WeakMap();
const GAP = 14; // pixels between two groups of columns

export default function ({ parentElement, data, setTriggerValue }) {
  const grid = remember(grids, parentElement, open_grid);
  const n_before = grid.data?.columns.length;
  grid.data = unpack(data);
  const { colors, hues } = grid.data;
  grid.theme = read_theme(parentElement.host ?? parentElement, { ...colors, ...hues });
  grid.ramps = new Map();
  grid.marked = new Set(grid.data.marks);
  grid.send = (chosen) => setTriggerValue("choose", chosen);
  settle(grid, grid.data.chosen);
  grid.follow = grid.follow || n_before !== grid.data.columns.length;
  grid.draw();
  return () => forget(grids, parentElement);
}

function open_grid(parentElement) {
  const picture = parentElement.querySelector(".picture");
  const [scroll, wide, canvas, reading] = [".scroll", ".wide", "canvas", ".reading"].map(
    (name) => picture.querySelector(name)
  );
  const grid = { picture, scroll, wide, canvas, reading, follow: true };
  grid.draw = () => grid.data && picture.clientWidth > 0 && draw_grid(grid);
  scroll.addEventListener("scroll", grid.draw);
  canvas.addEventListener("pointermove", (event) => point(grid, cell_at(grid, event)));
  canvas.addEventListener("pointerleave", () => point(grid, null));
  canvas.addEventListener("click", (event) => {
    const cell = cell_at(grid, event);
    if (cell) choose(grid, cell);
  });
  for (const name of ["focus", "blur"]) canvas.addEventListener(name, grid.draw);
  canvas.addEventListener("keydown", (event) => press(grid, event));
  return grid;
}

// -- sizes ----------------------------------------------------------------------------------------

function measure(grid) {
  const { data, picture } = grid;
  const width = picture.clientWidth;
  const n = data.columns.length;
  const left = Math.min(data.left, width * 0.3);
  const gap = data.gap_before === null ? 0 : GAP;
  const short = data.columns.every((name) => name.length < 5);
  const fit = (edge) => Math.max(data.least, Math.min(data.most, (width - left - gap - edge) / n));
  const upright = short || fit(2) >= 52;
  const edge = upright ? 2 : 40; // the last slanted name leans out
  const cell = fit(edge);
  const top = (upright ? 26 : 92) + (data.column_title ? 22 : 0);
  const height = Math.max(data.row_least, Math.min(data.row_most, data.height / data.rows.length));
  return {
    width, left, top, gap, cell, upright, height, total: left + n * cell + gap + edge,
    bottom: top + data.rows.length * height,
  };
}

const x_of = (grid, column) => {
  const { size, data } = grid;
  const gap = data.gap_before !== null && column >= data.gap_before ? size.gap : 0;
  return size.left + column * size.cell + gap - grid.scroll.scrollLeft;
};

function shown_columns(grid) {
  const { size, data, scroll } = grid;
  const first = Math.max(0, Math.floor((scroll.scrollLeft - size.gap) / size.cell));
  const last = Math.ceil((scroll.scrollLeft + size.width - size.left) / size.cell);
  return [first, Math.min(data.columns.length, last)];
}

// -- drawing --------------------------------------------------------------------------------------

function draw_grid(grid) {
  const size = (grid.size = measure(grid));
  grid.wide.style.width = `${Math.max(size.total, 1)}px`;
  if (grid.follow) follow_choice(grid);
  const context = fit_canvas(grid.canvas, size.width, size.bottom + 4);
  draw_cells(context, grid);
  draw_column_names(context, grid);
  context.clearRect(0, 0, size.left - 2, size.bottom);
  draw_row_names(context, grid);
  fade_ends(context, grid);
  if (grid.hovered) frame(context, grid, grid.hovered, 1.5);
  if (shows_choice(grid)) frame(context, grid, grid.chosen, 3);
  grid.canvas.dataset.chosen = `${grid.chosen.row},${grid.chosen.column}`;
  grid.canvas.dataset.places = [size.left, size.top, size.cell, size.height, size.gap].join();
  grid.canvas.setAttribute("aria-label", grid.data.title);
  read_out(grid);
}

// On a board of switches the chosen cell is where the keys are, nothing that the visitor chose.
const shows_choice = ({ data, canvas }) => !data.toggles || canvas.matches(":focus");

function follow_choice(grid) {
  const { size, scroll, chosen } = grid;
  grid.follow = false;
  if (size.total <= size.width) return;
  const x = chosen.column * size.cell;
  const room = size.width - size.left - size.cell;
  if (x < scroll.scrollLeft || x > scroll.scrollLeft + room) scroll.scrollLeft = Math.max(0, x - room);
}

function ramp(grid, hue) {
  if (!grid.ramps.has(hue)) {
    const { theme } = grid;
    const low = mix(theme.back, theme[hue], 0.07);
    const high = mix(theme[hue], theme.text, 0.25);
    grid.ramps.set(hue, Array.from({ length: 256 }, (_, level) => mix(low, high, level / 255)));
  }
  return grid.ramps.get(hue);
}

// level 0 to 255 in a row's hue; in a signed grid 128 is zero, below it the hue "lowers".
function color_of(grid, row, column) {
  const { data } = grid;
  const level = data.levels[row * data.columns.length + column];
  if (!data.signed) return ramp(grid, data.row_hues[row])[level];
  const share = Math.min(255, Math.abs(level - 128) * 2);
  return ramp(grid, level < 128 ? "lowers" : data.row_hues[row])[share];
}

const is_light = ([r, g, b]) => 0.299 * r + 0.587 * g + 0.114 * b > 150;

function draw_cells(context, grid) {
  const { data, size, theme } = grid;
  const [first, last] = shown_columns(grid);
  const space = size.cell > 14 ? 1.5 : 0;
  const px = Math.max(12, Math.min(data.text_most, size.height * 0.52, size.cell * 0.34));
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (let row = 0; row < data.rows.length; row++) {
    const y = size.top + row * size.height;
    for (let column = first; column < last; column++) {
      const color = color_of(grid, row, column);
      const x = x_of(grid, column);
      context.fillStyle = css(color);
      context.fillRect(x, y, size.cell - space + 0.4, size.height - (size.height > 8 ? 1.5 : 0));
      const index = row * data.columns.length + column;
      const text = data.texts?.[index];
      const ink_now = is_light(color) ? "#0e1014" : "#ffffff";
      if (text && size.cell >= 24 && size.height >= 15 && !grid.marked.has(index)) {
        const bold = data.bold?.[index] ? 700 : 400;
        context.font = `${bold} ${px}px ${theme.font}`;
        context.fillStyle = ink_now;
        const words = written(context, text, size.cell, bold, px, theme.font);
        context.fillText(words, x + size.cell / 2, y + size.height / 2);
      }
      if (grid.marked.has(index)) cross_out(context, x, y, size, css(theme.text));
    }
  }
}

// A word that is too wide is cut; a number becomes smaller, or is left to the reading line.
function written(context, text, cell, bold, px, font) {
  if (!/^[+−]?[\d.,]+$/.test(text)) return fitted(context, text, cell - 8);
  for (let size = px; size >= 9; size--) {
    context.font = `${bold} ${size}px ${font}`;
    if (context.measureText(text).width <= cell - 3) return text;
  }
  return "";
}

function cross_out(context, x, y, size, color) {
  context.strokeStyle = color;
  context.lineWidth = Math.min(3, size.height / 7);
  context.beginPath();
  context.moveTo(x + 4, y + 4);
  context.lineTo(x + size.cell - 6, y + size.height - 6);
  context.moveTo(x + size.cell - 6, y + 4);
  context.lineTo(x + 4, y + size.height - 6);
  context.stroke();
}

function fitted(context, text, room) {
  if (context.measureText(text).width <= room) return text;
  for (let n = [...text].length - 1; n > 1; n--) {
    const short = shorten(text, n);
    if (context.measureText(short).width <= room) return short;
  }
  return shorten(text, 1);
}

function draw_column_names(context, grid) {
  const { data, size, theme } = grid;
  const [first, last] = shown_columns(grid);
  const every = size.upright ? Math.ceil(24 / size.cell) : Math.ceil(17 / size.cell);
  const px = size.upright ? Math.max(13, Math.min(17, size.cell * 0.34)) : 15;
  for (let column = first; column < last; column++) {
    const chosen = shows_choice(grid) && column === grid.chosen.column;
    const bold = chosen || column === grid.hovered?.column;
    const near = Math.abs(column - grid.chosen.column) * size.cell < 17 && !bold && every > 1;
    if ((column % every && !bold) || near) continue;
    context.font = `${bold ? 700 : 400} ${px}px ${theme.font}`;
    context.fillStyle = css(bold ? theme.text : theme.soft);
    context.textBaseline = "alphabetic";
    const x = x_of(grid, column) + size.cell / 2;
    if (size.upright) {
      context.textAlign = "center";
      context.fillText(fitted(context, data.columns[column], Math.max(size.cell - 1, 22)), x, size.top - 8);
      continue;
    }
    context.translate(x, size.top - 7);
    context.rotate(-Math.PI / 3);
    context.textAlign = "left";
    context.fillText(fitted(context, data.columns[column], 88), 0, 4);
    context.setTransform(context.ratio, 0, 0, context.ratio, 0, 0);
  }
}

// Columns that scrolled away: the end of the grid fades, and the title's line says how many show.
function fade_ends(context, grid) {
  const { data, size, theme, scroll } = grid;
  const x = scroll.scrollLeft;
  const end = size.left + data.columns.length * size.cell + size.gap;
  const more = { left: x > 2, right: x + size.width < end - 2 };
  scroll.dataset.more = ["left", "right"].filter((side) => more[side]).join(" ");
  if (more.left) fade(context, grid, size.left - 2, size.left + 34);
  if (more.right) fade(context, grid, size.width, size.width - 34);
  if (!more.left && !more.right) return;
  const n = Math.floor((size.width - size.left) / size.cell);
  const arrows = `${more.left ? "← " : ""}${n} of ${data.columns.length}${more.right ? " →" : ""}`;
  context.font = `15px ${theme.font}`;
  context.fillStyle = css(theme.soft);
  context.textAlign = "right";
  context.textBaseline = "alphabetic";
  if (data.column_title) context.fillText(`scroll: ${arrows}`, size.width - 2, 14);
}

function fade(context, grid, from, to) {
  const { size, theme } = grid;
  const ground = context.createLinearGradient(from, 0, to, 0);
  ground.addColorStop(0, css(theme.back, 0.92));
  ground.addColorStop(1, css(theme.back, 0));
  context.fillStyle = ground;
  const top = size.top - (size.upright ? 24 : 60);
  context.fillRect(Math.min(from, to), top, Math.abs(to - from), size.bottom - top);
}

function draw_row_names(context, grid) {
  const { data, size, theme } = grid;
  const every = Math.ceil(15 / size.height);
  context.font = `15px ${theme.font}`;
  context.textAlign = "left";
  context.textBaseline = "alphabetic";
  context.fillStyle = css(theme.soft);
  context.fillText(data.column_title, size.left, 14);
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (let row = 0; row < data.rows.length; row++) {
    const bold = shows_choice(grid) && row === grid.chosen.row;
    if (row % every && !bold) continue;
    context.font = `${bold ? 700 : 400} ${Math.min(16, Math.max(12, size.height * 0.62))}px ${theme.font}`;
    context.fillStyle = bold ? css(theme.text) : ink(theme, data.row_hues[row]);
    const y = size.top + (row + 0.5) * size.height;
    context.fillText(fitted(context, data.rows[row], size.left - 10), size.left - 8, y);
  }
}

function frame(context, grid, { row, column }, width) {
  const { size, theme } = grid;
  const [x, y] = [x_of(grid, column), size.top + row * size.height];
  if (x < size.left - 1) return;
  context.strokeStyle = css(theme.text);
  context.lineWidth = width;
  const wide = Math.max(size.cell, 4);
  context.strokeRect(x - 0.5, y - 0.5, wide, Math.max(size.height, 4));
}

// -- reading --------------------------------------------------------------------------------------

const WRITE = {
  percent: (x) => `${x >= 0.00995 || x === 0 ? (100 * x).toFixed(1) : (100 * x).toPrecision(2)} %`,
  rank: (x) => (x === 0 ? "" : String(x)),
  number: (x) => exact(x).replace("-", "−"),
  signed: (x) => (x < 0 ? exact(x).replace("-", "−") : `+${exact(x)}`),
};

function read_out(grid) {
  const { data, reading } = grid;
  if (!grid.hovered && !shows_choice(grid)) {
    reading.textContent = "Point at a part to read its numbers; a click switches it off.";
    return;
  }
  const { row, column } = grid.hovered ?? grid.chosen;
  const index = row * data.columns.length + column;
  const bold = (text) => Object.assign(document.createElement("b"), { textContent: text });
  const parts = [bold(`${data.row_words[row]}, ${data.column_words[column]}`)];
  for (const [words, name, kind] of data.details) {
    const value = data[name]?.[index];
    if (value === undefined || Number.isNaN(value) || (kind === "rank" && value === 0)) continue;
    const said = data[`${name}_words`];
    const target = said ? ` ${shorten(said[said.length === data.columns.length ? column : index], 30)}` : "";
    parts.push(`;  ${words}${target} `, bold(WRITE[kind](value)));
  }
  reading.replaceChildren(...parts);
}

function point(grid, cell) {
  if (JSON.stringify(cell) === JSON.stringify(grid.hovered ?? null)) return;
  grid.hovered = cell;
  grid.draw();
}

function cell_at(grid, event) {
  const { data, size, canvas, scroll } = grid;
  const box = canvas.getBoundingClientRect();
  const row = Math.floor((event.clientY - box.top - size.top) / size.height);
  const x = event.clientX - box.left;
  if (x < size.left) return null;
  let column = Math.floor((x - size.left + scroll.scrollLeft) / size.cell);
  if (data.gap_before !== null && column >= data.gap_before) {
    const past = x - size.left + scroll.scrollLeft - size.gap;
    column = Math.max(data.gap_before, Math.floor(past / size.cell));
  }
  if (column < 0 || column >= data.columns.length || row >= data.rows.length) return null;
  return { row: Math.max(0, row), column };
}

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

function press(grid, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const step = STEPS[event.key];
  const act = grid.data.toggles && (event.key === "Enter" || event.key === " ");
  if (!step && !act) return;
  event.preventDefault();
  event.stopPropagation();
  if (act) return choose(grid, { ...grid.chosen });
  const within = (x, n) => Math.max(0, Math.min(n - 1, x));
  const row = within(grid.chosen.row + step[0], grid.data.rows.length);
  const column = within(grid.chosen.column + step[1], grid.data.columns.length);
  grid.follow = true;
  if (!grid.data.toggles) return choose(grid, { row, column }, 150);
  grid.chosen = { row, column };
  grid.draw();
}
