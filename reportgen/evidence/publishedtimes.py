"""Times that files state: milliseconds an example by mode, and what follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import published
from .model import Column, Table, Value
from .numbers import as_number, show
from .timings import JOB, job_seconds, throughput

if TYPE_CHECKING:
    from reportgen.bundle import Bundle

_AGREE = 0.02
"""Rounded milliseconds and rounded examples a second may lie so far apart."""


@dataclass(frozen=True, eq=False)
class StatedTime:
    """Milliseconds an example of one run in one mode, with what its file says beside them."""

    run: Bundle
    mode: str
    ms: float
    batch_ms: float | None = None
    """Milliseconds a whole batch, where that is what the file states."""
    per_second: float | None = None
    minutes: float | None = None

    @property
    def name(self) -> str:
        """The mode as metrics write it."""
        return self.mode.replace("-", "_")

    def values(self) -> list[Value]:
        """Throughput and the time of the batch job, from the milliseconds."""
        return [
            published.derived(self.run, f"examples_per_second_{self.name}", throughput(self.ms), "number"),
            published.derived(self.run, f"time_for_64000_{self.name}", job_seconds(self.ms), "seconds"),
        ]

    def value(self) -> Value:
        """The milliseconds an example."""
        return published.derived(self.run, f"latency_ms_{self.name}", self.ms, "ms")


def times(run: Bundle) -> list[StatedTime]:
    """What a bundle states of single-stream and offline times; a mode nobody named answers for neither."""
    said = published.figures(run)
    latency = said.extra.get("latency")
    detail = latency if isinstance(latency, dict) else {}
    found = []
    if said.latency_ms and said.latency_mode == "single-stream":
        found.append(StatedTime(run, "single-stream", said.latency_ms))
    batched, rate = _positive(detail.get("batch_ms")), _positive(detail.get("throughput_per_sec"))
    if batched is None and said.latency_ms and said.latency_mode == "offline":
        batched = said.latency_ms
    if batched is not None and rate is not None and abs(throughput(batched) / rate - 1) > _AGREE:
        found.append(StatedTime(run, "offline", 1000 / rate, batched, rate, said.minutes_per_64k))
    elif batched is not None:
        found.append(StatedTime(run, "offline", batched, None, rate, said.minutes_per_64k))
    return found


def _positive(number: object) -> float | None:
    known = as_number(number)
    return known if known is not None and known > 0 else None


def times_table(found: Sequence[StatedTime], table_id: str) -> Table:
    """Stated times beside what follows from them."""
    rows = [
        {
            "run": one.run.run_id,
            "mode": one.mode,
            "ms": one.value(),
            "rate": one.values()[0],
            "job": one.values()[1],
            "stated": None if one.per_second is None else show(one.per_second),
            "minutes": None if one.minutes is None else f"{one.minutes:g} min",
        }
        for one in found
    ]
    columns = [
        Column("run", "Run"),
        Column("mode", "Mode"),
        Column("ms", "Stated", "ms", help="an example"),
        Column("rate", "Examples / s", "number"),
        Column("job", f"{JOB:,} examples", "seconds"),
        Column("stated", "Examples / s, stated"),
        Column("minutes", f"{JOB:,} examples, stated"),
    ]
    columns = [column for column in columns if any(row[column.key] is not None for row in rows)]
    return Table(
        id=table_id,
        caption="Times as the author's files state them, not measured here. Single-stream (one example a call) and "
        f"offline (batches) are different measurements. Throughput and the time for {JOB:,} examples follow from the "
        "milliseconds.",
        columns=tuple(columns),
        rows=tuple({column.key: row[column.key] for column in columns} for row in rows),
        row_header="run",
        notes=tuple(
            f"{one.run.run_id}: the {one.batch_ms:g} ms stated are a whole batch's; the milliseconds an example follow "
            "from the examples a second stated."
            for one in found
            if one.batch_ms is not None
        ),
        reported=True,
    )


def ratios(first: Sequence[StatedTime], second: Sequence[StatedTime]) -> list[tuple[str, float]]:
    """Mode, and how many times as long the second takes, where both state it."""
    return [(one.mode, other.ms / one.ms) for one in first for other in second if one.mode == other.mode]
