"""What a paired difference says: an interval, and a verdict that an interval alone cannot carry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from reportgen.stats._check import Floats

Verdict = Literal["real", "directional", "null"]

LEVEL = 0.95
MIN_CHANGED = 20
"""Predictions that must differ before an interval that excludes 0 is called real."""


def interval(samples: ArrayLike, level: float = LEVEL) -> tuple[float, float]:
    """Percentile interval of bootstrap samples; resamples that drew no row of a mask (NaN) are left out."""
    values = np.asarray(samples, dtype=np.float64)
    values = values[~np.isnan(values)]
    if not values.size:
        return float("nan"), float("nan")
    low, high = np.percentile(values, [50 * (1 - level), 50 * (1 + level)])
    return float(low), float(high)


@dataclass(frozen=True)
class Difference:
    """A paired difference `delta` = b − a with its percentile interval.

    Attributes:
        metric: what was compared.
        a: value of the first model on the data.
        b: value of the second.
        delta: b − a on the data, never the mean over resamples.
        low: lower end of the 95 % interval of delta.
        high: upper end.
        n: rows compared.
        changed: rows on which the two differ (in prediction; for row values see `paired_values`).
        share_positive: share of resamples in which b exceeds a.
        verdict: "null" if the interval holds 0, else "real" if at least 20 rows changed, else "directional".
    """

    metric: str
    a: float
    b: float
    delta: float
    low: float
    high: float
    n: int
    changed: int
    share_positive: float
    verdict: Verdict


def verdict(low: float, high: float, changed: int) -> Verdict:
    """The course's reading of an interval: an effect needs both an interval without 0 and enough changed rows."""
    if not (low > 0 or high < 0):
        return "null"
    return "real" if changed >= MIN_CHANGED else "directional"


def difference(metric: str, points: tuple[float, float], samples: Floats, n: int, changed: int) -> Difference:
    """The paired difference of two models: their values on the data and b − a in every resample, (R,)."""
    low, high = interval(samples)
    drawn = samples[~np.isnan(samples)]
    positive = float((drawn > 0).mean()) if drawn.size else float("nan")
    a, b = points
    return Difference(metric, a, b, b - a, low, high, n, changed, positive, verdict(low, high, changed))
