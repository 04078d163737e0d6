"""McNemar, Holm, Jensen–Shannon and the label-shift search against their oracles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import jensenshannon
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from reportgen.errors import InputError
from reportgen.stats import holm, js_divergence, label_shift, mcnemar_exact


def test_mcnemar_equals_statsmodels():
    b, c = (grid.ravel() for grid in np.meshgrid(np.arange(15), [0, 1, 4, 30, 500]))
    expected = [mcnemar([[9, x], [y, 9]], exact=True).pvalue if x + y else 1.0 for x, y in zip(b, c, strict=True)]
    np.testing.assert_allclose(mcnemar_exact(b, c), expected, rtol=1e-10)
    assert mcnemar_exact(0, 0) == 1
    assert mcnemar_exact(0, 6) == pytest.approx(2 / 64)
    for bad in (([-1], [2]), ([0.5], [2])):
        with pytest.raises(InputError):
            mcnemar_exact(*bad)


@settings(max_examples=30, deadline=None)
@given(arrays(np.float64, st.integers(1, 12), elements=st.floats(0, 1)))
def test_holm_equals_statsmodels(p):
    np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1], atol=1e-12)


def test_holm_by_hand_and_refusals():
    np.testing.assert_allclose(holm([0.04, 0.01, 0.03]), [0.06, 0.03, 0.06])
    assert holm([]).size == 0
    for bad in ([1.2], [-0.1], [np.nan]):
        with pytest.raises(InputError):
            holm(bad)


def test_js_equals_scipy_and_its_bounds():
    rng = np.random.default_rng(0)
    p, q = rng.dirichlet(np.full(113, 0.05), 200), rng.dirichlet(np.full(113, 0.05), 200)
    np.testing.assert_allclose(js_divergence(p, q), jensenshannon(p, q, axis=1) ** 2, atol=1e-9)
    np.testing.assert_allclose(js_divergence(p, q), js_divergence(q, p))
    assert (js_divergence(p, p) == 0).all()
    assert js_divergence([[1.0, 0.0]], [[0.0, 1.0]])[0] == pytest.approx(np.log(2))
    for bad in ([[0.5, 0.6]], [[1.5, -0.5]], [[0.2, 0.3, 0.5]]):
        with pytest.raises(InputError):
            js_divergence([[0.5, 0.5]], bad)


def test_a_shift_of_17_is_found_and_undone():
    rng = np.random.default_rng(0)
    k, n = 113, 3000
    labels = np.minimum(rng.geometric(0.05, n) - 1, k - 1)
    sound = np.where(rng.random(n) < 0.57, labels, rng.integers(0, k, n))
    flawed = (sound + 17) % k
    found = label_shift(labels, flawed, k)
    assert (found.shift, found.suspected) == (17, True)
    assert found.shifted_accuracy == pytest.approx((sound == labels).mean())
    assert found.accuracy < 0.1
    assert np.array_equal((flawed - found.shift) % k, sound)
    assert label_shift(labels, sound, k).shift == 0
    assert not label_shift(labels, sound, k).suspected


def test_a_constant_prediction_is_no_shift():
    labels = np.array([0] * 6 + [1] * 3 + [2] * 3)
    found = label_shift(labels, np.full(12, 2), 3)
    assert found.shift == 2
    assert found.shifted_accuracy == 0.5
    assert not found.suspected
    unparsed = label_shift(labels, np.full(12, -1), 3)
    assert (unparsed.shift, unparsed.shifted_accuracy, unparsed.suspected) == (0, 0, False)
