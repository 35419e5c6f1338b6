"""The numbers behind the Memory page's pictures, to be taken away; made only when asked for."""

import numpy as np

from components.kit.export.offers import notebook
from components.kit.export.table import Table
from components.memory import look, run
from components.memory.look import Moment


def read() -> Table:
    """What each token of the prompt reads of each slot, and of nothing where that can be."""
    now = look.look()
    if now.asked is None:
        raise ValueError("Nothing is asked, so nothing is read. Type a prompt.")
    weights, columns, nothing = look.reads(now)
    slots = [f"{i} {now.table.text[i]}" for i in columns]
    if nothing is not None:
        weights, slots = np.column_stack([weights, nothing]), [*slots, "nothing"]
    return Table({"token": now.asked.names[now.asked.n_start :], "slot": slots}, {"weight": weights})


def union() -> Table:
    """The whole softmax of the attention bank: a row a token, memory's columns first; rows sum to 1."""
    now = look.look()
    asked, texts = now.asked, now.state.bank.slots.text
    columns = [*(f"memory {i} {texts[i]}" for i in asked.kept), *asked.names]
    weights = run.weights(now.key, asked, now.head)
    return Table({"token": asked.names, "reads": columns}, {"weight": weights},
                 future_from=len(asked.kept))


def shares() -> Table:
    """Memory's share of the chosen token's attention, head by head."""
    now = look.look()
    share = now.asked.share[:, :, now.row + now.asked.n_start]
    return Table({"layer": range(len(share)), "head": range(share.shape[1])}, {"share": share})


def slots() -> Table:
    """A line a slot: where it was written, how salient it was, how much was read from it."""
    table = look.look().table
    columns = {"prompt": table.prompt, "position": table.position, "pinned": table.pinned}
    columns |= {"salience": table.salience, "total_read": table.total_read}
    return Table({"token": table.text.tolist()}, columns)


def offer_reads(now: Moment) -> None:
    """A notebook computes what the prompt reads of memory, and the next token twice."""
    row = 0 if now.asked is None else now.row
    notebook("memory", asked_run, row=row, head=now.head, edm_head=now.edm_head,
             told=now.state.prompts)


def offer_ways(now: Moment) -> None:
    """A notebook computes how far memory's ways in are open, and what they add."""
    notebook("ways", asked_run, told=now.state.prompts)


def offer_writes() -> None:
    """A notebook computes what telling the prompt can write."""
    notebook("written", told_run)


def asked_run() -> tuple:
    """The prompt's run with memory, and its text."""
    now = look.look()
    if now.asked is None:
        raise ValueError(now.problem or "Nothing is asked, so nothing is read. Type a prompt.")
    return now.asked.recalled.trace, now.text


def plain_run() -> tuple:
    """The prompt's run without memory, behind <|endoftext|>, and its text."""
    now = look.look()
    if now.asked is None:
        raise ValueError(now.problem or "No token yet, so nothing to compute. Type a prompt.")
    return now.asked.plain, now.text


def told_run() -> tuple:
    """The prompt's run as telling it reads it, and its text."""
    text = look.look().text
    return run.told_plain(text), text
