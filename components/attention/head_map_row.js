// What one query reads, written out where a map leaves room beside it: its keys by weight, and their sum.
import { rounded, shorten, unit } from "../kit/canvas.js";
import { make } from "../kit/dom.js";
import { apply_inks } from "../kit/strips.js";

const [LEAST, MOST] = [190, 420]; // units that a row needs, and takes
const LINE_EM = 1.65; // a line's height (kit/grid.css)
const BESIDE = 10; // units between the sums of the map's rows and this

// Units beside the map; 0 where they are too few to write a row out.
export function room_beside({ size, data }) {
  const free = size.width - size.left - size.side - size.right - BESIDE;
  return data.weights && free >= LEAST ? Math.min(MOST, free) : 0;
}

// key: the one to be named in any case.
export function draw_row(map, key, query) {
  const { size, picture, data, theme } = map, room = room_beside(map);
  const list = map.row ?? (map.row = picture.appendChild(make("div", "beside")));
  list.hidden = room === 0;
  if (list.hidden) return;
  apply_inks(list, theme);
  const px = (units) => `${units * unit()}px`;
  Object.assign(list.style, {
    left: px(size.left + size.side + size.right + BESIDE), top: px(size.top - 34), width: px(room),
  });
  const first = (query * (query + 1)) / 2;
  const weights = data.weights.subarray(first, first + query + 1);
  const n_fit = Math.floor((size.side * unit()) / (LINE_EM * parseFloat(getComputedStyle(list).fontSize)));
  const keys = heaviest(weights, Math.max(1, n_fit - 1), key);
  list.replaceChildren(
    make("div", "title", ["query ", make("b", "", shorten(data.tokens[query], 16)), ` (${query}) reads`]),
    ...keys.map((i) => line(shorten(data.tokens[i], 12), i, weights[i], i === key)),
    rest(weights, keys, data.sums[query]),
  );
}

function heaviest(weights, n, key) {
  const order = [...weights.keys()].toSorted((a, b) => weights[b] - weights[a]).slice(0, n);
  if (key < weights.length && !order.includes(key)) order[order.length - 1] = key;
  return order;
}

function line(name, at, weight, is_chosen) {
  const bar = make("i");
  bar.style.width = `${100 * weight}%`;
  const made = make("div", is_chosen ? "line chosen" : "line", [
    make("bdi", "", name), make("small", "", `${at}`), make("div", "track", [bar, make("span", "", rounded(weight))]),
  ]);
  return made;
}

function rest(weights, keys, sum) {
  const left = weights.length - keys.length;
  const drawn = keys.reduce((all, i) => all + weights[i], 0);
  const others = left ? `${left} more: ${rounded(Math.max(0, sum - drawn))}; ` : "";
  return make("div", "title", `${others}sum ${sum.toFixed(3)}`);
}
