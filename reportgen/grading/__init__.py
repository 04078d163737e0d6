"""Submissions in; checks, draft scores, feedback and a worksheet out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .batch import grade_class
    from .edits import record_edit
    from .job import ClassReport, Request
    from .one import Options, grade_one
    from .results import Graded

__all__ = ["ClassReport", "Graded", "Options", "Request", "grade_class", "grade_one", "record_edit"]

_HOMES = {
    "ClassReport": "job",
    "Graded": "results",
    "Options": "one",
    "Request": "job",
    "grade_class": "batch",
    "grade_one": "one",
    "record_edit": "edits",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(name)
    from importlib import import_module

    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
