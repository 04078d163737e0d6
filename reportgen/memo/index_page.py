"""The page that lists what was built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .environment import environment
from .render import write_memo


@dataclass(frozen=True)
class Page:
    """A link of the index: a file beside it, a title, a line on what to look at."""

    href: str
    title: str
    text: str


@dataclass(frozen=True)
class Group:
    """Pages that belong together."""

    title: str
    text: str
    pages: tuple[Page, ...]


def write_index(path: Path, title: str, lead: str, groups: Sequence[Group], credit: str) -> Path:
    """Write the index page; links are relative to it."""
    template = environment().get_template("index.html")
    return write_memo(path, template.render(title=title, lead=lead, groups=groups, credit=credit))
