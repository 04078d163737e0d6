"""How often two equally good models "confirm" a rescue: the exact test, a family picked by outcome, an interval.

Pairs are drawn from one row-wise distribution, so every confirmed rescue is false. Three worlds: the course's
validation set (K = 113, n = 6,430, most tail classes with few rows); a flat test set after long-tailed training
(K = 77, 40 rows a class, as Banking77-LT); and the same set with two models that are weak everywhere, where a family
of only the classes seen at zero is small whenever its p-values are.

python benchmarks/bench_rescue_null.py [pairs]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from reportgen.stats.agreement import holm, mcnemar_exact
from reportgen.stats.bootstrap import RowCounts, boot_scores, row_counts
from reportgen.stats.difference import interval
from reportgen.stats.rescue import ALPHA, MIN_SUPPORT, rescue_tests

PAIRS = 2000
INTERVAL_RESAMPLES = 500


@dataclass(frozen=True)
class World:
    """Rows, their labels, and the probability with which either model gets each right."""

    name: str
    labels: np.ndarray
    hit: np.ndarray
    k: int


def course_world() -> World:
    """Zipf supports, at least one row a class; accuracy falls from .8 in the head to about 0 in the tail."""
    k, n = 113, 6430
    share = 1 / (np.arange(k) + 1.0) ** 1.25
    support = np.maximum(1, np.round(n * share / share.sum())).astype(int)
    support[0] += n - support.sum()
    labels = np.repeat(np.arange(k), support)
    return World("course (K = 113, n = 6,430)", labels, 0.8 * np.exp(-np.arange(k) / 25)[labels], k)


def flat_world() -> World:
    """40 rows a class; accuracy falls from .9 to .02."""
    k = 77
    labels = np.repeat(np.arange(k), 40)
    return World("flat test (K = 77, 40 rows a class)", labels, np.geomspace(0.9, 0.02, k)[labels], k)


def weak_world() -> World:
    """40 rows a class; every class is hit with probability .12."""
    labels = np.repeat(np.arange(77), 40)
    return World("weak everywhere (K = 77, 40 rows a class)", labels, np.full(labels.size, 0.12), 77)


def pairs_of_equals(world: World, pairs: int, seed: int = 7) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Two models drawn row by row from one distribution; a miss goes to another label at random."""
    rng = np.random.default_rng(seed)
    for _ in range(pairs):
        hits = rng.random((2, world.labels.size)) < world.hit
        misses = (world.labels + rng.integers(1, world.k, size=hits.shape)) % world.k
        first, second = np.where(hits, world.labels, misses)
        yield first, second


def by_interval(world: World, a: np.ndarray, b: np.ndarray, counts: RowCounts) -> bool:
    """A rescue whose paired F1 interval excludes 0, on at least five rows."""
    hits_a = np.bincount(world.labels[a == world.labels], minlength=world.k)
    hits_b = np.bincount(world.labels[b == world.labels], minlength=world.k)
    support = np.bincount(world.labels, minlength=world.k)
    rescued = np.flatnonzero((hits_a == 0) & (hits_b > 0) & (support >= MIN_SUPPORT))
    if not rescued.size:
        return False
    # The baseline's F1 is 0 in every resample, so the difference is the candidate's F1.
    f1 = boot_scores(counts, world.labels, b, world.k).per_class_f1
    return any(interval(f1[label])[0] > 0 for label in rescued)


def by_outcome_family(world: World, a: np.ndarray, b: np.ndarray) -> bool:
    """The same exact test, Holm over only the classes seen at zero under either model."""
    tests = rescue_tests(world.labels, a, b, world.k)
    support = np.bincount(world.labels, minlength=world.k)
    family = (support > 0) & ((tests.baseline_hits == 0) | (tests.hits == 0))
    p = holm(mcnemar_exact(tests.baseline_hits[family], tests.hits[family]))
    return bool(((p < ALPHA) & tests.rescued[family] & (support[family] >= MIN_SUPPORT)).any())


def main() -> None:
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else PAIRS
    for world in (course_world(), flat_world(), weak_world()):
        counts = row_counts(world.labels.size, INTERVAL_RESAMPLES)
        exact = either = outcome = intervals = 0
        rescued, expected = [], []
        for a, b in pairs_of_equals(world, pairs):
            tests = rescue_tests(world.labels, a, b, world.k)
            exact += bool((tests.confirmed & tests.rescued).any())
            either += bool(tests.confirmed.any())
            outcome += by_outcome_family(world, a, b)
            intervals += by_interval(world, a, b, counts)
            rescued.append(tests.rescued.sum())
            expected.append(tests.chance.sum())
        print(f"{world.name}: {pairs:,} pairs of equally good models")
        print(f"  ≥ 1 confirmed rescue: {exact / pairs:.2%} (rescue or loss: {either / pairs:.2%}; the bound is 5 %)")
        print(f"  with Holm over only the classes seen at zero: {outcome / pairs:.2%}")
        print(f"  with a paired F1 interval instead ({INTERVAL_RESAMPLES} resamples): {intervals / pairs:.2%}")
        print(f"  rescues shown {np.mean(rescued):.2f}, expected_by_chance {np.mean(expected):.2f} on average")


if __name__ == "__main__":
    main()
