// Draws the boxes it is given and says which one was clicked. Words go in as text, never as HTML.
export default function ({ parentElement, data, setTriggerValue }) {
  const map = parentElement.querySelector(".map");
  map.style.height = `${data.height}px`;

  const draw = () => {
    const size = { wide: map.clientWidth, high: map.clientHeight };
    size.type = parseFloat(getComputedStyle(map).fontSize) / 15; // of the desk's
    map.replaceChildren(...data.boxes.map((box) => button(box, size)), ...data.frames.map(frame));
  };

  const place = (element, at) => Object.assign(element.style, {
    left: `${at.x * 100}%`, top: `${at.y * 100}%`,
    width: `${at.width * 100}%`, height: `${at.height * 100}%`,
  });

  const frame = (at) => {
    const outline = Object.assign(document.createElement("i"), { className: "frame" });
    place(outline, at);
    return outline;
  };

  const button = (box, { wide, high, type }) => {
    const b = document.createElement("button");
    b.type = "button";
    b.dataset.name = box.name;
    b.title = box.title;
    const [w, h] = [box.width * wide, box.height * high].map((px) => px / type);
    place(b, box);
    b.style.background = box.colour;
    if (w < 6 || h < 6) b.style.borderWidth = "0.5px";
    if (box.name === data.chosen) b.classList.add("chosen");
    if (w < 90 || h < 40) b.classList.add("small");
    if (w >= box.label.length * (w < 90 ? 6.2 : 7.6) + 8 && h >= 16) {
      b.append(Object.assign(document.createElement("b"), { textContent: box.label }));
      if (h >= 42 && w >= box.size.length * 6.8 + 10) {
        b.append(Object.assign(document.createElement("span"), { textContent: ` ${box.size}` }));
      }
    }
    b.setAttribute("aria-label", b.textContent ? `${b.textContent}: ${box.title}` : box.title);
    b.onclick = () => setTriggerValue("clicked", box.name);
    return b;
  };

  const watcher = new ResizeObserver(draw);
  watcher.observe(map);
  draw();
  return () => watcher.disconnect();
}
