"""Who looks at the page, and whose files a page may open: the one place that decides it.

Whoever has the owner's key (door.py) is the owner and sees everything; everybody else is a visitor
with a folder of their own, and sees beside it what was shared. Knows nothing of what files hold.
"""

from pathlib import Path
from urllib.parse import urlsplit

import streamlit as st

from components.frame import door
from components.frame.limits import MB, limit
from model.disk import owners
from model.disk.home import home

OWN, SHARED = "mine", "shared"  # shelves; the owner's list has every visitor's behind them
HOW = "The owner opens the link that the terminal showed when the server was started."
ALL_SHARED = 2_000_000_000  # bytes that are kept at most
_KEY = "whose: key"  # session key, for browsers that keep no cookie


def is_owner() -> bool:
    """Whether this browser has the owner's key. Neither its address nor another header decides."""
    return owners.is_owner_key(st.context.cookies.get(door.OWNER_COOKIE, ""))


def key() -> str:
    """This visitor's key; for this tab alone where the browser keeps no cookie."""
    return _in_cookie() or st.session_state.setdefault(_KEY, owners.new_key())


def folder() -> Path:
    """Where what this visitor saves is kept."""
    return home() if is_owner() else owners.of_visitor(key())


def shelves() -> dict[str, Path]:
    """Name -> folder of every place whose files this visitor may read, their own first."""
    found = {OWN: folder(), SHARED: owners.shared()}
    return found | ({_title(of): of for of in owners.visitors()} if is_owner() else {})


def check_room(n_bytes: int) -> None:
    """Raises ValueError where what this visitor saves would take too much; the owner may fill the disk."""
    if not is_owner():
        owners.check_room(folder(), n_bytes, limit("visitor-mb") * MB)


def check_shared_room(n_bytes: int) -> None:
    """Raises ValueError where what visitors shared would take too much."""
    owners.check_room(owners.shared(), n_bytes, ALL_SHARED)


def may_change(shelf: str) -> bool:
    """Whether this visitor may change and remove what lies on a shelf: their own; the owner all."""
    return shelf == OWN or is_owner()


def sidebar() -> None:
    """Whose the saved things are, and the link that opens them on another computer."""
    with st.sidebar, st.expander("Yours", key="whose", on_change="rerun") as yours:
        if yours.open:  # what draws the link costs a fifth of opening a page
            _tell()


def _tell() -> None:
    if is_owner():
        n = len(owners.visitors())
        st.markdown(f"You are the owner of this server. You see what you saved and what {n:,} "
                    f"{'visitor has' if n == 1 else 'visitors have'} saved.")
        return
    st.markdown("What you save here is yours: other visitors do not see it, the server's owner does.")
    if not _in_cookie():
        st.warning("Your browser keeps no cookie for this page: when this tab closes, what you "
                   "saved is out of reach. Take it as a file.")
        return
    st.markdown("This browser remembers you. For another computer, take this link; whoever has "
                "it sees and changes what you saved:")
    st.code(_link(), language=None, wrap_lines=True)


def _in_cookie() -> str:
    said = st.context.cookies.get(door.VISITOR_COOKIE, "")
    return said if owners.is_key(said) else ""


def _link() -> str:
    page = urlsplit(st.context.url or "")
    return f"{page.scheme}://{page.netloc}/?{door.VISITOR}={key()}"


def _title(of: Path) -> str:
    return f"visitor {of.name[:8]}"
