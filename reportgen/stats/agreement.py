"""Do two models, or a model and its labels, agree? Exact tests, divergences, label shifts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from reportgen.errors import InputError
from reportgen.stats import _check
from reportgen.stats._check import Floats

CLIP = 1e-12


def mcnemar_exact(b: ArrayLike, c: ArrayLike) -> Floats:
    """Two-sided exact McNemar p-values (McNemar, 1947; binomial form), vectorised.

    Args:
        b: rows only the first model got right, a count or an array of counts.
        c: rows only the second got right.

    Returns:
        p = min(1, 2 P(X ≤ min(b, c))), X ~ Binomial(b + c, ½); 1 where nothing is discordant.

    Raises:
        InputError: negative or fractional counts.
    """
    from scipy.special import bdtr

    first, second = np.broadcast_arrays(np.asarray(b), np.asarray(c))
    for counts in (first, second):
        if not np.issubdtype(counts.dtype, np.integer) or (counts < 0).any():
            raise InputError("discordant counts must be whole numbers from 0")
    # The regularised incomplete beta function behind bdtr needs at least one trial.
    trials = np.maximum(first + second, 1)
    return np.asarray(
        np.minimum(1.0, 2 * bdtr(np.minimum(first, second).astype(np.float64), trials.astype(np.int64), 0.5)),
        dtype=np.float64,
    )


def holm(p: ArrayLike) -> Floats:
    """Step-down adjusted p-values of one family (Holm, 1979), in the order given."""
    values = _check.floats(p, "p-values")
    if values.size and (values.min() < 0 or values.max() > 1):
        raise InputError("p-values must lie in 0…1")
    order = np.argsort(values, kind="stable")
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(values[order] * np.arange(values.size, 0, -1)))
    return adjusted


def js_divergence(p: ArrayLike, q: ArrayLike) -> Floats:
    """Jensen–Shannon divergence of each row, in nats: 0 for equal rows, ln 2 for disjoint ones (Lin, 1991).

    Args:
        p: (n, k) probabilities, e.g. the teacher's.
        q: (n, k) probabilities of the same rows; both are clipped at 1e-12.

    Raises:
        InputError: shapes that differ, negative values, or rows that do not sum to 1 within 1e-3.
    """
    first, second = _check.floats(p, "probabilities", ndim=2), _check.floats(q, "probabilities", ndim=2)
    if first.shape != second.shape:
        raise InputError(f"probabilities of shape {first.shape} and {second.shape} cannot be compared")
    for values in (first, second):
        if (values < 0).any() or (np.abs(values.sum(axis=1) - 1) > 1e-3).any():
            raise InputError("each row of probabilities must be non-negative and sum to 1")
    first, second = np.maximum(first, CLIP), np.maximum(second, CLIP)
    middle = (first + second) / 2
    divergence = (first * np.log(first / middle) + second * np.log(second / middle)).sum(axis=1) / 2
    return np.asarray(np.clip(divergence, 0.0, np.log(2)), dtype=np.float64)


@dataclass(frozen=True)
class LabelShift:
    """The cyclic shift of the label ids under which a model is most often right.

    Attributes:
        shift: s such that (prediction − s) mod K fits the labels best; 0 for a sound model.
        accuracy: accuracy as it stands.
        shifted_accuracy: accuracy after undoing the shift.
        suspected: the model beats the majority class after the shift and not before.
    """

    shift: int
    accuracy: float
    shifted_accuracy: float
    suspected: bool


def label_shift(labels: ArrayLike, predictions: ArrayLike, k: int) -> LabelShift:
    """Search all K cyclic shifts for a model that was trained in another label frame (the course's flawed checkpoint).

    A constant prediction can be shifted onto the majority class, so only an accuracy above the majority's counts.
    """
    y, p = _check.rows(labels, predictions, k)
    parsed = p >= 0
    accuracies = np.bincount((p[parsed] - y[parsed]) % k, minlength=k) / y.size
    shift = int(accuracies.argmax())
    majority = np.bincount(y).max() / y.size
    before, after = float(accuracies[0]), float(accuracies[shift])
    return LabelShift(shift, before, after, bool(before <= majority < after))
