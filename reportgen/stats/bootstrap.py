"""The paired bootstrap: one seeded matrix of row counts, shared by every model and every row metric of a memo.

A resample of n rows with replacement is a vector of counts, how often each row was drawn (Efron, 1979). Any metric
made of sums over rows is then a product of a small indicator matrix with the counts, for all resamples at once.
Rows are resampled, models are not retrained: the intervals cover data-side noise only.

Own code instead of scipy.stats.bootstrap, which calls the metric once a resample: over 100 times slower
(benchmarks/bench_bootstrap.py), and it cannot share its resamples between models and metrics.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reportgen.errors import UsageError
from reportgen.stats import _check
from reportgen.stats._check import Bools, Floats, Ints
from reportgen.stats.difference import LEVEL, Difference, difference, interval
from reportgen.stats.resamples import RowCounts, row_counts
from reportgen.stats.scores import ratio

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = [
    "BOOT_METRICS",
    "BootScores",
    "RowCounts",
    "boot_models",
    "boot_scores",
    "compare",
    "interval",
    "paired",
    "row_counts",
]

BOOT_METRICS = ("accuracy", "macro_f1", "macro_f1_present", "weighted_f1")


@dataclass(frozen=True)
class BootScores:
    """One model's scores, of the data (`point`) and of every resample (arrays of shape (R,)).

    With a mask, only its rows exist: a resample's scores are normalised by how many of them it drew, and are NaN
    where it drew none. With `classes`, the F1 means run over those labels only.
    """

    point: dict[str, float]
    accuracy: Floats
    macro_f1: Floats
    macro_f1_present: Floats
    weighted_f1: Floats
    predictions: Ints
    _support: NDArray[Any]
    _predicted: NDArray[Any]
    _hits: NDArray[Any]

    @cached_property
    def per_class_f1(self) -> Floats:
        """(K, R) F1 of every label in every resample; 0 where it has neither rows nor predictions."""
        return _f1(self._support, self._predicted, self._hits)

    def samples(self, metric: str) -> Floats:
        """The (R,) array of one of BOOT_METRICS."""
        if metric not in BOOT_METRICS:
            raise UsageError(f"there is no bootstrap of {metric!r}", remedy=f"choose one of {', '.join(BOOT_METRICS)}")
        values: Floats = getattr(self, metric)
        return values

    def interval(self, metric: str, level: float = LEVEL) -> tuple[float, float]:
        """Percentile interval of a metric."""
        return interval(self.samples(metric), level)


def boot_scores(
    counts: RowCounts,
    labels: ArrayLike,
    predictions: ArrayLike,
    k: int,
    *,
    mask: ArrayLike | None = None,
    classes: ArrayLike | None = None,
) -> BootScores:
    """Scores of one model in every resample; see `boot_models`."""
    return boot_models(counts, labels, [predictions], k, mask=mask, classes=classes)[0]


def boot_models(
    counts: RowCounts,
    labels: ArrayLike,
    predictions: Sequence[ArrayLike],
    k: int,
    *,
    mask: ArrayLike | None = None,
    classes: ArrayLike | None = None,
) -> list[BootScores]:
    """Scores of several models in the same resamples, in one pass over the counts.

    Args:
        counts: the memo's resamples of these rows.
        labels: (n,) true ids in [0, k).
        predictions: for each model (n,) ids in [-1, k).
        k: size of the label list.
        mask: (n,) booleans, the rows of a tier or slice; all rows when left out.
        classes: (k,) booleans, the labels the F1 means run over; all labels when left out. With the rows of a tier
            as `mask` and its labels as `classes`, macro F1 is `tier_masked_f1`.

    Raises:
        InputError: arrays that do not fit each other or `counts`.
    """
    y = _check.label_rows(labels, k)
    _check.same_length("the bootstrap's rows", y, counts.n)
    models = [_check.rows(y, p, k)[1] for p in predictions]
    rows_used = _check.mask_rows(mask, counts.n)
    chosen = _check.mask_rows(classes, k)
    if rows_used is not None:
        y, models = y[rows_used], [p[rows_used] for p in models]

    # An unsigned type just wide enough for n: sums are exact and narrow types halve the work.
    dtype = np.min_scalar_type(counts.n)
    indicators = _indicators(y, models, k, dtype)
    sums = np.empty((indicators.shape[0], counts.resamples), dtype=dtype)
    for columns, block in counts.blocks(dtype, rows_used):
        sums[:, columns] = indicators @ block
    point = np.asarray(indicators.sum(axis=1, dtype=np.int64)).reshape(-1, 1)

    support, *per_model = np.split(sums, 1 + 2 * len(models))
    point_support, *point_model = np.split(point, 1 + 2 * len(models))
    result = []
    for i, p in enumerate(models):
        predicted, hits = per_model[2 * i], per_model[2 * i + 1]
        point_scores = _aggregate(point_support, point_model[2 * i], point_model[2 * i + 1], chosen)
        result.append(
            BootScores(
                point={metric: float(value[0]) for metric, value in point_scores.items()},
                **_aggregate(support, predicted, hits, chosen),
                predictions=p,
                _support=support,
                _predicted=predicted,
                _hits=hits,
            )
        )
    return result


def _indicators(y: Ints, models: Sequence[Ints], k: int, dtype: np.dtype[Any]) -> csr_array:
    """Sparse 0/1 matrix ((1 + 2 m) k, n): rows of each label, then for each model its predictions and its hits."""
    from scipy.sparse import csr_array

    row_ids, column_ids = [y], [np.arange(y.size)]
    for i, p in enumerate(models):
        for offset, used in ((1 + 2 * i, p >= 0), (2 + 2 * i, p == y)):
            columns = np.flatnonzero(used)
            row_ids.append(offset * k + p[columns])
            column_ids.append(columns)
    where = (np.concatenate(row_ids), np.concatenate(column_ids))
    return csr_array((np.ones(where[0].size, dtype=dtype), where), shape=((1 + 2 * len(models)) * k, y.size))


def _f1(support: NDArray[Any], predicted: NDArray[Any], hits: NDArray[Any]) -> Floats:
    return ratio(2.0 * hits, np.add(support, predicted, dtype=np.float64))


def _aggregate(
    support: NDArray[Any], predicted: NDArray[Any], hits: NDArray[Any], classes: Bools | None
) -> dict[str, Floats]:
    """Scores per column of (k, R) counts; NaN in columns without rows."""
    f1 = _f1(support, predicted, hits)
    total = support.sum(axis=0, dtype=np.float64)
    empty = total == 0
    if classes is not None:
        f1, support, predicted = f1[classes], support[classes], predicted[classes]
    seen = ((support > 0) | (predicted > 0)).sum(axis=0)
    within = support.sum(axis=0, dtype=np.float64)
    result = {
        "accuracy": ratio(hits.sum(axis=0, dtype=np.float64), total),
        "macro_f1": f1.mean(axis=0),
        "macro_f1_present": ratio(f1.sum(axis=0), seen),
        "weighted_f1": ratio(np.einsum("kr,kr->r", f1, support, dtype=np.float64), within),
    }
    for values in result.values():
        values[empty] = np.nan
    return result


def compare(a: BootScores, b: BootScores, metric: str = "macro_f1") -> Difference:
    """Paired difference b − a of two models that were scored on the same rows and resamples."""
    _check.same_length("the second model", b.predictions, a.predictions.size)
    samples = b.samples(metric) - a.samples(metric)
    changed = int((a.predictions != b.predictions).sum())
    return difference(metric, (a.point[metric], b.point[metric]), samples, a.predictions.size, changed)


def paired(
    counts: RowCounts,
    labels: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
    k: int,
    metric: str = "macro_f1",
    *,
    mask: ArrayLike | None = None,
    classes: ArrayLike | None = None,
) -> Difference:
    """Paired difference b − a of two models' predictions; arguments as for `boot_models`.

    Raises:
        UsageError: a metric that is not one of BOOT_METRICS.
        InputError: arrays that do not fit each other.
    """
    first, second = boot_models(counts, labels, [a, b], k, mask=mask, classes=classes)
    return compare(first, second, metric)
