"""Runs as week 6's stage leaves them: a teacher, a student alone and beside it, the grid, and the runs of scale."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import ndtr

from reportgen.bundle import Bundle, BundleWriter, labels_sha256, read_bundle
from reportgen.bundle.schema import Config, DatasetInfo, Git, Hardware, Labels, ModelInfo, Parent

RECIPE: dict[str, Any] = {
    "model": "minilm",
    "lr": 2e-5,
    "epochs": 3,
    "batch_size": 32,
    "max_length": 128,
    "warmup": 0.1,
    "loss": "ce",
    "class_weights": "none",
    "train_fraction": None,
    "seed": 42,
}
GRID = ((1, 0.7), (1, 0.9), (4, 0.9), (8, 0.7), (8, 0.9))
"""The settings beside the default, (4, 0.7)."""


def logits(world: Any, skill: float, sharp: float, seed: int, rho: float = 0.85, floor: float = 2.0) -> np.ndarray:
    """A model right with a chance it knows, stated `sharp` times too surely; models share `rho` of what is hard."""
    shared, own = np.random.default_rng(2), np.random.default_rng(seed)
    n, k = len(world.labels), len(world.names)
    known = np.clip(np.log(world.counts / floor) / np.log(world.counts.max() / floor), 0, 1)
    hard, luck, kin = shared.beta(2.2, 1.2, n), shared.normal(size=n), shared.integers(0, 3, n)
    chance = np.clip(skill * (0.3 + known[world.labels] ** 0.5) * hard * 1.15, 0.01, 0.98)
    drawn = ndtr(np.sqrt(rho) * luck + np.sqrt(1 - rho) * own.normal(size=n))
    target = np.where(drawn < chance, world.labels, world.kin[world.labels, kin])
    scores = shared.normal(0, 0.8, (n, k)) + own.normal(0, 0.3, (n, k)) + 0.2 * np.log(world.counts)
    scores[np.arange(n), target] = -1e9
    rest = np.log(np.exp(scores).sum(axis=1))
    scores[np.arange(n), target] = rest + np.log(chance / (1 - chance))
    return scores * sharp


def write(
    out: Path,
    world: Any,
    run_id: str,
    scores: np.ndarray,
    *,
    runner: str = "encoder",
    family: str = "encoder",
    model: str = "MiniLM",
    parameters: int = 22_713_216,
    changes: dict[str, Any] | None = None,
    parents: Sequence[tuple[str, Bundle]] = (),
    seed: int = 42,
    precision: str = "fp32",
    trained_on: tuple[str, ...] = ("train",),
    store: bool = True,
    dataset: str = "complaints.csv",
) -> Bundle:
    """Write one run and read it back; without `store` it keeps its predictions only."""
    with BundleWriter.start(
        out,
        run_id=run_id,
        config=Config(passed={}, resolved={**RECIPE, "seed": seed, **(changes or {})}),
        labels=Labels(names=world.names, train_counts=tuple(int(count) for count in world.counts)),
        runner=runner,
        course="ecbs5200",
        model=ModelInfo(name=model, family=family, parameters=parameters, precision=precision),
        dataset=DatasetInfo(name=dataset, labels_sha256=labels_sha256(world.names), splits={}, licence="public domain"),
        week=6,
        trained_on=trained_on,
        parents=tuple(Parent(role=role, run_id=one.run_id, root=one.root) for role, one in parents),
        seed=seed,
        hardware=Hardware(device="cpu", name="Test CPU", threads=2),
        environment={"python": "3.11.9", "torch": "2.13.0"},
        git=Git(commit="0123456789abcdef", dirty=False),
    ) as writer:
        rows = (world.row_ids, world.digests, world.labels)
        if store:
            writer.write_predictions("val", *rows, logits=scores)
        else:
            writer.write_predictions("val", *rows, predictions=scores.argmax(axis=1))
        path = writer.finish(timings={"train": 412.0})
    return read_bundle(path)


def distil(out: Path, world: Any, run_id: str, scores: np.ndarray, teacher: Bundle, **options: Any) -> Bundle:
    """A distilled run: the vanilla recipe, a teacher, a temperature and an alpha."""
    options.setdefault("temperature", 4.0)
    options.setdefault("alpha", 0.7)
    settings = {
        "teacher": teacher.run_id,
        "temperature": options.pop("temperature"),
        "alpha": options.pop("alpha"),
        **options.pop("changes", {}),
    }
    return write(
        out, world, run_id, scores, runner="distill", changes=settings, parents=[("teacher", teacher)], **options
    )


def week6(out: Path, world: Any, make: Callable[..., np.ndarray] = logits, **options: Any) -> list[Bundle]:
    """Every run of the stage."""
    decoder = {"family": "decoder", "runner": "decoder", "model": "SmolLM2-135M", "parameters": 134_515_008}
    teacher = write(out, world, "teacher", make(world, 0.95, 1.05, 10), **decoder, **options)
    small = write(
        out,
        world,
        "teacher-small",
        make(world, 0.9, 1.05, 11),
        **{**decoder, "model": "SmolLM2-tiny", "parameters": 30_000_000},
        **options,
    )
    vanilla = write(out, world, "vanilla", make(world, 0.78, 1.7, 12), **options)
    runs = [
        teacher,
        small,
        vanilla,
        write(
            out, world, "vanilla-tempered", make(world, 0.78, 1.7, 12) / 1.4, runner="temper",
            changes={"run": "vanilla"}, parents=[("source", vanilla)], **options,
        ),
        distil(out, world, "distilled", make(world, 0.82, 1.25, 13), teacher, **options),
        write(out, world, "student-half", make(world, 0.7, 1.6, 14), changes={"train_fraction": 0.5}, **options),
        distil(out, world, "distilled-small-teacher", make(world, 0.81, 1.3, 15), small, **options),
    ]  # fmt: skip
    for at, (temperature, alpha) in enumerate(GRID):
        name = f"grid-t{temperature}-a{round(100 * alpha)}"
        sharp = {1: 1.5, 4: 1.2, 8: 1.1}[temperature]
        scores = make(world, 0.82, sharp, 20 + at)
        runs.append(distil(out, world, name, scores, teacher, temperature=float(temperature), alpha=alpha, **options))
    return runs


def quantised(out: Path, world: Any, source: Bundle, scores: np.ndarray, **options: Any) -> list[Bundle]:
    """A run in 16 and in 8 bits of week 5's kind."""
    made = []
    for precision, noise in (("fp16", 0.0), ("int8", 0.15)):
        moved = scores + np.random.default_rng(9).normal(0, noise, scores.shape) if noise else scores
        made.append(
            write(
                out, world, f"encoder-{precision}", moved, runner="quantize",
                changes={"run": source.run_id, "precision": precision}, parents=[("source", source)],
                precision=precision, **options,
            )
        )  # fmt: skip
    return made
