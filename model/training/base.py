"""Train the embedded GPT-2 from text and episodes: a generator of progress, resumable after a kill.

The model is transformers' own GPT2LMHeadModel. Only its attention is replaced during training, for
speed and so that documents of a row do not see each other. Knows nothing of the command line.
"""

import io
import json
import random
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch.nn import functional as F
from transformers import AttentionInterface, GPT2Config, GPT2LMHeadModel

from model.disk.whole import make_folder, write_bytes, write_text
from model.grafts.blocks import blocks
from model.recall.episodes import Plan
from model.recall.open_facts import OpenPlan
from model.training import corpus, evaluate, open_evaluate, saved
from model.training.corpus import Books, Corpus, CorpusBatch, Stage

CHECKPOINT = "training.pt"
TOKENIZER = "tokenizer.json"
ATTENTION = "mnemoscope_training"
SAMPLE_CHARACTERS = 20_000  # of the left-out book, measured while training

FIRST_PLAN = Plan(facts=(1, 2), others=(0, 1), fillers=(0, 1), asks=(1, 2), near=0.1, update=0.0)
PLAN = Plan(asks=(1, 4))
LONG_PLAN = Plan(facts=(3, 9), others=(1, 5), fillers=(2, 9), asks=(2, 7))
LONGEST_PLAN = Plan(facts=(4, 14), others=(2, 6), fillers=(6, 30), asks=(3, 10))

# Recall does not appear by itself: short rows with few facts and many repeats come first.
STAGES = (
    Stage("short", 0.15, 64, 64, books=0.10, repeats=0.30, enough=0.6, plan=FIRST_PLAN, open=0.10,
          open_plan=OpenPlan(facts=(1, 1), rivals=0.2, fillers=(0, 0), long=0.0, asks=(1, 2))),
    Stage("middle", 0.30, 128, 32, books=0.40, repeats=0.12, enough=0.9, open=0.24,
          plan=Plan(facts=(1, 4), others=(0, 2), fillers=(0, 2), asks=(1, 4)),
          open_plan=OpenPlan(facts=(1, 2), fillers=(0, 2), long=0.0)),
    Stage("long", 0.50, 256, 16, books=0.50, repeats=0.08, plan=PLAN, long=LONG_PLAN, open=0.26,
          apart=0.3),
    Stage("full", 1.00, 512, 8, books=0.35, repeats=0.07, plan=PLAN, long=LONGEST_PLAN, open=0.45, untold=0.15,
          open_plan=OpenPlan(facts=(1, 4), rivals=0.7, fillers=(0, 8), long=0.2, asks=(3, 9)),
          apart=0.4, halved=0.5),
)
FROM_PEAK = 1.5e-3  # learning rate of a training that goes on from trained weights


@dataclass(frozen=True)
class Shape:
    """The network: layers L, heads H, width C, and the number of positions."""

    layers: int = 6
    heads: int = 8
    width: int = 256
    positions: int = 512
    vocab: int = 4096


SHAPES = {
    "embedded": Shape(),  # 5.9 M parameters
    "mini": Shape(6, 6, 384, 512, 8192),  # 14 M
    "midi": Shape(8, 8, 512, 1024, 16384),  # 34 M
    "distilgpt2": Shape(6, 12, 768, 1024, 50257),  # 82 M
    "gpt2": Shape(12, 12, 768, 1024, 50257),  # 124 M
}


def stages_for(shape: Shape) -> tuple[Stage, ...]:
    """The stages, the last with rows as long as the window: every position is trained."""
    last = STAGES[-1]
    rows = max(1, last.rows * last.length // shape.positions)
    return (*STAGES[:-1], replace(last, length=shape.positions, rows=rows))


@dataclass(frozen=True)
class Options:
    """One training, `minutes` or `tokens` long; at its end the learning rate is 0."""

    text: Path
    out: Path
    minutes: float | None = None
    tokens: int | None = None
    seed: int = 0
    shape: Shape = Shape()
    stages: tuple[Stage, ...] = STAGES
    every: int = 400_000  # tokens between two measurements (and two checkpoints)
    n_recall: int = 600  # episodes for every share on the card
    peak: float = 4e-3  # learning rate, before warm-up and decay
    weights: Path | None = None  # a folder with model.safetensors and tokenizer.json to go on from


@dataclass
class State:
    """What a resumed training needs besides weights, optimizers and random numbers."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    stage: int = 0
    seed: int = 0
    curves: list[dict] = field(default_factory=list)


@dataclass(frozen=True)
class TrainingProgress:
    """One measurement. Recall: share of 96 episodes of the stage, values known or unseen."""

    step: int
    tokens: int
    seconds: float
    tokens_per_second: float
    seconds_left: float
    stage: str
    loss: float  # nats a token, weighted, mean since the last measurement
    bits_per_byte: float  # on the first SAMPLE_CHARACTERS of the left-out book
    recall_known: float
    recall_unseen: float
    recall_open: float  # of 96 open facts, frames and values never trained on


@dataclass(eq=False)
class Training:
    """A training under way: everything that changes, and what it learns from."""

    options: Options
    books: Books
    data: Corpus
    model: GPT2LMHeadModel
    optimizers: list[torch.optim.Optimizer]
    rng: random.Random
    state: State

    @property
    def done(self) -> float:
        """How much of the training is done, 0 to 1."""
        if self.options.tokens is not None:
            return self.state.tokens / self.options.tokens
        assert self.options.minutes is not None, "options name neither tokens nor minutes"
        return self.state.seconds / (60 * self.options.minutes)

    @property
    def stage(self) -> Stage:
        return self.options.stages[self.state.stage]


def attend(
    module: torch.nn.Module, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor,
    attention_mask: torch.Tensor, **_kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """q, k, v (B,H,T,D), additive mask (B,1,T,T) -> (B,T,H,D)."""
    mask = attention_mask.to(query.dtype)
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask).transpose(1, 2), None


AttentionInterface.register(ATTENTION, attend)


def build_model(shape: Shape, seed: int) -> GPT2LMHeadModel:
    """A fresh GPT-2; drawing its weights does not disturb the caller's random numbers."""
    config = GPT2Config(
        vocab_size=shape.vocab, n_positions=shape.positions, n_embd=shape.width,
        n_layer=shape.layers, n_head=shape.heads, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
        bos_token_id=corpus.END_ID, eos_token_id=corpus.END_ID)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return GPT2LMHeadModel(config)


def mask_of(documents: torch.Tensor, parts: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
    """(B,T) each, of a CorpusBatch -> additive mask (B,1,T,T): 0 where the query sees the key."""
    T, query, key = documents.shape[1], (..., slice(None), None), (..., None, slice(None))
    told = (parts[query] < 0) & (parts[key] >= 0) & ~hidden[key]
    seen = (documents[query] == documents[key]) & ((parts[query] == parts[key]) | told)
    seen &= torch.ones(T, T, dtype=torch.bool, device=documents.device).tril()
    return torch.zeros(seen.shape, device=seen.device).masked_fill_(~seen, -1e9)[:, None]


def loss_of(model: GPT2LMHeadModel, batch: CorpusBatch) -> torch.Tensor:
    """Weighted mean loss of the next token, in nats, without the first tokens of documents and of
    prompts that are read apart."""
    ids, documents, places, parts, weights, hidden = (
        torch.as_tensor(getattr(batch, name), device=model.device)
        for name in ("ids", "documents", "places", "parts", "weights", "hidden"))
    mask = mask_of(documents[:, :-1], parts[:, :-1], hidden[:, :-1])
    with torch.autocast(model.device.type, torch.bfloat16, enabled=bfloat16_pays(model.device)):
        logits = model(ids[:, :-1], attention_mask=mask, position_ids=places[:, :-1],
                       use_cache=False).logits  # (B,T,V)
    loss = F.cross_entropy(logits.float().flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
    goes_on = (documents[:, 1:] == documents[:, :-1]) & (parts[:, 1:] == parts[:, :-1])
    weights = (weights[:, 1:] * goes_on).flatten()
    return (loss * weights).sum() / weights.sum().clamp(min=1)


def bfloat16_pays(device: torch.device) -> bool:
    """On GPUs and CPUs that multiply bfloat16 in hardware."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and bool(torch.cpu.get_capabilities().get("avx512_bf16"))


def build_optimizers(model: GPT2LMHeadModel, peak: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the blocks, AdamW for embeddings, norms and biases; a position is met
    once a row, so its embedding learns three times as fast."""
    positions = [model.transformer.wpe.weight]
    matrices: list[torch.nn.Parameter] = []
    others: list[torch.nn.Parameter] = []
    for name, parameter in model.named_parameters():
        if parameter is not positions[0]:
            (matrices if parameter.ndim == 2 and ".h." in name else others).append(parameter)
    groups: list[dict[str, Any]] = [{"params": others}, {"params": positions, "pace": 3.0}]
    return [torch.optim.Muon(matrices, lr=peak, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(groups, lr=peak, betas=(0.9, 0.98), weight_decay=0.01)]


def learning_rate(done: float, step: int, peak: float) -> float:
    """Warm-up of 100 steps, flat, then from half of the training on straight down to zero."""
    return peak * min(1.0, (step + 1) / 100) * max(0.0, min(1.0, (1.0 - done) / 0.5))


def train(options: Options, resume: bool = False) -> Iterator[TrainingProgress]:
    """Train until the end of the schedule; yields a measurement now and then, and at the end.

    Writes tokenizer.json and training.pt (weights, optimizers, random state) into options.out.
    Raises CorpusError if the text or the checkpoint to resume from is missing.
    """
    training = start(options, resume)
    yield from _loop(training)


def start(options: Options, resume: bool) -> Training:
    """A training at its first step, or at the step of its checkpoint."""
    books = corpus.read_books(options.text)
    if resume and not (options.out / CHECKPOINT).is_file():
        raise corpus.CorpusError(f"Nothing to resume: there is no {options.out / CHECKPOINT}. "
                                 "Check --out, or start anew without --resume.")
    make_folder(options.out)
    if not resume:
        write_text(options.out / TOKENIZER, _first_tokenizer(options, books).to_str(pretty=True))
    data = Corpus(books, _fitting(saved.tokenizer(options.out / TOKENIZER), options))
    longest = max(stage.length for stage in options.stages)
    if len(data.book_ids) <= longest + 1:
        raise corpus.CorpusError(f"Too little text in {options.text}: without the book that is left out, "
                                 f"{len(data.book_ids):,} tokens; a row takes {longest + 1:,}. Add books.")
    model = build_model(options.shape, options.seed)
    if options.weights is not None and not resume:
        model.load_state_dict(weights_of(options.weights, model), strict=False)  # lm_head is wte
    _faster(model)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model.to(device).train()  # type: ignore[arg-type]
    training = Training(options, books, data, model, build_optimizers(model, options.peak),
                        random.Random(f"rows {options.seed}"), State(seed=options.seed))
    if options.weights is not None:  # the early stages have done their work
        training.state.stage = len(options.stages) - 1
    if resume:
        load_checkpoint(options.out / CHECKPOINT, training)
    return training


def _fitting(tokenizer: Tokenizer, options: Options) -> Tokenizer:
    """The tokenizer. CorpusError where it is not of a training: more tokens than the network has, or
    another first one."""
    n, first = tokenizer.get_vocab_size(), tokenizer.id_to_token(corpus.END_ID)
    if n > options.shape.vocab or first != corpus.END:
        raise corpus.CorpusError(
            f"The tokenizer has {n:,} tokens, the first is {first!r}; this network has {options.shape.vocab:,}, "
            f"the first {corpus.END!r}. With --from, name a folder that train base wrote, and its --shape."
        )
    return tokenizer


def _first_tokenizer(options: Options, books: corpus.Books) -> Tokenizer:
    if options.weights is None:
        return corpus.train_tokenizer(books, options.shape.vocab)
    path = options.weights / TOKENIZER
    if not path.is_file():
        raise corpus.CorpusError(f"There is no {TOKENIZER} in {options.weights}. With --from, name "
                                 "a folder that train base wrote.")
    return saved.tokenizer(path)


def weights_of(folder: Path, model: GPT2LMHeadModel) -> dict[str, torch.Tensor]:
    """The weights in a folder that `train base` wrote, in float32. CorpusError: not there, or of
    another shape."""
    path = folder / "model.safetensors"
    if not path.is_file():
        raise corpus.CorpusError(f"There is no model.safetensors in {folder}. With --from, name a "
                                 "folder that train base wrote.")
    try:
        own, found = model.state_dict(), load_file(path)
    except (SafetensorError, OSError) as problem:
        raise corpus.CorpusError(f"Damaged weights: {path} ({problem}). With --from, name a folder "
                                 "that train base wrote.") from problem
    wrong = [name for name, tensor in found.items()
             if name not in own or own[name].shape != tensor.shape]
    if wrong or not found:
        raise corpus.CorpusError(f"The weights in {folder} have another shape ({wrong[:3]}). Give "
                                 "the --shape that they were trained with.")
    return {name: tensor.float() for name, tensor in found.items()}


def _faster(model: GPT2LMHeadModel) -> None:
    """Use fused attention and the fused form of the same GELU: a third less time on a CPU."""
    model.set_attn_implementation(ATTENTION)
    for block in blocks(model):
        block.mlp.act = torch.nn.GELU(approximate="tanh")


def _loop(training: Training) -> Iterator[TrainingProgress]:
    options, state = training.options, training.state
    clock = time.monotonic() - state.seconds
    while training.done < 1.0:
        losses, began, n_before = [], time.monotonic(), state.tokens
        while training.done < 1.0 and state.tokens - n_before < options.every:
            losses.append(_one_step(training))
            state.seconds = time.monotonic() - clock
        speed = (state.tokens - n_before) / (time.monotonic() - began)
        progress = _measure(training, sum(losses) / len(losses), speed)
        state.seconds = time.monotonic() - clock
        save_checkpoint(options.out / CHECKPOINT, training)
        yield progress


def _one_step(training: Training) -> float:
    options, state = training.options, training.state
    while training.done >= training.stage.until:
        state.stage += 1
    stage = training.stage
    rate = learning_rate(training.done, state.step, options.peak)
    loss = step(training.model, training.optimizers, training.data.batch(stage, training.rng), rate)
    state.step, state.tokens = state.step + 1, state.tokens + stage.rows * stage.length
    return loss


def step(
    model: GPT2LMHeadModel, optimizers: list[torch.optim.Optimizer], batch: CorpusBatch, rate: float
) -> float:
    """One update of the weights -> the loss before it, nats."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate * group.get("pace", 1.0)
        optimizer.zero_grad(set_to_none=True)
    loss = loss_of(model, batch)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimizer in optimizers:
        optimizer.step()
    return loss.item()


def _measure(training: Training, loss: float, speed: float) -> TrainingProgress:
    """Measure, keep the point for the curves, and end an early stage that has reached its goal."""
    model, tokenizer, state = training.model, training.data.tokenizer, training.state
    model.eval()
    bits = evaluate.bits_per_byte(model, tokenizer, training.books.left_out[:SAMPLE_CHARACTERS])
    known, unseen = (evaluate.quick_recall(model, tokenizer, training.stage.plan, source)
                     for source in ("known", "unseen"))
    opened = open_evaluate.quick(model, tokenizer, training.books.left_out)
    model.train()
    left = state.seconds / max(training.done, 1e-9) - state.seconds
    progress = TrainingProgress(state.step, state.tokens, round(state.seconds, 1), round(speed, 1),
                        round(max(0.0, left), 1), training.stage.name, round(loss, 4),
                        round(bits, 4), round(known, 4), round(unseen, 4), round(opened, 4))
    state.curves.append(asdict(progress))
    if unseen >= training.stage.enough and state.stage + 1 < len(training.options.stages):
        state.stage += 1
    return progress


def save_checkpoint(path: Path, training: Training) -> None:
    """Everything needed to go on; under a temporary name first: a kill leaves a whole file."""
    content = io.BytesIO()  # torch says of a full disk that it cannot write, not why
    torch.save({"model": training.model.state_dict(),
                "optimizers": [optimizer.state_dict() for optimizer in training.optimizers],
                "rng": json.dumps(training.rng.getstate()),
                "state": json.dumps(asdict(training.state))}, content)
    write_bytes(path, content.getvalue())


def load_checkpoint(path: Path, training: Training) -> None:
    """Puts a saved training back into this one."""
    kept = saved.read(path, training.model.device, ("model", "optimizers", "rng", "state"),
                      saved.BaseStateTold)
    saved.fill(training.model, kept["model"], path)
    for optimizer, values in saved.pairs(training.optimizers, kept["optimizers"], path):
        saved.fill_optimizer(optimizer, values, path)
    saved.set_random(training.rng, kept["rng"])
    training.state = State(**kept["state"])
    if training.state.stage >= len(training.options.stages):
        raise saved.refused(path, f"it is at stage {training.state.stage + 1} of "
                                  f"{len(training.options.stages)}")
