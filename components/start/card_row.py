"""Cards side by side, as many in a row as fit, each with a link to a page.

Streamlit's own rows either keep a fixed width or squeeze; a CSS grid does what a page needs.
"""

import streamlit as st

_mount = st.components.v2.component(
    "mnemoscope_card_row",
    html='<div class="cards"></div>',
    css="""
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(225px, 1fr)); gap: 1rem; }
.card { border: 1px solid var(--st-border-color); border-radius: .5rem; padding: .9rem;
  display: flex; flex-direction: column; justify-content: space-between; gap: .5rem;
  color: var(--st-text-color); font-family: var(--st-font); }
button { font: inherit; color: var(--st-link-color); background: none; border: 0; padding: 0;
  text-align: left; cursor: pointer; }
button:hover { text-decoration: underline; }
""",
    js="""
export default function ({ parentElement, data, setTriggerValue }) {
  const row = parentElement.querySelector(".cards");
  while (row.children.length < data.cards.length) row.append(newCard());
  data.cards.forEach(({ html, label, page }, i) => {
    const [body, button] = row.children[i].children;
    if (body.innerHTML !== html) body.innerHTML = html;
    button.textContent = label;
    button.onclick = () => setTriggerValue("page", page);
  });
}
function newCard() {
  const card = document.createElement("div");
  card.className = "card";
  card.append(document.createElement("div"), document.createElement("button"));
  return card;
}
""",
)


def card_row(cards: list[tuple[str, str, str]], key: str) -> str | None:
    """cards: (trusted HTML, words of the link, its page) -> the page that was clicked, or None."""
    data = {"cards": [dict(zip(("html", "label", "page"), card)) for card in cards]}
    return _mount(key=key, data=data, on_page_change=lambda: None).page
