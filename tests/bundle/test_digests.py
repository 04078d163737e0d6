from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.bundle import canonical_json, labels_sha256, rows_sha256, text_sha256


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_canonical_json_sorts_keys_and_keeps_unicode() -> None:
    assert canonical_json({"b": [1, 2.5, None, True], "a": "é"}) == '{"a":"é","b":[1,2.5,null,true]}'.encode()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": [float("-inf")]}, "\ud800"])
def test_canonical_json_has_no_byte_string_for(value: object) -> None:
    with pytest.raises(ValueError, match=r"JSON compliant|surrogates"):
        canonical_json(value)


def test_text_digest_is_the_sha256_of_utf8() -> None:
    found = text_sha256(["abc", "é", None, ""])
    assert found.tolist() == [
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",  # FIPS 180-4, example 1
        sha("é"),
        None,
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ]


def test_hostile_text_has_a_digest_too() -> None:
    assert len(text_sha256(["\ud800 lone surrogate", "\x00"])[0]) == 64


def test_rows_digest_by_hand() -> None:
    expected = sha(f'[["r1","{sha("x")}",2],["r10",null,0],["r2",null,1]]')
    assert rows_sha256(["r2", "r1", "r10"], [None, sha("x"), None], [1, 2, 0]) == expected


def test_labels_digest_by_hand() -> None:
    assert labels_sha256(["b", "a"]) == sha('["b","a"]')
    assert labels_sha256(["a", "b"]) != labels_sha256(["b", "a"])


@given(
    st.lists(st.tuples(st.text(min_size=1), st.integers(0, 9)), unique_by=lambda row: row[0], max_size=20), st.randoms()
)
def test_rows_digest_ignores_order_and_nothing_else(rows: list[tuple[str, int]], random: object) -> None:
    rows = [(name.encode("utf-8", "replace").decode(), label) for name, label in rows]
    rows = list(dict(rows).items())
    shuffled = rows.copy()
    random.shuffle(shuffled)

    def digest(of: list[tuple[str, int]]) -> str:
        return rows_sha256([name for name, _ in of], None, np.array([label for _, label in of], dtype=int))

    assert digest(rows) == digest(shuffled)
    if rows:
        changed = [(rows[0][0], rows[0][1] + 1), *rows[1:]]
        assert digest(rows) != digest(changed)
        assert digest(rows) != digest(rows[1:])
