"""The whole corpus as tables: a plan of rows, a text and a date for each."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from ...errors import UsageError
from .plan import Cell, plan
from .stream import Stream
from .writer import Writer

if TYPE_CHECKING:
    import pandas as pd

FIRST_DAY = date(2015, 3, 19)
NEW_FORM = date(2017, 4, 24)
"""First day of the complaint form with the new label names."""
LAST_DAY = date(2018, 12, 31)


def generate(seed: int = 42, limit: int | None = None) -> dict[str, pd.DataFrame]:
    """The synthetic stand-in for the course data, before its label pipeline.

    The texts are invented; sizes, label names, imbalance and difficulty follow what the course publishes about the
    real data. After the course's merge map, and after leaving out labels that are not its own (16 rows of train, 7 of
    test), 57,846 / 6,430 / 21,432 rows of 113 labels remain.

    Args:
        seed: of every random choice; the same seed gives the same rows on every platform.
        limit: rows in all, instead of the full corpus. Splits and labels are shared out in proportion; labels keep
            two training rows and one in val and test where there is room. Only these rows are made.

    Returns:
        Splits `train`, `val` and `test` with the columns `text`, `label` (raw name, old or new) and `date` (ISO).

    Raises:
        UsageError: limit is not positive or seed is negative.
    """
    import pandas as pd

    if limit is not None and limit < 1:
        raise UsageError(f"limit {limit} leaves no rows", remedy="give a positive number, or none for the full corpus")
    if seed < 0:
        raise UsageError(f"seed {seed} is negative", remedy="give 0 or more")
    stream = Stream(seed)
    writer = Writer(stream)
    splits = {}
    for split, cells in plan(limit).items():
        rows = [_row(cell, writer, stream) for cell in cells for _ in range(cell.rows)]
        table = pd.DataFrame(rows, columns=["text", "label", "date"], dtype=object)
        splits[split] = table.iloc[stream.permutation(len(table))].reset_index(drop=True)
    return splits


def _row(cell: Cell, writer: Writer, stream: Stream) -> tuple[str, str, str]:
    old, new = cell.label.raw[cell.raw]
    first, end = (FIRST_DAY, NEW_FORM) if stream.uniform() * (old + new) < old else (NEW_FORM, LAST_DAY + timedelta(1))
    day = first + timedelta(stream.integer() % (end - first).days)
    return writer.write(cell.label, day.year), cell.raw, day.isoformat()
