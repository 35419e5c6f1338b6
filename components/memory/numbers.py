"""The numbers behind the Memory page's pictures, to be taken away; made only when asked for."""

import numpy as np

from components.kit.export.table import Table
from components.memory import look, run


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
    return Table({"token": asked.names, "reads": columns}, {"weight": weights})


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
