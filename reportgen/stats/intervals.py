"""Intervals that need no resampling: proportions on few rows, quantiles of few samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from reportgen.errors import InputError
from reportgen.stats import _check
from reportgen.stats._check import Floats

P99_SAMPLES = 1_000
"""Fewer have less than ten beyond the 99th percentile."""


def _alpha(level: float) -> float:
    if not 0 < level < 1:
        raise InputError(f"an interval's level must lie between 0 and 1, got {level}")
    return 1 - level


def wilson(hits: ArrayLike, n: ArrayLike, level: float = 0.95) -> tuple[Floats, Floats]:
    """Score interval of a proportion (Wilson, 1927); without rows it is (0, 1).

    Args:
        hits: successes, a number or an array.
        n: trials, of the same shape.
        level: coverage.

    Returns:
        Lower and upper ends, float64 of the inputs' shape.

    Raises:
        InputError: hits outside 0…n, or a level outside (0, 1).
    """
    from scipy.special import ndtri

    k, trials = np.broadcast_arrays(np.asarray(hits, dtype=np.float64), np.asarray(n, dtype=np.float64))
    if not ((k >= 0) & (k <= trials)).all():
        raise InputError("hits must lie between 0 and the number of trials")
    z = ndtri(1 - _alpha(level) / 2)
    size = np.where(trials > 0, trials, 1)
    share = np.where(trials > 0, k / size, 0.5)
    centre = (share + z**2 / (2 * size)) / (1 + z**2 / size)
    half = z / (1 + z**2 / size) * np.sqrt(share * (1 - share) / size + z**2 / (4 * size**2))
    # The ends at no hits and at all hits are exactly 0 and 1; rounding would leave 1e-18.
    low = np.where((k == 0) | (trials == 0), 0.0, centre - half)
    high = np.where(k == trials, 1.0, centre + half)
    return low, high


def order_statistic_interval(samples: ArrayLike, q: float, level: float = 0.95) -> tuple[float, float]:
    """Distribution-free interval of a quantile: two order statistics (Hahn & Meeker, 1991).

    The number of samples below the quantile is binomial(n, q), whatever the distribution; the ends are the samples
    outside which at most half of 1 − level lies on each side. Where the samples are too few for an end, it is
    −inf or +inf: a p99 has no upper bound below 368 samples.

    Args:
        samples: (n,) measurements, e.g. latencies.
        q: the quantile, in (0, 1).
        level: least coverage.

    Raises:
        InputError: no samples, or q or level outside (0, 1).
    """
    from scipy.special import bdtr

    x = np.sort(_check.floats(samples, "samples"))
    if not x.size or not 0 < q < 1:
        raise InputError(f"a quantile interval needs samples and a quantile in (0, 1), got {x.size} and {q}")
    tail = _alpha(level) / 2
    below = bdtr(np.arange(x.size + 1, dtype=np.float64), x.size, q)  # P(at most i samples below the quantile)
    lower = int(np.searchsorted(below, tail, side="right"))
    upper = int(np.searchsorted(below, 1 - tail, side="left")) + 1
    low = float(x[lower - 1]) if lower >= 1 else float("-inf")
    high = float(x[upper - 1]) if upper <= x.size else float("inf")
    return low, high


def latency_percentiles(milliseconds: ArrayLike) -> dict[str, tuple[float, float, float]]:
    """p50, p90, p95 and, from 1,000 samples, p99: each with the ends of its order-statistic interval.

    An end that the samples are too few for is infinite.
    """
    x = _check.floats(milliseconds, "milliseconds")
    wanted = {"p50": 0.5, "p90": 0.9, "p95": 0.95} | ({"p99": 0.99} if x.size >= P99_SAMPLES else {})
    return {name: (float(np.quantile(x, q)), *order_statistic_interval(x, q)) for name, q in wanted.items()}
