"""Accuracies that no number of correct rows gives, where a page says how many rows it scored."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

from .document import Block
from .numbers import FILLER, NUMBER, Number, of_cell, parse

PLACES = 4
"""Fewer decimals fit some count of correct rows of any usual set."""
_ROWS = r"(?:rows|examples|samples|complaints|texts|documents|messages|observations)"
_SIZES = (
    re.compile(r"\bn\s*=\s*(\d[\d,]*)(?!\.?\d)", re.IGNORECASE),
    re.compile(rf"\b(\d[\d,]*) (?:val(?:idation)?|test|held-out|evaluation) {_ROWS}\b", re.IGNORECASE),
    re.compile(
        rf"\b(?:val(?:idation)?|test|eval(?:uation)?)(?: (?:set|split|size|data))*(?: {_ROWS})?"
        r"\s*[:=]\s*\(?(\d[\d,]*)(?!\.?\d)",
        re.IGNORECASE,
    ),
)
_OF_OTHERS = re.compile(
    r"\b(?:class|classes|labels?|per|each|head|mid|tail|tiers?|slices?|subset|redact\w*|errors?|mistakes|wrong)\b|[<>≤≥]",
    re.IGNORECASE,
)
_ACCURACY = re.compile(r"\baccuracy\b", re.IGNORECASE)
_STATED = re.compile(FILLER + NUMBER, re.IGNORECASE)
# An accuracy of some of the rows, of a mean, or of others has another n.
_PARTIAL = re.compile(
    r"\b(?:balanced|train\w*|mean|average|averaged|seeds?|folds?|sd|std|head|mid|tail|tiers?|slices?|subset|redact\w*|top|class"
    r"|per|published|reported|difference|gain|delta|top-?\d)\b|[±Δ]",
    re.IGNORECASE,
)


def impossible(blocks: Sequence[Block]) -> tuple[str, ...]:
    """A line for each accuracy that, for every n the page states, is no k of n rounded."""
    lines = [line for block in blocks for line in block.lines]
    # A count of something else may excuse an accuracy; alone it accuses nobody.
    if not any(_sizes(line) for line in lines if not _OF_OTHERS.search(line)):
        return ()
    sizes = sorted({size for line in lines for size in _sizes(line)})
    said = ", ".join(f"{size:,}" for size in sizes)
    return tuple(
        f"accuracy {text} is no share of n = {said} rows"
        for text, number in dict(_accuracies(blocks)).items()
        if not any(_fits(number, size) for size in sizes)
    )


def _sizes(line: str) -> list[int]:
    found = [int(match[1].replace(",", "") or 0) for pattern in _SIZES for match in pattern.finditer(line)]
    return [size for size in found if 10 <= size <= 10_000_000]


def _accuracies(blocks: Sequence[Block]) -> Iterator[tuple[str, Number]]:
    for block in blocks:
        if _PARTIAL.search(" ".join(block.headings[-1:])):
            continue
        for grid in block.grids:
            columns = [
                at for at, name in enumerate(grid.header) if _ACCURACY.search(name) and not _PARTIAL.search(name)
            ]
            for row in grid.rows:
                if not _PARTIAL.search(" ".join(row)):
                    for at in columns:
                        if (number := of_cell(row[at])) is not None and _fine(number):
                            yield row[at], number
        for line in block.lines if block.kind in ("prose", "output") else ():
            for name in _ACCURACY.finditer(line):
                value = _STATED.match(line, name.end())
                if value and not _PARTIAL.search(line) and _fine(stated := parse(value)):
                    yield value["digits"] + (value["unit"] or ""), stated


def _fine(number: Number) -> bool:
    return number.places >= PLACES and 0 < number.value < 1


def _fits(number: Number, size: int) -> bool:
    """Whether some whole number of `size` rows, divided and rounded or cut off, is this number."""
    half = 0.5 * 10.0**-number.places
    return math.floor((number.value + 2 * half) * size + 1e-6) >= math.ceil((number.value - half) * size - 1e-6)
