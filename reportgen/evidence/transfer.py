"""What passed from teacher to student, tier by tier: F1, calibration error, log loss and divergence from the teacher.

All differences are distilled − vanilla and paired through the memo's one matrix of row counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reportgen.stats import tiers
from reportgen.stats.difference import difference

from .board import ALL, Board, Tier
from .classes import TIER_RULES, by_frequency
from .model import Column, Figure, Interval, Scalar, Table, Value
from .numbers import listing, plural, show
from .runs import BOOTSTRAP, PAIRED
from .tierfacts import present

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reportgen.bundle import Bundle
    from reportgen.stats import Difference

    from .runs import Runs
    from .students import Students

    Ints = NDArray[np.int64]

METRICS = {
    "masked_f1": ("Masked F1", "rows of the tier only"),
    "mean_f1": ("Mean F1", "all rows"),
    "ece": ("Calibration error", "ECE, 15 bins"),
    "nll": ("Log loss", "NLL, nats"),
    "js": ("Divergence from the teacher", "JS, nats"),
}
"""Metric to its name and what it is."""
LOWER_IS_BETTER = frozenset({"ece", "nll", "js"})
THIN_TIER = 300
"""Below so many rows fifteen bins hold about twenty each: a tier's calibration error is descriptive."""


@dataclass(frozen=True, eq=False)
class Change:
    """One metric on one tier: vanilla, distilled, teacher where it has one, and the paired difference."""

    metric: str
    tier: Tier
    teacher: float | None
    difference: Difference
    values: tuple[Value, Value, Value]
    """Vanilla, distilled, distilled − vanilla."""

    @property
    def better(self) -> bool | None:
        """Whether distilled is better; None where the rows do not tell."""
        if self.difference.verdict == "null":
            return None
        return (self.difference.delta > 0) != (self.metric in LOWER_IS_BETTER)


@dataclass(frozen=True, eq=False)
class Transfer:
    """Every metric on every tier and on all rows, for one pair of students."""

    changes: tuple[Change, ...]
    tiers: tuple[Tier, ...]
    rule: str
    without: tuple[str, ...]
    """Why metrics are missing."""

    def of(self, metric: str, *names: str) -> list[Change]:
        """The changes of a metric, on the tiers named or on all of them but the whole."""
        wanted = names or tuple(tier.name for tier in self.tiers if tier.name != ALL)
        return [one for one in self.changes if one.metric == metric and one.tier.name in wanted]


def measure(board: Board, students: Students) -> Transfer:
    """Measure the pair; the teacher, where there is one, gives the bound and the divergence."""
    assert students.pair is not None  # noqa: S101 - for the type checker: the caller has looked
    names = [run.run_id for run in students.pair]
    found = _Measure(board, students.pair, students.teacher)
    every = board.tiers
    changes = [found.masked(tier) for tier in every if tier.name != ALL] + [found.mean(tier) for tier in every]
    without = []
    for metric, why in (
        ("ece", "no confidences, no calibration error"),
        ("nll", "no logits, no log loss"),
        ("js", "no logits of the teacher, no divergence from it"),
    ):
        if board.has(metric, *names):
            changes += [found.values(metric, tier) for tier in every]
        else:
            without.append(why)
    return Transfer(tuple(changes), every, board.rule, tuple(without))


@dataclass(frozen=True, eq=False)
class _Measure:
    board: Board
    pair: tuple[Bundle, Bundle]
    teacher: Bundle | None

    def masked(self, tier: Tier) -> Change:
        vanilla, distilled = (run.run_id for run in self.pair)
        bound = self.board.masked(self.teacher.run_id, tier).point["macro_f1"] if self.teacher else None
        return self._change("masked_f1", tier, self.board.masked_difference(vanilla, distilled, tier), bound)

    def mean(self, tier: Tier) -> Change:
        runs = self.board.runs
        boots = [runs.resampled(run) for run in self.pair]
        f1 = [runs.per_class(run).f1[tier.classes] for run in self.pair]
        samples = (boots[1].per_class_f1[tier.classes] - boots[0].per_class_f1[tier.classes]).mean(axis=0)
        first, second = (self.board.rows[run.run_id].predictions for run in self.pair)
        # A prediction that was not readable (−1) is in no tier.
        touched = tier.rows | ((first >= 0) & tier.classes[first]) | ((second >= 0) & tier.classes[second])
        changed = int(((first != second) & touched).sum())
        found = difference("mean_f1", (float(f1[0].mean()), float(f1[1].mean())), samples, tier.n, changed)
        bound = float(runs.per_class(self.teacher).f1[tier.classes].mean()) if self.teacher else None
        return self._change("mean_f1", tier, found, bound)

    def values(self, metric: str, tier: Tier) -> Change:
        vanilla, distilled = (run.run_id for run in self.pair)
        bound = None
        if self.teacher and self.board.has(metric, self.teacher.run_id):
            bound = self.board.point(metric, self.teacher.run_id, tier)
        return self._change(metric, tier, self.board.change(metric, vanilla, distilled, tier), bound)

    def _change(self, metric: str, tier: Tier, found: Difference, bound: float | None) -> Change:
        split = self.board.runs.split
        name = metric_key(metric, tier.name)
        vanilla, distilled = self.pair
        plain = [
            Value(name, number, "score", run=run.run_id, split=split, n=tier.n, field="predictions.parquet")
            for run, number in ((vanilla, found.a), (distilled, found.b))
        ]
        paired = Value(
            name,
            found.delta,
            "score",
            run=distilled.run_id,
            baseline=vanilla.run_id,
            split=split,
            n=tier.n,
            interval=Interval(found.low, found.high, method=PAIRED),
            field="predictions.parquet",
        )
        return Change(metric, tier, bound, found, (plain[0], plain[1], paired))


def metric_key(metric: str, tier: str) -> str:
    """The name of a metric on a tier, such as `tail_masked_f1`; on all rows the metric's own."""
    return f"{tier}_{metric}" if tier != ALL else "macro_f1" if metric == "mean_f1" else metric


def tier_value(board: Board, run: Bundle, tier: Tier) -> Value:
    """`tier_masked_f1` of one run with its interval."""
    boot = board.masked(run.run_id, tier)
    return Value(
        metric_key("masked_f1", tier.name),
        boot.point["macro_f1"],
        "score",
        run=run.run_id,
        split=board.runs.split,
        n=tier.n,
        interval=Interval(*boot.interval("macro_f1"), method=BOOTSTRAP),
        field="predictions.parquet",
    )


def _role(run: Bundle | None, role: str) -> str | None:
    """What a run is, where its name does not say so."""
    return None if run is None or run.run_id == role else role


def transfer_table(runs: Runs, students: Students, found: Transfer, table_id: str) -> Table:
    """Every metric on every tier."""
    assert students.pair is not None  # noqa: S101 - for the type checker
    rows: list[dict[str, Scalar | Value]] = []
    for one in found.changes:
        vanilla, distilled, paired = one.values
        name, what = METRICS[one.metric]
        rows.append(
            {
                "metric": f"{name} ({what})" if one.tier.name != ALL or one.metric != "mean_f1" else "Macro F1",
                "tier": one.tier.name,
                "n": one.tier.n,
                "vanilla": vanilla,
                "distilled": distilled,
                "teacher": one.teacher,
                "difference": paired,
                "verdict": one.difference.verdict,
            }
        )
    columns = [
        Column("metric", "Metric", wide=True),
        Column("tier", "Tier"),
        Column("n", "Rows", "count"),
        Column("vanilla", students.pair[0].run_id, "score", help=_role(students.pair[0], "vanilla")),
        Column("distilled", students.pair[1].run_id, "score", help=_role(students.pair[1], "distilled")),
        Column(
            "teacher",
            students.teacher.run_id if students.teacher else "Teacher",
            "score",
            help=_role(students.teacher, "teacher"),
        ),
        Column("difference", "Difference", "score", help="distilled − vanilla"),
        Column("verdict", "Verdict"),
    ]
    if students.teacher is None:
        columns = [column for column in columns if column.key != "teacher"]
        rows = [{key: cell for key, cell in row.items() if key != "teacher"} for row in rows]
    return Table(
        id=table_id,
        caption=f"Distilled against vanilla on {runs.split}, tier by tier ({TIER_RULES[found.rule]}). Masked F1 scores "
        "a tier's rows alone, so a false alarm from another tier is invisible to it; mean F1 averages the tier's "
        "classes over all rows. F1: higher is better; the other three: lower. Differences carry 95 % paired intervals.",
        columns=tuple(columns),
        rows=tuple(rows),
        row_header="metric",
        notes=(f"Not in the table: {'; '.join(found.without)}.",) if found.without else (),
    )


def transfer_figure(runs: Runs, students: Students, found: Transfer, figure_id: str) -> Figure:
    """The same differences, a panel a metric with a scale of its own."""
    assert students.pair is not None  # noqa: S101 - for the type checker
    vanilla, distilled = (run.run_id for run in students.pair)
    panels: list[dict[str, Any]] = []
    for metric, (name, _) in METRICS.items():
        parts = [
            {
                "name": one.tier.name,
                "n": one.tier.n,
                "delta": one.difference.delta,
                "low": one.difference.low,
                "high": one.difference.high,
                "state": "null" if one.better is None else "up" if one.better else "down",
                "few": one.metric == "ece" and one.tier.n < THIN_TIER,
            }
            for one in found.changes
            if one.metric == metric
        ]
        if parts:
            sides = (vanilla, distilled) if metric in LOWER_IS_BETTER else (distilled, vanilla)
            panels.append({"axes": [{"name": name, "slices": parts}], "run": sides[0], "baseline": sides[1]})
    told = [
        f"{METRICS[metric][0].lower().replace('f1', 'F1')} {_said(found.of(metric))}"
        for metric in METRICS
        if found.of(metric)
    ]
    return Figure(
        id=figure_id,
        kind="forests",
        caption=f"Distilled − vanilla with 95 % paired intervals on {runs.split}, each metric on its own scale. "
        f"Filled: the interval excludes zero. Faint: calibration error on fewer than {THIN_TIER} rows.",
        finding=f"Distilled against vanilla: {'; '.join(told)}.",
        data={"panels": panels, "run": distilled},
    )


def _said(changes: Sequence[Change]) -> str:
    better = [one.tier.name for one in changes if one.better]
    worse = [one.tier.name for one in changes if one.better is False]
    parts = [f"better on {listing(better)}"] if better else []
    parts += [f"worse on {listing(worse)}"] if worse else []
    return " and ".join(parts) if parts else "not told apart on any tier"


def tier_sentence(changes: Sequence[Change], what: str) -> str:
    """The changes of one metric in words, by their verdict; the figures stand beside."""
    told: dict[str, list[str]] = {}
    for one in changes:
        direction = "higher" if one.difference.delta > 0 else "lower"
        if one.difference.verdict == "real":
            told.setdefault(f"{direction} on", []).append(one.tier.name)
        elif one.difference.verdict == "directional":
            few = f"{one.tier.name}, where only {plural(one.difference.changed, 'prediction')} changed"
            told.setdefault(f"{direction} by a direction, no more, on", []).append(few)
        elif one.difference.low == one.difference.high == 0:
            told.setdefault("the same on", []).append(one.tier.name)
        else:
            told.setdefault("not told apart (the interval includes zero) on", []).append(one.tier.name)
    return (
        f"{what} of distilled against vanilla: {'; '.join(f'{how} {listing(tiers)}' for how, tiers in told.items())}."
    )


def ladder(board: Board, shown: Sequence[Bundle], figure_id: str) -> Figure:
    """Masked F1 of each tier under teacher and students, as dots with intervals."""
    groups = []
    steps: dict[str, list[str]] = {}
    for tier in board.tiers:
        if tier.name == ALL:
            continue
        marks = []
        for run in shown:
            value = tier_value(board, run, tier)
            bounds = value.interval
            assert bounds is not None  # noqa: S101 - for the type checker
            marks.append({"run": run.run_id, "value": value.value, "low": bounds.low, "high": bounds.high})
            steps.setdefault(run.run_id, []).append(f"{tier.name} {show(value.value, 'score')}")
        groups.append({"tier": tier.name, "classes": int(tier.classes.sum()), "marks": marks})
    return Figure(
        id=figure_id,
        kind="tier-ladder",
        caption=f"Masked F1 by tier on {board.runs.split} with 95 % intervals ({BOOTSTRAP}; "
        f"{TIER_RULES[board.rule]}). Classes of one or two rows drop out of resamples, so an interval may lie "
        "below its point. Overlap decides nothing: differences need the paired intervals.",
        finding=f"Masked F1: {'; '.join(f'{name}: {listing(said)}' for name, said in steps.items())}.",
        data={"groups": groups},
    )


def head_classes(runs: Runs, students: Students, counts: Ints, rule: str) -> list[tuple[int, float]]:
    """Labels of the first tier and their change in F1 on all rows, largest gain first."""
    assert students.pair is not None  # noqa: S101 - for the type checker
    first, second = (runs.per_class(run) for run in students.pair)
    head = tiers(counts, rule) == next(iter(present(counts, rule)))
    moved = [(int(i), float(second.f1[i] - first.f1[i])) for i in by_frequency(counts) if head[i]]
    return sorted(moved, key=lambda one: -one[1])
