"""The KV cache: the keys and values of every token read so far, two tensors a layer.

A plain object: whoever generates owns it and passes it in. It knows nothing of tokens and text.
transformers' own cache copies all of itself at every step; this one writes into a reserve.
"""

from typing import Any, cast

from torch import Tensor
from transformers.cache_utils import Cache, DynamicLayer

FIRST_RESERVE = 64  # entries; doubled whenever it is full


class LayerCache(DynamicLayer):
    """K and V of one layer, (B,H,t,D): views of a reserve that is at most twice as long."""

    keys: Tensor  # set with the first entries
    values: Tensor

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Called by transformers before the first entries come."""
        super().lazy_initialization(key_states, value_states)
        self._k = key_states.new_empty(*key_states.shape[:2], 0, key_states.shape[3])
        self._v = value_states.new_empty(*value_states.shape[:2], 0, value_states.shape[3])
        self.hold(self._k, self._v)

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Append n entries (B,H,n,D); returns all of them. The signature is transformers'."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        old = self.keys.shape[2]
        new = old + key_states.shape[2]
        if new > self._k.shape[2]:
            self._k, self._v = _longer(self.keys, new), _longer(self.values, new)
        self._k[:, :, old:new] = key_states
        self._v[:, :, old:new] = value_states
        self.keys, self.values = self._k[:, :, :new], self._v[:, :, :new]
        return self.keys, self.values

    def hold(self, keys: Tensor, values: Tensor) -> None:
        """Hold these entries and no others."""
        self._k, self._v = keys, values
        self.keys, self.values = keys, values

    def keep(self, kept: Tensor) -> None:
        """kept (B,H,n): which entries of each head stay; the others are overwritten and gone."""
        n = kept.shape[2]
        index = kept[..., None].expand(-1, -1, -1, self.keys.shape[3])
        for store, held in ((self._k, self.keys), (self._v, self.values)):
            store[:, :, :n] = held.gather(2, index)
        self.keys, self.values = self._k[:, :, :n], self._v[:, :, :n]

    def forked(self) -> "LayerCache":
        """Another cache of the same entries, which are not copied."""
        other = LayerCache()  # type: ignore[no-untyped-call]
        if self.is_initialized:
            other.lazy_initialization(self.keys, self.values)
            other._k, other._v = self._k, self._v
            other.keys, other.values = self.keys, self.values
        return other

    @property
    def reserved_bytes(self) -> int:
        """Bytes set aside for this layer, used or not."""
        return 0 if not self.is_initialized else self._k.nbytes + self._v.nbytes


class KVCache(Cache):
    """One LayerCache a layer; every layer holds the same number of entries."""

    def __init__(self, n_layers: int) -> None:
        super().__init__(layers=[LayerCache() for _ in range(n_layers)])  # type: ignore[no-untyped-call]

    @property
    def layer_caches(self) -> list[LayerCache]:
        """`layers`, as what they are."""
        return cast(list[LayerCache], self.layers)

    @property
    def n_entries(self) -> int:
        """Entries of each head: t."""
        return self.get_seq_length()

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(B,H,t,D) of the K and of the V of every layer; zeros before the first token."""
        first = self.layer_caches[0]
        if not first.is_initialized:
            return 0, 0, 0, 0
        B, H, t, D = first.keys.shape
        return B, H, t, D

    @property
    def n_bytes(self) -> int:
        """Bytes of all entries, counted from the live tensors."""
        live = [layer for layer in self.layer_caches if layer.is_initialized]
        return sum(layer.keys.nbytes + layer.values.nbytes for layer in live)

    @property
    def reserved_bytes(self) -> int:
        """Bytes set aside, of which n_bytes are in use."""
        return sum(layer.reserved_bytes for layer in self.layer_caches)

    def keep(self, kept: Tensor) -> None:
        """kept (B,L,H,n): drop all other entries of each head."""
        for i, layer in enumerate(self.layer_caches):
            layer.keep(kept[:, i].to(layer.keys.device))

    def forked(self) -> "KVCache":
        """Another cache that goes on from the same entries. What it appends may lie in the same
        reserve, behind the entries of this one: of all forks, one only may grow."""
        other = KVCache(len(self.layers))
        other.layers = [layer.forked() for layer in self.layer_caches]
        return other

    def repeat(self, n_rows: int) -> None:
        """One conversation becomes n_rows equal ones (B = n_rows)."""
        for layer in self.layer_caches:
            pair = (layer.keys, layer.values)
            layer.hold(*(x.repeat_interleave(n_rows, dim=0) for x in pair))


def _longer(held: Tensor, wanted: int) -> Tensor:
    """A reserve for at least `wanted` entries that begins with those held."""
    n = FIRST_RESERVE
    while n < wanted:
        n *= 2
    store = held.new_empty(*held.shape[:2], n, held.shape[3])
    store[:, :, : held.shape[2]] = held
    return store
