"""Refuse pages whose nesting would make an HTML parser work quadratically, in one linear pass and before parsing."""

from __future__ import annotations

import re
from collections import Counter

from reportgen.errors import InputError

MAX_DEPTH = 400
"""Elements open at once; a memo stays under forty."""
MAX_COST = 20_000_000
"""Open elements summed over all tags: what scope checks and restored formatting cost at worst."""

_WHOLE = r"((?:\s+[a-zA-Z][a-zA-Z0-9:-]*=\"[^\"<>]*\")*+\s*+/?>)?"
"""The rest of a tag with nothing unusual in it: one event in place of one for every quote, in nearly half the time."""
_TAG = rf"(/?)([a-zA-Z][a-zA-Z0-9]*){_WHOLE}"
_EVENT = re.compile(rf"<!--|-->|<{_TAG}|/>|[>\"']")
_IN_TEXT = re.compile(rf"<(?:!--|{_TAG})")
"""In text a quote or the end of a tag says nothing, and a record is full of quotes."""
_VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]
)
_LEAF = frozenset(["circle", "ellipse", "line", "path", "polygon", "polyline", "rect", "stop", "use"])
"""SVG elements written as `<rect/>`; no HTML rule makes a nest of them expensive."""
_RAW = frozenset(["iframe", "noembed", "noframes", "plaintext", "script", "style", "textarea", "title", "xmp"])


def refuse_costly(html: str, where: str) -> None:
    """Count open elements from above: every opening tag counts, a closing one only where a parser would see it.

    Raises:
        InputError: nesting no memo has.
    """
    is_open: Counter[str] = Counter()
    depth = cost = 0
    state, quote, raw, name = "text", "", "", ""
    end = 0
    while match := (_IN_TEXT if state == "text" else _EVENT).search(html, end):
        end = match.end()
        event = match[0]
        slash, tag, whole = match.groups()
        closing, tag = slash == "/", tag.lower() if tag else ""
        if tag and not closing and tag not in _VOID and tag not in _LEAF:
            is_open[tag] += 1
            depth += 1
        if tag and not closing:
            cost += depth
            if depth > MAX_DEPTH or cost > MAX_COST:
                raise InputError(
                    "nested deeper than any memo", where=where, remedy="hand in the file `reportgen memo` wrote"
                )
        if state == "comment":
            state = "text" if event == "-->" else state
        elif state == "tag":
            if quote:
                quote = "" if event == quote else quote
            elif whole:
                state, raw = "text", name if name in _RAW else raw
            elif event in ("'", '"'):
                quote = event
            elif event in (">", "/>", "-->"):
                state = "text"
                raw = name if name in _RAW else raw
        elif event == "<!--" and not raw:
            state = "comment"
        elif tag and (not raw or (closing and tag == raw)):
            state, raw, name = "tag", "", "" if closing else tag
            if whole:
                state, raw = "text", name if name in _RAW else ""
            if closing and is_open[tag]:
                is_open[tag] -= 1
                depth -= 1
