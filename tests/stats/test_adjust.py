"""Post-hoc logit adjustment."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score

from reportgen.errors import InputError, UsageError
from reportgen.stats import adjust, choose_tau, log_prior, scores


def imbalanced(n=4000, k=8, seed=0):
    """Bayes-optimal logits for an imbalanced mixture of Gaussians."""
    rng = np.random.default_rng(seed)
    share = 0.5 ** np.arange(1, k + 1)
    share /= share.sum()
    labels = rng.choice(k, n, p=share)
    x = np.eye(k)[labels] * 1.5 + rng.normal(size=(n, k))
    return 1.5 * x + np.log(share), labels, np.bincount(labels, minlength=k)


def test_log_prior():
    np.testing.assert_allclose(np.exp(log_prior([3, 1])), [0.75, 0.25])
    assert np.isfinite(log_prior([5, 0])).all()
    for bad in ([], [-1, 2], [0.5, 0.5]):
        with pytest.raises(InputError):
            log_prior(bad)


def test_adjust_by_hand():
    prior = np.log([0.9, 0.1])
    logits = np.array([[1.0, 0.0]])
    np.testing.assert_array_equal(adjust(logits, prior, 0), logits)
    np.testing.assert_allclose(adjust(logits, prior, 1), logits - prior)
    assert adjust(logits, prior, 1).argmax() == 1
    with pytest.raises(InputError, match="3 priors"):
        adjust(logits, [0.0, 0.0, 0.0], 1)
    with pytest.raises(InputError):
        adjust(logits, prior, np.nan)


def test_tau_one_is_best_for_balanced_accuracy_of_bayes_logits():
    logits, labels, counts = imbalanced(n=20000)
    chosen = choose_tau(logits, labels, log_prior(counts), metric="balanced_accuracy")
    assert chosen.tau == pytest.approx(1, abs=0.3)
    predictions = adjust(logits, log_prior(counts), chosen.tau).argmax(axis=1)
    assert chosen.score == pytest.approx(balanced_accuracy_score(labels, predictions))
    assert chosen.score > chosen.scores[0]


def test_tau_by_macro_f1_is_the_grids_maximum():
    logits, labels, counts = imbalanced()
    chosen = choose_tau(logits, labels, log_prior(counts))
    assert chosen.score == max(chosen.scores)
    predictions = adjust(logits, log_prior(counts), chosen.tau).argmax(axis=1)
    assert chosen.score == pytest.approx(f1_score(labels, predictions, labels=range(8), average="macro"))
    assert chosen.scores[0] == pytest.approx(scores(labels, logits.argmax(axis=1), 8).macro_f1)


def test_ties_keep_the_smallest_tau_and_bad_requests_are_refused():
    logits = np.array([[9.0, 0.0], [0.0, 9.0]])
    assert choose_tau(logits, [0, 1], np.log([0.5, 0.5]), taus=(2.0, -0.5, 1.0)).tau == -0.5
    with pytest.raises(UsageError):
        choose_tau(logits, [0, 1], [0.0, 0.0], metric="accuracy")
    with pytest.raises(UsageError):
        choose_tau(logits, [0, 1], [0.0, 0.0], taus=())
