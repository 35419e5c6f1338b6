"""Many pieces of work, done on the processes of a Ray cluster; without a cluster here, in turn.

  for found in each(work, common, items, spread): …    work(common, item) of every item, in their order

Ray decides where a piece runs, and runs it again where a worker was killed. Every worker holds a copy
of `common` (a model) of its own. Knows nothing of models.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Any, TypeVar

from model.loading.placement import n_cores

LOCAL = "local"
AHEAD = 2  # pieces begun for each processor of the cluster: no worker waits for us
HERE = {"num_cpus": n_cores(), "include_dashboard": False}  # of a cluster that is started here
Common = TypeVar("Common")
Item = TypeVar("Item")
Found = TypeVar("Found")


def each(
    work: Callable[[Common, Item], Found], common: Common, items: Iterable[Item],
    spread: "Spread | None" = None,
) -> Iterator[Found]:
    """work(common, item) of every item, in their order; of work that raises, the error at its place."""
    if spread is None:
        return (work(common, item) for item in items)
    return spread.in_order(spread.begin(work, common, item) for item in items)


class Spread:
    """A Ray cluster; address: what `ray.init` takes, LOCAL for a new one of this machine's processors.

    Raises ValueError where Ray is not installed or there is no cluster.
    """

    def __init__(self, address: str = LOCAL) -> None:
        self.ray = _ray()
        if not self.ray.is_initialized():
            _connect(self.ray, address)
        self._done = self.ray.remote(_done)
        self._common: tuple[Any, Any] = (self, None)  # what was put into the cluster last, and its place

    def begin(self, work: Callable[..., Any], common: Any, *given: Any) -> Any:
        """Begin work(common, *given) on some worker -> the place of what it gives, which may itself be
        given to later work."""
        if self._common[0] is not common:
            self._common = common, self.ray.put(common)
        return self._done.remote(work, [self._common[1]], *given)

    def in_order(self, places: Iterable[Any]) -> Iterator[Any]:
        """What each of these gives. Places are taken only as fast as the cluster works."""
        left = iter(places)
        ahead = AHEAD * max(1, int(self.ray.cluster_resources().get("CPU", 1)))
        begun = deque(islice(left, ahead))
        while begun:
            found = self._found(begun.popleft())
            begun.extend(islice(left, 1))
            yield found

    def _found(self, place: Any) -> Any:
        errors = self.ray.exceptions
        try:
            return self.ray.get(place)
        except errors.RayTaskError as error:
            raise error.cause from None
        except errors.RayError as error:
            raise ValueError(
                f"The Ray cluster could not finish a piece of work ({type(error).__name__}): its workers "
                "were killed again and again, perhaps because memory is short. What was finished is "
                "kept; give the same command again.") from error


def _done(work: Callable[..., Any], common: list[Any], *given: Any) -> Any:
    """On a worker. common: its place, in a list, or Ray would bring it anew for each piece."""
    return work(_fetched(common[0]), *given)


@lru_cache(maxsize=1)
def _fetched(place: Any) -> Any:
    return _ray().get(place)


def _connect(ray: Any, address: str) -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing leaves this machine
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        ray.init(address, **quiet, **(HERE if address == LOCAL else {}))
    except (OSError, RuntimeError, ValueError) as problem:
        raise ValueError(f"No Ray cluster at {address!r}: {problem}. Start one (ray start --head), or "
                         "give --ray without an address.") from problem


def _ray() -> Any:
    try:
        import ray
    except ImportError as problem:
        raise ValueError("--ray needs Ray, which is not installed here. Install it: "
                         "pip install ray") from problem
    return ray
