"""Rescue: hand-worked classes, the exact chance distribution, and the false-confirmation rate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from reportgen.errors import InputError
from reportgen.stats import per_class, rescue, row_counts
from reportgen.stats.rescue import chance_distribution, rescue_tests

CLASSES = [
    # support, baseline hits, candidate hits (counted from the first row, so hits overlap), verdict
    (20, 0, 14, "confirmed"),
    (20, 0, 4, "rescued"),
    (20, 15, 0, "lost, confirmed"),
    (20, 3, 0, "lost"),
    (20, 0, 0, "still at zero"),
    (20, 10, 12, "above zero"),
    (4, 0, 4, "too few to call"),
    (1, 1, 0, "too few to call"),
    (0, 0, 0, "no support"),
]


def designed(classes=CLASSES):
    """Labels and two models' predictions with the given hits; misses go to the label after, the last to the first."""
    k = len(classes)
    labels = np.repeat(np.arange(k), [support for support, *_ in classes])
    models = []
    for which in (1, 2):
        hits = np.concatenate([np.arange(row[0]) < row[which] for row in classes])
        models.append(np.where(hits, labels, (labels + 1) % k))
    return labels, *models, k


def test_designed_classes():
    labels, baseline, candidate, k = designed()
    result = rescue(labels, baseline, candidate, k, row_counts(labels.size, 500))
    assert result.per_class.verdict.tolist() == [verdict for *_, verdict in CLASSES]
    assert result.rescued == (0, 1, 6)
    assert result.lost == (2, 3, 7)
    assert (result.confirmed, result.lost_confirmed, result.net) == ((0,), (2,), 0)
    # Class 5 is hit by both models on ten rows: it could never have been at zero. Class 8 has no rows.
    assert result.family == (0, 1, 2, 3, 4, 6, 7)
    expected = sum(2.0**-d for d in (14, 4, 15, 3, 4, 1))
    assert result.expected_by_chance == pytest.approx(expected)
    table = result.per_class
    assert table.hits.tolist() == [14, 4, 0, 0, 0, 12, 4, 0, 0]
    f1 = per_class(labels, candidate, k).f1 - per_class(labels, baseline, k).f1
    np.testing.assert_allclose(table.delta, f1)
    inside = (table.low <= table.delta) & (table.delta <= table.high)
    assert inside.all()


def test_p_values_are_exact_mcnemar_on_the_classs_own_rows_holm_adjusted():
    labels, baseline, candidate, k = designed()
    result = rescue(labels, baseline, candidate, k, row_counts(labels.size, 50))
    family = list(result.family)
    raw = []
    for label in family:
        own = labels == label
        a, b = baseline[own] == label, candidate[own] == label
        table = [[(a & b).sum(), (a & ~b).sum()], [(~a & b).sum(), (~a & ~b).sum()]]
        raw.append(mcnemar(table, exact=True).pvalue)
    np.testing.assert_allclose(result.per_class.p[family], multipletests(raw, method="holm")[1])
    outside = [label for label in range(k) if label not in family]
    assert np.isnan(result.per_class.p[outside]).all()


def test_four_hits_convince_an_interval_but_not_the_test():
    labels, baseline, candidate, k = designed([(40, 0, 5, ""), (40, 30, 30, "")])
    result = rescue(labels, baseline, candidate, k)
    assert result.per_class.low[0] > 0
    assert result.per_class.verdict[0] == "rescued"
    assert result.confirmed == ()


def test_support_of_four_is_never_confirmed_five_can_be():
    few = [(4, 0, 4, "")] * 1
    assert rescue(*designed([*few, (50, 40, 40, "")])).confirmed == ()
    labels, baseline, candidate, k = designed([(6, 0, 6, ""), (50, 40, 40, "")])
    assert rescue(labels, baseline, candidate, k).confirmed == (0,)  # p = 2 · 2⁻⁶ = .031, a family of one


def test_expected_by_chance_is_the_limit_of_swapping_rows():
    rng = np.random.default_rng(5)
    k, n = 30, 400
    labels = np.minimum(rng.geometric(0.12, n) - 1, k - 1)
    hit = rng.random((2, n)) < 0.6 * np.exp(-labels / 5)
    baseline, candidate = np.where(hit, labels, (labels + 1) % k)
    result = rescue(labels, baseline, candidate, k, row_counts(n, 20))
    swaps = rng.random((4000, n)) < 0.5
    hit_a, hit_b = np.where(swaps, hit[1], hit[0]), np.where(swaps, hit[0], hit[1])
    indicator = np.eye(k)[labels]
    rescued = ((hit_a @ indicator == 0) & (hit_b @ indicator > 0)).sum(axis=1)
    assert result.expected_by_chance == pytest.approx(rescued.mean(), abs=4 * rescued.std() / np.sqrt(4000))
    low, high = np.quantile(rescued, [0.025, 0.975])
    assert result.chance_interval == pytest.approx((low, high), abs=1)
    exact = chance_distribution(rescue_tests(labels, baseline, candidate, k).chance)
    observed = np.bincount(rescued, minlength=exact.size) / 4000
    np.testing.assert_allclose(observed, exact[: observed.size], atol=0.035)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 100_000))
def test_properties(seed):
    rng = np.random.default_rng(seed)
    n, k = 60, 14
    labels = rng.integers(0, k - 2, n)  # two labels never occur
    a, b = rng.integers(-1, k, n), np.where(rng.random(n) < 0.4, labels, rng.integers(-1, k, n))
    counts = row_counts(n, 20)
    result = rescue(labels, a, b, k, counts)
    no_support = {k - 2, k - 1}
    assert not no_support & {*result.rescued, *result.lost, *result.confirmed, *result.family}
    assert set(result.per_class.verdict[k - 2 :]) == {"no support"}
    assert set(result.confirmed) <= set(result.rescued)
    f1_a, f1_b = per_class(labels, a, k).f1, per_class(labels, b, k).f1
    assert result.rescued == tuple(np.flatnonzero((f1_a == 0) & (f1_b > 0)))
    assert result.lost == tuple(np.flatnonzero((f1_a > 0) & (f1_b == 0)))
    assert result.net == (f1_a == 0).sum() - (f1_b == 0).sum()

    swapped = rescue(labels, b, a, k, counts)
    assert (swapped.rescued, swapped.lost, swapped.family) == (result.lost, result.rescued, result.family)
    assert swapped.expected_by_chance == result.expected_by_chance

    names = rng.permutation(k)
    renamed = np.append(names, -1)
    relabelled = rescue(names[labels], renamed[a], renamed[b], k, counts)
    assert sorted(names[list(result.rescued)]) == list(relabelled.rescued)
    assert relabelled.expected_by_chance == pytest.approx(result.expected_by_chance)

    itself = rescue(labels, b, b, k, counts)
    assert (itself.rescued, itself.lost, itself.confirmed, itself.net) == ((), (), (), 0)
    assert itself.expected_by_chance == 0
    assert (itself.per_class.low == 0).all()
    assert (itself.per_class.high == 0).all()


def test_rows_that_do_not_fit_are_refused():
    with pytest.raises(InputError):
        rescue([0, 1], [0, 1], [0], 2)
    with pytest.raises(InputError):
        rescue([0, 1], [0, 1], [0, 1], 2, row_counts(3, 5))


def false_confirmations(pairs, labels, probability, k, seed):
    rng = np.random.default_rng(seed)
    confirmed = 0
    for _ in range(pairs):
        hits = rng.random((2, labels.size)) < probability
        a, b = np.where(hits, labels, (labels + 1) % k)
        confirmed += bool(rescue_tests(labels, a, b, k).confirmed.any())
    return confirmed / pairs


@pytest.mark.parametrize("world", ["long tail", "weak everywhere"])
def test_two_equally_good_models_confirm_in_at_most_5_percent_of_pairs(world):
    k = 77
    if world == "long tail":
        support = np.maximum(1, np.round(1500 / np.arange(1, k + 1) ** 1.1)).astype(int)
        labels = np.repeat(np.arange(k), support)
        probability = 0.8 * np.exp(-labels / 20)
    else:
        # Here Holm over only the classes seen at zero confirms too often (benchmarks/bench_rescue_null.py).
        labels = np.repeat(np.arange(k), 40)
        probability = np.full(labels.size, 0.12)
    assert false_confirmations(2000, labels, probability, k, seed=11) <= 0.05
