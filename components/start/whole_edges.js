// The lines of the picture of the whole model: from token to token, and from memory into the stream.
import { css } from "../kit/canvas.js";
import { item, percent, svg } from "./whole_items.js";

const LEAST_PX = 0.9;

// of_memory: those that begin in memory, else those that begin at a token.
export function draw_edges(one, of_memory = false) {
  const unit = largest(one.data);
  const drawn = one.data.edges.filter(([kind]) => (kind !== "token") === of_memory);
  return drawn.reverse().flatMap((edge) => draw_edge(one, edge, unit));
}

// The largest part of a logit, which is drawn as thick as a share of 1.
export const largest = (data) => (data.mode === "share" ? 1
  : Math.max(1e-9, ...data.mlp.map(Math.abs), ...data.edges.map((e) => Math.abs(e[4]))));

function draw_edge(one, edge, unit) {
  const [kind, layer, , target, size] = edge;
  const ends = ends_of(one, edge);
  if (!ends) return [];
  const [x1, y1, x2, y2, step] = ends;
  const bend = (x2 - x1) * (kind === "token" ? 0.5 : 0.35);
  const d = `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
  const width = Math.max(LEAST_PX, (one.place.thick * Math.abs(size)) / unit);
  const look = { class: "edge", d, stroke: css(one.theme[hue(edge)]), "stroke-width": width.toFixed(2) };
  if (size < 0) look["stroke-dasharray"] = "6 3";
  const line = svg("path", { ...look, "stroke-opacity": (0.5 + 0.3 * Math.sqrt(Math.abs(size) / unit)).toFixed(2) });
  line.dataset.step = step;
  line.dataset.layer = layer;
  line.dataset.to = target;
  const hit = svg("path", { class: "hit", d, "stroke-width": Math.max(8, width) });
  const part = item(one, {
    x: (x1 + x2) / 2, y: (y1 + y2) / 2, step, name: "line", tip: words(one, edge), go: way(one, edge),
  }, [hit]);
  for (const [event, is_on] of [["pointerenter", true], ["focus", true], ["pointerleave", false], ["blur", false]]) {
    part.addEventListener(event, () => line.classList.toggle("on", is_on));
  }
  return [line, part];
}

function hue([kind, , source, target, size]) {
  if (size < 0) return "against";
  if (kind !== "token") return "memory";
  return source === target ? "residual" : "attention";
}

// x and y of both ends, and the step of the pass in which the line is read; nothing where a row is
// not shown.
function ends_of(one, [kind, layer, source, target]) {
  const { place } = one;
  const y2 = place.y(target);
  if (y2 === undefined) return undefined;
  if (kind !== "token") {
    const station = kind === "slot" ? layer + 1 : layer;
    const x2 = place.x(station) + (kind === "late" ? 14 : -4);
    return [place.margin - 6, one.source_y(source), x2, y2, station];
  }
  const y1 = place.y(source);
  return y1 === undefined ? undefined : [place.x(layer), y1, place.x(layer + 1), y2, layer + 1];
}

function words(one, [kind, layer, source, target, size, part, head]) {
  const { data } = one;
  const into = `“${data.names[target]}”`;
  const from = kind === "token" ? `“${data.names[source]}”` : `memory: “${data.sources[source].text}”`;
  const amount = data.mode === "logit" ? `${size < 0 ? "−" : "+"}${Math.abs(size).toFixed(3)} to the logit`
    : `${percent(size)} of the flow, ${percent(part)} of ${into}’s stream there`;
  const through = head < 0 ? "" : `, most of it through head ${head}`;
  const where = { token: `Block ${layer}`, slot: `Block ${layer}`, edm: `Before block ${layer}`, early: "Before block 0", late: "Before the LM head" }[kind];
  const itself = kind === "token" && source === target ? " (itself: residual connection, own attention, bias)" : "";
  return `${where}: ${from} → ${into}${itself}: ${amount}${through}. Click: open it.`;
}

function way(one, [kind, layer, source, target, , , head]) {
  const { data } = one;
  const query = data.rows[target] - data.n_start;
  if (kind === "token") return { kind: "edge", layer, head, query, key: data.rows[source] - data.n_start };
  const { number } = data.sources[source];
  if (kind === "slot") return { kind: "weight", layer, head, memory_at: query, memory_slot: number };
  return { kind, memory_slot: number };
}

// The edge of a block that carries most between two different tokens.
export function best_edge(data, layer) {
  const own = data.edges.filter((e) => e[0] === "token" && e[1] === layer && e[2] !== e[3]);
  return own.toSorted((a, b) => Math.abs(b[4]) - Math.abs(a[4]))[0];
}

export function edge_words(one, edge) {
  if (!edge) return "Here the chosen token reads nothing that counts.";
  const [, , source, target, size, , head] = edge;
  const { data } = one;
  const how = data.mode === "share" ? `${percent(size)} of the flow` : `${signed(size)} to the logit`;
  return `“${data.names[target]}” reads most from “${data.names[source]}” (head ${head}, ${how}).`;
}

export const signed = (x) => `${x < 0 ? "−" : "+"}${Math.abs(x).toFixed(2)}`;
