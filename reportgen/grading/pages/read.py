"""A page of a student, read: its sections, its evidence items and what is odd about it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from reportgen.errors import InputError

from ..model import FoundItem, PageReading
from .document import MAX_SIZE, Block, Reader
from .find import find_item
from .kinds import classify
from .possible import impossible
from .rules import load_rules
from .sections import section_of
from .visible import visible_tree

if TYPE_CHECKING:
    from reportgen.data import Course
    from reportgen.evidence.rubric import Rubric

MAX_SECTION = 60_000
"""Characters of prose kept a section: twenty times a memo's."""


def read_page(path: Path, rubric: Rubric, course: Course) -> PageReading:
    """Read a notebook export or another page; what cannot be read is said in `problems`, never raised.

    `sections` holds the prose under each heading without tables, code and printed output; shares written in per cent
    are fractions in `items`.
    """
    kind = classify(path)
    try:
        tree, problems = visible_tree(path, notebook=kind == "notebook")
    except (InputError, OSError) as error:
        said = f"the page was not read: {error.what if isinstance(error, InputError) else error.strerror}"
        return PageReading(kind, {}, (), (), 0, (said,), read=False)
    reader = Reader()
    blocks = reader.read(tree.body) if tree.body is not None else []
    if reader.full:
        problems.append(f"a long page: what comes after {MAX_SIZE:,} characters was not read")
    homes = _homes(blocks, rubric)
    sections: dict[str, str] = {}
    for block, home in zip(blocks, homes, strict=True):
        if block.kind == "prose" and home is not None:
            sections[home] = f"{sections.get(home, '')}\n\n{block.text}".strip()[:MAX_SECTION]
    rules = load_rules(course, rubric.week)
    items: list[FoundItem] = []
    for section in rubric.sections:
        for item in section.evidence:
            found = find_item(rules.get(item.id, ()), blocks, homes)
            if found is not None:
                items.append(found)
    return PageReading(
        kind=kind,
        sections=sections,
        items=tuple(items),
        headings=tuple(block.text for block in blocks if block.kind == "heading" and block.text)[:500],
        words=sum(len(block.text.split()) for block in blocks if block.kind == "prose"),
        problems=tuple(problems),
        impossible=impossible(blocks),
    )


def _homes(blocks: list[Block], rubric: Rubric) -> list[str | None]:
    """The section each block stands under: that of the last heading that names one, until a heading as high."""
    homes: list[str | None] = []
    current, level = None, 0
    for block in blocks:
        if block.kind == "heading":
            named = section_of(block.text, rubric.sections)
            if named is not None or block.level <= level:
                current, level = named, block.level
        homes.append(current)
    return homes
