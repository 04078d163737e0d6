"""Check a finished memo: recompute what it carries, compare it with what its page shows, read its prose."""

from __future__ import annotations

from .memo import Inspection, check_memo, inspect_memo
from .report import Finding, Report

__all__ = ["Finding", "Inspection", "Report", "check_memo", "inspect_memo"]
