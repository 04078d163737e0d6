"""Scores, per-class scores and the confusion matrix."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_recall_fscore_support

from reportgen.errors import InputError
from reportgen.stats import confusion, per_class, scores

K = 6
ROWS = st.integers(1, 60).flatmap(
    lambda n: st.tuples(
        arrays(np.int64, n, elements=st.integers(0, K - 1)), arrays(np.int64, n, elements=st.integers(-1, K - 1))
    )
)


def test_asymmetric_case_by_hand():
    labels, predictions = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 1, 1, 1, 2, -1])
    # Rows are true labels: two rows of 0 went to 1, none of 1 to 0. The unparsed row of 2 is in no column.
    assert confusion(labels, predictions, 4).tolist() == [[1, 2, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    classes = per_class(labels, predictions, 4)
    assert classes.support.tolist() == [3, 2, 1, 0]
    assert classes.predicted.tolist() == [1, 3, 1, 0]
    assert classes.hits.tolist() == [1, 1, 0, 0]
    assert classes.precision == pytest.approx([1, 1 / 3, 0, 0])
    assert classes.recall == pytest.approx([1 / 3, 1 / 2, 0, 0])
    assert classes.f1 == pytest.approx([0.5, 0.4, 0, 0])
    total = scores(labels, predictions, 4)
    assert (total.n, total.zero_f1, total.zero_f1_supported, total.classes_present) == (6, 2, 1, 3)
    assert total.accuracy == pytest.approx(2 / 6)
    assert total.macro_f1 == pytest.approx(0.9 / 4)
    assert total.macro_f1_present == pytest.approx(0.9 / 3)
    assert total.weighted_f1 == pytest.approx((3 * 0.5 + 2 * 0.4) / 6)


@settings(max_examples=40, deadline=None)
@given(ROWS)
def test_equals_scikit_learn(rows):
    labels, predictions = rows
    total, every = scores(labels, predictions, K), range(K)
    kwargs = {"labels": every, "zero_division": 0}
    assert total.accuracy == pytest.approx(accuracy_score(labels, predictions))
    assert total.macro_f1 == pytest.approx(f1_score(labels, predictions, average="macro", **kwargs))
    assert total.weighted_f1 == pytest.approx(f1_score(labels, predictions, average="weighted", **kwargs))
    seen = sorted((set(labels.tolist()) | set(predictions.tolist())) - {-1})
    expected = f1_score(labels, predictions, labels=seen, average="macro", zero_division=0)
    assert total.macro_f1_present == pytest.approx(expected)
    p, r, f, s = precision_recall_fscore_support(labels, predictions, **kwargs)
    classes = per_class(labels, predictions, K)
    for ours, theirs in ((classes.precision, p), (classes.recall, r), (classes.f1, f), (classes.support, s)):
        np.testing.assert_allclose(ours, theirs)
    parsed = predictions >= 0
    if parsed.any():
        expected_cm = confusion_matrix(labels[parsed], predictions[parsed], labels=every)
        np.testing.assert_array_equal(confusion(labels, predictions, K), expected_cm)


@settings(deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_row_order_and_consistent_relabelling_change_nothing(rows, random):
    labels, predictions = rows
    order = list(range(labels.size))
    random.shuffle(order)
    names = list(range(K))
    random.shuffle(names)
    renamed = np.array([*names, -1])  # the last entry serves prediction -1
    before = scores(labels, predictions, K)
    assert scores(labels[order], predictions[order], K) == before
    after = scores(renamed[labels], renamed[predictions], K)
    for field in ("n", "zero_f1", "zero_f1_supported", "classes_present", "accuracy"):
        assert getattr(after, field) == getattr(before, field)
    for field in ("macro_f1", "macro_f1_present", "weighted_f1"):
        assert getattr(after, field) == pytest.approx(getattr(before, field), abs=1e-12)


@pytest.mark.parametrize(
    ("labels", "predictions", "k", "message"),
    [
        ([0, 1], [0], 2, "2 labels but 1 predictions"),
        ([], [], 2, "no rows"),
        ([0, 2], [0, 1], 2, "labels must lie in 0…1"),
        ([0, -1], [0, 1], 2, "labels must lie"),
        ([0, 1], [0, 2], 2, "predictions must lie in -1…1"),
        ([0, 1], [0, -2], 2, "predictions must lie"),
        ([0.0, 1.0], [0, 1], 2, "must be integers"),
        (["a", "b"], [0, 1], 2, "must be integers"),
        ([[0, 1]], [0, 1], 2, "one-dimensional"),
        ([0], [0], 0, "at least one label"),
    ],
)
def test_bad_arrays_are_refused_in_words(labels, predictions, k, message):
    with pytest.raises(InputError, match=message):
        scores(labels, predictions, k)


def test_int16_labels_of_a_bundle_do_not_overflow():
    labels = np.arange(300, dtype=np.int16)
    assert confusion(labels, labels, 300).trace() == 300
