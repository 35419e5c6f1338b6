// What lines and marks of the whole model's picture mean, where the list of next words leaves room.
import { css } from "../kit/canvas.js";
import { svg } from "./whole_items.js";

const ROWS = [["attention", "attention"], ["residual", "residual stream"], ["mlp", "MLP"]];
const PITCH = 1.4; // of the type's size

// Above the list that spans `from` to `to`, else below it; nothing where neither holds three rows.
export function draw_legend({ place, px, theme }, left, from, to) {
  const high = (ROWS.length + 0.5) * PITCH * px;
  const [top, bottom] = [place.top, place.height - place.bottom];
  const start = from - top >= high ? top : bottom - to >= high ? bottom - high : undefined;
  if (start === undefined) return [];
  return ROWS.flatMap(([hue, words], i) => {
    const y = start + (i + 0.5) * PITCH * px;
    const side = (hue === "mlp" ? 0.7 : 0.22) * px;
    const wide = hue === "mlp" ? side : 1.3 * px;
    const mark = { x: left + 0.65 * px - wide / 2, y: y - side / 2, width: wide, height: side };
    return [svg("rect", { ...mark, rx: 1.5, fill: css(theme[hue]) }),
      svg("text", { x: left + 1.8 * px, y, class: "soft" }, words)];
  });
}
