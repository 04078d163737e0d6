"""Latency records: single-stream (one example a call) and offline (batches), raw samples kept."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from reportgen.bundle.schema import LatencyRecord

if TYPE_CHECKING:
    from numpy.typing import NDArray

Score = Callable[["NDArray[np.object_]"], Any]

SINGLE_SAMPLES = 200
OFFLINE_SAMPLES = 20
OFFLINE_BATCH = 32
WARMUP = 5
P99_SAMPLES = 1_000
"""Fewer samples have ten or less beyond the 99th percentile."""
SECONDS = 10.0
"""No scenario is timed for longer: slow models get fewer samples."""


def time_model(
    score: Score,
    texts: NDArray[np.object_],
    *,
    timed: str,
    dtype: str,
    tokenisation: bool,
    device: str = "cpu",
    padding: Literal["none", "dynamic", "bucketed", "max_length"] = "none",
    token_lengths: Sequence[int] = (),
    merged: bool | None = None,
    batch_size: int = OFFLINE_BATCH,
    synchronise: Callable[[], None] = lambda: None,
) -> tuple[LatencyRecord, ...]:
    """Time `score` in both scenarios on real texts, drawn evenly from `texts`.

    Args:
        score: called with an object array of texts; its result is thrown away.
        texts: shape (n,), n ≥ 1.
        timed: what lies between the two clock readings.
        dtype: precision of the weights.
        tokenisation: whether `score` turns text into tokens itself.
        device: cpu, cuda, mps.
        padding: how `score` pads a batch.
        token_lengths: real lengths of `texts`, shape (n,), or empty.
        merged: whether adapters are merged, where there are any.
        batch_size: examples a call in the offline scenario.
        synchronise: waits for the device; called before each clock reading.
    """
    lengths = np.asarray(token_lengths, dtype=np.int64)
    common = {"timed": timed, "includes_tokenisation": tokenisation, "dtype": dtype, "device": device}
    common |= {"threads": threads(), "merged": merged, "warmup": WARMUP}

    def record(scenario: Literal["single-stream", "offline"], size: int, calls: int) -> LatencyRecord:
        rows = np.linspace(0, len(texts) - 1, num=min(len(texts), size * calls)).astype(np.int64)
        batches = [rows[start : start + size] for start in range(0, len(rows), size)]
        before = _reference_kernel()
        samples = _time_calls(score, [texts[batch] for batch in batches], synchronise)
        return LatencyRecord(
            scenario=scenario,
            batch_size=size,
            examples=len(rows),
            padding="none" if size == 1 else padding,
            token_lengths=tuple(lengths[rows].tolist()) if len(lengths) else (),
            samples_s=tuple(samples),
            examples_per_call=tuple(len(batch) for batch in batches[: len(samples)]),
            interference=_reference_kernel() / before - 1,
            **common,
        )

    return (record("single-stream", 1, SINGLE_SAMPLES), record("offline", batch_size, OFFLINE_SAMPLES))


def percentiles(samples_s: Sequence[float]) -> dict[str, tuple[float, float, float]]:
    """Milliseconds at p50, p90, p95 and, from 1,000 samples, p99, each with its 95 % order-statistic interval.

    An interval that the samples are too few for has infinite or missing ends (David & Nagaraja 2003, 7.1).
    """
    from reportgen.stats import order_statistic_interval

    milliseconds = np.asarray(samples_s) * 1e3
    wanted = {"p50": 0.5, "p90": 0.9, "p95": 0.95} | ({"p99": 0.99} if len(milliseconds) >= P99_SAMPLES else {})
    return {
        name: (float(np.quantile(milliseconds, q)), *order_statistic_interval(milliseconds, q))
        for name, q in wanted.items()
    }


def alternate(works: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, NDArray[np.float64]]:
    """Seconds of each piece of work, shape (2 × rounds,), in the order A B … B A of every round.

    What drifts during the measurement (heat, other users) then falls on all of them alike, and samples at the same
    position may be divided by one another.
    """
    seconds: dict[str, list[float]] = {name: [] for name in works}
    forth = list(works)
    for _ in range(rounds):
        for name in (*forth, *reversed(forth)):
            started = time.perf_counter()
            works[name]()
            seconds[name].append(time.perf_counter() - started)
    return {name: np.array(values) for name, values in seconds.items()}


def threads() -> int:
    """Threads numerical libraries may use in this process."""
    from joblib import cpu_count

    given = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(given) if given.isdigit() and int(given) else cpu_count()


def _time_calls(score: Score, batches: Sequence[NDArray[np.object_]], synchronise: Callable[[], None]) -> list[float]:
    for batch in batches[:WARMUP]:
        score(batch)
    samples: list[float] = []
    deadline = time.perf_counter() + SECONDS
    for batch in batches:
        synchronise()
        started = time.perf_counter()
        score(batch)
        synchronise()
        samples.append(time.perf_counter() - started)
        if time.perf_counter() > deadline:
            break
    return samples


def _reference_kernel() -> float:
    """Median seconds of a fixed piece of arithmetic: it moves only when something else uses the machine."""
    matrix = np.full((192, 192), 1e-3)
    samples = []
    for _ in range(15):
        started = time.perf_counter()
        matrix @ matrix @ matrix
        samples.append(time.perf_counter() - started)
    return float(np.median(samples))
