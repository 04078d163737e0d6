"""Tables as rows of text: HTML tables, and the ones pandas prints."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

MAX_ROWS = 2_000
MAX_COLUMNS = 60
MAX_CELL = 400
_GAP = re.compile(r"\s{2,}|\s*\|\s*|\t")


@dataclass(frozen=True)
class Grid:
    """A header and the body below it, cells as text, every row as long as the header."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""


def html_table(node: LexborNode) -> Grid:
    """A `<table>`; a header of several rows is joined column by column, spans are not repeated."""
    caption = node.css_first("caption")
    header: list[list[str]] = []
    body: list[list[str]] = []
    for row in node.css("tr")[: MAX_ROWS + 10]:
        cells = row.css("th, td")[:MAX_COLUMNS]
        if not cells:
            continue
        texts = [_cell(cell) for cell in cells]
        in_head = row.parent is not None and row.parent.tag == "thead"
        if in_head or (not body and all(cell.tag == "th" for cell in cells)):
            header.append(texts)
        else:
            body.append(texts)
    if not header and body:
        header = [body.pop(0)]
    width = max((len(row) for row in [*header, *body]), default=0)
    joined = [" ".join(row[at] for row in header if at < len(row) and row[at]).strip() for at in range(width)]
    return Grid(tuple(joined), _even(body, width), _cell(caption) if caption is not None else "")


def printed_tables(lines: Sequence[str]) -> list[tuple[int, int, Grid]]:
    """Tables in printed text (`DataFrame.to_string`, `print` with columns): first line, end, the table.

    Every row must split into as many cells as the header, or one more (pandas' index): anything else is no table.
    Columns a single space apart are read where each holds only numbers or only words.
    """
    found, start = [], 0
    loose, tight = [_cells(line) for line in lines], [_tokens(line) for line in lines]
    while start < len(lines) - 1:
        for split in (loose, tight):
            end = _table_end(split, start, tight=split is tight)
            if end - start >= 2:
                extra = len(split[start + 1]) - len(split[start])
                header = ("",) * extra + tuple(split[start])
                found.append((start, end, Grid(header, tuple(map(tuple, split[start + 1 : end])))))
                start = end
                break
        else:
            start += 1
    return found


def _table_end(split: Sequence[Sequence[str]], start: int, *, tight: bool) -> int:
    """The line after the rows below a header; `start` where this is no header."""
    header, first = split[start], split[start + 1]
    if len(header) < (3 if tight else 2) or len(first) - len(header) not in (0, 1) or _numbers(header):
        return start
    if not _numbers(first) or (tight and any(set(":=") & set(cell) for cell in header)):
        return start
    end = start + 1
    while end < len(split) and len(split[end]) == len(first):
        if tight and _pattern(split[end]) != _pattern(first):
            break
        end += 1
    return end


def _pattern(cells: Sequence[str]) -> list[int]:
    return [_numbers([cell]) for cell in cells]


def _tokens(line: str) -> list[str]:
    return [] if not line.strip() or set(line.strip()) <= set("-=+| ") else line.split()[:MAX_COLUMNS]


def _cells(line: str) -> list[str]:
    if not line.strip() or set(line.strip()) <= set("-=+| "):
        return []
    return [cell for cell in _GAP.split(line.strip().strip("|").strip()) if cell][:MAX_COLUMNS]


def _numbers(cells: Sequence[str]) -> int:
    return sum(bool(re.fullmatch(r"[+−-]?[\d.,]+\s?%?", cell)) for cell in cells)


def _cell(node: LexborNode) -> str:
    return " ".join(node.text(separator=" ").split())[:MAX_CELL]


def _even(rows: list[list[str]], width: int) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(row + [""] * (width - len(row))) for row in rows[:MAX_ROWS])
