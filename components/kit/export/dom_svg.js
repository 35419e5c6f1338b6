// Anything on the page as SVG: boxes, words, drawings, canvases, where they stand on the screen. It
// knows of CSS what our pictures use: grounds, borders, rounded corners, clipping, opacity.
import { SvgContext, attributes, element, escaped, new_name, paint_of, short } from "./svg_context.js";

const ruler = document.createElement("canvas").getContext("2d");
const LEFT_OUT = ".modebar-container, .hoverlayer, .draglayer, .tip, .tools, style, script, input:not([type=number]), select, "
  + "[data-testid=stElementToolbar], [data-testid=stHeaderActionElements]"; // for hands, not for paper
const BIG_SVG = 400; // elements; a larger drawing has its looks as attributes (Plotly's has)

// -> {parts: SVG text, in pixels from the element's upper left corner; words: [{x, y, text}]; width, height}
export function drawn(root) {
  const { left, top, width, height } = root.getBoundingClientRect();
  const page = { left, top, parts: [], words: [] };
  redraw(root, () => walk(root, page));
  return { parts: page.parts.join(""), words: page.words, width, height };
}

// Our canvases draw once more, as vectors (kit/canvas.js); on the screen nothing changes.
function redraw(root, look) {
  const canvases = [...all_inside(root)].filter((one) => one.localName === "canvas");
  for (const canvas of canvases) {
    canvas.take_vectors = (width, height) => (canvas.vectors = new SvgContext(width, height));
  }
  const pictures = [...all_inside(root)].filter((one) => one.classList.contains("picture"));
  try {
    for (const picture of pictures) picture.dispatchEvent(new Event("draw_vectors"));
    look();
  } finally {
    for (const canvas of canvases) {
      delete canvas.take_vectors;
      delete canvas.vectors;
    }
  }
}

// The element and all below it, also in shadow roots and frames of our own.
export function* all_inside(root) {
  yield root;
  for (const child of inside(root)) if (child.nodeType === 1) yield* all_inside(child);
}

function inside(one) {
  if (one.localName === "iframe") return one.contentDocument?.body ? [one.contentDocument.body] : [];
  return (one.shadowRoot ?? one).childNodes;
}

function walk(node, page) {
  if (node.nodeType === 3) return write_words(node, page);
  if (node.nodeType !== 1 || node.matches(LEFT_OUT)) return undefined;
  const style = getComputedStyle(node);
  if (style.display === "none" || style.visibility === "hidden" || style.opacity === "0") return undefined;
  const box = place_of(node, page);
  const wraps = wrappers(node, style, box);
  page.parts.push(...wraps);
  if (node.localName === "svg") write_svg(node, page, box);
  else if (node.localName === "canvas") write_canvas(node, page, box);
  else if (node.localName === "img") write_image(node, page, box);
  else if (node.localName === "iframe") walk_frame(node, page, box);
  else {
    write_box(style, box, page);
    if (node.localName === "input") write_value(node, style, page);
    for (const child of inside(node)) walk(child, page);
  }
  page.parts.push("</g>".repeat(wraps.filter((part) => part.startsWith("<g")).length));
  return undefined;
}

function place_of(node, page) {
  const { left, top, width, height } = node.getBoundingClientRect();
  return { x: left - page.left, y: top - page.top, width, height };
}

// A frame counts from its own corner.
function walk_frame(node, page, { x, y }) {
  const own = { ...page, left: -x, top: -y };
  for (const body of inside(node)) walk(body, own);
}

function wrappers(node, style, box) {
  const wraps = [];
  if (style.opacity !== "1") wraps.push(`<g opacity="${escaped(style.opacity)}">`);
  const is_cut = style.overflowX !== "visible" && (node.scrollWidth > node.clientWidth + 1
    || node.scrollHeight > node.clientHeight + 1);
  if (is_cut && node.localName !== "canvas" && node.localName !== "svg") {
    const id = new_name("clip");
    wraps.push(element("clipPath", { id }, element("rect", box)), `<g clip-path="url(#${id})">`);
  }
  return wraps;
}

// -- boxes ----------------------------------------------------------------------------------------

const SIDES = ["Top", "Right", "Bottom", "Left"];
const CLEAR = "rgba(0, 0, 0, 0)";

function write_box(style, box, page) {
  const rx = Math.min(parseFloat(style.borderTopLeftRadius) || 0, box.width / 2, box.height / 2) || null;
  if (style.backgroundColor !== CLEAR) {
    page.parts.push(element("rect", { ...box, rx, ...paint_of("fill", solid(style.backgroundColor)) }));
  }
  for (const band of bands(style)) page.parts.push(element("rect", { ...box, ...band(box) }));
  write_borders(style, box, rx, page);
  if (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) {
    const width = parseFloat(style.outlineWidth);
    const away = parseFloat(style.outlineOffset) + width / 2;
    page.parts.push(edge({ ...box, rx }, away, width, style.outlineColor, style.outlineStyle));
  }
}

// color-mix() computes to color(srgb r g b / a), which older programs cannot read.
function solid(color) {
  const parts = /^color\(srgb ([^)]+)\)$/.exec(color)?.[1].split(/[\s/]+/).map(Number);
  if (!parts) return color;
  const [r, g, b] = parts.map((x) => Math.round(255 * x));
  return `rgba(${r}, ${g}, ${b}, ${parts[3] ?? 1})`;
}

// Plain grounds made of gradients (bars of a share of the width, at the top or at the foot) -> the bands
// to draw, lowest first.
function bands(style) {
  if (!style.backgroundImage.startsWith("linear-gradient")) return [];
  const colors = style.backgroundImage.split("linear-gradient").slice(1)
    .map((layer) => /(?:rgba?|color)\([^)]*\)/.exec(layer)?.[0]);
  const [sizes, places] = [style.backgroundSize, style.backgroundPosition].map((list) => list.split(", "));
  return colors.map((color, i) => ({ y, width, height }) => {
    const [wide, high] = sizes[i % sizes.length].split(" ");
    const tall = length_of(high, height);
    const down = (height - tall) * (parseFloat(places[i % places.length].split(" ")[1]) / 100);
    return { width: length_of(wide, width), y: y + down, height: tall, ...paint_of("fill", solid(color ?? "none")) };
  }).reverse();
}

function length_of(size, whole) {
  if (size === undefined || size === "auto") return whole;
  return size.endsWith("%") ? (whole * parseFloat(size)) / 100 : parseFloat(size);
}

function write_borders(style, box, rx, page) {
  const borders = SIDES.map((side) => ({
    width: style[`border${side}Style`] === "none" ? 0 : parseFloat(style[`border${side}Width`]),
    color: style[`border${side}Color`], line: style[`border${side}Style`],
  }));
  const [first] = borders;
  if (first.width && borders.every((one) => one.width === first.width && one.color === first.color)) {
    page.parts.push(edge({ ...box, rx }, -first.width / 2, first.width, first.color, first.line));
    return;
  }
  borders.forEach(({ width, color }, i) => {
    if (!width || solid(color) === CLEAR) return;
    const side = { ...box };
    if (i % 2) Object.assign(side, { width, x: i === 1 ? box.x + box.width - width : box.x });
    else Object.assign(side, { height: width, y: i === 2 ? box.y + box.height - width : box.y });
    page.parts.push(element("rect", { ...side, ...paint_of("fill", solid(color)) }));
  });
}

function edge({ x, y, width, height, rx }, away, thick, color, line) {
  if (solid(color) === CLEAR) return "";
  const dash = { dashed: `${3 * thick} ${2 * thick}`, dotted: `${thick} ${thick}` }[line];
  return element("rect", {
    x: x - away, y: y - away, width: Math.max(0, width + 2 * away), height: Math.max(0, height + 2 * away),
    rx, fill: "none", "stroke-width": thick, "stroke-dasharray": dash, ...paint_of("stroke", solid(color)),
  });
}

// -- words ----------------------------------------------------------------------------------------

function write_words(node, page) {
  if (!node.data.trim()) return;
  const style = getComputedStyle(node.parentElement);
  if (parseFloat(style.fontSize) === 0) return;
  for (const line of lines_of(node)) write_line(line, style, page);
}

// What a box for a number holds.
function write_value(box, style, page) {
  ruler.font = `${style.fontStyle} ${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  const { left, top, bottom } = box.getBoundingClientRect();
  const start = left + parseFloat(style.borderLeftWidth) + parseFloat(style.paddingLeft);
  write_line({ text: box.value, left: start, end: start + ruler.measureText(box.value).width, top, bottom }, style, page);
}

// A text node's lines as they are broken on the screen: [{text, box}].
function lines_of(node) {
  const range = node.ownerDocument.createRange();
  const lines = [];
  let at = 0;
  for (const letter of node.data) {
    range.setStart(node, at);
    range.setEnd(node, (at += letter.length));
    const box = range.getClientRects()[0];
    if (!box) continue; // a space that the line swallowed
    const last = lines.at(-1);
    if (last && box.top < last.bottom - 1 && box.left >= last.right - 2) {
      last.text += letter;
      last.right = box.right;
      if (letter.trim()) last.end = box.right;
    } else if (letter.trim()) {
      const { left, right, top, bottom } = box;
      lines.push({ text: letter, left, right, end: right, top, bottom });
    }
  }
  return lines;
}

function write_line({ text, left, end, top, bottom }, style, page) {
  const size = parseFloat(style.fontSize);
  ruler.font = `${style.fontStyle} ${style.fontWeight} ${size}px ${style.fontFamily}`;
  const { fontBoundingBoxAscent: above, fontBoundingBoxDescent: below } = ruler.measureText("x");
  const x = left - page.left;
  const y = top - page.top + (above * (bottom - top)) / (above + below || 1);
  const said = { uppercase: (s) => s.toUpperCase(), lowercase: (s) => s.toLowerCase() }[style.textTransform];
  const words = (said ? said(text) : text).replace(/\s/g, " ").trimEnd();
  page.words.push({ x, y, text: words.trim() });
  const line = style.textDecorationLine;
  page.parts.push(element("text", {
    x, y, textLength: words.length > 1 ? end - left : null, "font-family": style.fontFamily, "font-size": size, "xml:space": "preserve",
    "font-weight": style.fontWeight === "400" ? null : style.fontWeight,
    "font-style": style.fontStyle === "normal" ? null : style.fontStyle,
    "text-decoration": line === "none" ? null : line, ...paint_of("fill", solid(style.color)),
  }, escaped(words)));
}

// -- drawings -------------------------------------------------------------------------------------

function write_canvas(canvas, page, { x, y, width, height }) {
  const { vectors } = canvas;
  if (vectors) {
    const unit = width / vectors.width;
    const place = `translate(${short(x)} ${short(y)}) scale(${Math.round(unit * 1e4) / 1e4})`;
    page.parts.push(`<g transform="${place}">${vectors.drawing}</g>`);
    page.words.push(...vectors.words.map((word) => (
      { x: x + unit * word.x, y: y + unit * word.y, text: String(word.text) })));
  } else if (canvas.width && canvas.height && width && height) {
    const href = enlarged(canvas, width).toDataURL("image/png");
    page.parts.push(element("image", { x, y, width, height, preserveAspectRatio: "none", href }));
  }
}

// A canvas of few dots keeps their edges: viewers would blur them.
function enlarged(canvas, width) {
  const factor = Math.ceil((2 * width) / canvas.width);
  if (factor <= 2) return canvas;
  const size = { width: canvas.width * factor, height: canvas.height * Math.min(factor, 8) };
  const made = Object.assign(document.createElement("canvas"), size);
  const context = made.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(canvas, 0, 0, made.width, made.height);
  return made;
}

// A drawing inside an <img> is put in as a drawing; other images as they are, if they are in the page.
function write_image({ src }, page, box) {
  if (!src.startsWith("data:image/svg+xml")) {
    if (src.startsWith("data:")) page.parts.push(element("image", { ...box, href: src }));
    return;
  }
  const [head, body] = [src.slice(0, src.indexOf(",")), src.slice(src.indexOf(",") + 1)];
  const text = head.endsWith("base64")
    ? new TextDecoder().decode(Uint8Array.from(atob(body), (c) => c.charCodeAt(0))) : decodeURIComponent(body);
  const svg = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
  for (const [name, value] of Object.entries(box)) svg.setAttribute(name, short(value));
  page.parts.push(new XMLSerializer().serializeToString(svg));
}

const LOOKS = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray",
  "stroke-linecap", "opacity", "font-family", "font-size", "font-weight", "font-style", "text-anchor",
  "dominant-baseline", "visibility", "display"];

function write_svg(svg, page, { x, y, width, height }) {
  if (!width || !height) return;
  const copy = svg.cloneNode(true);
  const [seen, copied] = [svg, copy].map((one) => [...one.querySelectorAll("*")]);
  if (seen.length < BIG_SVG) copied.forEach((one, i) => keep_looks(seen[i], one));
  for (const one of copied) if (one.matches(LEFT_OUT)) one.remove();
  const attrs = [...copy.attributes].filter(({ name }) => /^(xmlns|viewBox|preserveAspectRatio)/.test(name));
  const given = Object.fromEntries(attrs.map(({ name, value }) => [name, value]));
  const overflow = getComputedStyle(svg).overflowX === "visible" ? "visible" : "hidden";
  const drawing = [...copy.childNodes].map((one) => new XMLSerializer().serializeToString(one)).join("");
  const xmlns = { xmlns: "http://www.w3.org/2000/svg", "xmlns:xlink": "http://www.w3.org/1999/xlink" };
  page.parts.push(`<svg${attributes({ ...given, ...xmlns, x, y, width, height, overflow })}>${drawing}</svg>`);
  for (const word of svg.querySelectorAll("text")) {
    const box = word.getBoundingClientRect();
    if (box.width) page.words.push({ x: box.left - page.left, y: box.bottom - page.top, text: word.textContent });
  }
}

function keep_looks(seen, copied) {
  const style = getComputedStyle(seen);
  for (const name of LOOKS) {
    const value = style.getPropertyValue(name);
    if (value && value !== "normal" && value !== "auto") copied.style.setProperty(name, solid(value));
  }
  copied.removeAttribute("class");
}
