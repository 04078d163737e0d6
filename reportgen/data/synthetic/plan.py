"""How many rows each label has in each split, and under which of its raw names."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..courses import load_course

COURSE = "ecbs5200"
TEST_ROWS = 21_432


@dataclass(frozen=True)
class Label:
    """A label as `labels.toml` describes it; the shares of train and val set the rows of test."""

    name: str
    family: str
    train: int
    val: int
    test: int
    raw: Mapping[str, tuple[float, float]]
    """Raw name to its weight under the old form (until 23 April 2017) and under the new one."""
    cues: tuple[str, ...]
    kept: bool
    """Whether the course keeps the label."""


@dataclass(frozen=True)
class Cell:
    """Rows of one split that share a label and a raw name."""

    label: Label
    raw: str
    rows: int


@cache
def labels() -> tuple[Label, ...]:
    """The course's labels in the order of their ids, then those with too few rows to be kept."""
    table = tomllib.loads((Path(__file__).parent / "labels.toml").read_text(encoding="utf-8"))
    course = load_course(COURSE)
    kept = {entry["name"]: entry for entry in table["label"]}
    ordered = [kept[name] for name in course.labels or ()]
    tests = apportion([entry["train"] + entry["val"] for entry in ordered], TEST_ROWS, minimum=1)
    return (
        *(_label(entry, test=int(rows), kept=True) for entry, rows in zip(ordered, tests, strict=True)),
        *(_label({"cues": [], "val": 0, **entry}, test=entry["test"], kept=False) for entry in table["dropped"]),
    )


def _label(entry: dict[str, Any], *, test: int, kept: bool) -> Label:
    raw = {name: (float(old), float(new)) for name, (old, new) in entry["raw"].items()}
    cues = tuple(entry["cues"])
    return Label(entry["name"], entry["family"], entry["train"], entry["val"], test, raw, cues, kept)


def plan(limit: int | None = None) -> dict[str, list[Cell]]:
    """Cells of the splits train, val and test.

    Args:
        limit: rows in all, shared out like the full corpus; every label keeps two training rows and one in val and
            test where that takes at most half of a split. None: the full corpus, with its few rows of labels that the
            course leaves out.
    """
    everything = labels()
    kept = [label for label in everything if label.kept]
    full = {split: [getattr(label, split) for label in kept] for split in ("train", "val", "test")}
    if limit is None or limit >= sum(map(sum, full.values())):
        return {split: _cells(everything, [getattr(label, split) for label in everything]) for split in full}
    sizes = apportion([sum(rows) for rows in full.values()], limit, minimum=1 if limit >= len(full) else 0)
    cells = {}
    for (split, rows), size in zip(full.items(), sizes, strict=True):
        minimum = 2 if split == "train" else 1
        floor = minimum if 2 * minimum * len(rows) <= size else 0
        cells[split] = _cells(kept, apportion(rows, int(size), minimum=floor))
    return cells


def apportion(weights: Sequence[float], total: int, minimum: int = 0) -> NDArray[np.int64]:
    """Whole numbers that add up to `total`, as near to proportional as can be (largest remainders, Hamilton 1792).

    Each share gets `minimum` first; what is left is shared in proportion to the weight above it.
    """
    shares = np.maximum(np.asarray(weights, float) - minimum, 1e-9)
    exact = shares / shares.sum() * (total - minimum * len(shares))
    rows: NDArray[np.int64] = np.floor(exact).astype(np.int64)
    rows[np.argsort(rows - exact, kind="stable")[: total - minimum * len(shares) - rows.sum()]] += 1
    rows += minimum
    return rows


def _cells(wanted: Sequence[Label], rows: Sequence[int] | NDArray[np.int64]) -> list[Cell]:
    cells = []
    for label, total in zip(wanted, rows, strict=True):
        names = list(label.raw)
        minimum = 1 if total >= 2 * len(names) else 0
        parts = apportion([sum(label.raw[name]) for name in names], int(total), minimum)
        cells += [Cell(label, name, int(part)) for name, part in zip(names, parts, strict=True) if part]
    return cells
