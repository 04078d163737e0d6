"""Numbers in running text: what is a figure, how precise it is, and which figures it could be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["percent", "plain"]

_DIGITS = r"\d{1,3}(?:[,   '’]\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+"
_NUMBER = re.compile(
    rf"(?<![\w.@/])(?P<sign>[+−\-])?(?P<digits>{_DIGITS})(?P<exp>e-?\d+)?"
    r"(?P<unit>\s?(?:%|percent(?:age points?)?|per cent|pp\b|points?\b|×|x\b|times\b|k\b|M\b|GB\b|MB\b|ms\b|s\b))?"
    r"(?![\w])(?!\.\d)",
    re.IGNORECASE,
)
_COUNTED = re.compile(r"\bn\s?=\s?$", re.IGNORECASE)
_POINTER = re.compile(
    r"(?:\b(?:week|table|tables|figure|figures|fig|section|step|steps|epoch|epochs|seed|top|page|chapter|version|equation|"
    r"item|part|grade|question|python|torch|layer|layers|rank|batch|size|length|warm-up|warmup|alpha|lr|rate|gpu|cpu)"
    r"\.?|§|#|\bp|\br|<|>|≤|≥|≈ ?20)\s*[=:<>]?\s*$",
    re.IGNORECASE,
)
_PERCENT = ("%", "percent", "percentage point", "percentage points", "per cent", "pp", "point", "points")
_END, _CAPITAL = r"(?<=[.!?])\s+", r"A-Z“\"(\[⟨"
_SENTENCE = re.compile(f"{_END}(?=[{_CAPITAL}])")


@dataclass(frozen=True)
class Typed:
    """A number as typed: `value` in the unit it was typed in, `half` of its last digit."""

    text: str
    value: float
    half: float
    kind: Kind
    counted: bool
    signed: bool
    decimals: bool
    start: int

    def fits(self, figure: float) -> bool:
        """Whether it is this figure, rounded; a per cent number may stand for a fraction, a sign may be left out."""
        scales = (100.0,) if self.kind == "percent" else (1.0, 100.0) if self.decimals and self.value > 1 else (1.0,)
        if self.kind == "percent" and abs(figure) > 1.5:
            scales = (1.0,)
        for scale in scales:
            shown = figure * scale
            candidates = (shown,) if self.signed else (shown, -shown)
            # Half a digit, and the last bit of a float: 0.125 may be typed 0.12 or 0.13.
            if any(abs(self.value - one) <= self.half * (1 + 1e-9) + 1e-12 for one in candidates):
                return True
        return False


def sentences(text: str, openings: Iterable[str] = ()) -> list[str]:
    """A paragraph's sentences; one may begin with one of `openings`, such as a run's name in small letters."""
    names = "|".join(re.escape(name) for name in openings)
    pattern = re.compile(rf"{_END}(?=[{_CAPITAL}]|(?:{names})(?![\w-]))") if names else _SENTENCE
    return [part for part in pattern.split(text) if part.strip()]


def typed_numbers(sentence: str) -> Iterator[Typed]:
    """Figures of a sentence; numbers that point somewhere (week 3, Table 2, 95 % interval, a year) are left out."""
    for match in _NUMBER.finditer(sentence):
        before, after = sentence[: match.start()], sentence[match.end() :]
        unit = (match["unit"] or "").strip().lower()
        digits = re.sub(r"[,   '’]", "", match["digits"])
        counted = bool(_COUNTED.search(before))
        if match["exp"] or (unit and unit not in _PERCENT) or (not counted and _points(before, after, digits, unit)):
            continue
        places = len(digits.partition(".")[2])
        sign = -1.0 if match["sign"] in ("−", "-") and not re.search(r"[\d%]\s?$", before) else 1.0
        yield Typed(
            text=match[0].strip(),
            value=sign * float(digits),
            half=0.5 * 10.0**-places,
            kind="percent" if unit else "plain",
            counted=counted,
            signed=bool(match["sign"]) and sign < 0,
            decimals="." in digits,
            start=match.start(),
        )


def _points(before: str, after: str, digits: str, unit: str) -> bool:
    if unit:
        return digits in ("95", "99", "90", "100") and unit in _PERCENT and bool(re.match(r"\s*(CI|conf|inter)", after))
    if _POINTER.search(before) or re.match(r"\s*(?:epochs?|seeds?|tokens|layers|bits?|bins?|steps|weeks?)\b", after):
        return True
    whole = "." not in digits
    return whole and ((len(digits) == 4 and digits[:2] in ("19", "20")) or (int(digits[:15]) <= 10))
