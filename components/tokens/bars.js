// Tokens and their cosines; the length of a bar is |cosine|, grey where it is negative.
import { make } from "../kit/dom.js";

export default function ({ parentElement, data, setTriggerValue }) {
  const box = parentElement.querySelector(".bars");
  box.style.setProperty("--colour", data.colour);
  let place = 0;
  box.replaceChildren(...data.ids.map((id, i) => {
    const note = data.notes[id];
    const row = make("button", note ? "row noted" : "row");
    row.type = "button";
    row.title = `“${data.texts[i]}”, ${data.places[i]}, cosine ${data.cosine[i]}`;
    row.onclick = () => setTriggerValue("choose", id);
    const name = make("span", "name");
    name.append(make("bdi", "", data.texts[i]), make("span", "id", data.places[i]));
    if (note) name.append(make("span", "note", note));
    const bar = make("span", data.cosine[i] < 0 ? "bar negative" : "bar");
    const fill = make("span", "");
    fill.style.width = `${100 * Math.abs(data.cosine[i])}%`;
    bar.append(fill);
    const cosine = data.cosine[i].toFixed(3).replace("-", "−");
    const number = make("span", "place", note ? "" : String(++place));
    row.append(number, name, bar, make("span", "cosine", cosine));
    return row;
  }));
}
