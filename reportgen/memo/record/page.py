"""A memo as a parsed page: its visible text, its record, and what keeps a hostile page cheap to refuse."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from reportgen.bundle import sha256
from reportgen.errors import InputError, ReportgenError

from .guard import refuse_costly
from .schema import MAX_JSON, SCHEMA, Record, RecordError

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

ELEMENT_ID = "reportgen-record"
MAX_PAGE = 8_000_000
"""Bytes of a memo: sixteen times the size a memo with six runs may have."""
_UNSEEN = ("script", "style", "template", "noscript")
_BREAK = "\ufdd0"
"""Stands for `<wbr>`: no character of any text."""
_BROKEN = re.compile(rf"(?<=[_,/]) {_BREAK} ")


class NotAMemo(InputError):  # noqa: N818 - "raise NotAMemo" says it
    """A file that is no memo at all."""


@dataclass(frozen=True)
class MemoPage:
    """A memo's page without its scripts and styles, and the text of every record element found in it."""

    tree: LexborHTMLParser
    records: tuple[str, ...]
    whole: bool = True
    """Whether the file holds the page's end."""

    @cached_property
    def sections(self) -> dict[str, LexborNode]:
        """Sections of the rubric by id, in the page's order."""
        return {str(node.attributes.get("data-section")): node for node in self.tree.css("[data-section]")}

    @cached_property
    def elements(self) -> dict[tuple[str, str], list[LexborNode]]:
        """Items and exhibits by kind and id; more than one node where an id was doubled."""
        found: dict[tuple[str, str], list[LexborNode]] = {}
        for kind, selector, name in (("item", "[data-evidence]", "data-evidence"), ("table", ".exhibit[id]", "id")):
            for node in self.tree.css(selector):
                found.setdefault((kind, str(node.attributes.get(name))), []).append(node)
        return found

    def record(self) -> Record:
        """The one record.

        Raises:
            RecordError: the file is cut short, or its record missing, doubled, damaged, too large or foreign.
        """
        if not self.whole:
            raise RecordError(
                "the file is cut short: its page has no end", remedy="hand in the whole file `reportgen memo` wrote"
            )
        if len(self.records) != 1:
            raise RecordError(
                "no record in the memo" if not self.records else f"{len(self.records)} records in one memo",
                remedy="hand in the file `reportgen memo` wrote, unchanged",
            )
        return parse_record(self.records[0])


def parse_record(text: str) -> Record:
    """Parse a record; its digest is verified.

    Raises:
        RecordError: damaged, too large or of another version.
    """
    from pydantic import ValidationError

    from reportgen.bundle.jsonio import loads

    from .make import record_digest

    where, remedy = "the memo's record", "hand in the file `reportgen memo` wrote, unchanged"
    if len(text) > MAX_JSON:
        raise RecordError(f"{len(text):,} characters, at most {MAX_JSON:,}", where=where, remedy=remedy)
    try:
        document = loads(text.encode("utf-8", "surrogatepass"), where)
    except ReportgenError as error:
        raise RecordError(error.what, where=where, remedy=remedy) from None
    version = document.get("schema") if isinstance(document, dict) else None
    if version != SCHEMA:
        raise RecordError(f"schema {str(version)[:40]!r}, expected {SCHEMA!r}", where=where, remedy=remedy)
    try:
        record = Record.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise RecordError(f"field {field}: {first['msg']}", where=where, remedy=remedy) from None
    if record.digest != record_digest(document):
        raise RecordError("its content is not what was written: the digest differs", where=where, remedy=remedy)
    return record


def read_page(path: str | Path) -> MemoPage:
    """Read a memo.

    Raises:
        NotAMemo: it cannot be read, is too large, or has neither sections nor a record.
        ReportgenError: a page built to be expensive.
    """
    target = Path(path)
    remedy = "pass the HTML file `reportgen memo` wrote"
    try:
        if target.stat().st_size > MAX_PAGE:
            raise NotAMemo(f"more than {MAX_PAGE:,} bytes", where=target.name, remedy=remedy)
        html = target.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise NotAMemo(f"cannot be read: {error.strerror}", where=target.name or path, remedy=remedy) from None
    except UnicodeDecodeError:
        raise NotAMemo("not UTF-8 text", where=target.name, remedy=remedy) from None
    refuse_costly(html, target.name)
    tree = parse(html)
    records = tuple(node.text() for node in tree.css(f'script[id="{ELEMENT_ID}"]'))
    page = MemoPage(without_unseen(tree), records, "</html" in html)
    if not page.sections and not records:
        raise NotAMemo("no section of a memo and no record", where=target.name, remedy=remedy)
    return page


def parse(html: str) -> LexborHTMLParser:
    """The page as a tree."""
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(html)
    for node in tree.css("wbr"):
        node.replace_with(_BREAK)
    return tree


def without_unseen(tree: LexborHTMLParser) -> LexborHTMLParser:
    """The same tree, scripts and styles taken out: nobody reads them."""
    for node in tree.css(", ".join(_UNSEEN)):
        node.decompose()
    return tree


def text_of(node: LexborNode) -> str:
    """Visible text, white space normalised: saving the page from a browser does not change it.

    A name that may break within is one word.
    """
    return " ".join(_BROKEN.sub("", node.text(separator=" ")).split())


def digests(tree: LexborHTMLParser) -> tuple[str, list[tuple[str, str]]]:
    """sha256 of the visible text of the whole page and of each section; scripts and styles are taken out."""
    without_unseen(tree)
    sections = [(str(node.attributes.get("data-section")), text_sha256(node)) for node in tree.css("[data-section]")]
    return text_sha256(tree.body) if tree.body else sha256(b""), sections


def text_sha256(node: LexborNode) -> str:
    """Digest of an element's visible text."""
    return sha256(text_of(node).encode("utf-8", "replace"))
