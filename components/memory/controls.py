"""The memory page's buttons, settings, sessions and examples. Knows nothing of tensors."""

from functools import partial

import streamlit as st

from components.frame import visit
from components.frame.choice_widgets import holding
from components.frame.choices import Choice, choose, chosen
from components.kit import own_sentence
from components.kit.export.offers import no_notebook
from components.kit.units import show_number
from components.memory import choice, conversation, session_files, words
from components.memory.choice import SETTINGS
from model.memory import eviction, fusion, salience

EXAMPLES = {
    "James Theory": (
        ("My name is James Theory. I live in New York.",),
        "Where do I live?",
        "Read the two answers. Only the one with memory can know the city.",
    ),
    "Two people": (
        ("Mary lives in Paris. Tom lives in Rome.",),
        "Where does Mary live?",
        "Two sentences compete. Type Tom in place of Mary and watch the answer.",
    ),
    "A contradiction": (
        ("My name is James Theory. I live in New York.", "I live in Paris now."),
        "Where do I live?",
        ("Both cities are in memory, and nothing says which one is true now. Which one does this "
         "small model answer?"),
    ),
}


def show_bar() -> None:
    """What can be done with the memory, in one row."""
    now = conversation.current()
    with st.container(horizontal=True, vertical_alignment="center", key="memory_bar"):
        st.button(
            "Remember this prompt", key="remember", type="primary",
            on_click=conversation.remember_typed, disabled=not st.session_state.get("prompt"),
            help="Or press Enter in the box. Shift+Enter begins a new line.",
        )
        st.button("Undo", key="undo", on_click=conversation.undo,
                  disabled=not conversation.can_undo(), help="Back to the memory before")
        st.button("Forget all", key="forget", on_click=conversation.reset,
                  disabled=not now.state.prompts, help="Empties the memory; Undo brings it back")
        _ask_about(now.state.prompts)
        with st.popover("Conversations", key="conversations"):
            show_examples()
        with st.popover("Settings", key="memory_settings"):
            _settings()
        with st.popover("Sessions", key="memory_sessions"):
            _sessions()
    _offer_file(now)
    _tell_troubles()


def _offer_file(now) -> None:
    """The address cannot carry this memory: a file can."""
    if conversation.is_in_link() or now.is_saved or not now.state.prompts:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="memory_beyond_link"):
        st.caption("The link does not carry this memory, and F5 would lose it: take it as a session "
                   "file, or save it under Sessions.", width="content")
        st.download_button(
            "Session file", partial(session_files.as_file, now.state), "memory.safetensors",
            key="session_file_offer", on_click="ignore",
        )


def _ask_about(told: tuple[str, ...]) -> None:
    """One of our sentences was told: its question, one click away."""
    if ask := own_sentence.question(told):
        st.button(f"Ask: {ask}", key="ask_about", on_click=conversation.put, args=(ask,))


def show_examples() -> None:
    """Conversations that start with one click, in an empty memory (Undo brings the old one
    back)."""
    for name, (prompts, question, look) in EXAMPLES.items():
        st.button(
            f"**{name}**", key=f"begin {name}", on_click=conversation.begin,
            args=(prompts, question), width="stretch",
        )
        told = " ".join(f"“{text}”" for text in prompts)
        st.caption(f"Tell it: {told} Ask: “{question}” {look}")


def show_first_visit() -> None:
    """Nothing was told yet: three conversations, side by side."""
    no_notebook("Nothing was told, so nothing can be read. Tell memory something, then type a prompt.")
    st.markdown(
        "**Nothing is in memory.** Type a sentence above and press **Enter**, or watch one told "
        "and asked with one click:"
    )
    for column, (name, (prompts, question, look)) in zip(st.columns(3), EXAMPLES.items()):
        with column.container(border=True, height="stretch", key=f"first {name}"):
            st.markdown(f"##### {name}")
            for text in prompts:
                st.markdown(f"Tell it: **{text}**")
            st.markdown(f"Ask: **{question}** …")
            st.caption(look)
            st.button(
                "Show me", key=f"show {name}", on_click=conversation.begin,
                args=(prompts, question), type="primary" if name == "James Theory" else "secondary",
            )


def show_laws(
    state, written: dict[str, tuple[int, int]], off_difference: float | None, said: str,
    is_asked: bool,
) -> None:
    """What is said of fusion, and the laws of the theory; those at work are lit. state: the memory
    that is asked; written: of its latest prompt, see steps.what_was_written."""
    now = conversation.current()
    n_evicted = sum(evicted for _, _, evicted in _stores(state).values())
    is_full = any(n >= budget for n, budget, _ in _stores(state).values())
    kept = f"saved as {now.session}" if now.is_saved else "not saved yet"
    if now.session and not now.is_saved:
        kept = f"changed since {now.session} was saved"
    measured = "…" if off_difference is None else show_number(off_difference)
    off = f"memory off: Δ logits {measured}" if is_asked else "type a prompt to measure"
    trained = [name for name in ("early", "late", "edm") if name in choice.modules()]
    is_chosen = any(n < of for n, of in written.values())
    st.html(words.line(said) + words.laws([
        ("bounded", _bounded(state), n_evicted > 0 or is_full,
         "The budgets are never exceeded; whole sentences are evicted"),
        ("persistent", kept, now.is_saved,
         "Under Sessions: a file of yours that outlives prompt, tab and process"),
        ("salient", _salient(written, len(state.prompts)), is_chosen,
         ("The EDM keeps a token whose salience reaches its threshold; the bank keeps a sentence "
          "whose mean salience reaches its own")),
        ("non-destructive", off, off_difference == 0,
         ("Largest difference to transformers' own GPT-2 with memory switched off; measured when "
          "typing rests")),
        ("differentiable", ", ".join(_short(name) for name in trained) or "not at work",
         bool(trained),
         "Trained: gradients went from the answers through the reads into the writes"
         if trained else "No trained module is read: AM's slots are GPT-2's own keys and values"),
    ]))


def _stores(state) -> dict[str, tuple[int, int, int]]:
    """Store -> slots that are full, slots at most, slots that left so far."""
    settings, found = choice.settings(), {}
    if "edm" in choice.available():
        n, evicted = (0, 0) if state.external is None else (
            len(state.external), state.external.n_evicted)
        found["edm"] = (n, settings.edm.slots, evicted)
    return found | {"bank": (len(state.bank), settings.fusion.slots, state.n_evicted)}


def _bounded(state) -> str:
    return "; ".join(
        f"{_short(name)} {n:,} of {budget:,}" + (f", {evicted:,} evicted" if evicted else "")
        for name, (n, budget, evicted) in _stores(state).items()
    )


def _salient(written: dict[str, tuple[int, int]], n_prompts: int) -> str:
    said = {"edm": "{} of {} tokens", "bank": "{} of {} sentences"}
    order = [name for name in ("edm", "bank") if name in written]
    return ", ".join(said[name].format(*written[name]) for name in order) or (
        "told before, not in this tab" if n_prompts else "nothing told yet")


def _short(module: str) -> str:
    return {"edm": "EDM"}.get(module, module)


def _settings() -> None:
    has_edm = "edm" in choice.available()
    usual = sorted(eviction.NAMES, key=lambda name: name != choice.PLAIN.policy)  # it comes first
    st.selectbox("Eviction: who leaves a full store", usual, format_func=eviction.title,
                 **holding(SETTINGS["policy"]))
    st.number_input("Most written per prompt", 0, 1024, **holding(SETTINGS["best"]),
                    help="The most salient sentences (bank) or tokens (EDM). 0: all above the "
                         "threshold")
    if has_edm:
        st.markdown("**EDM**")
        _edm_settings()
        st.markdown("**Attention bank**")
    _bank_settings(has_edm)


def _edm_settings() -> None:
    _budget("EDM: slots at most", SETTINGS["slots"])
    st.selectbox("EDM: what deserves a slot", _scores(choice.PLAIN.edm.score, True),
                 **holding(SETTINGS["slot_score"]))
    _threshold("EDM: threshold of a token's salience", SETTINGS["slot_threshold"],
               "For the learned gate it is a logit")


def _budget(label: str, one: Choice) -> None:
    """How many slots a store may have."""
    st.number_input(label, 0, choice.MOST_SLOTS, step=16, on_change=conversation.fit,
                    help="A smaller number evicts at once", **holding(one))


def _threshold(label: str, one: Choice, words: str) -> None:
    st.number_input(label, -1e9, 1e9, step=0.1, format="%.3g", help=words, **holding(one))


def _bank_settings(has_edm: bool) -> None:
    plain = choice.PLAIN.fusion
    _budget("Slots at most", SETTINGS["budget"])
    scores = _scores(plain.score, has_edm)
    if chosen(SETTINGS["score"]) not in scores:
        choose(SETTINGS["score"], plain.score)  # another model, without a trained gate
    st.selectbox("Salience: what deserves a slot", scores, **holding(SETTINGS["score"]))
    _threshold("Threshold of a sentence's mean salience", SETTINGS["threshold"],
               "In the unit of the chosen salience. Writes shows each sentence's")
    st.selectbox("Positions of a prompt that reads", fusion.POSITIONS,
                 format_func=choice.POSITIONS.get, **holding(SETTINGS["positions"]))
    st.selectbox("Retrieved for a prompt", list(choice.UNITS), format_func=choice.UNITS.get,
                 help="A first pass over the whole bank, with the EDM, finds them. Each must fit "
                 "at least four fifths as well as the best", **holding(SETTINGS["unit"]))
    st.number_input("How many, at most", 1, 64, **holding(SETTINGS["n_retrieved"]))
    st.slider("AM: least change of the prediction", 0.0, 1.0, step=0.05,
              help="AM reads only if memory changes the next token's probabilities by this much "
              "(total variation); otherwise no read is counted. 0: AM always reads",
              **holding(SETTINGS["needed"]))
    st.slider("Strength, nats added to every memory score", -8.0, 4.0, step=0.25,
              help="0: GPT-2's own arithmetic", **holding(SETTINGS["strength"]))


def _scores(first: str, is_trained: bool) -> list[str]:
    """Names of the saliences, the usual one first; the learned gate where there is one."""
    others = [name for name in salience.SCORES if name != first]
    return [n for n in (first, *others) if is_trained or n != choice.TRAINED]


def _sessions() -> None:
    now = conversation.current()
    name = st.text_input("Name", key="session_name", placeholder="demo", max_chars=64)
    with st.container(horizontal=True):
        st.button("Save", key="session_save", on_click=session_files.save, args=(name,),
                  disabled=not name, help="For you alone")
        st.button("Share a copy", key="session_share", on_click=session_files.share, args=(name,),
                  disabled=not (name and now.state.prompts),
                  help="Everyone who opens this app can load it; nobody can change it")
    saved = st.selectbox("Saved by you, or shared", session_files.saved(), key="session_chosen",
                         placeholder="none yet", index=None)
    with st.container(horizontal=True):
        st.button("Load", key="session_load", on_click=session_files.load, args=(saved,),
                  disabled=saved is None)
        st.button("Remove", key="session_remove", on_click=session_files.remove, args=(saved,),
                  disabled=saved is None or not session_files.may_remove(saved))
    st.download_button(
        f"Export, {now.state.nbytes / 1e6:.1f} MB", partial(session_files.as_file, now.state),
        "memory.safetensors",
        key="session_export", on_click="ignore", disabled=not now.state.prompts,
    )
    file = st.file_uploader("Import a memory file", key="session_file", max_upload_size=100)
    st.button("Go on with this file", key="session_import", disabled=file is None,
              on_click=lambda: session_files.bring_in(file.getvalue()))


def _tell_troubles() -> None:
    if trouble := conversation.trouble():
        st.error(trouble)
    waiting = conversation.set_aside()
    if waiting:
        noun = "prompt" if sum(waiting) == 1 else "prompts"
        st.info(
            f"A memory of {sum(waiting):,} {noun}, told to another model, is set aside: "
            f"{visit.model_name()} cannot read another model's keys and values. Choose that model "
            "again to continue with it."
        )
