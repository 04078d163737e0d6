"""Latency records: what each says, and which two may be divided by one another."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reportgen.stats import latency_percentiles, order_statistic_interval

from .model import Column, Interval, Scalar, Table, Value
from .numbers import listing, show
from .runs import hardware

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from reportgen.bundle import Bundle, LatencyRecord

JOB = 64_000
"""Examples of the course's batch job."""
BUSY = 0.1
"""A reference kernel that moved by more than this, or others on more of the processors, cast doubt on a record."""


def throughput(ms: float) -> float:
    """Examples a second at so many milliseconds an example."""
    return 1000 / ms


def job_seconds(ms: float) -> float:
    """Seconds for the batch job at so many milliseconds an example."""
    return JOB * ms / 1000


SPOILT = 0.5
"""Beyond this a record is not divided by another: the machine took away more than the difference asked about."""


@dataclass(frozen=True, eq=False)
class Timing:
    """One latency record of one run; `ms` holds milliseconds an example, a sample each."""

    run: Bundle
    record: LatencyRecord
    ms: NDArray[np.float64]

    @property
    def median(self) -> float:
        """Median milliseconds an example."""
        return float(np.median(self.ms))

    @property
    def throughput(self) -> float:
        """Examples a second at the median."""
        return throughput(self.median)

    @property
    def conditions(self) -> dict[str, Scalar]:
        """What has to agree before two records are divided by one another."""
        record = self.record
        return {
            "mode": record.scenario,
            "batch size": record.batch_size,
            "padding": record.padding,
            "precision": record.dtype,
            "device": record.device,
            "hardware": hardware(self.run),
            # On a GPU they do the tokenising and no more.
            "threads": record.threads if record.device == "cpu" else None,
            "tokenisation timed": record.includes_tokenisation,
            "adapter left unmerged": record.merged is False,
        }

    @property
    def spoilt(self) -> bool:
        """Whether a reference kernel moved, or others used the processors, by more than half."""
        return abs(self.record.interference or 0) > SPOILT or (self.record.others_busy or 0) > SPOILT

    def value(self, metric: str = "latency_ms") -> Value:
        """Median milliseconds an example with its order-statistic interval."""
        low, high = order_statistic_interval(self.ms, 0.5)
        bounds = Interval(low, high, "order statistics") if math.isfinite(low) and math.isfinite(high) else None
        return Value(
            f"{metric}_{self.record.scenario.replace('-', '_')}",
            self.median,
            "ms",
            run=self.run.run_id,
            n=len(self.ms),
            interval=bounds,
            field="latency.json",
        )


def timings(runs: Sequence[Bundle], *, parts: bool = False) -> list[Timing]:
    """The latency records of these runs; a record whose clock never moved is left out.

    Args:
        parts: also those of the model's share alone, where the same was timed with tokenisation: a user waits for both.
    """
    found = []
    for run in runs:
        records = run.latency.records if run.latency else ()
        whole = {(one.scenario, one.batch_size) for one in records if one.includes_tokenisation}
        for record in records:
            if not (parts or record.includes_tokenisation or (record.scenario, record.batch_size) not in whole):
                continue
            sizes = np.array(record.examples_per_call or (record.batch_size,) * len(record.samples_s), dtype=np.float64)
            ms = 1000 * np.asarray(record.samples_s, dtype=np.float64) / sizes if len(record.samples_s) else np.empty(0)
            if len(ms) and np.median(ms) > 0:
                found.append(Timing(run, record, ms))
    return found


def differs(one: Timing, other: Timing) -> list[str]:
    """Conditions under which two records were not taken alike; empty: they may be divided."""
    return [key for key, value in one.conditions.items() if other.conditions[key] != value]


@dataclass(frozen=True, eq=False)
class Ratio:
    """Two timings; `why_not` names the conditions that forbid dividing them."""

    first: Timing
    second: Timing
    why_not: tuple[str, ...]

    @property
    def refused(self) -> str | None:
        """Why the two are not divided, as the end of a sentence; None where they may be."""
        if self.why_not:
            return f"the records differ in {listing(list(self.why_not))}"
        spoilt = [one.run.run_id for one in (self.first, self.second) if one.spoilt]
        return f"the machine changed its pace by more than half while {listing(spoilt)} was timed" if spoilt else None

    @property
    def value(self) -> float:
        """Times the second takes as long as the first."""
        return self.second.median / self.first.median


def ratios(first: Bundle, second: Bundle) -> list[Ratio]:
    """Records of the same mode, one of each run: the pair that differs least, single-stream before offline."""
    found = []
    for mode in ("single-stream", "offline"):
        ours = [one for one in timings([first]) if one.record.scenario == mode]
        theirs = [one for one in timings([second]) if one.record.scenario == mode]
        pairs = [Ratio(one, other, tuple(differs(one, other))) for one in ours for other in theirs]
        alike = [pair for pair in pairs if not pair.why_not]
        found += alike or sorted(pairs, key=lambda pair: len(pair.why_not))[:1]
    return found


def latency_table(found: Sequence[Timing], table_id: str) -> Table:
    """Every record with its conditions, percentiles, throughput and the time for 64,000 examples."""
    percentiles = [latency_percentiles(one.ms) for one in found]
    tails = sorted({name for each in percentiles for name in each} - {"p50"})  # p99 where there are samples for it
    rows: list[dict[str, Scalar | Value]] = [
        {
            "run": one.run.run_id,
            "mode": one.record.scenario,
            "batch": one.record.batch_size,
            "device": f"{hardware(one.run) or one.record.device}, {one.record.dtype}",
            "how": _how(one),
            "p50": one.value(),
            **{name: slow[name][0] if name in slow else None for name in tails},
            "throughput": one.throughput,
            "job": job_seconds(one.median),
        }
        for one, slow in zip(found, percentiles, strict=True)
    ]
    return Table(
        id=table_id,
        caption="Latency as timed, milliseconds an example. Single-stream (one example a call) and offline (batches) "
        f"are different measurements. Throughput and the time for {JOB:,} examples follow from the median.",
        columns=(
            Column("run", "Run"),
            Column("mode", "Mode"),
            Column("batch", "Batch", "count"),
            Column("device", "Device", wide=True),
            Column("how", "Timed", wide=True),
            Column("p50", "Median", "ms", help="an example"),
            *(Column(name, name, "ms") for name in tails),
            Column("throughput", "Examples / s", "number"),
            Column("job", f"{JOB:,} examples", "seconds"),
        ),
        rows=tuple(rows),
        row_header="run",
        notes=tuple(said for one in found if (said := _disturbed(one))),
    )


def unquiet(found: Sequence[Timing]) -> str | None:
    """Whose times are to be read with care, for an item that compares them."""
    names = list(dict.fromkeys(one.run.run_id for one in found if _disturbed(one)))
    return f"The machine was not quiet while {listing(names)} ran: read the times with care." if names else None


def _disturbed(one: Timing) -> str | None:
    """What casts doubt on a record; None where nothing does."""
    kernel, others, said = one.record.interference, one.record.others_busy, []
    if kernel is not None and abs(kernel) > BUSY:
        said.append(f"a reference kernel {_changed(kernel)}")
    if others is not None and others > BUSY:
        said.append(f"other processes took {100 * others:.0f} % of the processors")
    if not said:
        return None
    tokens = "" if one.record.includes_tokenisation else ", without tokenisation"
    return f"{one.run.run_id}, {one.record.scenario}{tokens}: {' and '.join(said)} while this was timed."


def _changed(change: float) -> str:
    if change >= 1:
        return f"took {1 + change:,.0f} times as long"
    return f"changed by {show(round(100 * change), 'count', signed=True)} %"


def _how(one: Timing) -> str:
    record = one.record
    parts = [record.timed, f"padding {record.padding}", f"{record.warmup} warm-up calls, {len(record.samples_s)} timed"]
    if record.token_lengths:
        parts.append(f"median {np.median(record.token_lengths):.0f} tokens")
    if record.merged is not None:
        parts.append("adapter merged" if record.merged else "adapter not merged")
    return "; ".join(parts)
