"""The parts of the Prediction page, each drawn from what visit.py hands out."""

import streamlit as st

from components.frame import draw_choice, visit
from components.kit.export.offers import notebook, offer
from components.prediction import choice, curve, figures, numbers, run, shift, strip


def show_strip(reading) -> int:
    """The prompt, coloured by surprisal; returns the position looked at."""
    at, why = choice.position(reading.entropy_bits), "the page shows what is predicted here"
    if choice.is_least_certain() and len(reading.ids) > 1:
        bits = float(reading.entropy_bits[at])
        why = f"opened where the model is least certain (entropy {bits:.1f} bits)"
    strip.show(
        visit.token_texts(), reading.bits, reading.rank, at, why, "prediction_strip",
        _chooser(reading),
    )
    offer("prediction_strip", numbers.surprisal)
    return at


def show_follow(reading) -> None:
    """The button that goes to the prompt's end."""
    choice.follow_typing((visit.checkpoint().fingerprint, reading.ids.tobytes()))
    st.button(
        "Follow the last token", key="prediction_follow", type="tertiary",
        on_click=choice.choose_position, args=(None,), disabled=choice.follows(),
    )


def show_distribution(reading, at: int) -> None:
    """What may come after position `at`: dials, stages, curve, draws."""
    settings = draw_choice.settings()
    st.markdown(headline(visit.token_texts(), reading, at))
    show_curve(visit.trace(), at, "prediction_curve")
    offer("prediction_curve", numbers.distribution, at)
    notebook("prediction", at=at, temperature=settings.temperature, top_k=settings.top_k,
             top_p=settings.top_p)


def show_curve(trace, at: int, key: str) -> None:
    """The instrument: the distribution after token `at` of a prompt, with the chosen dials."""
    settings, seed = draw_choice.settings(), draw_choice.seed()
    curve.show(
        run.forecast(trace, at),
        run.stages(trace, at, settings),
        run.draws(trace, at, settings, seed, choice.n_draws()),
        seed=seed, key=key, on_choose=choice.choose_dials,
    )


def show_surprisal(reading, at: int) -> None:
    """Bits of every token, and the text's sums."""
    if reading.total is None:
        st.info("One token: nothing was predicted yet. Type a second one.")
        return
    names = visit.token_texts()
    st.html(figures.totals(reading))
    figure = figures.bits_chart(
        names, reading.bits, reading.rank, reading.entropy_bits, at
    )
    st.plotly_chart(figure, key="prediction_bits")
    offer("prediction_bits", numbers.surprisal)
    notebook("surprisal")
    st.caption(
        figures.not_counted(reading) + " Perplexity depends on the tokenizer; "
        "bits per byte can be compared between models."
    )


def show_shift(reading, at: int) -> None:
    """Each position's prediction above the token that came."""
    flat = run.names(reading.guess_ids.ravel())
    k = reading.guess_ids.shape[1]
    guesses = [flat[i : i + k] for i in range(0, len(flat), k)]
    shift.show(
        visit.token_texts(), guesses, reading.guess_probability, reading.rank, reading.bits, at,
        "prediction_shift", _chooser(reading),
    )
    offer("prediction_shift", numbers.surprisal)
    if reading.total is not None:
        notebook("surprisal")
    if reading.total is None:
        return
    st.markdown(
        f"Every position answers one question: *what comes next?* The right answer is the next "
        f"token, so the answers are the text **shifted by one**. One pass gives all "
        f"{reading.total.n_tokens + 1:,} predictions; {reading.total.n_tokens:,} can be checked, and "
        f"training lowers the mean of their surprisals: here "
        f"**{reading.total.bits_per_token:.2f} bits** a token. "
        f"{reading.n_hits:,} of {reading.total.n_tokens:,} first guesses were right."
    )


def headline(names: list[str], reading, at: int) -> str:
    """What comes after token `at` of a prompt with these tokens (Markdown)."""
    words = f"##### After token {at:,} {_code(names[at])}: "
    if at + 1 == len(names):
        return words + "what comes next?"
    bits, rank = reading.bits[at + 1], int(reading.rank[at + 1])
    return words + f"{_code(names[at + 1])} came, rank {rank:,}, {bits:.2f} bits"


def _code(text: str) -> str:
    """Display text as Markdown code, whatever it holds."""
    fence = "`" * (1 + max((len(ticks) for ticks in _ticks(text)), default=0))
    return f"{fence} {text} {fence}" if "`" in text else f"`{text}`"


def _ticks(text: str) -> list[str]:
    return "".join(c if c == "`" else " " for c in text).split()


def _chooser(reading):
    """A click on the last token follows the prompt as it grows."""
    last = len(reading.ids) - 1
    return lambda at: choice.choose_position(None if at >= last else max(at, 0))
