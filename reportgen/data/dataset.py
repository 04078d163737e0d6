"""What a loaded dataset is: labelled texts in named splits, and how they came about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .courses import Course


@dataclass(frozen=True, eq=False)
class Split:
    """Rows of one split, in source order.

    Shapes: `row_ids`, `texts` (object arrays of str) and `labels` (int16 ids) all have length n.
    """

    row_ids: NDArray[np.object_]
    texts: NDArray[np.object_]
    labels: NDArray[np.int16]
    sampled_of: int | None = None
    """N when these rows are a sample of N, else None."""

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Provenance:
    """What happened between the source and the splits; the audit and the disclosure are written from it."""

    raw_rows: int
    raw_labels: Mapping[str, int]
    """Label as found in the source (whitespace stripped) to its number of rows."""
    merged: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    """Raw label to (label it became, rows moved)."""
    dropped: Mapping[str, int] = field(default_factory=dict)
    """Label left out (too few rows, or not in the course's list) to rows lost with it."""
    empty_rows: int = 0
    """Rows without text or without label, left out."""
    label_years: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Raw label to year to rows, where the source has a date column."""
    dates: Mapping[str, NDArray[np.object_]] = field(default_factory=dict)
    """Split name to the year (str, '' if unknown) of each row, where the source has a date column."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled texts in splits `train`, `val`, `test` (any may be missing).

    `notes` are sentences for the user: what was guessed, merged, dropped or too small to stratify.
    """

    name: str
    revision: str | None
    course: Course
    labels: tuple[str, ...]
    splits: Mapping[str, Split]
    provenance: Provenance
    notes: tuple[str, ...] = ()
    synthetic: bool = False
    licence: str | None = None

    @cached_property
    def train_counts(self) -> NDArray[np.int64]:
        """Training rows of each label, shape (K,)."""
        train = self.splits.get("train")
        ids = np.empty(0, np.int16) if train is None else train.labels
        return np.bincount(ids, minlength=len(self.labels)).astype(np.int64)
