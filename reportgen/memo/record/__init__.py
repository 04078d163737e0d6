"""What a memo carries so that it can be checked: its values, the outcomes behind them, digests of its text."""

from __future__ import annotations

from .make import embed
from .page import ELEMENT_ID, MemoPage, NotAMemo, read_page
from .schema import SCHEMA, Group, Record, RecordError, RecordRun, RecordValue

__all__ = [
    "ELEMENT_ID",
    "SCHEMA",
    "Group",
    "MemoPage",
    "NotAMemo",
    "Record",
    "RecordError",
    "RecordRun",
    "RecordValue",
    "embed",
    "read_page",
]
