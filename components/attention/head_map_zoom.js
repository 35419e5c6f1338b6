// Which part of a map is seen: d3-zoom follows hands (wheel with Ctrl, drag, double click, two
// fingers), buttons and keys ask for it. map.part is {row, column, span} in tokens.
import { select, zoom, zoomIdentity } from "../kit/d3/zoom.js";

const LEAST = 4; // tokens that can be seen alone
const round = (x) => Math.round(x * 1e6) / 1e6; // a part that begins at −1e−15 begins at 0

export function show_all(map) {
  map.part = { row: 0, column: 0, span: map.n };
}

// With new tokens: the same part if it still exists; the whole map if the whole was seen.
export function keep_part(map, n_before) {
  const { part, n } = map;
  if (!part || part.span >= n_before || part.span > n) return show_all(map);
  const inside = (at) => Math.max(0, Math.min(n - part.span, at));
  map.part = { row: inside(part.row), column: inside(part.column), span: part.span };
}

export function follow_hands(map) {
  const { canvas } = map;
  map.hands = zoom()
    .filter((event) => is_meant(map, event))
    .wheelDelta((event) => -Math.sign(event.deltaY) * 0.2)
    .clickDistance(5)
    .duration(0)
    .on("zoom", (event) => {
      if (event.sourceEvent?.type.endsWith("move")) canvas.classList.add("grabbed");
      map.part = part_of(map, event.transform);
      map.draw();
    })
    .on("end", () => canvas.classList.remove("grabbed"));
  select(canvas).call(map.hands);
  canvas.addEventListener("pointercancel", () => { // the browser took the finger away to scroll
    window.dispatchEvent(new MouseEvent("mouseup", { view: window }));
  });
}

// A bare wheel and one finger on a map that is seen whole scroll the page.
function is_meant({ part, n }, event) {
  if (event.type === "wheel") return event.ctrlKey || event.metaKey;
  if (event.type === "dblclick") return true;
  return !event.button && !event.ctrlKey && (part.span < n || event.touches?.length > 1);
}

function part_of({ n, size: { left, top, side } }, transform) {
  const row = round(((transform.invertY(top) - top) / side) * n);
  const column = round(((transform.invertX(left) - left) / side) * n);
  return { row, column, span: round(n / transform.k) };
}

// Tells d3-zoom where the map is now and which part of it is seen.
export function sync({ canvas, hands, n, part, size: { left, top, side } }) {
  const corners = [[left, top], [left + side, top + side]];
  hands.extent(corners).translateExtent(corners).scaleExtent([1, Math.max(1, n / LEAST)]);
  const k = n / part.span;
  const place = (from, at) => from - k * (from + (at / n) * side);
  canvas.__zoom = zoomIdentity.translate(place(left, part.column), place(top, part.row)).scale(k);
}

// Enlarges by a factor around the chosen cell, which keeps its place on the screen.
export function scale(map, factor) {
  const { left, top, side, x, y, cell } = map.size;
  const inside = (at, from) => Math.max(from, Math.min(from + side, at + cell / 2));
  const at = [inside(x.at(map.chosen.key), left), inside(y.at(map.chosen.query), top)];
  map.hands.scaleBy(select(map.canvas), factor, at);
}
