// What can be pointed at in the picture of the whole model: by pointer, by arrow keys, read aloud.

const SVG = "http://www.w3.org/2000/svg";

export function svg(tag, attributes = {}, content = []) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...(Array.isArray(content) ? content : [content]));
  return made;
}

export function percent(share) {
  if (share > 0 && share < 0.001) return "< 0.1 %";
  if (share >= 0.9995 && share < 1) return "> 99.9 %";
  return `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;
}

// A part of the picture: where it is, what it says (tip), what a click does: open (go) or act.
export function item(one, { x, y, tip, go, act, step, name }, content) {
  const does = act ?? (() => one.tell("go", go));
  const element = svg("g", { role: "button", tabindex: "-1", class: name, "aria-label": tip }, content);
  if (step !== undefined) element.dataset.step = step;
  element.addEventListener("click", does);
  element.addEventListener("pointerenter", () => say(one, tip));
  element.addEventListener("pointerleave", () => tell_default(one));
  element.addEventListener("focus", () => say(one, tip));
  one.items.push({ element, x, y, does });
  return element;
}

export function say(one, words) {
  if (!one.playing) one.tip.textContent = words;
}

export function tell_default(one) {
  if (one.playing) return;
  const focused = one.items.find(({ element }) => element === one.picture.getRootNode().activeElement);
  one.tip.textContent = focused ? focused.element.getAttribute("aria-label") : one.words;
}

const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// One stop of Tab; arrows go to the nearest part in their direction, Enter does what a click does.
export function by_arrows(one) {
  one.map.addEventListener("keydown", (event) => {
    const now = one.items.find(({ element }) => element === event.target);
    if (!now) return;
    if (event.key === "Enter" || event.key === " ") now.does();
    else if (WAYS[event.key]) step_to(one, now, nearest(one.items, now, WAYS[event.key]));
    else return;
    event.preventDefault();
  });
}

function step_to(one, now, next) {
  if (!next) return;
  now.element.setAttribute("tabindex", "-1");
  next.element.setAttribute("tabindex", "0");
  next.element.focus();
}

function nearest(items, now, [dx, dy]) {
  let [best, least] = [undefined, Infinity];
  for (const one of items) {
    const along = (one.x - now.x) * dx + (one.y - now.y) * dy;
    if (along < 1) continue;
    const aside = Math.abs((one.x - now.x) * dy) + Math.abs((one.y - now.y) * dx);
    const far = along + 3 * aside;
    if (far < least) [best, least] = [one, far];
  }
  return best;
}
