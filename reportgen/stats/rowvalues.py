"""Bootstrap of means of per-row values and of calibration error, through the memo's shared resamples."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from reportgen.stats import _check
from reportgen.stats._check import Bools, Floats, Ints
from reportgen.stats.calibration import bin_index, confidence_rows, ece
from reportgen.stats.difference import Difference, difference
from reportgen.stats.resamples import RowCounts


def boot_mean(counts: RowCounts, values: ArrayLike, *, mask: ArrayLike | None = None) -> Floats:
    """Mean of any per-row value (NLL, correctness, P(true)) in every resample, (R,).

    With a mask it is the mean over the mask's rows that the resample drew, NaN where it drew none.
    """
    x = _check.floats(values, "row values")
    _check.same_length("row values", x, counts.n)
    rows_used = _check.mask_rows(mask, counts.n)
    sums = _weighted(counts, (x if rows_used is None else x[rows_used])[None, :], rows_used)[0]
    return _over_drawn(sums, counts.totals(rows_used))


def paired_values(
    counts: RowCounts,
    a: ArrayLike,
    b: ArrayLike,
    *,
    mask: ArrayLike | None = None,
    changed: int | None = None,
    metric: str = "mean",
) -> Difference:
    """Paired difference of the means of two models' per-row values.

    `changed` counts the rows whose value differs, unless it is given: a temperature moves every row's NLL and no
    prediction.
    """
    x, y = _check.floats(a, "row values"), _check.floats(b, "row values")
    _check.same_length("the second model's row values", y, x.size)
    rows_used = _check.mask_rows(mask, x.size)
    samples = boot_mean(counts, y - x, mask=mask)
    if rows_used is not None:
        x, y = x[rows_used], y[rows_used]
    differing = int((x != y).sum()) if changed is None else changed
    return difference(metric, (float(x.mean()), float(y.mean())), samples, x.size, differing)


def boot_ece(
    counts: RowCounts, confidence: ArrayLike, correct: ArrayLike, bins: int = 15, *, mask: ArrayLike | None = None
) -> Floats:
    """Expected calibration error (equal-width bins, as `calibration.ece`) in every resample, (R,).

    The bins' boundaries are fixed; the sums in them are resampled. A resample's ECE is biased upward against the
    data's, so show the interval of a difference rather than of one ECE.
    """
    conf, hit = confidence_rows(confidence, correct)
    _check.same_length("confidences", conf, counts.n)
    rows_used = _check.mask_rows(mask, counts.n)
    if rows_used is not None:
        conf, hit = conf[rows_used], hit[rows_used]
    gaps = np.zeros((bins, conf.size))
    gaps[bin_index(conf, bins), np.arange(conf.size)] = conf - hit
    return _over_drawn(np.abs(_weighted(counts, gaps, rows_used)).sum(axis=0), counts.totals(rows_used))


def paired_ece(
    counts: RowCounts,
    a: tuple[ArrayLike, ArrayLike],
    b: tuple[ArrayLike, ArrayLike],
    bins: int = 15,
    *,
    changed: int | None = None,
    mask: ArrayLike | None = None,
) -> Difference:
    """Paired difference in ECE, b − a; each model is (confidence, correct).

    `changed` counts the rows whose confidence or correctness differs, unless it is given.
    """
    (conf_a, hit_a), (conf_b, hit_b) = confidence_rows(*a), confidence_rows(*b)
    _check.same_length("the second model's confidences", conf_b, conf_a.size)
    samples = boot_ece(counts, conf_b, hit_b, bins, mask=mask) - boot_ece(counts, conf_a, hit_a, bins, mask=mask)
    rows_used = _check.mask_rows(mask, conf_a.size)
    used = np.ones(conf_a.size, dtype=np.bool_) if rows_used is None else rows_used
    points = (ece(conf_a[used], hit_a[used], bins), ece(conf_b[used], hit_b[used], bins))
    differing = int(((conf_a != conf_b) | (hit_a != hit_b))[used].sum()) if changed is None else changed
    return difference("ece", points, samples, int(used.sum()), differing)


def _weighted(counts: RowCounts, weights: Floats, mask: Bools | None) -> Floats:
    """Sums over rows of `weights` (m, rows) times the counts, (m, R)."""
    from scipy.sparse import csr_array

    # Most weights are zero: a row is in one bin, few answers differ. A dense product would also wait for BLAS threads.
    sparse = csr_array(weights)
    result = np.empty((len(weights), counts.resamples))
    for columns, block in counts.blocks(np.dtype(np.float64), mask):
        result[:, columns] = sparse @ block
    return result


def _over_drawn(sums: Floats, totals: Ints) -> Floats:
    result = np.full(sums.shape, np.nan)
    np.divide(sums, totals, out=result, where=totals > 0)
    return result
