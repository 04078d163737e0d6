"""Geometry of the most predicted class of each true class: a slipped label frame is a line beside the diagonal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .panels import WIDTH, Dot, Line, Panel, Text

_LEFT, _EDGE, _GAP, _TOP, _ROOM = 46.0, 8.0, 34.0, 26.0, 24.0
MOST = 3
"""Runs that fit side by side."""


def most_predicted(data: Mapping[str, Any]) -> Panel:
    """A square a run: the label id of each class, and the id most often predicted on its rows."""
    runs: Sequence[Mapping[str, Any]] = data["runs"]
    names, k = data["names"], len(data["names"])
    side = round((WIDTH - _LEFT - _EDGE - _GAP * (MOST - 1)) / MOST, 1)
    lines: list[Line] = []
    dots: list[Dot] = []
    texts = [
        Text(_LEFT - 8, _TOP + 8, str(k - 1), "end"),
        Text(_LEFT - 8, _TOP + side, "0", "end"),
    ]
    for number, run in enumerate(runs):
        left = _LEFT + number * (side + _GAP)

        def at(label: int, left: float = left) -> tuple[float, float]:
            share = label / max(1, k - 1)
            return round(left + side * share, 1), round(_TOP + side * (1 - share), 1)

        lines += [Line(left, _TOP + side, left + side, _TOP + side), Line(left, _TOP, left, _TOP + side)]
        lines.append(Line(left, _TOP + side, left + side, _TOP, "diagonal"))
        texts += [
            Text(left, _TOP - 12, run["run"], strong=True),
            Text(left, _TOP + side + 16, "0", "middle"),
            Text(left + side, _TOP + side + 16, str(k - 1), "end"),
            Text(left + side / 2, _TOP + side + 16, "id of the class", "middle"),
        ]
        for true, said in run["points"]:
            look = "first" if true == said else "third"
            dots.append(Dot(at(true)[0], at(said)[1], look, f"{names[true]}: most often predicted as {names[said]}"))
    keys = (("first", "mostly predicted as itself"), ("third", "mostly predicted as another class"))
    return Panel(_TOP + side + _ROOM, tuple(lines), tuple(texts), tuple(dots), keys=keys)
