"""The course's published figures: to see them when a page presents them as its own measurement."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reportgen.data import Course

SCORES = ("accuracy", "macro_f1", "weighted_f1")
DETERMINISTIC = ("majority", "tf-idf")
"""Baselines that give the published figures to whoever runs the course's recipe: agreement says nothing."""


@dataclass(frozen=True)
class Published:
    """One row of a table of published figures."""

    model: str
    source: str
    scores: tuple[tuple[str, float], ...]


@lru_cache(maxsize=8)
def _read(folder: Path) -> tuple[Published, ...]:
    rows = []
    for path in sorted((folder / "reported").glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if not row["model"].casefold().startswith(DETERMINISTIC):
                    scores = tuple((name, float(row[name])) for name in SCORES if row.get(name))
                    rows.append(Published(row["model"], (row.get("source") or "").partition(":")[0], scores))
    return tuple(rows)


def published(course: Course) -> tuple[Published, ...]:
    """The course's published figures, baselines that anyone can reproduce exactly left out."""
    return _read(course.folder)


def matches(course: Course, accuracy: float | None, macro_f1: float | None) -> Published | None:
    """The published row whose accuracy and macro F1 a run reproduces to four decimals: both, or nothing."""
    if accuracy is None or macro_f1 is None:
        return None
    for row in published(course):
        scores = dict(row.scores)
        if {"accuracy", "macro_f1"} <= scores.keys() and all(
            abs(scores[name] - said) < 0.5e-4 + 1e-9 for name, said in (("accuracy", accuracy), ("macro_f1", macro_f1))
        ):
            return row
    return None


def named_in(course: Course, figures: list[float]) -> Published | None:
    """The published row of which a page shows at least two figures, digit for digit."""
    shown = {round(figure, 4) for figure in figures} | {round(figure / 100, 4) for figure in figures if figure > 1}
    for row in published(course):
        said = {value for _, value in row.scores}
        if len(said) > 1 and len(said & shown) > 1:
            return row
    return None
