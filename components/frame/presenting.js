// Presentation mode in the browser (its sizes: kit/presenting.css): a caption is a "?" that opens by
// keyboard too, and a chart ends at the screen's lower edge; --fit says to each picture how far that
// is. In both modes this tells the server when the page's type has become large or small, for tables
// are drawn for one of them.
const LARGE_PX = 20; // type of this size or more is a hall's
const LEAST_PX = 200; // of a picture: with less room it takes a screen of its own, further down
const EDGE_PX = 22; // below it, so that nothing is left to scroll
const REACHED = [ // captions, and what scrolls in a hall (presenting.css)
  "[data-testid=stCaptionContainer]", ".st-key-tour_ladder", ".st-key-training_told", ".st-key-training_asked",
].map((one) => `.stMain ${one}`).join(", ");
const states = new WeakMap(); // parentElement -> state: this function runs again on every update

export default function ({ parentElement, data, setStateValue }) {
  let state = states.get(parentElement);
  if (!state) states.set(parentElement, (state = open(parentElement)));
  Object.assign(state, { data, tell: (large) => setStateValue("large", large) });
  compare(state);
  if (data.present) begin(state);
  else end(state);
  return () => {
    if (parentElement.isConnected) return; // also called when merely updated
    end(state);
    state.type.disconnect();
    states.delete(parentElement);
  };
}

function open(parentElement) {
  const state = { rem: parentElement.querySelector("i") };
  Object.assign(state.rem.style, { display: "block", width: "1rem", height: "1px" });
  state.type = new ResizeObserver(() => compare(state));
  state.type.observe(state.rem);
  return state;
}

function compare({ rem, data, tell }) {
  const large = parseFloat(getComputedStyle(rem).width) >= LARGE_PX;
  if (data && large !== data.large && large === data.present) tell(large);
}

function begin(state) {
  if (state.added) return;
  const look = () => { reach_by_keys(); fit_pictures(); };
  const main = document.querySelector(".stMain");
  state.added = new MutationObserver(look);
  state.added.observe(main, { childList: true, subtree: true });
  state.moved = new ResizeObserver(fit_pictures);
  for (const one of [main, main.querySelector(".stVerticalBlock")]) state.moved.observe(one);
  look();
}

function end(state) {
  if (!state.added) return;
  state.added.disconnect();
  state.moved.disconnect();
  state.added = state.moved = null;
  for (const one of document.querySelectorAll(REACHED)) one.removeAttribute("tabindex");
  for (const place of document.querySelectorAll("[data-fits]")) {
    delete place.dataset.fits;
    place.style.removeProperty("--fit");
  }
}

function reach_by_keys() {
  for (const one of document.querySelectorAll(REACHED)) {
    if (!one.hasAttribute("tabindex")) one.tabIndex = 0;
  }
}

function fit_pictures() {
  const main = document.querySelector(".stMain");
  for (const picture of main.querySelectorAll(".stPlotlyChart, .stBidiComponent")) {
    const place = picture.closest(".stElementContainer");
    if (!place || !place.checkVisibility({ visibilityProperty: true })) continue;
    const room = innerHeight - EDGE_PX - place.getBoundingClientRect().top - main.scrollTop;
    const height = room < LEAST_PX ? innerHeight * 0.75 : room;
    place.dataset.fits = picture.matches(".stPlotlyChart") ? "chart" : "picture";
    place.style.setProperty("--fit", `${Math.round(height)}px`);
  }
}
