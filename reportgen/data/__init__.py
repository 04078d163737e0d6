"""Where examples come from: sources, labels, splits, slices and the audit."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .courses import Course as Course
    from .courses import course_names as course_names
    from .courses import load_course as load_course
    from .dataset import Dataset as Dataset
    from .dataset import Provenance as Provenance
    from .dataset import Split as Split
    from .load import load_dataset as load_dataset
    from .slices import row_features as row_features
    from .slices import slice_axes as slice_axes

_HOMES = {
    "Course": "courses",
    "course_names": "courses",
    "load_course": "courses",
    "Dataset": "dataset",
    "Provenance": "dataset",
    "Split": "dataset",
    "load_dataset": "load",
    "row_features": "slices",
    "slice_axes": "slices",
}

__all__ = [
    "Course",
    "Dataset",
    "Provenance",
    "Split",
    "course_names",
    "load_course",
    "load_dataset",
    "row_features",
    "slice_axes",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
