// make("div", "class", "text" or [children]) -> an element; text goes in as text, never as HTML.
export function make(tag, name = "", content = []) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.append(...(Array.isArray(content) ? content : [content]));
  return made;
}

// Whether Streamlit runs no script: the page is drawn.
export function script_rests() {
  const script = document.querySelector("[data-test-script-state]")?.dataset.testScriptState;
  return script === undefined || script === "notRunning";
}

// Whether no part of the page is still to be fetched: Streamlit draws a grey bar for it meanwhile, and
// what comes has another height.
export const is_whole = () => !document.querySelector("[data-testid=stSkeleton]");

// Whether a page whose script still runs says that it has drawn the picture of a text.
export const has_drawn = (text) =>
  [...document.querySelectorAll("[data-drawn]")].some((mark) => mark.dataset.drawn === text);
