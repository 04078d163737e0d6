"""The bootstrap's resamples: one seeded matrix of row counts, drawn once and shared by a whole memo."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reportgen.errors import InputError
from reportgen.stats._check import Bools, Ints

RESAMPLES, SEED = 2000, 42

_DRAW_BLOCK = 50
_PRODUCT_BLOCK = 256


@dataclass(frozen=True)
class RowCounts:
    """How often each row was drawn: `matrix` is (n, resamples), a column a resample that sums to n.

    uint8 holds every count: the probability of drawing one row 256 times is below 1e-500.
    """

    n: int
    resamples: int
    seed: int
    matrix: NDArray[np.uint8]

    def blocks(self, dtype: np.dtype[Any], mask: Bools | None = None) -> Iterator[tuple[slice, NDArray[Any]]]:
        """Column ranges and the counts in them as `dtype`, one range at a time so that they stay in cache."""
        for start in range(0, self.resamples, _PRODUCT_BLOCK):
            columns = slice(start, min(start + _PRODUCT_BLOCK, self.resamples))
            block = self.matrix[:, columns] if mask is None else self.matrix[mask, columns]
            yield columns, block.astype(dtype)

    def totals(self, mask: Bools | None = None) -> Ints:
        """Rows of the mask in each resample, (resamples,)."""
        if mask is None:
            return np.full(self.resamples, self.n, dtype=np.int64)
        totals: Ints = self.matrix[mask].sum(axis=0, dtype=np.int64)
        return totals


def row_counts(n: int, resamples: int = RESAMPLES, seed: int = SEED) -> RowCounts:
    """Draw the memo's resamples: each column is multinomial(n, 1/n).

    Args:
        n: rows of the split.
        resamples: number of resamples R.
        seed: of numpy's default generator.

    Raises:
        InputError: no rows, or no resamples.
    """
    if n < 1 or resamples < 1:
        raise InputError(f"a bootstrap needs rows and resamples, got {n} and {resamples}")
    rng = np.random.default_rng(seed)
    drawn = np.empty((resamples, n), dtype=np.uint8)
    for start in range(0, resamples, _DRAW_BLOCK):
        block = drawn[start : start + _DRAW_BLOCK]
        ids = rng.integers(0, n, size=block.shape)
        ids += np.arange(len(block))[:, None] * n
        block[:] = np.bincount(ids.ravel(), minlength=block.size).reshape(block.shape)
    return RowCounts(n, resamples, seed, np.ascontiguousarray(drawn.T))
