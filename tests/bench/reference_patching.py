"""Our grids of activation patching against TransformerLens' `patching` module: equal, and how fast.

In an environment of its own, because it needs other versions than the app:

    python3 -m venv /tmp/reference && /tmp/reference/bin/pip install -r tests/bench/reference_patching.txt
    OMP_NUM_THREADS=1 /tmp/reference/bin/python -m tests.bench.reference_patching

Both run in one process on the same weights. Times are processor time of one thread, so that what else
the machine does is not counted.
"""

import argparse
import itertools
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import torch
from transformer_lens import HookedTransformer, HookedTransformerConfig
from transformer_lens import patching as reference
from transformer_lens.pretrained.weight_conversions import convert_gpt2_weights

from model.analysis import patching, recovery
from model.loading import checkpoint
from model.run import tokens, trace
from tests.bench.model import gpt2_small, ids

THEIRS = {
    "stream": reference.get_act_patch_resid_pre, "attn": reference.get_act_patch_attn_out,
    "mlp": reference.get_act_patch_mlp_out, "head": reference.get_act_patch_attn_head_out_all_pos,
}
SHARPER = 3  # times q and k: with random weights of the usual size no head prefers any token; at 8
# times, rounding grows from layer to layer, and two runs of one model differ by 2e-4
N_RANDOM = 6  # tokens of a random prompt
NAMES = ["Mary", "John", "Tom", "James", "Alice", "Anna", "Paul", "Jane", "George", "Henry"]
STORIES = ["When {a} met {b}, {c} gave a book to", "Then {a} and {b} spoke, and {c} wrote to"]


def theirs(model) -> HookedTransformer:
    """The same weights in their model, nothing folded."""
    config = model.config
    shape = HookedTransformerConfig(
        n_layers=config.n_layer, d_model=config.n_embd, n_ctx=config.n_positions, n_heads=config.n_head,
        d_head=config.n_embd // config.n_head, d_mlp=config.n_inner or 4 * config.n_embd,
        d_vocab=config.vocab_size, act_fn=config.activation_function, normalization_type="LN",
        eps=config.layer_norm_epsilon, device="cpu",
    )
    made = HookedTransformer(shape)
    made.load_state_dict(convert_gpt2_weights(model, made.cfg), strict=False)
    return made.eval().requires_grad_(False)


def shares(their_model, site, clean, corrupt, answer, against, cells=None) -> np.ndarray:
    """Their grid as recovered shares; of the cells (n,2) alone, (n,)."""
    clean, corrupt = (torch.tensor(x)[None] for x in (clean, corrupt))
    metric = lambda logits: logits[0, -1, answer] - logits[0, -1, against]
    first, cache = their_model.run_with_cache(clean)
    first, last = metric(first), metric(their_model(corrupt))
    names = "layer", "head" if site == "head" else "pos"
    only = {} if cells is None else {
        "index_axis_names": None, "index_df": pd.DataFrame(cells, columns=names)}
    grid = THEIRS[site](their_model, corrupt, cache, metric, **only)
    return ((grid - last) / (first - last)).numpy()


def ours(loaded, site, clean, corrupt, answer, against) -> np.ndarray:
    """Our grid, traces included."""
    a = trace.run(loaded, clean)
    b = trace.run(loaded, corrupt, a)
    grid = patching.every_cell(loaded, b, a, site)
    return recovery.recovered(loaded, grid, a, b, "difference", answer, against).share


@torch.inference_mode()
def compare(name, loaded, pairs, sites, n_cells) -> None:
    """The largest difference of any share, per site; n_cells: so many cells of each pair, 0 = all."""
    their_model, rng = theirs(loaded.model), np.random.default_rng(6)
    for site in sites:
        worst = 0.0
        for pair in pairs:
            mine = ours(loaded, site, *pair)
            every = np.argwhere(np.isfinite(mine))
            cells = rng.permutation(every)[:n_cells] if n_cells else every
            found = shares(their_model, site, *pair, cells)
            worst = max(worst, float(np.abs(mine[tuple(cells.T)] - found).max()))
        verdict = "met" if worst <= 1e-4 else "MISSED"
        print(f"{name}, {site}: {len(pairs)} pairs of {len(cells)} cells, largest difference {worst:.1e} "
              f"(aim 1e-4: {verdict})", flush=True)


@torch.inference_mode()
def times(loaded, n_tokens, sites) -> None:
    """Ours ÷ theirs for one pair that differs from the first token on."""
    their_model, every = theirs(loaded.model), ids(2 * n_tokens)
    pair = (every[:n_tokens], every[n_tokens:], 5, 7)
    for site in sites:
        spent, found = [], []
        for run, model in ((ours, loaded), (shares, their_model)):
            start = time.process_time()
            found.append(run(model, site, *pair))
            spent.append(time.process_time() - start)
        print(f"GPT-2-small shape, {site}, {n_tokens} tokens: {spent[0]:.1f} s ÷ {spent[1]:.1f} s = "
              f"{spent[0] / spent[1]:.3f} (aim 0.5), processor time; largest difference "
              f"{np.abs(found[0] - found[1]).max():.1e}", flush=True)


def random_pairs(loaded, n) -> list:
    """Prompts of random ids; most differ from the first token on, some share a beginning. Answers:
    the tokens whose logits differ most between both, so that a share divides by no small number."""
    rng = np.random.default_rng(4)
    found = []
    for i in range(n):
        clean, corrupt = rng.integers(0, 50257, (2, N_RANDOM))
        corrupt[: i % 4] = clean[: i % 4]
        apart = trace.run(loaded, clean).next_logits - trace.run(loaded, corrupt).next_logits
        found.append((clean, corrupt, int(apart.argmax()), int(apart.argmin())))
    return found


def told_pairs(loaded, n) -> list:
    """Who was given something: the corrupted story has the other giver."""
    names = [name for name in NAMES if len(tokens.encode(loaded.tokenizer, f" {name}")) == 1]
    found = []
    for a, b in itertools.islice(itertools.permutations(names, 2), n):
        story = STORIES[len(found) % 2]
        clean, corrupt = (
            tokens.encode(loaded.tokenizer, story.format(a=a, b=b, c=giver)) for giver in (b, a)
        )
        answers = (int(tokens.encode(loaded.tokenizer, f" {name}")[0]) for name in (a, b))
        found.append((clean, corrupt, *answers))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--sites", default=",".join(patching.SITES))
    parser.add_argument("--only", choices=["embedded", "random", "times"])
    parser.add_argument("--cells", type=int, default=0, help="of each random pair; 0: all")
    given = parser.parse_args()
    sites = given.sites.split(",")
    small = SimpleNamespace(model=gpt2_small("tapped"))
    for block in small.model.transformer.h:
        block.attn.c_attn.weight[:, : 2 * 768].mul_(SHARPER)
    if given.only in (None, "embedded"):
        embedded = checkpoint.load("embedded", device="cpu")
        compare("embedded", embedded, told_pairs(embedded, given.pairs), sites, 0)
    if given.only in (None, "times"):
        times(small, 24, sites)
    if given.only in (None, "random"):
        compare("GPT-2-small shape", small, random_pairs(small, given.pairs), sites, given.cells)


if __name__ == "__main__":
    main()
