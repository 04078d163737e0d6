"""Confidence, calibration error and reliability bins.

Own code for the calibration errors: scikit-learn has none and torchmetrics, the tests' oracle, needs torch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from reportgen.errors import InputError
from reportgen.stats import _check
from reportgen.stats._check import Floats, Ints
from reportgen.stats.scores import ratio

BINS = 15
CLIP = 1e-12
"""Smallest probability a logarithm is taken of."""


def softmax(logits: ArrayLike) -> Floats:
    """Probabilities (n, k) of logits (n, k), in double precision."""
    exp = _exponentials(logits)
    exp /= exp.sum(axis=1, keepdims=True)
    return exp


def _exponentials(logits: ArrayLike) -> Floats:
    """exp(z − max z) of each row, (n, k)."""
    z = _check.floats(logits, "logits", ndim=2)
    if not z.size:
        raise InputError(f"there are no logits to score, got shape {z.shape}")
    below: Floats = z - z.max(axis=1, keepdims=True)
    np.exp(below, out=below)
    return below


def confidence(logits: ArrayLike) -> Floats:
    """Highest softmax probability of each row, (n,)."""
    # The highest exponential is exp(0) = 1.
    return np.asarray(1 / _exponentials(logits).sum(axis=1), dtype=np.float64)


def confidence_rows(confidences: ArrayLike, correct: ArrayLike) -> tuple[Floats, Floats]:
    """Confidences in [0, 1] and correctness as 0/1, both (n,) float64; at least one row."""
    conf, hit = _check.floats(confidences, "confidences"), _check.floats(correct, "correctness")
    _check.same_length("correctness", hit, conf.size)
    if not conf.size:
        raise InputError("there are no confidences to score")
    if conf.min() < 0 or conf.max() > 1 + 1e-6:
        raise InputError(f"confidences must lie in 0…1, got {conf.min():g}…{conf.max():g}")
    if not np.isin(hit, (0, 1)).all():
        raise InputError("correctness must be true or false")
    return np.minimum(conf, 1.0), hit


def bin_index(conf: Floats, bins: int = BINS) -> Ints:
    """Index of the equal-width bin (lower, upper] of each confidence; 0 falls in the first."""
    if bins < 1:
        raise InputError(f"the number of bins must be positive, got {bins}")
    edges = np.linspace(0, 1, bins + 1)[1:-1]
    return np.searchsorted(edges, conf, side="left").astype(np.int64)


def _binned_error(index: Ints, conf: Floats, hit: Floats) -> float:
    gaps = np.bincount(index.ravel(), weights=(conf - hit).ravel())
    return float(np.abs(gaps).sum() / conf.size)


def ece(conf: ArrayLike, correct: ArrayLike, bins: int = BINS) -> float:
    """Expected calibration error: Σ_b (n_b / n) |mean confidence_b − accuracy_b| (Naeini et al., 2015).

    Args:
        conf: (n,) highest probability of each row.
        correct: (n,) whether the prediction was right.
        bins: equal-width bins (lower, upper] on [0, 1].
    """
    c, hit = confidence_rows(conf, correct)
    return _binned_error(bin_index(c, bins), c, hit)


def ece_equal_mass(conf: ArrayLike, correct: ArrayLike, bins: int = BINS) -> float:
    """ECE over bins that hold about equally many rows (Nixon et al., 2019); equal confidences share a bin."""
    c, hit = confidence_rows(conf, correct)
    if bins < 1:
        raise InputError(f"the number of bins must be positive, got {bins}")
    edges = np.quantile(c, np.arange(1, bins) / bins)
    return _binned_error(np.searchsorted(edges, c, side="left").astype(np.int64), c, hit)


def ece_classwise(logits: ArrayLike, labels: ArrayLike, bins: int = BINS) -> float:
    """Class-wise ECE: mean over classes of the ECE of P(class) against being that class (Kull et al., 2019)."""
    p = softmax(logits)
    y = _check.label_rows(labels, p.shape[1])
    _check.same_length("labels", y, len(p))
    n, k = p.shape
    truth = np.zeros_like(p)
    truth[np.arange(n), y] = 1
    return _binned_error(bin_index(p, bins) + bins * np.arange(k), p, truth)


def nll_rows(logits: ArrayLike, labels: ArrayLike) -> Floats:
    """−ln P(true label) of each row, (n,), with probabilities clipped at 1e-12."""
    p = softmax(logits)
    y = _check.label_rows(labels, p.shape[1])
    _check.same_length("labels", y, len(p))
    return np.asarray(-np.log(np.maximum(p[np.arange(y.size), y], CLIP)), dtype=np.float64)


def nll(logits: ArrayLike, labels: ArrayLike) -> float:
    """Mean negative log-likelihood in nats."""
    return float(nll_rows(logits, labels).mean())


@dataclass(frozen=True)
class Reliability:
    """The non-empty bins of a reliability diagram, arrays of equal length; `low` < confidence ≤ `high`."""

    low: Floats
    high: Floats
    n: Ints
    confidence: Floats
    accuracy: Floats


def reliability(conf: ArrayLike, correct: ArrayLike, bins: int = BINS) -> Reliability:
    """Mean confidence, accuracy and rows of each non-empty equal-width bin; grey those with n < 20."""
    c, hit = confidence_rows(conf, correct)
    index = bin_index(c, bins)
    n = np.bincount(index, minlength=bins)
    used = n > 0
    edges = np.linspace(0, 1, bins + 1)
    return Reliability(
        low=edges[:-1][used],
        high=edges[1:][used],
        n=n[used],
        confidence=ratio(np.bincount(index, weights=c, minlength=bins), n)[used],
        accuracy=ratio(np.bincount(index, weights=hit, minlength=bins), n)[used],
    )


def folds(n: int, seed: int = 42) -> tuple[Ints, Ints]:
    """Calibration and evaluation row indices of weeks 4 and 6: halves of RandomState(seed + 999).permutation(n)."""
    if n < 2:
        raise InputError(f"two folds need at least two rows, got {n}")
    order = np.random.RandomState(seed + 999).permutation(n).astype(np.int64)  # the course's generator
    return order[: n // 2], order[n // 2 :]


def even_odd_folds(n: int) -> tuple[Ints, Ints]:
    """Calibration (even) and evaluation (odd) row indices of week 5's homework."""
    if n < 2:
        raise InputError(f"two folds need at least two rows, got {n}")
    return np.arange(0, n, 2), np.arange(1, n, 2)
