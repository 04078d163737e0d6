"""The shared-counts bootstrap against scikit-learn, scipy and hand-worked resamples."""

from __future__ import annotations

import inspect
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap as scipy_bootstrap
from sklearn.metrics import accuracy_score, f1_score

from reportgen.errors import InputError, UsageError
from reportgen.stats import (
    RowCounts,
    boot_ece,
    boot_mean,
    boot_models,
    boot_scores,
    compare,
    ece,
    interval,
    paired,
    paired_ece,
    paired_values,
    per_class,
    row_counts,
    scores,
    tier_masked_f1,
    tiers,
)


def long_tail(n, k, seed, accuracy=0.6, models=2):
    rng = np.random.default_rng(seed)
    share = 1 / np.arange(1, k + 1) ** 1.2
    share /= share.sum()
    labels = rng.choice(k, n, p=share)
    predictions = [np.where(rng.random(n) < accuracy, labels, rng.choice(k, n, p=share)) for _ in range(models)]
    return labels, predictions


def sklearn_macro(labels, predictions, k, weight=None):
    kwargs = {"labels": range(k), "average": "macro", "zero_division": 0}
    return f1_score(labels, predictions, sample_weight=weight, **kwargs)


def test_row_counts_are_multinomial_and_seeded():
    counts = row_counts(300, 1000, seed=5)
    assert counts.matrix.shape == (300, 1000)
    assert (counts.matrix.sum(axis=0, dtype=int) == 300).all()
    assert np.array_equal(counts.matrix, row_counts(300, 1000, seed=5).matrix)
    assert not np.array_equal(counts.matrix, row_counts(300, 1000, seed=6).matrix)
    # Of one row: mean 1, variance 1 − 1/n, P(not drawn) = (1 − 1/n)^n.
    assert counts.matrix.var() == pytest.approx(1 - 1 / 300, rel=0.02)
    assert (counts.matrix == 0).mean() == pytest.approx((1 - 1 / 300) ** 300, rel=0.01)
    # More resamples of one seed begin with the same ones.
    assert np.array_equal(row_counts(300, 200, seed=5).matrix, counts.matrix[:, :200])


@pytest.mark.parametrize("n", [1, 40, 255, 256, 257, 700])
def test_equals_scikit_learn_on_the_same_counts(n):
    k = 12
    labels, (first, _) = long_tail(n, k, seed=n)
    first[::7] = -1
    counts = row_counts(n, 300)
    boot = boot_scores(counts, labels, first, k)
    for r in (0, 1, 255, 256, 299):
        weight = counts.matrix[:, r]
        assert boot.macro_f1[r] == pytest.approx(sklearn_macro(labels, first, k, weight), abs=1e-12)
        assert boot.accuracy[r] == pytest.approx(accuracy_score(labels, first, sample_weight=weight), abs=1e-12)
        rows = np.repeat(np.arange(n), weight)
        resampled = scores(labels[rows], first[rows], k)
        assert boot.weighted_f1[r] == pytest.approx(resampled.weighted_f1, abs=1e-12)
        assert boot.macro_f1_present[r] == pytest.approx(resampled.macro_f1_present, abs=1e-12)
        np.testing.assert_allclose(boot.per_class_f1[:, r], per_class(labels[rows], first[rows], k).f1, atol=1e-12)


def test_point_estimates_come_from_the_data():
    labels, (first, _) = long_tail(500, 30, seed=1)
    boot, expected = boot_scores(row_counts(500, 50), labels, first, 30), scores(labels, first, 30)
    for metric, value in boot.point.items():
        assert value == pytest.approx(getattr(expected, metric), abs=1e-12)
    # Fixed labels bias the resamples' mean down: it must not be what is shown.
    assert boot.macro_f1.mean() < boot.point["macro_f1"]


def test_hand_made_counts():
    # Rows (true → predicted): 0→0, 0→1, 1→1. One resample draws row 0 twice and row 2 once, one only row 1.
    counts = RowCounts(3, 2, 0, np.array([[2, 0], [0, 3], [1, 0]], dtype=np.uint8))
    boot = boot_scores(counts, [0, 0, 1], [0, 1, 1], 2)
    assert boot.accuracy.tolist() == [1, 0]
    assert boot.macro_f1.tolist() == [1, 0]
    assert boot.point["macro_f1"] == pytest.approx((2 / 3 + 2 / 3) / 2)


def test_interval_agrees_with_scipy_within_002():
    n, k = 2000, 20
    labels, (a, b) = long_tail(n, k, seed=2)
    ours = paired(row_counts(n, 4000), labels, a, b, k)

    def statistic(y, p, q):
        return sklearn_free(y, q, k) - sklearn_free(y, p, k)

    # Until scipy 1.15 the generator was called random_state.
    name = "rng" if "rng" in inspect.signature(scipy_bootstrap).parameters else "random_state"
    reference = scipy_bootstrap(
        (labels, a, b), statistic, paired=True, vectorized=False, n_resamples=4000, method="percentile",
        **{name: np.random.default_rng(9)},
    ).confidence_interval  # fmt: skip
    assert ours.low == pytest.approx(reference.low, abs=0.002)
    assert ours.high == pytest.approx(reference.high, abs=0.002)


def sklearn_free(labels, predictions, k):
    """Macro F1 as `scores`, which is tested against scikit-learn; that itself would take half a minute here."""
    return scores(labels, predictions, k).macro_f1


def test_one_pass_over_models_equals_one_model_at_a_time():
    labels, predictions = long_tail(400, 15, seed=4, models=3)
    counts = row_counts(400, 100)
    together = boot_models(counts, labels, predictions, 15)
    for boot, p in zip(together, predictions, strict=True):
        alone = boot_scores(counts, labels, p, 15)
        np.testing.assert_array_equal(boot.macro_f1, alone.macro_f1)
        np.testing.assert_array_equal(boot.per_class_f1, alone.per_class_f1)


def test_verdicts():
    n, k = 1000, 5
    labels = np.arange(n) % k
    counts = row_counts(n, 1000)
    worse, slightly = labels.copy(), labels.copy()
    worse[:100] = (worse[:100] + 1) % k
    slightly[:8] = (slightly[:8] + 1) % k
    real = paired(counts, labels, worse, labels, k, "accuracy")
    assert (real.verdict, real.changed, real.share_positive) == ("real", 100, 1.0)
    assert real.delta == pytest.approx(0.1)
    assert real.low < 0.1 < real.high
    few = paired(counts, labels, slightly, labels, k, "accuracy")
    assert few.low > 0
    assert (few.verdict, few.changed) == ("directional", 8)
    down = paired(counts, labels, labels, worse, k, "accuracy")
    assert (down.delta, down.low, down.high) == pytest.approx((-real.delta, -real.high, -real.low))
    assert down.verdict == "real"


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["accuracy", "macro_f1", "macro_f1_present", "weighted_f1"]))
def test_a_model_against_itself_is_null(seed, metric):
    labels, (a,) = long_tail(80, 9, seed, models=1)
    same = paired(row_counts(80, 60), labels, a, a.copy(), 9, metric)
    assert (same.delta, same.low, same.high, same.changed, same.share_positive) == (0, 0, 0, 0, 0)
    assert same.verdict == "null"


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_row_order_and_relabelling_change_nothing(seed):
    n, k = 90, 8
    labels, (a, b) = long_tail(n, k, seed)
    rng = np.random.default_rng(seed)
    order, names = rng.permutation(n), rng.permutation(k)
    counts = row_counts(n, 80)
    moved = RowCounts(n, 80, counts.seed, counts.matrix[order])
    before = paired(counts, labels, a, b, k)
    for after in (
        paired(moved, labels[order], a[order], b[order], k),
        paired(counts, names[labels], names[a], names[b], k),
    ):
        assert (after.delta, after.low, after.high) == pytest.approx((before.delta, before.low, before.high), abs=1e-12)
        assert (after.changed, after.verdict) == (before.changed, before.verdict)


def test_tier_restriction_renormalises_and_matches_masked_f1():
    n, k = 600, 70
    labels, (a, b) = long_tail(n, k, seed=8)
    tier = tiers(np.bincount(labels, minlength=k), "rank")
    counts = row_counts(n, 60)
    inside, classes = tier[labels] == "mid", tier == "mid"
    boot = boot_scores(counts, labels, a, k, mask=inside, classes=classes)
    assert boot.point["macro_f1"] == pytest.approx(tier_masked_f1(labels, a, tier)["mid"])
    for r in (0, 59):
        rows = np.repeat(np.arange(n), counts.matrix[:, r])
        rows = rows[inside[rows]]
        assert boot.accuracy[r] == pytest.approx((labels[rows] == a[rows]).mean())
        expected = f1_score(labels[rows], a[rows], labels=np.flatnonzero(classes), average="macro", zero_division=0)
        assert boot.macro_f1[r] == pytest.approx(expected)
    difference = paired(counts, labels, a, b, k, "accuracy", mask=inside)
    assert difference.n == inside.sum()
    assert difference.changed == (a != b)[inside].sum()


def test_resamples_without_a_row_of_the_mask_are_left_out():
    labels, a = np.array([0, 1, 1, 0]), np.array([0, 1, 0, 1])
    counts = row_counts(4, 400)
    mask = np.array([True, False, False, False])
    boot = boot_scores(counts, labels, a, 2, mask=mask)
    undrawn = counts.matrix[0] == 0
    assert undrawn.any()
    assert np.isnan(boot.accuracy[undrawn]).all()
    assert (boot.accuracy[~undrawn] == 1).all()
    assert boot.interval("accuracy") == (1, 1)
    means = boot_mean(counts, np.arange(4.0), mask=mask)
    assert np.array_equal(np.isnan(means), undrawn)
    assert paired_values(counts, np.zeros(4), np.ones(4), mask=mask).low == 1


def test_row_values_and_ece_per_resample():
    rng = np.random.default_rng(0)
    n = 400
    counts = row_counts(n, 300)
    values, conf = rng.normal(size=n), rng.random(n)
    hit = rng.random(n) < conf
    means, errors = boot_mean(counts, values), boot_ece(counts, conf, hit)
    for r in (0, 256, 299):
        rows = np.repeat(np.arange(n), counts.matrix[:, r])
        assert means[r] == pytest.approx(values[rows].mean())
        assert errors[r] == pytest.approx(ece(conf[rows], hit[rows]))
    mask = np.arange(n) % 3 == 0
    rows = np.repeat(np.arange(n), counts.matrix[:, 7])
    rows = rows[mask[rows]]
    assert boot_ece(counts, conf, hit, mask=mask)[7] == pytest.approx(ece(conf[rows], hit[rows]))


def test_paired_values_and_paired_ece():
    rng = np.random.default_rng(1)
    n = 500
    counts = row_counts(n, 500)
    a = rng.normal(size=n)
    better = paired_values(counts, a, a - 0.5 + 0.01 * rng.normal(size=n), metric="nll")
    assert (better.metric, better.verdict, better.changed) == ("nll", "real", n)
    assert better.delta == pytest.approx(-0.5, abs=0.01)
    assert paired_values(counts, a, a - 0.5, changed=0).verdict == "directional"
    same = paired_values(counts, a, a)
    assert (same.delta, same.low, same.high, same.verdict) == (0, 0, 0, "null")
    conf = rng.uniform(0.5, 1, n)
    hit = rng.random(n) < 0.55
    calibrated = paired_ece(counts, (conf, hit), (np.full(n, 0.55), hit))
    assert calibrated.high < 0
    assert calibrated.a == pytest.approx(ece(conf, hit))
    assert paired_ece(counts, (conf, hit), (conf, hit)).verdict == "null"


def test_compare_reuses_what_was_computed_once():
    labels, (a, b) = long_tail(300, 10, seed=6)
    counts = row_counts(300, 200)
    first, second = boot_models(counts, labels, [a, b], 10)
    assert compare(first, second, "weighted_f1") == paired(counts, labels, a, b, 10, "weighted_f1")


def test_refusals():
    labels, (a, b) = long_tail(50, 5, seed=0)
    counts = row_counts(50, 20)
    with pytest.raises(UsageError, match="accuracy, macro_f1"):
        paired(counts, labels, a, b, 5, "f2")
    with pytest.raises(InputError, match="49 rows, expected 50"):
        boot_scores(counts, labels[:49], a[:49], 5)
    with pytest.raises(InputError, match="selects no row"):
        boot_scores(counts, labels, a, 5, mask=np.zeros(50, dtype=bool))
    with pytest.raises(InputError, match="booleans"):
        boot_scores(counts, labels, a, 5, mask=np.arange(50))
    with pytest.raises(InputError, match="NaN"):
        boot_mean(counts, np.full(50, np.nan))
    with pytest.raises(InputError):
        row_counts(0)
    assert np.isnan(interval([np.nan])).all()


def test_a_hundred_times_faster_than_resampling_rows():
    n, k = 6430, 113
    labels, predictions = long_tail(n, k, seed=0, models=8)
    row_counts(100, 2)
    boot_scores(row_counts(100, 2), labels[:100], predictions[0][:100], k)
    start = time.perf_counter()
    counts = row_counts(n)
    boot_models(counts, labels, predictions, k)
    ours = time.perf_counter() - start
    rng = np.random.default_rng(0)
    start = time.perf_counter()
    for _ in range(20):
        rows = rng.integers(0, n, n)
        sklearn_macro(labels[rows], predictions[0][rows], k)
    theirs = (time.perf_counter() - start) / 20 * 8 * 2000
    assert theirs / ours > 100
