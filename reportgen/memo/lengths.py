"""Geometry of the histogram of text lengths. x is in per cent of the width and y in pixels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reportgen.evidence.numbers import plural

from .charts import Text
from .svg import Key, Mark, Tick

HEIGHT = 180.0
_BARS = 50
_NAMES = 6
"""Lengths written below the axis, about."""


@dataclass(frozen=True)
class Histogram:
    """Bars from the axis up, grid lines, lengths below the axis."""

    axis: float
    caption: float
    height: float
    bar: float
    ticks: tuple[Tick, ...]
    marks: tuple[Mark, ...]
    names: tuple[Text, ...]
    keys: tuple[Key, ...]


def lengths(data: Mapping[str, Any]) -> Histogram:
    """Bars of the number of texts by words; those likely to be cut are light.

    `data` holds `bins` (texts in bins of `step` words from 0), `over` (longer texts: named, not drawn, since one open
    bar would flatten the others) and `limit` (the words that fit).
    """
    bins: tuple[int, ...] = data["bins"]
    step, over, limit = int(data["step"]), int(data["over"]), int(data["limit"])
    last = len(bins) if over else max((at + 1 for at, texts in enumerate(bins) if texts), default=1)
    joined = math.ceil(last / _BARS)
    bars = [(at * step, sum(bins[at : at + joined])) for at in range(0, last, joined)]
    width, most = 100 / len(bars), max(1, *(texts for _, texts in bars), 1)

    def y(texts: float) -> float:
        return round(HEIGHT - (HEIGHT - 8) * texts / most, 2)

    marks = []
    for at, (low, texts) in enumerate(bars):
        span = f"{low} to {low + joined * step - 1} words"
        look = "tail" if low + joined * step / 2 > limit else "head"
        marks.append(Mark(round(width * (at + 0.1), 2), y(texts), HEIGHT, look, f"{span}: {plural(texts, 'text')}"))
    every = _round_step(len(bars) / _NAMES)
    names = tuple(Text(round(width * at, 2), HEIGHT + 18, str(bars[at][0])) for at in range(0, len(bars), every))
    ticks = tuple(Tick(y(texts), f"{texts:,}") for texts in range(0, most + 1, _round_step(most / 4)))
    keys = [Key("head", f"up to about {limit:,} words: fits"), Key("tail", "longer: cut")]
    if over:
        keys.append(Key("none", f"{len(bins) * step} words or more, not drawn: {plural(over, 'text')}"))
    return Histogram(HEIGHT, HEIGHT + 36, HEIGHT + 40, round(width * 0.8, 2), ticks, tuple(marks), names, tuple(keys))


def _round_step(about: float) -> int:
    """The nearest of 1, 2, 5, 10, 20, … from above."""
    scale = 10 ** math.floor(math.log10(max(about, 1)))
    return int(next(step * scale for step in (1, 2, 5, 10) if step * scale >= about))
