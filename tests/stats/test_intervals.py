"""Wilson and order-statistic intervals against statsmodels, scipy and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import quantile_test
from statsmodels.stats.proportion import proportion_confint

from reportgen.errors import InputError
from reportgen.stats import latency_percentiles, order_statistic_interval, wilson


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_wilson_equals_statsmodels(level):
    hits, n = (grid.ravel() for grid in np.meshgrid(np.arange(0, 31), [30, 57, 5155]))
    low, high = wilson(hits, n, level)
    expected = proportion_confint(hits, n, alpha=1 - level, method="wilson")
    np.testing.assert_allclose(low, expected[0], atol=1e-12)
    np.testing.assert_allclose(high, expected[1], atol=1e-12)


def test_wilson_edges():
    assert [float(end) for end in wilson(0, 0)] == [0, 1]
    assert float(wilson(0, 7)[0]) == 0
    assert float(wilson(7, 7)[1]) == 1
    for hits, n, level in ((3, 2, 0.95), (-1, 2, 0.95), (1, 2, 1.0), (float("nan"), 2, 0.95)):
        with pytest.raises(InputError):
            wilson(hits, n, level)


@pytest.mark.parametrize("q", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("n", [40, 100, 333])
def test_order_statistics_equal_scipys_quantile_test(n, q):
    x = np.random.default_rng(n).gamma(2, size=n)
    expected = quantile_test(x, p=q).confidence_interval(0.95)
    ours = order_statistic_interval(x, q)
    reference = [
        -np.inf if np.isnan(expected.low) else expected.low,
        np.inf if np.isnan(expected.high) else expected.high,
    ]
    assert list(ours) == reference


def test_order_statistics_cover_and_admit_too_few_samples():
    rng = np.random.default_rng(0)
    truth = -np.log(0.1)  # p90 of the unit exponential
    covered = [
        low <= truth <= high
        for low, high in (order_statistic_interval(rng.exponential(size=60), 0.9) for _ in range(1500))
    ]
    assert np.mean(covered) >= 0.945
    assert order_statistic_interval(np.arange(367.0), 0.99)[1] == np.inf
    assert order_statistic_interval(np.arange(368.0), 0.99)[1] == 367
    assert order_statistic_interval([5.0], 0.5) == (-np.inf, np.inf)


def test_order_statistics_refuse():
    for samples, q in (([], 0.5), ([1.0], 0.0), ([1.0], 1.0), ([np.nan], 0.5), (["a"], 0.5)):
        with pytest.raises(InputError):
            order_statistic_interval(samples, q)


def test_latency_percentiles_by_hand():
    found = latency_percentiles(np.arange(1, 1000))
    assert set(found) == {"p50", "p90", "p95"}
    middle, low, high = found["p50"]
    assert middle == 500
    # binomial(999, ½): 1.96 · √(999/4) = 31 ranks each side
    assert low == pytest.approx(469, abs=1)
    assert high == pytest.approx(531, abs=1)
    assert "p99" in latency_percentiles(np.ones(1000))
