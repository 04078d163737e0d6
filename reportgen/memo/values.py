"""Figures of an item as the page lays them out: a grid where runs share metrics, else a line each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reportgen.evidence.model import Value
from reportgen.evidence.wording import metric_name

_FILLED = 0.6
"""Share of its cells a grid has to fill; an emptier one is read less easily than a list."""


@dataclass(frozen=True)
class Line:
    """One value of an item: what tells it from the item's others, and where it comes from unless said before."""

    what: str
    value: Value
    origin: str


@dataclass(frozen=True)
class Cell:
    """A value in a grid; `origin` is said only where neither the grid nor its column can say it for all."""

    value: Value
    origin: str


@dataclass(frozen=True)
class Row:
    """A run's values, or those of its difference to a baseline."""

    run: str
    baseline: str | None
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True)
class Grid:
    """A row a run or difference, a column a metric: name, and split and n where its column shares them."""

    origin: str
    """Split and n where all values share them."""
    columns: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]

    @property
    def values(self) -> list[Value]:
        """In the order they are read."""
        return [cell.value for row in self.rows for cell in row.cells if cell]


def value_grid(values: Sequence[Value]) -> Grid | None:
    """The values by run and metric, or None where that would not be a table."""
    metrics = list(dict.fromkeys(value.metric for value in values))
    keys = list(dict.fromkeys((value.run, value.baseline) for value in values))
    found = {((value.run, value.baseline), value.metric): value for value in values}
    if len(keys) < 2 or len(found) < len(values) or len(values) < _FILLED * len(keys) * len(metrics):
        return None
    if len(values) == len(metrics) or any(run is None for run, _ in keys):
        return None
    # Differences below the levels they are made of.
    keys.sort(key=lambda key: key[1] is not None)
    everywhere = {_where(value) for value in values}
    by_column = {metric: {_where(value) for value in values if value.metric == metric} for metric in metrics}
    shared = len(everywhere) == 1
    rows = tuple(
        Row(
            run or "",
            baseline,
            tuple(
                Cell(value, "" if len(by_column[metric]) == 1 else _where(value))
                if (value := found.get(((run, baseline), metric)))
                else None
                for metric in metrics
            ),
        )
        for run, baseline in keys
    )
    return Grid(
        everywhere.pop() if shared else "",
        tuple(
            (metric_name(metric), "" if shared or len(said) > 1 else next(iter(said)))
            for metric, said in by_column.items()
        ),
        rows,
    )


def value_lines(values: Sequence[Value]) -> list[Line]:
    """Values of an item without repetition: named by run where they share the metric, else by metric."""
    origins = [value_origin(value) for value in values]
    if len(values) > 1 and len({value.metric for value in values}) == 1:
        rows = [_where(value) for value in values]
        said = [row if row not in rows[:at] else "" for at, row in enumerate(rows)]
        return [Line(value.run or "", value, where) for value, where in zip(values, said, strict=True)]
    said = [origin if origin not in origins[:at] else "" for at, origin in enumerate(origins)]
    return [Line(metric_name(value.metric), value, where) for value, where in zip(values, said, strict=True)]


def value_origin(value: Value) -> str:
    """Run, split and n of a figure, as the page says them."""
    run = f"{value.run} − {value.baseline}" if value.baseline else value.run
    return ", ".join(part for part in (run, _where(value)) if part)


def _where(value: Value) -> str:
    return ", ".join(part for part in (value.split, f"n = {value.n:,}" if value.n else None) if part)
