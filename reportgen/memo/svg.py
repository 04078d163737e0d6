"""Geometry of the dense charts. x is in per cent of the width and y in pixels, so text keeps its size on any screen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reportgen.evidence.classes import FEW
from reportgen.evidence.numbers import show

HEIGHT = 220.0
"""Pixels from the top of a plot to its axis."""
STRIP = 20.0
"""Height of a strip below the axis: classes without an F1 to place, off the scale."""


@dataclass(frozen=True)
class Tick:
    """A horizontal grid line and its label."""

    y: float
    label: str


@dataclass(frozen=True)
class Mark:
    """One class: where it stands (x, per cent), from which y to which, its look, and its tooltip."""

    x: float
    y: float
    y2: float
    look: str
    title: str
    few: bool = False
    """Too few rows to call: drawn faintly."""

    @property
    def height(self) -> float:
        """Pixels from y down to y2."""
        return _round(self.y2 - self.y)


@dataclass(frozen=True)
class Key:
    """An entry of the legend."""

    look: str
    label: str


@dataclass(frozen=True)
class Strip:
    """A row of marks below the scale: its name and its middle."""

    look: str
    name: str
    y: float

    @property
    def top(self) -> float:
        """Upper edge."""
        return _round(self.y - 7)


@dataclass(frozen=True)
class Plot:
    """Everything a template draws."""

    height: float
    axis: float
    title: str
    """What the upright axis measures."""
    bar: float
    """Width of a class, per cent."""
    ticks: tuple[Tick, ...]
    marks: tuple[Mark, ...]
    keys: tuple[Key, ...]
    strips: tuple[Strip, ...] = ()

    @property
    def foot(self) -> float:
        """Base line of the words under the axis."""
        return self.height + 18

    @property
    def full(self) -> float:
        """Height of the drawing with those words."""
        return self.height + 22


def long_tail(data: Mapping[str, Any]) -> Plot:
    """Bars of training rows on a log scale; a class without rows has no bar."""
    classes: Sequence[Mapping[str, Any]] = data["classes"]
    top = max(1, *(entry["count"] for entry in classes))
    decades = max(1.0, math.log10(top))

    def y(count: float) -> float:
        # Half a decade below one row keeps the bar of a single row visible.
        return HEIGHT * (1 - (math.log10(count) + 0.5) / (decades + 0.5))

    width = 100 / len(classes)
    marks = tuple(
        Mark(
            x=_round(width * (position + 0.14)),
            y=_round(y(entry["count"]) if entry["count"] else HEIGHT),
            y2=HEIGHT,
            look=entry["tier"],
            title=f"{entry['rank']}. {entry['name']}: {entry['count']:,}",
        )
        for position, entry in enumerate(classes)
    )
    ticks = tuple(Tick(_round(y(10**power)), f"{10**power:,}") for power in range(math.floor(decades) + 1))
    keys = []
    for tier in dict.fromkeys(entry["tier"] for entry in classes):
        counts = [entry["count"] for entry in classes if entry["tier"] == tier]
        share = show(sum(counts) / max(1, data["total"]), "fraction")
        keys.append(
            Key(tier, f"{tier}: {len(counts)} {'class' if len(counts) == 1 else 'classes'}, {share} of the rows")
        )
    return Plot(HEIGHT, HEIGHT, "training rows", _round(width * 0.72), ticks, marks, tuple(keys))


def class_f1(data: Mapping[str, Any]) -> Plot:
    """A stem from the axis to each class's F1; a ring below the axis where it is zero."""
    classes: Sequence[Mapping[str, Any]] = data["classes"]
    width = 100 / len(classes)
    marks = tuple(
        Mark(
            x=_round(width * (position + 0.5)),
            y=_y(entry["f1"]),
            y2=HEIGHT,
            look=entry["state"],
            title=f"{entry['name']}: F1 {show(entry['f1'], 'score')}, {entry['train']:,} train rows, n = {entry['n']}",
            few=0 < entry["n"] <= FEW,
        )
        for position, entry in enumerate(classes)
    )
    named = {"above": "F1 above zero", "zero": "F1 = 0", "absent": "no rows"}
    keys = [*_keys(marks, named), *_faint(marks)]
    return _plot(marks, keys, width, {"zero": "F1 = 0", "absent": "no rows"})


def class_pairs(data: Mapping[str, Any]) -> Plot:
    """A line from each class's baseline F1 to the candidate's."""
    classes: Sequence[Mapping[str, Any]] = data["classes"]
    width = 100 / len(classes)
    marks = tuple(
        Mark(
            x=_round(width * (position + 0.5)),
            y=_y(entry["f1"]),
            y2=_y(entry["baseline"]),
            look=entry["state"] if entry["state"] != "above" else "up" if entry["f1"] >= entry["baseline"] else "down",
            title=f"{entry['name']}: F1 {show(entry['baseline'], 'score')} → {show(entry['f1'], 'score')}, "
            f"{entry['train']:,} train rows, n = {entry['n']}",
            few=0 < entry["n"] <= FEW,
        )
        for position, entry in enumerate(classes)
    )
    named = {
        "up": "higher or equal, not from zero",
        "down": "lower, not to zero",
        "confirmed": "rescued, confirmed",
        "rescued": "rescued",
        "lost": "newly lost",
        "zero": "zero under both",
        "absent": "no rows",
    }
    keys = [*_keys(marks, named), *_faint(marks)]
    return _plot(marks, keys, width, {"zero": "both 0", "absent": "no rows"})


def _plot(marks: Sequence[Mark], keys: Sequence[Key], width: float, below: Mapping[str, str]) -> Plot:
    """An F1 scale over strips for the looks that have no place on it."""
    looks = {mark.look for mark in marks}
    named = [(look, name) for look, name in below.items() if look in looks]
    strips = tuple(Strip(look, name, HEIGHT + STRIP * (at + 0.9)) for at, (look, name) in enumerate(named))
    places = {strip.look: strip.y for strip in strips}
    placed = tuple(replace(mark, y=places.get(mark.look, mark.y)) for mark in marks)
    height = HEIGHT + STRIP * (len(strips) + 0.4 if strips else 0)
    return Plot(height, HEIGHT, "F1", _round(width), _F1_TICKS, placed, tuple(keys), strips)


def _keys(marks: Sequence[Mark], named: Mapping[str, str]) -> list[Key]:
    found = [mark.look for mark in marks]
    return [Key(look, f"{label}: {found.count(look)}") for look, label in named.items() if look in found]


def _faint(marks: Sequence[Mark]) -> list[Key]:
    few = sum(mark.few for mark in marks)
    return [Key("faint", f"faint: {FEW} rows or fewer, too few to call ({few})")] if few else []


def _y(f1: float) -> float:
    return _round(HEIGHT - (HEIGHT - 6) * f1)


def _round(number: float) -> float:
    return round(number, 2)


_F1_TICKS = tuple(Tick(_y(f1), f"{f1:g}") for f1 in (0.0, 0.25, 0.5, 0.75, 1.0))
