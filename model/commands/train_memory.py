"""Trains memory modules, measures what was exported, writes their card."""

import json
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

from model.disk.whole import write_text
from model.grafts.adapter import CONFIG, save_adapter
from model.grafts.modules import FILE, save_modules
from model.loading.checkpoint import EMBEDDED
from model.training import base, forecast, memory, memory_card, processes, saved
from model.training.under_way import MemoryTraining, MemoryTrainingOptions

CARD, CURVES, ADAPTER = "card.json", "curves.json", "adapter"


def run_command(args: Namespace) -> Iterator[str]:
    """Train, export, measure, write the card; yields lines. ValueError: wrong text or options."""
    options = options_of(args)
    if not args.resume:
        saved.check_new(options.out, (memory.CHECKPOINT, FILE, CARD, CURVES))
    training = memory.start(options, args.resume, processes=processes.launched())
    lines = _train(training, args)
    yield from (words for words in lines if training.processes.first)


def _train(training: MemoryTraining, args: Namespace) -> Iterator[str]:
    if args.resume:  # its lines say how long it still takes
        forecast.fit(training)
    else:
        yield forecast_line(forecast.forecast(training, args.episodes), training)
    for measured in memory.loop(training):
        yield line(measured)
    if training.processes.first:
        yield from finish(training, args.episodes)


def forecast_line(f: forecast.Forecast, training: MemoryTraining) -> str:
    """What a training will take, before it begins."""
    device = training.model.device
    numbers = "bfloat16" if base.bfloat16_pays(device) else "float32"
    tried = "step" if f.steps == 1 else "steps"
    few = "" if f.steps >= min(forecast.STEPS, training.options.steps) else (
        ", no more because they are slow")
    each = f"{f.shortest_s:.2f}" + (f" to {f.longest_s:.2f}" if f.steps > 1 else "")
    again = (", with gradient checkpointing, because memory is short" if f.recomputes else "")
    return (f"forecast: {training.options.steps:,} steps take about {duration(f.training_s)}, "
            f"measuring about {duration(f.measuring_s)} ({f.steps} {tried} tried{few}: "
            f"{each} s each; {device.type}, {numbers}"
            f"{_together(training)}); memory {f.peak_bytes / 1e9:.1f} GB at most so far, "
            f"{f.free_bytes / 1e9:.1f} GB were free{again}")


def _together(training: MemoryTraining) -> str:
    number = training.processes.number
    return "" if number == 1 else f", {number} processes"


def duration(seconds: float) -> str:
    """Seconds as seconds, minutes or hours, whichever reads best."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def options_of(args: Namespace) -> MemoryTrainingOptions:
    """Checked options. Raises ValueError for a number that makes no sense."""
    for name in ("steps", "rows", "episodes"):
        if getattr(args, name) < 1:
            raise ValueError(f"--{name} must be 1 or more, got {getattr(args, name)}.")
    if not 0 <= args.lora <= 256:
        raise ValueError(f"--lora must be from 0 (none) to 256, got {args.lora}.")
    return MemoryTrainingOptions(
        args.out, args.model, args.variant, args.text, args.steps, args.seed, args.rows,
        cell=args.cell, lora=args.lora, weights=args.weights, four_bit=args.four_bit,
        peak=memory.FROM_PEAK if args.weights else MemoryTrainingOptions.peak,
    )


def line(m: dict) -> str:
    """One measurement as one line, every number with its unit."""
    recall = ", ".join(f"{name} {share:.0%}" for name, share in m["recall"].items())
    opened = ", ".join(f"{name} {share:.0%}" for name, share in m["recall_open"].items())
    known = ", ".join(f"{name} {share:.0%}" for name, share in m["recall_known"].items())
    refused = ", ".join(f"{name} {share:.0%}" for name, share in m["refused"].items())
    return (f"step {m['step']:,} of {m['steps']:,}, {m['stage']}, {m['tokens_per_second']:,.0f} "
            f"tokens/s, answers {m['loss']:.3f} nats/token, KL {m['kl']:.4f} nats, gate "
            f"{m['gate']:.3f}, recall of unseen values: {recall}; of open facts: {opened}; of known ones: {known}; "
            f"\"I do not know.\" where never told: {refused}; {m['seconds_left'] / 60:.0f} min left")


def finish(training: MemoryTraining, n: int) -> Iterator[str]:
    """Export the trained weights, measure what was exported, write the card."""
    options = training.options
    path = options.out / FILE
    write_file(training, path, {})
    yield (f"wrote {path}; measuring it on {memory_card.n_episodes(n):,} held-out episodes, --episodes {n:,} "
           "for each share")
    (options.out / ADAPTER / CONFIG).unlink(missing_ok=True)  # of an earlier training
    if training.modules.lora is not None:
        base = EMBEDDED if options.model == "embedded" else options.model
        save_adapter(training.modules.lora, options.out / ADAPTER, str(base))
        yield f"wrote {options.out / ADAPTER}: the LoRA adapters alone, as peft reads them"
    card = memory_card.figures(training, path, n)
    write_file(training, path, card)
    write_text(options.out / CARD, json.dumps(card, indent=1) + "\n")
    lines = ",\n".join(json.dumps(row) for row in training.state.curves)
    write_text(options.out / CURVES, f"[\n{lines}\n]\n")
    yield from memory_card.lines(card)


def write_file(training: MemoryTraining, path: Path, card: dict) -> None:
    """The modules of a training as a memory file."""
    save_modules(training.modules, path, training.checkpoint.fingerprint,
                 memory.written(training), card)
