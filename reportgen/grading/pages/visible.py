"""From bytes to a tree that holds only what a reader would see, with a line for each trick found."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from reportgen.errors import InputError
from reportgen.memo.record.guard import refuse_costly

from .. import intake_limits as limits

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

MAX_MARKUP = 20_000_000
"""Bytes left of a page when its embedded images are cut out."""
MAX_RULES = 200
MAX_SHEET = 500_000
_IMAGE = re.compile(rb"data:[\w/+.-]{1,60};base64,[A-Za-z0-9+/=\s]{1000,}")
_LONG = re.compile(rb"""(=\s*)("[^"<>]{100000,}"|'[^'<>]{100000,}')""")
_CHARSET = re.compile(rb"""<meta[^<>]{0,100}charset=["']?([\w-]{1,40})""", re.I)
_HIDES = re.compile(
    r"(?<![-\w])(?:display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|(?:opacity|font-size)\s*:\s*0*\.?0+(?![.\d])"
    r"|color\s*:\s*transparent|text-indent\s*:\s*-\d{3,}|(?:left|top|right)\s*:\s*-\d{3,}"
    r"|clip(?:-path)?\s*:\s*(?:rect\(\s*0|inset\(\s*(?:50|100)%)|transform\s*:\s*scale[xy]?\(\s*0\s*\))",
    re.IGNORECASE,
)
_WHITE = re.compile(r"(?<![-\w])color\s*:\s*(?:white|#fff(?:fff)?\b)", re.IGNORECASE)
_FLAT = re.compile(r"(?<![-\w])(?:max-)?(?:width|height)\s*:\s*0(?![.\d])", re.IGNORECASE)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


def visible_tree(path: Path, *, notebook: bool) -> tuple[LexborHTMLParser, list[str]]:
    """The page as a tree without what is hidden, and what was found on the way.

    Raises:
        InputError: too large, or built to be expensive to parse.
    """
    from selectolax.lexbor import LexborHTMLParser

    if (size := path.stat().st_size) > limits.MAX_FILE:
        raise InputError(f"{size:,} bytes, at most {limits.MAX_FILE:,}", remedy="hand in one page")
    problems: list[str] = []
    raw = _IMAGE.sub(b"data:,", path.read_bytes())
    raw, cut = _LONG.subn(rb'\1""', raw)
    if cut:
        problems.append(f"{cut} attributes of more than 100,000 characters left out")
    if len(raw) > MAX_MARKUP:
        raise InputError(f"{len(raw):,} bytes of markup, at most {MAX_MARKUP:,}", remedy="hand in one page")
    html = _decode(raw, problems)
    refuse_costly(html, "the page")
    tree = LexborHTMLParser(html)
    _remarks(tree, problems)
    _drop_hidden(tree, problems, notebook)
    return tree, problems


def _decode(raw: bytes, problems: list[str]) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = raw.decode("utf-16", "replace")
    else:
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            named = _CHARSET.search(raw[:4096])
            try:
                text = raw.decode(named[1].decode("ascii") if named else "utf-8")
            except (LookupError, UnicodeError, ValueError):
                text = raw.decode("utf-8", "replace")
                problems.append(f"{text.count(chr(0xFFFD)):,} characters cannot be read: not UTF-8")
    if "\0" in text:
        problems.append(f"{text.count(chr(0)):,} NUL characters left out")
        text = text.replace("\0", "")
    return text


def _remarks(tree: LexborHTMLParser, problems: list[str]) -> None:
    """What a browser would have done and this reader does not."""
    if any((n.attributes.get("http-equiv") or "").strip().lower() == "refresh" for n in tree.css("meta[http-equiv]")):
        problems.append("a redirect (meta refresh), not followed")
    remote = [n for n in tree.css("img[src]") if re.match(r"\s*(?:https?:)?//", n.attributes.get("src") or "", re.I)]
    if remote:
        problems.append(f"{len(remote):,} remote images, not loaded")
    if frames := tree.css("iframe, object, embed, applet"):
        problems.append(f"{len(frames):,} embedded pages or objects, not loaded")
    handlers = sum(
        any(name.lower().startswith("on") for name in node.attributes)
        for node in tree.css("[onload], [onerror], [onclick], [onmouseover], [onfocus], [onbegin], [ontoggle]")
    )
    if handlers:
        problems.append(f"{handlers:,} event handlers, not run")


def _drop_hidden(tree: LexborHTMLParser, problems: list[str], notebook: bool) -> None:
    words = 0
    for node in _hidden_nodes(tree, notebook):
        words += len(node.text(separator=" ").split())
        node.decompose()
    if words:
        problems.append(f"{words:,} hidden words, not counted")


def _hidden_nodes(tree: LexborHTMLParser, notebook: bool) -> list[LexborNode]:
    """Outermost hidden elements, each once."""
    selectors = ["[hidden]"]
    for style in tree.css("style"):
        # A notebook's head carries the template's own sheet; what a student adds stands in the body.
        if notebook and any(parent == "head" for parent in _ancestors(style)):
            continue
        for rule in _COMMENT.sub("", style.text()[:MAX_SHEET]).split("}")[: 10 * MAX_RULES]:
            selector, _, declarations = rule.rpartition("{")
            if "{" not in selector and "@" not in selector and _hides(declarations):
                selectors.append(selector.strip())
    found: dict[int, LexborNode] = {}
    for selector in selectors[:MAX_RULES]:
        try:
            nodes = tree.css(selector)
        except Exception:  # noqa: S112 - a selector the parser does not know hides nothing here
            continue
        found.update((node.mem_id, node) for node in nodes)
    for node in tree.css("[style]"):
        if _hides(node.attributes.get("style") or ""):
            found[node.mem_id] = node
    found = {key: node for key, node in found.items() if node.tag not in {"html", "body", "head", "style", "script"}}
    return [node for key, node in found.items() if not _inside(node, found)]


def _hides(declarations: str) -> bool:
    """Whether a style makes text unreadable; white text on a background of its own is read."""
    if _HIDES.search(declarations) or (_FLAT.search(declarations) and "overflow" in declarations):
        return True
    return bool(_WHITE.search(declarations)) and "background" not in declarations


def _inside(node: LexborNode, others: dict[int, LexborNode]) -> bool:
    parent = node.parent
    while parent is not None:
        if parent.mem_id in others:
            return True
        parent = parent.parent
    return False


def _ancestors(node: LexborNode) -> list[str]:
    names, parent = [], node.parent
    while parent is not None:
        names.append(parent.tag or "")
        parent = parent.parent
    return names
