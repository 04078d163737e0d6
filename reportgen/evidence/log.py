"""The experiment log: every run in one table, what is needed to repeat it in another, published figures apart."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from .model import Column, Scalar, Table, Value
from .numbers import show
from .published import reported_table
from .runs import hardware, training_seconds

if TYPE_CHECKING:
    from reportgen.bundle import Bundle

    from .runs import Runs

SETTINGS: dict[str, tuple[str, ...]] = {
    "lr": ("lr", "learning_rate"),
    "epochs": ("epochs", "num_epochs", "num_train_epochs"),
    "batch": ("batch_size", "train_batch_size", "per_device_train_batch_size"),
    "max len": ("max_length", "max_len"),
    "warm-up": ("warmup", "warmup_ratio", "warmup_steps"),
    "loss": ("loss",),
    "weights": ("class_weight", "class_weights", "weighting"),
    "C": ("C",),
    "features": ("max_features",),
    "n-grams": ("ngram_max",),
    "pooling": ("pooling",),
    "LoRA r": ("lora_r", "rank"),
}
"""Hyper-parameters the log shows, and the keys runners give them."""


def settings(run: Bundle) -> dict[str, Any]:
    """The hyper-parameters of a run that the log shows, by their short name."""
    resolved = run.config.resolved
    found = {}
    for name, keys in SETTINGS.items():
        value = next((resolved[key] for key in keys if resolved.get(key) is not None), None)
        if isinstance(value, str | int | float):
            found[name] = value
    return found


def experiment_log(runs: Runs, table_id: str) -> Table:
    """All measured runs, whatever split they were scored on; a run that was not scored shows dashes."""
    rows: list[dict[str, Scalar | Value]] = []
    for run in _simplest_first(runs):
        model, scored = run.manifest.model, run in runs.scored
        row: dict[str, Scalar | Value] = {
            "run": run.run_id,
            "model": model.name,
            "settings": ", ".join(f"{key} {_short(value)}" for key, value in settings(run).items()) or None,
            "seed": run.manifest.seed,
            "trainable": model.trainable_parameters,
            "time": training_seconds(run),
            "note": "; ".join(runs.partial(run)),
        }
        for metric in ("accuracy", "macro_f1", "weighted_f1", "zero_f1", "zero_f1_supported"):
            row[metric] = runs.value(run, metric) if scored else None
        row["gap"] = show(runs.scores(run).accuracy - runs.scores(run).macro_f1, "score") if scored else None
        rows.append(row)
    columns = [
        Column("run", "Run"),
        Column("model", "Model", wide=True),
        Column("settings", "Key settings", wide=True),
        Column("seed", "Seed", "text"),
        Column("accuracy", "Accuracy", "fraction"),
        Column("macro_f1", "Macro F1", "score"),
        Column("gap", "Gap", help="accuracy − macro F1"),
        Column("weighted_f1", "Weighted F1", "score"),
        Column("zero_f1", "Zero-F1", "count"),
        Column("zero_f1_supported", "of these with rows", "count"),
        Column("time", "Training", "seconds"),
        Column("trainable", "Trainable", "count", help="parameters"),
    ]
    if all(runs.scores(run).zero_f1 == runs.scores(run).zero_f1_supported for run in runs.scored):
        columns = [column for column in columns if column.key != "zero_f1_supported"]
    if any(row["note"] for row in rows):
        columns.append(Column("note", "Note", wide=True))
    keys = [column.key for column in columns]
    n = {runs.scores(run).n for run in runs.scored}
    size = f", n = {n.pop():,}" if len(n) == 1 else " (n differs between runs)"
    return Table(
        id=table_id,
        caption=f"Every run behind this memo, scored on {runs.split}{size}. "
        "Brackets: 95 % intervals of each run by itself; differences need the paired ones.",
        columns=tuple(columns),
        rows=tuple({key: row[key] for key in keys} for row in rows),
        row_header="run",
    )


def reproduction(runs: Runs, table_id: str) -> Table:
    """What identifies each run: settings, code, data and the bundle's own digest."""
    rows = []
    for run in _simplest_first(runs):
        manifest, environment = run.manifest, run.manifest.environment
        split = manifest.dataset.splits.get(runs.split) if manifest.dataset and runs.split else None  # type: ignore[call-overload]
        git = manifest.git
        rows.append(
            {
                "run": run.run_id,
                "runner": manifest.runner,
                "seed": manifest.seed,
                "config": config_digest(run)[:12],
                "code": f"{git.commit[:10]}{' + changes' if git.dirty else ''}" if git else None,
                "python": environment.get("python"),
                "torch": environment.get("torch"),
                "device": hardware(run),
                "precision": manifest.model.precision,
                "rows": split.rows_sha256[:12] if split else None,
                "root": run.root[:12],
            }
        )
    columns = (
        Column("run", "Run"),
        Column("runner", "Runner"),
        Column("seed", "Seed"),
        Column("config", "Config digest"),
        Column("code", "Commit"),
        Column("python", "Python"),
        Column("torch", "torch"),
        Column("device", "Device"),
        Column("precision", "Precision"),
        Column("rows", "Rows digest"),
        Column("root", "Bundle root"),
    )
    return Table(
        id=table_id,
        caption="What it takes to repeat each run. Digests are the first 12 digits of a sha256; equal rows digests "
        "mean that two runs scored the same rows.",
        columns=tuple(column for column in columns if any(row[column.key] is not None for row in rows)),
        rows=tuple(rows),
        row_header="run",
    )


def not_reproducible(run: Bundle) -> list[str]:
    """What a run leaves out that one needs to repeat it."""
    manifest, gaps = run.manifest, []
    if manifest.seed is None:
        gaps.append("seed")
    if manifest.model.family in ("encoder", "decoder"):
        gaps += [name for name in ("lr", "epochs", "batch", "max len") if name not in settings(run)]
    if manifest.git is None:
        gaps.append("commit")
    elif manifest.git.dirty:
        gaps.append("a clean commit")
    if not manifest.environment:
        gaps.append("package versions")
    return gaps


def reported(runs: Runs, table_id: str) -> Table | None:
    """Figures without predictions, kept apart from everything measured."""
    return reported_table(runs.reported, table_id)


def config_digest(run: Bundle) -> str:
    """sha256 of the resolved configuration."""
    return hashlib.sha256(json.dumps(run.config.resolved, sort_keys=True).encode()).hexdigest()


_FAMILY_ORDER = {"majority": 0, "linear": 1, "embed": 2, "encoder": 3, "decoder": 4, "prompted": 5}


def _simplest_first(runs: Runs) -> list[Bundle]:
    return sorted(runs.measured, key=lambda run: (_FAMILY_ORDER.get(run.manifest.model.family, 9), run.run_id))


def _short(value: Any) -> str:
    if isinstance(value, float):
        text = f"{value:.0e}" if 0 < abs(value) < 1e-3 else f"{value:g}"
        return text.replace("e-0", "e−").replace("e-", "e−")
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
