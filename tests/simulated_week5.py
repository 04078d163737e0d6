"""Runs as week 5's stage leaves them: an encoder and a decoder in three precisions on a GPU, an encoder on a CPU."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from reportgen.bundle import Bundle, BundleWriter, labels_sha256, read_bundle
from reportgen.bundle.schema import (
    Config,
    DatasetInfo,
    Git,
    Hardware,
    Labels,
    Latency,
    LatencyRecord,
    MemoryRecord,
    ModelInfo,
    Parent,
)

GPU = Hardware(device="cuda", name="Tesla T4", capability="7.5", memory_bytes=15_800_000_000)
CPU = Hardware(device="cpu", name="Test CPU", threads=2)
PARAMETERS = {"encoder": 149_691_761, "decoder": 494_134_016}
SPREAD = {"fp16": 0.0, "int8": 0.05, "int4": 0.5, "fp32": 0.0}
"""Standard deviation of what a precision adds to the logits."""
MS = {
    ("encoder", "fp16"): (2.31, 18.2), ("encoder", "int8"): (5.80, 44.0), ("encoder", "int4"): (3.19, 26.1),
    ("decoder", "fp16"): (5.05, 29.7), ("decoder", "int8"): (12.65, 71.3), ("decoder", "int4"): (7.92, 41.9),
}  # fmt: skip
"""Offline and single-stream milliseconds an example: week 5 of the course, the second made up."""
PEAK = {
    ("encoder", "fp16"): 0.41, ("encoder", "int8"): 0.59, ("encoder", "int4"): 0.62,
    ("decoder", "fp16"): 1.15, ("decoder", "int8"): 1.87, ("decoder", "int4"): 1.89,
}  # fmt: skip


def graded(world: Any, skill: float, floor: float, seed: int) -> np.ndarray:
    """Logits whose margins say how likely an answer is right, a little too surely: a model worth calibrating."""
    rng = np.random.default_rng(seed)
    n, k = len(world.labels), len(world.names)
    known = np.clip(np.log(world.counts / floor) / np.log(world.counts.max() / floor), 0, 1)
    chance = np.clip(skill * (0.35 + known[world.labels] ** 0.5) * rng.beta(2.2, 1.2, n) * 1.15, 0.01, 0.98)
    right = rng.random(n) < chance
    target = np.where(right, world.labels, world.kin[world.labels, rng.integers(0, 3, n)])
    scores = rng.normal(0, 0.8, (n, k)) + 0.2 * np.log(world.counts)
    others = np.log(np.exp(scores).sum(axis=1))
    scores[np.arange(n), target] += others - scores[np.arange(n), target] + 1.35 * np.log(chance / (1 - chance))
    return scores


def costs(
    offline_ms: float, single_ms: float, peak: float, disk: float, *, device: str, dtype: str, batch: int = 32
) -> Latency:
    """Two records of 40 equal-ish samples, and memory."""
    wobble = [1 + 0.02 * ((i * 7) % 11 - 5) / 5 for i in range(40)]
    shared: dict[str, Any] = {
        "timed": "score",
        "includes_tokenisation": False,
        "examples": 256,
        "token_lengths": (40, 80, 120),
        "dtype": dtype,
        "device": device,
        "merged": True,
        "warmup": 3,
    }
    return Latency(
        records=(
            LatencyRecord(
                scenario="single-stream",
                batch_size=1,
                padding="none",
                samples_s=tuple(single_ms / 1000 * part for part in wobble),
                **shared,
            ),
            LatencyRecord(
                scenario="offline",
                batch_size=batch,
                padding="dynamic",
                samples_s=tuple(batch * offline_ms / 1000 * part for part in wobble),
                **shared,
            ),
        ),
        memory=(
            MemoryRecord(bytes=round(disk * 1e9), kind="weights_on_disk"),
            MemoryRecord(bytes=round(peak * 1e9), kind="allocated_peak" if device == "cuda" else "process_peak"),
        ),
    )


def quantised(
    out: Path,
    world: Any,
    source: Bundle | None,
    logits: np.ndarray,
    family: str,
    precision: str,
    *,
    backend: str,
    hardware: Hardware,
    timed: Latency | None,
    run_id: str,
) -> Bundle:
    """One run of the quantise runner."""
    with BundleWriter.start(
        out,
        run_id=run_id,
        config=Config(
            passed={},
            resolved={"run": source.run_id if source else "", "precision": precision, "backend": "auto"},
            decided={"backend": backend, "batch_size_used": 32},
        ),
        labels=Labels(names=world.names, train_counts=tuple(int(count) for count in world.counts)),
        runner="quantize",
        course="ecbs5200",
        model=ModelInfo(name=family.title(), family=family, parameters=PARAMETERS[family], precision=precision),
        dataset=DatasetInfo(
            name="complaints.csv", labels_sha256=labels_sha256(world.names), splits={}, licence="public domain"
        ),
        week=5,
        trained_on=("train",),
        parents=(Parent(role="source", run_id=source.run_id, root=source.root),) if source else (),
        seed=42,
        hardware=hardware,
        environment={"python": "3.11.9", "torch": "2.13.0", "bitsandbytes": "0.49.0"},
        git=Git(commit="0123456789abcdef", dirty=False),
    ) as writer:
        writer.write_predictions("val", world.row_ids, world.digests, world.labels, logits=logits)
        if timed is not None:
            writer.write_latency(timed)
        path = writer.finish(timings={"score": 20.0})
    return read_bundle(path)


def week5(
    sim: ModuleType, out: Path, world: Any, *, spread: dict[str, float] | None = None, sharp: float = 1.0
) -> list[Bundle]:
    """The eight runs of the stage, derived from two trained ones that are not among them."""
    noise = {**SPREAD, **(spread or {})}
    made = []
    for family, skill, floor, draw in (("encoder", 0.68, 5, 2), ("decoder", 0.72, 3, 3)):
        source = sim.write_run(out / "sources", world, f"{family}-lora", family, draw=draw)
        logits = graded(world, skill, floor, draw) * sharp
        for at, precision in enumerate(("fp16", "int8", "int4")):
            rng = np.random.default_rng([draw, at])
            offline, single = MS[family, precision]
            weights = PARAMETERS[family] * {"fp16": 2, "int8": 1.1, "int4": 0.7}[precision] / 1e9
            made.append(
                quantised(
                    out,
                    world,
                    source,
                    logits + noise[precision] * rng.normal(size=logits.shape),
                    family,
                    precision,
                    backend="torch" if precision == "fp16" else "bitsandbytes",
                    hardware=GPU,
                    timed=costs(offline, single, PEAK[family, precision], weights, device="cuda", dtype=precision),
                    run_id=f"{family}-{precision}",
                )
            )
        if family == "encoder":
            for at, (precision, ms, disk) in enumerate((("fp32", 41.0, 0.57), ("int8", 23.0, 0.15))):
                rng = np.random.default_rng([draw, 7, at])
                made.append(
                    quantised(
                        out,
                        world,
                        source,
                        logits + noise[precision] * rng.normal(size=logits.shape),
                        family,
                        precision,
                        backend="onnxruntime",
                        hardware=CPU,
                        timed=costs(ms, 1.1 * ms, 1.2, disk, device="cpu", dtype=precision),
                        run_id=f"encoder-onnx-{precision}",
                    )
                )
    return made
