"""Train the embedded GPT-2 from text and episodes: a generator of progress, resumable after a kill.

The model is transformers' own GPT2LMHeadModel; only its attention is exchanged while it trains (bfloat16
matrix products, documents of a row do not see each other). This file does not know the command line.
"""
import json
import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch.nn import functional as F
from transformers import AttentionInterface, GPT2Config, GPT2LMHeadModel

from . import corpus, evaluate
from .corpus import Batch, Books, Corpus, Stage
from .episodes import Plan

CHECKPOINT = "training.pt"
TOKENIZER = "tokenizer.json"
ATTENTION = "mnemoscope_training"

STAGES = (
    Stage("short", 0.25, 64, 64, books=0.1, repeats=0.3, enough=0.8,
          plan=Plan(facts=(1, 2), others=(0, 1), fillers=(0, 1), asks=(1, 2), near=0.1, update=0.0)),
    Stage("middle", 0.40, 128, 32, books=0.35, repeats=0.15, enough=0.9,
          plan=Plan(facts=(1, 4), others=(0, 2), fillers=(0, 2), asks=(1, 4))),
    Stage("long", 0.85, 256, 32, books=0.65, repeats=0.08,
          plan=Plan(asks=(1, 4)), long=Plan((3, 9), (1, 5), (2, 9), (2, 7))),
    Stage("full", 1.00, 512, 16, books=0.65, repeats=0.07,
          plan=Plan(asks=(1, 4)), long=Plan((4, 14), (2, 6), (6, 30), (3, 10))),
)


@dataclass(frozen=True)
class Shape:
    """The network: L layers, H heads, C width, and the number of positions."""
    layers: int = 6
    heads: int = 8
    width: int = 256
    positions: int = 512
    vocab: int = 4096


@dataclass(frozen=True)
class Options:
    """One training. `minutes` or `tokens` says how long; the learning rate falls to 0 at its end."""
    text: Path
    out: Path
    minutes: float | None = None
    tokens: int | None = None
    seed: int = 0
    shape: Shape = Shape()
    stages: tuple[Stage, ...] = STAGES
    every: int = 200_000         # tokens between two progress events with measurements
    peak: float = 4e-3           # learning rate of the matrices (Muon, in AdamW's unit)


@dataclass
class State:
    """Everything that a resumed training needs besides model and optimizers; JSON on disk."""
    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    stage: int = 0
    seed: int = 0
    curves: list[dict] = field(default_factory=list)


@dataclass(frozen=True)
class Progress:
    """One measurement. Losses in nats a token; bits per byte on the left-out book's first part."""
    step: int
    tokens: int
    seconds: float
    tokens_per_second: float
    seconds_left: float
    stage: str
    loss: float
    bits_per_byte: float
    recall_known: float
    recall_unseen: float


def attend(module, query, key, value, attention_mask, scaling=None, dropout=0.0, **_kwargs):
    """q, k, v (B,H,T,D), additive mask (B,1,T,T) -> (B,T,H,D). Faster than the CPU's fused kernel."""
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)     # (B,H,T,T)
    weights = (scores + attention_mask.to(scores.dtype)).softmax(-1).to(value.dtype)
    return (weights @ value).transpose(1, 2), None


AttentionInterface.register(ATTENTION, attend)


def build_model(shape: Shape, seed: int) -> GPT2LMHeadModel:
    """A fresh GPT-2; its random numbers do not disturb the caller's."""
    config = GPT2Config(
        vocab_size=shape.vocab, n_positions=shape.positions, n_embd=shape.width,
        n_layer=shape.layers, n_head=shape.heads, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
        bos_token_id=corpus.END_ID, eos_token_id=corpus.END_ID)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return GPT2LMHeadModel(config)


def document_mask(documents: torch.Tensor) -> torch.Tensor:
    """Document numbers (B,T) -> additive mask (B,1,T,T): 0 where query and key share a document."""
    T = documents.shape[1]
    same = documents[:, None, :, None] == documents[:, None, None, :]      # (B,1,T,T)
    seen = same & torch.ones(T, T, dtype=torch.bool, device=documents.device).tril()
    return torch.zeros(seen.shape, device=documents.device).masked_fill(~seen, -1e9)


def loss_of(model: GPT2LMHeadModel, batch: Batch) -> torch.Tensor:
    """Weighted mean of the next-token loss, nats. The first token of a document is not predicted."""
    device = model.device
    ids, documents, weights = (torch.as_tensor(a, device=device)
                               for a in (batch.ids, batch.documents, batch.weights))
    with torch.autocast(device.type, torch.bfloat16):
        logits = model(ids[:, :-1], attention_mask=document_mask(documents[:, :-1]),
                       use_cache=False).logits
    loss = F.cross_entropy(logits.float().flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
    weights = (weights[:, 1:] * (documents[:, 1:] == documents[:, :-1])).flatten()
    return (loss * weights).sum() / weights.sum().clamp(min=1)


def build_optimizers(model: GPT2LMHeadModel, peak: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the blocks, AdamW for embeddings, norms and biases."""
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and ".h." in n]
    others = [p for n, p in model.named_parameters() if not (p.ndim == 2 and ".h." in n)]
    return [torch.optim.Muon(matrices, lr=peak, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(others, lr=peak, betas=(0.9, 0.98), weight_decay=0.01)]


def learning_rate(done: float, step: int, peak: float) -> float:
    """Warm-up of 100 steps, flat, then from half of the training on straight down to zero."""
    return peak * min(1.0, (step + 1) / 100) * max(0.0, min(1.0, (1.0 - done) / 0.5))


def train(options: Options, resume: bool = False) -> Iterator[Progress]:
    """Train until the end of the schedule. Yields a measurement now and then, the last at the end.

    Writes tokenizer.json and training.pt (weights, optimizers, random state) into options.out.
    """
    books = corpus.read_books(options.text)
    options.out.mkdir(parents=True, exist_ok=True)
    data = Corpus(books, _tokenizer(options, books, resume))
    model = build_model(options.shape, options.seed)
    model.set_attn_implementation(ATTENTION)
    model.to("cuda" if torch.cuda.is_available() else "cpu").train()
    optimizers = build_optimizers(model, options.peak)
    rng, state = random.Random(f"rows {options.seed}"), State(seed=options.seed)
    if resume:
        state = load_checkpoint(options.out / CHECKPOINT, model, optimizers, rng)
    yield from _loop(options, books, data, model, optimizers, rng, state)


def _tokenizer(options: Options, books: Books, resume: bool) -> Tokenizer:
    path = options.out / TOKENIZER
    if not resume:
        corpus.train_tokenizer(books, options.shape.vocab).save(str(path))
    return Tokenizer.from_file(str(path))


def _loop(options, books, data, model, optimizers, rng, state) -> Iterator[Progress]:
    started, measured = time.monotonic() - state.seconds, state.tokens
    losses, since = [], (time.monotonic(), state.tokens)
    while (done := progress_of(options, state)) < 1.0:
        while done >= options.stages[state.stage].until:
            state.stage += 1
        stage = options.stages[state.stage]
        losses.append(step(model, optimizers, data.batch(stage, rng),
                           learning_rate(done, state.step, options.peak)))
        state.step, state.tokens = state.step + 1, state.tokens + stage.rows * stage.length
        state.seconds = time.monotonic() - started
        if state.tokens - measured >= options.every or progress_of(options, state) >= 1.0:
            speed = (state.tokens - since[1]) / (time.monotonic() - since[0])
            progress = _measure(options, books, data, model, state, sum(losses) / len(losses), speed)
            state.seconds = time.monotonic() - started
            _advance(options, state, progress)
            save_checkpoint(options.out / CHECKPOINT, model, optimizers, rng, state)
            yield progress
            losses, since, measured = [], (time.monotonic(), state.tokens), state.tokens


def progress_of(options: Options, state: State) -> float:
    """How much of the training is done, 0 to 1."""
    if options.tokens is not None:
        return state.tokens / options.tokens
    return state.seconds / (60 * options.minutes)


def step(model, optimizers, batch: Batch, rate: float) -> float:
    """One update of the weights -> the loss before it, nats."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad(set_to_none=True)
    loss = loss_of(model, batch)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimizer in optimizers:
        optimizer.step()
    return loss.item()


def _measure(options, books, data, model, state, loss, speed) -> Progress:
    model.eval()
    stage = options.stages[state.stage]
    n_bytes = 20_000
    bits = evaluate.bits_per_byte(model, data.tokenizer, books.left_out[:n_bytes])
    known, unseen = (evaluate.quick_recall(model, data.tokenizer, stage.plan, source)
                     for source in ("known", "unseen"))
    model.train()
    done = max(progress_of(options, state), 1e-9)
    progress = Progress(state.step, state.tokens, round(state.seconds, 1), round(speed, 1),
                        round(max(0.0, state.seconds / done - state.seconds), 1), stage.name,
                        round(loss, 4), round(bits, 4), round(known, 4), round(unseen, 4))
    state.curves.append(vars(progress).copy())
    return progress


def _advance(options: Options, state: State, progress: Progress) -> None:
    """Leave an early stage as soon as its recall is good enough."""
    stage = options.stages[state.stage]
    if progress.recall_unseen >= stage.enough and state.stage + 1 < len(options.stages):
        state.stage += 1


def save_checkpoint(path: Path, model, optimizers, rng: random.Random, state: State) -> None:
    """Everything needed to go on; under a temporary name first, so that a kill leaves a whole file."""
    temporary = path.with_suffix(".tmp")
    torch.save({"model": model.state_dict(), "optimizers": [o.state_dict() for o in optimizers],
                "rng": json.dumps(rng.getstate()), "state": json.dumps(vars(state))}, temporary)
    os.replace(temporary, path)


def load_checkpoint(path: Path, model, optimizers, rng: random.Random) -> State:
    """Puts a saved training back into model, optimizers and rng; returns its State."""
    if not path.is_file():
        raise corpus.CorpusError(f"nothing to resume: expected {path}; start without --resume")
    saved = torch.load(path, map_location=model.device, weights_only=True)
    model.load_state_dict(saved["model"])
    for optimizer, values in zip(optimizers, saved["optimizers"]):
        optimizer.load_state_dict(values)
    version, internal, gauss = json.loads(saved["rng"])
    rng.setstate((version, tuple(internal), gauss))
    return State(**json.loads(saved["state"]))
