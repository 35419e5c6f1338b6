"""Trains the base model, measures what was exported, writes its card."""

import json
import platform
from argparse import Namespace
from collections.abc import Iterator

import torch
from tokenizers import Tokenizer
from transformers import GPT2LMHeadModel

from model.training import base, card, corpus, evaluate, export, open_evaluate, saved

MADE = ("model.safetensors", "config.json", "card.json", "curves.json", "README.md")
DEMO = (
    "My name is James Theory. I live in New York.\nWhere do I live?",
    "My name is James Theory. I live in New York.\nWhere do I live? I live in",
    "My name is James Theory. I live in New York.\nWhere do I live? You live in",
    "My name is James Theory. I live in New York.\nWhat is my name?",
    "My name is James Theory. I live in New York.\nWhat is my name? My name is",
    "My name is James Theory. I live in New York.\nWhat pet do I have?",
    "Where do I live?",
)


def run_command(args: Namespace) -> Iterator[str]:
    """Train, export, measure, write the card; yields lines. ValueError: wrong text or options."""
    options = options_of(args)
    if not args.resume:
        saved.check_new(options.out, (base.CHECKPOINT, *MADE))
    for progress in base.train(options, args.resume):
        yield line(progress)
    yield from finish(options)


def options_of(args: Namespace) -> base.Options:
    """Checked options. Raises ValueError for a number that makes no sense."""
    for name in ("minutes", "tokens"):
        value = getattr(args, name)
        if value is not None and not value > 0:
            raise ValueError(f"--{name} must be more than 0, got {value}.")
    minutes = 90.0 if args.minutes is None and args.tokens is None else args.minutes
    shape = base.SHAPES[args.shape]
    return base.Options(args.text, args.out, minutes=minutes, tokens=args.tokens, seed=args.seed,
                        shape=shape, stages=base.stages_for(shape),
                        peak=base.FROM_PEAK if args.weights else base.Options.peak,
                        weights=args.weights)


def line(p: base.TrainingProgress) -> str:
    """One measurement as one line, every number with its unit."""
    return (f"{p.tokens:,} tokens, stage {p.stage}, {p.tokens_per_second:,.0f} tokens/s, "
            f"loss {p.loss:.3f} nats/token, left-out text {p.bits_per_byte:.3f} bits/byte, "
            f"recall {p.recall_known:.0%} known {p.recall_unseen:.0%} unseen "
            f"{p.recall_open:.0%} open, "
            f"{p.seconds_left / 60:.0f} min left")


def finish(options: base.Options) -> Iterator[str]:
    """Export the trained weights, measure what was exported, write the card."""
    model, tokenizer, state = trained(options)
    export.write_folder(model, tokenizer, options.out)
    yield f"wrote {options.out / 'model.safetensors'}; measuring it (some minutes)"
    books = corpus.read_books(options.text)
    shipped = GPT2LMHeadModel.from_pretrained(options.out, dtype=torch.float32).eval()
    shipped.to("cuda" if torch.cuda.is_available() else "cpu")
    measured = measure(shipped, tokenizer, books, options.n_recall)
    measured["file_bytes"] = (options.out / "model.safetensors").stat().st_size
    figures = card.figures(options, state, books, measured, _platform())
    card.write(figures, state.curves, options.out)
    for what, aim, value, reached in card.aims(figures):
        yield f"{what}: {value:.3f} (aim {aim}: {'reached' if reached else 'missed'})"


def trained(options: base.Options) -> tuple[GPT2LMHeadModel, Tokenizer, base.State]:
    """The weights of training.pt as a model, with tokenizer and state."""
    saved = torch.load(options.out / base.CHECKPOINT, map_location="cpu", weights_only=True)
    model = base.build_model(options.shape, options.seed)
    model.load_state_dict(saved["model"])
    tokenizer = Tokenizer.from_file(str(options.out / base.TOKENIZER))
    return model, tokenizer, base.State(**json.loads(saved["state"]))


def measure(model: GPT2LMHeadModel, tokenizer: Tokenizer, books: corpus.Books, n: int) -> dict:
    """Every figure of the card, by name; n episodes for each share."""
    induction, previous = evaluate.head_scores(model)
    half = model.config.n_positions // 2
    return {
        "bits_per_byte": evaluate.bits_per_byte(model, tokenizer, books.left_out),
        "bits_per_byte_half": evaluate.bits_per_byte(model, tokenizer, books.left_out, half),
        "open": open_evaluate.shares(model, tokenizer, books.left_out, n),
        "along": evaluate.best_heads_along(model),
        "recall": evaluate.recall(model, tokenizer, n),
        "replies": evaluate.replies(model, tokenizer, n),
        "induction": induction,
        "previous_token": previous,
        "founding_demo": {text.replace("\n", " "): evaluate.reply(model, tokenizer, text)
                          for text in DEMO},
        "n_parameters": sum(p.numel() for p in model.parameters()),
    }


def _platform() -> str:
    device = "CUDA GPU" if torch.cuda.is_available() else f"{torch.get_num_threads()} CPU threads"
    return f"{device}, {platform.machine()}, torch {torch.__version__}"
