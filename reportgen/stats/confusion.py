"""Where errors go: confused pairs, error destinations by tier, and pairs the label pipeline itself makes alike."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reportgen.errors import InputError
from reportgen.stats import _check
from reportgen.stats._check import Ints
from reportgen.stats.scores import confusion as confusion_matrix
from reportgen.stats.scores import per_class
from reportgen.stats.tiers import tier_order


@dataclass(frozen=True)
class ConfusedPair:
    """An ordered pair of labels: `count` rows of `true` were predicted as `predicted`, `share` of its parsed rows."""

    true: int
    predicted: int
    count: int
    share: float


def _square(confusion: ArrayLike) -> Ints:
    matrix = np.asarray(confusion)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not np.issubdtype(matrix.dtype, np.integer):
        raise InputError(f"a confusion matrix must be square and of integers, got {matrix.dtype} {matrix.shape}")
    return matrix.astype(np.int64, copy=False)


def confused_pairs(confusion: ArrayLike, top: int | None = 10) -> list[ConfusedPair]:
    """The most frequent errors, most frequent first, equal counts by (true, predicted).

    Args:
        confusion: (k, k) counts, rows are true labels, columns predictions.
        top: how many at most; None for every pair that occurs.

    Raises:
        InputError: a matrix that is not square or not of integers.
    """
    matrix = _square(confusion)
    errors = matrix.copy()
    np.fill_diagonal(errors, 0)
    order = np.argsort(-errors, axis=None, kind="stable")[: int((errors > 0).sum())][:top]
    support = matrix.sum(axis=1)
    return [
        ConfusedPair(int(i), int(j), int(errors[i, j]), float(errors[i, j] / support[i]))
        for i, j in zip(*np.unravel_index(order, errors.shape), strict=True)
    ]


@dataclass(frozen=True)
class WorstClass:
    """A label with a low F1 and the labels its rows are most often mistaken for."""

    label: int
    support: int
    f1: float
    mistaken_for: tuple[ConfusedPair, ...]


def worst_classes(
    labels: ArrayLike, predictions: ArrayLike, k: int, top: int = 3, min_support: int = 5, pairs: int = 3
) -> list[WorstClass]:
    """The labels with the lowest F1 among those with at least `min_support` rows, equal F1 by id."""
    classes = per_class(labels, predictions, k)
    matrix = confusion_matrix(labels, predictions, k)
    candidates = np.flatnonzero(classes.support >= min_support)
    worst = candidates[np.argsort(classes.f1[candidates], kind="stable")][:top]
    result = []
    for label in worst.tolist():
        row = np.zeros_like(matrix)
        row[label] = matrix[label]
        mistaken = tuple(confused_pairs(row, pairs))
        result.append(WorstClass(label, int(classes.support[label]), float(classes.f1[label]), mistaken))
    return result


@dataclass(frozen=True)
class Destinations:
    """Errors on the rows of one true tier.

    Attributes:
        n: rows whose true label is in the tier.
        errors: those predicted wrong.
        to: errors by the tier of the predicted label (the own tier means another label of it).
        unparsed: errors without a label.
    """

    n: int
    errors: int
    to: dict[str, int]
    unparsed: int


def destinations(
    labels: ArrayLike, predictions: ArrayLike, tier_of_label: Sequence[str] | NDArray[np.str_]
) -> dict[str, Destinations]:
    """For each tier of the true label, the tiers its errors land in.

    Args:
        labels: (n,) true ids.
        predictions: (n,) predicted ids, -1 where unparsed.
        tier_of_label: (k,) tier names, from `tiers`.
    """
    tier = np.asarray(tier_of_label)
    y, p = _check.rows(labels, predictions, tier.size)
    names = tier_order(tier)
    wrong = y != p
    result = {}
    for name in names:
        inside = tier[y] == name
        errors = p[inside & wrong]
        landed = tier[errors[errors >= 0]]
        result[name] = Destinations(
            n=int(inside.sum()),
            errors=errors.size,
            to={other: int((landed == other).sum()) for other in names},
            unparsed=int((errors < 0).sum()),
        )
    return result


@dataclass(frozen=True)
class SuspectPair:
    """Two labels (a < b) that the label pipeline may have made alike.

    Attributes:
        a: id of one label.
        b: id of the other.
        shared: distinctive words both names hold.
        merged: both labels are targets of a merge.
    """

    a: int
    b: int
    shared: tuple[str, ...]
    merged: bool


_WORD = re.compile(r"[^\W\d_]{3,}")
_PLURAL = re.compile(r"(?<!s)s$")
_FUNCTION_WORDS = frozenset(
    {"and", "but", "can", "didn", "for", "from", "into", "not", "other", "that", "the", "this", "was", "were", "when"}
    | {"will", "with", "you", "your"}
)


def _words(name: str) -> frozenset[str]:
    """Content words without a plural s, so that fee and fees meet."""
    return frozenset(_PLURAL.sub("", word) for word in _WORD.findall(name.lower()) if word not in _FUNCTION_WORDS)


def suspect_pairs(names: Sequence[str], merge_targets: Iterable[str] = ()) -> list[SuspectPair]:
    """Label pairs whose confusion may come from the label list rather than from the model.

    A pair is suspect if the names share a distinctive word, one that at most a tenth of the names (and at least two)
    hold, or if both are targets of the merge map. It is a flag for reading, not a finding.

    Args:
        names: label names in id order.
        merge_targets: names that took in other raw labels.
    """
    words = [_words(name) for name in names]
    frequency = Counter(word for found in words for word in found)
    limit = max(2, len(names) // 10)
    distinctive = {word for word, count in frequency.items() if count <= limit}
    targets = set(merge_targets)
    result = []
    for a, b in combinations(range(len(names)), 2):
        shared = tuple(sorted(words[a] & words[b] & distinctive))
        merged = names[a] in targets and names[b] in targets
        if shared or merged:
            result.append(SuspectPair(a, b, shared, merged))
    return result
