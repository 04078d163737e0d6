"""Texts beside the rows a memo asks to read: bundles keep digests only, so whoever has the data brings them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .model import Column

if TYPE_CHECKING:
    from reportgen.bundle import SplitPredictions

SHOWN = 200
"""Characters of a text that are shown."""
COLUMN = Column("excerpt", "Text", help=f"its first {SHOWN} characters", wide=True)
ABSENT = "Texts were not at hand: bundles keep none. Pass --data SOURCE to `reportgen memo` to see them here"
MATCHED = (
    "Texts come from the data given with --data; a text is shown only where its SHA-256 is the one the bundle keeps."
)


@dataclass(frozen=True)
class Texts:
    """Texts by their SHA-256, so that a row is never shown with another row's words."""

    known: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, texts: Iterable[str]) -> Texts:
        """The first characters of each text, white space as single spaces."""
        from reportgen.bundle import text_sha256

        every = list(texts)
        return cls(dict(zip(text_sha256(every), map(_excerpt, every), strict=True)))

    def cell(self, rows: SplitPredictions, at: int) -> str:
        """What a table says of the text of the row at this position."""
        digest = rows.text_sha256[at]
        if digest is None:
            return "(the bundle keeps no digest of this text)"
        return self.known.get(str(digest), "(no such text in the data given)")


def _excerpt(text: str) -> str:
    # A line of one text may be longer than all the rest together: cut before the white space is looked at.
    head = " ".join(text[: 20 * SHOWN].split())
    return head if len(head) <= SHOWN and len(text) <= 20 * SHOWN else head[:SHOWN].rstrip() + "…"


def text_column(texts: Texts | None) -> tuple[Column, ...]:
    """The column of texts; none where there are none."""
    return () if texts is None else (COLUMN,)


def text_cell(texts: Texts | None, rows: SplitPredictions, at: int) -> dict[str, str]:
    """The cell of that column."""
    return {} if texts is None else {COLUMN.key: texts.cell(rows, at)}


def text_note(texts: Texts | None, dataset: str) -> str:
    """Where the texts come from, or how to see them."""
    return f"{ABSENT}, or look the rows up by their id in {dataset}." if texts is None else MATCHED
