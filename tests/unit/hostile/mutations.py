"""What hypothesis does to a valid file: other values, missing and new fields, other bytes."""

import copy
import json
import string

from hypothesis import strategies as st

DEEP = json.loads("[" * 300 + "]" * 300)
ODD = st.one_of(
    st.sampled_from([
        None, True, False, -1, 0, 1, -2, 3, 10**9, 2**31, 2**53, 2**63, 2**70, -(2**70), 10**30, 0.5, -0.0, 1e300,
        float("nan"), float("inf"), float("-inf"), "", "x", "3", "\ud83d", "\x00", "a\nb", "..", [], {}, [[]],
        [None], {"": None}, [1, "x"], DEEP,
    ]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inside: st.lists(inside, max_size=3)
        | st.dictionaries(st.text(string.ascii_letters, max_size=3), inside, max_size=3),
        max_leaves=4,
    ),
)


def _places(tree, here=()):
    """The way to every value inside a JSON tree."""
    inside = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in inside:
        yield (*here, key)
        yield from _places(value, (*here, key))


@st.composite
def trees(draw, tree):
    """A JSON tree with one to three values replaced, dropped, doubled or put into a list."""
    tree = copy.deepcopy(tree)
    for _ in range(draw(st.integers(1, 3))):
        places = sorted(_places(tree), key=len)  # hypothesis prefers the first: the top of the tree
        if not places:
            break
        *way, last = draw(st.sampled_from(places))
        parent = tree
        for key in way:
            parent = parent[key]
        what = draw(st.sampled_from(("replace", "replace", "drop", "double", "wrap")))
        if what == "drop":
            del parent[last]
        elif what == "double" and isinstance(parent, list):
            parent.insert(last, copy.deepcopy(parent[last]))
        else:
            parent[last] = [parent[last]] if what == "wrap" else copy.deepcopy(draw(ODD))
    return tree


@st.composite
def texts(draw, text, pieces):
    """A text with one to three pieces put into it, in place of some of its characters."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 40)))
        text = text[:start] + draw(pieces | st.text(max_size=4)) + text[end:]
    return text


@st.composite
def contents(draw, content):
    """Bytes of a file: cut short, with other bytes in between, lengthened, or wholly random."""
    kind = draw(st.sampled_from(("cut", "other", "longer", "random")))
    at = draw(st.integers(0, len(content)))
    if kind == "cut":
        return content[:at]
    if kind == "random":
        return draw(st.binary(max_size=64))
    put = draw(st.binary(min_size=1, max_size=9))
    return content + put if kind == "longer" else content[:at] + put + content[at + len(put):]


def packed(header: dict, data: bytes) -> bytes:
    """A safetensors file of any header, right or wrong."""
    raw = json.dumps(header).encode()
    return len(raw).to_bytes(8, "little") + raw + data


def unpacked(content: bytes) -> tuple[dict, bytes]:
    """Header and data of a safetensors file."""
    n = 8 + int.from_bytes(content[:8], "little")
    return json.loads(content[8:n]), content[n:]


@st.composite
def tensor_files(draw, content, name):
    """A safetensors file whose JSON under `name` in the metadata, whose tensors or bytes are wrong."""
    kind = draw(st.sampled_from(("told", "told", "told", "header", "bytes")))
    if kind == "bytes":
        return draw(contents(content))
    header, data = unpacked(content)
    if kind == "header":
        return packed(draw(trees(header)), data)
    told = json.loads(header["__metadata__"][name])
    header["__metadata__"][name] = json.dumps(draw(trees(told)))
    return packed(header, data)
