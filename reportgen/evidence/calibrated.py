"""Can a model's confidence be trusted, before and after scaling? Fitted on one fold, reported on the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from reportgen.bundle.kept import kept
from reportgen.errors import InputError
from reportgen.stats import (
    apply_temperature,
    boot_ece,
    confidence,
    course_temperature,
    ece,
    ece_classwise,
    ece_equal_mass,
    fit_temperature,
    folds,
    nll,
    reliability,
    scores,
)
from reportgen.stats.difference import difference

from .model import Column, Figure, Interval, Scalar, Table, Value
from .numbers import listing, show_interval, show_points
from .runs import PAIRED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from reportgen.bundle import Bundle
    from reportgen.stats import Difference, Reliability, Temperature

    from .pair import Pair
    from .runs import Runs

BINS = 15
THIN = 20
"""Bins with fewer rows are drawn faintly: their accuracy is nearly arbitrary."""


@dataclass(frozen=True, eq=False)
class State:
    """Confidence of one model on the evaluation fold, before or after scaling; arrays have a row each."""

    conf: NDArray[np.float64]
    correct: NDArray[np.bool_]
    ece: float
    equal_mass: float
    classwise: float
    nll: float
    macro_f1: float
    samples: NDArray[np.float64]
    """ECE in every resample, (R,)."""

    @property
    def bins(self) -> Reliability:
        """The non-empty bins of the reliability diagram."""
        return reliability(self.conf, self.correct)


@dataclass(frozen=True, eq=False)
class Calibration:
    """One model: its temperature, and the evaluation fold before and after."""

    run: Bundle
    temperature: Temperature
    course: Temperature | None
    course_ece: float | None
    whole_ece: float
    """Before scaling, on the whole split: comparable with published figures, not with the folds."""
    before: State
    after: State
    fitted_on: int
    n: int
    changed: int
    """Predictions that scaling changed: zero, or the scaling is refused."""


def calibrate(runs: Runs, run: Bundle) -> Calibration | None:
    """Fit on the calibration fold and measure on the evaluation fold; None where the run stores no logits.

    The folds are the course's: a permutation seeded with 42 + 999, the first half calibrates.
    """
    found = kept("calibration", (run,), lambda: _calibrate(runs, run), runs.split)
    return found and replace(found, run=run)


def _calibrate(runs: Runs, run: Bundle) -> Calibration | None:
    rows = run.predictions(runs.split or "val")
    if rows.logits is None or len(rows) < 4:
        return None
    logits, labels = rows.logits.astype(np.float64), rows.labels.astype(np.int64)
    fit, test = (np.sort(fold) for fold in folds(len(rows)))
    temperature = fit_temperature(logits[fit], labels[fit])
    try:
        scaled = apply_temperature(logits[test], temperature.t)
    except InputError:
        # So sharp or so flat that rounding would change predictions: nothing to report but that.
        return None
    course = _course(logits[fit], labels[fit])
    mask = np.zeros(len(rows), dtype=np.bool_)
    mask[test] = True
    states = [_state(runs, run, part, labels[test], mask) for part in (logits[test], scaled)]
    changed = int((logits[test].argmax(axis=1) != scaled.argmax(axis=1)).sum())
    correct = rows.predictions == rows.labels
    return Calibration(
        run=run,
        temperature=temperature,
        course=course,
        course_ece=None if course is None else ece(confidence(logits[test] / course.t), states[0].correct, BINS),
        whole_ece=ece(confidence(logits), correct, BINS),
        before=states[0],
        after=states[1],
        fitted_on=len(fit),
        n=len(test),
        changed=changed,
    )


def _course(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> Temperature | None:
    try:
        return course_temperature(logits, labels, "week4")
    except InputError:
        return None


def _state(
    runs: Runs, run: Bundle, logits: NDArray[np.float64], labels: NDArray[np.int64], mask: NDArray[np.bool_]
) -> State:
    conf, predictions = confidence(logits), logits.argmax(axis=1)
    correct = predictions == labels
    everywhere = np.zeros((2, mask.size))
    everywhere[0, mask], everywhere[1, mask] = conf, correct
    return State(
        conf=conf,
        correct=correct,
        ece=ece(conf, correct, BINS),
        equal_mass=ece_equal_mass(conf, correct, BINS),
        classwise=ece_classwise(logits, labels, BINS),
        nll=nll(logits, labels),
        macro_f1=scores(labels, predictions, logits.shape[1]).macro_f1,
        samples=boot_ece(runs.counts(run), everywhere[0], everywhere[1], BINS, mask=mask),
    )


def between(first: State, second: State, changed: int) -> Difference:
    """Paired difference in ECE, second − first, from the resamples both share."""
    return difference("ece", (first.ece, second.ece), second.samples - first.samples, len(first.conf), changed)


def fold_name(runs: Runs, part: str = "eval") -> str:
    """The tag of a figure measured on one half of the split."""
    return f"{runs.split}/{part}"


def value(runs: Runs, found: Calibration, metric: str, number: float, unit: str = "score") -> Value:
    """A calibration figure of one model, tagged with its fold."""
    fitted = metric in ("temperature", "temperature_course")
    return Value(
        metric=metric,
        value=number,
        unit=unit,  # type: ignore[arg-type]
        run=found.run.run_id,
        split=fold_name(runs, "cal" if fitted else "eval"),
        n=found.fitted_on if fitted else found.n,
        field="predictions.parquet",
    )


def difference_value(runs: Runs, pair: Pair, found: Difference, metric: str) -> Value:
    """A difference in ECE between the two models on the evaluation fold."""
    return Value(
        metric=metric,
        value=found.delta,
        unit="score",
        run=pair.candidate.run_id,
        baseline=pair.reference.run_id,
        split=fold_name(runs),
        n=found.n,
        interval=Interval(found.low, found.high, method=PAIRED),
        field="predictions.parquet",
    )


def table(runs: Runs, both: list[Calibration], table_id: str) -> Table:
    """Calibration error before and after, with the temperature of each model."""
    rows: list[dict[str, Scalar | Value]] = []
    for found in both:
        change = between(found.before, found.after, 0)
        # A share of nothing shown would read as a gain.
        shown = found.before.ece and not change.low <= 0 <= change.high
        cut = 1 - found.after.ece / found.before.ece if shown else None
        rows.append(
            {
                "run": found.run.run_id,
                "whole": found.whole_ece,
                "pre": value(runs, found, "ece", found.before.ece),
                "post": value(runs, found, "ece_scaled", found.after.ece),
                "change": show_interval(Interval(change.low, change.high, method=PAIRED), "score", signed=True),
                "cut": cut,
                "t": f"{found.temperature.t:.4f}",
            }
        )
    first = both[0]
    return Table(
        id=table_id,
        caption=f"Calibration error (ECE, {BINS} equal-width bins) before and after temperature scaling. T is fitted "
        f"to convergence on the calibration fold ({first.fitted_on:,} rows of {runs.split}); all else but the second "
        f"column is measured on the evaluation fold (n = {first.n:,}). Change: 95 % paired interval of after − before.",
        columns=(
            Column("run", "Run"),
            Column("whole", f"ECE, all of {runs.split}", "score", help="unscaled"),
            Column("pre", "ECE before", "score"),
            Column("post", "ECE after", "score"),
            Column("change", "Change", "number"),
            Column("cut", "Reduction", "fraction", help="where the interval excludes 0"),
            Column("t", "T", "number"),
        ),
        rows=tuple(rows),
        row_header="run",
    )


def more(both: list[Calibration], table_id: str) -> Table:
    """Other ways to bin the same confidences, the likelihood, and the course's own fit."""
    rows: list[dict[str, Scalar]] = [
        {
            "run": found.run.run_id,
            "mass": _arrow(found.before.equal_mass, found.after.equal_mass),
            "class": _arrow(found.before.classwise, found.after.classwise, 4),
            "nll": _arrow(found.before.nll, found.after.nll),
            "course_t": None if found.course is None else f"{found.course.t:.4f}",
            "course_ece": found.course_ece,
        }
        for found in both
    ]
    return Table(
        id=table_id,
        caption=f"The same fold by other measures, before → after (n = {both[0].n:,}). Equal-mass bins hold about "
        "equally many rows; class-wise ECE averages over all classes and all probabilities, so it is small where most "
        "probabilities are near zero. Course-compatible: the recipe of the course's notebook, which stops after 200 "
        "steps, converged or not.",
        columns=(
            Column("run", "Run"),
            Column("mass", "Equal-mass ECE", "number"),
            Column("class", "Class-wise ECE", "number"),
            Column("nll", "NLL", "number"),
            Column("course_t", "T, course-compatible", "number"),
            Column("course_ece", "ECE after, course-compatible", "score"),
        ),
        rows=tuple(rows),
        row_header="run",
    )


def _arrow(before: float, after: float, digits: int = 3) -> str:
    return f"{before:.{digits}f} → {after:.{digits}f}"


def diagram(
    runs: Runs, both: list[Calibration], figure_id: str, rows: NDArray[np.bool_] | None = None, what: str = "all rows"
) -> Figure:
    """Reliability diagrams, a panel a model, before and after; `rows` (n,) keeps a part of the evaluation fold."""
    panels, said = [], []
    for found in both:
        series = []
        for name, state in (("before", found.before), ("after", found.after)):
            kept = slice(None) if rows is None else rows
            bins = reliability(state.conf[kept], state.correct[kept])
            points = zip(bins.confidence, bins.accuracy, bins.n, bins.low, bins.high, strict=True)
            series.append(
                {
                    "name": name,
                    "points": [
                        {"x": float(x), "y": float(y), "n": int(n), "low": float(low), "high": float(high)}
                        for x, y, n, low, high in points
                    ],
                }
            )
            gap = float(state.conf[kept].mean() - state.correct[kept].mean())
            if name == "before":
                word = "over" if gap > 0 else "under"
                said.append(f"{found.run.run_id} is {word}confident by {show_points(gap)} on average")
        panels.append({"run": found.run.run_id, "series": series})
    n = both[0].n if rows is None else int(rows.sum())
    return Figure(
        id=figure_id,
        kind="reliability",
        caption=f"Accuracy against confidence in {BINS} bins, {what} of the evaluation fold (n = {n:,}). On the "
        f"diagonal a confidence is what it says; below it the model is overconfident. Faint: fewer than {THIN} rows.",
        finding=f"On {what} before scaling {' and '.join(said)}; ECE before and after: {errors_listed(both, rows)}.",
        data={"panels": panels},
    )


def errors_listed(both: Sequence[Calibration], rows: NDArray[np.bool_] | None = None) -> str:
    """ECE before → after of each model, on a part of the evaluation fold where `rows` (n,) is given."""
    kept = slice(None) if rows is None else rows
    return listing(
        [
            f"{one.run.run_id} {ece(one.before.conf[kept], one.before.correct[kept]):.3f} → "
            f"{ece(one.after.conf[kept], one.after.correct[kept]):.3f}"
            for one in both
        ]
    )


def tail_table(both: list[Calibration], rows: NDArray[np.bool_], tier: str, table_id: str) -> Table:
    """Bins of the rows of the rarest tier, after scaling: descriptive, n a bin."""
    shown: list[dict[str, Scalar]] = []
    for found in both:
        bins = reliability(found.after.conf[rows], found.after.correct[rows])
        for low, high, n, conf, accuracy in zip(
            bins.low, bins.high, bins.n, bins.confidence, bins.accuracy, strict=True
        ):
            shown.append(
                {
                    "run": found.run.run_id,
                    "bin": f"{low:.2f}–{high:.2f}",
                    "n": int(n),
                    "hits": f"{round(float(accuracy) * int(n))}/{int(n)}",
                    "conf": float(conf),
                    "accuracy": float(accuracy) if n >= THIN else None,
                    "note": "" if n >= THIN else f"fewer than {THIN} rows",
                }
            )
    return Table(
        id=table_id,
        caption=f"Calibration on the {tier} alone, after scaling with the T of all rows; rows of the evaluation fold "
        f"whose true class is in the {tier} (n = {int(rows.sum()):,}). Descriptive only: {int(rows.sum()):,} rows in "
        f"up to {BINS} bins. ECE before → after: {errors_listed(both, rows)}.",
        columns=(
            Column("run", "Run"),
            Column("bin", "Confidence"),
            Column("n", "Rows", "count"),
            Column("hits", "Hits"),
            Column("conf", "Mean confidence", "fraction"),
            Column("accuracy", "Accuracy", "fraction"),
            Column("note", "Note", wide=True),
        ),
        rows=tuple(shown),
        row_header="run",
        folded_after=0,
    )


def evaluation_rows(runs: Runs, run: Bundle) -> NDArray[np.int64]:
    """Indices of the evaluation fold in row order, as the states keep them."""
    return np.sort(folds(len(run.predictions(runs.split or "val")))[1])


def classes_present(runs: Runs, found: Calibration) -> int:
    """Classes with rows on the evaluation fold."""
    labels = found.run.predictions(runs.split or "val").labels
    return len(np.unique(labels[evaluation_rows(runs, found.run)]))
