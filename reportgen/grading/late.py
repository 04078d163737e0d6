"""Late days and what they cost."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from reportgen.errors import UsageError


def parse_due(text: str) -> datetime:
    """A due date in ISO form on the clock of the Moodle site; a date alone means its last minute.

    Raises:
        UsageError: it is no ISO date.
    """
    try:
        due = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is no date", where="--due", remedy="write it as 2026-11-18T23:59") from None
    if due.tzinfo is not None:
        raise UsageError(
            "a time zone", where="--due", remedy="the worksheet has none: write the due date on the site's clock"
        )
    return due + timedelta(hours=23, minutes=59, seconds=59) if len(text) <= len("2026-11-18") else due


def days_late(submitted: datetime | None, due: datetime | None) -> int | None:
    """Days begun after the due date; None where either is unknown. The minute of the deadline is still in time."""
    if submitted is None or due is None:
        return None
    # The worksheet shows minutes, so a submission of 23:59:30 reads 23:59.
    return max(0, math.ceil((submitted - due) / timedelta(days=1)))


def penalised(points: float, days: float, per_day: float) -> float:
    """Points left after `per_day` per cent of them for each day, never below zero."""
    return round(points * max(0.0, 1 - days * per_day / 100), 2)
