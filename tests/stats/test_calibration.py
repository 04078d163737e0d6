"""Calibration errors, temperature and the course's own fit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from scipy.special import softmax as scipy_softmax
from sklearn.metrics import log_loss

from reportgen.errors import InputError, UsageError
from reportgen.stats import (
    apply_temperature,
    confidence,
    course_temperature,
    ece,
    ece_classwise,
    ece_equal_mass,
    even_odd_folds,
    fit_temperature,
    folds,
    nll,
    nll_rows,
    reliability,
    scores,
    softmax,
)


def overconfident(n=2000, k=12, scale=1.8, seed=0):
    """Labels drawn from softmax(z), logits reported as scale · z: the right temperature is about `scale`."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, k)) * 1.5
    labels = (z + rng.gumbel(size=z.shape)).argmax(axis=1)
    return scale * z, labels


def test_softmax_confidence_and_nll():
    logits, labels = overconfident()
    np.testing.assert_allclose(softmax(logits), scipy_softmax(logits, axis=1), atol=1e-15)
    np.testing.assert_allclose(confidence(logits), softmax(logits).max(axis=1))
    assert nll(logits, labels) == pytest.approx(log_loss(labels, softmax(logits), labels=range(12)))
    assert nll_rows([[1000.0, 0.0]], [1])[0] == pytest.approx(-np.log(1e-12))
    assert nll_rows(np.array([[60000, 0]], dtype=np.float16), [0])[0] == 0


def test_ece_by_hand():
    # Bins of fifths: .95 and .85 share one (mean .9, half right: gap .4), .5 is alone and right (gap .5).
    conf, correct = np.array([0.95, 0.85, 0.5]), np.array([True, False, True])
    assert ece(conf, correct, bins=5) == pytest.approx((2 * 0.4 + 0.5) / 3)
    # Bins are (lower, upper]: .2 belongs to the first of five.
    assert ece([0.2, 0.1], [True, False], bins=5) == pytest.approx(abs(0.15 - 0.5))
    assert ece([0.0, 1.0], [False, True]) == 0


@pytest.mark.parametrize("seed", range(3))
def test_ece_equals_torchmetrics(seed):
    functional = pytest.importorskip("torchmetrics.functional.classification", reason="torchmetrics is the oracle")
    torch = pytest.importorskip("torch")
    logits, labels = overconfident(seed=seed)
    p = softmax(logits)
    expected = functional.multiclass_calibration_error(
        torch.tensor(p), torch.tensor(labels), num_classes=12, n_bins=15, norm="l1"
    )
    assert ece(p.max(axis=1), p.argmax(axis=1) == labels) == pytest.approx(float(expected), abs=1e-6)


def test_equal_mass_and_classwise_against_loops():
    logits, labels = overconfident(n=600, k=4)
    p = softmax(logits)
    conf, correct = p.max(axis=1), p.argmax(axis=1) == labels
    order = np.argsort(conf)
    chunks = np.array_split(order, 15)
    gaps = [len(c) * abs(conf[c].mean() - correct[c].mean()) for c in chunks]
    assert ece_equal_mass(conf, correct) == pytest.approx(sum(gaps) / 600, abs=0.01)
    per_class = [ece(p[:, j], labels == j) for j in range(4)]
    assert ece_classwise(logits, labels) == pytest.approx(np.mean(per_class))
    # All confidences equal: one bin, whatever the number asked for.
    assert ece_equal_mass(np.full(10, 0.7), np.arange(10) < 5) == pytest.approx(0.2)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000))
def test_row_order_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    logits, labels = overconfident(n=60, k=5, seed=seed)
    order, names = rng.permutation(60), rng.permutation(5)
    conf = np.round(confidence(logits), 1)  # many ties
    correct = logits.argmax(axis=1) == labels
    for metric in (ece, ece_equal_mass):
        assert metric(conf[order], correct[order]) == pytest.approx(metric(conf, correct), abs=1e-12)
        assert 0 <= metric(conf, correct) <= 1
    renamed = np.empty_like(logits)
    renamed[:, names] = logits
    assert ece_classwise(renamed[order], names[labels][order]) == pytest.approx(
        ece_classwise(logits, labels), abs=1e-12
    )
    assert fit_temperature(renamed[order], names[labels][order]).t == pytest.approx(fit_temperature(logits, labels).t)


def test_reliability_bins_recombine_to_ece():
    logits, labels = overconfident()
    conf, correct = confidence(logits), logits.argmax(axis=1) == labels
    bins = reliability(conf, correct)
    assert bins.n.sum() == labels.size
    assert (bins.n > 0).all()
    assert ((bins.low < bins.confidence) & (bins.confidence <= bins.high)).all()
    assert (bins.n * abs(bins.confidence - bins.accuracy)).sum() / labels.size == pytest.approx(ece(conf, correct))


def test_temperature_recovers_the_scale_and_leaves_predictions_alone():
    logits, labels = overconfident(n=6000, scale=1.8)
    fitted = fit_temperature(logits, labels)
    assert fitted.converged
    assert abs(fitted.gradient) < 1e-6
    assert fitted.t == pytest.approx(1.8, rel=0.05)
    assert fitted.n == 6000
    for away in (0.99, 1.01):
        assert nll(logits / fitted.t, labels) < nll(logits / (fitted.t * away), labels)
    scaled = apply_temperature(logits, fitted.t)
    assert scores(labels, scaled.argmax(axis=1), 12) == scores(labels, logits.argmax(axis=1), 12)
    correct = logits.argmax(axis=1) == labels
    assert ece(confidence(scaled), correct) < ece(confidence(logits), correct) / 3


def bounded_search(logits, labels):
    def loss(log_t):
        return -log_softmax(logits / np.exp(log_t), axis=1)[np.arange(len(labels)), labels].mean()

    found = minimize_scalar(loss, bounds=np.log((0.01, 100)), method="bounded", options={"xatol": 1e-9})
    return float(np.exp(found.x))


SEARCHED = [
    (2000, 12, 1.8, 0),
    (2000, 12, 0.6, 1),
    (1500, 2, 2.5, 2),
    (1500, 2, 0.8, 3),
    (1000, 113, 1.35, 4),
    (1000, 113, 0.7, 5),
    (25, 3, 1.5, 6),
    (12, 113, 4.0, 7),
    (10, 5, 3.0, 8),
]


@pytest.mark.parametrize(("n", "k", "scale", "seed"), SEARCHED)
def test_temperature_equals_a_bounded_search(n, k, scale, seed):
    logits, labels = overconfident(n, k, scale, seed)
    fitted = fit_temperature(logits, labels)
    assert fitted.converged
    assert fitted.t == pytest.approx(bounded_search(logits, labels), rel=1e-6)


@pytest.mark.parametrize(("n", "k", "scale", "seed"), SEARCHED)
def test_week5_recipe_differs_from_the_search_by_stopping_early(n, k, scale, seed):
    logits, labels = overconfident(n, k, scale, seed)
    optimum = bounded_search(logits, labels)
    assert 0.25 < np.log(course_temperature(logits, labels, "week5").t) / np.log(optimum) < 0.6
    assert course_temperature(logits / optimum, labels, "week5").t == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize(("n", "k", "scale", "seed"), [case for case in SEARCHED if case[1:3] != (2, 0.8)])
def test_week4_recipe_arrives_where_the_search_does(n, k, scale, seed):
    logits, labels = overconfident(n, k, scale, seed)
    fitted = course_temperature(logits, labels, "week4")
    assert fitted.t == pytest.approx(bounded_search(logits, labels), rel=1e-3)


def test_week4_recipe_that_steps_below_zero_is_refused():
    with pytest.raises(InputError, match="leaves the positive temperatures"):
        course_temperature(*overconfident(1500, 2, 0.8, 3), "week4")


def test_reported_gradient_is_the_derivative_by_log_t():
    logits, labels = overconfident(n=300)
    early = course_temperature(logits, labels, "week5")

    def loss(log_t):
        return -log_softmax(logits / np.exp(log_t), axis=1)[np.arange(300), labels].mean()

    x, h = np.log(early.t), 1e-5
    assert early.gradient == pytest.approx((loss(x + h) - loss(x - h)) / (2 * h), rel=1e-5)


def test_temperature_without_an_optimum_says_so():
    logits = np.array([[5.0, 0.0], [0.0, 5.0]])
    perfect = fit_temperature(logits, [0, 1])
    assert (perfect.t, perfect.converged) == (pytest.approx(0.01), False)
    wrong = fit_temperature(logits, [1, 0])
    assert (wrong.t, wrong.converged) == (pytest.approx(100), False)
    assert not fit_temperature(np.zeros((3, 2)), [0, 1, 0]).converged


def torch_fit(logits, labels, recipe):
    torch = pytest.importorskip("torch")
    z, y = torch.tensor(logits, dtype=torch.float64), torch.tensor(labels)
    logarithmic = recipe == "week5"
    start, lr, iterations = (0.0, 0.01, 50) if logarithmic else (1.5, 0.1, 200)
    x = torch.nn.Parameter(torch.tensor([start], dtype=torch.float64))
    optimiser = torch.optim.LBFGS([x], lr=lr, max_iter=iterations)

    def closure():
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(z / (x.exp() if logarithmic else x), y)
        loss.backward()
        return loss

    optimiser.step(closure)
    return float((x.exp() if logarithmic else x).detach())


@pytest.mark.parametrize("scale", [0.7, 1.35, 3.0])
@pytest.mark.parametrize("recipe", ["week4", "week5"])
def test_course_recipes_equal_pytorchs_lbfgs(recipe, scale):
    logits, labels = overconfident(n=800, scale=scale)
    assert course_temperature(logits, labels, recipe).t == pytest.approx(torch_fit(logits, labels, recipe), rel=1e-6)


def test_week5_stops_before_half_way_and_week4_arrives():
    logits, labels = overconfident(n=3000, k=113, scale=1.35)
    optimum = fit_temperature(logits, labels)
    early = course_temperature(logits, labels, "week5")
    assert not early.converged
    assert 0.3 < np.log(early.t) / np.log(optimum.t) < 0.45
    assert course_temperature(logits, labels, "week4").t == pytest.approx(optimum.t, rel=1e-3)


def test_folds():
    calibration, evaluation = folds(6430)
    expected = np.random.RandomState(42 + 999).permutation(6430)
    np.testing.assert_array_equal(calibration, expected[:3215])
    np.testing.assert_array_equal(evaluation, expected[3215:])
    for one, two in (folds(7, seed=1), even_odd_folds(7)):
        assert sorted([*one, *two]) == list(range(7))
    assert even_odd_folds(5)[0].tolist() == [0, 2, 4]
    with pytest.raises(InputError):
        folds(1)


def test_refusals():
    with pytest.raises(InputError, match="NaN"):
        confidence([[np.nan, 0.0]])
    with pytest.raises(InputError, match="2 dimensions"):
        confidence([1.0, 2.0])
    with pytest.raises(InputError, match="confidences must lie"):
        ece([1.2], [True])
    with pytest.raises(InputError, match="true or false"):
        ece([0.5], [0.5])
    with pytest.raises(InputError, match="no confidences"):
        ece([], [])
    with pytest.raises(InputError, match="bins"):
        ece([0.5], [True], bins=0)
    with pytest.raises(InputError, match="no logits"):
        nll(np.zeros((0, 3)), np.zeros(0, dtype=int))
    with pytest.raises(InputError, match="no rows"):
        fit_temperature(np.zeros((0, 3)), np.zeros(0, dtype=int))
    with pytest.raises(InputError, match="labels must lie"):
        fit_temperature(np.zeros((2, 3)), [0, 3])
    with pytest.raises(UsageError, match="week4, week5"):
        course_temperature(np.zeros((2, 3)), [0, 1], "week9")
    for t in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(InputError, match="positive"):
            apply_temperature([[1.0, 0.0]], t)
    with pytest.raises(InputError, match="rounding"):
        apply_temperature([[5e-324, 1e-323]], 100)
