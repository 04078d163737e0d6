"""The course's published figures: to see them when a page presents them as its own measurement."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reportgen.data import Course
    from reportgen.memo.check.numbers import Typed

SCORES = ("accuracy", "macro_f1", "weighted_f1")
_COLUMNS = {name: name for name in SCORES} | {"ece": "ece", "ece_post": "ece_scaled"}
"""Column of the tables to the metric's name in a memo."""
DETERMINISTIC = ("majority", "tf-idf")
"""Baselines that give the published figures to whoever runs the course's recipe: agreement says nothing."""
_FOUR, _THREE = 0.6e-4, 0.6e-3
"""Half of the last digit of a fraction with four and with three decimals, and a bit."""


@dataclass(frozen=True)
class Published:
    """One row of a table of published figures."""

    model: str
    source: str
    figures: Mapping[str, float]
    """By metric."""

    @property
    def scores(self) -> set[float]:
        """The row's accuracy and F1 figures."""
        return {value for name, value in self.figures.items() if name in SCORES}


@lru_cache(maxsize=8)
def _read(folder: Path) -> tuple[Published, ...]:
    rows = []
    for path in sorted((folder / "reported").glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if not row["model"].casefold().startswith(DETERMINISTIC):
                    figures = {metric: float(row[name]) for name, metric in _COLUMNS.items() if row.get(name)}
                    rows.append(Published(row["model"], (row.get("source") or "").partition(":")[0], figures))
    return tuple(rows)


def published(course: Course) -> tuple[Published, ...]:
    """The course's published figures, baselines that anyone can reproduce exactly left out."""
    return _read(course.folder)


def matches(course: Course, figures: Mapping[str, Collection[float]]) -> Published | None:
    """The published row that a run has to four decimals: its macro F1 and another figure, and no other accuracy.

    Args:
        course: whose tables.
        figures: the run's, by metric; a metric may have several values (on all rows and on a fold).
    """
    for row in published(course):
        shared = {name for name in row.figures if figures.get(name)}
        same = {name for name in shared if any(abs(row.figures[name] - said) < 0.5e-4 + 1e-9 for said in figures[name])}
        if "macro_f1" in same and len(same) > 1 and ("accuracy" in same or "accuracy" not in shared):
            return row
    return None


def named_in(course: Course, figures: Iterable[float]) -> Published | None:
    """The published row of which a page shows two figures digit for digit, one of them accuracy or macro F1."""
    said = list(figures)
    shown = {round(figure, 4) for figure in said} | {round(figure / 100, 4) for figure in said if figure > 1}
    for row in published(course):
        same = {name for name, value in row.figures.items() if value in shown}
        if len(same) > 1 and same & {"accuracy", "macro_f1"}:
            return row
    return None


def quoted(course: Course, numbers: Iterable[Typed]) -> Published | None:
    """The published row of which a text has a score with four decimals, or two with three."""
    typed = [(number, number.half / (100 if number.kind == "percent" or number.value > 1 else 1)) for number in numbers]
    for row in published(course):
        fine, coarse = (
            {value for value in row.scores for number, half in typed if half <= most and number.fits(value)}
            for most in (_FOUR, _THREE)
        )
        if any(round(value, 3) != value for value in fine) or len(coarse) > 1:
            return row
    return None
