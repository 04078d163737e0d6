"""Reading a quantity off a candidate: a value, or why there is none and which record would supply it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .candidates import MEMORY_KINDS, Candidate, LatencyFigure
from .quantities import Quantity
from .scenarios import Scenario


@dataclass(frozen=True)
class Reading:
    """What a candidate says about one quantity.

    `guess` is a figure that would answer if its mode, which nobody stated, were the right one.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    guess: float | None = None
    n: int | None = None
    note: str | None = None
    missing: str | None = None
    """The record that would supply the value."""


def read(candidate: Candidate, quantity: Quantity, memory_kind: str | None = None) -> Reading:
    """What a candidate says about a metric, a latency, its memory or its need of a GPU."""
    if quantity.metric == "latency_ms":
        return _latency(candidate, quantity)
    if quantity.metric == "memory_bytes":
        return _memory(candidate, memory_kind)
    if quantity.metric == "needs_gpu":
        if candidate.needs_gpu is None:
            return Reading(missing="a run without a GPU")
        return Reading(float(candidate.needs_gpu))
    metric = candidate.metrics.get(quantity.metric)
    if metric is None:
        return Reading(missing=quantity.label)
    return Reading(metric.value, metric.low, metric.high, n=metric.n)


def _latency(candidate: Candidate, quantity: Quantity) -> Reading:
    missing = quantity.label
    in_mode = [figure for figure in candidate.latency if figure.mode == quantity.mode]
    if quantity.batch_size is not None:
        right = [figure for figure in in_mode if figure.batch_size == quantity.batch_size]
        if in_mode and not right:
            right = [figure for figure in in_mode if figure.batch_size is None]
            sizes = sorted({str(figure.batch_size) for figure in in_mode if figure.batch_size})
            if not right:
                return Reading(missing=f"{missing} (measured at {', '.join(sizes)})")
        in_mode = right
    # A user waits for the tokens too: the model's share alone answers only where nothing else was timed.
    for tokenised in (True, False):
        readings = [_from_figure(figure, quantity) for figure in in_mode if figure.tokenised is tokenised]
        known = [reading for reading in readings if reading.value is not None]
        if known:
            return min(known, key=lambda reading: reading.value or 0.0)
    for figure in candidate.latency:
        if figure.mode is None:
            guess = figure.ms.get(quantity.statistic, figure.ms.get("unstated"))
            if guess is not None:
                return Reading(guess=guess, note=f"{guess:g} ms was published without its mode", missing=missing)
    return Reading(missing=missing)


def _from_figure(figure: LatencyFigure, quantity: Quantity) -> Reading:
    notes = [] if figure.tokenised else ["without tokenisation"]
    value = figure.ms.get(quantity.statistic)
    if value is None and "unstated" in figure.ms:
        value = figure.ms["unstated"]
        notes.append(f"published without saying that it is the {quantity.statistic}")
    if quantity.batch_size is not None and figure.batch_size is None:
        notes.append("published without its batch size")
    low, high = figure.bounds.get(quantity.statistic, (None, None))
    return Reading(value, low, high, note="; ".join(notes) or None, missing=quantity.label if value is None else None)


def _memory(candidate: Candidate, kind: str | None) -> Reading:
    found = [figure.bytes for figure in candidate.memory if figure.kind == kind]
    if found:
        return Reading(float(max(found)), note=None if kind else "published without its kind")
    return Reading(missing=f"memory ({(kind or 'of any kind').replace('_', ' ')})")


def memory_kind(candidates: Sequence[Candidate]) -> str | None:
    """The kind of memory most candidates state: bytes of different kinds are never compared."""
    kinds = Counter(kind for candidate in candidates for kind in {figure.kind for figure in candidate.memory})
    order = (*MEMORY_KINDS, None)
    return max(kinds, key=lambda kind: (kinds[kind], -order.index(kind) if kind in order else -99), default=None)


def workload_reading(candidate: Candidate, scenario: Scenario) -> Reading:
    """The latency that time and cost of the scenario's load are reckoned from.

    Of an offline load whose batched latency is unknown, one example at a time is a way to do it, and an upper bound;
    not of a peak rate, which is a limit on throughput.
    """
    limited = [c.quantity for c in scenario.constraints if c.quantity.metric == "latency_ms"]
    batch = next((quantity.batch_size for quantity in limited if quantity.mode == scenario.mode), None)
    reading = read(candidate, Quantity("latency_ms", scenario.mode, "p50", batch))
    if reading.value is None and scenario.mode == "offline" and scenario.load.peak_per_second is None:
        single = read(candidate, Quantity("latency_ms", "single-stream"))
        if single.value is not None:
            return replace(single, note="one example at a time: an upper bound, the batched latency is unknown")
    return reading
