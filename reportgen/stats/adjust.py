"""Post-hoc logit adjustment: the free baseline of every rare-class remedy (Menon et al., 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from reportgen.errors import InputError, UsageError
from reportgen.stats import _check
from reportgen.stats._check import Floats
from reportgen.stats.scores import per_class

TAUS = tuple(round(0.05 * i, 2) for i in range(41))
"""0, 0.05, …, 2."""

TauMetric = Literal["macro_f1", "balanced_accuracy"]


def log_prior(train_counts: ArrayLike) -> Floats:
    """Natural logarithm of each label's share of the training rows, (k,); one without any counts as one row."""
    counts = _check.integers(train_counts, "training counts")
    if not counts.size or counts.min() < 0:
        raise InputError("training counts must be non-negative and cover at least one label")
    seen = np.maximum(counts, 1)
    return np.asarray(np.log(seen / seen.sum()), dtype=np.float64)


def adjust(logits: ArrayLike, log_prior: ArrayLike, tau: float) -> Floats:
    """Logits − τ · ln prior, (n, k): τ = 1 aims at balanced accuracy, τ = 0 changes nothing.

    Calibrate after adjusting: the shift moves confidences by design.
    """
    z, prior = _check.floats(logits, "logits", ndim=2), _check.floats(log_prior, "log priors")
    if prior.size != z.shape[1]:
        raise InputError(f"{prior.size} priors for {z.shape[1]} logits a row")
    if not np.isfinite(tau):
        raise InputError(f"tau must be a number, got {tau}")
    return np.asarray(z - tau * prior, dtype=np.float64)


@dataclass(frozen=True)
class TauChoice:
    """The τ of the highest score on the rows it was chosen on; `taus` and `scores` are the whole grid."""

    tau: float
    score: float
    metric: str
    taus: tuple[float, ...]
    scores: tuple[float, ...]


def choose_tau(
    logits: ArrayLike,
    labels: ArrayLike,
    log_prior: ArrayLike,
    taus: tuple[float, ...] = TAUS,
    metric: TauMetric = "macro_f1",
) -> TauChoice:
    """Choose τ on validation rows; its score there is optimistic, so report on others.

    Args:
        logits: (n, k) of the validation rows.
        labels: (n,) their true ids.
        log_prior: (k,) from `log_prior`.
        taus: grid; among equal scores the smallest |τ| wins.
        metric: "macro_f1" over all k labels or "balanced_accuracy", the mean recall of the labels with rows.

    Raises:
        UsageError: another metric, or an empty grid.
        InputError: arrays that do not fit each other.
    """
    if metric not in ("macro_f1", "balanced_accuracy") or not taus:
        raise UsageError(f"tau is chosen by macro_f1 or balanced_accuracy over a grid, got {metric!r} and {len(taus)}")
    scores = []
    for tau in taus:
        adjusted = adjust(logits, log_prior, tau)
        classes = per_class(labels, adjusted.argmax(axis=1), adjusted.shape[1])
        values = classes.f1 if metric == "macro_f1" else classes.recall[classes.support > 0]
        scores.append(float(values.mean()))
    best = max(range(len(taus)), key=lambda i: (scores[i], -abs(taus[i])))
    return TauChoice(taus[best], scores[best], metric, tuple(taus), tuple(scores))
