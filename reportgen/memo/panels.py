"""Geometry of the panels: tier ladder, class scatter, confusion block. Coordinates lie in a box 760 wide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reportgen.evidence.numbers import show

WIDTH = 760.0
_DIGIT = 7.2
"""Width of a digit in a cell, at most."""
LOOKS = ("first", "second", "third", "fourth")


@dataclass(frozen=True)
class Text:
    """A word at a place; `anchor` is SVG's text-anchor."""

    x: float
    y: float
    said: str
    anchor: str = "start"
    strong: bool = False
    over: bool = False
    """Stands on grid lines: a halo keeps it readable."""

    @property
    def look(self) -> str:
        """Classes of the stylesheet."""
        return " ".join(name for name, said in (("strong", self.strong), ("halo", self.over)) if said)


@dataclass(frozen=True)
class Line:
    """A grid line, or the diagonal."""

    x1: float
    y1: float
    x2: float
    y2: float
    look: str = "grid"


@dataclass(frozen=True)
class Dot:
    """A measured point; its interval, if it has one, runs from `low` to `high` on the same height."""

    x: float
    y: float
    look: str
    title: str
    low: float | None = None
    high: float | None = None
    faint: bool = False


@dataclass(frozen=True)
class Cell:
    """A cell of a matrix: `shade` in 0…1, `said` its count."""

    x: float
    y: float
    size: float
    shade: float
    said: str
    title: str
    right: bool

    @property
    def inner(self) -> float:
        """Side of the outline inside the cell."""
        return self.size - 2

    @property
    def middle(self) -> float:
        """Half the side."""
        return round(self.size / 2, 1)

    @property
    def baseline(self) -> float:
        """Where the count stands."""
        return round(self.size / 2 + 4, 1)

    @property
    def long(self) -> bool:
        """Whether the count is too wide for the cell in its usual size."""
        return _DIGIT * len(self.said) > self.inner

    @property
    def dark(self) -> bool:
        """Whether the count needs light ink."""
        return self.shade > 0.55


@dataclass(frozen=True)
class Panel:
    """Everything a template draws."""

    height: float
    lines: tuple[Line, ...] = ()
    texts: tuple[Text, ...] = ()
    dots: tuple[Dot, ...] = ()
    cells: tuple[Cell, ...] = ()
    keys: tuple[tuple[str, str], ...] = ()
    width: float = WIDTH


def tier_ladder(data: Mapping[str, Any]) -> Panel:
    """A row for each tier and run: the mean as a dot on its interval."""
    groups: Sequence[Mapping[str, Any]] = data["groups"]
    left, right, step, gap = 150.0, WIDTH - 70, 24.0, 14.0
    top = max((mark["high"] for group in groups for mark in group["marks"]), default=1.0)
    limit = next(bound for bound in (0.1, 0.2, 0.4, 0.6, 0.8, 1.0) if top <= bound or bound == 1.0)

    def x(score: float) -> float:
        return round(left + (right - left) * min(score, limit) / limit, 1)

    texts: list[Text] = []
    dots: list[Dot] = []
    y = 18.0
    names = list(dict.fromkeys(mark["run"] for group in groups for mark in group["marks"]))
    for group in groups:
        middle = y + step * (len(group["marks"]) - 1) / 2
        texts.append(Text(0, middle - 1, group["tier"], strong=True))
        texts.append(Text(0, middle + 15, f"{group['classes']} {'class' if group['classes'] == 1 else 'classes'}"))
        for mark in group["marks"]:
            said = show(mark["value"], "score")
            title = (
                f"{group['tier']}, {mark['run']}: {said} [{show(mark['low'], 'score')}, {show(mark['high'], 'score')}]"
            )
            look = LOOKS[names.index(mark["run"]) % len(LOOKS)]
            dots.append(Dot(x(mark["value"]), y, look, title, x(mark["low"]), x(mark["high"])))
            texts.append(Text(x(max(mark["high"], mark["value"])) + 9, y + 4, said, over=True))
            y += step
        # Two lines of words need the height of two rows.
        y += gap + (step if len(group["marks"]) == 1 else 0)
    bottom = y - gap
    lines = []
    for part in range(5):
        at = x(limit * part / 4)
        lines.append(Line(at, 4, at, bottom))
        texts.append(Text(at, bottom + 16, f"{limit * part / 4:g}", "middle"))
    keys = tuple((LOOKS[at % len(LOOKS)], name) for at, name in enumerate(names))
    return Panel(bottom + 24, tuple(lines), tuple(texts), tuple(dots), keys=keys)


def _few(point: Mapping[str, Any], data: Mapping[str, Any]) -> bool:
    """Whether a class has too few rows to call; one whose rows nobody states is not known to."""
    return point["n"] is not None and point["n"] <= data["few"]


def f1_scatter(data: Mapping[str, Any]) -> Panel:
    """F1 under one model against F1 under the other; the diagonal is where they tie."""
    side, left, top = 460.0, 60.0, 30.0
    right, bottom = left + side, top + side
    dots = []
    for point in data["points"]:
        if point["n"] == 0:
            continue
        rows = "not stated" if point["n"] is None else point["n"]
        title = (
            f"{point['name']}: {show(point['x'], 'score')} and {show(point['y'], 'score')}, "
            f"{point['train']:,} train rows, n = {rows}"
        )
        faint = _few(point, data)
        dots.append(
            Dot(
                round(left + side * point["x"], 1),
                round(bottom - side * point["y"], 1),
                point["tier"],
                title,
                faint=faint,
            )
        )
    lines = [Line(left, bottom, right, top, "axis")]
    texts = [
        Text((left + right) / 2, bottom + 40, f"F1, {data['x']}", "middle"),
        Text(left - 34, 14, f"F1, {data['y']}"),
        Text(right + 16, top + 12, "above the line, better:"),
        Text(right + 16, top + 30, _short(data["y"]), strong=True),
        Text(right + 16, bottom - 22, "below the line, better:"),
        Text(right + 16, bottom - 4, _short(data["x"]), strong=True),
    ]
    for part in range(5):
        x, y = left + side * part / 4, bottom - side * part / 4
        lines += [Line(x, top, x, bottom), Line(left, y, right, y)]
        texts += [Text(x, bottom + 18, f"{part / 4:g}", "middle"), Text(left - 8, y + 4, f"{part / 4:g}", "end")]
    measured = [point for point in data["points"] if point["n"] != 0]
    found = [point["tier"] for point in measured]
    keys = [(tier, f"{tier}: {found.count(tier)}") for tier in dict.fromkeys(reversed(found))]
    few = sum(_few(point, data) for point in measured)
    if few:
        keys.append(("faint", f"faint: {data['few']} rows or fewer, too few to call ({few})"))
    if absent := len(data["points"]) - len(measured):
        keys.append(("", f"no rows, neither drawn nor a tie: {absent}"))
    # Marks on one spot look like one.
    if zero := sum(point["x"] == point["y"] == 0 for point in measured):
        texts.append(Text(left + 12, bottom - 8, f"{zero} at zero under both", strong=True, over=True))
    return Panel(bottom + 48, tuple(lines), tuple(texts), tuple(dots), keys=tuple(keys))


def _short(name: str) -> str:
    return name if len(name) <= 28 else f"{name[:27]}…"


def confusion_block(data: Mapping[str, Any]) -> Panel:
    """Counts by true class (down) and predicted class (across); shade is the share of the true class's rows."""
    names, counts, support = data["names"], data["counts"], data["support"]
    left, top = 330.0, 24.0
    size = round((WIDTH - left - 62) / len(names), 1)
    size = min(size, 40.0)
    cells, texts = [], []
    for row, name in enumerate(names):
        y = top + row * size
        shown = name if len(name) <= 42 else f"{name[:41]}…"
        texts.append(Text(left - 36, round(y + size / 2 + 4, 1), shown, "end"))
        texts.append(Text(left - 10, round(y + size / 2 + 4, 1), str(row + 1), "end", strong=True))
        texts.append(Text(round(left + (row + 0.5) * size, 1), top - 8, str(row + 1), "middle", strong=True))
        texts.append(Text(round(left + len(names) * size + 8, 1), round(y + size / 2 + 4, 1), f"n {support[row]:,}"))
        for column, other in enumerate(names):
            count = counts[row][column]
            share = count / support[row] if support[row] else 0.0
            verb = "right" if row == column else f"taken for {other}"
            title = f"{name}, {verb}: {count:,} of {support[row]:,} ({show(share, 'fraction')})"
            said = f"{count:,}" if count else ""
            place = round(left + column * size, 1), round(y, 1)
            cells.append(Cell(*place, size, round(share, 3), said, title, row == column))
    bottom = top + len(names) * size
    return Panel(bottom + 6, texts=tuple(texts), cells=tuple(cells))
