// A drawing context that writes SVG: what a picture draws on its canvas, as vectors and text. It
// knows of the canvas API what our pictures use. Words stay words; put images stay images.

const RATIO = 2; // dots a pixel of images inside the drawing
const ruler = document.createElement("canvas").getContext("2d");
let n_names = 0; // clip paths and gradients have names that are unique in a document

const NOT_XML = /(?![\t\n\r])[\p{Cc}\ufffe\uffff]/gu; // no file may hold these characters
export const escaped = (text) => String(text).toWellFormed().replace(NOT_XML, "\ufffd")
  .replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
export const short = (x) => String(Math.round(x * 100) / 100);

// name="value" of everything that is given.
export const attributes = (given) => Object.entries(given)
  .filter(([, value]) => value !== undefined && value !== null && value !== "")
  .map(([name, value]) => ` ${name}="${escaped(typeof value === "number" ? short(value) : value)}"`)
  .join("");
export const element = (name, given, inside = "") => `<${name}${attributes(given)}`
  + (inside ? `>${inside}</${name}>` : "/>");

// A CSS colour -> SVG's colour and opacity, which older programs read apart.
export function paint_of(name, color) {
  const parts = /^rgba?\(([^)]+)\)$/.exec(color)?.[1].split(/[\s,/]+/);
  if (!parts) return { [name]: color };
  const opacity = Number(parts[3] ?? 1);
  return { [name]: `rgb(${parts.slice(0, 3).join(",")})`, [`${name}-opacity`]: opacity < 1 ? opacity : null };
}

export const new_name = (kind) => `${kind}${++n_names}`;

const FONT = /^(?:(italic) )?(?:(\d+|bold|normal) )?([\d.]+)px (.+)$/;
const PLAIN = {
  fillStyle: "#000", strokeStyle: "#000", lineWidth: 1, lineCap: "butt", lineJoin: "miter",
  font: "10px sans-serif", textAlign: "left", textBaseline: "alphabetic", globalAlpha: 1,
};

export class SvgContext {
  constructor(width, height) {
    Object.assign(this, PLAIN, { width, height, ratio: RATIO, is_vector: true });
    Object.assign(this, { parts: [], words: [], stack: [], path: [], dash: [], matrix: [1, 0, 0, 1, 0, 0], open: 0 });
  }

  // What was drawn, to be put inside an <svg>; `words`: its texts and where they begin.
  get drawing() {
    return this.parts.join("");
  }

  // -- state --------------------------------------------------------------------------------------

  save() {
    const kept = Object.fromEntries(Object.keys(PLAIN).map((name) => [name, this[name]]));
    this.stack.push({ ...kept, dash: this.dash, matrix: this.matrix, open: this.open });
    this.open = 0;
  }

  restore() {
    if (!this.stack.length) return;
    this.parts.push("</g>".repeat(this.open));
    Object.assign(this, this.stack.pop());
  }

  transform(a, b, c, d, e, f) {
    const [A, B, C, D, E, F] = this.matrix;
    this.matrix = [A * a + C * b, B * a + D * b, A * c + C * d, B * c + D * d,
      A * e + C * f + E, B * e + D * f + F];
  }

  translate(x, y) {
    this.transform(1, 0, 0, 1, x, y);
  }

  rotate(angle) {
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    this.transform(c, s, -s, c, 0, 0);
  }

  scale(x, y) {
    this.transform(x, 0, 0, y, 0, 0);
  }

  setLineDash(dash) {
    this.dash = dash;
  }

  // -- paths --------------------------------------------------------------------------------------

  beginPath() {
    this.path = [];
  }

  moveTo(x, y) {
    this.path.push(`M${short(x)} ${short(y)}`);
  }

  lineTo(x, y) {
    this.path.push(`${this.path.length ? "L" : "M"}${short(x)} ${short(y)}`);
  }

  bezierCurveTo(...points) {
    this.path.push(`C${points.map(short).join(" ")}`);
  }

  quadraticCurveTo(...points) {
    this.path.push(`Q${points.map(short).join(" ")}`);
  }

  closePath() {
    this.path.push("Z");
  }

  rect(x, y, wide, high) {
    this.path.push(`M${short(x)} ${short(y)}h${short(wide)}v${short(high)}h${short(-wide)}Z`);
  }

  arc(x, y, r, from, to, is_left = false) {
    const turn = is_left ? from - to : to - from;
    const at = (angle) => `${short(x + r * Math.cos(angle))} ${short(y + r * Math.sin(angle))}`;
    const sweep = is_left ? 0 : 1;
    this.path.push(`${this.path.length ? "L" : "M"}${at(from)}`);
    const is_whole = turn >= 2 * Math.PI - 1e-6;
    const stops = is_whole ? [from + Math.PI, from + 2 * Math.PI] : [to];
    const large = !is_whole && turn > Math.PI ? 1 : 0;
    for (const stop of stops) this.path.push(`A${short(r)} ${short(r)} 0 ${large} ${sweep} ${at(stop)}`);
  }

  fill() {
    this.put("path", { d: this.path.join(""), ...this.filled() });
  }

  stroke() {
    this.put("path", { d: this.path.join(""), fill: "none", ...this.stroked() });
  }

  clip() {
    const id = new_name("clip");
    const shape = element("path", { d: this.path.join(""), transform: this.place() });
    this.parts.push(element("clipPath", { id }, shape), `<g clip-path="url(#${id})">`);
    this.open += 1;
  }

  fillRect(x, y, width, height) {
    if (width < 0) [x, width] = [x + width, -width];
    if (height < 0) [y, height] = [y + height, -height];
    this.put("rect", { x, y, width, height, ...this.filled() });
  }

  strokeRect(x, y, width, height) {
    this.put("rect", { x, y, width, height, fill: "none", ...this.stroked() });
  }

  // Cuts a hole into everything drawn so far; only where nothing is clipped.
  clearRect(x, y, wide, high) {
    if (this.open || this.stack.length) return;
    const id = new_name("clip");
    const whole = `M-9999 -9999H99999V99999H-9999ZM${x} ${y}h${wide}v${high}h${-wide}Z`;
    const shape = element("path", { d: whole, "clip-rule": "evenodd" });
    const before = this.parts.splice(0).join("");
    this.parts.push(element("clipPath", { id }, shape), `<g clip-path="url(#${id})">${before}</g>`);
  }

  // -- words --------------------------------------------------------------------------------------

  measureText(text) {
    Object.assign(ruler, { font: this.font, textBaseline: "alphabetic" });
    return ruler.measureText(text);
  }

  fillText(text, x, y, room) {
    this.write(text, x, y, room, this.filled());
  }

  strokeText(text, x, y, room) {
    this.write(text, x, y, room, { fill: "none", ...this.stroked() });
  }

  write(text, x, y, room, look) {
    const [, style, weight, size, family] = FONT.exec(this.font) ?? [null, null, null, 10, "sans-serif"];
    const { width, fontBoundingBoxAscent: above } = this.measureText(text);
    ruler.textBaseline = this.textBaseline;
    const down = above - ruler.measureText(text).fontBoundingBoxAscent;
    const [a, b, c, d, e, f] = this.matrix;
    this.words.push({ x: a * x + c * y + e, y: b * x + d * y + f, text });
    const anchor = { center: "middle", right: "end", end: "end" }[this.textAlign];
    const squeezed = room !== undefined && width > room ? { textLength: room, lengthAdjust: "spacingAndGlyphs" } : {};
    const font = { "font-family": family, "font-size": Number(size), "font-style": style, "font-weight": weight };
    this.put("text", { x, y: y + down, ...font, "text-anchor": anchor, ...squeezed, ...look,
      "xml:space": "preserve" }, escaped(text));
  }

  // -- images -------------------------------------------------------------------------------------

  createImageData(width, height) {
    return new ImageData(width, height);
  }

  putImageData(image, x, y) {
    const canvas = Object.assign(document.createElement("canvas"), { width: image.width, height: image.height });
    canvas.getContext("2d").putImageData(image, 0, 0);
    this.put_image(canvas, x / RATIO, y / RATIO, image.width / RATIO, image.height / RATIO);
  }

  drawImage(canvas, ...place) {
    if (place.length <= 4) {
      const [x, y, wide = canvas.width, high = canvas.height] = place;
      return this.put_image(canvas, x, y, wide, high);
    }
    const [from_x, from_y, from_wide, from_high, x, y, wide, high] = place;
    const part = Object.assign(document.createElement("canvas"), { width: from_wide, height: from_high });
    part.getContext("2d").drawImage(canvas, -from_x, -from_y);
    return this.put_image(part, x, y, wide, high);
  }

  put_image(canvas, x, y, width, height) {
    if (!canvas.width || !canvas.height) return;
    const href = canvas.toDataURL("image/png");
    this.put("image", { x, y, width, height, preserveAspectRatio: "none", href });
  }

  createLinearGradient(x1, y1, x2, y2) {
    const stops = [];
    return { x1, y1, x2, y2, stops, addColorStop: (offset, color) => stops.push([offset, color]) };
  }

  // -- writing ------------------------------------------------------------------------------------

  put(name, given, inside) {
    const opacity = this.globalAlpha < 1 ? this.globalAlpha : null;
    this.parts.push(element(name, { ...given, opacity, transform: this.place() }, inside));
  }

  place() {
    const is_plain = this.matrix.every((x, i) => x === (i === 0 || i === 3 ? 1 : 0));
    return is_plain ? null : `matrix(${this.matrix.map((x) => Math.round(x * 1e5) / 1e5).join(" ")})`;
  }

  filled() {
    return this.paint("fill", this.fillStyle);
  }

  stroked() {
    const line = { "stroke-width": this.lineWidth, "stroke-dasharray": this.dash.join(" ") };
    if (this.lineCap !== "butt") line["stroke-linecap"] = this.lineCap;
    if (this.lineJoin !== "miter") line["stroke-linejoin"] = this.lineJoin;
    return { ...this.paint("stroke", this.strokeStyle), ...line };
  }

  paint(name, style) {
    if (typeof style === "string") return paint_of(name, style);
    const { x1, y1, x2, y2, stops } = style;
    const id = new_name("ramp");
    const inside = stops.map(([offset, color]) => element("stop", { offset: String(offset), ...paint_of("stop-color", color),
      "stop-opacity": paint_of("x", color)["x-opacity"], "stop-color-opacity": null })).join("");
    this.parts.push(element("linearGradient", { id, x1, y1, x2, y2, gradientUnits: "userSpaceOnUse" }, inside));
    return { [name]: `url(#${id})` };
  }
}
