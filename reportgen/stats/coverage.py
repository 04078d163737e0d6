"""Selective prediction: how many rows a confidence threshold lets through, and how right they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from reportgen.errors import InputError
from reportgen.stats.calibration import confidence_rows
from reportgen.stats.intervals import wilson

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True)
class Covered:
    """The rows with confidence ≥ `threshold`; accuracy and its Wilson interval are None where there are none."""

    threshold: float
    n_covered: int
    coverage: float
    accuracy: float | None
    low: float | None
    high: float | None


def coverage(conf: ArrayLike, correct: ArrayLike, thresholds: Sequence[float] = THRESHOLDS) -> tuple[Covered, ...]:
    """Coverage and accuracy at each threshold.

    Args:
        conf: (n,) confidences in [0, 1].
        correct: (n,) whether each prediction was right.
        thresholds: least confidences, in the order to report.

    Raises:
        InputError: arrays that do not fit each other, no rows, or a threshold that is not a number.
    """
    c, hit = confidence_rows(conf, correct)
    limits = np.asarray(thresholds, dtype=np.float64)
    if limits.ndim != 1 or not np.isfinite(limits).all():
        raise InputError("thresholds must be a list of numbers")
    order = np.argsort(c)
    first = np.searchsorted(c[order], limits, side="left")
    hits_from = np.concatenate([np.cumsum(hit[order][::-1])[::-1], [0.0]])
    n_covered, hits = c.size - first, hits_from[first]
    low, high = wilson(hits, n_covered)
    return tuple(
        Covered(float(t), int(n), n / c.size, *((h / n, float(lo), float(hi)) if n else (None, None, None)))
        for t, n, h, lo, hi in zip(limits, n_covered.tolist(), hits.tolist(), low, high, strict=True)
    )


@dataclass(frozen=True)
class SlaThreshold:
    """The lowest listed threshold whose accuracy reaches `target` (`met`), else None with the best one listed."""

    target: float
    met: Covered | None
    best: Covered | None


def sla_threshold(
    conf: ArrayLike, correct: ArrayLike, target: float = 0.95, thresholds: Sequence[float] = THRESHOLDS
) -> SlaThreshold:
    """Week 6's service level: the lowest threshold at which covered rows are right often enough."""
    points = [point for point in coverage(conf, correct, thresholds) if point.accuracy is not None]
    met = [point for point in points if point.accuracy is not None and point.accuracy >= target]
    return SlaThreshold(
        target=target,
        met=min(met, key=lambda point: point.threshold, default=None),
        best=max(points, key=lambda point: (point.accuracy or 0.0, -point.threshold), default=None),
    )
