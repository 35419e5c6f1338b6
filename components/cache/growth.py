"""The KV cache growing: the controls, the picture, the shapes, one cached vector, every step."""

import pandas as pd
import streamlit as st

from components.cache import choice, figures, grid, numbers, run
from components.frame import draw_choice, presenting, visit
from components.kit import data_table, token_row
from components.kit.export.offers import notebook, offer


def show() -> None:
    """The whole view, for the present prompt and step."""
    prompt = visit.prompt().ids
    wanted = choice.step((visit.checkpoint().fingerprint, prompt.tobytes()))
    try:
        with st.spinner("Running the next steps …", show_time=True):
            found = run.recording(draw_choice.settings(), draw_choice.seed(), wanted)
    except ValueError:
        choice.go_to(1)
        raise
    number = min(wanted, len(found.steps))
    choice.go_to(number)
    seen = found.steps[number - 1]
    n_prompt = len(found.prompt_ids)
    names = visit.show_tokens(found.ids[: n_prompt + number])
    row = figures.text(names, n_prompt, seen.n_entries)
    _controls(found, number)

    def step() -> None:
        _facts(found, number)
        token_row.show(row, most=260, height_em=5.4, opens_at_end=True, key="cache_text")

    presenting.pictures({
        "The cache": lambda: _picture(found, number, names),
        "This step": step,
        "One vector and the sizes": lambda: _details(found, seen, names),
        **({"Every step": lambda: _every_step(found)} if len(found.steps) > 1 else {}),
    })


def _details(found, seen, names: list[str]) -> None:
    with st.container(horizontal=True, gap="large", key="cache_details"):
        with st.container(width=610):
            _vector(found, seen, names)
        with st.container(width=530):
            st.markdown("#### Shapes and bytes, from the live tensors")
            st.html(figures.sizes(run.sizes(found, seen.n_entries)))


PLAY_S = 1.0  # a step
_PLAYS, _ARMED = "cache:plays", "cache:armed"  # session keys
ICONS = {"first": "first_page", "back": "chevron_left", "forward": "chevron_right",
         "ten": "last_page"}


def _controls(found, number: int) -> None:
    n, seen = len(found.steps), found.steps[number - 1]
    ended = seen.end
    with st.container(horizontal=True, vertical_alignment="center", key="cache_controls"):
        for key, label, to, off in (
            ("first", "Prefill", 1, number == 1),
            ("back", "Back", number - 1, number == 1),
            ("forward", "Forward", number + 1, bool(ended)),
            ("ten", "10 more", number + 10, bool(ended)),
        ):
            look = "primary" if key == "forward" else "secondary"
            st.button(label, on_click=choice.go_to, args=(to,), disabled=off, key=key, type=look,
                      icon=f":material/{ICONS[key]}:",
                      icon_position="left" if key in ("first", "back") else "right")
        _play(number, bool(ended))
        if n > 1:
            st.session_state["cache:slider"] = number
            st.slider("Step", 1, n, key="cache:slider", label_visibility="collapsed", width=260,
                      on_change=lambda: choice.go_to(st.session_state["cache:slider"]))
        drawn = visit.show_tokens([seen.token])[0]
        with st.popover("How tokens are drawn", key="draw_settings"):
            choice.draw_settings()
        st.html(figures.drawn(drawn, seen.probability, found.is_end_of_text(number), ended))


def _play(number: int, is_over: bool) -> None:
    """One step a second, until it is stopped or the text is over."""
    plays = st.session_state.get(_PLAYS, False) and not is_over
    st.session_state[_PLAYS] = plays
    st.button("Stop" if plays else "Play", key="play", on_click=_turn, disabled=is_over,
              icon=":material/stop:" if plays else ":material/play_arrow:")
    st.session_state[_ARMED] = False  # this run draws the step; the clock's next one goes on

    def tick():
        if st.session_state[_ARMED]:
            choice.go_to(number + 1)
            st.rerun()
        st.session_state[_ARMED] = True

    st.fragment(tick, run_every=PLAY_S if plays else None)()


def _turn() -> None:
    st.session_state[_PLAYS] = not st.session_state[_PLAYS]


def _facts(found, number: int) -> None:
    seen = found.steps[number - 1]
    before = found.steps[number - 2].cache_bytes if number > 1 else 0
    shape = (1, *found.cache.shape[1:2], seen.n_entries, found.cache.shape[3])
    n_layers = len(found.cache.layers)
    st.html(figures.facts(number, seen, before, shape, n_layers, run.placement()))


def _picture(found, number: int, names: list[str]) -> None:
    seen = found.steps[number - 1]
    config = visit.checkpoint().model.config
    _, H, _, D = found.cache.shape
    st.html(figures.legend())
    picture = grid.CachePicture(
        tokens=names, n_layers=config.n_layer, n_heads=H, d_head=D,
        cell_bytes=H * D * found.cache.layers[0].keys.element_size(),
        n_prompt=len(found.prompt_ids),
        n_before=found.steps[number - 2].n_entries if number > 1 else 0,
        n_entries=seen.n_entries, n_columns=found.steps[-1].n_entries,
        chosen=choice.cell(config.n_layer, seen.n_entries),
    )
    grid.show(picture, config.n_positions, key="cache_grid", on_choose=choice.choose_cell)
    offer("cache_grid", numbers.cached, number)
    notebook("cache")


def _vector(found, seen, names: list[str]) -> None:
    layer, at, kind = choice.cell(len(found.cache.layers), seen.n_entries)
    values = found.vector(kind, layer, at)
    st.markdown(f"#### {kind} of token {at} in layer {layer}")
    st.plotly_chart(figures.vector(values, kind), key="cache_vector")
    st.caption(
        f"{values.size:,} numbers; token {at} is “{names[at]}”. They are written once and never change; "
        "every later step reads them. A cache saves computing and adds no knowledge."
    )


def _every_step(found) -> None:
    st.markdown("#### Every step so far")
    drawn = visit.show_tokens([s.token for s in found.steps])
    rows = [
        {
            "step": i + 1, "phase": s.phase, "tokens read": s.n_read, "draws": token,
            "entries t": s.n_entries, "cache bytes": s.cache_bytes, "ms (one run)": s.ms,
            "max |Δ logit|": s.error,
        }
        for i, (s, token) in enumerate(zip(found.steps, drawn))
    ]
    columns = {
        "cache bytes": st.column_config.NumberColumn(format="localized"),
        "ms (one run)": st.column_config.NumberColumn(format="%.1f"),
        "max |Δ logit|": st.column_config.NumberColumn(format="scientific"),
    }
    with presenting.table_place():
        data_table.show(
            pd.DataFrame(rows), "cache_steps", column_config=columns,
            height=min(38 + 35 * len(rows), 290),
        )
    st.caption(
        "Δ logit: the largest difference, over the whole vocabulary, between this step's logits "
        "with the cache and the logits of one pass without a cache. It is not zero, because sums "
        "in another order round differently. Stepping back runs nothing."
    )
