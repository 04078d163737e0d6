"""Geometry of score against cost: a panel a cost. x is in per cent of the width and y in pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from reportgen.evidence.numbers import show

from .charts import Text

SIDE = 220.0
_LOOKS = {"encoder": "first", "decoder": "second"}


@dataclass(frozen=True)
class Point:
    """One configuration."""

    x: float
    y: float
    look: str
    faint: bool
    label: str
    label_y: float
    anchor: str
    title: str


@dataclass(frozen=True)
class Panel:
    """Score against one cost."""

    name: str
    points: tuple[Point, ...]
    steps: tuple[tuple[float, float, float, float], ...]
    """Lines of the frontier: x1, y1, x2, y2."""
    across: tuple[Text, ...]
    """Ticks of the cost."""
    up: tuple[Text, ...]
    """Ticks of the score."""


@dataclass(frozen=True)
class Tradeoff:
    """Panels of one size, and the models in them."""

    side: float
    full: float
    panels: tuple[Panel, ...]
    keys: tuple[tuple[str, str], ...]


def tradeoff(data: Mapping[str, Any]) -> Tradeoff:
    """A dot a configuration; those nobody dominates are joined from the cheapest to the dearest."""
    panels = tuple(_panel(panel) for panel in data["panels"])
    families = dict.fromkeys(point["family"] for panel in data["panels"] for point in panel["points"])
    return Tradeoff(SIDE, SIDE + 40, panels, tuple((_LOOKS.get(name, "third"), name) for name in families))


def _panel(data: Mapping[str, Any]) -> Panel:
    points: Sequence[Mapping[str, Any]] = data["points"]
    xs = [float(point["x"]) for point in points]
    ends = [float(point["y"]) for point in points]
    left, right = 0.0, max(xs) * 1.12 or 1.0
    bottom, top = min(ends), max(ends)
    pad = 0.15 * (top - bottom) or 0.01
    bottom, top = bottom - pad, top + pad

    def x(value: float) -> float:
        return round(100 * (value - left) / (right - left), 2)

    def y(value: float) -> float:
        return round(SIDE * (top - value) / (top - bottom), 2)

    drawn: list[Point] = []
    taken: list[tuple[float, float]] = []
    for point in sorted(points, key=lambda one: (one["x"], one["y"])):
        at = x(point["x"]), y(point["y"])
        # Labels keep clear of those already written.
        drop = next((d for d in (-9.0, 16.0, -23.0, 30.0) if all(_apart(at, d, other) for other in taken)), -9.0)
        taken.append((at[0], at[1] + drop))
        said = (
            f"{point['name']}: macro F1 {show(point['y'], 'score')}, {data['title']} {show(point['x'], data['unit'])}"
        )
        if point["dominated"]:
            said += f"; dominated by {point['dominated']}"
        drawn.append(
            Point(
                *at,
                _LOOKS.get(point["family"], "third"),
                bool(point["dominated"]),
                str(point["label"]),
                round(at[1] + drop, 2),
                "end" if at[0] > 80 else "start",
                said,
            )
        )
    best = [point for point in drawn if not point.faint]
    steps = tuple((one.x, one.y, two.x, two.y) for one, two in pairwise(best))
    across = tuple(Text(x(value), SIDE, _short(value, data["unit"])) for value in _ticks(right))
    up = tuple(Text(0, y(value), f"{value:.3g}") for value in _between(bottom, top))
    return Panel(str(data["title"]), tuple(drawn), steps, across, up)


def _apart(at: tuple[float, float], drop: float, other: tuple[float, float]) -> bool:
    return abs(at[0] - other[0]) > 14 or abs(at[1] + drop - other[1]) > 13


def _short(value: float, unit: str) -> str:
    if not value:
        return "0"
    return f"{value / 1e9:g} GB" if unit == "bytes" else f"{value:g} ms"


def _round_step(about: float) -> float:
    scale = 10.0 ** (len(f"{int(about)}") - 1 if about >= 1 else -_zeros(about))
    return next((step * scale for step in (1, 2, 2.5, 5, 10) if step * scale >= about), 10 * scale)


def _zeros(number: float) -> int:
    count = 0
    while number < 1 and count < 12:
        number, count = number * 10, count + 1
    return count


def _ticks(right: float) -> list[float]:
    step = _round_step(right / 4)
    return [step * i for i in range(int(right / step) + 1) if step * i <= right * 0.97]


def _between(low: float, high: float) -> list[float]:
    step = _round_step((high - low) / 4)
    first = int(low / step) + 1
    return [round(step * i, 6) for i in range(first, first + 8) if low <= step * i <= high]
