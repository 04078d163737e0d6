"""The grid of temperatures and alphas against the noise of the rows: which settings can be told apart at all?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reportgen.stats.difference import Difference, difference

from .board import ALL, Board, Tier
from .classes import TIER_RULES
from .model import Column, Interval, Scalar, Table, Value
from .numbers import show, show_interval
from .runs import PAIRED
from .students import setting
from .transfer import metric_key

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reportgen.bundle import Bundle

    from .runs import Runs
    from .students import Students

LOWER_IS_BETTER = frozenset({"ece", "nll"})


@dataclass(frozen=True, eq=False)
class Cell:
    """One setting: its figures, and each of them in every resample."""

    run: Bundle
    temperature: float | None
    alpha: float | None
    point: dict[str, float]
    samples: dict[str, NDArray[np.float64]]
    predictions: NDArray[np.int64]

    @property
    def name(self) -> str:
        """Temperature and alpha in words."""
        if self.temperature is None or self.alpha is None:
            return self.run.run_id
        return f"T {self.temperature:g}, α {self.alpha:g}"


@dataclass(frozen=True, eq=False)
class Grid:
    """All settings; `default` is the distilled student, `vanilla` what the lift is counted from."""

    cells: tuple[Cell, ...]
    default: Cell
    vanilla: Cell
    tiers: tuple[Tier, ...]
    metrics: tuple[str, ...]

    def change(self, a: Cell, b: Cell, metric: str, tier: Tier) -> Difference:
        """B − a on a metric; `tier` holds the rows whose changed predictions count."""
        changed = int((a.predictions != b.predictions)[tier.rows].sum())
        points = a.point[metric], b.point[metric]
        return difference(metric, points, b.samples[metric] - a.samples[metric], tier.n, changed)

    def tier_of(self, metric: str) -> Tier:
        """The rows a metric is computed on."""
        return next((tier for tier in self.tiers if metric.startswith(f"{tier.name}_")), self.tiers[-1])

    def ranks(self, metric: str) -> dict[str, int]:
        """Rank of each run on a metric, 1 the best; equal figures share the better rank."""
        sign = 1 if metric in LOWER_IS_BETTER else -1
        found = [sign * cell.point[metric] for cell in self.cells]
        return {
            cell.run.run_id: 1 + sum(other < own for other in found)
            for cell, own in zip(self.cells, found, strict=True)
        }


def measure_grid(board: Board, students: Students) -> Grid | None:
    """Every setting on the same resamples; None where there is no pair or only one setting."""
    if students.pair is None or len(students.grid) < 2:
        return None
    vanilla, distilled = students.pair
    every, whole, runs = [vanilla, *students.grid], board.tiers[-1], board.runs
    names = [run.run_id for run in every]
    measured = [metric for metric in ("ece", "nll") if board.has(metric, *names)]
    cells = []
    for run in every:
        point = {"macro_f1": runs.scores(run).macro_f1}
        samples = {"macro_f1": runs.resampled(run).macro_f1}
        for metric in measured:
            point[metric] = board.point(metric, run.run_id, whole)
            samples[metric] = board.samples(metric, run.run_id, whole)
        for tier in board.tiers[:-1]:
            boot = board.masked(run.run_id, tier)
            key = metric_key("masked_f1", tier.name)
            point[key], samples[key] = boot.point["macro_f1"], boot.macro_f1
        temperature, alpha = (setting(run) if run is not vanilla else None) or (None, None)
        cells.append(Cell(run, temperature, alpha, point, samples, board.rows[run.run_id].predictions))
    default = next(cell for cell in cells if cell.run is distilled)
    return Grid(tuple(cells[1:]), default, cells[0], board.tiers, tuple(cells[0].point))


def figures(runs: Runs, cell: Cell, grid: Grid, metric: str) -> Value:
    """One figure of one setting."""
    return Value(
        metric,
        cell.point[metric],
        "score",
        run=cell.run.run_id,
        split=runs.split,
        n=grid.tier_of(metric).n,
        field="predictions.parquet",
    )


def grid_table(runs: Runs, grid: Grid, rule: str, table_id: str) -> Table:
    """Every setting with every figure, and its rank."""
    ranks = {metric: grid.ranks(metric) for metric in grid.metrics}
    rows: list[dict[str, Scalar | Value]] = []
    for cell in grid.cells:
        row: dict[str, Scalar | Value] = {
            "run": cell.run.run_id,
            "temperature": None if cell.temperature is None else f"{cell.temperature:g}",
            "alpha": None if cell.alpha is None else f"{cell.alpha:g}",
            "note": "default" if cell is grid.default else "",
        }
        row |= {metric: figures(runs, cell, grid, metric) for metric in grid.metrics}
        row["ranks"] = " · ".join(str(ranks[metric][cell.run.run_id]) for metric in grid.metrics)
        rows.append(row)
    names = [heading(metric) for metric in grid.metrics]
    return Table(
        id=table_id,
        caption=f"Every setting of the grid on {runs.split} (n = {grid.tiers[-1].n:,}; tier F1 masked; "
        f"{TIER_RULES[rule]}). Ranks, 1 the best, in the order of the columns: {', '.join(names)}.",
        columns=(
            Column("run", "Run"),
            Column("temperature", "T", "number"),
            Column("alpha", "α", "number"),
            *(Column(metric, name, "score") for metric, name in zip(grid.metrics, names, strict=True)),
            Column("ranks", "Ranks", "text"),
            Column("note", ""),
        ),
        rows=tuple(rows),
        row_header="run",
    )


def heading(metric: str) -> str:
    """A metric as the grid's tables call it."""
    named = {"macro_f1": "macro F1", "ece": "ECE", "nll": "NLL"}
    text = named.get(metric) or metric.replace("_masked_f1", " F1")
    return text[0].upper() + text[1:]


def floor_tier(grid: Grid) -> Tier:
    """The tier with the narrowest interval of the default's lift: the most sensitive ruler there is."""

    def width(tier: Tier) -> float:
        found = lift(grid, tier)
        return found.high - found.low

    return min((tier for tier in grid.tiers if tier.name != ALL), key=width)


def lift(grid: Grid, tier: Tier, cell: Cell | None = None) -> Difference:
    """A setting's masked F1 on a tier against vanilla's; the default's unless another is named."""
    return grid.change(grid.vanilla, cell or grid.default, metric_key("masked_f1", tier.name), tier)


def inside(grid: Grid, tier: Tier, cell: Cell) -> bool:
    """Whether a setting's lift over vanilla lies in the interval of the default's lift."""
    floor = lift(grid, tier)
    return floor.low <= lift(grid, tier, cell).delta <= floor.high


def lift_value(runs: Runs, grid: Grid, tier: Tier) -> Value:
    """The default's lift over vanilla on a tier, with its interval."""
    found = lift(grid, tier)
    return Value(
        metric_key("masked_f1", tier.name),
        found.delta,
        "score",
        run=grid.default.run.run_id,
        baseline=grid.vanilla.run.run_id,
        split=runs.split,
        n=tier.n,
        interval=Interval(found.low, found.high, method=PAIRED),
        field="predictions.parquet",
    )


def floor_table(runs: Runs, grid: Grid, table_id: str) -> Table:
    """Each setting against the interval of the default's lift, and against the default itself."""
    ruler = floor_tier(grid)
    floor = lift(grid, ruler)
    key = metric_key("masked_f1", ruler.name)
    rows: list[dict[str, Scalar | Value]] = []
    for cell in grid.cells:
        row: dict[str, Scalar | Value] = {
            "run": cell.run.run_id,
            "lift": show(lift(grid, ruler, cell).delta, "score", signed=True),
            "inside": "its own" if cell is grid.default else "inside" if inside(grid, ruler, cell) else "outside",
        }
        for metric in grid.metrics:
            if metric in ("macro_f1", "ece", "nll", key):
                row[metric] = None if cell is grid.default else _against(grid, cell, metric)
        rows.append(row)
    shown = [metric for metric in grid.metrics if metric in ("macro_f1", "ece", "nll", key)]
    span = show_interval(Interval(floor.low, floor.high, PAIRED), "score", signed=True)
    return Table(
        id=table_id,
        caption=f"The grid against the noise of the rows. Lift: masked {ruler.name} F1 minus vanilla's; inside: within "
        f"the interval of the default's own lift, {span}, {show(floor.high - floor.low, 'score')} wide (n = "
        f"{ruler.n:,}). The other columns are each setting minus the default, with paired 95 % intervals and verdict.",
        columns=(
            Column("run", "Run"),
            Column("lift", f"Lift, {ruler.name} F1", "number"),
            Column("inside", "Noise floor"),
            *(Column(metric, f"Δ {heading(metric)}", "number") for metric in shown),
        ),
        rows=tuple(rows),
        row_header="run",
    )


def _against(grid: Grid, cell: Cell, metric: str) -> str:
    found = grid.change(grid.default, cell, metric, grid.tier_of(metric))
    span = show_interval(Interval(found.low, found.high, PAIRED), "score", signed=True)
    return f"{show(found.delta, 'score', signed=True)} {span} {found.verdict}"


def told_apart(grid: Grid, metric: str) -> int:
    """Settings that the rows tell from the default on a metric."""
    others = [cell for cell in grid.cells if cell is not grid.default]
    tier = grid.tier_of(metric)
    return sum(grid.change(grid.default, cell, metric, tier).verdict == "real" for cell in others)


def spread(grid: Grid, metric: str) -> float:
    """Highest minus lowest figure over the grid."""
    found = [cell.point[metric] for cell in grid.cells]
    return max(found) - min(found)


def seed_spread(runs: Runs, students: Students) -> tuple[int, float, float] | None:
    """Seeds, mean and standard deviation of the distilled student's macro F1; None with a single seed."""
    found = {run.manifest.seed: runs.scores(run).macro_f1 for run in students.seeds if run.manifest.seed is not None}
    if len(found) < 2:
        return None
    values = np.array(list(found.values()))
    return len(found), float(values.mean()), float(values.std(ddof=1))
