"""The page's link for other people: the address under which they reach this machine, as a QR code, too."""

import io
import socket
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import segno
import streamlit as st

MOST = 2900  # characters of a QR code that cameras still read
LOOPBACK = ("localhost", "127.0.0.1", "::1")
ANYWHERE = (None, "", "0.0.0.0", "::")  # of server.address: the app listens to other machines
CONTAINER = (Path("/.dockerenv"), Path("/run/.containerenv"))  # a file of Docker's, of Podman's
PATIENCE_S = 0.5  # for this machine to answer itself


def for_the_room(link: str) -> tuple[str, str]:
    """The link as other machines of this network open it, and a sentence about that."""
    parts = urlsplit(link)
    if parts.hostname not in LOOPBACK:
        return link, "Everyone who can open this page can scan it."
    own, here = _own_address(), "This address opens on this machine only: "
    if st.get_option("server.address") not in ANYWHERE or own is None:
        return link, (f"{here}the app listens to no other address. Start it without "
                      "--server.address to share it.")
    if any(mark.exists() for mark in CONTAINER):
        return link, (f"{here}the app runs in a container, which does not know its machine's address. "
                      "Open the page under that address to share it.")
    host = own if parts.port is None else f"{own}:{parts.port}"
    if not _answers(own, parts.port or (443 if parts.scheme == "https" else 80)):
        return link, (f"{here}the app does not answer at {host}. Open the page under an address that "
                      "others reach to share it.")
    return urlunsplit(parts._replace(netloc=host)), f"For everyone in this network: {host}."


def qr_code(link: str) -> bytes:
    """The link as an SVG file. Raises ValueError for a link that is too long for a QR code."""
    if len(link) > MOST:
        raise ValueError(
            f"The link has {len(link):,} characters, a QR code holds {MOST:,}. Shorten the prompt, or "
            "copy the link."
        )
    file = io.BytesIO()
    segno.make(link, micro=False, error="l", boost_error=False).save(
        file, kind="svg", border=4, light="white", omitsize=True
    )
    return file.getvalue()


def _answers(host: str, port: int) -> bool:
    """Whether something listens at this address of this machine."""
    try:
        with socket.create_connection((host, port), PATIENCE_S):
            return True
    except OSError:
        return False


def _own_address() -> str | None:
    """This machine's address in its network; None without one. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address that nobody has
            return str(probe.getsockname()[0])
        except OSError:
            return None
