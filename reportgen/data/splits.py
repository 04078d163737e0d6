"""Row positions to splits: stratified holdouts, samples and the long-tail cut. All seeded, all in source order.

scikit-learn's stratified splitters refuse a class of one row and a holdout smaller than the number of classes; in
long-tailed data both are normal, hence the few lines of `allocate`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .courses import LongTail

Ids = NDArray[np.integer[Any]]
Positions = NDArray[np.int64]


def allocate(counts: Ids, total: int, rng: np.random.Generator, *, low: Ids | int = 0, high: Ids | None = None) -> Ids:
    """How many of `total` rows each class gives: proportional to `counts`, largest remainders first, ties by lot.

    Args:
        counts: rows a class has, shape (K,).
        total: rows wanted; reached as far as `low` and `high` allow.
        rng: decides ties.
        low: at least so many of each class.
        high: at most so many of each class, `counts` if None.

    Returns:
        Shape (K,).
    """
    high = counts if high is None else high
    low = np.minimum(low, high)
    share = counts * (total / max(int(counts.sum()), 1))
    quota: Ids = np.clip(np.floor(share).astype(np.int64), low, high)
    while quota.sum() < total and (quota < high).any():
        claim = np.where(quota < high, share - quota, -np.inf)
        order = np.lexsort((rng.random(len(counts)), -claim))
        takers = order[: total - quota.sum()]
        quota[takers[quota[takers] < high[takers]]] += 1
    while quota.sum() > total and (quota > low).any():
        claim = np.where(quota > low, share - quota, np.inf)
        order = np.lexsort((rng.random(len(counts)), claim))
        givers = order[: quota.sum() - total]
        quota[givers[quota[givers] > low[givers]]] -= 1
    return quota


def draw(labels: Ids, quota: Ids, rng: np.random.Generator) -> Positions:
    """Positions of `quota[k]` random rows of each class k, ascending."""
    shuffled = rng.permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    counts = np.bincount(labels, minlength=len(quota))
    rank = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.sort(by_class[rank < np.repeat(quota, counts)])


def holdout(labels: Ids, fraction: float, seed: int) -> tuple[Positions, Positions]:
    """(kept, held out) positions; every class keeps at least one row, so a class of one row is never held out."""
    rng = np.random.default_rng(seed)
    counts = np.bincount(labels)
    quota = allocate(counts, round(len(labels) * fraction), rng, high=np.maximum(counts - 1, 0))
    held = draw(labels, quota, rng)
    return np.setdiff1d(np.arange(len(labels)), held, assume_unique=True), held


def three_way(labels: Ids, seed: int) -> dict[str, Positions]:
    """Stratified 80/10/10: a fifth is held out, then halved; a single held-out row of a class goes either way."""
    train, held = holdout(labels, 0.2, seed)
    rng = np.random.default_rng(seed + 1)
    inner = labels[held]
    quota = allocate(np.bincount(inner), round(len(held) / 2), rng)
    test = draw(inner, quota, rng)
    val = np.setdiff1d(np.arange(len(held)), test, assume_unique=True)
    return {"train": train, "val": held[val], "test": held[test]}


def sample(labels: Ids, size: int, seed: int, *, keep_classes: bool) -> Positions:
    """Positions of a stratified sample of `size` rows; `keep_classes` keeps a row of each class while there is room."""
    rng = np.random.default_rng(seed)
    counts = np.bincount(labels)
    low = (counts > 0).astype(np.int64) if keep_classes and size >= np.count_nonzero(counts) else 0
    return draw(labels, allocate(counts, min(size, len(labels)), rng, low=low), rng)


def long_tail(labels: Ids, k: int, cut: LongTail) -> tuple[Positions, Positions]:
    """(kept, validation) positions of the long-tail cut; both ascending and disjoint.

    Rows of a class are taken in the order `DataFrame.sample(frac=1, random_state=seed)` gives, so that the cut can be
    repeated with pandas alone: the first ones are kept, the next `val_per_class` validate.
    """
    import pandas as pd

    order = np.random.RandomState(cut.seed).permutation(k)
    kept, val = [], []
    for rank, label in enumerate(order):
        rows = pd.Series(np.flatnonzero(labels == label)).sample(frac=1, random_state=cut.seed).to_numpy()
        size = round(cut.largest * (cut.smallest / cut.largest) ** (rank / max(k - 1, 1)))
        kept.append(rows[:size])
        val.append(rows[size : size + cut.val_per_class])
    return np.sort(np.concatenate(kept)), np.sort(np.concatenate(val))
