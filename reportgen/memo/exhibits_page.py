"""A page of tables and figures with a few sentences: what the demo shows beside the memos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reportgen.evidence.model import Figure, Table

from .draw import draw
from .environment import environment
from .render import write_memo


@dataclass(frozen=True)
class Part:
    """A section: sentences, then figures, then tables."""

    title: str
    sentences: tuple[str, ...]
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()


def write_exhibits(path: Path, kicker: str, title: str, lead: str, parts: Sequence[Part], credit: str) -> Path:
    """Write the page; figures and tables are numbered in reading order."""
    exhibits = [("Figure", [figure for part in parts for figure in part.figures])]
    exhibits.append(("Table", [table for part in parts for table in part.tables]))
    numbers = {one.id: f"{name} {at}" for name, group in exhibits for at, one in enumerate(group, start=1)}
    drawings = {figure.id: draw(figure) for part in parts for figure in part.figures}
    template = environment().get_template("exhibits.html")
    page = template.render(
        kicker=kicker, title=title, lead=lead, parts=parts, numbers=numbers, drawings=drawings, credit=credit
    )
    return write_memo(path, page)
