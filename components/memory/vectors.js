import { exact, forget, read_theme, remember, unpack } from "../kit/canvas.js";
import { apply_inks, element, largest, make_strip } from "../kit/strips.js";

const pictures = new WeakMap();

export default function ({ parentElement, data }) {
  const one = remember(pictures, parentElement, (parent) => {
    const state = { picture: parent.querySelector(".picture") };
    state.draw = () => {};
    return state;
  });
  one.data = unpack(data);
  const theme = read_theme(parentElement.host ?? parentElement, one.data.colors);
  apply_inks(one.picture, theme);
  const resting = `${one.data.key.length} numbers each; full colour: the largest of its row. `
    + "Point at one.";
  const reading = element("p", "reading", resting);
  const strips = ["key", "value"].flatMap((name) => {
    const values = one.data[name];
    const say = (i, x) => { reading.textContent = `${name}, dimension ${i}: ${exact(x)}`; };
    const strip = make_strip(values, largest(values), theme, name, say);
    strip.onpointerleave = () => { reading.textContent = resting; };
    return [element("div", `name ${name}`, name), strip];
  });
  one.picture.replaceChildren(...strips, reading);
  return () => forget(pictures, parentElement);
}
