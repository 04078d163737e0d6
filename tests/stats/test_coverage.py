"""Coverage at thresholds and the service-level threshold."""

from __future__ import annotations

import numpy as np
import pytest

from reportgen.errors import InputError
from reportgen.stats import coverage, sla_threshold, wilson

CONF = np.array([0.5, 0.7, 0.7, 0.95, 0.6])
CORRECT = np.array([False, True, False, True, True])


def test_by_hand_thresholds_are_inclusive():
    at = {point.threshold: point for point in coverage(CONF, CORRECT, (0.7, 0.5, 0.96))}
    assert list(at) == [0.7, 0.5, 0.96]
    assert (at[0.7].n_covered, at[0.7].coverage, at[0.7].accuracy) == (3, 0.6, pytest.approx(2 / 3))
    assert (at[0.5].n_covered, at[0.5].accuracy) == (5, 0.6)
    assert (at[0.96].n_covered, at[0.96].coverage) == (0, 0)
    assert (at[0.96].accuracy, at[0.96].low, at[0.96].high) == (None, None, None)
    assert (at[0.7].low, at[0.7].high) == pytest.approx([float(end) for end in wilson(2, 3)])


def test_equals_a_loop():
    rng = np.random.default_rng(0)
    conf = np.round(rng.random(500), 2)
    correct = rng.random(500) < conf
    for point in coverage(conf, correct, np.linspace(0, 1, 21)):
        covered = conf >= point.threshold
        assert point.n_covered == covered.sum()
        if covered.any():
            assert point.accuracy == pytest.approx(correct[covered].mean())


def test_sla():
    rising = sla_threshold(CONF, CORRECT, 0.95, (0.5, 0.7, 0.9, 0.99))
    assert rising.met is not None
    assert rising.met.threshold == 0.9
    none = sla_threshold(CONF, CORRECT, 0.95, (0.5, 0.7))
    assert none.met is None
    assert none.best is not None
    assert none.best.threshold == 0.7
    empty = sla_threshold(CONF, CORRECT, 0.95, (0.99,))
    assert (empty.met, empty.best) == (None, None)


def test_refusals():
    with pytest.raises(InputError):
        coverage(CONF, CORRECT[:2])
    with pytest.raises(InputError):
        coverage(CONF, CORRECT, (np.nan,))
