"""The visitor's own probes: a file of JSON lines in, a table of results out, a bad line named."""

import json
from pathlib import Path

import pandas as pd
import streamlit as st

from components.frame import whose
from components.frame.choice_widgets import holding
from components.frame.choices import choose, chosen
from components.kit import data_table
from components.kit.export.offers import no_notebook
from components.kit.next_token import percent
from components.recall import choice, jobs, run, words
from model.disk.called import command
from model.recall import probe_file

OWN_FILE = (
    f"This view has no notebook: each line of the file is a probe of its own. “{command('probe')}” "
    "runs the file again; one line, asked in the probe, has a notebook."
)
EXAMPLE = "\n".join(json.dumps(line, ensure_ascii=False) for line in (
    {"tell": ["My name is James Theory. I live in New York."],
     "ask": "Where do I live? You live in", "answer": " New York"},
    {"tell": ["My name is Ann Lee."], "ask": "What is my name? Your name is", "answer": " Ann Lee"},
    {"tell": ["I live in Madrid."], "ask": "Where do I live? You live in", "answer": " Madrid",
     "distance": 100},
    {"tell": ["I live in Madrid."], "ask": "What is my job?", "answer": None},
)) + "\n"
MOST_ROWS = 2_000  # rows drawn; the download has all
MOST_SHOWN = 4_000  # bytes of a file that are shown before it is run
EVERY_S = 1.5


def show() -> None:
    """The whole view."""
    no_notebook(OWN_FILE)
    st.html(words.heading(
        "A probe a line", "{\"tell\": [\"…\"], \"ask\": \"…\", \"answer\": \" New York\", "
        "\"distance\": 500, \"label\": \"homes\"}; answer null: any reply but “I do not know.” is "
        "a false recall. Lines with the same label are also counted together",
    ))
    content, names, shared = _bar()
    if not names:
        st.info("Choose at least one variant.")
        return
    own = jobs.results_of(content, tuple(names), choice.settings())
    _live(own if own.exists() or shared is None else shared, content)
    if shared is None and jobs.results(own):
        _offer_to_share(content, own)


def _bar() -> tuple[bytes, list[str], Path | None]:
    """The file's content, the variants, and the results that were shared with the file."""
    left, right = st.columns([2, 3], gap="large", vertical_alignment="bottom")
    with left:
        file = st.file_uploader("A JSONL file", type=["jsonl", "json", "txt"], key="recall_file",
                                max_upload_size=5)
        name = _choose_shared() if file is None else None
    content, shared = EXAMPLE.encode() if file is None else file.getvalue(), None
    if name is not None:
        content, shared = jobs.shared(name)
    with right, st.container(horizontal=True, vertical_alignment="bottom", key="recall_file_bar"):
        if chosen(choice.FILE_VARIANTS) is None:
            gone = run.untrained()
            choose(choice.FILE_VARIANTS, [n for n in choice.TITLES if n not in gone])
        names = st.pills("Variants", list(choice.TITLES), format_func=choice.TITLES.get,
                         selection_mode="multi", **holding(choice.FILE_VARIANTS))
        job = jobs.current()
        if job is not None and job.is_alive:
            st.button("Cancel", key="recall_file_cancel", on_click=jobs.cancel,
                      disabled=not job.may_cancel)
        else:
            what = name or "the example" if file is None else file.name
            st.button(f"Run {what}",
                      key="recall_file_run", type="primary", disabled=not names,
                      on_click=_start, args=(content, tuple(names)))
        if file is None and name is None:
            st.download_button("The example as a file", EXAMPLE, "probes.jsonl", key="recall_example",
                               on_click="ignore")
    own = job is not None and job.curve == jobs.FILE and job.may_cancel
    problem = st.session_state.pop("recall_trouble", "") or (job.problem if own else "")
    if problem:
        st.error(words.sentence(problem))
    return content, names, shared


def _choose_shared() -> str | None:
    """A file that somebody shared, where there are any; the owner can remove it."""
    if not (names := jobs.shared_names()):
        return None
    row = st.container(horizontal=True, vertical_alignment="bottom")
    name = row.selectbox("Or one that was shared", names, index=None, key="recall_shared",
                         placeholder="none chosen")
    if name is not None and whose.is_owner():
        row.button("Remove", key="recall_unshare", on_click=_try, args=(jobs.unshare, name))
    return name


def _offer_to_share(content: bytes, path: Path) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("Share these probes and results as", key="recall_share_name",
                             max_chars=64, width=300)
        st.button("Share a copy", key="recall_share", disabled=not name, on_click=_try,
                  args=(jobs.share, name, content, path),
                  help="Everyone who opens this app can open and run it; nobody can change it")


def _try(act, *given) -> None:
    try:
        act(*given)
    except (ValueError, OSError) as problem:
        st.session_state.recall_trouble = str(problem)


def _start(content: bytes, names: tuple[str, ...]) -> None:
    _try(jobs.start_file, content, names, choice.settings())


def _live(path, content: bytes) -> None:
    """Progress and results; a fragment that runs again while the file is run."""
    job = jobs.current()
    was_alive = job is not None and job.is_alive

    def draw() -> None:
        now = jobs.current()
        if was_alive and not now.is_alive:
            st.rerun()
        if was_alive:
            what = f"“{now.curve}”" if now.may_cancel else "Another visitor's measurement"
            st.progress(min(1.0, now.share), f"{what}: {now.share:.0%}; you may close this page")
        _results(path, content)

    st.fragment(draw, run_every=EVERY_S if was_alive else None)()


def _results(path, content: bytes) -> None:
    found = jobs.results(path)
    if not found:
        n = sum(bool(line.strip()) for line in content.split(b"\n"))
        st.info(f"{n:,} lines, not run yet with these variants and settings.")
        if len(content) <= MOST_SHOWN:
            st.code(content.decode("utf-8", "replace"), language=None, wrap_lines=True)
        return
    n = sum(bool(line.strip()) for line in content.split(b"\n"))
    if len(found) < n:
        st.caption(f"{len(found):,} of {n:,} lines run so far. “Run” continues with the others.")
    good = [one for one in found if "error" not in one]
    bad = [one for one in found if "error" in one]
    if good:
        tallies = _tallies(good)
        st.html(words.tallies(_titled(tallies.report())))
        if labels := tallies.labels():
            st.html(words.heading("By label", "the lines of each label, for every variant"))
            st.html(words.labelled({name: _titled(found) for name, found in labels.items()}))
        table = pd.DataFrame([_row(one) for one in good[:MOST_ROWS]])
        height = min(360, 38 * (len(table) + 1))
        data_table.show(table, "recall_results", height=height, width="stretch")
        if len(good) > MOST_ROWS:
            st.caption(f"The first {MOST_ROWS:,} of {len(good):,} lines. The download has all.")
    for one in bad[:20]:
        st.warning(f"Line {one['line']}: {words.sentence(words.plain(one['error']))}")
    if len(bad) > 20:
        st.warning(f"… and {len(bad) - 20:,} more bad lines; the download names all.")
    st.download_button("Download the results", path.read_bytes, "results.jsonl",
                       key="recall_download", on_click="ignore")


def _tallies(good: list[dict]) -> probe_file.Tallies:
    tallies = probe_file.Tallies(dict.fromkeys(name for one in good for name in one["variants"]))
    for one in good:
        tallies.add(one.get("label") or "", one["variants"])  # older results have no label
    return tallies


def _titled(reports: dict[str, dict]) -> dict[str, dict]:
    return {choice.TITLES[name]: report for name, report in reports.items()}


def _row(one: dict) -> dict:
    row = {"line": one["line"], "ask": one["ask"], "answer": (one["answer"] or "–").strip()}
    if one.get("label"):
        row = {"label": one["label"]} | row
    for name, found in one["variants"].items():
        if found["exact"] is None:
            said = "✗ false recall" if found["false_recall"] else "✓ does not know"
        else:
            mark = "✓" if found["exact"] else "✗"
            said = f"{mark} p {percent(found['probability'])}, rank {max(found['ranks']):,}"
        row[choice.TITLES[name]] = f"{said}: “{found['continuation'].strip()}”"
    return row
