"""Losses against hand-worked numbers and torch's own cross-entropy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from models.losses import class_weights, make_loss

pytestmark = pytest.mark.train

COUNTS = np.array([100, 25, 1])


def test_sqrt_weights_by_hand() -> None:
    # √(100/100), √(100/25), √(100/1) = 1, 2, 10; mean 13/3
    assert class_weights(COUNTS, "sqrt") == pytest.approx(np.array([1, 2, 10]) * 3 / 13)


def test_sqrt_weights_reproduce_the_published_ones() -> None:
    # Raw weights of the course's counts over the published raw mean 15.99 are its printed weights.
    raw = np.sqrt(13_333 / np.array([13_333, 3_905, 5, 4]))
    assert np.round(raw / 15.99, 2).tolist() == [0.06, 0.12, 3.23, 3.61]
    counts = np.array([13_333, 3_905, 5, 4])
    assert class_weights(counts, "sqrt") == pytest.approx(raw / raw.mean())


def test_sqrt_weights_are_the_root_of_sklearns_balanced_ones() -> None:
    labels = np.repeat(np.arange(3), COUNTS)
    balanced = np.sqrt(compute_class_weight("balanced", classes=np.arange(3), y=labels))
    assert class_weights(COUNTS, "sqrt") == pytest.approx(balanced / balanced.mean())


def test_a_label_without_rows_has_a_finite_weight() -> None:
    assert class_weights(np.array([4, 0, 1]), "sqrt") == pytest.approx(np.array([1, 2, 2]) * 3 / 5)


def _mean(loss, logits, labels) -> float:
    return float(loss.rows(logits, labels).sum() / loss.weights[labels.numpy()].sum())


@pytest.fixture
def batch():
    import torch

    torch.manual_seed(0)
    return torch.randn(7, 3), torch.tensor([0, 0, 1, 2, 1, 0, 2])


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighting", ["none", "sqrt", "balanced"])
def test_ce_is_torchs_weighted_mean(batch, smoothing: float, weighting: str) -> None:
    import torch

    logits, labels = batch
    weight = torch.tensor(class_weights(COUNTS, weighting)).float()
    expected = torch.nn.CrossEntropyLoss(weight=weight, label_smoothing=smoothing)(logits, labels)
    loss = make_loss("ce", COUNTS, weighting=weighting, label_smoothing=smoothing)
    assert _mean(loss, logits, labels) == pytest.approx(float(expected), rel=1e-5)


def test_focal_by_hand() -> None:
    import torch

    logits = torch.log(torch.tensor([[0.8, 0.1, 0.1]]))
    loss = make_loss("focal", COUNTS, focal_gamma=2.0).rows(logits, torch.tensor([0]))
    assert float(loss) == pytest.approx(0.2**2 * -math.log(0.8), rel=1e-5)


def test_logit_adjusted_by_hand() -> None:
    import torch

    # Equal logits: after adding log π the softmax is the prior itself.
    loss = make_loss("logit_adjusted", COUNTS, tau=1.0).rows(torch.zeros(1, 3), torch.tensor([2]))
    assert float(loss) == pytest.approx(math.log(126 / 1), rel=1e-5)
    half = make_loss("logit_adjusted", COUNTS, tau=0.5).rows(torch.zeros(1, 3), torch.tensor([2]))
    assert float(half) == pytest.approx(math.log(10 + 5 + 1), rel=1e-5)


def test_balanced_softmax_is_logit_adjustment_at_one(batch) -> None:
    logits, labels = batch
    a = make_loss("balanced_softmax", COUNTS, tau=5.0).rows(logits, labels)
    b = make_loss("logit_adjusted", COUNTS, tau=1.0).rows(logits, labels)
    assert a.numpy() == pytest.approx(b.numpy(), rel=1e-5)
