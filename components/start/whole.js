// The whole model at one token, from its tokens on the left to the next word on the right.
import { component, css, fitted, ink, room_below, unit } from "../kit/canvas.js";
import { best_edge, draw_edges, edge_words, largest, signed } from "./whole_edges.js";
import { by_arrows, item, percent, svg, tell_default } from "./whole_items.js";
import { draw_legend } from "./whole_legend.js";
import { play_again, stop, wire_play } from "./whole_play.js";

// In units (kit/canvas.js), on a desk one is a pixel: type, the drawing's height, what is left below
// for the first line of what follows on the page.
const PX = 15.3;
const [LEAST, MOST, BELOW] = [270, 640, 40];
const LISTED = "0.5 %"; // the share from which lines are listed (model/analysis/flow.py)

export default component(open_whole, (one) => {
  stop(one);
  return undefined;
});

function open_whole(picture) {
  const find = (name) => picture.querySelector(name);
  const one = { picture, map: find(".map"), tip: find(".tip") };
  one.measure = document.createElement("canvas").getContext("2d");
  wire_play(one, find(".play"));
  by_arrows(one);
  one.draw = () => one.data && picture.clientWidth > 0 && draw(one);
  return one;
}

function draw(one) {
  one.px = PX * unit();
  one.measure.font = `${one.px}px ${one.theme.font}`;
  one.place = layout(one);
  const { width, height } = one.place;
  const before = one.map.querySelector(".memory:not(.gone)");
  const focused = one.items?.findIndex((x) => x.element === one.picture.getRootNode().activeElement);
  one.items = [];
  one.words = caption(one);
  one.map.setAttribute("viewBox", `0 0 ${width} ${height}`);
  one.map.style.height = `${height}px`;
  one.map.setAttribute("font-size", one.px);
  one.map.setAttribute("aria-label", one.data.title);
  const parts = [...draw_blocks(one), ...draw_edges(one), ...draw_nodes(one), ...draw_tokens(one)];
  parts.push(...draw_words(one), ...draw_next(one));
  const memory = draw_memory(one);
  one.map.replaceChildren(memory, ...parts);
  fade(one, memory, before);
  if (one.items.length) one.items[0].element.setAttribute("tabindex", "0");
  if (focused >= 0) one.items[Math.min(focused, one.items.length - 1)]?.element.focus();
  one.picture.dataset.edges = one.data.edges.length;
  tell_default(one);
  play_again(one);
}

// -- where everything stands ----------------------------------------------------------------------

// Rows stand on the lower edge: while one types, the last token and what comes next stay where they are.
function layout(one) {
  const { data, px, picture } = one;
  const width = picture.clientWidth;
  const used = one.tip.offsetHeight / unit() + BELOW;
  const units = Math.min(MOST, Math.max(LEAST, room_below(one, LEAST + used) - used));
  const height = Math.round(units * unit());
  const n_layers = data.words.length - 1;
  const margin = data.has_memory ? 8 * px : 0;
  const narrow = width < 46 * px;
  const label = (narrow ? 5.4 : 7) * px;
  const left = margin + label + 3.6 * px;
  const right = (narrow ? 8.4 : 11.5) * px;
  const [top, bottom] = [1.9 * px, 2.9 * px];
  const room = height - top - bottom;
  const shown = shown_rows(data, Math.max(1, Math.floor(room / (1.2 * px))));
  const row_pitch = Math.min(room / shown.length, 2.2 * px);
  const row_of = new Map(shown.map((row, i) => [row, i]));
  const pitch = (width - left - right) / n_layers;
  return {
    width, height, margin, label, left, right, top, bottom, shown, row_pitch, pitch, n_layers,
    x: (station) => left + station * pitch,
    y: (row) => (row_of.has(row) ? height - bottom - (shown.length - row_of.get(row) - 0.5) * row_pitch : undefined),
    thick: Math.max(10, Math.min(1.5 * row_pitch, 30)),
  };
}

// Rows that fit, in their order: the chosen token and those that carry most.
function shown_rows(data, n_fit) {
  const rows = data.rows.map((_, row) => row);
  if (rows.length <= n_fit) return rows;
  const carried = carried_by(data);
  const best = rows.toSorted((a, b) => carried[b] - carried[a]).slice(0, n_fit);
  return best.toSorted((a, b) => a - b);
}

function carried_by(data) {
  const most = data.rows.map((t) => (t === data.at ? Infinity : 0));
  if (data.mode === "share") {
    for (const row of data.shares) row.forEach((share, i) => { most[i] = Math.max(most[i], share); });
  } else {
    for (const [kind, , source, , size] of data.edges) {
      if (kind === "token") most[source] = Math.max(most[source], Math.abs(size));
    }
  }
  return most;
}

function caption(one) {
  const { data, place } = one;
  const name = `“${data.names[data.rows.indexOf(data.at)]}”`;
  const n_out = data.n - place.shown.length;
  const all = `${data.n.toLocaleString("en")} token${data.n > 1 ? "s" : ""}`;
  const model = data.model.replace(/^the /, "The ");
  const tokens = `${model} reads ${all}${n_out ? `; the ${place.shown.length} that carry most are shown` : ""}. `;
  if (data.mode === "logit") {
    const rest = data.read - drawn(one).reduce((sum, edge) => sum + edge[4], 0);
    return `${tokens}Width: what a line adds to the logit of “${data.of}”, ${data.logit.toFixed(2)}; dashed red: takes away. `
      + `Lines not drawn: ${signed(rest)} together.`;
  }
  const most = Math.max(...left_out(one));
  return `${tokens}Width: the share of ${name}’s last stream that comes this way (ALTI). Not drawn: `
    + `lines below ${LISTED}${n_out ? " and of other tokens" : ""}, at most ${percent(most)} of a block’s flow.`;
}

// The lines both of whose ends are shown.
function drawn(one) {
  const is_shown = (row) => one.place.y(row) !== undefined;
  return one.data.edges.filter(([kind, , source, target]) =>
    is_shown(target) && (kind !== "token" || is_shown(source)));
}

// Of each block: what flows through it beside its drawn lines and what memory adds behind it.
function left_out(one) {
  const edges = drawn(one);
  const sum = (some) => some.reduce((total, edge) => total + edge[4], 0);
  return Array.from({ length: one.place.n_layers }, (_, layer) => Math.max(0, 1
    - sum(edges.filter(([kind, at]) => at === layer && (kind === "token" || kind === "slot")))
    - sum(edges.filter(([kind, at]) => at > layer && kind !== "token"))));
}

// -- blocks, tokens, nodes ------------------------------------------------------------------------

function draw_blocks(one) {
  const { data, place, px } = one;
  const head = (words, x, room, step, tip, go, anchor = "middle") => {
    one.measure.font = `${one.px}px ${one.theme.font}`;
    const label = svg("text", { x, y: 0.75 * px, "text-anchor": anchor }, fitted(one.measure, words, room));
    const from = anchor === "end" ? x - room : x - room / 2;
    return item(one, { x, y: 0.5 * px, step, tip, go, name: go.kind }, [
      svg("rect", { class: "ring", x: from, y: 0, width: room, height: 1.5 * px, rx: 4 }), label]);
  };
  const every = Math.ceil((1.4 * px) / place.pitch); // of many blocks, only some bear their number
  const [parts, room] = [[], place.height - place.top - place.bottom];
  for (let layer = 0; layer < place.n_layers; layer++) {
    const [from, to] = [place.x(layer) + 0.16 * place.pitch, place.x(layer + 1) - 0.16 * place.pitch];
    parts.push(svg("rect", { class: "band", x: from, y: place.top - 0.3 * px, width: to - from, rx: 6, height: room + 0.6 * px }));
    const strongest = best_edge(data, layer);
    const words = place.pitch > 4.4 * px ? `block ${layer}` : `${layer}`;
    const tip = `Block ${layer}: attention, then an MLP. ${edge_words(one, strongest)} Click: its heads.`;
    const go = { kind: "block", layer, ...(strongest ? { head: strongest[6] } : {}) };
    if (layer % every) continue;
    parts.push(head(words, (from + to) / 2, Math.max(0.72 * place.pitch, 1.3 * px), layer + 1, tip, go));
  }
  const words = "Embedding: each token becomes a vector, its row of wte plus its position’s row of wpe. Click: vectors.";
  const end = place.x(0) + Math.min(0.16 * place.pitch - 2, 2 * px);
  parts.push(head("embedding", end, 4.9 * px, 0, words, { kind: "embedding" }, "end"));
  return parts;
}

function draw_tokens(one) {
  const { data, place, px, theme } = one;
  const at = place.margin + place.label;
  return place.shown.map((row, i) => {
    const [t, y] = [data.rows[row], place.y(row)];
    const skipped = i ? t - data.rows[place.shown[i - 1]] - 1 : t;
    const share = data.mode === "share" ? data.shares[0][row] : undefined;
    const comes = share === undefined ? ":" : ` ${percent(share)} of the chosen token’s last stream comes from here:`;
    const number = t - data.n_start;
    const where = number < 0 ? "the start of the text" : `token ${number}, id ${data.ids[row]}`;
    const parts = [
      svg("rect", { class: "ring", x: at - place.label + 2, y: y - place.row_pitch / 2 + 0.5, width: place.label + 2, height: place.row_pitch - 1, rx: 4 }),
      svg("text", { x: at - 3, y, "text-anchor": "end", class: t === data.at ? "strong" : "" }, fitted(one.measure, data.names[row], place.label - 8)),
    ];
    if (share !== undefined && share >= 0.001) {
      parts.push(svg("text", { x: at + 3.0 * px, y, "text-anchor": "end", class: "soft", "font-size": 0.92 * px }, ` ${percent(share)}`));
    }
    if (skipped) {
      const line = { x1: at - place.label + 6, x2: at, y1: y - place.row_pitch / 2, y2: y - place.row_pitch / 2 };
      parts.push(svg("line", { ...line, stroke: css(theme.faint), "stroke-dasharray": "2 4" }));
    }
    const gap = skipped ? ` ${skipped} token${skipped > 1 ? "s" : ""} before it not shown.` : "";
    const tip = `“${data.names[row]}”${comes} ${where}.${gap} Click: follow what flows into it.`;
    return item(one, { x: at - place.label, y, tip, name: t === data.at ? "token chosen" : "token", act: () => one.tell("token", t) }, parts);
  });
}

function draw_nodes(one) {
  return one.data.mode === "share" ? share_nodes(one) : logit_nodes(one);
}

function share_nodes(one) {
  const { data, place, theme } = one;
  const parts = [];
  for (let station = 0; station <= place.n_layers; station++) {
    for (const row of place.shown) {
      const share = data.shares[station][row];
      if (share < 0.002) continue;
      const [x, y] = [place.x(station), place.y(row)];
      const hue = station ? "residual" : "embedding";
      const r = Math.min(place.row_pitch / 2 - 0.5, 2 + 6 * Math.sqrt(share));
      const where = station ? `behind block ${station - 1}` : "embedding";
      const token = data.rows[row] - data.n_start;
      const parted = station ? "" : ` The position makes up ${percent(data.places[row])} of it.`;
      parts.push(item(one, {
        x, y, step: station, name: "node",
        tip: `“${data.names[row]}”, ${where}: ${percent(share)} of the chosen token’s last stream passes here.${parted} Click: its residual stream.`,
        go: { kind: "node", at: token },
      }, [svg("circle", { class: "ring", cx: x, cy: y, r: r + 2 }), svg("circle", { cx: x, cy: y, r, fill: css(theme[hue]) })]));
      if (station && share >= 0.01) parts.push(mlp_mark(one, station - 1, row, data.mlp[station - 1][row]));
    }
  }
  return parts;
}

function mlp_mark(one, layer, row, value) {
  const { data, place, theme } = one;
  const is_share = data.mode === "share";
  const size = is_share ? value : Math.abs(value) / largest(data);
  const side = Math.min(place.row_pitch - 2, 3 + 11 * Math.sqrt(Math.min(1, size)));
  const [x, y] = [place.x(layer + 1) - Math.min(0.2 * place.pitch, 20), place.y(row)];
  const words = is_share ? `adds ${percent(value)} of the stream behind it` : `adds ${signed(value)} to the logit`;
  const against = !is_share && value < 0;
  const box = { x: x - side / 2, y: y - side / 2, width: side, height: side, rx: 1.5 };
  return item(one, {
    x, y, step: layer + 1, name: "mlp",
    tip: `MLP of block ${layer} at “${data.names[row]}” ${words}. Click: its neurons.`,
    go: { kind: "mlp", layer, at: data.rows[row] - data.n_start },
  }, [svg("rect", { class: "ring", x: box.x - 2, y: box.y - 2, width: side + 4, height: side + 4 }),
    svg("rect", { ...box, fill: against ? css(theme.back) : css(theme.mlp), stroke: against ? css(theme.against) : "none", "stroke-dasharray": "3 2", "stroke-width": 2 })]);
}

function logit_nodes(one) {
  const { data, place, theme } = one;
  const row = data.rows.indexOf(data.at);
  const y = place.y(row);
  const line = { x1: place.x(0), x2: place.x(place.n_layers), y1: y, y2: y };
  const parts = [svg("line", { ...line, stroke: css(theme.residual), "stroke-width": 3, "stroke-opacity": 0.6 })];
  for (let station = 0; station <= place.n_layers; station++) {
    const x = place.x(station);
    const [token, position] = data.embedding;
    const adds = station ? `Attention’s bias of block ${station - 1} adds ${signed(data.bias[station - 1])}.`
      : `Embedding adds ${signed(token)}, position ${signed(position)}.`;
    parts.push(item(one, {
      x, y, step: station, name: "node", go: { kind: "logit", at: data.at - data.n_start, logit_of: data.token },
      tip: `“${data.names[row]}” ${station ? `behind block ${station - 1}` : "embedded"}. ${adds} Click: who made this logit.`,
    }, [svg("circle", { class: "ring", cx: x, cy: y, r: 7 }), svg("circle", { cx: x, cy: y, r: 4.5, fill: css(theme[station ? "residual" : "embedding"]) })]));
    if (station) parts.push(mlp_mark(one, station - 1, row, data.mlp[station - 1]));
  }
  return parts;
}

// -- what every layer would say, and what comes next ----------------------------------------------

function draw_words(one) {
  const { data, place, px } = one;
  const every = Math.max(1, Math.ceil((3.3 * px) / place.pitch));
  const y = place.height - 1.9 * px;
  const parts = [svg("text", { x: place.margin + 2, y, class: "soft" }, fitted(one.measure, "best word so far", place.left - place.margin - 1.9 * px))];
  const at = data.at - data.n_start;
  data.words.forEach(([word, p], station) => {
    if ((place.n_layers - station) % every) return;
    const x = place.x(station);
    const room = place.pitch * every - 6;
    const where = station ? `behind block ${station - 1}` : "at the embedding";
    parts.push(item(one, {
      x, y, step: station, name: "word", go: { kind: "lens", lens_row: station, at },
      tip: `Logit lens ${where}: read as if it were the last, the stream says “${word}” ${percent(p)}. Click: the lens.`,
    }, [
      svg("rect", { class: "ring", x: x - room / 2, y: y - 0.8 * px, width: room, height: 2.5 * px, rx: 4 }),
      svg("text", { x, y, "text-anchor": "middle", class: "strong" }, fitted(one.measure, word, room)),
      svg("text", { x, y: y + 1.15 * px, "text-anchor": "middle", class: "soft", "font-size": 0.92 * px }, ` ${percent(p)}`),
    ]));
  });
  return parts;
}

function draw_next(one) {
  const { data, place, px, theme } = one;
  const y0 = place.y(data.rows.indexOf(data.at));
  const pitch = Math.min(1.75 * px, (place.height - place.bottom - place.top) / data.next.length);
  const high = pitch * data.next.length;
  const from = Math.max(place.top, Math.min(y0 - high / 2, place.height - place.bottom - high));
  const x = place.x(place.n_layers);
  const [left, right] = [x + 2.4 * px, place.width - 2];
  const parts = [svg("text", { x: (left + right) / 2, y: 0.75 * px, "text-anchor": "middle" }, "next word"),
    ...draw_legend(one, left + 4, from, from + high)];
  data.next.forEach(([word, p], i) => {
    const y = from + (i + 0.5) * pitch;
    const d = `M${x + 4} ${y0}C${x + 1.3 * px} ${y0} ${x + 1.1 * px} ${y} ${left - 2} ${y}`;
    const width = Math.max(0.7, p * 0.75 * pitch);
    parts.push(svg("path", { class: "edge", d, stroke: css(theme.output), "stroke-width": width, "stroke-opacity": 0.6, "data-step": place.n_layers + 1 }));
    parts.push(item(one, {
      x: left, y, step: place.n_layers + 1, name: "next", go: { kind: "next", at: data.at - data.n_start },
      tip: `Next word “${word}”: ${percent(p)}. Click: the whole distribution.`,
    }, [
      svg("rect", { x: left, y: y - 0.42 * pitch, width: Math.max(1, (right - left) * p), height: 0.84 * pitch, rx: 3, fill: css(theme.output, 0.28) }),
      svg("rect", { class: "ring", x: left, y: y - pitch / 2, width: right - left, height: pitch, rx: 4 }),
      svg("text", { x: left + 4, y, class: i ? "" : "strong" }, fitted(one.measure, word, right - left - 3.9 * px)), " ",
      svg("text", { x: right - 3, y, "text-anchor": "end" }, percent(p)),
    ]));
  });
  return parts;
}

// -- memory ---------------------------------------------------------------------------------------

function draw_memory(one) {
  const { data, place, px, theme } = one;
  const group = svg("g", { class: "memory" });
  if (!data.sources.length) return group;
  const pitch = Math.min(2 * px, (place.height - place.top - place.bottom - 2 * px) / data.sources.length);
  const from = (place.top + place.height - place.bottom - pitch * data.sources.length) / 2 + 0.8 * px;
  one.source_y = (i) => from + (i + 0.5) * pitch;
  group.append(...draw_edges(one, true));
  const hue = `fill:${ink(theme, "memory")}`;
  group.append(svg("text", { x: place.margin - 10, y: from - 0.8 * px, "text-anchor": "end", style: hue }, "memory"));
  data.sources.forEach((source, i) => {
    const y = one.source_y(i);
    group.append(item(one, {
      x: 0, y, name: "source", go: { kind: source.kind, memory_slot: source.number }, tip: `${source.told} ${from_source(data, i)} Click: Memory.`,
    }, [
      svg("rect", { class: "ring", x: 0, y: y - pitch / 2, width: place.margin - 6, height: pitch, rx: 4 }),
      svg("text", { x: 2, y, class: "soft", "font-size": 0.92 * px, style: hue }, source.store), " ",
      svg("text", { x: place.margin - 10, y, "text-anchor": "end", class: "strong", style: hue }, fitted(one.measure, source.text, place.margin - 3 * px)),
    ]));
  });
  return group;
}

function from_source(data, i) {
  const total = data.edges.filter((e) => e[0] !== "token" && e[2] === i).reduce((sum, e) => sum + e[4], 0);
  return data.mode === "share" ? `${percent(total)} of the chosen token’s last stream comes from here.` : `${signed(total)} to the logit.`;
}

// Memory appears and goes slowly; what is gone can no longer be clicked.
function fade(one, memory, before) {
  const is_there = memory.childNodes.length > 0;
  one.picture.dataset.memory = is_there ? "on" : "off";
  if (is_there && !before?.childNodes.length) {
    memory.classList.add("gone");
    requestAnimationFrame(() => requestAnimationFrame(() => memory.classList.remove("gone")));
  }
  if (!is_there && before?.childNodes.length) {
    before.setAttribute("aria-hidden", "true");
    one.map.prepend(before);
    requestAnimationFrame(() => requestAnimationFrame(() => before.classList.add("gone")));
    before.addEventListener("transitionend", () => before.remove(), { once: true });
    setTimeout(() => before.remove(), 1200);
  }
}
