// The class bar. What a browser keeps for a class: a random name of its own, so that an answer counts
// once, and the keys of the classes that it leads, so that they survive a reload and the server.
import { make } from "../kit/dom.js";

const bars = new WeakMap(); // parentElement -> bar: this function runs again on every update
const KEPT = "mnemoscope class"; // in localStorage
const SURE_MS = 4000; // how long "End" waits for its second click

export default function ({ parentElement, data, setTriggerValue }) {
  let bar = bars.get(parentElement);
  if (!bar) bars.set(parentElement, (bar = open(parentElement)));
  bar.data = data;
  bar.act = (what) => setTriggerValue("act", what);
  if (data.key) keep(data.code, data.key);
  if (data.asks) setTriggerValue("browser", told(data.code));
  draw(bar);
  return () => {
    if (bar.section.isConnected) return; // also called when merely updated
    window.removeEventListener("keydown", bar.press, true);
    clearTimeout(bar.timer);
    bars.delete(parentElement);
  };
}

function open(parentElement) {
  const bar = { section: parentElement.querySelector(".class") };
  bar.code = make("span", "code");
  bar.words = make("span", "words");
  bar.words.setAttribute("role", "status");
  bar.buttons = make("span", "buttons");
  bar.panel = make("div", "panel");
  bar.panel.popover = "auto";
  bar.section.append(bar.code, bar.words, bar.buttons, bar.panel);
  bar.press = (event) => bar.section.isConnected && press(bar, event);
  window.addEventListener("keydown", bar.press, true);
  return bar;
}

// -- what the browser keeps ---------------------------------------------------------------------------

function kept() {
  try {
    return JSON.parse(localStorage.getItem(KEPT)) ?? {};
  } catch {
    return {};
  }
}

function write(found) {
  try {
    localStorage.setItem(KEPT, JSON.stringify(found));
  } catch {
    return; // this browser keeps nothing: the class is led until this tab is closed
  }
}

function keep(code, key) {
  const found = kept();
  if (found.keys?.[code] === key) return;
  const last = Object.entries(found.keys ?? {}).slice(-20);
  write({ ...found, keys: { ...Object.fromEntries(last), [code]: key } });
}

function told(code) {
  const found = kept();
  if (!found.who) write({ ...found, who: (found.who = random_name()) });
  return { who: found.who, key: found.keys?.[code] ?? "" };
}

const random_name = () => // crypto.randomUUID is for secure addresses only
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

// -- the bar ------------------------------------------------------------------------------------------

const BUTTONS = {
  lecturer: ({ frozen }) => [
    ["gather", "Everybody here", "Bring back who explores alone"],
    frozen ? ["thaw", "Go on showing", "They see what you do again"]
      : ["freeze", "Freeze", "They keep what they see while you prepare"],
    ["invite", "Code and QR", "For the room"],
    ["end", "End", "End the class for all"],
  ],
  follows: () => [["let_go", "Explore on my own", "Key F"]],
  alone: () => [["come_back", "Back to the class", "Key F"], ["leave", "Leave", "Leave the class"]],
  ended: () => [["leave", "Close", "The page stays"]],
  none: () => [["leave", "Close", "The page stays"]],
};
const GO = new Set(["come_back", "thaw"]);
const KEYS = { follows: "let_go", alone: "come_back" };

function words({ role, n, frozen, words: said, trouble }) {
  if (trouble) return trouble;
  if (role === "lecturer") {
    const follow = n === 1 ? "1 follows you" : `${n} follow you`;
    return frozen ? `Frozen: ${follow}, and see where you were` : follow;
  }
  if (role === "follows") return frozen ? "Your lecturer prepares something" : "You follow your lecturer";
  if (role === "alone") return "You explore on your own";
  return role === "ended" ? "This class has ended" : said;
}

function draw(bar) {
  const { data } = bar;
  bar.code.textContent = data.code;
  bar.words.textContent = words(data);
  const wanted = JSON.stringify([data.role, data.frozen]);
  if (wanted !== bar.drawn) {
    bar.drawn = wanted;
    bar.buttons.replaceChildren(...BUTTONS[data.role](data).map((one) => button(bar, ...one)));
  }
  if (data.role === "lecturer") draw_invitation(bar);
}

function button(bar, what, title, help) {
  const made = make("button", GO.has(what) ? "go" : "", title);
  Object.assign(made, { type: "button", title: help });
  if (what === "invite") made.popoverTargetElement = bar.panel;
  else made.onclick = () => (what === "end" ? end(bar, made) : bar.act(what));
  return made;
}

function end(bar, made) {
  if (made.classList.contains("go")) return bar.act("end");
  made.classList.add("go");
  made.textContent = "End for all?";
  bar.timer = setTimeout(() => {
    made.classList.remove("go");
    made.textContent = "End";
  }, SURE_MS);
}

function draw_invitation({ panel, data }) {
  if (panel.dataset.link === data.link) return;
  panel.dataset.link = data.link;
  const image = make("img");
  image.alt = `QR code of ${data.link}`;
  image.src = `data:image/svg+xml,${encodeURIComponent(data.qr)}`;
  panel.replaceChildren(
    make("div", "large", data.code), ...(data.qr ? [image] : []), make("p", "link", data.link),
    make("p", "", data.words), make("p", "", "Or open this app, choose Class, and type the code."),
  );
}

function press(bar, event) {
  const what = KEYS[bar.data.role];
  if (!what || event.key.toLowerCase() !== "f" || event.ctrlKey || event.altKey || event.metaKey) return;
  if (is_typing(event.composedPath()[0])) return;
  bar.act(what);
  event.preventDefault();
  event.stopImmediatePropagation();
}

const is_typing = (target) => target.isContentEditable
  || ["TEXTAREA", "SELECT"].includes(target.tagName)
  || (target.tagName === "INPUT" && !["checkbox", "radio", "range", "button"].includes(target.type));
