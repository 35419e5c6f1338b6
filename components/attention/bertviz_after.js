// Runs after bertviz: scales its drawing to the frame, numbers heads, opens the neuron view.
const vis = document.getElementById("vis");
const root = document.querySelector("[data-kind]");

function fit() {
  const svg = vis.querySelector("svg");
  if (!svg || svg.hasAttribute("viewBox")) return;
  numberHeads(svg);
  const box = svg.getBBox(); // long tokens stick out of bertviz's own box: show them too
  const left = Math.min(0, box.x);
  const right = Math.max(pixels(svg, "width"), box.x + box.width);
  const enlargement = root.dataset.kind === "model" ? pixels(svg, "height") : 0;
  const height = Math.max(enlargement, box.y + box.height + 2);
  svg.setAttribute("viewBox", `${left - 2} 0 ${right - left + 4} ${height}`);
  svg.removeAttribute("height");
  svg.setAttribute("width", "100%");
  watchScores(svg);
  openNeurons(svg);
  svg.style.maxWidth = `${root.dataset.zoom * (right - left + 4)}px`;
  svg.style.minWidth = `${0.7 * (right - left + 4)}px`; // smaller could not be read: scroll then
  if (root.matches(".large")) Object.assign(svg.style, { minWidth: 0, maxWidth: "none", height: `calc(100vh - ${vis.offsetTop + 8}px)` });
}

function pixels(svg, side) {
  const text = svg.getAttribute(side);
  return text.endsWith("%") ? 0 : parseFloat(text);
}

// The neuron view starts with every q and k open and the last token, which predicts, chosen.
function openNeurons(svg) {
  if (root.dataset.kind !== "neuron") return;
  const send = (name, to) => svg.querySelector(to).dispatchEvent(new MouseEvent(name));
  send("click", "#collapsed #leftText g:last-child rect:last-of-type");
  send("mouseover", "#expanded #leftText g:last-child");
}

// bertviz paints every large q · k ÷ √d alike. Here colour runs from this query's smallest (faint)
// to its largest (full), and the number stands beside it: why one key wins can be seen.
function rankScores(svg) {
  const squares = [...svg.querySelectorAll("#dotproducts .dotproduct")];
  const seen = squares.filter((square) => square.style.opacity !== "0");
  const scores = seen.map((square) => Number(square.dataset.value));
  const [least, most] = [Math.min(...scores), Math.max(...scores)];
  svg.querySelectorAll("#dotproducts text").forEach((label) => label.remove());
  for (const [i, square] of seen.entries()) {
    square.style.fillOpacity = most > least ? 0.06 + 0.94 * (scores[i] - least) / (most - least) : 1;
    square.style.strokeOpacity = 0.5;
    const label = document.createElementNS("http://www.w3.org/2000/svg", "text");
    label.textContent = scores[i].toFixed(1).replace("-", "−");
    label.setAttribute("class", "score");
    label.setAttribute("x", +square.getAttribute("x") + 26);
    label.setAttribute("y", +square.getAttribute("y") + 16);
    square.after(label);
  }
}

function watchScores(svg) {
  const group = svg.querySelector("#dotproducts");
  if (!group) return;
  const watch = { subtree: true, attributes: true, attributeFilter: ["data-value"] };
  new MutationObserver(() => rankScores(svg)).observe(group, watch);
}

function numberHeads(svg) {
  const squares = root.dataset.kind === "head" ? svg.lastElementChild.querySelectorAll("rect") : [];
  for (const [i, square] of squares.entries()) {
    const label = document.createElementNS("http://www.w3.org/2000/svg", "text");
    label.textContent = JSON.parse(root.dataset.heads)[i];
    label.setAttribute("class", "number");
    label.setAttribute("x", +square.getAttribute("x") + square.getAttribute("width") / 2);
    label.setAttribute("y", 14);
    svg.append(label);
  }
}

new MutationObserver(fit).observe(vis, { childList: true });
fit();
