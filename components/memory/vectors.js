import { component, exact } from "../kit/canvas.js";
import { apply_inks, largest, make_strip } from "../kit/strips.js";
import { make } from "../kit/dom.js";

export default component((picture) => ({ picture, draw() {} }), show_vectors);

function show_vectors({ data, theme, picture }) {
  apply_inks(picture, theme);
  const resting = `${data.key.length} numbers each; full colour: the largest of its row. `
    + "Point at one.";
  const reading = make("p", "reading", resting);
  const strips = ["key", "value"].flatMap((name) => {
    const values = data[name];
    const say = (i, x) => { reading.textContent = `${name}, dimension ${i}: ${exact(x)}`; };
    const strip = make_strip(values, largest(values), theme, name, say);
    strip.onpointerleave = () => { reading.textContent = resting; };
    return [make("div", `name ${name}`, name), strip];
  });
  picture.replaceChildren(...strips, reading);
}
