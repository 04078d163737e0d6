"""Accuracy and F1, from rows or from counts, over the fixed label list."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reportgen.stats import _check
from reportgen.stats._check import Floats, Ints


@dataclass(frozen=True)
class Scores:
    """Aggregate scores of one model on one set of rows.

    Attributes:
        n: rows scored.
        accuracy: share of rows predicted right; unparsed rows are wrong.
        macro_f1: mean F1 over all K labels, a label with neither rows nor predictions counting 0.
        macro_f1_present: mean F1 over the labels seen in truth or predictions (scikit-learn's default).
        weighted_f1: F1 weighted by support.
        zero_f1: labels with F1 = 0, of all K.
        zero_f1_supported: labels with F1 = 0 among those with at least one row.
        classes_present: labels with at least one row.
    """

    n: int
    accuracy: float
    macro_f1: float
    macro_f1_present: float
    weighted_f1: float
    zero_f1: int
    zero_f1_supported: int
    classes_present: int


@dataclass(frozen=True)
class PerClass:
    """Per-class counts and scores, arrays of shape (K,); a ratio without a denominator is 0."""

    support: Ints
    predicted: Ints
    hits: Ints
    precision: Floats
    recall: Floats
    f1: Floats


def ratio(part: NDArray[np.number], whole: NDArray[np.number]) -> Floats:
    """`part / whole` where `whole` > 0, else 0 (scikit-learn's zero_division=0)."""
    result: Floats = np.zeros(whole.shape, dtype=np.float64)
    np.divide(part, whole, out=result, where=whole > 0)
    return result


def per_class(labels: ArrayLike, predictions: ArrayLike, k: int) -> PerClass:
    """Support, hits, precision, recall and F1 of every label.

    Args:
        labels: (n,) true ids in [0, k).
        predictions: (n,) predicted ids in [-1, k); -1 is an unparsed answer.
        k: size of the label list.

    Raises:
        InputError: arrays of other shapes, types or ranges, or no rows.
    """
    y, p = _check.rows(labels, predictions, k)
    support = np.bincount(y, minlength=k)
    predicted = np.bincount(p[p >= 0], minlength=k)
    hits = np.bincount(y[y == p], minlength=k)
    return PerClass(
        support=support,
        predicted=predicted,
        hits=hits,
        precision=ratio(hits, predicted),
        recall=ratio(hits, support),
        f1=ratio(2 * hits, support + predicted),
    )


def scores(labels: ArrayLike, predictions: ArrayLike, k: int) -> Scores:
    """All aggregate scores of one set of predictions; arguments as for `per_class`."""
    classes = per_class(labels, predictions, k)
    n = int(classes.support.sum())
    present = classes.support > 0
    seen = present | (classes.predicted > 0)
    return Scores(
        n=n,
        accuracy=float(classes.hits.sum() / n),
        macro_f1=float(classes.f1.mean()),
        macro_f1_present=float(classes.f1[seen].mean()),
        weighted_f1=float(classes.f1 @ classes.support / n),
        zero_f1=int((classes.f1 == 0).sum()),
        zero_f1_supported=int((classes.f1[present] == 0).sum()),
        classes_present=int(present.sum()),
    )


def confusion(labels: ArrayLike, predictions: ArrayLike, k: int) -> Ints:
    """Confusion counts (k, k): rows are true labels, columns predictions; unparsed rows are left out."""
    y, p = _check.rows(labels, predictions, k)
    parsed = p >= 0
    return np.bincount(y[parsed] * k + p[parsed], minlength=k * k).reshape(k, k)
