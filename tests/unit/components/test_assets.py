"""Our JavaScript modules as one script, as Streamlit hands it to the browser."""

import pytest

from components.kit import assets


def test_every_module_comes_once_and_before_what_imports_it():
    script = assets.script("attention/query_steps.js")
    first = [script.index(f"const {name} = (() => {{") for name in ("kit_canvas", "kit_strips")]
    assert first == sorted(first) and script.count("const kit_canvas = (() =>") == 1
    assert first[-1] < script.index("export default ")
    assert "\nimport " not in script and "\nexport function" not in script and "\n//" not in script


def test_a_library_hands_back_what_its_module_exports():
    library = assets.library("kit/canvas.js")
    assert library.index("const kit_dom = (() => {") < library.index("const kit_canvas = (() => {")
    returned = library[library.rindex("return {") :]
    assert " unpack," in returned and " scrolled" not in returned  # the second is the module's own


def test_a_component_is_kept_whole_for_a_file_of_the_page():
    from components.attention import grid  # makes the component

    assert grid.show_maps
    parts = assets.parts_of("attention_grid")
    assert "<canvas" in parts["html"] and ".tip" in parts["css"]
    assert "const shown = cells({" in parts["script"] and parts["script"].endswith("return shown;")
    assert "export" not in parts["script"] and "import" not in parts["script"]
    with pytest.raises(ValueError, match="No component 'nothing' was made here"):
        assets.parts_of("nothing")
