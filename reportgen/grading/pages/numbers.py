"""Numbers of a page: what is written after a label, with its unit."""

from __future__ import annotations

import re
from dataclasses import dataclass

_DIGITS = r"\d{1,3}(?:[,\u00a0\u202f’]\d{3})+(?:\.\d+)?|\d+\.\d+|\d+|\.\d+"
NUMBER = (
    rf"(?P<sign>[+\-−]\s?)?(?<![\w.])(?P<digits>{_DIGITS})(?P<exp>e[+-]?\d+)?"
    r"(?P<unit>\s?(?:%|pp\b|ms\b|min\b|minutes\b|GB\b|MB\b|s\b|x\b|×))?(?![\w])(?!\.\d)"
)
_NUMBER = re.compile(NUMBER, re.IGNORECASE)
# What may stand between a label and its number; any other word means the number is of something else.
FILLER = (
    r"(?:\s|[:=≈~*_`|\[(]|->|→|\((?:[^()\d]|F1){0,30}\)|\b(?:is|was|are|of|at|to be|equals|reached|reaches|score|rate"
    r"|value|about|roughly|only|on (?:the )?(?:full )?(?:val(?:idation)?|test)(?: set)?))*?"
)


@dataclass(frozen=True)
class Number:
    """A number as written. `value` is a fraction where it was written in per cent."""

    value: float
    places: int
    unit: str

    def same(self, other: Number) -> bool:
        """Whether both may be roundings of one figure."""
        return abs(self.value - other.value) <= 0.5 * 10.0 ** -min(self.places, other.places) + 1e-12


def parse(match: re.Match[str]) -> Number:
    """A match of `NUMBER`."""
    digits = re.sub(r"[,\u00a0\u202f’]", "", match["digits"])
    unit = (match["unit"] or "").strip().lower()
    percent = unit in ("%", "pp")
    value = float(digits + (match["exp"] or "")) / (100 if percent else 1)
    places = len(digits.partition(".")[2]) + (2 if percent else 0)
    return Number(-value if (match["sign"] or "").strip() in ("-", "−") else value, places, unit)


def of_cell(text: str) -> Number | None:
    """The number a table cell begins with; None where it holds words or several numbers that are no interval."""
    match = _NUMBER.match(text.strip())
    rest = text.strip()[match.end() :].strip() if match else ""
    if match is None or (rest and not re.fullmatch(r"[*†]|[\[(±].*|/\s*\d+", rest)):
        return None
    return parse(match)


def after(label: re.Pattern[str], line: str) -> list[tuple[int, int, list[Number]]]:
    """Numbers that directly follow a label: where the label starts, where the number ends, and the number.

    `70/113` and `[.010, .048]` are two numbers, `0.54 ± 0.01` one.
    """
    found = []
    for name in label.finditer(line):
        value = re.compile(FILLER + NUMBER, re.IGNORECASE).match(line, name.end())
        if value is None:
            continue
        numbers = [parse(value)]
        more = re.compile(r"\s*(?:/|,|–|to|of)\s*" + NUMBER, re.IGNORECASE).match(line, value.end())
        bracket = line[name.end() : value.start("digits")].rstrip("+-− ").endswith(("[", "("))
        if more and (bracket or re.match(r"\s*/|\s*of\s", line[value.end() :])):
            numbers.append(parse(more))
        found.append((name.start(), (more if len(numbers) > 1 and more else value).end(), numbers))
    return found
