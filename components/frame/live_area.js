// While it lives, the text in the DOM is the truth; the server overwrites it by raising revision.
import { begin, follow, hear, paced, rest, send_now, step_back } from "./pace.js";

const areas = new WeakMap();

export default function ({ parentElement, data, setStateValue }) {
  let one = areas.get(parentElement);
  if (!one) areas.set(parentElement, (one = open_area(parentElement)));
  one.send_value = (value) => setStateValue("typed", value);
  one.area.rows = data.rows;
  one.area.maxLength = data.most;
  one.area.placeholder = data.placeholder;
  parentElement.querySelector("label").textContent = data.label;
  hear(one.pace, data.text);
  if (data.revision > one.revision) {
    one.revision = data.revision;
    begin(one.pace, data.text);
    one.area.value = data.text;
  }
  return () => {
    if (one.area.isConnected) return; // merely updated
    rest(one.pace);
    window.removeEventListener("pointerdown", one.leave, true);
    areas.delete(parentElement);
  };
}

function open_area(parentElement) {
  const area = parentElement.querySelector("textarea");
  const one = { area, revision: -1 };
  one.pace = paced(() => area.value, (text) => one.send_value({ text, revision: one.revision }));
  area.addEventListener("input", (event) => {
    if (area.rows === 1 && area.value.includes("\n")) area.value = area.value.replace(/\s*\n\s*/g, " ");
    if (!event.isComposing) follow(one.pace);
  });
  area.addEventListener("compositionend", () => follow(one.pace));
  area.addEventListener("blur", () => send_now(one.pace));
  one.leave = (event) => event.composedPath().includes(area) || step_back(one.pace);
  window.addEventListener("pointerdown", one.leave, true); // ahead of what the click will ask for
  area.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey || area.rows === 1)) {
      send_now(one.pace);
      if (area.rows === 1 && !event.isComposing) event.preventDefault();
    }
    event.stopPropagation(); // letters are text here, not Streamlit's shortcuts
  });
  return one;
}
