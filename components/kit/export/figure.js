// A picture as a file: trimmed, with a line below it that says where it is from; SVG or PNG.
import { css, fitted } from "../canvas.js";
import { drawn } from "./dom_svg.js";
import { element, escaped, short } from "./svg_context.js";

const MARGIN = 12; // pixels round the picture
const LINE = 19; // of the lines below it
const LEAST_WIDTH = 420; // a narrower picture gets room for these lines
export const SCALE = 2; // dots a pixel of a PNG
const MOST_DOTS = 16_000; // browsers draw no larger canvas

// theme: {back, text, soft, font}; footer: lines; is_clear: nothing behind the picture.
// -> {svg, width, height}
export async function figure(root, { theme, footer, title, is_clear }) {
  const made = drawn(root);
  const inked = await trim(made);
  const width = Math.max(inked.width, LEAST_WIDTH);
  const box = { x: inked.x - MARGIN, y: inked.y - MARGIN, width: width + 2 * MARGIN };
  box.height = inked.height + 2 * MARGIN + footer.length * LINE + (footer.length ? 6 : 0);
  const parts = [element("title", {}, escaped(title))];
  if (!is_clear) parts.push(element("rect", { ...box, fill: css(theme.back) }));
  parts.push(`<g>${made.parts}</g>`, ...lines(footer, inked, width, theme));
  return { svg: whole(parts.join(""), box), width: box.width, height: box.height };
}

function lines(footer, { x, y, height }, width, theme) {
  const context = document.createElement("canvas").getContext("2d");
  context.font = `13px ${theme.font}`;
  return footer.map((words, i) => element("text", {
    x, y: y + height + 8 + LINE * (i + 0.7), "font-family": theme.font, "font-size": 13, fill: css(theme.soft),
  }, escaped(fitted(context, words, width))));
}

const whole = (parts, { x, y, width, height }) => `<svg xmlns="http://www.w3.org/2000/svg" `
  + `xmlns:xlink="http://www.w3.org/1999/xlink" width="${short(width)}" height="${short(height)}" `
  + `viewBox="${[x, y, width, height].map(short).join(" ")}" text-rendering="geometricPrecision">${parts}</svg>`;

// The part of a drawing that has ink.
async function trim({ parts, width, height }) {
  const box = { x: 0, y: 0, width: Math.ceil(width), height: Math.ceil(height) };
  const canvas = await rastered(whole(parts, box), box, Math.min(1, MOST_DOTS / box.height));
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const seen = { left: canvas.width, right: 0, top: canvas.height, bottom: 0 };
  for (let i = 3; i < data.length; i += 4) {
    if (data[i] < 8) continue;
    const [x, y] = [((i - 3) / 4) % canvas.width, Math.floor((i - 3) / 4 / canvas.width)];
    if (x < seen.left) seen.left = x;
    if (x > seen.right) seen.right = x;
    if (y < seen.top) seen.top = y;
    seen.bottom = y;
  }
  if (seen.right < seen.left) return box;
  return { x: seen.left, y: seen.top, width: seen.right - seen.left + 1, height: seen.bottom - seen.top + 1 };
}

// An SVG text -> a canvas with `scale` dots a pixel.
export async function rastered(svg, { width, height }, scale) {
  const url = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const size = { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
    const canvas = Object.assign(document.createElement("canvas"), size);
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return canvas;
  } finally {
    URL.revokeObjectURL(url);
  }
}

// The picture as PNG; an image is drawn with the page's own letters only if it holds them.
export async function png({ svg, width, height }, theme) {
  const faces = await letters(theme.font);
  const own = svg.replace(">", `><style>${faces}</style>`);
  const scale = Math.min(SCALE, MOST_DOTS / Math.max(width, height));
  const canvas = await rastered(own, { width, height }, scale);
  return new Promise((done) => { canvas.toBlob(done, "image/png"); });
}

const known = new Map(); // font -> its @font-face rules with the letters inside

export async function letters(font) {
  if (!known.has(font)) known.set(font, await read_letters(font));
  return known.get(font);
}

async function read_letters(font) {
  const rules = [...document.styleSheets].flatMap((sheet) => [...sheet.cssRules])
    .filter((rule) => rule instanceof CSSFontFaceRule && font.includes(rule.style.fontFamily.replaceAll('"', "")));
  const made = await Promise.all(rules.map(async (rule) => {
    const url = /url\("?([^")]+)"?\)/.exec(rule.style.getPropertyValue("src"))?.[1];
    if (!url) return "";
    const base = rule.parentStyleSheet.href ?? document.baseURI;
    const bytes = new Uint8Array(await (await fetch(new URL(url, base))).arrayBuffer());
    const { fontFamily, fontWeight, fontStyle } = rule.style;
    return `@font-face{font-family:${fontFamily};font-weight:${fontWeight || 400};`
      + `font-style:${fontStyle || "normal"};src:url(data:font/woff2;base64,${base64(bytes)})}`;
  }));
  return made.join("");
}

export function base64(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}
