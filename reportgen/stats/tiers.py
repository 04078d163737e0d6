"""Frequency tiers: three rules in force in the course, and two different tier scores.

The rules put different classes together, so whatever is shown by tier names its rule.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reportgen.errors import InputError, UsageError
from reportgen.stats import _check
from reportgen.stats._check import Ints
from reportgen.stats.scores import per_class

TIER_RULES = ("count", "rank", "quartile")

HEAD_ROWS, MID_ROWS = 2000, 100
HEAD_RANKS, MID_RANKS = 20, 60


def tier_names(rule: str) -> tuple[str, ...]:
    """The tiers of a rule, in the order they are shown."""
    if rule not in TIER_RULES:
        raise UsageError(f"there is no tier rule {rule!r}", remedy=f"choose one of {', '.join(TIER_RULES)}")
    return ("rare", "common") if rule == "quartile" else ("head", "mid", "tail")


def tiers(train_counts: ArrayLike, rule: str) -> NDArray[np.str_]:
    """The tier of every label.

    Args:
        train_counts: (K,) training rows of each label.
        rule: "count" (head from 2,000 rows, tail below 100), "rank" (ranks 1–20, 21–60, the rest, by count and
            then by id) or "quartile" (rare: at most as many rows as the label at position K // 4 of the ascending
            counts).

    Returns:
        (K,) tier names.

    Raises:
        UsageError: another rule.
        InputError: counts that are not non-negative integers, or none.
    """
    names = tier_names(rule)
    counts = _check.integers(train_counts, "training counts")
    if not counts.size or counts.min() < 0:
        raise InputError("training counts must be non-negative and cover at least one label")
    if rule == "quartile":
        return np.where(counts <= np.sort(counts)[counts.size // 4], *names)
    if rule == "count":
        index = np.where(counts >= HEAD_ROWS, 0, np.where(counts >= MID_ROWS, 1, 2))
    else:
        index = np.searchsorted((HEAD_RANKS, MID_RANKS), _ranks(counts), side="right")
    return np.array(names)[index]


def _ranks(counts: Ints) -> Ints:
    """Zero-based rank of each label, most frequent first, equal counts by id."""
    ranks = np.empty(counts.size, dtype=np.int64)
    ranks[np.argsort(-counts, kind="stable")] = np.arange(counts.size)
    return ranks


def tier_order(tier_of_label: Sequence[str] | NDArray[np.str_]) -> list[str]:
    """The tiers that occur, in the order they are shown."""
    present = set(np.asarray(tier_of_label).tolist())
    known = [name for rule in ("rank", "quartile") for name in tier_names(rule)]
    return [name for name in known if name in present] + sorted(present - set(known))


def tier_mean_f1(f1: ArrayLike, tier_of_label: Sequence[str] | NDArray[np.str_]) -> dict[str, float]:
    """Mean, over a tier's labels, of the F1 on *all* rows (weeks 2 and 3).

    Weighted by the number of labels the tiers recombine to `macro_f1` exactly.
    """
    values, tier = _check.floats(f1, "per-class F1"), np.asarray(tier_of_label)
    _check.same_length("the tier map", tier, values.size)
    return {name: float(values[tier == name].mean()) for name in tier_order(tier)}


def tier_masked_f1(
    labels: ArrayLike, predictions: ArrayLike, tier_of_label: Sequence[str] | NDArray[np.str_]
) -> dict[str, float]:
    """Macro F1 over a tier's labels on only the rows whose true label is in the tier (week 6).

    False positives from other tiers are invisible to it, so it exceeds `tier_mean_f1`. A tier without rows is NaN.
    """
    tier = np.asarray(tier_of_label)
    y, p = _check.rows(labels, predictions, tier.size)
    result = {}
    for name in tier_order(tier):
        inside = tier[y] == name
        f1 = per_class(y[inside], p[inside], tier.size).f1[tier == name] if inside.any() else np.array([np.nan])
        result[name] = float(f1.mean())
    return result
