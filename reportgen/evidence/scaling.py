"""One temperature a run, and what it does to the confidences: fitted on one fold, reported on the other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
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
    fit_temperature,
    folds,
    interval,
    row_counts,
)

from .calibrated import BINS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from reportgen.bundle import Bundle
    from reportgen.stats import RowCounts, Temperature

    from .runs import Runs

    Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scaled:
    """One run on the evaluation fold, before and after its temperature; arrays have a row each."""

    run: Bundle
    temperature: Temperature
    course: Temperature | None
    """The course's own fit, on the same fold, which stops before it has converged."""
    course_ece: float | None
    before: Floats
    after: Floats
    correct: NDArray[np.bool_]
    ece: float
    ece_after: float
    samples: Floats
    """ECE before scaling in every resample of the evaluation fold, (R,)."""
    samples_after: Floats
    changed: int
    """Predictions that scaling changed: always zero, or the scaling is refused."""

    @property
    def n(self) -> int:
        """Rows of the evaluation fold."""
        return len(self.correct)

    @property
    def fitted_on(self) -> int:
        """Rows of the calibration fold."""
        return self.temperature.n

    @property
    def bounds_after(self) -> tuple[float, float]:
        """Interval of the ECE after scaling; a resample's ECE is biased upward, so only its spread is used."""
        low, high = interval(self.samples_after - self.samples_after.mean() + self.ece_after)
        return max(0.0, low), high


def scale_all(runs: Runs, some: Sequence[Bundle], by_course: Collection[str] = ()) -> dict[str, Scaled]:
    """`scale` for each run, by run_id; runs without logits are left out.

    Args:
        runs: the memo's runs.
        some: those to scale.
        by_course: run_ids for which the course's own fit is shown beside; it takes three times as long as ours.
    """
    split = runs.split or "val"
    with ThreadPoolExecutor(2) as pool:  # NumPy lets go of the interpreter while it takes exponentials
        found = list(pool.map(lambda run: _kept(runs, run, split, run.run_id in by_course), some))
    return {run.run_id: one for run, one in zip(some, found, strict=True) if one is not None}


def _kept(runs: Runs, run: Bundle, split: str, by_course: bool) -> Scaled | None:
    return kept("scaled", (run,), lambda: scale(runs, run, by_course=by_course), split, by_course)


def scale(runs: Runs, run: Bundle, *, by_course: bool = True) -> Scaled | None:
    """Fit on the calibration fold and measure on the evaluation fold; None where the run has no logits to scale.

    Folds as in weeks 4 and 6, and as the decision rule takes them: a permutation seeded with 42 + 999.
    """
    rows = run.predictions(runs.split or "val")
    if rows.logits is None or len(rows) < 4:
        return None
    fit, held = (np.sort(fold) for fold in folds(len(rows)))
    # In double precision: dividing the stored float16 could make two logits equal.
    logits, labels = rows.logits.astype(np.float64), rows.labels.astype(np.int64)
    temperature = fit_temperature(logits[fit], labels[fit])
    try:
        scaled = apply_temperature(logits[held], temperature.t)
    except InputError:
        return None
    correct = rows.predictions[held] == rows.labels[held]
    before, after = confidence(logits[held]), confidence(scaled)
    course = _course(logits[fit], labels[fit]) if by_course else None
    counts = _counts(len(held))
    return Scaled(
        run=run,
        temperature=temperature,
        course=course,
        course_ece=None if course is None else ece(confidence(logits[held] / course.t), correct, BINS),
        before=before,
        after=after,
        correct=correct,
        ece=ece(before, correct, BINS),
        ece_after=ece(after, correct, BINS),
        samples=boot_ece(counts, before, correct, BINS),
        samples_after=boot_ece(counts, after, correct, BINS),
        changed=int((logits[held].argmax(axis=1) != scaled.argmax(axis=1)).sum()),
    )


def _course(logits: Floats, labels: NDArray[np.int64]) -> Temperature | None:
    try:
        return course_temperature(logits, labels, "week5")
    except InputError:
        return None


@lru_cache(maxsize=2)
def _counts(n: int) -> RowCounts:
    return row_counts(n)
