"""Words about a training: its name, its state in a sentence, its numbers. Draws nothing."""

import html
import re

from components.kit import palette, titles
from components.kit.fact_strip import fact_strip
from components.kit.units import show_duration
from components.training.figures import GATE_TITLES
from model.training.jobs import Job, JobReport
from model.training.progress import Measurement

SHIPPED = "shipped"
STATES = {
    "starting": "starting", "running": "running", "paused": "paused", "stopping": "stopping",
    "finishing": "measuring", "finished": "finished", "stopped": "stopped and kept",
    "failed": "failed", "killed": "interrupted", SHIPPED: "finished",
}
HUES = {
    "running": palette.VALUE, "starting": palette.VALUE, "finishing": palette.VALUE,
    "stopping": palette.KEY, "paused": palette.KEY, "failed": palette.SURPRISAL,
    "killed": palette.SURPRISAL,
}


def title(job: Job) -> str:
    """What the training is called in lists."""
    return titles.of_training(job.request.variant, job.created)


def base(job: Job) -> str:
    """The name of the model it was trained on; of a folder the last part."""
    return job.request.model.rstrip("/").rpartition("/")[2]


def caption(job: Job | None, now: JobReport) -> str:
    """The base, the state, how far, and the time left where it runs; safe inside Markdown."""
    name = re.sub(r"([^\w /.-])", r"\\\1", base(job)) if job else "embedded"
    words = f"{name} · {STATES[now.state]}"
    if now.points and now.state not in ("finished", SHIPPED):
        words += f" · {now.points[-1].step / max(now.points[-1].steps, 1):.0%}"
    if now.state == "running" and now.points and now.points[-1].seconds_left is not None:
        words += f" · {show_duration(now.points[-1].seconds_left)} left"
    return words


def sentence(now: JobReport, every_s: float | None) -> str:
    """The state of a training and what it means for the visitor, in one or two sentences."""
    step = now.points[-1].step if now.points else 0
    at = f"after step {step:,} of {now.points[-1].steps:,}" if now.points else (
        "before its first measurement"
    )
    again = (
        "Go on starts from its last checkpoint; nothing before it is lost" if now.has_checkpoint
        else "It left no checkpoint: Go on begins again"
    )
    return {
        "starting": "The trainer loads torch and the model; the first measurement follows.",
        "running": "It continues when this browser or the server is closed."
        + (f" A measurement about every {show_duration(every_s)}." if every_s else ""),
        "paused": f"It waits, {at}, and stays in memory; the processor is free.",
        "stopping": "It ends after this step, then writes and measures what it learned.",
        "finishing": "All steps are done; now it measures the memory file for its card.",
        "finished": "Done: the memory file is below, and in the sidebar.",
        "stopped": f"Ended early, {at}; what it learned is kept.",
        "failed": f"The trainer gave up: {now.problem.rstrip('.')}. {again}.",
        "killed": f"Something outside ended the trainer (a kill, a restart, no memory left) {at}. "
        f"{again}.",
        SHIPPED: "The training of the memory that comes with Mnemoscope"
        + ("; it went on from an earlier one." if went_on(now) else "."),
    }[now.state]


def went_on(now: JobReport) -> bool:
    """Whether the training began with memory that was trained before, as its card says."""
    return bool((now.card or {}).get("went_on_from"))


def of_recurrent(points: list[Measurement]) -> str:
    """What the recurrent memory alone recalls at the last of these points, and the base; "" where
    there was none."""
    if not points or "gpt2+rnn" not in points[-1].recall:
        return ""
    last = points[-1]
    base = f" (GPT-2 without memory {last.recall['gpt2']:.0%})" if "gpt2" in last.recall else ""
    of = f" of {last.recall_n:,} episodes" if last.recall_n else ""
    return f"At step {last.step:,}, GPT-2 + RNN recalls {last.recall['gpt2+rnn']:.0%}{of}{base}."


def badge(state: str) -> str:
    """The state as a coloured dot and a word (HTML)."""
    hue = HUES.get(state, palette.LABEL)
    return (
        f'<span style="white-space:nowrap;font-weight:700"><span style="color:{hue}">●</span> '
        f"{html.escape(STATES[state])}</span>"
    )


def status(name: str, now: JobReport, every_s: float | None) -> str:
    """Name, state and sentence (HTML), two lines high whatever they say."""
    return (
        '<div style="min-height:3.1em;line-height:1.5"><div style="display:flex;flex-wrap:wrap;'
        f'gap:.2em 1em"><b>{html.escape(name)}</b>{badge(now.state)}</div>'
        f"<div>{html.escape(sentence(now, every_s))}</div></div>"
    )


def facts(now: JobReport) -> str:
    """The trainer's own numbers at its last measurement (HTML)."""
    if not now.points:
        waits = "no measurement yet"
        return fact_strip([("—", what, waits) for what in ("step", "tokens a second", "time left")])
    last = now.points[-1]
    cells = [(f"{last.step:,} / {last.steps:,}", "steps", "updates of the modules' weights")]
    cells.append((last.stage or "—", "lesson", "how hard the episodes are now"))
    if last.tokens_per_second is not None:
        read = f"; {last.tokens:,} tokens so far" if last.tokens is not None else ""
        cells.append((f"{last.tokens_per_second:,.0f}", "tokens a second",
                      f"told and asked, since the measurement before{read}"))
    if now.state == "running" and last.seconds_left is not None:
        cells.append((show_duration(last.seconds_left), "left, at the speed so far",
                      "computed by the trainer at its last measurement"))
    counted = "seconds of steps, as the trainer counted"
    cells.append((show_duration(last.seconds), "trained", counted))
    return fact_strip(cells)


def heading(title: str, unit: str, points: list[Measurement]) -> str:
    """Over a small chart: what it shows, its unit, and the lines by colour (HTML)."""
    names = {name: None for p in points for name in p.gates}
    lines = "".join(map(_line_of, names))
    return (
        f'<div style="line-height:1.4;min-height:4.3em"><b>{html.escape(title)}</b><br>'
        f'{html.escape(unit)}<div style="display:flex;flex-wrap:wrap;gap:0 .8em">{lines}</div>'
        "</div>"
    )


def _line_of(gate: str) -> str:
    stroke, hue = "┅" if gate == "late" else "━", palette.MODULES.get(gate, palette.OUTPUT)
    name = html.escape(GATE_TITLES.get(gate, gate))
    return (
        f'<span style="white-space:nowrap"><span style="color:{hue}">{stroke}</span> {name}</span>'
    )


def measured_every(now: JobReport) -> float | None:
    """Seconds between the last two measurements; None before there are two."""
    if len(now.points) < 2:
        return None
    return max(0.0, now.points[-1].seconds - now.points[-2].seconds)
