"""C and τ chosen out of fold: on the training rows alone, so that val and test stay unseen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reportgen.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

FOLDS = 5
ROWS = 10_000
"""The choice is made on at most so many rows: 16 fits on all of a large training set would take an hour."""


@dataclass(frozen=True)
class Choice:
    """The levers of the highest balanced accuracy out of fold, and the whole grid."""

    C: float
    tau: float
    score: float
    strengths: tuple[float, ...]
    """Values of C."""
    taus: tuple[float, ...]
    scores: NDArray[np.float64]
    """Shape (len(strengths), len(taus))."""
    rows: int
    """Training rows the choice was made on."""

    def decided(self) -> dict[str, Any]:
        """For the bundle."""
        grid = {"C": self.strengths, "tau": self.taus, "balanced_accuracy": self.scores.round(4).tolist()}
        said = {"balanced_accuracy": round(self.score, 4), "folds": FOLDS, "rows": self.rows, "grid": grid}
        return {"out_of_fold": said}


def choose(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    rows: int,
    n_labels: int,
    fit: Callable[[NDArray[np.float32], NDArray[np.int64], float], tuple[NDArray[np.float32], NDArray[np.float32]]],
    *,
    strengths: Sequence[float],
    taus: Sequence[float],
    seed: int,
) -> Choice:
    """Score every pair of C and τ by balanced accuracy out of fold: the mean recall of the labels that have rows.

    Each fold's logits are shifted by the prior of the rows that fold was fitted on. Among equal scores the smaller C
    wins, then the smaller τ.

    Args:
        features: shape (n, H).
        labels: shape (n,).
        rows: the first `rows` of the n are held out in turn; the others (label names) are fitted on in every fold.
        n_labels: K.
        fit: (features, labels, C) to weights (K, H) and bias (K,).
        strengths: grid of C, ascending.
        taus: grid of τ, ascending.

    Raises:
        InputError: without some fold there are not two labels left to fit.
    """
    from reportgen.stats import log_prior

    fold = folds(labels[:rows], seed)
    truth, support = labels[:rows], np.bincount(labels[:rows], minlength=n_labels)
    logits = np.empty((len(strengths), rows, n_labels), np.float32)
    prior = np.empty((rows, n_labels), np.float32)
    for k in np.unique(fold):
        out = fold == k
        kept = np.concatenate([~out, np.ones(len(labels) - rows, bool)])
        if len(np.unique(labels[kept])) < 2:
            raise InputError("too few training rows to choose C and tau on", remedy="set C=10 and tau=1")
        prior[out] = log_prior(np.bincount(labels[kept], minlength=n_labels))
        for i, strength in enumerate(strengths):
            weight, bias = fit(features[kept], labels[kept], strength)
            logits[i, out] = features[:rows][out] @ weight.T + bias
    scores = np.empty((len(strengths), len(taus)))
    for i, of_c in enumerate(logits):
        for j, tau in enumerate(taus):
            hit = (of_c - tau * prior).argmax(1) == truth
            recalled = np.bincount(truth, weights=hit, minlength=n_labels)
            scores[i, j] = (recalled[support > 0] / support[support > 0]).mean()
    i, j = np.unravel_index(scores.argmax(), scores.shape)
    return Choice(float(strengths[i]), float(taus[j]), float(scores[i, j]), tuple(strengths), tuple(taus), scores, rows)


def folds(labels: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Fold of each row, shape (n,): a label's rows are dealt out in turn, so one of r < FOLDS rows is in r folds.

    scikit-learn's StratifiedKFold warns about such labels, and refuses when all are.
    """
    order = np.lexsort((np.random.default_rng(seed).random(len(labels)), labels))
    fold = np.empty(len(labels), np.int64)
    fold[order] = np.arange(len(labels)) % FOLDS
    return fold


def thinned(labels: NDArray[np.int64], most: int, seed: int) -> NDArray[np.int64]:
    """Positions of about `most` rows at most, in their order: frequent labels are cut to one cap, rare ones stay."""
    counts = np.sort(np.bincount(labels))
    caps = np.arange(counts[-1] + 1)
    kept = np.searchsorted(counts, caps)  # labels with fewer rows than each cap
    sizes = np.concatenate([[0], np.cumsum(counts)])[kept] + caps * (len(counts) - kept)
    cap = int(np.searchsorted(sizes, most, side="right") - 1)
    order = np.lexsort((np.random.default_rng(seed).random(len(labels)), labels))
    first = np.concatenate([[0], np.cumsum(np.bincount(labels))])[labels[order]]
    return np.sort(order[np.arange(len(labels)) - first < max(cap, 1)])
