"""One colour for one meaning, whichever page draws it."""

import numpy as np

from components.kit import cell_grid, difference, palette
from components.memory import bars


def test_a_module_alone_has_the_colour_of_its_variant():
    assert bars.HUES["am"] == palette.VARIANTS["gpt2+am"] and bars.HUES["edm"] == palette.VARIANTS["gpt2+edm"]
    assert bars.HUES["all"] == palette.VARIANTS["gpt2-m"] and bars.HUES["none"] == palette.VARIANTS["gpt2"]


def test_a_small_change_of_a_weight_is_seen_as_a_small_weight_is():
    change = np.array([[0.04, 0.0], [-0.25, np.nan]])
    grid = difference.weights(change, ["a", "b"], ["0 a", "1 b"], "a head")
    np.testing.assert_array_equal(grid.levels, cell_grid.signed_levels(np.array([[0.2, 0], [-0.5, 0]]), 1))
