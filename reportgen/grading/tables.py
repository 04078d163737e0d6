"""CSV for spreadsheets: a cell that a spreadsheet would run as a formula is guarded."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from reportgen.memo.text import visible

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def guarded(value: object) -> str:
    """A cell's text; text that begins like a formula gets an apostrophe (OWASP, CSV injection)."""
    if value is None:
        return ""
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    text = str(value)
    shown = visible(" ".join(text.split()))
    return f"'{shown}" if text.startswith(_FORMULA) or shown.startswith(_FORMULA) else shown


def to_csv(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> bytes:
    """A table as UTF-8 with a byte-order mark, which spreadsheets need to read names right."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([guarded(column) for column in columns])
    writer.writerows([guarded(row.get(column)) for column in columns] for row in rows)
    return text.getvalue().encode("utf-8-sig", "backslashreplace")
