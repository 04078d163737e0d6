"""Bundles in, one typed evidence object a week out; every item answers one line of the rubric."""

from __future__ import annotations

from .build import build, weeks_built
from .model import Figure, Item, Section, Table, Value, WeekEvidence
from .rubric import Rubric, load_rubric

__all__ = [
    "Figure",
    "Item",
    "Rubric",
    "Section",
    "Table",
    "Value",
    "WeekEvidence",
    "build",
    "load_rubric",
    "weeks_built",
]
