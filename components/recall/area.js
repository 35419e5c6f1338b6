// While it lives, the text in the DOM is the truth; the server overwrites it by raising revision.

const QUIET_MS = 300;
const areas = new WeakMap();

export default function ({ parentElement, data, setStateValue }) {
  let one = areas.get(parentElement);
  if (!one) areas.set(parentElement, (one = open_area(parentElement)));
  one.send_value = (value) => setStateValue("typed", value);
  one.area.rows = data.rows;
  one.area.maxLength = data.most;
  one.area.placeholder = data.placeholder;
  parentElement.querySelector("label").textContent = data.label;
  if (data.revision > one.revision) {
    clearTimeout(one.timer);
    Object.assign(one, { revision: data.revision, sent: data.text });
    one.area.value = data.text;
  }
  return () => {
    if (one.area.isConnected) return; // merely updated
    clearTimeout(one.timer);
    window.removeEventListener("pointerdown", one.leave, true);
    areas.delete(parentElement);
  };
}

function open_area(parentElement) {
  const area = parentElement.querySelector("textarea");
  const one = { area, revision: -1, timer: 0, sent: "" };
  area.addEventListener("input", (event) => event.isComposing || wait_for_quiet(one));
  area.addEventListener("compositionend", () => wait_for_quiet(one));
  area.addEventListener("blur", () => send_area(one));
  one.leave = (event) => event.composedPath().includes(area) || send_area(one);
  window.addEventListener("pointerdown", one.leave, true); // ahead of what the click will ask for
  area.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send_area(one);
    event.stopPropagation(); // letters are text here, not Streamlit's shortcuts
  });
  return one;
}

function wait_for_quiet(one) {
  clearTimeout(one.timer);
  one.timer = setTimeout(() => send_area(one), QUIET_MS);
}

function send_area(one) {
  clearTimeout(one.timer);
  if (one.area.value === one.sent) return;
  one.sent = one.area.value;
  one.send_value({ text: one.sent, revision: one.revision });
}
