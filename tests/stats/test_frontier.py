"""Pareto frontier: the course's six configurations and its properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from reportgen.errors import InputError, UsageError
from reportgen.stats import pareto

# Week 5, published: macro F1 and latency (ms an example).
NAMES = ["enc fp16", "enc int8", "enc int4", "dec fp16", "dec int8", "dec int4"]
POINTS = np.array([[0.2095, 2.31], [0.2071, 5.80], [0.212, 3.19], [0.2399, 5.05], [0.2401, 12.65], [0.2205, 7.92]])


def test_the_courses_frontier():
    dominated = pareto(POINTS, ["max", "min"])
    assert dominated.tolist() == [-1, 0, -1, -1, -1, 3]


def test_a_tolerance_removes_what_only_noise_saves():
    # dec int8 stands by .0002 macro F1 only; within .005 dec fp16 is as good and more than twice as fast.
    dominated = pareto(POINTS, ["max", "min"], epsilon=[0.005, 0.25])
    assert dominated[NAMES.index("dec int8")] == NAMES.index("dec fp16")
    assert dominated[NAMES.index("dec fp16")] == -1


def test_equal_points_do_not_dominate_each_other():
    assert pareto([[1, 1], [1, 1], [1, 0]], ["max", "max"]).tolist() == [-1, -1, 0]
    assert pareto([[1.0], [1.05], [2.0]], ["max"], epsilon=0.1).tolist() == [2, 2, -1]


def test_unknown_neither_dominates_nor_is_dominated():
    points = [[0.9, np.nan], [0.5, 3.0], [0.6, 2.0]]
    assert pareto(points, ["max", "min"]).tolist() == [-1, 2, -1]


def test_the_named_dominator_is_on_the_frontier():
    # 0 is dominated by 1 and by 2; 1 itself by 2.
    assert pareto([[1], [2], [3]], ["max"]).tolist() == [2, 2, -1]


@settings(deadline=None)
@given(
    arrays(np.float64, st.tuples(st.integers(1, 12), st.just(3)), elements=st.floats(-3, 3).map(lambda x: round(x, 1)))
)
def test_against_the_definition(points):
    directions = ["max", "min", "max"]
    sign = np.array([1, -1, 1])
    dominated = pareto(points, directions)

    def beats(a, b):
        return (sign * a >= sign * b).all() and (sign * a > sign * b).any()

    for i, by in enumerate(dominated):
        if by >= 0:
            assert beats(points[by], points[i])
            assert dominated[by] == -1
        else:
            assert not any(beats(other, points[i]) for other in points)
    assert (dominated == -1).any()
    flipped = pareto(-points, ["min", "max", "min"])
    np.testing.assert_array_equal(flipped, dominated)


def test_refusals_and_no_points():
    assert pareto(np.zeros((0, 2)), ["max", "min"]).tolist() == []
    with pytest.raises(UsageError):
        pareto([[1.0]], ["up"])
    with pytest.raises(InputError):
        pareto([[1.0]], ["max", "min"])
    for epsilon in (-1, np.nan, [1, 2, 3]):
        with pytest.raises(InputError):
            pareto([[1.0, 2.0]], ["max", "min"], epsilon)
