"""Geometry of the class counts: how many rows a class has, and how many each run says it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .panels import LOOKS, WIDTH, Dot, Line, Panel, Text

_LEFT, _RIGHT, _STEP, _TOP = 300.0, WIDTH - 30, 26.0, 18.0
_NAME = 38
_LANE = 9.0
"""Pixels between the runs of a class: a symbol's height."""


def class_counts(data: Mapping[str, Any]) -> Panel:
    """A row a class: an upright stroke at its true rows, a symbol a run at its predictions."""
    classes: Sequence[Mapping[str, Any]] = data["classes"]
    runs: Sequence[Mapping[str, Any]] = data["runs"]
    most = max(1, *(count for entry in classes for count in (entry["true"], *entry["said"])))

    def x(count: float) -> float:
        return round(_LEFT + (_RIGHT - _LEFT) * count / most, 1)

    texts: list[Text] = []
    dots: list[Dot] = []
    marks: list[Line] = []
    step_down = max(_STEP, _LANE * (len(runs) + 1))
    reach = max(9.0, _LANE * len(runs) / 2)
    bottom = _TOP + step_down * (len(classes) - 0.4)
    for at, entry in enumerate(classes):
        y = _TOP + step_down * at
        name = str(entry["name"])
        texts.append(Text(_LEFT - 14, y + 4, name if len(name) <= _NAME else f"{name[: _NAME - 1]}…", "end"))
        marks.append(Line(x(entry["true"]), y - reach, x(entry["true"]), y + reach, "truth"))
        for number, (run, count) in enumerate(zip(runs, entry["said"], strict=True)):
            title = f"{name}: {entry['true']:,} rows, predicted {count:,} times by {run['run']}"
            # A lane a run: near zero they would hide each other.
            lane = round(y + _LANE * (number - (len(runs) - 1) / 2), 1)
            dots.append(Dot(x(count), lane, LOOKS[number % len(LOOKS)], title))
    lines = []
    step = next(size for power in range(9) for size in (10**power, 2 * 10**power, 5 * 10**power) if most <= 5 * size)
    for value in range(0, most + 1, step):
        lines.append(Line(x(value), 4, x(value), bottom))
        texts.append(Text(x(value), bottom + 16, f"{value:,}", "middle"))
    keys = [("truth", "rows of the class")]
    keys += [
        (LOOKS[number % len(LOOKS)], f"{run['run']}, predictions{' (shifted)' if run['shifted'] else ''}")
        for number, run in enumerate(runs)
    ]
    return Panel(bottom + 24, (*lines, *marks), tuple(texts), tuple(dots), keys=tuple(keys))
