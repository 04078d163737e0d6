"""Acting on a confidence: how many rows a gate lets through, how right they are, and which gate meets a target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reportgen.stats import THRESHOLDS, boot_mean, coverage, sla_threshold
from reportgen.stats.difference import difference

from .model import Column, Interval, Scalar, Table, Value
from .numbers import show, show_interval
from .outcomes import Outcomes
from .runs import WILSON

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from reportgen.bundle import Bundle
    from reportgen.stats import Covered, Difference, SlaThreshold

    from .runs import Runs

    Bools = NDArray[np.bool_]

GATE = 0.70
TARGET = 0.95
"""The course's service level: the share of accepted answers that must be right."""


@dataclass(frozen=True, eq=False)
class Gated:
    """One recipe behind a gate, on the rows of its `split`."""

    name: str
    run: Bundle
    split: str
    n: int
    points: tuple[Covered, ...]
    level: SlaThreshold

    def at(self, threshold: float) -> Covered:
        """Coverage and accuracy at one of the listed thresholds."""
        return next(point for point in self.points if point.threshold == threshold)


def gated(rows: Outcomes, run: Bundle, split: str, mask: Bools | None = None) -> Gated | None:
    """Coverage and accuracy at each threshold, on all rows or those of a mask; None without confidences."""
    if rows.confidence is None:
        return None
    conf, hits = (rows.confidence, rows.correct) if mask is None else (rows.confidence[mask], rows.correct[mask])
    return Gated(rows.name, run, split, len(conf), coverage(conf, hits), sla_threshold(conf, hits, TARGET))


def gate_values(found: Gated, threshold: float = GATE) -> tuple[Value, Value]:
    """Accuracy at a gate (n: rows covered) and coverage, both with Wilson intervals."""
    point = found.at(threshold)
    name = f"{round(100 * threshold)}"
    bounds = Interval(point.low, point.high, WILSON) if point.low is not None and point.high is not None else None
    shared: dict[str, Any] = {"run": found.run.run_id, "split": found.split, "field": "predictions.parquet"}
    scaled = "_scaled" if found.name != found.run.run_id else ""
    return (
        Value(f"accuracy_at_{name}{scaled}", point.accuracy, "fraction", n=point.n_covered, interval=bounds, **shared),
        Value(f"coverage_at_{name}{scaled}", point.coverage, "fraction", n=found.n, **shared),
    )


def gate_difference(runs: Runs, first: tuple[Bundle, Outcomes], second: tuple[Bundle, Outcomes]) -> Difference | None:
    """Paired difference in accuracy at the gate, second − first: each model on the rows it is sure of."""
    samples, points, sure = [], [], []
    for run, rows in (first, second):
        if rows.confidence is None:
            return None
        covered = rows.confidence >= GATE
        if not covered.any():
            return None
        samples.append(boot_mean(runs.counts(run), rows.correct.astype(float), mask=covered))
        points.append(float(rows.correct[covered].mean()))
        sure.append(covered)
    moved = (sure[0] != sure[1]) | ((first[1].predictions != second[1].predictions) & (sure[0] | sure[1]))
    n = int((sure[0] | sure[1]).sum())
    return difference("accuracy_at_70", (points[0], points[1]), samples[1] - samples[0], n, int(moved.sum()))


def coverage_table(found: Sequence[Gated], table_id: str) -> Table:
    """Thresholds down, recipes across: rows covered and their accuracy."""
    rows: list[dict[str, Scalar | Value]] = []
    for threshold in THRESHOLDS:
        row: dict[str, Scalar | Value] = {"threshold": f"{threshold:.2f}"}
        for at, one in enumerate(found):
            point = one.at(threshold)
            row[f"covered{at}"] = f"{point.n_covered:,} ({show(point.coverage, 'fraction')})"
            row[f"accuracy{at}"] = gate_values(one, threshold)[0] if point.n_covered else None
        rows.append(row)
    columns = [Column("threshold", "Confidence ≥", "text")]
    for at, one in enumerate(found):
        columns += [
            Column(f"covered{at}", f"Covered, {one.name}", "number", help=f"of {one.n:,}, {one.split}"),
            Column(f"accuracy{at}", f"Accuracy, {one.name}", "fraction", help="of the rows covered"),
        ]
    sizes = {one.split: one.n for one in found}
    folded = (
        " A recipe with a temperature is shown on the evaluation fold its temperature was not fitted on: compare it "
        "with others on that fold only."
        if len(sizes) > 1
        else ""
    )
    return Table(
        id=table_id,
        caption="What a gate on the confidence lets through, and how often it is right there. Brackets: 95 % Wilson "
        f"intervals of the rows covered.{folded}",
        columns=tuple(columns),
        rows=tuple(rows),
        row_header="threshold",
    )


def level_table(found: Sequence[Gated], table_id: str) -> Table:
    """The lowest listed threshold that meets the service level, or the best there is."""
    rows: list[dict[str, Scalar | Value]] = []
    for one in found:
        point = one.level.met or one.level.best
        bounds = Interval(point.low, point.high, WILSON) if point and point.low is not None and point.high else None
        sure = bounds is not None and one.level.met is not None and bounds.low >= TARGET
        rows.append(
            {
                "recipe": one.name,
                "split": f"{one.split}, n = {one.n:,}",
                "met": f"{one.level.met.threshold:.2f}" if one.level.met else "none",
                "best": None if one.level.met or point is None else f"best: {point.threshold:.2f}",
                "covered": point.n_covered if point else 0,
                "coverage": point.coverage if point else None,
                "accuracy": show(point.accuracy, "fraction") if point else None,
                "bounds": show_interval(bounds, "fraction") if bounds else None,
                "sure": "yes" if sure else "no" if one.level.met else None,
            }
        )
    columns = [
        Column("recipe", "Recipe"),
        Column("split", "On"),
        Column("met", "Threshold"),
        Column("best", "Otherwise"),
        Column("covered", "Covered", "count"),
        Column("coverage", "Coverage", "fraction"),
        Column("accuracy", "Accuracy", "number"),
        Column("bounds", "95 % interval", "number"),
        Column("sure", "Interval clears it", help="all of it above the target"),
    ]
    columns = [column for column in columns if any(row[column.key] is not None for row in rows)]
    keys = [column.key for column in columns]
    return Table(
        id=table_id,
        caption=f"The lowest listed threshold ({', '.join(f'{one:g}' for one in THRESHOLDS)}) whose accepted answers "
        f"are right at least {show(TARGET, 'fraction')} of the time; where none is, the best one.",
        columns=tuple(columns),
        rows=tuple({key: row[key] for key in keys} for row in rows),
        row_header="recipe",
    )


def level_sentence(one: Gated) -> str:
    """Which threshold meets the target, and on how many rows."""
    point = one.level.met or one.level.best
    if point is None or point.accuracy is None:
        return f"{one.name} is never sure enough for any listed threshold"
    bounds = Interval(point.low or 0.0, point.high or 0.0, WILSON)
    where = (
        f"{show(point.accuracy, 'fraction')} {show_interval(bounds, 'fraction')} right on {point.n_covered:,} of "
        f"{one.n:,} rows"
    )
    if one.level.met:
        unsure = "" if bounds.low >= TARGET else ", though the interval reaches below it"
        return f"{one.name} meets it from {point.threshold:g} on ({where}{unsure})"
    return f"{one.name} meets it at no listed threshold (best {point.threshold:g}: {where})"
