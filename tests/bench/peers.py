"""What others use, in the same run: GPT-2 small's shape, random weights, the same prompts.

    .venv/bin/pip install -r tests/bench/peers.txt && .venv/bin/python -m model bench --peers

Each pair takes turns on one thread, and processor time is counted, so that what else the machine
does is not. The lines are the rows of a table in Markdown. A peer that is not installed is a row
that says so.
"""

import contextlib
import io
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from playwright.sync_api import Error as BrowserError
from playwright.sync_api import sync_playwright
from xstatic.pkg import d3, jquery

from components.kit import canvas
from components.start import whole
from model.analysis import attention, flow, lens, patching
from model.run import trace
from tests.bench import app, generation
from tests.bench.model import gpt2_small, ids
from tests.browser.conftest import CHROMIUM_FLAGS, chromium
from tests.conftest import byte_tokenizer

TOKENS = (16, 64, 256, 1024)
ROUNDS = 5
GRID_TOKENS = 24
GRAPH_TOKENS = (16, 64, 256)
VIEW_MOST = 256  # tokens: bertviz' model view of 1,024 is some gigabytes of text
PAINT_MOST_S = 180  # after so long a page counts as not painted
SHARPER = 8  # times q and k: with random weights of the usual size no head prefers any token


@dataclass(frozen=True)
class Row:
    """One comparison: ours and theirs, with units, and ours ÷ theirs."""

    what: str
    peer: str
    ours: str
    theirs: str
    ratio: float | None = None

    name = property(lambda self: f"{self.what}, {self.peer}")

    def as_dict(self) -> dict:
        """All fields, for JSON."""
        return {"peer": self.peer, "ours": self.ours, "theirs": self.theirs, "ratio": self.ratio}

    def __str__(self) -> str:
        ratio = "" if self.ratio is None else f"{self.ratio:.2g}"
        return f"| {self.what} | {self.peer} | {self.ours} | {self.theirs} | {ratio} |"


HEAD = ("| GPT-2 small's shape | peer | ours | theirs | ours ÷ theirs |", "| --- | --- | --- | --- | --- |")


def measure() -> Iterator[Row]:
    """All rows, as they come; one thread."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        ours = SimpleNamespace(model=gpt2_small("tapped"), fingerprint="bench")
        yield from _traces(ours, "transformers, eager, all attentions and hidden states", _eager())
        yield from _traces(ours, "TransformerLens, run_with_cache", _lens())
        yield _generation(ours)
        yield from _grids(ours)
        yield from _views(ours)
        yield from _first_paints(ours)
        yield from _graphs()
    finally:
        torch.set_num_threads(n_threads)


def _missing(what: str, peer: str, why: Exception) -> Row:
    return Row(what, peer, "", f"not measured: {' '.join(str(why).split())[:90]}")


# -- traces --------------------------------------------------------------------------------------


def _eager() -> Callable[[np.ndarray], object]:
    model = gpt2_small("eager")
    return lambda prompt: model(torch.as_tensor(prompt)[None], use_cache=True, logits_to_keep=1,
                                output_attentions=True, output_hidden_states=True)


def _lens() -> Callable[[np.ndarray], object] | Exception:
    """run_with_cache of the same weights, through TransformerLens 4's bridge."""
    bridge = _bridge()
    if isinstance(bridge, Exception):
        return bridge
    return lambda prompt: bridge.run_with_cache(torch.as_tensor(prompt)[None])


def _bridge():
    """TransformerLens 4 round the same weights, or why it cannot be had."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return _made_bridge()
    except (ImportError, TypeError, ValueError, RuntimeError, AttributeError) as problem:
        return problem


def _made_bridge():
    """Config and tokenizer lie in a folder, so nothing is downloaded."""
    from transformer_lens.model_bridge import TransformerBridge

    model = gpt2_small("eager")
    with tempfile.TemporaryDirectory() as folder:
        model.config.architectures = ["GPT2LMHeadModel"]
        model.config.save_pretrained(folder)
        byte_tokenizer().save_pretrained(folder)
        return TransformerBridge.boot_transformers(folder, device="cpu", hf_model=model)


def _traces(ours, peer: str, theirs: Callable | Exception) -> Iterator[Row]:
    if isinstance(theirs, Exception):
        yield _missing("trace", peer, theirs)
        return
    for n in TOKENS:
        a, b = _trace(ours, theirs, ids(n))
        yield Row(f"trace of {n:,} tokens", peer, f"{1000 * a:.0f} ms", f"{1000 * b:.0f} ms", a / b)


@torch.inference_mode()
def _trace(ours, theirs: Callable, prompt: np.ndarray) -> list[float]:
    return _medians(lambda: trace.run(ours, prompt), lambda: theirs(prompt))


# -- generation and patching -----------------------------------------------------------------------


def _generation(ours) -> Row:
    stock = gpt2_small("sdpa")
    a, b = _medians(lambda: generation._ours(ours), lambda: generation._theirs(stock))
    n = generation.N_TOKENS
    return Row(f"{generation.N_PROMPT} tokens read, {n} generated", "transformers' generate",
               f"{1000 * a / n:.1f} ms/token", f"{1000 * b / n:.1f} ms/token", a / b)


@torch.inference_mode()
def _grids(ours) -> Iterator[Row]:
    """Every cell of the stream: ours at once; theirs a hooked forward pass a cell."""
    clean, corrupt = ids(2 * GRID_TOKENS)[:GRID_TOKENS], ids(2 * GRID_TOKENS)[GRID_TOKENS:]
    a, b = trace.run(ours, clean), trace.run(ours, corrupt)
    n_cells = ours.model.config.n_layer * GRID_TOKENS
    for peer, one_cell in ((f"a forward hook and a pass a cell ({n_cells} × one)", _hooked(clean, corrupt)),
                           (f"TransformerLens' patching ({n_cells} × one)", _patched(clean, corrupt))):
        what = f"activation patching, {n_cells} cells of the stream, {GRID_TOKENS} tokens"
        if isinstance(one_cell, Exception):
            yield _missing(what, peer, one_cell)
            continue
        grid, cell = _medians(lambda: patching.every_cell(ours, b, a, "stream"), one_cell, rounds=3)
        yield Row(what, peer, f"{grid:.2f} s", f"{cell * n_cells:.2f} s", grid / (cell * n_cells))


def _hooked(clean: np.ndarray, corrupt: np.ndarray) -> Callable[[], None]:
    """One cell with transformers alone."""
    stock = gpt2_small("sdpa")
    hidden = stock(torch.as_tensor(clean)[None], output_hidden_states=True).hidden_states

    def one_cell() -> None:
        def put(block, inputs):
            inputs[0][:, 7] = hidden[5][:, 7]

        hook = stock.transformer.h[5].register_forward_pre_hook(put)
        stock(torch.as_tensor(corrupt)[None], use_cache=False)
        hook.remove()

    return one_cell


def _patched(clean: np.ndarray, corrupt: np.ndarray) -> Callable[[], object] | Exception:
    """One cell of TransformerLens' own grid, in the middle of it."""
    bridge = _bridge()
    if isinstance(bridge, Exception):
        return bridge
    import pandas as pd
    from transformer_lens import patching as theirs

    _, cache = bridge.run_with_cache(torch.as_tensor(clean)[None])
    where = pd.DataFrame({"layer": [5], "pos": [7]})
    return lambda: theirs.get_act_patch_resid_pre(
        bridge, torch.as_tensor(corrupt)[None], cache, lambda logits: logits[0, -1, 0],
        index_axis_names=None, index_df=where)


# -- pictures --------------------------------------------------------------------------------------


def _views(ours) -> Iterator[Row]:
    """All heads at once: bytes that the browser gets, and the time to make them from a trace."""
    try:
        from bertviz import head_view, model_view
    except ImportError as problem:
        yield _missing("all heads", "bertviz", problem)
        return
    for n in TOKENS:
        for view in (model_view, head_view):
            yield _view(ours, n, view)


def _view(ours, n: int, view: Callable) -> Row:
    run = trace.run(ours, ids(n))
    mine, mine_s = _timed(lambda: _heads(ours, run))
    what, peer = f"all heads of {n:,} tokens", f"bertviz {view.__name__}"
    if n > VIEW_MOST:
        n_heads = ours.model.config.n_layer * ours.model.config.n_head
        return Row(what, peer, f"{_bytes(mine)}, {1000 * mine_s:.0f} ms",
                   f"not made: {n_heads * n * n:,} numbers as text")
    page, theirs_s = _timed(lambda: _bertviz(ours, run, view))
    theirs = len(page.encode())
    return Row(what, peer, f"{_bytes(mine)}, {1000 * mine_s:.0f} ms",
               f"{_bytes(theirs)}, {1000 * theirs_s:.0f} ms", mine / theirs)


def _bertviz(ours, run, view: Callable) -> str:
    """bertviz' page of all heads of a run."""
    maps = [torch.as_tensor(attention.layer_weights(ours, run, i))[None] for i in range(run.n_layers)]
    return view(maps, [f"w{i}" for i in range(len(run))], html_action="return").data


def _heads(ours, run) -> int:
    """Bytes of our picture of all heads, without the notes at the pointer."""
    pooled = attention.survey(ours, run).pooled
    return len(canvas.pack({}, levels=canvas.levels(canvas.lower_triangle(pooled))))


WITHOUT_NET = """
window.require = window.requirejs = (names, draw) =>
  draw(...names.map((name) => ({ jquery: window.jQuery, d3: window.d3 })[name]));
window.require.config = () => {};
"""
"""In the place of bertviz' loader, which fetches jQuery and D3 from a server; both are put in front."""
PAINTED = "new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(performance.now()))))"


def _first_paints(ours) -> Iterator[Row]:
    """From a trace that exists to the picture in a browser, on the clock: ours from the click in the
    running app, with the server's work; theirs from making the page to opening its file."""
    try:
        from bertviz import head_view, model_view
    except ImportError as problem:
        yield _missing("first paint of all heads", "bertviz", problem)
        return
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        model = app.gpt2_small_folder(Path(folder) / "model")
        with app.running(Path(folder) / "app.txt", MNEMOSCOPE_MODEL=str(model)) as (_, address, _t):
            mine = {n: app.click_to_grid(browser, address, n)[0] for n in TOKENS}
        for n in TOKENS:
            for view in (model_view, head_view):
                theirs = _seconds_to_paint(ours, browser, Path(folder) / "page.html", n, view)
                yield Row(f"first paint of all heads of {n:,} tokens", f"bertviz {view.__name__}",
                          f"{mine[n]:.1f} s", theirs if isinstance(theirs, str) else f"{theirs:.1f} s",
                          None if isinstance(theirs, str) else mine[n] / theirs)
        browser.close()


def _seconds_to_paint(ours, browser, path: Path, n: int, view: Callable) -> float | str:
    """Making the page and opening it; or why there is nothing to see."""
    if n > VIEW_MOST:
        return "not made"
    run, start = trace.run(ours, ids(n)), time.perf_counter()
    text = _bertviz(ours, run, view)
    made = time.perf_counter() - start
    loads = "".join(f"<script>{_source(one)}</script>" for one in (jquery, d3))
    path.write_text(f"<meta charset=utf-8>{loads}<script>{WITHOUT_NET}</script>{text}")
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(1000 * PAINT_MOST_S)
    try:
        page.goto(path.as_uri(), wait_until="commit")
        page.locator("#vis svg, svg").first.wait_for(state="attached")
        return made + page.evaluate(PAINTED) / 1000
    except BrowserError:
        return f"not painted in {PAINT_MOST_S} s"
    finally:
        page.close()


def _source(package) -> str:
    """The script of an XStatic package."""
    return (Path(package.BASE_DIR) / f"{package.__name__.rpartition('.')[2]}.js").read_text()


def _graphs() -> Iterator[Row]:
    """What flows into the last token: ours follows it back, in two ways: what is worth a line, as in the
    app, with MLPs and words, and every part however small. The usual way computes every edge of every
    layer between all tokens, from all heads' weighted values, and neither MLPs nor words."""
    sharp = SimpleNamespace(model=gpt2_small("tapped"))
    for block in sharp.model.transformer.h:
        block.attn.c_attn.weight[:, : 2 * 768].mul_(SHARPER)
    for n in GRAPH_TOKENS:
        yield from _graph(sharp, n)


@torch.inference_mode()
def _graph(sharp, n: int) -> Iterator[Row]:
    run = trace.run(sharp, ids(n))
    drawn, followed, b = _medians(
        lambda: (flow.follow(sharp, run, n - 1), lens.best_words(sharp, run, n - 1)),
        lambda: flow.follow(sharp, run, n - 1, 0, 0), lambda: every_edge(sharp, run), rounds=2)
    peer = "every edge of a contribution graph, without MLPs and words"
    for what, seconds, more in (("as drawn, with MLPs and words", drawn, f", {_bytes(_sent(sharp, run))}"),
                                ("every part", followed, "")):
        yield Row(f"flow into the last of {n} tokens, {what}", peer, f"{1000 * seconds:.0f} ms{more}",
                  f"{1000 * b:.0f} ms", seconds / b)


def every_edge(checkpoint, run) -> list[torch.Tensor]:
    """Contribution graph of Ferrando and Voita 2024 (arXiv:2403.00824), as published: for each layer
    the vector that every token adds to every other, (T,T,C), and its share by L1 proximity, (T,T)."""
    shares = []
    for layer, block in enumerate(checkpoint.model.transformer.h):
        n_heads = run.layer_v(layer).shape[0]
        out = block.attn.c_proj.weight.view(n_heads, -1, block.attn.c_proj.weight.shape[1])  # (H,D,C)
        values = torch.einsum("hsd,hdc->hsc", run.layer_v(layer), out)
        weights = torch.as_tensor(attention.layer_weights(checkpoint, run, layer))
        after = run.layer_stream(2 * layer + 1)
        added = torch.einsum("hts,hsc->tsc", weights, values)
        near = (after.abs().sum(-1)[:, None] - (after[:, None] - added).abs().sum(-1)).clamp(min=0)
        shares.append(near / near.sum(-1, keepdim=True).clamp(min=1e-9))
    return shares


def _sent(checkpoint, run) -> int:
    """Bytes of the message that draws our flow, with made-up words in the place of names."""
    n = len(run)
    found, probability = lens.best_words(checkpoint, run, n - 1)
    seen = SimpleNamespace(
        flow=flow.follow(checkpoint, run, n - 1), words=[f"·word{i}" for i in found],
        probability=probability, next=SimpleNamespace(texts=["·word"] * 6, probability=probability[:6]))
    names = [f"·word{i}" for i in run.ids]
    picture = whole.Picture("gpt2", names, run.ids, 0, 12, seen, lambda *_: None, None, False)
    return len(canvas.pack(whole.message(picture)))


# -- clocks ----------------------------------------------------------------------------------------


def _medians(*calls: Callable, rounds: int = ROUNDS) -> list[float]:
    """Processor seconds of each call, medians over rounds that take turns; the first is not counted."""
    times = [[_timed(call)[1] for call in calls] for _ in range(rounds + 1)]
    return [statistics.median(column) for column in zip(*times[1:])]


def _timed(call: Callable) -> tuple:
    start = time.process_time()
    found = call()
    return found, time.process_time() - start


def _bytes(n: int) -> str:
    return f"{n / 1e6:.1f} MB" if n >= 1e5 else f"{n / 1e3:.1f} kB"
