"""How figures are written."""

from __future__ import annotations

import math

import pytest

from reportgen.evidence.model import Interval
from reportgen.evidence.numbers import listing, plural, show, show_interval, show_size


@pytest.mark.parametrize(
    ("value", "unit", "signed", "text"),
    [
        (0.542, "fraction", False, "54.2 %"),
        (0.0004, "fraction", False, "0.04 %"),
        (0.084, "fraction", True, "+8.4 pp"),
        (-0.084, "fraction", True, "−8.4 pp"),
        (0.1324, "score", False, "0.132"),
        (-0.0001, "score", True, "−0.0001"),
        (-0.00001, "score", True, "0.0000"),
        (0.0001, "score", False, "0.000"),
        (0.0, "score", True, "0.000"),
        (0.076, "score", True, "+0.076"),
        (57846, "count", False, "57,846"),
        (-3, "count", True, "−3"),
        (69.5, "words", False, "69.5"),
        (0.42, "seconds", False, "0.42 s"),
        (93.4, "seconds", False, "93.4 s"),
        (1948.0, "seconds", False, "32.5 min"),
        (58.2, "ms", False, "58.2 ms"),
        (5.8e8, "bytes", False, "580.00 MB"),
        (2.3, "ratio", False, "2.30×"),
        (3333.25, "ratio", False, "3,333×"),
        (0.0001, "p", False, "< .001"),
        (0.0312, "p", False, ".031"),
        (1.0, "p", False, "1"),
        (3.0, "number", False, "3"),
        (None, "score", False, "–"),
        (math.nan, "score", False, "–"),
        (True, "text", False, "yes"),
        ("1/2", "score", False, "1/2"),
    ],
)
def test_show(value, unit, signed, text) -> None:
    assert show(value, unit, signed=signed) == text


def test_interval_writes_the_unit_once() -> None:
    assert show_interval(Interval(0.53, 0.554, "m"), "fraction") == "[53.0, 55.4 %]"
    assert show_interval(Interval(-0.01, 0.02, "m"), "score", signed=True) == "[−0.010, +0.020]"


def test_words() -> None:
    assert plural(1, "class", "classes") == "1 class"
    assert plural(1200, "row") == "1,200 rows"
    assert listing([]) == ""
    assert listing(["a"]) == "a"
    assert listing(["a", "b", "c"]) == "a, b and c"
    assert listing(list("abcdefg"), limit=2) == "a, b and 5 more"


def test_a_size_is_as_exact_as_the_difference_beside_it() -> None:
    assert [show_size(delta, "score") for delta in (-0.0002, 0.0132)] == ["0.0002", "0.013"]
    assert show_size(-0.0312, "fraction") == "3.1 pp"
