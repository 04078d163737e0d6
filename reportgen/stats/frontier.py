"""Pareto frontier over any number of axes, strict or with a tolerance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from reportgen.errors import InputError, UsageError
from reportgen.stats._check import Ints

Direction = Literal["max", "min"]


def pareto(points: ArrayLike, directions: Sequence[Direction], epsilon: ArrayLike | None = None) -> Ints:
    """For each point the index of a point that dominates it, or −1 for the frontier.

    Point a dominates b if it is at least as good on every axis and better on one. With `epsilon` (say the half-width
    of an interval), a may fall short by up to ε on any axis, and must be better by more than ε on one: an advantage
    inside the noise neither saves a point nor dominates one. A point with an unknown value (NaN) neither dominates nor
    is dominated.

    Args:
        points: (n, m) values.
        directions: "max" or "min" for each of the m axes.
        epsilon: tolerance, one number or one an axis, in the axis's unit; 0 when left out.

    Returns:
        (n,) int64. Of several dominating points one on the frontier is named before one that is not, then the first.

    Raises:
        UsageError: a direction that is neither "max" nor "min".
        InputError: shapes that do not fit, or a tolerance that is negative or not a number.
    """
    values = np.asarray(points, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != len(directions):
        raise InputError(f"points of shape {values.shape} do not fit {len(directions)} axes")
    if not set(directions) <= {"max", "min"}:
        raise UsageError("an axis is either 'max' or 'min'", where=", ".join(map(str, directions)))
    tolerance = np.zeros(len(directions)) if epsilon is None else np.asarray(epsilon, dtype=np.float64)
    if tolerance.shape not in ((), (len(directions),)) or not (tolerance >= 0).all():
        raise InputError("epsilon must be one non-negative number, or one for each axis")

    # Larger is better from here on; a comparison with NaN is false, which leaves the unknown alone on both sides.
    value = values * np.where(np.array(directions) == "max", 1.0, -1.0)
    a, b = value[:, None, :], value[None, :, :]
    dominates = (a >= b - tolerance).all(axis=2) & (a > b + tolerance).any(axis=2)
    dominated = dominates.any(axis=0)
    preference = dominates * np.where(dominated, 1, 2)[:, None]
    return np.where(dominated, preference.argmax(axis=0) if len(value) else -1, -1).astype(np.int64)
