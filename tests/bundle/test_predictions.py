from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import softmax

from reportgen.bundle import BadOutcome, TooLarge, outcome_of, rows_sha256, store_logits
from reportgen.bundle.predictions import from_parquet, prepare, to_parquet


def test_ordinary_logits_are_stored_raw() -> None:
    raw = np.array([[1.5, -20.25, 63.0], [0.1, 0.2, 0.3]])
    assert (store_logits(raw) == raw.astype(np.float16)).all()


def test_rounding_may_flip_an_argmax_and_the_prediction_follows_the_stored_one() -> None:
    raw = np.array([[10.0000, 10.0001]])
    assert raw.argmax() == 1
    predictions, confidence = outcome_of(store_logits(raw))
    assert predictions.tolist() == [0]  # equal in float16: the lowest id wins
    assert confidence[0] == pytest.approx(0.5)


def test_summed_log_probabilities_do_not_tie() -> None:
    raw = np.array([[-300.0, -300.1, -301.0]])
    assert raw.astype(np.float16)[0, 0] == raw.astype(np.float16)[0, 1]  # what raw storage would do
    stored = store_logits(raw)
    assert stored[0, 0] == 0
    assert softmax(stored.astype(float), axis=1) == pytest.approx(softmax(raw, axis=1), abs=1e-4)


@pytest.mark.parametrize("row", [[1e6, 1e6 - 3, -1e9], [0.0, -np.inf, -3.0], [5.0, -70_000.0, 1.0]])
def test_overflow_and_minus_infinity_keep_the_softmax(row: list[float]) -> None:
    stored = store_logits([row])
    assert np.isfinite(stored).all()
    assert softmax(stored.astype(float), axis=1) == pytest.approx(softmax(np.array([row]), axis=1), abs=1e-3)


@pytest.mark.parametrize(
    ("logits", "says"),
    [
        ([[1.0, np.nan]], "1 rows are NaN or infinite, first in row 0"),
        ([[0.0, 1.0], [np.inf, 1.0]], "first in row 1"),
        ([[-np.inf, -np.inf]], "NaN or infinite"),
        ([1.0, 2.0], r"shape \(2,\)"),
        ([["x", "y"]], "not a rectangular array"),
        ([[1.0], [1.0, 2.0]], "not a rectangular array"),
    ],
)
def test_what_no_logits_are(logits: object, says: str) -> None:
    with pytest.raises(BadOutcome, match=says):
        store_logits(logits)


floats = st.floats(-1e7, 1e7) | st.floats(-60, 60)


@given(hnp.arrays(float, hnp.array_shapes(min_dims=2, max_dims=2, max_side=8), elements=floats))
def test_storing_is_idempotent_and_true_to_the_softmax(raw: np.ndarray) -> None:
    stored = store_logits(raw)
    assert (store_logits(stored) == stored).all()
    # float16 keeps 11 bits: at most 1/32 off below 64, exact near the maximum of shifted rows.
    assert np.abs(softmax(stored.astype(float), axis=1) - softmax(raw, axis=1)).max() < 0.02
    predictions, confidence = outcome_of(stored)
    assert (predictions == stored.astype(float).argmax(axis=1)).all()
    assert confidence == pytest.approx(softmax(stored.astype(float), axis=1).max(axis=1), rel=1e-5)


def good(**changes: object) -> dict[str, object]:
    return {
        "row_ids": ["b", "a"],
        "text_sha256": None,
        "labels": np.array([1, 0]),
        "k": 2,
        "logits": [[1.0, 0.0], [3.0, 2.0]],
    } | changes


def test_rows_are_sorted_by_id_with_everything_they_own() -> None:
    part = prepare(**good())
    assert part.row_ids.tolist() == ["a", "b"]
    assert part.labels.tolist() == [0, 1]
    assert part.logits[:, 0].tolist() == [3.0, 1.0]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"row_ids": ["a", "a"]}, "row ids repeat"),
        ({"row_ids": ["a", ""]}, "row ids must be strings"),
        ({"row_ids": [1, 2]}, "row ids must be strings"),
        ({"row_ids": ["a", "x" * 257]}, "row ids must be strings"),
        ({"labels": np.array([0, 2])}, "labels run from 0 to 2; 2 names allow 0 … 1"),
        ({"labels": np.array([0, -1])}, "labels run from -1"),
        ({"labels": np.array([0.0, 1.0])}, "labels are float64"),
        ({"labels": np.array([0, 1, 1])}, "3 labels for 2 row ids"),
        ({"text_sha256": ["x"]}, "1 text_sha256 for 2 row ids"),
        ({"k": 3}, "2 logits a row for 3 label names"),
        ({"logits": None}, "either logits or predictions"),
        ({"predictions": np.array([0, 1])}, "either logits or predictions"),
        ({"confidence": [1, 1]}, "confidence follows from the logits"),
        ({"logits": None, "predictions": np.array([0, -2])}, "predictions run from -2"),
        ({"logits": None, "predictions": np.array([0, 1]), "confidence": [0.5, np.nan]}, "from 0 to 1"),
        ({"logits": None, "predictions": np.array([0, 1]), "confidence": [0.5, 1.5]}, "from 0 to 1"),
        ({"logits": None, "predictions": np.array([0, 1]), "confidence": ["x", "y"]}, "not an array of numbers"),
    ],
)
def test_arrays_that_do_not_fit(changes: dict[str, object], says: str) -> None:
    with pytest.raises(BadOutcome, match=says):
        prepare(**good(**changes))


def test_splits_with_and_without_logits_do_not_mix() -> None:
    parsed = prepare(**good(logits=None, predictions=np.array([0, -1])))
    with pytest.raises(BadOutcome, match="some splits have logits"):
        to_parquet({"val": prepare(**good()), "test": parsed}, 2)


def test_more_rows_than_any_honest_run(monkeypatch: pytest.MonkeyPatch) -> None:
    data = to_parquet({"val": prepare(**good())}, 2)
    monkeypatch.setattr("reportgen.bundle.tables.MAX_ROWS", 1)
    with pytest.raises(TooLarge, match="2 rows"):
        from_parquet(data, 2)
    monkeypatch.undo()
    monkeypatch.setattr("reportgen.bundle.predictions.MAX_CELLS", 3)
    with pytest.raises(TooLarge, match="2 rows × 2 labels"):
        from_parquet(data, 2)


def test_what_is_read_cannot_be_changed_by_accident() -> None:
    part = from_parquet(to_parquet({"val": prepare(**good())}, 2), 2)["val"]
    for array in (part.labels, part.predictions, part.confidence, part.logits, part.row_ids):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[1]


@st.composite
def splits(draw: st.DrawFn) -> tuple[dict[str, object], int]:
    k = draw(st.integers(1, 5))
    has_logits = draw(st.booleans())
    parts = {}
    for name in draw(st.lists(st.sampled_from(["train", "val", "test"]), unique=True, min_size=1)):
        text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
        ids = draw(st.lists(text, unique=True, min_size=1, max_size=12))
        n = len(ids)
        digests = draw(st.lists(st.none() | st.just("ab" * 32), min_size=n, max_size=n))
        labels = draw(hnp.arrays(np.int64, n, elements=st.integers(0, k - 1)))
        if has_logits:
            outcome = {"logits": draw(hnp.arrays(np.float32, (n, k), elements=st.floats(-2e5, 2e5, width=32)))}
        else:
            outcome = {
                "predictions": draw(hnp.arrays(np.int64, n, elements=st.integers(-1, k - 1))),
                "confidence": draw(st.none() | hnp.arrays(np.float32, n, elements=st.floats(0, 1, width=32))),
            }
        parts[name] = prepare(ids, digests, labels, k=k, **outcome)
    return parts, k


@settings(deadline=None, max_examples=60)
@given(splits())
def test_parquet_round_trip(case: tuple[dict[str, object], int]) -> None:
    parts, k = case
    found = from_parquet(to_parquet(parts, k), k)
    assert set(found) == set(parts)
    for name, part in parts.items():
        for field in ("row_ids", "text_sha256", "labels", "predictions", "confidence", "logits"):
            written, read = getattr(part, field), getattr(found[name], field)
            assert (written is None) == (read is None), field
            if written is not None:
                assert written.dtype == read.dtype
                assert written.tolist() == read.tolist(), field
        assert part.rows_sha256 == found[name].rows_sha256


def test_the_digest_of_rows_is_theirs_whatever_was_digested_before() -> None:
    texts = ["0" * 64, None]
    found = set()
    for ids, digests, labels in [
        (["a", "b"], texts, [0, 1]),
        (["a", "b"], texts, [0, 1]),
        (["a", "b"], texts, [1, 1]),
        (["a", "b"], [None, None], [0, 1]),
        (["a", "c"], texts, [0, 1]),
        (["a"], texts[:1], [0]),
    ]:
        stored = to_parquet({"val": prepare(ids, digests, labels, k=2, predictions=[0] * len(ids))}, 2)
        part = from_parquet(stored, 2)["val"]
        assert part.rows_sha256 == rows_sha256(ids, digests, labels)
        found.add(part.rows_sha256)
    assert len(found) == 5
