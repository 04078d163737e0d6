"""Latency records: single-stream (one example a call) and offline (batches), raw samples kept."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from reportgen.bundle.schema import LatencyRecord

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .batching import Scorer, Tokens

Score = Callable[["NDArray[np.object_]"], Any]

SINGLE_SAMPLES = 1_000
OFFLINE_SAMPLES = 20
OFFLINE_BATCH = 32
WARMUP = 5
SECONDS = 10.0
"""No scenario is timed for longer: slow models get fewer samples."""
_KERNEL_SECONDS, _KERNEL_SAMPLES = 0.25, 25
_SEED = 42


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
    """Time `score` in both scenarios on real texts, drawn from `texts`; the same for all models.

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
    # Shuffled: a slow model is timed on fewer, which must not be the first ones of a file that is sorted.
    order = np.random.default_rng(_SEED).permutation(len(texts))
    common = {"timed": timed, "includes_tokenisation": tokenisation, "dtype": dtype, "device": device}
    common |= {"threads": threads(), "merged": merged, "warmup": WARMUP}

    def record(scenario: Literal["single-stream", "offline"], size: int, calls: int) -> LatencyRecord:
        rows = order[: size * calls]
        batches = [rows[start : start + size] for start in range(0, len(rows), size)]
        before, others = _reference_kernel(), OtherProcesses()
        samples = _time_calls(score, [texts[batch] for batch in batches], synchronise)
        busy = others.share()
        batches = batches[: len(samples)]
        rows = np.concatenate(batches)
        return LatencyRecord(
            scenario=scenario,
            batch_size=size,
            examples=len(rows),
            padding="none" if size == 1 else padding,
            token_lengths=tuple(lengths[rows].tolist()) if len(lengths) else (),
            samples_s=tuple(samples),
            examples_per_call=tuple(map(len, batches)),
            interference=_reference_kernel() / before - 1,
            others_busy=busy,
            **common,
        )

    return (record("single-stream", 1, SINGLE_SAMPLES), record("offline", batch_size, OFFLINE_SAMPLES))


def time_scorer(
    scorer: Scorer,
    texts: NDArray[np.object_],
    tokens: Tokens,
    *,
    dtype: str,
    merged: bool | None = None,
    synchronise: Callable[[], None] = lambda: None,
) -> tuple[LatencyRecord, ...]:
    """Both scenarios twice: from the text, which is what a user waits for, and from `tokens`, the model's own share."""
    common: dict[str, Any] = {
        "dtype": dtype,
        "device": getattr(scorer.device, "type", scorer.device),
        "padding": "max_length" if scorer.padding == "max_length" else "dynamic",
        "token_lengths": tokens.full_lengths,
        "merged": merged,
        "synchronise": synchronise,
    }

    def forward(rows: NDArray[np.object_]) -> None:
        scorer.tokens(tokens.take(rows.astype(np.int64)))

    numbers = np.arange(len(texts)).astype(object)
    whole = time_model(scorer.texts, texts, timed="tokenise + forward", tokenisation=True, **common)
    return whole + time_model(forward, numbers, timed="forward", tokenisation=False, **common)


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


class OtherProcesses:
    """Processor time that everybody else on the machine takes from now on."""

    def __init__(self) -> None:
        self.began, self._all, self._ours = time.perf_counter(), _busy_seconds(), time.process_time()

    def share(self) -> float | None:
        """Of all processors, on average; None where the system does not say."""
        now = _busy_seconds()
        if now is None or self._all is None:
            return None
        others = (now - self._all) - (time.process_time() - self._ours)
        return max(0.0, others) / ((time.perf_counter() - self.began) * (os.cpu_count() or 1))


def _busy_seconds() -> float | None:
    """Seconds of work of all processors since the machine started (proc(5): /proc/stat)."""
    try:
        ticks = [int(word) for word in Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:9]]
    except (OSError, ValueError):
        return None
    idle = sum(ticks[3:5])
    return (sum(ticks) - idle) / os.sysconf("SC_CLK_TCK")


def _reference_kernel() -> float:
    """Median seconds of fixed work in one thread, over a quarter of a second: it moves when the machine's pace does.

    A window of a few milliseconds alone doubled and halved on a quiet virtual machine. No matrix product: those run
    in the threads of another library, which wait for the model's own to stop spinning.
    """
    numbers = np.random.default_rng(_SEED).random(50_000)
    samples: list[float] = []
    deadline = time.perf_counter() + _KERNEL_SECONDS
    while len(samples) < _KERNEL_SAMPLES or time.perf_counter() < deadline:
        started = time.perf_counter()
        np.sort(numbers)
        samples.append(time.perf_counter() - started)
    return float(np.median(samples))
