"""Recurrent memory: a GRU or LSTM that carries a state from prompt to prompt.

Carry-only: what enters the stream depends on the state carried IN from earlier prompts and on the
token itself. So without an earlier prompt nothing is added, trained or not. `output` starts at zero
and has no bias: an untrained memory adds nothing (an ungated GRU in front of a pretrained model
destroys it: MEMORY.md 4). Early: over the embeddings; late: before the LM head.
B rows, T tokens, C model width. Knows nothing of prompts and files.
"""

import torch
from torch import nn

CELLS = {"gru": nn.GRU, "lstm": nn.LSTM}


class Recurrent(nn.Module):
    """One recurrent memory. A state is (B,S·C): h for a GRU (S = 1), h and c for an LSTM (S = 2)."""

    def __init__(self, width: int, cell: str = "gru") -> None:
        super().__init__()
        if cell not in CELLS:
            raise ValueError(f"No recurrent cell {cell!r}. Choose one of {', '.join(CELLS)}.")
        self.width, self.kind = width, cell
        self.norm = nn.LayerNorm(width)
        self.cell = CELLS[cell](width, width, batch_first=True)
        self.gate = nn.Linear(width, width)
        self.output = nn.Linear(width, width, bias=False)
        nn.init.zeros_(self.output.weight)

    @property
    def state_width(self) -> int:
        """Numbers in a state."""
        return self.width * (2 if self.kind == "lstm" else 1)

    def read(self, stream: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
        """stream (B,T,C), state (B,S·C) carried in -> what is added to the stream (B,T,C)."""
        carried = state[:, None, : self.width]
        return self.output(carried * self.openness(stream))

    def openness(self, stream: torch.Tensor) -> torch.Tensor:
        """The gate of every token and channel, (B,T,C), 0 closed to 1 open."""
        return self.gate(self.norm(stream)).sigmoid()

    def write(self, stream: torch.Tensor, state: torch.Tensor, n: torch.Tensor) -> torch.Tensor:
        """A prompt's stream (B,T,C), of which the first n (B,) >= 1 tokens are real, and the state
        before -> the state after the last real token. Padding changes nothing."""
        packed = nn.utils.rnn.pack_padded_sequence(
            self.norm(stream), n.cpu(), batch_first=True, enforce_sorted=False
        )
        parts = [part.contiguous()[None] for part in state.split(self.width, dim=-1)]
        before = parts[0] if self.kind == "gru" else tuple(parts)
        _, after = self.cell(packed, before)
        return after[0] if self.kind == "gru" else torch.cat([part[0] for part in after], dim=-1)

    def path(self, stream: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
        """The hidden state after every token of one prompt, (T,C), from stream (1,T,C)."""
        parts = [part.contiguous()[None] for part in state.split(self.width, dim=-1)]
        before = parts[0] if self.kind == "gru" else tuple(parts)
        return self.cell(self.norm(stream), before)[0][0]
