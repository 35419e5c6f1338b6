// The page as one HTML file: what stands on it, with the scripts and numbers of its pictures, so that
// pointing at them works without the app and without a network.
import { base64, letters } from "./figure.js";
import { all_inside } from "./dom_svg.js";

const LEFT_OUT = "script, style, .st-key-prompt_row, .st-key-presenting_row, .modebar-container, "
  + "[data-testid=stElementToolbar], [data-testid=stHeaderActionElements], [data-testid=stAppIframeResizerAnchor], "
  + "[data-testid=stIconMaterial]";
const VARIABLE = /--st-[\w-]+/g;

// The names of our components that are on the page, and whether there are charts.
export function needs(root) {
  const parts = [...all_inside(root)];
  return {
    components: [...new Set(parts.map((one) => one.shadowRoot?.taken?.name).filter(Boolean))],
    has_charts: parts.some((one) => one["_fullLayout"]),
  };
}

// root: what is kept; parts: {components: {name: {html, css, script}}, plotly}; lines: said above it. -> HTML
export async function page_file(root, { components, plotly }, { title, lines, theme }) {
  const kept = { messages: [], charts: [], components };
  const body = copy(root, kept);
  const head = document.createElement("header");
  head.append(...lines.map((line) => Object.assign(document.createElement("p"), { textContent: line })));
  const faces = await letters(theme.font);
  const scripts = Object.entries(components).map(([name, { script }]) =>
    `components[${JSON.stringify(name)}] = (() => {\n${script}\n})();`);
  return [
    "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">",
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data: blob:; font-src data:; "
      + "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">",
    `<title>${escaped(title)}</title><style>${rules()}\n${faces}\n${variables(root, components)}\n${OWN}</style></head><body>`,
    head.outerHTML, body,
    plotly ? `<script>${inside_script(plotly)}</script>` : "",
    `<script>const components = {};\n${inside_script(scripts.join("\n"))}\nconst taken = ${json(kept)};\n${BOOT}</script>`,
    "</body></html>",
  ].join("\n");
}

const OWN = "body { margin: 0; font-family: var(--st-font); color: var(--st-text-color); "
  + "background: var(--st-background-color); overflow: auto; } header { padding: 1rem 1.4rem 0; } header p { margin: 0.2rem 0; } "
  + "[data-testid=stMainBlockContainer] { padding-top: 1rem; }";

// Runs in the file: every picture is drawn from its message, every chart from its figure.
const BOOT = `const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
for (const host of document.querySelectorAll("[data-taken]")) {
  const { name, message } = taken.messages[host.dataset.taken];
  const parentElement = host.shadowRoot;
  const data = typeof message === "string" ? bytes(message) : message;
  try {
    components[name]({ parentElement, data, key: "", setStateValue() {}, setTriggerValue() {} });
  } catch (problem) {
    console.warn(name, problem); // what looks for the app round it is no picture
  }
}
for (const box of document.querySelectorAll("[data-chart]")) {
  const { data, layout } = taken.charts[box.dataset.chart];
  Plotly.newPlot(box, data, layout, { displayModeBar: false, responsive: true });
}
document.fonts.ready.then(() => dispatchEvent(new Event("resize"))); // drawn again, with the page's letters
`;

// -- copying --------------------------------------------------------------------------------------

// A node as HTML; pictures become the places where the file's script draws them.
function copy(node, kept) {
  if (node.nodeType === 3) return escaped(node.data);
  if (node.nodeType !== 1 || node.matches(LEFT_OUT)) return "";
  if (node["_fullLayout"]) return place_of_chart(node, kept);
  if (node.shadowRoot) return place_of_component(node, kept);
  if (node.localName === "canvas") return `<img alt="" style="width:${node.clientWidth}px" src="${node.toDataURL()}">`;
  const shallow = node.cloneNode(false);
  if (node.localName === "button" || node.localName === "input") shallow.setAttribute("disabled", "");
  const [open, close] = shallow.outerHTML.split(/(?=<\/[\w-]+>$)/);
  return open + [...node.childNodes].map((child) => copy(child, kept)).join("") + (close ?? "");
}

function place_of_chart(node, kept) {
  const { data, layout } = node;
  kept.charts.push({ data, layout });
  const { clientWidth: width, clientHeight: height } = node;
  return `<div data-chart="${kept.charts.length - 1}" style="width:${width}px;max-width:100%;height:${height}px"></div>`;
}

function place_of_component(host, kept) {
  const own = host.shadowRoot.taken;
  if (!own || !kept.components[own.name]) return "";
  const { html, css } = kept.components[own.name];
  const message = own.data instanceof Uint8Array ? base64(own.data) : own.data;
  kept.messages.push({ name: own.name, message });
  return `<div data-taken="${kept.messages.length - 1}"><template shadowrootmode="open"><style>${css}</style>`
    + `${html}</template></div>`;
}

// -- text -----------------------------------------------------------------------------------------

const escaped = (text) => text.replace(/[&<>]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[c]);
const inside_script = (text) => text.replace(/<\/script/gi, "<\\/script").replace(/<!--/g, "<\\!--");

function json({ messages, charts }) {
  const plain = (_, value) => (ArrayBuffer.isView(value) ? Array.from(value) : value);
  return JSON.stringify({ messages, charts }, plain).replace(/</g, "\\u003c");
}

// All rules of the page's style sheets, without letters from elsewhere.
function rules() {
  return [...document.styleSheets, ...document.adoptedStyleSheets].flatMap((sheet) => [...sheet.cssRules])
    .filter((rule) => !(rule instanceof CSSFontFaceRule)).map((rule) => rule.cssText).join("\n")
    .replace(/<\/style/gi, "");
}

// The theme's values that our components ask for.
function variables(root, components) {
  const host = [...all_inside(root)].find((one) => one.shadowRoot) ?? root;
  const style = getComputedStyle(host);
  const asked = Object.values(components).flatMap(({ css, script }) => `${css}${script}`.match(VARIABLE) ?? []);
  const names = new Set([...asked, "--st-font", "--st-text-color", "--st-background-color", "--picture-scale"]);
  const values = [...names].map((name) => `${name}:${style.getPropertyValue(name)};`);
  return `:root{${values.join("")}}`;
}
