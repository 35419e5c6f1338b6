"""What an AppTest drew, beyond what Streamlit's own accessors find: HTML, components, charts."""

import json
import struct

import numpy as np


def nodes(app) -> list:
    """Every element of the page, in order."""
    return list(_walk(app._tree))


def html(app) -> str:
    """Everything drawn with st.html, in one string."""
    return "\n".join(node.proto.body for node in nodes(app) if _type(node) == "html")


def components(app) -> list[tuple[str, str, dict]]:
    """(name without mnemoscope_, key, message) of each component of ours."""
    protos = [getattr(node, "proto", None) for node in nodes(app)]
    return [
        (p.component_name.removeprefix("mnemoscope_"), key_of(p), _message(p))
        for p in protos
        if getattr(p, "component_name", "").startswith("mnemoscope_")
    ]


def sent(app, name: str) -> dict:
    """What the first component of this name was given: its header, and its arrays by name."""
    for found, _, message in components(app):
        if found == name:
            return message
    raise AssertionError(f"the page drew no {name}")


def charts(app) -> dict[str, dict]:
    """Key of each Plotly chart -> its figure."""
    drawn = [node.proto for node in nodes(app) if _type(node) == "plotly_chart"]
    return {key_of(proto): json.loads(proto.spec) for proto in drawn}


def key_of(proto) -> str:
    """The key that the page gave this widget; no key of ours has a hyphen."""
    return proto.id.rsplit("-", 1)[1]


def _walk(node):
    for child in getattr(node, "children", {}).values():
        yield child
        yield from _walk(child)


def _type(node) -> str:
    return getattr(node, "type", "")


def _message(proto) -> dict:
    """JSON as it is; bytes (components/kit/canvas.py) are a header and the arrays it names."""
    if proto.json:
        return json.loads(proto.json)
    (length,) = struct.unpack_from("<I", proto.bytes)
    header = json.loads(proto.bytes[4 : 4 + length])
    for name, (kind, start, size) in header["arrays"].items():
        header[name] = np.frombuffer(proto.bytes, kind, size, 4 + length + start)
    return header
