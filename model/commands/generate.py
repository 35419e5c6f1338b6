"""One prompt continued: with a KV cache, without, or through a session's memory."""

import json
import statistics
from argparse import Namespace
from collections.abc import Generator, Iterator

import numpy as np
import torch

from model.commands.opening import opened
from model.disk.called import command
from model.memory import asking, cuts, sessions, telling
from model.memory.reader import WithMemory
from model.memory.settings import Settings as MemorySettings
from model.memory.state import MemoryState, blank, load_state, save_state
from model.memory.variants import modules_of
from model.run import borders, cache_budget, generate, tokens
from model.run.cache import KVCache
from model.run.cache_policies import POLICIES
from model.run.checkpoint import Checkpoint
from model.run.sampling import SamplingSettings
from model.run.tokens import Ids


def run_command(chosen: Namespace) -> Iterator[str]:
    """Generate; one line a token as it comes, or one JSON object at the end."""
    loaded = opened(chosen.model)
    if chosen.variant == "gpt2" and chosen.session is None:
        if chosen.slots is not None:
            raise ValueError("--slots needs a memory. Add --variant gpt2+am or gpt2-m, and --session NAME")
        ids = tokens.encode(loaded.tokenizer, chosen.prompt)
        report = yield from _generate(loaded, _reader(loaded, chosen), chosen, ids)
    else:
        _check_memory(chosen)
        _check_trained(loaded, chosen.variant)
        report = yield from _converse(loaded, chosen)
    if chosen.json:
        yield json.dumps(report, indent=1, ensure_ascii=False)
    else:
        yield from _summary(report)


def _converse(loaded: Checkpoint, chosen: Namespace) -> Generator[str, None, dict]:
    """One prompt of a session: generate through its memory, tell it the prompt, save it."""
    with sessions.hold(chosen.session) as path:
        state = load_state(path, loaded) if path.exists() else blank(loaded)
        settings = _settings(chosen)
        asked, ids, n_front = _asked(loaded, state, settings, chosen)
        reader = WithMemory(loaded, asked, settings)
        report = yield from _generate(loaded, reader, chosen, ids, n_front)
        if reader.recalled is not None:
            state = asking.after_reading(loaded, state, reader.recalled, asked)
        state = telling.tell(loaded, state, chosen.prompt, settings).state
        save_state(state, path)
    return report | {"session": {
        "name": chosen.session, "prompts": len(state.prompts), "slots": len(state.bank),
        "budget": settings.fusion.slots, "evicted": state.n_evicted, "bytes": state.nbytes,
        "edm_slots": len(state.external) if state.external is not None else 0,
        "edm_budget": settings.edm.slots,
    }}


def _asked(
    loaded: Checkpoint, state: MemoryState, settings: MemorySettings, chosen: Namespace
) -> tuple[MemoryState, np.ndarray, int]:
    """The state to ask, the ids that ask it, and how many tokens of the prompt were told to that
    state because they do not fit beside it."""
    ids, n_front = tokens.encode_part(loaded.tokenizer, chosen.prompt), 0
    if not chosen.tokens:
        return state, ids, 0
    front = telling.behind_front(loaded, state, chosen.prompt, settings)
    if front is not None:
        state, n_front = front.state, cuts.n_front(loaded, ids)
    room = asking.room(loaded, state, settings)
    if len(ids) - n_front > room:
        raise ValueError(
            f"Prompt too long: {len(ids):,} tokens, {max(room, 0):,} fit after this memory. "
            "Shorten it, or choose --tokens 0: that tells the whole prompt, in windows."
        )
    return state, ids[n_front:], n_front


def _settings(chosen: Namespace) -> MemorySettings:
    usual = MemorySettings(modules=modules_of(chosen.variant))
    return usual if chosen.slots is None else usual.with_slots(chosen.slots)


def _check_trained(loaded: Checkpoint, variant: str) -> None:
    """Raises ValueError if this model lacks the variant's trained modules."""
    trained = set(loaded.memory.parts) if loaded.memory is not None else set()
    missing = modules_of(variant) - {"am"} - trained
    if missing:
        raise ValueError(
            f"--variant {variant} needs trained memory ({', '.join(sorted(missing))}), and "
            f"{loaded.name} has none. Train it: {command('train memory')}; or choose --variant "
            "gpt2+am, which needs no training."
        )


def _check_memory(chosen: Namespace) -> None:
    if chosen.variant == "gpt2":
        raise ValueError("--session needs a variant with a memory. Add --variant gpt2+am or gpt2-m")
    if chosen.session is None:
        raise ValueError(f"--variant {chosen.variant} needs a memory. Add --session NAME")
    if chosen.no_cache or chosen.cache_policy or chosen.cache_budget is not None:
        raise ValueError("A memory does not work with a bounded or missing cache. Choose one of "
                         "them.")
    if chosen.slots is not None and chosen.slots < 0:
        raise ValueError(f"--slots must be 0 or more, got {chosen.slots}.")


def _generate(
    loaded: Checkpoint, reader: generate.Reader, chosen: Namespace, ids: Ids, n_front: int = 0
) -> Generator[str, None, dict]:
    """Go on behind ids (T,), in front of which n_front tokens more are in memory. A line a token
    (none with --json); returns the report."""
    steps = []
    if n_front and not chosen.json:
        yield (f"prompt too long for the room beside this memory: its first {n_front:,} tokens are "
               f"told to the memory, its last {len(ids):,} ask")
    for step in generate.generate(
        reader, ids, chosen.tokens,
        settings=SamplingSettings(chosen.temperature, chosen.top_k, chosen.top_p),
        generator=torch.Generator().manual_seed(chosen.seed),
        end_tokens=borders.ends(loaded),
    ):
        steps.append(step)
        if not chosen.json:
            yield _line(loaded, n_front + len(ids) + len(steps), step)
    return _report(loaded, len(ids), n_front, steps)


def _reader(loaded: Checkpoint, chosen: Namespace) -> generate.Reader:
    """Who reads the text: with a whole cache, with none, or with one held to a budget."""
    if chosen.no_cache and (chosen.cache_policy or chosen.cache_budget is not None):
        raise ValueError("--no-cache leaves no cache to hold to a budget. Leave one of them out.")
    if chosen.no_cache:
        return generate.WithoutCache(loaded)
    if chosen.cache_policy is None and chosen.cache_budget is not None:
        raise ValueError(
            f"--cache-budget needs a policy too. Add --cache-policy {', '.join(POLICIES)}"
        )
    if chosen.cache_policy is None:
        return generate.WithCache(loaded, KVCache(loaded.model.config.n_layer))
    window = loaded.model.config.n_positions
    return cache_budget.WithBudget(
        loaded, [POLICIES[chosen.cache_policy]],
        window if chosen.cache_budget is None else chosen.cache_budget,
        place=cache_budget.counted_on, seed=chosen.seed,
    )


def _line(loaded: Checkpoint, number: int, step: generate.GeneratedToken) -> str:
    text, reading = tokens.display(loaded.tokenizer, [step.token])[0], step.reading
    return (
        f"{number:6}  {text:16} p {step.probability:<8.3g}  {1000 * reading.seconds:8.1f} ms  "
        f"{reading.phase} of {reading.n_read:,}  {reading.n_entries:,} entries  "
        f"{reading.cache_bytes:,} bytes"
    )


def _report(
    loaded: Checkpoint, n_read: int, n_front: int, steps: list[generate.GeneratedToken]
) -> dict:
    """Everything about one generation, as JSON."""
    later = [1000 * s.reading.seconds for s in steps[1:]]
    placement = loaded.placement
    names = tokens.display(loaded.tokenizer, [s.token for s in steps])
    return {
        "model": loaded.name,
        "device": str(placement.device),
        "dtype": str(placement.dtype).removeprefix("torch."),
        "prompt_tokens": n_front + n_read,
        "told_first": n_front,
        "text": tokens.decode(loaded.tokenizer, [s.token for s in steps]),
        "first_step_ms": 1000 * steps[0].reading.seconds if steps else None,
        "ms_per_token": statistics.median(later) if later else None,
        "cache_entries": steps[-1].reading.n_entries if steps else 0,
        "cache_bytes": steps[-1].reading.cache_bytes if steps else 0,
        "ended": steps[-1].end if steps else "",
        "tokens": [_token(name, s) for name, s in zip(names, steps)],
    }


def _token(name: str, step: generate.GeneratedToken) -> dict:
    reading = step.reading
    return {
        "id": step.token, "token": name, "probability": step.probability,
        "ms": 1000 * reading.seconds, "phase": reading.phase, "read": reading.n_read,
        "entries": reading.n_entries, "cache_bytes": reading.cache_bytes,
    }


def _summary(report: dict) -> Iterator[str]:
    n = len(report["tokens"])
    if n:
        yield f"text: {report['text']}"
    if report["ended"]:
        yield f"ended: {report['ended']}"
    if report["first_step_ms"] is not None:
        n_read = report["prompt_tokens"] - report["told_first"]
        yield f"first token: {report['first_step_ms']:.1f} ms, {n_read:,} tokens read"
    if report["ms_per_token"] is not None:
        yield (
            f"then: {report['ms_per_token']:.1f} ms per token, median of {n - 1:,}, "
            f"{report['device']} {report['dtype']}"
        )
    if n:
        yield f"cache: {report['cache_bytes']:,} bytes, {report['cache_entries']:,} entries"
    if "session" in report:
        told = report["session"]
        yield (
            f"session {told['name']}: {told['prompts']:,} prompt"
            f"{'' if told['prompts'] == 1 else 's'} told, {told['slots']:,} of "
            f"{told['budget']:,} slots, {told['evicted']:,} evicted, {told['bytes']:,} bytes"
            + (f"; EDM {told['edm_slots']:,} of {told['edm_budget']:,}" if told["edm_slots"] else "")
        )
