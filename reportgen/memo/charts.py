"""Geometry of the charts that compare models: intervals, reliability, stacked bars, counts of classes.

As in `svg`, x is in per cent of the width and y in pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reportgen.evidence.calibrated import THIN
from reportgen.evidence.model import Unit
from reportgen.evidence.numbers import show

LABEL = 22
"""Characters of a name beside a chart; the whole of it stands in the tooltip."""


@dataclass(frozen=True)
class Text:
    """Words in a chart. `look` is a class of the stylesheet."""

    x: float
    y: float
    text: str
    look: str = ""


@dataclass(frozen=True)
class Row:
    """One interval: label, line from x1 to x2, dot at x."""

    y: float
    label: str
    n: str
    x1: float
    x2: float
    x: float
    look: str
    title: str


@dataclass(frozen=True)
class Forest:
    """Rows under headings, a line at zero, ticks below."""

    height: float
    foot: float
    zero: float
    rows: tuple[Row, ...]
    heads: tuple[Text, ...]
    ticks: tuple[Text, ...]
    sides: tuple[Text, ...]


def _axis_name(axis: Mapping[str, Any]) -> str:
    """What an axis is, and the name tables call it by where that is another."""
    name, known = str(axis["name"]), axis.get("id")
    return f"{name} ({known})" if known and known != name else name


def forest(data: Mapping[str, Any]) -> Forest:
    """A row a slice, grouped by axis; the scale is symmetric enough to hold every interval and zero."""
    parts = [part for axis in data["axes"] for part in axis["slices"]]
    ends = [end for part in parts for end in (part["low"], part["high"], part["delta"]) if end == end]
    low, high = min(0.0, *ends), max(0.0, *ends)
    low, high = (low - 0.06 * (high - low), high + 0.06 * (high - low)) if high > low else (-1.0, 1.0)

    def x(value: float) -> float:
        return _round(100 * (min(max(value, low), high) - low) / (high - low)) if value == value else 0.0

    unit: Unit = data.get("unit", "score")
    rows, heads, y = [], [], 0.0
    for axis in data["axes"]:
        y += 22
        heads.append(Text(0, y, _axis_name(axis)))
        for part in axis["slices"]:
            y += 20
            span = f"[{show(part['low'], unit, signed=True)}, {show(part['high'], unit, signed=True)}]"
            look = f"{part['state']}{' faint' if part.get('few') else ''}"
            title = (
                f"{axis['name']}, {part['name']}: {show(part['delta'], unit, signed=True)} {span}, n = {part['n']:,}"
            )
            rows.append(
                Row(
                    y - 4,
                    _short(part["name"]),
                    f"{part['n']:,}",
                    x(part["low"]),
                    x(part["high"]),
                    x(part["delta"]),
                    look,
                    title,
                )
            )
        y += 8
    scale = 100 if unit == "fraction" else 1
    ticks = tuple(Text(x(value), y + 16, _tick(round(scale * value, 4))) for value in _ticks(low, high))
    # One above the other: two names side by side do not fit a telephone.
    sides = (
        Text(100, y + 36, data.get("right") or f"right of the line: {_short(data['run'])} better →"),
        Text(100, y + 52, data.get("left") or f"← left of it: {_short(data['baseline'])} better"),
    )
    return Forest(y + 58, y, x(0.0), tuple(rows), tuple(heads), ticks, sides)


_STEPS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


def _ticks(low: float, high: float) -> list[float]:
    """Three to six round values that the scale holds."""
    span = high - low
    step = next((step for step in _STEPS if span / step <= 5), span / 4)
    first = int(low / step) - 1
    return [round(i * step, 4) for i in range(first, first + 12) if low + 0.04 * span <= i * step <= high - 0.04 * span]


def _tick(value: float) -> str:
    return f"{value:+g}".replace("-", "−") if value else "0"


@dataclass(frozen=True)
class Forests:
    """Small forests, each with a scale of its own."""

    panels: tuple[tuple[str, Forest], ...]
    """Name and drawing."""


def forests(data: Mapping[str, Any]) -> Forests:
    """A panel a metric; one side says where the run is the better one."""
    panels = []
    for part in data["panels"]:
        drawn = forest({**part, "axes": [{**axis, "name": ""} for axis in part["axes"]]})
        right = part["run"] == data["run"]
        words = f"{_short(data['run'])} better →" if right else f"← {_short(data['run'])} better"
        side = Text(100 if right else 0, drawn.foot + 36, words, "last" if right else "")
        panels.append((str(part["axes"][0]["name"]), replace(drawn, height=drawn.foot + 44, heads=(), sides=(side,))))
    return Forests(tuple(panels))


@dataclass(frozen=True)
class Dot:
    """One bin: where, how, its tooltip, and the line to the next bin (x2 is None for the last)."""

    x: float
    y: float
    r: float
    look: str
    title: str
    x2: float | None
    y2: float


@dataclass(frozen=True)
class Panel:
    """One model's reliability diagram."""

    name: str
    dots: tuple[Dot, ...]


@dataclass(frozen=True)
class Reliability:
    """Panels of equal size with a shared frame."""

    side: float
    full: float
    panels: tuple[Panel, ...]
    ticks: tuple[Text, ...]
    grid: tuple[float, ...]


SIDE = 260.0


def reliability(data: Mapping[str, Any]) -> Reliability:
    """Accuracy against mean confidence of each bin; a bigger dot holds more rows."""
    panels = []
    for panel in data["panels"]:
        dots: list[Dot] = []
        for series in panel["series"]:
            points: Sequence[Mapping[str, Any]] = series["points"]
            most = max((point["n"] for point in points), default=1)
            for at, point in enumerate(points):
                after = points[at + 1] if at + 1 < len(points) else None
                title = (
                    f"{series['name']} scaling, confidence {point['low']:.2f}–{point['high']:.2f}: mean "
                    f"{point['x']:.3f}, accuracy {point['y']:.3f}, n = {point['n']:,}"
                )
                dots.append(
                    Dot(
                        x=_round(100 * point["x"]),
                        y=_up(point["y"]),
                        r=_round(2.4 + 3.2 * (point["n"] / most) ** 0.5),
                        look=f"{series['name']}{' faint' if point['n'] < THIN else ''}",
                        title=title,
                        x2=_round(100 * after["x"]) if after else None,
                        y2=_up(after["y"]) if after else 0.0,
                    )
                )
        panels.append(Panel(str(panel["run"]), tuple(dots)))
    marks = (0.0, 0.25, 0.5, 0.75, 1.0)
    ticks = tuple(Text(_round(100 * mark), _up(mark), f"{mark:g}") for mark in marks)
    return Reliability(SIDE, SIDE + 40, tuple(panels), ticks, tuple(_up(mark) for mark in marks))


def _up(share: float) -> float:
    return _round(SIDE * (1 - share))


@dataclass(frozen=True)
class Segment:
    """A part of a bar."""

    x: float
    y: float
    width: float
    height: float
    look: str
    label: str
    title: str
    middle: float


@dataclass(frozen=True)
class Bars:
    """Bars of segments with names and a legend."""

    height: float
    names: tuple[Text, ...]
    segments: tuple[Segment, ...]
    keys: tuple[Text, ...]


def destinations(data: Mapping[str, Any]) -> Bars:
    """A bar a model, its errors by the tier they land in; narrow shares stand in the tooltip only."""
    names, segments, looks = [], [], {}
    for at, bar in enumerate(data["bars"]):
        y = 44.0 * at
        names.append(Text(0, y + 20, _short(bar["run"])))
        x, total = 0.0, max(1, bar["errors"])
        parts = [*bar["to"].items(), *([("unreadable", bar["unparsed"])] if bar["unparsed"] else [])]
        for tier, count in parts:
            width = _round(100 * count / total)
            share = show(count / total, "fraction")
            looks[tier] = f"another class of the {tier}" if tier == data["rarest"] else str(tier)
            title = f"{bar['run']}: {count:,} of {bar['errors']:,} errors to {looks[tier]}, {share}"
            label = share if width >= 24 else ""
            segments.append(Segment(_round(x), y, width, 30, str(tier), label, title, _round(x + width / 2)))
            x += width
    keys = tuple(Text(0, 0, label, tier) for tier, label in looks.items())
    return Bars(44.0 * len(data["bars"]), tuple(names), tuple(segments), keys)


def support(data: Mapping[str, Any]) -> Bars:
    """Bars of the number of classes by their rows."""
    bars: Sequence[Mapping[str, Any]] = data["bars"]
    most, top, width = max(1, *(bar["classes"] for bar in bars)), 150.0, 100 / len(bars)
    segments, names = [], []
    for at, bar in enumerate(bars):
        height = _round((top - 20) * bar["classes"] / most)
        middle = _round(width * (at + 0.5))
        word = "class has" if bar["classes"] == 1 else "classes have"
        rows = "row" if bar["label"] == "1" else "rows"
        title = f"{bar['classes']} {word} {bar['label']} {rows}"
        look = "tail" if bar["few"] else "head"
        segments.append(
            Segment(
                _round(width * (at + 0.12)),
                _round(top - height),
                _round(width * 0.76),
                height,
                look,
                str(bar["classes"]),
                title,
                middle,
            )
        )
        names.append(Text(middle, top + 16, str(bar["label"])))
    return Bars(top, tuple(names), tuple(segments), ())


def _short(name: object) -> str:
    text = str(name)
    return text if len(text) <= LABEL else text[: LABEL - 1] + "…"


def _round(number: float) -> float:
    return round(number, 2)
