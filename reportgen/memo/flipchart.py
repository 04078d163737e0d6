"""Geometry of the flip chart: along each limit, which configuration is chosen. Not to scale; every edge is exact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .charts import Text

ROW, BAR = 92.0, 30.0
_LOOKS = ("head", "mid", "tail", "other")
NOBODY = "nobody"
_LETTER = 2.0
"""Per cent of the width a letter takes on a telephone; longer names stand in the legend and the tooltip only."""


@dataclass(frozen=True)
class Part:
    """A stretch in which one configuration is chosen."""

    x: float
    y: float
    width: float
    middle: float
    look: str
    label: str
    title: str


@dataclass(frozen=True)
class Pin:
    """The scenario's own value."""

    x: float
    y: float
    text: str
    anchor: str


@dataclass(frozen=True)
class Flips:
    """Bars with their edges and pins."""

    height: float
    bar: float
    names: tuple[Text, ...]
    parts: tuple[Part, ...]
    edges: tuple[Text, ...]
    pins: tuple[Pin, ...]
    keys: tuple[tuple[str, str], ...]


def flips(data: Mapping[str, Any]) -> Flips:
    """A bar a limit, cut at every value where the choice changes."""
    names = dict.fromkeys(choice for walk in data["walks"] for choice in walk["choices"])
    chosen = [name for name in names if name != NOBODY]
    looks = {name: _LOOKS[min(at, len(_LOOKS) - 1)] for at, name in enumerate(chosen)} | {NOBODY: "none"}
    titles, parts, edges, pins = [], [], [], []
    for at, walk in enumerate(data["walks"]):
        y, width = ROW * at, 100 / len(walk["choices"])
        titles.append(Text(0, y + 14, walk["label"]))
        for place, choice in enumerate(walk["choices"]):
            x = round(width * place, 2)
            parts.append(
                Part(
                    x,
                    y + 24,
                    round(width, 2),
                    round(x + width / 2, 2),
                    looks[choice],
                    choice if len(choice) * _LETTER <= width else "",
                    _span(walk, place),
                )
            )
        edges += [Text(round(width * (i + 1), 2), y + 24 + BAR + 15, edge) for i, edge in enumerate(walk["edges"])]
        pin = round(width * (walk["here"] + 0.5), 2)
        pins.append(Pin(pin, y + 14, f"now {walk['now']}", "end" if pin > 60 else "middle"))
    keys = tuple((looks[name], name) for name in names)
    return Flips(ROW * len(data["walks"]) - 8, BAR, tuple(titles), tuple(parts), tuple(edges), tuple(pins), keys)


def _span(walk: Mapping[str, Any], place: int) -> str:
    edges = walk["edges"]
    low = f"from {edges[place - 1]}" if place else ""
    high = f"up to {edges[place]}" if place < len(edges) else ""
    where = " ".join(part for part in (low, high) if part) or "anywhere"
    return f"{walk['label']} {where}: {walk['choices'][place]}"
