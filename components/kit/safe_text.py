"""Shows text of visitors and tokenizers literally where Markdown or tags would be interpreted."""

import html


def for_markdown(text: str) -> str:
    """Text as it is, for st functions that read Markdown."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]()<>#+-.!|$:~&" else c for c in text)


def for_plotly(text: str) -> str:
    """A token as Plotly shows it: no tags, no links, no formulas."""
    return html.escape(text).replace("$", "&#36;")
