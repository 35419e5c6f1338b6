"""What `python -m model session` does with saved sessions."""

import json
import time
from argparse import Namespace
from collections.abc import Iterator

from model.memory import sessions
from model.memory.state import describe


def run_command(chosen: Namespace) -> Iterator[str]:
    """Do what was chosen; lines to show."""
    yield from DOES[chosen.what](chosen)


def _list(chosen: Namespace) -> Iterator[str]:
    if not sessions.names():
        yield f"no session yet in {sessions.home()}"
    for name in sessions.names():
        try:
            told = describe(sessions.path_of(name))
        except ValueError as problem:  # one damaged file must not hide the others
            yield f"{name:24} {problem}"
            continue
        noun = "prompt " if told["n_prompts"] == 1 else "prompts"
        yield (
            f"{name:24} {told['n_prompts']:5} {noun}  AM {len(told['slots']['token']):6} slots, "
            f"{told['n_evicted']:,} evicted  EDM {len(_external(told)['token']):4} slots, "
            f"{told.get('external_evicted', 0):,} evicted  model {told['fingerprint'][:12]}"
        )


def _external(told: dict) -> dict:
    return told.get("external", {"token": []})


def _show(chosen: Namespace) -> Iterator[str]:
    told = describe(sessions.saved(chosen.name))
    if chosen.json:
        yield json.dumps(told, indent=1, ensure_ascii=False)
        return
    for number, prompt in enumerate(told["prompts"], 1):
        yield f"prompt {number}: {prompt!r}"
    yield from _table("AM", told["slots"])
    if "external" in told:
        yield from _table("EDM", told["external"])


def _table(store: str, columns: dict) -> Iterator[str]:
    """A line for each slot of one store."""
    yield f"{store}, {len(columns['text'])} slots"
    yield f"{'slot':>5} {'prompt':>6} {'token':>6} {'read':>7} {'salience':>8}  written              text"
    for i, text in enumerate(columns["text"]):
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(columns["written"][i]))
        yield (
            f"{i:5} {columns['prompt'][i]:6} {columns['position'][i]:6} "
            f"{columns['total_read'][i]:7.3f} {columns['salience'][i]:8.2f}  {when}  "
            f"{text}   ({columns['around'][i]})"
        )
        for prompt, positions, _, texts, *_ in columns.get("origins", [()] * (i + 1))[i]:
            yield f"{'':13}holds prompt {prompt}, tokens {positions[0]}-{positions[-1]}: {''.join(texts)}"


def _reset(chosen: Namespace) -> Iterator[str]:
    sessions.reset(chosen.name)
    yield f"{chosen.name}: forgotten"


def _export(chosen: Namespace) -> Iterator[str]:
    sessions.export(chosen.name, chosen.file)
    yield f"{chosen.name}: copied to {chosen.file}"


def _import(chosen: Namespace) -> Iterator[str]:
    describe(chosen.file)  # a file that is no memory is refused before it has a name
    name = chosen.name or chosen.file.stem
    sessions.bring_in(name, chosen.file)
    yield f"{chosen.file}: is now the session {name}"


DOES = {"list": _list, "show": _show, "reset": _reset, "export": _export, "import": _import}
