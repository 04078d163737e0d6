"""Runs as the stages of weeks 2 and 3 leave them, on the worlds of `simulated.py`."""

from __future__ import annotations

import copy
from pathlib import Path
from types import ModuleType
from typing import Any

from reportgen.bundle import Bundle, BundleWriter, read_bundle
from reportgen.bundle.schema import Latency, LatencyRecord

RECIPE: dict[str, Any] = {
    "model": "minilm",
    "lr": 2e-5,
    "epochs": 3,
    "batch_size": 32,
    "max_length": 128,
    "warmup": 0.1,
    "loss": "ce",
    "class_weights": "none",
    "select": "best",
    "lora": None,
    "patience": None,
}
LORA = {"r": 16, "alpha": 32, "dropout": 0.1, "targets": None}


def latency(
    single_ms: float, batch_ms: float, *, batch_size: int = 32, merged: bool = False, device: str = "cpu"
) -> Latency:
    """Two records, single-stream and offline, of 40 equal-ish samples."""
    wobble = [1 + 0.02 * ((i * 7) % 11 - 5) / 5 for i in range(40)]
    shared = {
        "timed": "tokenise + score",
        "includes_tokenisation": True,
        "examples": 200,
        "token_lengths": (40, 80, 120),
        "dtype": "fp32",
        "device": device,
        "threads": 2,
        "merged": merged,
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
                batch_size=batch_size,
                padding="dynamic",
                samples_s=tuple(batch_size * batch_ms / 1000 * part for part in wobble),
                **shared,
            ),
        )
    )


def add(
    sim: ModuleType,
    out: Path,
    world: Any,
    run_id: str,
    family: str = "encoder",
    *,
    draw: int = 2,
    changes: dict[str, Any] | None = None,
    steps: int | None = 570,
    timed: Latency | None = None,
    parameters: tuple[int, int] | None = None,
    **options: Any,
) -> Bundle:
    """One trained run; `changes` against the recipe, `parameters` as (trainable, all)."""
    settings = {**copy.deepcopy(RECIPE), **(changes or {})}
    options.setdefault("floor", 3)
    options.setdefault("skill", 0.66)
    decided = {"best_epoch": 3, "selection_rule": "highest val macro F1", **({"total_steps": steps} if steps else {})}
    run = sim.write_run(out, world, run_id, family, draw=draw, settings=settings, decided=decided, **options)
    return amend(run, timed=timed, parameters=parameters)


def amend(run: Bundle, *, timed: Latency | None, parameters: tuple[int, int] | None) -> Bundle:
    """The same run with latency and parameter counts, written anew beside it."""
    if timed is None and parameters is None:
        return run
    manifest, out = run.manifest, run.path.parent / "amended"
    model = manifest.model
    if parameters:
        model = model.model_copy(update={"trainable_parameters": parameters[0], "parameters": parameters[1]})
    with BundleWriter.start(
        out,
        run_id=run.run_id,
        config=run.config,
        labels=run.labels,
        runner=manifest.runner,
        course=manifest.course,
        model=model,
        dataset=manifest.dataset,
        week=manifest.week,
        trained_on=manifest.trained_on,
        seed=manifest.seed,
        hardware=manifest.hardware,
        environment=manifest.environment,
        git=manifest.git,
    ) as writer:
        for split in run.splits:
            rows = run.predictions(split)
            writer.write_predictions(split, rows.row_ids, rows.text_sha256, rows.labels, logits=rows.logits)
        if timed is not None:
            writer.write_latency(timed)
        path = writer.finish(timings=manifest.timings)
    return read_bundle(path)


def week2(sim: ModuleType, out: Path, world: Any, **options: Any) -> list[Bundle]:
    """TF-IDF and the five encoders of the stage."""
    weighted = {"class_weights": "sqrt"}
    log = sim.history(3, 190, (0.14, 0.19, 0.21))
    return [
        sim.write_run(out, world, "tfidf", "linear", skill=0.62, floor=40, settings={"C": 1.0}, **options),
        add(sim, out, world, "encoder", floor=14, skill=0.72, training=log, **options),
        add(sim, out, world, "encoder-weighted", changes=weighted, draw=3, floor=2, skill=0.66, **options),
        add(
            sim,
            out,
            world,
            "encoder-bs16",
            changes={**weighted, "batch_size": 16},
            steps=1140,
            draw=4,
            floor=2,
            **options,
        ),
        add(sim, out, world, "encoder-seed123", changes=weighted, seed=123, draw=5, floor=2, **options),
        add(
            sim,
            out,
            world,
            "encoder-early",
            changes={**weighted, "epochs": 10, "patience": 3},
            steps=1900,
            draw=6,
            **options,
        ),
    ]


def week3(sim: ModuleType, out: Path, world: Any, **options: Any) -> list[Bundle]:
    """Week 2's encoders, an encoder with adapters, and two decoders."""
    qwen = {"model": "smollm2", "lr": 2e-4, "lora": {**LORA, "dropout": 0.05}}
    decoder = {"model": "SmolLM2-135M", "parameters": (2_263_936, 496_397_952), "timed": latency(53, 8.3)}
    return [
        *week2(sim, out, world, **options),
        add(
            sim, out, world, "encoder-lora", changes={"lr": 2e-4, "lora": LORA}, draw=7, floor=8, skill=0.7,
            parameters=(3_466_097, 153_157_858), timed=latency(21, 2.3), **options,
        ),
        add(sim, out, world, "decoder-lora", "decoder", changes=qwen, draw=8, skill=0.74, **decoder, **options),
        add(
            sim, out, world, "decoder-lora-weighted", "decoder", changes={**qwen, "class_weights": "sqrt"}, draw=9,
            skill=0.7, **decoder, **options,
        ),
    ]  # fmt: skip
