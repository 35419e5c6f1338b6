"""The sidebar's model: which one, on what device, in which numbers, and how it gets there.

Other files use two functions: `sidebar` draws, `current` gives the loaded model; the link carries
`in_link`. All visitors share the loaded models; a visitor's choice is in the session. No request
leaves the machine before a visitor, or whoever started the server, asked for that download. Knows
nothing of what a model looks like inside.

Who may open what: everyone may open hub names (safetensors and JSON only) and the model that the
server was started with. Folders of this machine open only for its owner (whose.py), because folder
names are private; a link to a folder still waits for a click.

How many at once: the embedded model and MAX_SHARED others. One more is refused, with a sentence,
while others use those (IN_USE_S).
"""

import argparse
import os
import re
import threading
import time
import uuid
from dataclasses import dataclass, field

import streamlit as st

from components.frame import memory_weights, whose, workshop
from components.frame.choice_widgets import holding
from components.frame.choices import Choice, OneOf, chosen
from components.kit.units import show_count
from model.loading import checkpoint, hub, placement
from model.loading.checkpoint import CheckpointError
from model.run.checkpoint import Checkpoint

EMBEDDED = "embedded"
MAX_SHARED = 2  # loaded models beside the embedded one; GPT-2 XL alone is 6 GB
IN_USE_S = 600  # a visitor's model stays reserved this long after their last key or click
Wanted = tuple[str, str, str]  # name, device, dtype
DEVICE = Choice("model_device", OneOf({d: d for d in ("auto", *placement.available())}), "auto")
DTYPE = Choice("model_dtype", OneOf({name: name for name in placement.DTYPES}), "auto")
CHOICES = (DEVICE, DTYPE, memory_weights.WEIGHTS)
_IN_USE, _REFUSED, _OPENED = "model in use", "model refused", "folder opened"  # session keys
_NEWS = "sidebar has news"  # session key, read by app.py


# -- for others ----------------------------------------------------------------------------------


def current() -> Checkpoint:
    """The model this visitor uses: loaded once, shared by all. Falls back to the embedded one.

    Raises CheckpointError only where even the embedded model cannot be loaded.
    """
    choice = _in_use()
    try:
        return _load(choice)
    except CheckpointError as error:
        if choice[0] == EMBEDDED:
            raise
        st.session_state[_REFUSED] = (choice, str(error))
        st.session_state[_IN_USE] = (EMBEDDED, "auto", "auto")
        return _load(st.session_state[_IN_USE])


def beside(name: str) -> Checkpoint | None:
    """Another model of this visitor, on the device and in the numbers that the sidebar says; None,
    and what it still needs drawn here, while it may not be loaded."""
    choice = name.strip(), chosen(DEVICE), chosen(DTYPE)
    try:
        _check_not_refused(choice)
        if _needs_download(choice[0]):
            st.info(f"{_literal(name)} is not on this machine. Choose it in the sidebar (»), which offers "
                    "the download; then come back to this model.")
            return None
        return _load(choice, f"{_visitor()} beside") if _is_here(choice[0], "beside") else None
    except CheckpointError as error:
        st.session_state[_REFUSED] = (choice, str(error))
        st.error(_sentence(error))
        return None


def warm_up() -> None:
    """Load the model that the server was started with; if it must be downloaded, begin that."""
    try:
        if _needs_download(start_name()):
            _begin_download(start_name(), True)  # whoever started the server asked for it
        _load(_first_choice())
    except CheckpointError:
        return  # the first visitor's sidebar meets the same error and shows it


def in_link() -> str | None:
    """The link's value for the model (`?model=`); None for the start model."""
    name = st.session_state.get("model", start_name())
    return None if name == start_name() else name


def folder_shown(now: Checkpoint) -> str:
    """Where a model's files are, as far as this visitor may know: the whole path for the owner; for
    others the model's name, or the last part of a folder."""
    if whose.is_owner():
        return str(now.folder)
    return now.name if checkpoint.source(now.name) != "folder" else now.folder.name


def start_name() -> str:
    """`streamlit run app.py -- --model NAME`, or MNEMOSCOPE_MODEL, or the embedded model."""
    flags = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    flags.add_argument("--model", nargs="?", default=os.environ.get("MNEMOSCOPE_MODEL"))
    return flags.parse_known_args()[0].model or EMBEDDED


def sidebar() -> None:
    """Draw the choice of model, device and numbers; load what was chosen, or say why not."""
    with st.sidebar, st.container(key="model_picker"):
        name = _name_box()
        try:
            current()
            if not _fulfil((name, chosen(DEVICE), chosen(DTYPE))):
                _open_sidebar()
                st.caption(f"Until then the app uses **{_literal(_in_use()[0])}**.")
            _where_it_runs(current())
            memory_weights.choose(current())
        except CheckpointError as error:
            st.error(_sentence(error))


def _open_sidebar() -> None:
    """Mark that the sidebar has news. app.py then opens the sidebar before it draws: set twice in
    one run, it would close under the visitor's click. It stays open until the visitor closes it."""
    if not st.session_state.get(_NEWS):
        st.session_state[_NEWS] = True
        st.rerun()


# -- the widgets ---------------------------------------------------------------------------------


def _name_box() -> str:
    """The chosen name; free text is welcome. A link's `?model=` is the first choice."""
    asked = st.query_params.get("model", "").strip()[:300]
    wish = st.session_state.setdefault("model", asked or start_name())
    names = dict.fromkeys([start_name(), EMBEDDED, *hub.SIZES, wish])
    return st.selectbox(
        "Model: choose, or type a name", list(names), key="model", accept_new_options=True,
        disabled=workshop.is_on(),
        help="A name can be any GPT-2 on the hub (owner/name), or a folder of this machine that "
             "holds config.json, model.safetensors and tokenizer.json.",
    ).strip()


def _where_it_runs(now: Checkpoint) -> None:
    where = str(now.placement.device).upper()
    numbers = str(now.placement.dtype).removeprefix("torch.")
    n_parameters = show_count(now.model.num_parameters())
    with st.expander(f"{n_parameters} parameters · {where} · {numbers}", key="model_placement"):
        st.selectbox("Device", list(DEVICE.kind.titles), **holding(DEVICE))
        st.selectbox("Numbers", list(DTYPE.kind.titles), **holding(DTYPE))
    st.caption(now.placement.reason)
    for warning in now.warnings:
        st.warning(_sentence(warning))


# -- from a choice to a loaded model -------------------------------------------------------------


def _fulfil(choice: Wanted) -> bool:
    """Use this choice and return True, or draw what is still needed: a click, a download, or the
    error."""
    if choice == _in_use():
        return True
    try:
        _check_not_refused(choice)
        if not _is_here(choice[0]):
            return False
        with st.spinner(f"Loading {_literal(choice[0])} …"):
            _load(choice)
    except CheckpointError as error:
        st.session_state[_REFUSED] = (choice, str(error))
        st.error(_sentence(error))
        st.button("Try again", key="model_again", on_click=st.session_state.pop, args=(_REFUSED,))
        return False
    st.session_state[_IN_USE] = choice
    return True


def _check_not_refused(choice: Wanted) -> None:
    refused, sentence = st.session_state.get(_REFUSED, (None, ""))
    if refused == choice:  # a choice that failed is not tried again at each key
        raise CheckpointError(sentence)


def _is_here(name: str, place: str = "model") -> bool:
    """Whether the files may be loaded now; if not, draws the click or the download that is
    needed. place: the beginning of the button's key."""
    if checkpoint.source(name) == "folder" and name not in (start_name(), _in_use()[0]):
        _check_visitor()
        if st.session_state.get(_OPENED) != name:
            st.button(
                f"Load {_literal(name)}", key=f"{place}_load", type="primary", width="stretch",
                on_click=st.session_state.update, args=({_OPENED: name},),
            )
            return False
    if not _needs_download(name):
        _check_may_open(name)
        return True
    job = _downloads().get(name)
    if job is not None and not job.finished:
        _watch(name)
    else:
        _offer(name, job.problem if job else None)
    return False


def _check_visitor() -> None:
    if not whose.is_owner():
        raise CheckpointError(
            "A folder of the server opens only for its owner. Choose a hub name, or have the server "
            f"started with --model FOLDER. {whose.HOW}"
        )


def _check_may_open(name: str) -> None:
    is_owners = checkpoint.source(name) == "hub" and name != start_name() and hub.needs_token(name)
    if is_owners and not _may_use_token():
        raise CheckpointError(
            f"{name} is private or gated. This server's owner fetched it with a hub token, so only the "
            "owner can open it. Choose another name."
        )


# -- downloads -----------------------------------------------------------------------------------


def _needs_download(name: str) -> bool:
    return checkpoint.source(name) == "hub" and hub.cached(name) is None


def _offer(name: str, problem: str | None) -> None:
    """The question before a download, and what went wrong with the last one."""
    if problem:
        st.error(_sentence(problem))
    size = f" ({hub.show_size(hub.SIZES[name])})" if name in hub.SIZES else ""
    busy = [job.name for job in _downloads().values() if not job.finished]
    st.button(
        f"Download {_literal(name)}{size}", key="model_download", type="primary",
        disabled=bool(busy), on_click=_begin_download, args=(name, _may_use_token()), width="stretch",
    )
    st.caption(
        f"{busy[0]} is being downloaded now; one at a time." if busy
        else f"Not on this machine yet: it would come from {hub.host()}."
    )


@st.fragment(run_every=0.5)
def _watch(name: str) -> None:
    """The progress of a download. It continues without the visitor; when it is done, the app
    reruns."""
    job = _downloads()[name]
    if job.finished:
        st.rerun()
    now = job.progress
    share = now.bytes_done / now.bytes_total if now.bytes_total else 0.0
    st.progress(min(share, 1.0), f"Downloading {_literal(name)}: {share:.0%}")
    st.caption(
        f"{hub.show_size(now.bytes_done)} of {hub.show_size(now.bytes_total)}, file "
        f"{now.files_done + 1} of {now.files_total}: {now.file}"
        if now.bytes_total else f"Asking {hub.host()} …"
    )
    st.button("Cancel", key="model_cancel", on_click=job.cancel)


def _begin_download(name: str, with_token: bool) -> None:
    jobs = _downloads()
    if all(job.finished for job in jobs.values()):
        jobs[name] = hub.Download(name, with_token)


def _may_use_token() -> bool:
    """Whether this visitor's downloads send the hub token of whoever started the server: the owner's
    do, others' after `streamlit run app.py -- --share-token`."""
    flags = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    flags.add_argument("--share-token", action="store_true")
    return whose.is_owner() or flags.parse_known_args()[0].share_token


@st.cache_resource(show_spinner=False)
def _downloads() -> dict[str, hub.Download]:
    """The server's downloads by name; at most one is under way."""
    return {}


# -- what is shared ------------------------------------------------------------------------------


def _in_use() -> Wanted:
    if _IN_USE not in st.session_state:
        st.session_state[_IN_USE] = _first_choice()
    return st.session_state[_IN_USE]


def _first_choice() -> Wanted:
    """The server's start model if its files are here, else the embedded one."""
    try:
        is_here = checkpoint.find(start_name()) is not None
    except CheckpointError:
        is_here = False
    return (start_name() if is_here else EMBEDDED, "auto", "auto")


def _load(choice: Wanted, seat: str = "") -> Checkpoint:
    """seat: whose the model is; "": the visitor's own, which is one at a time."""
    seat = seat or _visitor()
    if choice[0] == EMBEDDED:
        _shelf().seats.pop(seat, None)
        return _load_embedded(device=choice[1], dtype=choice[2])  # by name: Streamlit finds it sooner
    return _load_other(choice, seat)


@st.cache_resource(show_spinner=False, max_entries=12)  # every device and dtype; 23 MB or less each
def _load_embedded(device: str, dtype: str) -> Checkpoint:
    return _settled(EMBEDDED, device, dtype)


def _load_other(choice: Wanted, seat: str) -> Checkpoint:
    """A model from the server's shelf; loads it if needed: one load at a time, MAX_SHARED models.

    A model that another visitor uses is not dropped, or visitors in turns would read it from disk
    at every key. Raises CheckpointError if all are in use.
    """
    shelf = _shelf()
    shelf.seats[seat] = choice, time.monotonic()
    loaded = shelf.loaded.get(choice)
    if loaded is None:
        with shelf.loading:
            loaded = shelf.loaded.get(choice) or _put_on_shelf(shelf, choice)
    return loaded


def _put_on_shelf(shelf: "_Shelf", choice: Wanted) -> Checkpoint:
    if _needs_download(choice[0]):  # deleted since then; no download without a click
        raise CheckpointError(
            f"{choice[0]} is no longer on this machine. Download it again."
        )
    _make_room(shelf)
    shelf.loaded[choice] = _settled(*choice)
    return shelf.loaded[choice]


def _make_room(shelf: "_Shelf") -> None:
    """If the shelf is full, drop the first model that nobody uses. A closed browser sends no
    message, so the clock decides: a seat is free IN_USE_S after its last script run."""
    for visitor, (_, when) in list(shelf.seats.items()):
        if time.monotonic() - when >= IN_USE_S:
            shelf.seats.pop(visitor, None)
    if len(shelf.loaded) < MAX_SHARED:
        return
    in_use = {choice for choice, _ in list(shelf.seats.values())}
    idle = [choice for choice in shelf.loaded if choice not in in_use]
    if not idle:
        raise CheckpointError(
            f"No room for one more model: other visitors of this server use {MAX_SHARED} beside "
            f"the embedded one. Choose embedded, or try again {IN_USE_S // 60} minutes after one "
            "of them has stopped."
        )
    del shelf.loaded[idle[0]]


@dataclass(frozen=True, eq=False)
class _Shelf:
    """loaded: models by choice; seats: visitor -> the model this visitor asked for last, and when
    (seconds of time.monotonic)."""

    loaded: dict[Wanted, Checkpoint] = field(default_factory=dict)
    seats: dict[str, tuple[Wanted, float]] = field(default_factory=dict)
    loading: threading.Lock = field(default_factory=threading.Lock)


@st.cache_resource(show_spinner=False)
def _shelf() -> _Shelf:
    """The models other than the embedded one, shared by all visitors."""
    return _Shelf()


def _visitor() -> str:
    return st.session_state.setdefault("visitor", uuid.uuid4().hex)


def _settled(name: str, device: str, dtype: str) -> Checkpoint:
    loaded = checkpoint.load(name, device, dtype)
    checkpoint.settle()
    return loaded


# -- words ---------------------------------------------------------------------------------------


def _sentence(problem: object) -> str:
    """A problem as Markdown that shows it literally: a capital first, a full stop last."""
    text = str(problem).strip()
    return _literal(text[:1].upper() + text[1:].rstrip(".")) + "."


def _literal(text: str) -> str:
    """Markdown that shows this text, whatever it holds."""
    return re.sub(r"([\\`*_{}\[\]()#+!|<>$~:&-])", r"\\\1", text)
