"""Bundles as a week's runs would leave them: a long tail of labels and models of a chosen skill, seeded."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from reportgen.bundle import Bundle, BundleWriter, labels_sha256, read_bundle
from reportgen.bundle.schema import Config, DatasetInfo, Git, Hardware, Labels, ModelInfo, Parent, Reported

HOSTILE = (
    "<script>alert(1)</script>",
    "{{7*7}} {% raw %}",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "right\u202eto left",
    "](http://evil.example) **bold**",
)


class World:
    """Labels, their training counts, and one validation split that every model scores."""

    def __init__(self, k: int = 30, train: int = 6_000, n: int = 900, seed: int = 0, names: Sequence[str] = ()) -> None:
        self.rng = np.random.default_rng(seed)
        self.names = tuple(names) + tuple(f"Issue number {i}" for i in range(len(names), k))
        shape = np.exp(-np.arange(k) * 7.5 / k)
        counts = np.maximum(2, np.round(train * shape / shape.sum())).astype(int)
        self.counts = counts[self.rng.permutation(k)]
        share = self.counts / self.counts.sum()
        self.labels = np.concatenate([np.arange(k), self.rng.choice(k, n - k, p=share)])
        self.row_ids = np.array([f"r{i:05d}" for i in range(n)], dtype=object)
        self.digests = np.array([hashlib.sha256(row.encode()).hexdigest() for row in self.row_ids], dtype=object)
        # Kin every class is mistaken for, the frequent ones most of all.
        self.kin = self.rng.choice(k, size=(k, 3), p=share)

    def logits(self, skill: float, floor: float, seed: int) -> np.ndarray:
        """Scores of a model: the rarer a class the less often it is found, never below `floor` training rows."""
        rng = np.random.default_rng(seed)
        n, k = len(self.labels), len(self.names)
        scores = rng.normal(0, 1, (n, k)) + 0.35 * np.log(self.counts)
        known = np.clip(np.log(self.counts / floor) / np.log(self.counts.max() / floor), 0, 1)
        found = rng.random(n) < skill * known[self.labels] ** 0.5
        target = np.where(found, self.labels, self.kin[self.labels, rng.integers(0, 3, n)])
        scores[np.arange(n), target] += 7
        return scores

    def rows(self) -> pd.DataFrame:
        """Slice features of the rows."""
        rng = np.random.default_rng(7)
        n = len(self.labels)
        words = rng.lognormal(3.9, 0.8, n).astype(int) + 3
        return pd.DataFrame(
            {
                "split": "val",
                "row_id": self.row_ids,
                "chars": words * 6 - 1,
                "words": words,
                "tokens": (words * 1.3).astype(int) + 2,
                "redacted": rng.random(n) < 0.635,
                "numeric": rng.random(n) < 0.3,
                "opener_I": rng.random(n) < 0.45,
                "caps_share": rng.gamma(2.0, 0.03, n),
            }
        )


def history(epochs: int, per_epoch: int, final: Sequence[float], seed: int = 0) -> pd.DataFrame:
    """A training log as the encoder runner writes it."""
    rng = np.random.default_rng(seed)
    total = epochs * per_epoch
    step = np.arange(1, total + 1)
    warmup = total // 10
    frame = pd.DataFrame(
        {
            "step": step,
            "epoch": step / per_epoch,
            "loss": 1.1 + 2.6 * np.exp(-4 * step / total) + rng.normal(0, 0.25, total),
            "lr": 2e-5 * np.where(step <= warmup, step / warmup, 1 - (step - warmup) / (total - warmup)),
            "val_accuracy": np.nan,
            "val_macro_f1": np.nan,
            "val_loss": np.nan,
        }
    )
    for epoch, macro in enumerate(final, start=1):
        at = epoch * per_epoch - 1
        frame.loc[at, ["val_accuracy", "val_macro_f1", "val_loss"]] = [0.45 + 0.03 * epoch, macro, 2.2 - 0.2 * epoch]
    return frame


def write_run(
    out: Path,
    world: World,
    run_id: str,
    family: str,
    *,
    skill: float = 0.6,
    floor: float = 20,
    seed: int = 42,
    draw: int = 1,
    model: str | None = None,
    settings: dict | None = None,
    training: pd.DataFrame | None = None,
    decided: dict | None = None,
    split: str = "val",
    rows: slice = slice(None),
    sampled_of: int | None = None,
    synthetic: bool = False,
    trained_on: tuple[str, ...] = ("train",),
    dataset: str = "complaints.csv",
    reproducible: bool = True,
    notes: tuple[str, ...] = (),
    runner: str | None = None,
    parents: tuple[Parent, ...] = (),
    week: int = 1,
    seconds: dict[str, float] | None = None,
    slipped: int = 0,
) -> Bundle:
    """Write one measured run and read it back; `slipped` moves every predicted id up by so many."""
    logits = np.tile(np.log(world.counts), (len(world.labels), 1)) if family == "majority" else None
    if logits is None:
        logits = np.roll(world.logits(skill, floor, draw), slipped, axis=1)
    with BundleWriter.start(
        out,
        run_id=run_id,
        config=Config(passed={}, resolved={"seed": seed, **(settings or {})}, decided=decided or {}),
        labels=Labels(names=world.names, train_counts=tuple(int(count) for count in world.counts)),
        runner=runner or family,
        course="ecbs5200",
        model=ModelInfo(
            name=model
            or {"majority": "majority label", "linear": "TF-IDF + logistic regression"}.get(family, "MiniLM"),
            family=family,
            trainable_parameters=22_000_000 if family == "encoder" else None,
            precision="fp32",
        ),
        dataset=DatasetInfo(
            name=dataset,
            labels_sha256=labels_sha256(world.names),
            splits={},
            synthetic=synthetic,
            licence="public domain",
            notes=notes,
        ),
        week=week,
        parents=parents,
        trained_on=trained_on,
        seed=seed,
        hardware=Hardware(device="cpu", name="Test CPU", threads=2),
        environment={"python": "3.11.9", "torch": "2.13.0", "scikit-learn": "1.9.1"} if reproducible else {},
        git=Git(commit="0123456789abcdef", dirty=False) if reproducible else None,
    ) as writer:
        writer.write_predictions(
            split,
            world.row_ids[rows],
            world.digests[rows],
            world.labels[rows],
            logits=logits[rows],
            sampled_of=sampled_of,
        )
        writer.write_rows(world.rows()[rows].assign(split=split))
        if training is not None:
            writer.write_training(training)
        path = writer.finish(timings=seconds or {"train": 93.4})
    return read_bundle(path)


def write_reported(out: Path, run_id: str, reported: Reported, name: str = "Big Model zero-shot") -> Bundle:
    """Write published figures."""
    with BundleWriter.start(
        out,
        run_id=run_id,
        kind="reported",
        config=Config(passed={}, resolved={}),
        labels=Labels(names=(), train_counts=()),
        runner="import",
        course="ecbs5200",
        model=ModelInfo(name=name, family="prompted"),
    ) as writer:
        writer.write_reported(reported)
        path = writer.finish()
    return read_bundle(path)


def week1(out: Path, world: World, **options: object) -> list[Bundle]:
    """Majority, TF-IDF, a frozen encoder with a linear head, and an encoder under two seeds."""
    recipe = {
        "lr": 2e-5,
        "epochs": 3,
        "batch_size": 32,
        "max_length": 128,
        "warmup": 0.1,
        "loss": "ce",
        "select": "best",
    }
    chosen = {"best_epoch": 3, "selection_rule": "highest val macro F1, the earliest epoch on ties"}
    shared = {"family": "encoder", "skill": 0.68, "floor": 3, "settings": recipe, "decided": chosen, **options}
    return [
        write_run(out, world, "majority", "majority", **options),
        write_run(out, world, "tfidf", "linear", skill=0.62, floor=40, settings={"C": 1.0, "ngram_max": 2}, **options),
        write_run(out, world, "embed", "embed", skill=0.6, floor=12, draw=4, **options),
        write_run(out, world, "encoder", training=history(3, 190, (0.14, 0.19, 0.21)), draw=2, **shared),
        write_run(
            out, world, "encoder-seed7", training=history(3, 190, (0.13, 0.2, 0.22), 7), seed=7, draw=3, **shared
        ),
    ]
