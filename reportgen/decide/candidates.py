"""A candidate: what is known of one model, measured or published. What is not known stays None."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from reportgen.errors import InputError

from .quantities import METRICS, Mode

MEMORY_KINDS = ("allocated_peak", "process_peak", "weights_on_disk")


@dataclass(frozen=True)
class Resamples:
    """A metric in each bootstrap resample; `rows` identifies the rows and labels, so that only paired ones meet."""

    rows: str
    values: NDArray[np.float64]


@dataclass(frozen=True)
class Metric:
    """One figure with its 95 % interval, where it was measured.

    `resamples`, shape (R,), let two candidates on the same rows be compared in pairs.
    """

    value: float
    low: float | None = None
    high: float | None = None
    n: int | None = None
    resamples: Resamples | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class LatencyFigure:
    """Milliseconds an example, in one mode.

    A published figure has one statistic, often unnamed: its key is then "unstated".
    """

    mode: Mode | None
    """None: published without its mode."""
    ms: Mapping[str, float]
    """Statistic (p50, p90, p95, p99 or unstated) to ms an example."""
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Statistic to the ends of its interval."""
    batch_size: int | None = None
    """Offline only; None: not stated."""
    tokenised: bool = True
    """Whether turning text into tokens is in it; a published figure is taken to be what a user waits for."""


@dataclass(frozen=True)
class MemoryFigure:
    """Bytes with their kind; None: published without it."""

    bytes: int
    kind: str | None


@dataclass(frozen=True)
class Candidate:
    """One model that could be deployed.

    Raises:
        InputError: a figure that is NaN, infinite, negative or, for a share, outside 0…1.
    """

    model: str
    kind: Literal["measured", "reported"] = "measured"
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    latency: tuple[LatencyFigure, ...] = ()
    memory: tuple[MemoryFigure, ...] = ()
    needs_gpu: bool | None = None
    """None: it ran on a GPU, or nobody said; whether it could do without is not known."""
    on_gpu: bool | None = None
    """Where the figures come from, which decides what an hour costs; None: as `needs_gpu`."""
    hardware: str | None = None
    precision: str | None = None
    temperature: float | None = None
    """Fitted temperature, for the figures after scaling."""
    run_id: str | None = None
    source: str | None = None

    def __post_init__(self) -> None:
        for name, metric in self.metrics.items():
            for value in (metric.value, metric.low, metric.high):
                self._check(name, value)
        for latency in self.latency:
            for statistic, ms in latency.ms.items():
                self._check(f"{statistic} latency", ms)
            if latency.batch_size is not None and latency.batch_size < 1:
                raise InputError(f"batch size {latency.batch_size}", where=self.model, remedy="give one of 1 or more")
        for memory in self.memory:
            self._check("memory", memory.bytes)

    def _check(self, name: str, value: float | None) -> None:
        if value is None:
            return
        if not math.isfinite(value):
            raise InputError(f"{name} is {value}", where=self.model, remedy="leave a figure out that is not known")
        if value < 0:
            raise InputError(f"{name} is negative ({value:g})", where=self.model)
        if name in METRICS and METRICS[name].fraction and value > 1:
            raise InputError(
                f"{name} is {value:g}", where=self.model, remedy="give shares between 0 and 1, not percent"
            )

    @property
    def billed_as_gpu(self) -> bool | None:
        """Whether its hours cost GPU hours; None: not known."""
        return self.needs_gpu if self.on_gpu is None else self.on_gpu


def check_candidates(candidates: Sequence[Candidate]) -> None:
    """Check that there are candidates and that each has a name of its own.

    Raises:
        InputError: there are none, or two share a name.
    """
    if not candidates:
        raise InputError("there is no candidate to choose from", remedy="pass at least one bundle")
    names = [candidate.model for candidate in candidates]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"two candidates are called {repeated[0]!r}", remedy="give each a name of its own")


def reported_candidate(model: str, figures: Mapping[str, Any], run_id: str | None = None) -> Candidate:
    """A candidate from published figures.

    Args:
        model: its name.
        figures: the fields of `bundle.schema.Reported` that are known; `extra` may hold further metrics by name.
        run_id: name of the bundle, if there is one.

    Raises:
        InputError: a figure no model can have.
    """
    known = {name: value for name, value in figures.items() if value is not None}
    extra = known.get("extra") or {}
    sources = {**{name: extra[name] for name in METRICS if _is_number(extra.get(name))}, **known}
    latency = []
    if "latency_ms" in known:
        batch = known.get("batch_size") if known.get("latency_mode") != "single-stream" else None
        latency.append(LatencyFigure(known.get("latency_mode"), {"unstated": float(known["latency_ms"])}, {}, batch))
    if "minutes_per_64k" in known and not any(figure.mode == "offline" for figure in latency):
        latency.append(LatencyFigure("offline", {"unstated": float(known["minutes_per_64k"]) * 60_000 / 64_000}))
    memory = known.get("memory_bytes")
    return Candidate(
        model=model,
        kind="reported",
        metrics={name: Metric(float(sources[name]), n=known.get("n")) for name in METRICS if name in sources},
        latency=tuple(latency),
        memory=() if memory is None else (MemoryFigure(int(memory), known.get("memory_kind")),),
        needs_gpu=known.get("needs_gpu"),
        hardware=known.get("hardware"),
        precision=known.get("precision"),
        run_id=run_id,
        source=known.get("source"),
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
