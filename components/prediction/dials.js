// The dials: temperature, top-k, top-p as sliders with an exact number each; seed and draws.
import { make } from "../kit/dom.js";

const PRESETS = [
  ["as trained", { temperature: 1, top_k: 0, top_p: 1 }],
  ["greedy", { temperature: 0, top_k: 0, top_p: 1 }],
  ["usual: 0.8, 40, 0.95", { temperature: 0.8, top_k: 40, top_p: 0.95 }],
  ["hot: 2", { temperature: 2, top_k: 0, top_p: 1 }],
];
const DRAWS = [1, 10, 100, 1000, 10000];
const TOP_K_STEPS = 400; // the slider of top-k is logarithmic: 1 on the left, all on the right

// change(part of the choice, rest in ms) is called for every move.
export function make_dials(box, n_vocabulary, change) {
  const limit = Math.log(n_vocabulary);
  const to_k = (x) => (x >= TOP_K_STEPS ? 0 : Math.round(Math.exp((x / TOP_K_STEPS) * limit)));
  const from_k = (k) => (k === 0 ? TOP_K_STEPS : Math.round((Math.log(k) / limit) * TOP_K_STEPS));
  const dials = {
    temperature: make_dial("Temperature", { max: 2, step: 0.01 }, { max: 1000, step: 0.05 },
      "0: greedy"),
    top_k: make_dial("Top-k", { max: TOP_K_STEPS, step: 1 }, { max: 1e9, step: 1 }, "0: all"),
    top_p: make_dial("Top-p", { max: 1, step: 0.01 }, { max: 1, step: 0.01 }, "1: all"),
  };
  const read = {
    temperature: (x) => (x > 0 ? Math.max(0.001, Math.min(1000, x)) : 0),
    top_k: (x) => Math.max(0, Math.round(x)),
    top_p: (x) => Math.max(0, Math.min(1, x)),
  };
  for (const [name, dial] of Object.entries(dials)) {
    const slid = (x) => (name === "top_k" ? to_k(x) : x);
    dial.slider.oninput = () => change({ [name]: slid(dial.slider.valueAsNumber) }, 250);
    dial.number.oninput = () => {
      const x = dial.number.valueAsNumber;
      if (Number.isFinite(x)) change({ [name]: read[name](x) }, 500);
    };
    for (const input of [dial.slider, dial.number]) input.onkeydown = (e) => e.stopPropagation();
  }
  const presets = make("div", "presets", PRESETS.map(([name, values]) => {
    const button = make("button", "", name);
    button.onclick = () => change(values, 0);
    button.values = values;
    return button;
  }));
  box.replaceChildren(...Object.values(dials).map((dial) => dial.box), presets);
  return (chosen, root) => {
    for (const [name, dial] of Object.entries(dials)) {
      const x = chosen[name];
      dial.slider.value = name === "top_k" ? from_k(x) : x;
      if (root.activeElement !== dial.number) dial.number.value = x;
    }
    for (const button of presets.children) {
      const on = Object.entries(button.values).every(([name, x]) => chosen[name] === x);
      button.classList.toggle("on", on);
    }
  };
}

function make_dial(name, slider, number, hint) {
  const parts = {
    slider: Object.assign(document.createElement("input"), { type: "range", min: 0, ...slider }),
    number: Object.assign(document.createElement("input"), { type: "number", min: 0, ...number }),
  };
  parts.slider.setAttribute("aria-label", name);
  parts.number.setAttribute("aria-label", `${name}, exact`);
  const words = make("span", "", [make("b", "", name), make("small", "", hint)]);
  parts.box = make("label", "dial", [make("div", "head", [words, parts.number]), parts.slider]);
  return parts;
}

export function make_draw_dials(change) {
  const seed = Object.assign(document.createElement("input"), {
    type: "number", min: 0, max: 2147483647, step: 1,
  });
  seed.setAttribute("aria-label", "Seed");
  seed.onkeydown = (event) => event.stopPropagation();
  seed.oninput = () => {
    const x = seed.valueAsNumber;
    if (Number.isInteger(x) && x >= 0 && x <= 2147483647) change({ seed: x }, 300);
  };
  const again = make("button", "again", "Draw again");
  again.onclick = () => change({ seed: (seed.valueAsNumber + 1) % 2147483648 || 0 }, 0);
  const counts = DRAWS.map((n) => {
    const button = make("button", "", n.toLocaleString("en"));
    button.onclick = () => change({ draws: n }, 0);
    button.n = n;
    return button;
  });
  const box = make("div", "draw_dials", [
    make("label", "", ["seed ", seed]), again,
    make("span", "counts", [...counts, " draws"]),
  ]);
  const update = (chosen, root) => {
    if (root.activeElement !== seed) seed.value = chosen.seed;
    for (const button of counts) button.classList.toggle("on", button.n === chosen.draws);
  };
  return { box, update };
}
