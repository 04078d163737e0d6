"""Rare-class rescue: which classes a candidate brings back from F1 = 0, and how many of them are more than luck.

A class has F1 = 0 exactly when no row of it is hit, so everything but the F1 values follows from the hits on the
class's own rows (the rows whose true label it is).

An interval cannot confirm a rescue: with a baseline at zero it excludes 0 from four hits on, whoever hits them.
An exact test on the discordant rows can (benchmarks/bench_rescue_null.py has both rates).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reportgen.stats import _check
from reportgen.stats._check import Bools, Floats, Ints
from reportgen.stats.agreement import holm, mcnemar_exact
from reportgen.stats.bootstrap import BootScores, RowCounts, boot_models, row_counts
from reportgen.stats.difference import LEVEL
from reportgen.stats.scores import per_class

MIN_SUPPORT = 5
"""Rows a class needs for a verdict; below it hits are shown as k/n."""
ALPHA = 0.05

CONFIRMED = "confirmed"
RESCUED = "rescued"
LOST = "lost"
LOST_CONFIRMED = "lost, confirmed"
STILL_ZERO = "still at zero"
ABOVE_ZERO = "above zero"
TOO_FEW = "too few to call"
NO_SUPPORT = "no support"


@dataclass(frozen=True)
class RescueTests:
    """What the hits on each class's own rows say; arrays of shape (K,).

    Attributes:
        baseline_hits: rows of the class the baseline got right.
        hits: rows the candidate got right.
        rescued: candidate above zero, baseline at zero.
        lost: the reverse.
        family: classes tested together.
        p: Holm-adjusted exact McNemar p-value; NaN outside the family.
        chance: probability of a rescue if the two models' predictions were exchanged row by row by a fair coin.
        confirmed: a rescue or loss with p < .05 on at least 5 rows.
    """

    baseline_hits: Ints
    hits: Ints
    rescued: Bools
    lost: Bools
    family: Bools
    p: Floats
    chance: Floats
    confirmed: Bools


@dataclass(frozen=True)
class RescueRows:
    """The rescue table, arrays of shape (K,): F1s, their difference with a 95 % paired interval, p and verdict."""

    label: Ints
    support: Ints
    baseline_hits: Ints
    hits: Ints
    baseline_f1: Floats
    f1: Floats
    delta: Floats
    low: Floats
    high: Floats
    p: Floats
    verdict: NDArray[np.str_]


@dataclass(frozen=True)
class Rescue:
    """A candidate against a baseline on the same rows; ids of labels, ascending.

    Attributes:
        rescued: F1 = 0 under the baseline, above under the candidate.
        lost: the reverse.
        confirmed: rescued with a Holm-adjusted p < .05 and at least 5 rows.
        lost_confirmed: lost, likewise.
        net: rescued minus lost.
        expected_by_chance: rescues two equally good models would show on average; as many losses.
        chance_interval: central 95 % of that number.
        family: labels tested together.
        per_class: the table, one row a label.
    """

    rescued: tuple[int, ...]
    lost: tuple[int, ...]
    confirmed: tuple[int, ...]
    lost_confirmed: tuple[int, ...]
    net: int
    expected_by_chance: float
    chance_interval: tuple[int, int]
    family: tuple[int, ...]
    per_class: RescueRows


def rescue_tests(labels: ArrayLike, baseline: ArrayLike, candidate: ArrayLike, k: int) -> RescueTests:
    """Test each class on its own rows.

    The family holds the classes with support that have F1 = 0 under either model *or could have*: no row of theirs
    is hit by both. Exchanging the two predictions of a row cannot move a class in or out of this family, so its
    size does not depend on the outcome, and Holm's bound holds. A family of only the classes seen at zero is picked by
    the outcome: it shrinks as its p-values do, and confirms too often.

    Args:
        labels: (n,) true ids in [0, k).
        baseline: (n,) predicted ids in [-1, k).
        candidate: likewise, of the same rows.
        k: size of the label list.

    Raises:
        InputError: arrays that do not fit each other.
    """
    y, a = _check.rows(labels, baseline, k)
    _, b = _check.rows(labels, candidate, k)
    hit_a, hit_b = a == y, b == y
    support = np.bincount(y, minlength=k)
    both = np.bincount(y[hit_a & hit_b], minlength=k)
    only_a = np.bincount(y[hit_a & ~hit_b], minlength=k)
    only_b = np.bincount(y[~hit_a & hit_b], minlength=k)
    rescued = (both + only_a == 0) & (only_b > 0)
    lost = (both + only_b == 0) & (only_a > 0)
    family = (both == 0) & (support > 0)
    p = np.full(k, np.nan)
    p[family] = holm(mcnemar_exact(only_a[family], only_b[family]))
    discordant = only_a + only_b
    chance = np.where(family & (discordant > 0), 0.5**discordant, 0.0)
    confirmed = (rescued | lost) & (support >= MIN_SUPPORT) & (np.nan_to_num(p, nan=1.0) < ALPHA)
    return RescueTests(both + only_a, both + only_b, rescued, lost, family, p, chance, confirmed)


def chance_distribution(probabilities: ArrayLike) -> Floats:
    """P(0), P(1), … of the number of rescues when each class is rescued independently.

    Swapping whole rows by fair coins rescues a class when every discordant row of it falls to the candidate,
    probability 2^-d; rows belong to one class each, so classes are independent and their number is
    Poisson-binomial. This is the limit of the permutation test, without its noise and in microseconds.
    """
    distribution = np.ones(1)
    for probability in np.asarray(probabilities, dtype=np.float64):
        distribution = np.convolve(distribution, (1 - probability, probability))
    return distribution


def rescue(
    labels: ArrayLike,
    baseline: ArrayLike,
    candidate: ArrayLike,
    k: int,
    counts: RowCounts | None = None,
    *,
    boots: tuple[BootScores, BootScores] | None = None,
    intervals: bool = True,
) -> Rescue:
    """The rare-class-rescue table of a candidate against a baseline.

    Args:
        labels: (n,) true ids in [0, k).
        baseline: (n,) predicted ids in [-1, k).
        candidate: likewise, of the same rows.
        k: size of the label list.
        counts: the memo's resamples, for the intervals; drawn with the default seed when left out.
        boots: baseline and candidate in those resamples, where they are at hand.
        intervals: whether to resample at all; without, `low` and `high` are NaN.

    Raises:
        InputError: arrays that do not fit each other.
    """
    tests = rescue_tests(labels, baseline, candidate, k)
    before, after = per_class(labels, baseline, k), per_class(labels, candidate, k)
    low = high = np.full(k, np.nan)
    if intervals and boots is None:
        resamples = row_counts(int(before.support.sum())) if counts is None else counts
        first, second = boot_models(resamples, labels, [baseline, candidate], k)
        boots = first, second
    if intervals and boots is not None:
        low, high = _delta_intervals(*boots)
    rows = RescueRows(
        label=np.arange(k),
        support=before.support,
        baseline_hits=tests.baseline_hits,
        hits=tests.hits,
        baseline_f1=before.f1,
        f1=after.f1,
        delta=after.f1 - before.f1,
        low=low,
        high=high,
        p=tests.p,
        verdict=_verdicts(tests, before.support),
    )
    possible = tests.chance[tests.chance > 0]
    tail = (1 - LEVEL) / 2
    quantiles = np.searchsorted(np.cumsum(chance_distribution(possible)), (tail, 1 - tail))
    return Rescue(
        rescued=_ids(tests.rescued),
        lost=_ids(tests.lost),
        confirmed=_ids(tests.confirmed & tests.rescued),
        lost_confirmed=_ids(tests.confirmed & tests.lost),
        net=int(tests.rescued.sum()) - int(tests.lost.sum()),
        expected_by_chance=float(possible.sum()),
        chance_interval=(int(quantiles[0]), int(quantiles[1])),
        family=_ids(tests.family),
        per_class=rows,
    )


def _ids(selected: Bools) -> tuple[int, ...]:
    return tuple(np.flatnonzero(selected).tolist())


def _delta_intervals(baseline: BootScores, candidate: BootScores) -> tuple[Floats, Floats]:
    deltas = candidate.per_class_f1 - baseline.per_class_f1
    low, high = np.percentile(deltas, [50 * (1 - LEVEL), 50 * (1 + LEVEL)], axis=1)
    return low, high


def _verdicts(tests: RescueTests, support: Ints) -> NDArray[np.str_]:
    return np.select(
        [
            support == 0,
            support < MIN_SUPPORT,
            tests.rescued & tests.confirmed,
            tests.rescued,
            tests.lost & tests.confirmed,
            tests.lost,
            tests.hits == 0,
        ],
        [NO_SUPPORT, TOO_FEW, CONFIRMED, RESCUED, LOST_CONFIRMED, LOST, STILL_ZERO],
        default=ABOVE_ZERO,
    )
