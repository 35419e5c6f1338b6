// The glossary's words in captions: underlined, and explained while the pointer is on them.
// Highlights lie over the text, so that the page's own elements, which React owns, stay untouched.

const NAME = "glossary-term";
const CAPTION = '[data-testid="stCaptionContainer"]';
const STYLE = `::highlight(${NAME}) { text-decoration: underline dotted; }
.glossary-meaning { position: fixed; z-index: 1000000; display: none; max-width: 26rem;
  padding: 0.4rem 0.6rem; border-radius: 0.4rem; font-size: max(0.95rem, var(--least-type, 0px));
  line-height: 1.35; background: #17181c; color: #ffffff; border: 1px solid #858b9a;
  pointer-events: none; }`;
const OPENED = Symbol.for("mnemoscope glossary"); // one for the window: it outlives the pages

export default function ({ data }) {
  if (!window.CSS?.highlights) return; // an old browser: the page Lessons has the glossary
  const terms = (window[OPENED] ??= open());
  terms.forms = data.forms;
  terms.beside = data.beside;
  terms.pattern = pattern_of(Object.keys(data.forms));
  look(terms);
}

function open() {
  const style = document.createElement("style");
  style.textContent = STYLE;
  document.head.append(style);
  const box = document.createElement("div");
  box.className = "glossary-meaning";
  box.setAttribute("role", "tooltip");
  document.body.append(box);
  const opened = { box, found: [], timer: 0 };
  const later = () => {
    opened.timer ||= setTimeout(() => { opened.timer = 0; look(opened); }, 200);
  };
  new MutationObserver(later).observe(document.querySelector(".stApp"), {
    childList: true, subtree: true, characterData: true,
  });
  document.addEventListener("mousemove", (event) => point(opened, event), { passive: true });
  return opened;
}

// Longer words first: "induction head" is not a head.
function pattern_of(words) {
  const sorted = words.toSorted((a, b) => b.length - a.length);
  return new RegExp(`(?<![\\w-])(${sorted.join("|")})(?![\\w-])`, "g");
}

function look(opened) {
  opened.found = [...document.querySelectorAll(CAPTION)].flatMap((one) => terms_of(opened, one));
  CSS.highlights.set(NAME, new Highlight(...opened.found.map(({ range }) => range)));
}

// The first use of each word in a caption; some mean a term only beside another one.
function terms_of(opened, caption) {
  const found = [], seen = new Set();
  const nodes = document.createTreeWalker(caption, NodeFilter.SHOW_TEXT);
  while (nodes.nextNode()) {
    for (const match of nodes.currentNode.data.matchAll(opened.pattern)) {
      const meaning = opened.forms[match[0]];
      if (seen.has(meaning)) continue;
      seen.add(meaning);
      const range = document.createRange();
      range.setStart(nodes.currentNode, match.index);
      range.setEnd(nodes.currentNode, match.index + match[0].length);
      found.push({ range, meaning });
    }
  }
  return found.filter(({ meaning }) => opened.beside[meaning]?.some((one) => seen.has(one)) ?? true);
}

function point(opened, { target, clientX: x, clientY: y }) {
  const at = target.closest?.(CAPTION) && opened.found.find(({ range }) => holds(range, x, y));
  opened.box.style.display = at ? "block" : "none";
  if (!at) return;
  opened.box.textContent = at.meaning;
  const { width, height } = opened.box.getBoundingClientRect();
  const above = y - height - 12;
  opened.box.style.left = `${Math.max(8, Math.min(x, window.innerWidth - width - 8))}px`;
  opened.box.style.top = `${above > 8 ? above : y + 18}px`;
}

const holds = (range, x, y) => [...range.getClientRects()].some(
  (r) => x >= r.left && x <= r.right && y >= r.top && y <= r.bottom);
