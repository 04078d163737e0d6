"""The one source of chance of the generator.

Only the raw 64-bit output of PCG64 is used: NumPy promises that it never changes, which it does not promise for the
methods of `Generator`. The same seed therefore gives the same corpus on every platform and NumPy version.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from statistics import NormalDist
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")

_BLOCK = 1 << 16
_NORMAL = NormalDist()


class Stream:
    """A seeded stream of draws for code that needs one value at a time."""

    def __init__(self, seed: int) -> None:
        self._bits = np.random.PCG64(seed)
        # A bound generator method is by far the cheapest call in the loop that writes the corpus.
        self.integer: Callable[[], int] = self._draws().__next__
        """Draws a uniform integer in [0, 2**64)."""

    def _draws(self) -> Iterator[int]:
        while True:
            yield from self._bits.random_raw(_BLOCK).tolist()

    def uniform(self) -> float:
        """A uniform number in [0, 1)."""
        return (self.integer() >> 11) * 2.0**-53

    def normal(self) -> float:
        """A standard normal number, by inversion."""
        return _NORMAL.inv_cdf(((self.integer() >> 11) + 0.5) * 2.0**-53)

    def pick(self, values: Sequence[T]) -> T:
        """One of the values, each as likely; the bias of the remainder is below 2**-50."""
        return values[self.integer() % len(values)]

    def permutation(self, n: int) -> NDArray[np.intp]:
        """A random order of n things."""
        return np.argsort(self._bits.random_raw(n), kind="stable")
