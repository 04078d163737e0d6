"""What every statistic demands of its arrays; hostile files end here with one clear line."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reportgen.errors import InputError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

UNPARSED = -1
"""The prediction of a row whose answer could not be read as a label; always wrong."""


def integers(values: ArrayLike, name: str) -> Ints:
    """A one-dimensional int64 array, or an InputError that names it."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise InputError(f"{name} must be one-dimensional, got shape {array.shape}")
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise InputError(f"{name} must be integers, got {array.dtype}", remedy="pass label ids, not names or floats")
    return array.astype(np.int64, copy=False)


def floats(values: ArrayLike, name: str, *, ndim: int = 1) -> Floats:
    """A float64 array of `ndim` dimensions without NaN or infinity."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} must be numbers") from error
    if array.ndim != ndim:
        raise InputError(f"{name} must have {ndim} dimension{'s' * (ndim > 1)}, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise InputError(f"{name} holds NaN or infinity")
    return array


def label_rows(labels: ArrayLike, k: int) -> Ints:
    """True labels: ids in [0, k)."""
    y = integers(labels, "labels")
    if k < 1:
        raise InputError(f"the label list must have at least one label, got {k}")
    if y.size and (y.min() < 0 or y.max() >= k):
        raise InputError(f"labels must lie in 0…{k - 1}, got {y.min()}…{y.max()}")
    return y


def rows(labels: ArrayLike, predictions: ArrayLike, k: int) -> tuple[Ints, Ints]:
    """Labels in [0, k) and as many predictions in [-1, k); at least one row."""
    y, p = label_rows(labels, k), integers(predictions, "predictions")
    if y.size != p.size:
        raise InputError(f"{y.size} labels but {p.size} predictions")
    if not y.size:
        raise InputError("there are no rows to score")
    if p.min() < UNPARSED or p.max() >= k:
        raise InputError(f"predictions must lie in -1…{k - 1}, got {p.min()}…{p.max()}")
    return y, p


def mask_rows(mask: ArrayLike | None, n: int) -> Bools | None:
    """A boolean mask of `n` rows that selects at least one, or None for all rows."""
    if mask is None:
        return None
    selected = np.asarray(mask)
    if selected.dtype != np.bool_ or selected.shape != (n,):
        raise InputError(f"a mask must be {n} booleans, got {selected.dtype} of shape {selected.shape}")
    if not selected.any():
        raise InputError("the mask selects no row")
    return selected


def same_length(name: str, values: NDArray[Any], n: int) -> None:
    """Refuse an array whose first dimension is not `n`."""
    if len(values) != n:
        raise InputError(f"{name} has {len(values)} rows, expected {n}")
