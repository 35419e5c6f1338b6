"""One training in several processes, started by Hugging Face Accelerate: `accelerate launch -m model
train memory …`.

Every process draws the same batch and writes the same memory; each reads its share of the questions,
and gradients are added. So the steps are those of one process. Knows nothing of memory.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import torch

Rows = TypeVar("Rows")


@dataclass(frozen=True)
class Processes:
    """So many processes, and which of them this one is; accelerator: None where it is alone."""

    number: int = 1
    index: int = 0
    accelerator: Any = None

    @property
    def first(self) -> bool:
        """Whether this process measures, writes and prints."""
        return self.index == 0

    @property
    def device(self) -> str:
        """auto, or the kind of device that Accelerate gave this process."""
        return "auto" if self.accelerator is None else self.accelerator.device.type

    def share(
        self, groups: Iterable[tuple[Rows, torch.Tensor]]
    ) -> Iterator[tuple[Rows, torch.Tensor]]:
        """This process's rows of (dataclass of tensors, tensor), all with the same first axis: every
        number-th row, counted through all groups. Groups without any are left out."""
        begin = 0
        for rows, more in groups:
            mine = slice((self.index - begin) % self.number, None, self.number)
            begin += len(more)
            if len(more[mine]):
                yield _of(rows, mine), more[mine]

    def total(self, x: torch.Tensor) -> torch.Tensor:
        """The sum over all processes, without gradients."""
        return x if self.accelerator is None else self.accelerator.reduce(x, "sum")

    def add_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Every gradient becomes the sum over all processes."""
        found = [p.grad for p in parameters if p.grad is not None]
        if self.accelerator is None:
            return
        flat = self.total(torch.cat([grad.flatten() for grad in found]))
        for grad, whole in zip(found, flat.split([grad.numel() for grad in found])):
            grad.copy_(whole.view_as(grad))

    def any(self, here: bool) -> bool:
        """Whether it is so in any process."""
        if self.accelerator is None:
            return here
        return bool(self.total(torch.tensor(float(here), device=self.accelerator.device)) > 0)

    def from_first(self, value: dict) -> dict:
        """What the first process has, in all."""
        if self.accelerator is None:
            return value
        from accelerate.utils import broadcast_object_list

        return broadcast_object_list([value])[0]


def _of(rows: Rows, which: slice) -> Rows:
    return replace(rows, **{one.name: getattr(rows, one.name)[which] for one in fields(rows)})  # type: ignore[arg-type,type-var]


ALONE = Processes()


def launched() -> Processes:
    """The processes that `accelerate launch` started, or this one alone. ValueError: no Accelerate."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return ALONE
    try:
        from accelerate import Accelerator
    except ImportError as problem:
        raise ValueError("Several processes need Hugging Face Accelerate. Install it: pip install "
                         "accelerate") from problem
    accelerator = Accelerator()
    return Processes(accelerator.num_processes, accelerator.process_index, accelerator)
