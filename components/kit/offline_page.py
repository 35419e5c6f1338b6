"""One HTML file that needs nothing from outside: its scripts are inside, requests are refused.

`st.iframe` gives the page the app's own origin. So text from visitors enters only as escaped JSON,
and a Content-Security-Policy runs only the scripts put in here, by their hash. Knows nothing of
attention.
"""

import base64
import hashlib
import html
import json
from functools import cache
from importlib import metadata
from pathlib import Path


class AssetError(ValueError):
    """A file of an installed package is missing, or not the one this project was tested with."""


def page(title: str, body: str, css: str, scripts: list[str]) -> str:
    """The whole document. `body` and `css` are trusted HTML and CSS; scripts run in order."""
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; "
        "style-src 'unsafe-inline'; script-src "
        + " ".join(f"'sha256-{_digest(script)}'" for script in scripts)
    )
    tags = "\n".join(f"<script>{_whole(script)}</script>" for script in scripts)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f"<title>{html.escape(title)}</title>\n<style>{css}</style>\n</head>\n"
        f"<body>\n{body}\n{tags}\n</body>\n</html>\n"
    )


def script_json(value) -> str:
    """JSON that may stand inside <script>: no <, > or &, only ASCII; NaN raises ValueError."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003e")


@cache
def asset(package: str, path: str) -> str:
    """The text of a file that an installed package carries, found without importing it."""
    try:
        file = Path(metadata.distribution(package).locate_file(path))
        return file.read_text(encoding="utf-8")
    except (metadata.PackageNotFoundError, OSError) as problem:
        raise AssetError(
            f"The file {path} of the Python package {package} is not installed ({problem}). Run: "
            "pip install -r requirements.txt"
        ) from problem


def _whole(script: str) -> str:
    if "</script" in script.lower():
        raise AssetError("A script holds '</script', which would end it early. Please escape it "
                         "first.")
    return script


def _digest(script: str) -> str:
    normal = script.replace("\r\n", "\n").replace("\r", "\n")  # what the browser hashes
    return base64.b64encode(hashlib.sha256(normal.encode("utf-8")).digest()).decode("ascii")
