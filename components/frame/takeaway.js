// The menu "Take away": which pictures are on the page, and each of them as a file.
import { read_theme, shorten, unpack } from "../kit/canvas.js";
import { make } from "../kit/dom.js";
import { all_inside } from "../kit/export/dom_svg.js";
import { figure, png } from "../kit/export/figure.js";
import { needs, page_file } from "../kit/export/offline.js";
import { chart_in, csv_of } from "../kit/export/numbers.js";

const menus = new WeakMap(); // parentElement -> menu
const LEAST_HEIGHT = 56; // pixels of an HTML picture; what is lower is a line of words
const PATIENCE_MS = 60_000;
const LOOPBACK = /^(localhost|127\.0\.0\.1|\[::1\])$/;

export default function ({ parentElement, data, setTriggerValue }) {
  let menu = menus.get(parentElement);
  if (!menu) menus.set(parentElement, (menu = open_menu(parentElement)));
  menu.send = (what) => setTriggerValue("ask", what);
  menu.data = unpack(data);
  menu.theme = read_theme(parentElement.host ?? parentElement, menu.data.colors);
  const { reply } = menu.data;
  menu.waiting.get(reply.number)?.(menu.data);
  menu.waiting.delete(reply.number);
  return () => {
    if (!parentElement.querySelector(".menu").isConnected) close_menu(menu, parentElement);
  };
}

function open_menu(parentElement) {
  const menu = { waiting: new Map(), number: Date.now(), box: parentElement.querySelector(".menu") };
  menu.button = make("button", "", "Take away");
  Object.assign(menu.button, { type: "button", title: "Pictures, numbers and the link of this page as files" });
  menu.button.setAttribute("aria-haspopup", "dialog");
  menu.frame = Object.assign(make("div", "frame"), { hidden: true });
  menu.panel = make_panel(menu);
  menu.button.popoverTargetElement = menu.panel;
  menu.box.append(menu.button, menu.panel, menu.frame);
  menu.follow = (event) => { menu.seen = picture_at(event) ?? menu.seen; };
  for (const name of ["pointerover", "focusin"]) document.addEventListener(name, menu.follow, true);
  menu.place = () => menu.panel.matches(":popover-open") && place(menu);
  for (const name of ["resize", "scroll"]) window.addEventListener(name, menu.place, true);
  return menu;
}

function close_menu(menu, parentElement) {
  clearInterval(menu.clock);
  for (const name of ["pointerover", "focusin"]) document.removeEventListener(name, menu.follow, true);
  for (const name of ["resize", "scroll"]) window.removeEventListener(name, menu.place, true);
  menus.delete(parentElement);
}

function make_panel(menu) {
  const panel = make("div", "panel");
  panel.popover = "auto";
  panel.setAttribute("role", "dialog");
  panel.setAttribute("aria-label", "Take away");
  menu.choice = make("select");
  menu.choice.setAttribute("aria-label", "Picture");
  menu.choice.onchange = () => place(menu);
  menu.note = make("p", "note");
  menu.note.setAttribute("role", "status");
  menu.link = Object.assign(make("input"), { readOnly: true, hidden: true });
  menu.link.setAttribute("aria-label", "Link of this page");
  menu.files = make("div", "files", FILES.map(([name, title, take]) => add_file(menu, name, title, take)));
  const page = [
    add_file(menu, "Copy link", "The address that opens this page as it is now, on other computers too", copy_link),
    add_file(menu, "QR code", "The same address for cameras", show_qr),
    add_file(menu, "Trace file", "The prompt, its tokens, q, k, v and the residual stream of every layer: "
      + "the sidebar opens it again, and so does the command trace, without the model", () => take_page(menu, "trace", "safetensors")),
    add_file(menu, "HTML file", "This page as one file: it opens without the app and without a network, and "
      + "pictures answer the pointer", take_html),
    add_file(menu, "Notebook", "Python that computes this picture's numbers with transformers alone, and "
      + "checks that they are the same", () => take_page(menu, "notebook", "ipynb")),
  ];
  menu.qr = Object.assign(make("img", "qr"), { hidden: true, alt: "QR code of this page's link" });
  menu.lost = make("p", "lost");
  panel.append(make("h2", "", "A picture of this page"), menu.choice, menu.files, make("h2", "", "This page"),
    make("div", "files", page), menu.lost, menu.link, menu.qr, menu.note);
  panel.addEventListener("keydown", (event) => {
    event.stopPropagation(); // letters choose a picture here, they are not the page's shortcuts
    if (event.key !== "Escape") return;
    panel.hidePopover();
    menu.button.focus();
  });
  panel.addEventListener("toggle", (event) => (event.newState === "open" ? opened(menu) : closed(menu)));
  return panel;
}

function add_file(menu, name, title, take) {
  const button = make("button", "", name);
  Object.assign(button, { type: "button", title });
  button.onclick = async () => {
    say(menu, "…");
    try {
      say(menu, await take(menu));
    } catch (problem) {
      say(menu, problem.message);
    }
  };
  return button;
}

const say = (menu, words) => { menu.note.textContent = words; };

// -- the pictures of a page -----------------------------------------------------------------------

const LOOK_MS = 700; // a page that is still being drawn gets more pictures while the menu is open

function opened(menu) {
  menu.link.hidden = menu.qr.hidden = true;
  say(menu, "");
  tell_lost(menu);
  list(menu, menu.seen);
  (menu.pictures.length ? menu.choice : menu.panel.querySelector("button:enabled")).focus();
  clearInterval(menu.clock);
  menu.clock = setInterval(() => list(menu, chosen(menu)?.element ?? menu.seen), LOOK_MS);
}

function closed(menu) {
  clearInterval(menu.clock);
  menu.frame.hidden = true;
}

function list(menu, wanted) {
  const before = menu.pictures?.map(({ name }) => name).join("\n");
  menu.pictures = pictures();
  if (before !== menu.pictures.map(({ name }) => name).join("\n")) {
    menu.choice.replaceChildren(...menu.pictures.map(({ name }, i) => new Option(name, i)));
  }
  menu.choice.selectedIndex = Math.max(0, menu.pictures.findIndex(({ element }) => element === wanted));
  const is_empty = menu.pictures.length === 0;
  for (const one of [menu.choice, ...menu.files.children]) one.disabled = is_empty;
  if (is_empty) menu.choice.replaceChildren(new Option("No picture on this page yet"));
  place(menu);
}
const chosen = (menu) => menu.pictures[menu.choice.selectedIndex];

// Under the button, and a frame round the picture that is meant.
function place(menu) {
  const at = menu.button.getBoundingClientRect();
  const { style, offsetWidth } = menu.panel;
  style.top = `${at.bottom + 6}px`;
  style.left = `${Math.max(8, Math.min(at.left, innerWidth - offsetWidth - 16))}px`;
  const picture = chosen(menu);
  menu.frame.hidden = !picture;
  if (!picture) return;
  const { left, top, width, height } = picture.element.getBoundingClientRect();
  Object.assign(menu.frame.style, {
    left: `${left - 6}px`, top: `${top - 6}px`, width: `${width + 12}px`, height: `${height + 12}px`,
  });
}

const DATA_TABLE = '[data-testid="stDataFrame"]'; // Streamlit's own: its cells are dots on a canvas
const ELEMENT = '[data-testid="stElementContainer"]';
const picture_at = (event) => event.composedPath().find((one) => one.matches?.(ELEMENT) && is_picture(one));

function pictures() {
  const found = [...document.querySelectorAll(`[data-testid="stMain"] ${ELEMENT}`)].filter(is_picture);
  const names = new Map();
  return found.map((element) => {
    const key = key_of(element);
    const name = shorten(name_of(element, key) || "Picture", 70);
    const n = (names.get(name) ?? 0) + 1;
    names.set(name, n);
    return { element, key, name: n > 1 ? `${name} (${n})` : name };
  });
}

function is_picture(element) {
  const { width, height } = element.getBoundingClientRect();
  if (width < 40 || height < 20) return false;
  if (element.querySelector(`${DATA_TABLE}, [data-testid="stPlotlyChart"], iframe`)) return true;
  const host = element.querySelector('[data-testid^="stBidiComponent"]');
  if (host) return !all_text_boxes(host) && !element.classList.contains("st-key-takeaway");
  const html = element.querySelector('[data-testid="stHtml"]');
  return html !== null && height >= LEAST_HEIGHT;
}

const all_text_boxes = (host) => [...all_inside(host)].some((one) => one.localName === "textarea");

const key_of = (element) =>
  [...element.classList].find((name) => name.startsWith("st-key-"))?.slice("st-key-".length) ?? "";

// What the picture calls itself, or the heading above it, or the page's name for it and its first words.
function name_of(element, key) {
  if (element.querySelector(DATA_TABLE)) return `Table: ${heading_of(element) || key.replaceAll("_", " ")}`;
  const parts = [...all_inside(element)];
  const chart = chart_in(element);
  const own = parts.find((one) => one.localName === "canvas" && one.ariaLabel)?.ariaLabel
    ?? bare(chart?.layout.title?.text);
  const words = own || heading_of(element) || chart_axes(chart);
  if (words) return words.split(/[.:;]\s|\n/)[0].trim();
  return [key.replaceAll("_", " "), own_words(parts)].filter(Boolean).join(": ");
}

const own_words = (parts) => parts.flatMap((one) => [...(one.shadowRoot ?? one).childNodes])
  .filter((one) => one.nodeType === 3 && one.parentElement?.localName !== "style")
  .map((one) => one.data.trim()).filter(Boolean).slice(0, 6).join(" ");
const bare = (text) => (text ?? "").replace(/<[^>]*>/g, " ").trim();
const chart_axes = (chart) => ["yaxis", "xaxis"].map((name) => bare(chart?.layout[name]?.title?.text))
  .filter(Boolean).join(" by ");

function heading_of(element) {
  const headings = [...document.querySelectorAll('[data-testid="stMain"] :is(h1, h2, h3, h4, h5, h6)')];
  const above = headings.filter((one) => one.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_FOLLOWING);
  return above.at(-1)?.textContent.trim() ?? "";
}

// -- files ----------------------------------------------------------------------------------------

const FILES = [
  ["PNG", "A picture of 2 dots a pixel, on the page's ground", (menu) => take_png(menu, false)],
  ["PNG, transparent", "The same with nothing behind it", (menu) => take_png(menu, true)],
  ["SVG", "Vectors and text, to be changed in a drawing program", take_svg],
  ["CSV", "The numbers of the picture, for a spreadsheet", (menu) => take_numbers(menu, "csv")],
  ["NPZ", "The exact arrays of the picture, for numpy.load", (menu) => take_numbers(menu, "npz")],
];

const drawn = (menu, is_clear) => figure(chosen(menu).element, {
  theme: menu.theme, footer: footer(menu), title: chosen(menu).name, is_clear,
});

async function take_png(menu, is_clear) {
  const blob = await png(await drawn(menu, is_clear), menu.theme);
  return save(menu, blob, is_clear ? "transparent.png" : "png");
}

async function take_svg(menu) {
  if (chosen(menu).element.querySelector(DATA_TABLE)) return "A table is no drawing: take its CSV.";
  const { svg } = await drawn(menu, true);
  return save(menu, new Blob([svg], { type: "image/svg+xml" }), "svg");
}

// The page's exact arrays where the picture offers them, else what the picture itself can say.
async function take_numbers(menu, kind) {
  const { key, element } = chosen(menu);
  const { reply, file } = await ask(menu, { picture: key, kind });
  if (reply.problem) return reply.problem;
  if (file.length) return save(menu, new Blob([file]), kind);
  if (kind === "npz") return "This picture has no arrays beyond its table: take the CSV.";
  return save(menu, new Blob([csv_of(element)], { type: "text/csv" }), kind);
}

async function take_html(menu) {
  const root = document.querySelector('[data-testid="stMainBlockContainer"]');
  const { reply, file } = await ask(menu, { kind: "page", needs: needs(root) });
  if (reply.problem) return reply.problem;
  const parts = JSON.parse(new TextDecoder().decode(file));
  const lines = [...footer(menu), (await address(menu)).link];
  const html = await page_file(root, parts, { title: `Mnemoscope: ${menu.data.page}`, lines, theme: menu.theme });
  return save(menu, new Blob([html], { type: "text/html" }), "html", "page");
}

async function take_page(menu, kind, ending) {
  const { reply, file } = await ask(menu, { kind });
  return reply.problem ?? save(menu, new Blob([file]), ending, kind);
}

// What the server answers; it hears of one wish at a time.
function ask(menu, what) {
  const number = ++menu.number;
  return new Promise((done, fail) => {
    menu.waiting.set(number, done);
    menu.send({ ...what, number });
    setTimeout(() => fail(new Error("The server did not answer. Try again.")), PATIENCE_MS);
  });
}

// Lines below a picture: the prompt, or both, then the model and the page.
function footer({ data: { model, page } }) {
  const prompts = [["Prompt", typed_in("prompt_box")], ["Prompt B", typed_in("other_prompt_area")]];
  const lines = prompts.filter(([, text]) => text).map(([name, text]) => `${name}: “${text}”`);
  return [...lines, `Model: ${model} · ${page} · Mnemoscope`];
}

// The text of a box, in one line; "" where the box is not on the page.
function typed_in(key) {
  const box = document.querySelector(`.st-key-${key}`);
  const area = box && [...all_inside(box)].find((one) => one.localName === "textarea");
  return area && !area.closest("[hidden]") ? area.value.trim().replace(/\s+/g, " ") : "";
}

const own_name = ({ key, name }) => key || name;

function save(menu, blob, ending, of = own_name(chosen(menu))) {
  const title = `mnemoscope-${menu.data.page}-${of}`.toLowerCase().replace(/[^\w-]+/g, "-");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${title.slice(0, 80)}${ending.includes(".") ? "-" : "."}${ending}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  return `${link.download} is in your downloads.`;
}

// -- the link -------------------------------------------------------------------------------------

function tell_lost({ lost, data: { left_out } }) {
  lost.hidden = left_out.length === 0;
  lost.textContent = `Not in the link: ${left_out.join("; ")}.`;
}

async function show_qr(menu) {
  const { reply, file } = await ask(menu, { kind: "qr", link: location.href });
  if (reply.problem) return reply.problem;
  URL.revokeObjectURL(menu.qr.src);
  menu.qr.src = URL.createObjectURL(new Blob([file], { type: "image/svg+xml" }));
  Object.assign(menu.link, { hidden: false, value: reply.link });
  menu.qr.hidden = false;
  return reply.words;
}

// The address as others open it: that of this machine in its network, where the page is at home.
async function address(menu) {
  if (!LOOPBACK.test(location.hostname)) return { link: location.href, words: "" };
  const { reply } = await ask(menu, { kind: "link", link: location.href });
  return reply;
}

// Browsers give the clipboard to secure addresses only; elsewhere the link is marked, to be copied.
async function copy_link(menu) {
  const { link, words } = await address(menu);
  Object.assign(menu.link, { hidden: false, value: link });
  menu.link.select();
  try {
    await navigator.clipboard.writeText(link);
    return `The link is copied. ${words}`;
  } catch {
    return document.execCommand("copy") ? `The link is copied. ${words}` : `Press Ctrl+C to copy the link. ${words}`;
  }
}
