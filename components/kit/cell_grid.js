// A grid of coloured cells, rows × columns, with words in them where there is room. Wide grids
// scroll: the canvas is as wide as the window and draws the columns that are in it.
import {
  choose, css, frame, ink, is_large, mix, place_of, room_below, rounded, shorten, significant, unit, width_of, write,
} from "./canvas.js";
import { axis, bold, cells, named } from "./grid.js";

const GAP = 14; // pixels between two groups of columns

export default cells({
  take(grid, before) {
    const { data } = grid;
    grid.ramps = new Map();
    grid.marked = new Set(data.marks);
    grid.follow ||= before?.columns.length !== data.columns.length;
  },
  open(grid) {
    grid.scroll = grid.picture.querySelector(".scroll");
    grid.wide = grid.picture.querySelector(".wide");
    grid.scroll.addEventListener("scroll", grid.draw);
    for (const name of ["focus", "blur"]) grid.canvas.addEventListener(name, grid.draw);
    grid.canvas.addEventListener("pointerdown", (event) => { // one finger scrolls: only a mouse drags
      const is_drag = grid.data.drags && event.pointerType === "mouse" && event.button === 0;
      grid.dragged = is_drag ? under(grid, ...place_of(grid.canvas, event)) : null;
    });
    grid.canvas.addEventListener("pointerleave", () => { grid.dragged = null; });
  },
  act(grid, cell) {
    const from = grid.dragged;
    grid.dragged = null;
    if (!from || (from.row === cell.row && from.column === cell.column)) return choose(grid, cell);
    return choose(grid, { ...cell, from_row: from.row, from_column: from.column });
  },
  measure,
  paint,
  label: ({ data }) => data.title,
  say: read_out,
  cell_at: under,
  // On a board of switches the keys move, and Enter or the space bar switches.
  walk(grid, next) {
    grid.follow = true;
    if (!grid.data.toggles) return choose(grid, next, 150);
    grid.chosen = next;
    grid.draw();
  },
  press(grid, key) {
    if (!grid.data.toggles || (key !== "Enter" && key !== " ")) return false;
    choose(grid, { ...grid.chosen });
    return true;
  },
});

function under({ size }, x, y) {
  const [row, column] = [size.y.index(Math.max(y, size.y.from)), size.x.index(x)];
  return row === null || column === null || x < size.left ? null : { row, column };
}

// -- sizes ----------------------------------------------------------------------------------------

function measure(grid, width) {
  const { data } = grid;
  const n = data.columns.length;
  const left = Math.min(data.left, width * 0.3);
  const [split, gap] = data.gap_before === null ? [n, 0] : [data.gap_before, GAP];
  const short = data.columns.every((name) => name.length < 5);
  const fit = (edge) => Math.max(data.least, Math.min(data.most, (width - left - gap - edge) / n));
  const upright = short || fit(2) >= 52;
  const edge = upright ? 2 : 40; // the last slanted name leans out
  const cell = fit(edge);
  const top = (upright ? 26 : 92) + (data.column_title ? 22 : 0);
  const all = height_of(grid, top + 4);
  const high = Math.max(data.row_least, Math.min(data.row_most, all / data.rows.length));
  const total = n * cell + gap; // of all columns, seen or scrolled away
  scroll_to(grid, left + total + edge, width - left - cell, cell);
  const from = left - grid.scroll.scrollLeft / unit();
  const x = axis(n, from, from + total, split, gap);
  const y = axis(data.rows.length, top, top + high * data.rows.length);
  return { width, height: y.to + 4, left, upright, x, y };
}

// Of all rows: in presentation mode the grid ends, with its reading line, at the screen's lower edge.
function height_of(grid, used) {
  const { data, reading } = grid;
  if (!is_large()) return data.height;
  const more = used + reading.offsetHeight / unit();
  return Math.min(data.height, room_below(grid, data.row_least * data.rows.length + more) - more);
}

// Makes room to scroll, and shows the chosen column where it should be followed.
function scroll_to(grid, total, room, cell) {
  const { scroll, wide, picture, chosen } = grid;
  wide.style.width = `${Math.max(total, 1) * unit()}px`;
  if (grid.follow && total > width_of(picture)) {
    const [x, from] = [chosen.column * cell, scroll.scrollLeft / unit()];
    if (x < from || x > from + room) scroll.scrollLeft = Math.max(0, x - room) * unit();
  }
  grid.follow = false;
}

const is_shown = ({ size }, column) =>
  size.x.at(column) + size.x.step > size.left - GAP && size.x.at(column) < size.width;

// -- drawing --------------------------------------------------------------------------------------

function paint(context, grid) {
  const { size, canvas, data } = grid;
  draw_cells(context, grid);
  draw_column_names(context, grid);
  context.clearRect(0, 0, size.left - 2, size.y.to);
  draw_row_names(context, grid);
  fade_ends(context, grid);
  if (grid.hovered) outline(context, grid, grid.hovered, 1.5);
  if (grid.dragged && grid.hovered) draw_drag(context, grid, grid.dragged, grid.hovered);
  if (shows_choice(grid)) outline(context, grid, grid.chosen, 3);
  const gap = data.gap_before === null ? 0 : GAP;
  canvas.dataset.places = [size.left, size.y.from, size.x.step, size.y.step, gap].join();
}

// On a board of switches the chosen cell is the one with the keyboard focus, not a choice.
const shows_choice = ({ data, canvas }) => !data.toggles || canvas.matches(":focus");

// In a signed grid zero has no hue, whichever side a value comes from.
function ramp({ theme, ramps, data }, hue) {
  if (!ramps.has(hue)) {
    const low = data.signed ? mix(theme.back, theme.text, 0.04) : mix(theme.back, theme[hue], 0.07);
    const high = mix(theme[hue], theme.text, 0.25);
    ramps.set(hue, Array.from({ length: 256 }, (_, level) => mix(low, high, level / 255)));
  }
  return ramps.get(hue);
}

// level 0 to 255 in a row's hue; in a signed grid 128 is zero, below it the hue "lowers".
function color_of(grid, row, index) {
  const { data } = grid;
  const level = data.levels[index];
  if (!data.signed) return ramp(grid, data.row_hues[row])[level];
  const share = Math.min(255, Math.abs(level - 128) * 2);
  return ramp(grid, level < 128 ? "lowers" : data.row_hues[row])[share];
}

function draw_cells(context, grid) {
  const { data, size: { x, y }, marked, theme } = grid;
  const [wide, high] = [x.step - (x.step > 14 ? 1.5 : 0) + 0.4, y.step - (y.step > 8 ? 1.5 : 0)];
  const shows_words = data.texts && x.step >= 24 && y.step >= 15;
  for (let column = 0; column < x.n; column++) {
    if (!is_shown(grid, column)) continue;
    for (let row = 0; row < y.n; row++) {
      const index = row * x.n + column;
      const color = color_of(grid, row, index);
      context.fillStyle = css(color);
      context.fillRect(x.at(column), y.at(row), wide, high);
      if (marked.has(index)) cross_out(context, x.at(column), y.at(row), grid.size, css(theme.text));
      else if (shows_words && data.texts[index]) draw_words(context, grid, index, x.at(column), y.at(row), color);
    }
  }
}

const is_light = ([r, g, b]) => 0.299 * r + 0.587 * g + 0.114 * b > 150;

// A word that is too wide is cut; a number becomes smaller, or is left to the reading line.
function draw_words(context, { data, theme, size }, index, x, y, color) {
  const [cell, weight] = [size.x.step, data.bold?.[index] ? 700 : 400];
  const text = data.texts[index];
  const is_number = /^[+−]?[\d.,]+$/.test(text);
  let px = Math.max(12, Math.min(data.text_most, size.y.step * 0.52, cell * 0.34));
  const width = () => {
    context.font = `${weight} ${px}px ${theme.font}`;
    return context.measureText(text).width;
  };
  const least = is_large() ? 13 : 9;
  px = Math.max(px, least);
  if (is_number) while (px >= least && width() > cell - 3) px--;
  if (px < least) return;
  const look = { px, weight, color: is_light(color) ? "#0e1014" : "#ffffff", align: "center" };
  if (!is_number) look.room = cell - 8;
  write(context, theme, text, x + cell / 2, y + size.y.step / 2, look);
}

function cross_out(context, x, y, size, color) {
  const [right, lower] = [x + size.x.step - 6, y + size.y.step - 6];
  context.strokeStyle = color;
  context.lineWidth = Math.min(3, size.y.step / 7);
  context.beginPath();
  context.moveTo(x + 4, y + 4);
  context.lineTo(right, lower);
  context.moveTo(right, y + 4);
  context.lineTo(x + 4, lower);
  context.stroke();
}

function draw_column_names(context, grid) {
  const { data, size, theme, chosen, hovered } = grid;
  const { x, y, upright } = size;
  const sure = [shows_choice(grid) ? chosen.column : null, hovered?.column];
  const px = upright ? Math.max(13, Math.min(17, x.step * 0.34)) : 15;
  const look = upright
    ? { px, align: "center", baseline: "alphabetic", room: Math.max(x.step - 1, 22) }
    : { px, baseline: "alphabetic", turn: -Math.PI / 3, room: 88 };
  const [right, down] = upright ? [0, -8] : [3.46, -5]; // a slanted name stands on its middle
  for (const column of named(x, upright ? 24 : 17, sure)) {
    if (!is_shown(grid, column)) continue;
    const own = sure.includes(column) ? { weight: 700 } : { color: css(theme.soft) };
    const middle = x.at(column) + x.step / 2;
    write(context, theme, data.columns[column], middle + right, y.from + down, { ...look, ...own });
  }
}

function draw_row_names(context, grid) {
  const { data, size: { left, y }, theme, chosen } = grid;
  const title = { baseline: "alphabetic", color: css(theme.soft) };
  write(context, theme, data.column_title, left, 14, title);
  const px = Math.min(16, Math.max(12, y.step * 0.62));
  for (const row of named(y, 15, shows_choice(grid) ? [chosen.row] : [])) {
    const is_chosen = shows_choice(grid) && row === chosen.row;
    write(context, theme, data.rows[row], left - 8, y.at(row) + y.step / 2, {
      px, weight: is_chosen ? 700 : 400, align: "right", room: left - 10,
      color: is_chosen ? css(theme.text) : ink(theme, data.row_hues[row]),
    });
  }
}

// Columns that scrolled away: the end of the grid fades, and the title's line says how many show.
function fade_ends(context, grid) {
  const { data, size, theme, scroll } = grid;
  const more = { left: scroll.scrollLeft > 2, right: size.width < size.x.to - 2 };
  scroll.dataset.more = ["left", "right"].filter((side) => more[side]).join(" ");
  if (more.left) fade(context, grid, size.left - 2, size.left + 34);
  if (more.right) fade(context, grid, size.width, size.width - 34);
  if (!data.column_title || (!more.left && !more.right)) return;
  const n = Math.floor((size.width - size.left) / size.x.step);
  const words = `scroll: ${more.left ? "← " : ""}${n} of ${size.x.n}${more.right ? " →" : ""}`;
  const look = { color: css(theme.soft), align: "right", baseline: "alphabetic" };
  write(context, theme, words, size.width - 2, 14, look);
}

function fade(context, { size, theme }, from, to) {
  const ground = context.createLinearGradient(from, 0, to, 0);
  ground.addColorStop(0, css(theme.back, 0.92));
  ground.addColorStop(1, css(theme.back, 0));
  context.fillStyle = ground;
  const top = size.y.from - (size.upright ? 24 : 60);
  context.fillRect(Math.min(from, to), top, Math.abs(to - from), size.y.to - top);
}

function outline(context, { size, theme }, { row, column }, width) {
  const [x, y] = [size.x.at(column), size.y.at(row)];
  if (x < size.left - 1) return;
  const [wide, high] = [Math.max(size.x.step, 4), Math.max(size.y.step, 4)];
  frame(context, css(theme.text), width, x - 0.5, y - 0.5, wide, high);
}

// From the cell where a drag began to the one it is over.
function draw_drag(context, grid, from, to) {
  const { size, theme } = grid;
  const middle = ({ row, column }) =>
    [size.x.at(column) + size.x.step / 2, size.y.at(row) + size.y.step / 2];
  outline(context, grid, from, 3);
  Object.assign(context, { strokeStyle: css(theme.text), lineWidth: 2.5 });
  context.beginPath();
  context.moveTo(...middle(from));
  context.lineTo(...middle(to));
  context.stroke();
}

// -- reading --------------------------------------------------------------------------------------

const WRITE = {
  percent: (x) => `${x >= 0.00995 || x === 0 ? (100 * x).toFixed(1) : significant(100 * x, 2)} %`,
  rank: (x) => (x === 0 ? "" : String(x)),
  number: rounded,
  signed: (x) => (x < 0 ? rounded(x) : `+${rounded(x)}`),
};

function read_out(grid) {
  const { data, reading } = grid;
  if (!grid.hovered && !shows_choice(grid)) {
    reading.textContent = "Point at a part to read its numbers; a click switches it off.";
    return;
  }
  const { row, column } = grid.hovered ?? grid.chosen;
  const index = row * data.columns.length + column;
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
