"""Texts as arrays of word ids: one pass in Python, everything after it in NumPy."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_WORD = re.compile(r"\w+(?:'\w+)?")


@dataclass(frozen=True, eq=False)
class Words:
    """Lower-case words of n texts. Text i is `ids[starts[i]:starts[i + 1]]`; `vocabulary[id]` is the word."""

    ids: NDArray[np.int32]
    starts: NDArray[np.int64]
    vocabulary: tuple[str, ...]

    @classmethod
    def of(cls, texts: Sequence[str] | NDArray[np.object_]) -> Words:
        """Split each text into words; punctuation and case are dropped."""
        known: defaultdict[str, int] = defaultdict()
        known.default_factory = known.__len__
        parts = [np.fromiter(map(known.__getitem__, _WORD.findall(text.lower())), np.int32) for text in texts]
        starts = np.zeros(len(parts) + 1, np.int64)
        np.cumsum([len(part) for part in parts], out=starts[1:])
        return cls(np.concatenate([np.empty(0, np.int32), *parts]), starts, tuple(known))

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Words of each text, shape (n,)."""
        return np.diff(self.starts)

    def take(self, positions: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where the words of those texts lie in `ids`, and the starts of each text in that selection."""
        lengths = self.lengths[positions]
        starts = np.zeros(len(positions) + 1, np.int64)
        np.cumsum(lengths, out=starts[1:])
        where = np.arange(starts[-1]) + np.repeat(self.starts[positions] - starts[:-1], lengths)
        return where, starts

    def share_of(self, chosen: re.Pattern[str], aside: re.Pattern[str]) -> NDArray[np.float64]:
        """Share of each text's words that are `chosen`, those `aside` not counted; NaN without words; shape (n,)."""
        with np.errstate(invalid="ignore"):
            return self._count(chosen) / (self.lengths - self._count(aside))

    def _count(self, pattern: re.Pattern[str]) -> NDArray[np.int64]:
        flags = np.fromiter((pattern.fullmatch(word) is not None for word in self.vocabulary), np.int64)
        sums = np.concatenate([np.zeros(1, np.int64), np.cumsum(flags[self.ids])])
        found: NDArray[np.int64] = sums[self.starts[1:]] - sums[self.starts[:-1]]
        return found
