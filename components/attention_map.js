const maps = new WeakMap();
const LEGEND = 62; // pixels under the map for the colour scale

export default function ({ parentElement, data, setTriggerValue }) {
  const map = remember(maps, parentElement, open_map);
  const n_before = map.data?.tokens.length;
  map.data = unpack(data);
  map.n = map.data.tokens.length;
  map.theme = read_theme(parentElement.host ?? parentElement, map.data.colors);
  map.send = (chosen) => setTriggerValue("choose", chosen);
  if (!map.part || map.part.span >= n_before || map.part.span > map.n) show_all(map);
  else keep_inside(map);
  settle(map, map.data.chosen);
  map.draw();
  return () => forget(maps, parentElement);
}

function open_map(parentElement) {
  const picture = parentElement.querySelector(".picture");
  const [canvas, reading] = ["canvas", ".reading"].map((name) => picture.querySelector(name));
  const map = { picture, canvas, reading };
  map.draw = () => map.data && draw_map(map);
  map.buttons = [
    ["−", "Zoom out", () => zoom(map, 1.6)],
    ["+", "Zoom in", () => zoom(map, 1 / 1.6)],
    ["all", "Show the whole map", () => { show_all(map); map.draw(); }],
    ["PNG", "Download this picture", () => download_png(map)],
  ].map(([text, title, act]) => add_button(picture.querySelector(".tools"), text, title, act));
  listen(map);
  return map;
}

function add_button(tools, text, title, act) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", textContent: text, title, onclick: act });
  button.setAttribute("aria-label", title);
  tools.append(button);
  return button;
}

// -- what is seen: part = {row, column, span} in tokens --------------------------------------------

function show_all(map) {
  map.part = { row: 0, column: 0, span: map.n };
}

function keep_inside(map) {
  const { part, n } = map;
  part.span = Math.max(Math.min(4, n), Math.min(n, part.span));
  part.row = Math.max(0, Math.min(n - part.span, part.row));
  part.column = Math.max(0, Math.min(n - part.span, part.column));
}

// Zooms round a cell, by default the chosen one.
function zoom(map, factor, centre = { row: map.chosen.query, column: map.chosen.key }) {
  const { part } = map;
  const span = Math.max(4, Math.min(map.n, Math.round(part.span * factor)));
  const share = (at, origin) => Math.max(0, Math.min(1, (at + 0.5 - origin) / part.span));
  map.part = {
    row: Math.round(centre.row + 0.5 - share(centre.row, part.row) * span),
    column: Math.round(centre.column + 0.5 - share(centre.column, part.column) * span),
    span,
  };
  keep_inside(map);
  map.draw();
}

// -- drawing --------------------------------------------------------------------------------------

function measure(map, width) {
  const small = width < 560;
  const left = small ? 96 : 126;
  const top = small ? 88 : 100;
  const side = Math.max(120, Math.min(width - left - 12, map.data.most_px));
  const cell = side / map.part.span;
  return { width, left, top, above: top, side, height: top + side + LEGEND, cell };
}

function draw_map(map) {
  const size = (map.size = measure(map, map.picture.clientWidth));
  if (map.picture.clientWidth === 0) return;
  const context = fit_canvas(map.canvas, size.width, size.height);
  context.drawImage(draw_cells(map), size.left, size.top, size.side, size.side);
  draw_surroundings(context, map, size);
  if (map.hovered) draw_cross(context, map, size, map.hovered, 1);
  draw_cross(context, map, size, map.chosen, 2.5);
  map.buttons[0].disabled = map.buttons[2].disabled = map.part.span >= map.n;
  map.buttons[1].disabled = map.part.span <= 4;
  map.canvas.dataset.chosen = `${map.chosen.query},${map.chosen.key}`;
  map.canvas.setAttribute("aria-label",
    `Attention map, ${map.n} tokens. Rows: query (reads). Columns: key (is read). `
    + "Arrow keys choose a cell.");
  read_out(map);
}

// The cells alone, kept until the data, the theme, the size or the zoom change.
function draw_cells(map) {
  const { data, theme, part, size } = map;
  const made_of = [data, theme, size.side, part.row, part.column, part.span, devicePixelRatio];
  if (map.cells && made_of.every((x, i) => x === map.cells_made_of[i])) return map.cells;
  map.cells_made_of = made_of;
  map.cells = document.createElement("canvas");
  const context = fit_canvas(map.cells, size.side, size.side);
  paint_map(context, data.levels, 0, part, { x: 0, y: 0, side: size.side }, theme, true);
  if (size.cell >= 14) draw_gaps(context, map, size);
  return map.cells;
}

function draw_gaps(context, map, size) {
  context.fillStyle = css(map.theme.back);
  for (let i = 1; i < map.part.span; i++) {
    context.fillRect(i * size.cell - 0.5, 0, 1, size.side);
    context.fillRect(0, i * size.cell - 0.5, size.side, 1);
  }
}

function draw_surroundings(context, map, size) {
  const { theme } = map;
  context.strokeStyle = css(theme.faint);
  context.lineWidth = 1;
  context.strokeRect(size.left - 0.5, size.top - 0.5, size.side + 1, size.side + 1);
  draw_titles(context, theme, size);
  const places = label_places(map, size);
  for (const i of places.rows) draw_label(context, map, size, "query", i, css(theme.text));
  for (const i of places.columns) draw_label(context, map, size, "key", i, css(theme.text));
  draw_legend(context, map, size);
}

function draw_titles(context, theme, size) {
  context.font = `600 16px ${theme.font}`;
  context.textBaseline = "top";
  context.textAlign = "left";
  context.fillStyle = ink(theme, "key");
  context.fillText("key (is read) →", size.left, size.top - size.above + 6);
  context.fillStyle = ink(theme, "query");
  context.translate(2, size.top);
  context.rotate(-Math.PI / 2);
  context.textAlign = "right";
  context.fillText("← query (reads)", 0, 0);
  context.setTransform(context.ratio, 0, 0, context.ratio, 0, 0);
}

// Rows and columns whose token is written out: all, or every so many; the chosen ones win.
function label_places(map, size) {
  const every = Math.ceil(15 / size.cell);
  const pick = (origin, kept) => {
    const places = [];
    for (let i = Math.ceil(origin / every) * every; i < origin + map.part.span; i += every) {
      if (kept.every((k) => k === null || Math.abs(k - i) * size.cell >= 15)) places.push(i);
    }
    return places;
  };
  const { chosen, hovered } = map;
  return {
    rows: pick(map.part.row, [chosen.query, hovered?.query ?? null]),
    columns: pick(map.part.column, [chosen.key, hovered?.key ?? null]),
  };
}

function label_font(size) {
  const px = Math.max(12, Math.min(17, size.cell * 0.62));
  return Math.min(px, size.left > 100 ? 17 : 15);
}

function draw_label(context, map, size, axis, index, color, weight = 400) {
  const origin = axis === "query" ? map.part.row : map.part.column;
  const at = (index - origin + 0.5) * size.cell;
  if (at < 0 || at > size.side) return;
  const px = label_font(size);
  context.font = `${weight} ${px}px ${map.theme.font}`;
  context.textBaseline = "middle";
  context.fillStyle = color;
  const room = axis === "query" ? size.left - 34 : (size.above - 36) * 1.15;
  const text = fit_text(context, map.data.tokens[index], room);
  if (axis === "query") {
    context.textAlign = "right";
    context.fillText(text, size.left - 7, size.top + at);
    return;
  }
  context.translate(size.left + at, size.top - 7);
  context.rotate(-Math.PI / 3);
  context.textAlign = "left";
  context.fillText(text, 0, 0);
  context.setTransform(context.ratio, 0, 0, context.ratio, 0, 0);
}

function fit_text(context, text, room) {
  const n_letters = [...text].length;
  for (let n = Math.min(n_letters, 40); n > 1; n--) {
    const short = shorten(text, n);
    if (context.measureText(short).width <= room) return short;
  }
  return shorten(text, 1);
}

function draw_cross(context, map, size, cell, width) {
  const { theme, part } = map;
  const x = size.left + (cell.key - part.column) * size.cell;
  const y = size.top + (cell.query - part.row) * size.cell;
  const within = (at, origin) => at >= origin - 0.01 && at < origin + size.side - 0.01;
  context.save();
  context.beginPath();
  context.rect(size.left - 3, size.top - 3, size.side + 6, size.side + 6);
  context.clip();
  context.lineWidth = width > 1 ? 1.5 : 1;
  const thick = Math.max(size.cell, 3);
  if (within(y, size.top)) {
    context.strokeStyle = ink(theme, "query");
    context.strokeRect(size.left, y, size.side, thick);
  }
  if (within(x, size.left)) {
    context.strokeStyle = ink(theme, "key");
    context.strokeRect(x, size.top, thick, size.side);
  }
  context.strokeStyle = css(theme.text);
  context.lineWidth = width;
  if (within(x, size.left) && within(y, size.top)) context.strokeRect(x, y, thick, thick);
  context.restore();
  draw_label(context, map, size, "query", cell.query, ink(theme, "query"), 700);
  draw_label(context, map, size, "key", cell.key, ink(theme, "key"), 700);
}

function draw_legend(context, map, size) {
  const { theme } = map;
  const y = size.top + size.side + 12;
  const width = Math.min(220, size.side * 0.5);
  paint_scale(context, theme, size.left, y, width);
  const x = size.left + width + 22;
  context.save();
  context.beginPath();
  context.rect(x, y - 2, 18, 16);
  context.clip();
  context.strokeStyle = css(theme.faint);
  context.lineWidth = 1;
  for (let i = -18; i < 36; i += 7) {
    context.beginPath();
    context.moveTo(x + i, y + 15);
    context.lineTo(x + i + 18, y - 3);
    context.stroke();
  }
  context.strokeRect(x + 0.5, y - 1.5, 17, 15);
  context.restore();
  context.fillStyle = css(theme.text);
  context.font = `14px ${theme.font}`;
  context.textAlign = "left";
  context.textBaseline = "middle";
  context.fillText("future: cannot be read", x + 26, y + 6);
  context.fillStyle = css(theme.soft);
  context.font = `13px ${theme.font}`;
  context.textBaseline = "top";
  context.textAlign = "left";
  context.fillText(scale_words(map, size), size.left, y + 36);
}

function scale_words(map, size) {
  const dot = 1 / (size.cell * (window.devicePixelRatio || 1));
  const pooled = dot > 1 ? `; a dot shows the largest of about ${(dot * dot).toFixed(1)} weights` : "";
  return `colour = √weight${pooled}`;
}

// -- reading a cell -------------------------------------------------------------------------------

function weight_of(map, { query, key }) {
  const { data } = map;
  const at = (query * (query + 1)) / 2 + key;
  if (data.weights) return exact(data.weights[at]);
  if (query === data.chosen.query && key === data.chosen.key) return exact(data.chosen_weight);
  return `about ${exact((data.levels[at] / 255) ** 2)} (click for the exact weight)`;
}

function read_out(map) {
  const { reading, theme } = map;
  const { query, key } = map.hovered ?? map.chosen;
  const word = (text, color) => {
    const bold = document.createElement("b");
    bold.textContent = text;
    if (color) bold.style.color = color;
    return bold;
  };
  const token = (i) => `${shorten(map.data.tokens[i], 40)}`;
  const [reader, read] = [
    word(token(query), ink(theme, "query")), word(token(key), ink(theme, "key")),
  ];
  if (key > query) {
    reading.replaceChildren("query ", reader, ` (${query}) cannot read key `, read,
      ` (${key}): it comes later`);
  } else {
    reading.replaceChildren("query ", reader, ` (${query}) reads key `, read, ` (${key}) with weight `,
      word(weight_of(map, { query, key })));
  }
}

// -- hands ----------------------------------------------------------------------------------------

function cell_at(map, event) {
  const box = map.canvas.getBoundingClientRect();
  const { left, top, side, cell } = map.size;
  const [x, y] = [event.clientX - box.left - left, event.clientY - box.top - top];
  if (y < 0 || y >= side || x >= side) return null;
  const query = Math.floor(map.part.row + y / cell);
  if (x < 0) return { query, key: null };
  return { query, key: Math.floor(map.part.column + x / cell) };
}

function listen(map) {
  const { canvas } = map;
  canvas.addEventListener("pointermove", (event) => {
    if (map.grab) return drag(map, event);
    const cell = cell_at(map, event);
    map.hovered = cell && cell.key !== null ? cell : null;
    map.draw();
  });
  canvas.addEventListener("pointerleave", () => { map.hovered = null; map.draw(); });
  canvas.addEventListener("pointerdown", (event) => {
    if (map.part.span >= map.n) return;
    canvas.setPointerCapture(event.pointerId);
    map.grab = { x: event.clientX, y: event.clientY, ...map.part };
  });
  canvas.addEventListener("pointerup", () => {
    canvas.classList.remove("grabbed");
    map.moved = map.grab?.moved;
    map.grab = null;
  });
  canvas.addEventListener("click", (event) => {
    const cell = map.moved ? null : cell_at(map, event);
    if (!cell || (cell.key !== null && cell.key > cell.query)) return;
    if (cell.key === null) map.send(cell);
    else choose(map, cell);
  });
  canvas.addEventListener("dblclick", (event) => {
    const cell = cell_at(map, event);
    if (cell && cell.key !== null) zoom(map, 0.5, { row: cell.query, column: cell.key });
  });
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return; // a bare wheel scrolls the page
    event.preventDefault();
    const cell = cell_at(map, event);
    const centre = cell && cell.key !== null ? { row: cell.query, column: cell.key } : undefined;
    zoom(map, event.deltaY > 0 ? 1.15 : 1 / 1.15, centre);
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => press(map, event));
}

function drag(map, event) {
  const { grab, size } = map;
  const [right, down] = [event.clientX - grab.x, event.clientY - grab.y];
  if (Math.abs(right) + Math.abs(down) < 5) return;
  grab.moved = true;
  map.canvas.classList.add("grabbed");
  map.part = {
    row: Math.round(grab.row - down / size.cell),
    column: Math.round(grab.column - right / size.cell),
    span: map.part.span,
  };
  keep_inside(map);
  map.hovered = null;
  map.draw();
}

const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

function press(map, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const zooms = { "+": 1 / 1.6, "=": 1 / 1.6, "-": 1.6 };
  const move = MOVES[event.key];
  if (!move && !(event.key in zooms)) return;
  event.preventDefault();
  event.stopPropagation();
  if (!move) return zoom(map, zooms[event.key]);
  const query = Math.max(0, Math.min(map.n - 1, map.chosen.query + move[0]));
  const key = Math.max(0, Math.min(query, map.chosen.key + move[1]));
  bring_into_view(map, query, key);
  if (query !== map.chosen.query || key !== map.chosen.key) choose(map, { query, key }, 150);
}

function bring_into_view(map, query, key) {
  const { part } = map;
  const shift = (at, origin) => Math.min(at, Math.max(origin, at - part.span + 1));
  map.part = { row: shift(query, part.row), column: shift(key, part.column), span: part.span };
}

// -- download -------------------------------------------------------------------------------------

function download_png(map) {
  const size = measure(map, map.picture.clientWidth);
  const canvas = document.createElement("canvas");
  const [head, foot] = [34, 34];
  const context = fit_canvas(canvas, size.width, size.height + head + foot, 2);
  context.fillStyle = css(map.theme.back);
  context.fillRect(0, 0, size.width, size.height + head + foot);
  const shifted = { ...size, top: size.top + head };
  const ratio = context.ratio;
  draw_png_cells(context, map, shifted);
  context.fillStyle = css(map.theme.text);
  context.font = `600 18px ${map.theme.font}`;
  context.textAlign = "left";
  context.textBaseline = "top";
  context.fillText(map.data.title, 10, 8);
  draw_surroundings(context, map, shifted);
  draw_cross(context, map, shifted, map.chosen, 2.5);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.fillStyle = css(map.theme.text);
  context.font = `15px ${map.theme.font}`;
  context.textAlign = "left";
  context.textBaseline = "top";
  context.fillText(map.reading.textContent, 10, size.height + head + 6);
  canvas.toBlob((blob) => save(blob, `${map.data.title.replace(/[^\w.-]+/g, "-")}.png`));
}

function draw_png_cells(context, map, size) {
  const cells = document.createElement("canvas");
  const own = fit_canvas(cells, size.side, size.side, context.ratio);
  const place = { x: 0, y: 0, side: size.side };
  paint_map(own, map.data.levels, 0, map.part, place, map.theme, true);
  if (size.cell >= 14) draw_gaps(own, map, size);
  context.drawImage(cells, size.left, size.top, size.side, size.side);
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
