"""Curves of recall: upright where x is a number or a few words, lying where many names stand below each
other."""

import pytest

from components.recall import figures
from components.recall.figures import Series, Shown


def drawn(n: int, joined: bool = False):
    shares = tuple(Shown(f"policy {i}", i / n, 0.0, 1.0, i, n) for i in range(n))
    return figures.curve([Series("GPT2-M", "#123456", "solid", shares)], "policy", "recalled", joined)


@pytest.mark.parametrize("n, joined", [(3, False), (12, True)])
def test_few_names_and_numbers_stand_upright(n, joined):
    line, layout = drawn(n, joined).data[-1], drawn(n, joined).layout
    assert list(line.y) == [i / n for i in range(n)] and line.x[0] == "policy 0"
    assert line.error_y.array[0] == 1.0 and layout.yaxis.tickformat == ".0%"


def test_many_names_lie_below_each_other():
    line, layout = drawn(12).data[-1], drawn(12).layout
    assert list(line.x) == [i / 12 for i in range(12)] and line.y[0] == "policy 0"
    assert line.error_x.array[0] == 1.0 and layout.xaxis.tickformat == ".0%"
    assert layout.yaxis.autorange == "reversed" and "%{x:.1%}" in line.hovertemplate
    assert layout.height > 12 * 20


def test_before_the_first_episode_there_is_an_empty_figure():
    assert not figures.curve([], "policy", "recalled", joined=False).data
