// The prompt box. While it lives, the text in the DOM is the truth; the server overwrites it only
// by raising data.revision. Axis of time: key -> send (pace.js) -> script -> new pictures.
import { begin, follow, hear, paced, rest, send_now, step_back } from "./pace.js";

const MAX_IN_ADDRESS = 16000; // encoded characters; servers and proxies refuse longer addresses
const ADDRESS_MS = 500; // browsers refuse an address that changes more often than some times a second
let is_writing = false;
const boxes = new WeakMap(); // parentElement -> box: this function runs again on every update

export default function ({ parentElement, data, setStateValue, setTriggerValue }) {
  let box = boxes.get(parentElement);
  if (!box) boxes.set(parentElement, (box = open(parentElement)));
  box.send_value = (value) => setStateValue("typed", value);
  box.send_commit = (value) => setTriggerValue("commit", value);
  box.commits = data.commits;
  box.area.placeholder = data.placeholder;
  box.area.closest(".box").hidden = data.hidden;
  box.area.maxLength = data.max_chars;
  box.address = data.address;
  hear(box.pace, data.value);
  if (data.revision > box.revision) {
    box.revision = data.revision;
    overwrite(box, data.value);
  }
  keep_address(box);
  return () => {
    if (!box.area.isConnected) close(box, parentElement); // also called when merely updated
  };
}

function open(parentElement) {
  const area = parentElement.querySelector("textarea");
  const box = { area, note: parentElement.querySelector("#note"), revision: -1, written_at: -ADDRESS_MS };
  box.pace = paced(() => area.value, (text) => {
    box.send_value({ text, revision: box.revision });
    keep_address(box);
  });
  area.addEventListener("input", (event) => {
    box.cut = 0;
    write_note(box);
    if (!event.isComposing) follow(box.pace);
  });
  area.addEventListener("compositionend", () => follow(box.pace));
  area.addEventListener("blur", () => send_now(box.pace));
  box.leave = (event) => event.composedPath().includes(area) || leave(box);
  window.addEventListener("pointerdown", box.leave, true); // ahead of what the click will ask for
  area.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.isComposing) enter(box, event);
    event.stopPropagation(); // letters are text here, not Streamlit's shortcuts
  });
  area.addEventListener("paste", (event) => count_cut(box, event));
  box.keep = () => write_address(box);
  if (window.navigation) window.navigation.addEventListener("currententrychange", box.keep);
  else box.clock = setInterval(box.keep, 500);
  box.observer = new ResizeObserver(() => !area.matches(":focus") && show_end(area));
  box.observer.observe(area);
  return box;
}

function close(box, parentElement) {
  rest(box.pace);
  clearTimeout(box.address_timer);
  clearInterval(box.clock);
  window.removeEventListener("pointerdown", box.leave, true);
  box.observer.disconnect();
  if (window.navigation) window.navigation.removeEventListener("currententrychange", box.keep);
  boxes.delete(parentElement);
}

// What was typed behind a committed text, before the server emptied the box, stays.
function overwrite(box, text) {
  const { area, committed } = box;
  const typed = text === "" && committed && area.value.startsWith(committed) ? committed.length : Infinity;
  box.committed = null;
  box.cut = 0;
  const more = area.value.slice(typed);
  area.value = text;
  begin(box.pace, area.value);
  if (more) {
    area.value = more;
    follow(box.pace);
  }
  show_end(area);
  write_note(box);
}

// A question stands at the end of a prompt that is longer than the box.
function show_end(area) {
  Object.assign(area, { scrollTop: area.scrollHeight, scrollLeft: area.scrollWidth });
}

function leave(box) {
  step_back(box.pace);
  write_address(box);
}

// Ctrl+Enter sends at once; where the page commits, Enter does, and Shift+Enter is a new line.
function enter(box, event) {
  if (event.ctrlKey || event.metaKey || box.commits) send_now(box.pace);
  if (!box.commits || event.shiftKey) return;
  event.preventDefault();
  box.committed = box.area.value;
  box.send_commit({ text: box.committed, revision: box.revision });
}

// maxlength cuts a long paste by itself; this only counts, so that the note can say it.
function count_cut(box, event) {
  const { area } = box;
  const pasted = event.clipboardData?.getData("text").length ?? 0;
  const kept = area.value.length - (area.selectionEnd - area.selectionStart);
  const cut = Math.max(0, kept + pasted - area.maxLength);
  setTimeout(() => { box.cut = cut; write_note(box); }); // after the input event of this paste
}

function write_note(box) {
  const notes = [];
  if (box.cut) {
    const [limit, cut] = [box.area.maxLength, box.cut].map((n) => n.toLocaleString("en"));
    notes.push(`The box holds ${limit} characters: the last ${cut} pasted ones were left out.`);
  }
  if (!fits(box)) notes.push("This text is too long for the address, so a link cannot carry it.");
  box.note.textContent = notes.join(" ");
}

// The first test spares encoding a whole book at every key.
const fits = (box) => box.area.value.length < MAX_IN_ADDRESS
  && new URLSearchParams({ prompt: box.area.value }).toString().length < MAX_IN_ADDRESS;

// Streamlit rewrites the query string when the page changes; put ours back, without history.
function write_address(box) {
  clearTimeout(box.address_timer);
  box.address_timer = 0;
  if (is_writing || box.revision < 0 || !box.area.isConnected) return;
  const url = new URL(window.location.href);
  const prompt = fits(box) ? box.area.value.toWellFormed() : null;
  for (const [name, wanted] of Object.entries({ ...box.address, prompt })) {
    if (wanted === null) url.searchParams.delete(name);
    else if (url.searchParams.get(name) !== wanted) url.searchParams.set(name, wanted);
  }
  if (url.href === window.location.href) return;
  box.written_at = performance.now();
  is_writing = true; // a box that is being replaced hears of it too, and would put its own back, for ever
  try {
    window.history.replaceState(window.history.state, "", url);
  } finally {
    is_writing = false;
  }
}

function keep_address(box) {
  const early = box.written_at + ADDRESS_MS - performance.now();
  if (early <= 0) write_address(box);
  else if (!box.address_timer) box.address_timer = setTimeout(() => write_address(box), early);
}
