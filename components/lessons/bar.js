// The lesson bar. Keys reach it from anywhere on the page but from where somebody types.
import { make } from "../kit/dom.js";

const bars = new WeakMap(); // parentElement -> bar: this function runs again on every update
const KEYS = { PageDown: "next", n: "next", PageUp: "back", b: "back", r: "reveal" };

export default function ({ parentElement, data, setTriggerValue }) {
  let bar = bars.get(parentElement);
  if (!bar) bars.set(parentElement, (bar = open(parentElement)));
  bar.data = data;
  bar.act = (what, option = 0) => setTriggerValue("act", { what, option, step: data.step });
  const wanted = JSON.stringify(data);
  if (wanted !== bar.drawn) draw(bar); // a button that is made anew while it is pressed hears no click
  bar.drawn = wanted;
  return () => {
    if (bar.section.isConnected) return; // also called when merely updated
    window.removeEventListener("keydown", bar.press, true);
    bars.delete(parentElement);
  };
}

function open(parentElement) {
  const bar = { section: parentElement.querySelector(".lesson") };
  for (const name of ["head", "text", "options", "answer"]) {
    bar[name] = parentElement.querySelector(`.${name}`);
  }
  bar.press = (event) => bar.section.isConnected && press(bar, event);
  window.addEventListener("keydown", bar.press, true);
  return bar;
}

function press(bar, event) {
  if (event.ctrlKey || event.altKey || event.metaKey || is_typing(event.composedPath()[0])) return;
  const what = KEYS[event.key] ?? KEYS[event.key.toLowerCase()];
  const at = Number(event.key) - 1;
  if (what && bar.data.led) return;
  if (what) {
    if (can(bar.data, what)) bar.act(what);
  } else if (event.key >= "1" && event.key <= "9" && at < bar.data.options.length) {
    if (!bar.data.revealed) bar.act("pick", at);
  } else {
    return;
  }
  event.preventDefault();
  event.stopImmediatePropagation(); // R is Streamlit's own key for running again
}

const is_typing = (target) => target.isContentEditable
  || ["TEXTAREA", "SELECT"].includes(target.tagName)
  || (target.tagName === "INPUT" && !["checkbox", "radio", "range", "button"].includes(target.type));

function can(data, what) {
  if (what === "next") return data.step < data.n_steps;
  if (what === "back") return data.step > 1;
  return what !== "reveal" || data.asks;
}

function draw(bar) {
  const { data } = bar;
  const title = make("span", "title", data.title);
  title.title = data.title;
  bar.head.replaceChildren(
    title,
    make("span", "where", [
      make("span", "lesson-name", `${data.lesson} · `), `${data.step} of ${data.n_steps}`,
    ]),
    ...(data.led ? [] : ways(bar)), // in a class, the lecturer turns the pages
  );
  bar.text.innerHTML = data.text;
  for (const term of bar.text.querySelectorAll("abbr")) {
    term.dataset.meaning = term.title;
    term.removeAttribute("title");
    term.setAttribute("aria-description", term.dataset.meaning);
  }
  bar.options.replaceChildren(...data.options.map((one, i) => make_option(bar, one, i)));
  bar.answer.textContent = data.answer;
  bar.answer.title = data.answer;
  bar.answer.classList.toggle("waits", data.asks && !data.revealed);
}

function ways(bar) {
  const { data } = bar;
  return [
    ...(data.is_away ? [button(bar, "again", "Its page", "Go to the page of this step")] : []),
    button(bar, "back", "‹ Back", "Page Up or B"),
    ...(data.asks ? [button(bar, "reveal", data.revealed ? "Hide" : "Reveal", "R", !data.revealed)] : []),
    button(bar, "next", "Next ›", "Page Down or N", !data.asks || data.revealed),
    button(bar, "close", "Leave", "Close the lesson; the page stays"),
  ];
}

function button(bar, what, words, keys, is_main = false) {
  const made = make("button", is_main ? "go" : "", words);
  made.title = keys;
  made.disabled = !can(bar.data, what);
  made.onclick = () => bar.act(what);
  return made;
}

function make_option(bar, [words, note], i) {
  const { data } = bar;
  const place = data.picked.indexOf(i);
  const rank = data.revealed ? data.right.indexOf(i) : place;
  const mark = data.is_order && rank >= 0 ? `${rank + 1}. ` : "";
  const made = make("button", "option", [make("bdi", "", `${mark}${words}`), make("small", "", note)]);
  const n = data.counts[i];
  if (n !== undefined) {
    made.append(make("b", "count", `${n}`));
    made.title = data.is_order ? `${n} put it first` : `${n} picked it`;
  }
  const is_right = data.revealed && (data.is_order ? data.right[place] === i : data.right[0] === i);
  made.setAttribute("aria-pressed", place >= 0);
  made.classList.toggle("right", is_right);
  made.classList.toggle("wrong", data.revealed && !is_right && place >= 0);
  made.disabled = data.revealed;
  made.title ||= `Key ${i + 1}`;
  if (is_right) made.setAttribute("aria-label", `${words}, ${note}: right`);
  made.onclick = () => bar.act("pick", i);
  return made;
}
