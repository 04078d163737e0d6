from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.data import row_features, slice_axes
from reportgen.data.slices import AXES

TEXTS = [
    "I paid XXXX $5 on time",
    "I'm told  ACCT 12345 is CLOSED",
    "  I owe nothing",
    "It cost $ 5 in 2019",
    "abc12345 XXX",
    "",
]


def test_features_by_hand():
    rows = row_features(TEXTS, tokens=[30, 31, 127, 128, 5, 2])
    assert rows["chars"].tolist() == [len(text) for text in TEXTS]
    assert rows["words"].tolist() == [6, 6, 3, 6, 2, 0]
    assert rows["redacted"].tolist() == [True, False, False, False, False, False]
    assert rows["numeric"].tolist() == [True, True, False, True, False, False]
    assert rows["opener_I"].tolist() == [True, True, True, False, False, False]
    assert rows["caps_share"].tolist() == [1 / 6, 2 / 6, 0, 0, 1 / 2, 0]
    assert rows["tokens"].tolist() == [30, 31, 127, 128, 5, 2]
    assert row_features(TEXTS)["tokens"].isna().all()


def test_axes_by_hand():
    axes = slice_axes(row_features(TEXTS, tokens=[30, 31, 127, 128, 5, 2]))
    assert tuple(axes) == AXES
    assert axes["tok_length"].tolist() == ["1-30", "31-80", "81-127", "truncated_128", "1-30", "1-30"]
    assert axes["redaction"].tolist() == ["redacted"] + ["clean"] * 5
    assert axes["opener_I"].tolist() == ["starts_I"] * 3 + ["other_opener"] * 3
    # The median of the shares is 1/12.
    assert axes["allcaps"].tolist() == ["caps_high", "caps_high", "caps_low", "caps_low", "caps_high", "caps_low"]
    assert "tok_length" not in slice_axes(row_features(TEXTS))


def test_quartile_edges_belong_to_the_lower_slice():
    axes = slice_axes(row_features(["x" * n for n in (1, 2, 3, 4, 5)]))
    assert axes["char_length"].tolist() == ["q1_shortest", "q1_shortest", "q2", "q3", "q4_longest"]


@given(st.lists(st.text(max_size=30), min_size=1, max_size=20))
def test_every_row_has_one_name_on_each_axis(texts: list[str]):
    rows = row_features(texts)
    assert np.isfinite(rows["caps_share"]).all()
    for names in slice_axes(rows).values():
        assert len(names) == len(texts)
        assert all(isinstance(name, str) for name in names)


@pytest.mark.parametrize("texts", [[], np.array([], dtype=object)])
def test_no_rows(texts: object):
    assert all(len(names) == 0 for names in slice_axes(row_features(texts)).values())
