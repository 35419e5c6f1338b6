"""Our JavaScript modules as one script, as Streamlit hands it to the browser."""

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
