"""Find evidence items by label and value. A value that could be another's is left out: absent beats wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reportgen.errors import one_line

from ..model import FoundItem
from .document import Block
from .numbers import Number, after, of_cell
from .rules import Rule
from .tables import Grid

MAX_PROSE = 20_000
"""Characters of one paragraph that are searched."""
_NO_RULE = re.compile(r"(?!)")
# A sentence about what was hoped for, or what others measured, holds no result of the author's.
_UNMEASURED = re.compile(
    r"\b(?:expect\w*|hop(?:e|ed|ing)|predict(?:ed|ion|s)|guess\w*|would|should|could|target\w*|goal|if|published|literature"
    r"|reported by|lecture|slides?|example)\b",
    re.IGNORECASE,
)
_OF = re.compile(r"\s*\(?(?:for|of|with|by|from|on|in)?\s[^,;.]{0,40}|\s*\([^()]{0,40}\)")


@dataclass(frozen=True)
class Hit:
    """Numbers found for one label and one subject."""

    numbers: tuple[Number, ...]
    text: str
    place: str
    rank: int
    """0: a table or printed line of the item's section; 1: anywhere else on the page; 2: prose."""


def find_item(rules: Sequence[Rule], blocks: Sequence[Block], sections: Sequence[str | None]) -> FoundItem | None:
    """The first rule of an item that finds it.

    Args:
        rules: of one item, best first.
        blocks: of the page.
        sections: for each block, the rubric section it stands under.
    """
    for rule in rules:
        home = rule.id.rpartition(".")[0]
        near = [(block, section == home) for block, section in zip(blocks, sections, strict=True)]
        near = [(block, here) for block, here in near if here or not rule.in_section]
        found = _numbers(rule, near) if rule.find else _table(rule, near) if rule.columns else _words(rule, near)
        if found is not None:
            return found
    return None


def _numbers(rule: Rule, near: Sequence[tuple[Block, bool]]) -> FoundItem | None:
    chosen: list[Hit] = []
    for about in rule.about or (None,):
        for label in rule.find:
            hits = [hit for block, here in near for hit in _hits(rule, label, about, block, here)]
            hit = _agreed(hits)
            if hit is not None:
                chosen.append(hit)
    wanted = max(len(rule.about), 1) * len(rule.find)
    if len(chosen) < (wanted if rule.least == 1 else rule.least):
        return None
    values = tuple(number.value for hit in chosen for number in hit.numbers)
    return FoundItem(rule.id, values, chosen[0].text, chosen[0].place)


def _agreed(hits: Sequence[Hit]) -> Hit | None:
    """The hit of the best rank with most digits; None where hits of that rank contradict each other."""
    if not hits:
        return None
    best = min(hit.rank for hit in hits)
    hits = [hit for hit in hits if hit.rank == best]
    widest = max(hits, key=lambda hit: (len(hit.numbers), hit.numbers[0].places))
    for hit in hits:
        if not all(one.same(other) for one, other in zip(hit.numbers, widest.numbers, strict=False)):
            return None
    return widest


def _hits(rule: Rule, label: re.Pattern[str], about: re.Pattern[str] | None, block: Block, here: bool) -> Iterator[Hit]:
    if block.kind in ("heading", "figure"):
        return
    place = " › ".join(block.headings[-2:]) or "the page's top"
    context = " ".join(block.headings)
    rank = 2 if block.kind == "prose" else 0 if here else 1
    for at, grid in enumerate(block.grids, start=1):
        for cells, text in _cells(rule, label, about, grid, f"{context} {grid.caption}"):
            yield Hit(cells, text, f"{place}, table {at}" if at > 1 else f"{place}, table", rank)
    if block.kind == "table":
        return
    title = context
    for line in block.lines:
        if block.kind == "output" and (line.rstrip().endswith(":") or line.startswith(("=", "-", "#"))):
            title = f"{context} {line}"
        if block.kind == "prose" and _UNMEASURED.search(line):
            continue
        for start, end, numbers in after(label, line):
            if about is not None and not _is_about(about, rule.others, line[:start], title):
                continue
            if about is not None and _of_another(about, rule.others, line[end:]):
                continue
            if about is None and rule.others is not None and rule.others.search(line):
                continue
            if all(_plausible(number, rule.unit) for number in numbers):
                yield Hit(tuple(numbers), one_line(line, 160), place, rank)


def _of_another(about: re.Pattern[str], others: re.Pattern[str] | None, rest: str) -> bool:
    """Whether a number is said to be somebody else's after it: "unlike A, .54 for B"."""
    said = _OF.match(rest)
    if said is None or others is None:
        return False
    return others.search(about.sub("", said[0])) is not None


def _is_about(about: re.Pattern[str], others: re.Pattern[str] | None, before: str, title: str) -> bool:
    """Whether the subject named last before a number is the one meant; else the title above it decides."""
    for text in (before, title):
        mine = max((match.start() for match in about.finditer(text)), default=-1)
        other = max((match.start() for match in (others or _NO_RULE).finditer(text)), default=-1)
        if mine >= 0 or other >= 0:
            return mine >= max(other, 0)
    return False


def _cells(
    rule: Rule, label: re.Pattern[str], about: re.Pattern[str] | None, grid: Grid, context: str
) -> Iterator[tuple[tuple[Number, ...], str]]:
    """Numbers of a table where the label heads the column and the subject the row, or the other way round."""
    headed = {at for at, header in enumerate(grid.header) if label.search(header)}
    subjects = {
        at
        for at, header in enumerate(grid.header)
        if (_is_about(about, rule.others, header, "") if about is not None else len(grid.header) == 2 and at == 1)
    }
    if not headed and not subjects:
        return
    for row in grid.rows:
        name = _row_name(row)
        columns = headed if headed and _row_fits(about, rule.others, name, len(grid.rows), context) else set()
        if subjects and label.search(name):
            columns = columns | subjects
        for at in sorted(columns):
            number = of_cell(row[at]) if at < len(row) else None
            if number is not None and _plausible(number, rule.unit):
                yield (number,), one_line(f"{name} · {grid.header[at]}: {row[at]}", 160)


def _row_fits(
    about: re.Pattern[str] | None, others: re.Pattern[str] | None, name: str, rows: int, context: str
) -> bool:
    if about is None:
        return rows == 1 and not (others and others.search(name))
    if about.search(name):
        return not (others and others.search(about.sub("", name)))
    return rows == 1 and not (others and others.search(name)) and _is_about(about, others, "", context)


def _row_name(row: Sequence[str]) -> str:
    return " ".join(cell for cell in row if cell and of_cell(cell) is None)


def _plausible(number: Number, unit: str) -> bool:
    if unit == "score":
        return -1 <= number.value <= 1 and (number.places > 0 or number.value in (0, 1))
    if unit == "count":
        return number.value >= 0 and number.value == int(number.value) and number.unit in ("", "s")
    return number.value >= 0 if unit == "ms" else True


def _table(rule: Rule, near: Sequence[tuple[Block, bool]]) -> FoundItem | None:
    """The first table that has every column, in the item's own section before the rest of the page."""
    for block, _ in sorted(near, key=lambda pair: not pair[1]):
        for grid in block.grids:
            if len(grid.rows) < rule.rows or not all(any(c.search(h) for h in grid.header) for c in rule.columns):
                continue
            names = [" ".join(row) for row in grid.rows]
            if not all(any(wanted.search(name) for name in names) for wanted in rule.row_names):
                continue
            columns = [at for at, h in enumerate(grid.header) if any(c.search(h) for c in rule.values or rule.columns)]
            cells = [row[at] for row in grid.rows for at in columns if at < len(row)]
            numbers = tuple(number.value for cell in cells if (number := of_cell(cell)) is not None)
            text = f"{len(grid.rows)} rows: {', '.join(filter(None, grid.header))}"
            place = (" › ".join(block.headings[-2:]) or "the page's top") + ", table"
            return FoundItem(rule.id, numbers or (float(len(grid.rows)),), one_line(text, 160), place)
    return None


def _words(rule: Rule, near: Sequence[tuple[Block, bool]]) -> FoundItem | None:
    """A figure by its name or its heading, or words in the prose and what was printed."""
    matches: list[tuple[str, str, str]] = []
    # What code printed comes before what the author wrote about it, unless the author's own words are asked for.
    for block, _ in sorted(near, key=lambda pair: (not rule.in_section and pair[0].kind != "output", not pair[1])):
        place = " › ".join(block.headings[-2:]) or "the page's top"
        if rule.figure is not None:
            if block.kind == "figure" and rule.figure.search(f"{block.text} {' '.join(block.headings[-1:])}"):
                return FoundItem(rule.id, (), one_line(block.text or block.headings[-1], 160), f"{place}, figure")
        elif rule.text is not None and block.kind in ("prose", "output"):
            for line in (block.text[:MAX_PROSE],) if block.kind == "prose" else block.lines:
                for match in rule.text.finditer(line):
                    said = next((group for group in match.groups() if group), match[0]).strip()
                    if said.lower() not in {one.lower() for one, _, _ in matches}:
                        matches.append((said, one_line(line, 160), place))
    if rule.figure is not None or len(matches) < rule.least:
        return None
    shown = tuple(one_line(said, 120) for said, _, _ in matches[: max(rule.least, 1)])
    return FoundItem(rule.id, shown, matches[0][1], matches[0][2])
