"""Activation patching: one run's values at one place put into another run of the same model.

The other run, `base`, is left at the layer where the value enters and goes on from there. The layers
below, the keys and values of the tokens before and the memory that it reads stay its own
(model.run.onward): only the source's values at the place enter. Nothing is changed on the model. What
comes back is the last token's stream behind the last block, from which every metric is read. Meng et al. 2022 (arXiv:2202.05262); Heimersheim and Nanda 2024 (arXiv:2404.15255).
L layers, H heads, T tokens of `base`, S of the source, D head width, C model width, V vocabulary.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from model.analysis import alignment, flow
from model.grafts.blocks import blocks
from model.run import causal, turn
from model.run.checkpoint import Checkpoint
from model.run.onward import Onward, with_memory
from model.run.tap import Tap
from model.run.trace import Trace, scaling

SITES = ("stream", "attn", "mlp", "head")
FILLS = ("patch", "zero", "mean", "resample")
ROWS_AT_ONCE = 512  # rows that go through a layer at a time; between two layers others may run
MOST_TOKENS = 128  # whose cells are run without a range


@dataclass(frozen=True, eq=False)
class Grid:
    """The last token's stream behind the last block with each cell patched alone.

    site: one of SITES. streams (L,T,C), for "head" (L,H,C), float32: the cell of layer l and token
    t is the stream before block l, what attention l or MLP l wrote; the cell of a head is its z
    (what it mixed, before the output projection) at all tokens. NaN: this cell was not asked for.
    """

    site: str
    streams: torch.Tensor


def every_cell(
    checkpoint: Checkpoint, base: Trace, source: Trace, site: str,
    pairs: np.ndarray | None = None, fill: str = "patch", seed: int = 0,
) -> Grid:
    """All cells of a site; reports how many layers are done. Arguments and errors as in
    `layer_by_layer`."""
    rows = []
    for layer, streams in layer_by_layer(checkpoint, base, source, site, pairs, fill, seed):
        rows.append(streams)
        turn.report(layer + 1)
    return Grid(site, torch.stack(rows))


@torch.inference_mode()
def layer_by_layer(
    checkpoint: Checkpoint, base: Trace, source: Trace, site: str,
    pairs: np.ndarray | None = None, fill: str = "patch", seed: int = 0,
) -> Iterator[tuple[int, torch.Tensor]]:
    """A layer of the grid at a time -> (layer, (T,C) or (H,C)), from layer 0 on.

    pairs (T,): the token of the source whose value each token of the base gets, alignment.NONE: none;
    by default the same place in both. fill: what is put in: "patch" the source's value; the
    baselines "zero", "mean" over the source's tokens, "resample" the value of another of the source's
    tokens, drawn with the seed. Raises ValueError for runs with memory, of
    different token counts (without pairs), or too long; model.run.turn.Overtaken where nobody waits.
    """
    given = check_pairs(base, source, pairs)
    for layer in range(base.n_layers):
        now = values(checkpoint, base, site, layer)
        new = filled(values(checkpoint, source, site, layer), fill, seed)
        yield layer, _layer(checkpoint, base, site, layer, _put(now, new, given), now, given)


@torch.inference_mode()
def together(
    checkpoint: Checkpoint, base: Trace, source: Trace, site: str, layer: int, pairs: np.ndarray
) -> torch.Tensor:
    """One run in which all tokens that have a pair are patched in one layer at once -> the last
    token's stream behind the last block, (C,). Of "head": all heads. Raises as `layer_by_layer`."""
    check_layer(base, layer)
    given = check_pairs(base, source, pairs)
    now = values(checkpoint, base, site, layer)
    put = _put(now, values(checkpoint, source, site, layer), given)
    start, rows = _before_block(checkpoint, base, *_entered(checkpoint, base, site, layer, put, now))
    return Onward(base, [0]).through(checkpoint, start, rows)[-1].float()


@dataclass(frozen=True, eq=False)
class Cone:
    """What one patched cell changes. moved (2L+1,T) float32: ‖patched − base‖ ÷ ‖base‖ of every
    token's stream at every station (2l before block l, 2l+1 behind its attention, 2L behind the
    last block); 0 outside the cone. last (C,): the last token's stream behind the last block."""

    moved: np.ndarray
    last: torch.Tensor


@torch.inference_mode()
def cone(
    checkpoint: Checkpoint, base: Trace, source: Trace, site: str,
    taken: tuple[int, int], put: tuple[int, int], fill: str = "patch", seed: int = 0,
) -> Cone:
    """The source's value of the cell `taken` (layer, token), or what `fill` puts in its place, put
    into the base's cell `put` (layer, token). With "head": (layer, head) at all tokens. Raises
    ValueError as `layer_by_layer`, and for cells that do not exist."""
    (from_layer, at), (layer, onto) = taken, put
    check_cell(source, site, from_layer, at)
    check_cell(base, site, layer, onto)
    check_pairs(base, source, None if site == "head" else np.full(len(base), alignment.NONE))
    now = values(checkpoint, base, site, layer)
    patched = now.clone()  # a token's row, or a head's z at all tokens:
    patched[onto] = filled(values(checkpoint, source, site, from_layer), fill, seed)[at]
    station, streams = _entered(checkpoint, base, site, layer, patched, now)
    first = 0 if site == "head" else onto
    start, rows = _before_block(checkpoint, base, station, streams[first:])
    tap = Tap()
    with tap.open():
        last = Onward(base, [first]).through(checkpoint, start, rows)
    seen = dict(enumerate(tap.stream, 2 * start)) | {2 * base.n_layers: last}
    return Cone(_moved(base, {station: streams[first:]} | seen, first), last[-1].float())


def _moved(base: Trace, stations: dict[int, torch.Tensor], first: int) -> np.ndarray:
    """The streams (T−first,C) of some stations -> how far they moved, (2L+1,T)."""
    moved = np.zeros((2 * base.n_layers + 1, len(base)), dtype=np.float32)
    for station, stream in stations.items():
        was = base.layer_stream(station)[first:].float()
        length = was.norm(dim=-1).clamp(min=1e-30)
        moved[station, first:] = ((stream.float() - was).norm(dim=-1) / length).cpu().numpy()
    return moved


# -- what is put in -------------------------------------------------------------------------------


def values(checkpoint: Checkpoint, trace: Trace, site: str, layer: int) -> torch.Tensor:
    """A run's values at a site of a layer, float32: (T,C), z of the heads (H,T,D). Raises ValueError
    for an unknown site."""
    check_site(site)
    if site == "stream":
        return trace.layer_stream(2 * layer).float()
    if site == "attn":
        return trace.attention_added(layer)
    if site == "mlp":
        return trace.mlp_added(layer)
    v = trace.layer_v(layer).float()
    if trace.reading is not None:
        v = torch.cat([v, trace.reading.values[layer].to(v)], 1)
        return flow.union_weights(checkpoint, trace, layer) @ v
    return causal.weights(trace.layer_q(layer), trace.layer_k(layer), scaling(checkpoint, layer)) @ v


def filled(found: torch.Tensor, fill: str, seed: int) -> torch.Tensor:
    """A source's values (...,S,C) -> what is put in, the same shape. Raises ValueError for an unknown
    fill, and where no other token can be drawn."""
    if fill == "patch":
        return found
    if fill == "zero":
        return torch.zeros_like(found)
    if fill == "mean":
        return found.mean(-2, keepdim=True).expand_as(found)
    if fill == "resample":
        return found[..., others(found.shape[-2], seed), :]
    raise ValueError(f"Unknown fill {fill!r}. Choose among {', '.join(FILLS)}.")


def others(n: int, seed: int) -> list[int]:
    """For each of n tokens another one, drawn. Raises ValueError for one token alone."""
    if n < 2:
        raise ValueError("One token has no other to resample from. Type 2 tokens or more.")
    steps = np.random.default_rng(seed).integers(1, n, n)
    return [int(i) for i in (np.arange(n) + steps) % n]


def _put(now: torch.Tensor, new: torch.Tensor, pairs: torch.Tensor) -> torch.Tensor:
    """now (...,T,C) with the new value (...,S,C) at every token that has a pair."""
    pairs = pairs.to(now.device)
    return torch.where((pairs == alignment.NONE)[:, None], now, new[..., pairs.clamp(min=0), :])


# -- the runs -------------------------------------------------------------------------------------


def _layer(
    checkpoint: Checkpoint, base: Trace, site: str, layer: int, put: torch.Tensor,
    now: torch.Tensor, pairs: torch.Tensor,
) -> torch.Tensor:
    """A layer's cells: values `put` in the place of `now`, each alone -> (T,C) or (H,C)."""
    unchanged = base.layer_stream(-1)[-1].float()
    if site == "head":
        found = unchanged.repeat(len(now), 1)
        changed = (put != now).any(-1)  # (H,T)
        heads = changed.any(-1).nonzero()[:, 0].tolist()
        if heads:
            first = int(changed.any(0).nonzero()[0, 0])
            found[heads] = heads_mixing(checkpoint, base, layer, heads, first, put - now)
        return found
    found = unchanged.repeat(len(base), 1)
    found[pairs.to(found.device) == alignment.NONE] = torch.nan
    changed_tokens = (put != now).any(-1).nonzero()[:, 0].tolist()
    start, rows = _before_block(checkpoint, base, *_entered(checkpoint, base, site, layer, put, now))
    if start == base.n_layers:  # behind the last block a token changes nothing but itself
        if len(base) - 1 in changed_tokens:
            found[-1] = rows[-1].float()
        return found
    later = base.layer_stream(2 * start)
    for some in _batches(changed_tokens, len(base)):
        cells = torch.cat([torch.cat([rows[t : t + 1], later[t + 1 :]]) for t in some])
        onward = Onward(base, some)
        found[some] = onward.through(checkpoint, start, cells)[onward.last].float()
    return found


def heads_mixing(
    checkpoint: Checkpoint, base: Trace, layer: int, heads: list[int], first: int,
    more: torch.Tensor,
) -> torch.Tensor:
    """Runs in which one head each mixes `more` (H,T,D) than it does in the base; before the token
    `first` nothing more -> the last token's streams behind the last block, (len(heads),C)."""
    out, found = output_projection(checkpoint, layer), []
    mid = base.layer_stream(2 * layer + 1)[first:]
    n_rows = len(mid) if layer + 1 < base.n_layers else 1
    n_at_once = max(1, ROWS_AT_ONCE // n_rows)
    for i in range(0, len(heads), n_at_once):
        some = heads[i : i + n_at_once]
        write = (more[some, first:] @ out[some]).to(mid)  # (h,t,C)
        rows = behind_mlp(checkpoint, layer, (mid + write)[:, -n_rows:].flatten(0, 1))
        rows = with_memory(base, layer + 1, rows)
        if layer + 1 < base.n_layers:
            onward = Onward(base, [first] * len(some))
            rows = onward.through(checkpoint, layer + 1, rows)[onward.last]
        found.append(rows.float())
    return torch.cat(found)


def _entered(
    checkpoint: Checkpoint, base: Trace, site: str, layer: int, put: torch.Tensor,
    now: torch.Tensor,
) -> tuple[int, torch.Tensor]:
    """Values `put` in the place of `now` at every token -> the first station that they reach, and the
    streams there, (T,C): where nothing changed, the base's own."""
    station = 2 * layer + {"stream": 0, "attn": 1, "head": 1, "mlp": 2}[site]
    there = base.layer_stream(station)
    if site == "head":
        more = torch.einsum("htd,hdc->tc", put - now, output_projection(checkpoint, layer))
        return station, there + more.to(there)
    new = put.to(there) if site == "stream" else base.layer_stream(station - 1) + put.to(there)
    if site == "mlp":
        new = with_memory(base, layer + 1, new)
    return station, torch.where((put != now).any(-1, keepdim=True), new, there)


def _before_block(
    checkpoint: Checkpoint, base: Trace, station: int, streams: torch.Tensor
) -> tuple[int, torch.Tensor]:
    """Streams (...,C) at a station -> the next block, 0 to L, and the streams before it."""
    block = (station + 1) // 2
    if station % 2:
        streams = with_memory(base, block, behind_mlp(checkpoint, station // 2, streams))
    return block, streams


def behind_mlp(checkpoint: Checkpoint, layer: int, mid: torch.Tensor) -> torch.Tensor:
    """Streams (...,C) between a layer's attention and its MLP -> those behind the MLP."""
    block = blocks(checkpoint.model)[layer]
    behind: torch.Tensor = mid + block.mlp(block.ln_2(mid))
    return behind


def output_projection(checkpoint: Checkpoint, layer: int) -> torch.Tensor:
    """The output projection, head by head, (H,D,C)."""
    attention = blocks(checkpoint.model)[layer].attn
    return attention.c_proj.weight.float().view(attention.num_heads, attention.head_dim, -1)


def _batches(tokens: Sequence[int], n: int) -> Iterator[list[int]]:
    """Cells' tokens, the last first, in batches whose rows (n − token each) are few enough."""
    some: list[int] = []
    for token in reversed(tokens):
        if some and sum(n - t for t in some) + n - token > ROWS_AT_ONCE:
            yield some
            some = []
        some.append(token)
    if some:
        yield some


# -- what cannot be -------------------------------------------------------------------------------


def check_pairs(base: Trace, source: Trace, pairs: np.ndarray | None) -> torch.Tensor:
    """Raise ValueError where these runs cannot be patched -> the pairs (T,) as a tensor."""
    if base.rows[0].stream[0].shape[1] != source.rows[0].stream[0].shape[1]:
        widths = [run.rows[0].stream[0].shape[1] for run in (source, base)]
        raise ValueError(f"A stream of width {widths[0]} does not fit one of width {widths[1]}. "
                         "Patch between two prompts of one model.")
    if pairs is None:
        if len(base) != len(source):
            raise ValueError(
                f"Different token counts: {len(source)} in the prompt that is read, {len(base)} in the "
                "one that is patched. Make them equal, or align the tokens both have."
            )
        pairs = alignment.by_position(len(base), len(source))
    n_asked = int((pairs != alignment.NONE).sum())
    if n_asked > MOST_TOKENS:
        raise ValueError(
            f"Too many cells: {n_asked:,} tokens in each of {base.n_layers} layers. Choose a range of "
            f"at most {MOST_TOKENS} tokens."
        )
    assert pairs.shape == (len(base),) and pairs.max() < len(source), f"pairs {pairs}"
    return torch.as_tensor(pairs)


def check_site(site: str) -> None:
    """Raise ValueError for an unknown site."""
    if site not in SITES:
        raise ValueError(f"Unknown site {site!r}. Choose among {', '.join(SITES)}.")


def check_layer(trace: Trace, layer: int) -> None:
    """Raise ValueError for a layer that the model does not have."""
    if not 0 <= layer < trace.n_layers:
        raise ValueError(f"There is no layer {layer}. Choose 0 to {trace.n_layers - 1}.")


def check_cell(trace: Trace, site: str, layer: int, at: int) -> None:
    """Raise ValueError for a cell (layer and token, or layer and head) that does not exist."""
    check_layer(trace, layer)
    what, n = ("head", len(trace.rows[0].q[0])) if site == "head" else ("token", len(trace))
    if not 0 <= at < n:
        raise ValueError(f"There is no {what} {at}. Choose 0 to {n - 1}.")
