"""The runs by how they were adapted: full fine-tuning, LoRA, a frozen encoder, a linear model, a prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reportgen.stats import ece

from .model import Column, Scalar, Table, Value
from .runs import training_seconds

if TYPE_CHECKING:
    from reportgen.bundle import Bundle

    from .runs import Runs

_ORDER = ("full fine-tuning", "LoRA", "frozen encoder, linear head", "linear model", "prompt, no training", "floor")


def regime(run: Bundle) -> str:
    """How a run was adapted, from its family and the share of parameters it trained."""
    model = run.manifest.model
    if model.family in _FIXED:
        return _FIXED[model.family]
    if run.config.resolved.get("lora"):
        return "LoRA"
    if model.parameters and model.trainable_parameters is not None:
        return "LoRA" if model.trainable_parameters < model.parameters / 2 else "full fine-tuning"
    return "fine-tuning, how not stated"


_FIXED = {
    "majority": "floor",
    "linear": "linear model",
    "embed": "frozen encoder, linear head",
    "prompted": "prompt, no training",
}


def regimes(runs: Runs, table_id: str) -> Table | None:
    """One row a run, by regime; None where all runs are of one."""
    shown = [run for run in runs.scored if run.run_id not in runs.slipped and not runs.checks(run)]
    if len({regime(run) for run in shown}) < 2:
        return None
    shown.sort(key=lambda run: (_rank(regime(run)), -runs.scores(run).macro_f1, run.run_id))
    rows: list[dict[str, Scalar | Value]] = []
    for run in shown:
        scores, split = runs.scores(run), run.predictions(runs.split or "val")
        shared = {"run": run.run_id, "split": runs.split, "n": scores.n, "field": "predictions.parquet"}
        error = None if split.confidence is None else ece(split.confidence, split.predictions == split.labels)
        rows.append(
            {
                "regime": regime(run),
                "run": run.run_id,
                "model": run.manifest.model.name,
                "trainable": run.manifest.model.trainable_parameters,
                "accuracy": Value("accuracy", scores.accuracy, "fraction", **shared),  # type: ignore[arg-type]
                "macro_f1": Value("macro_f1", scores.macro_f1, "score", **shared),  # type: ignore[arg-type]
                "zero_f1": Value("zero_f1", scores.zero_f1, "count", **shared),  # type: ignore[arg-type]
                "ece": error,
                "time": training_seconds(run),
            }
        )
    sizes = {runs.scores(run).n for run in shown}
    n = f", n = {sizes.pop():,}" if len(sizes) == 1 else " (n differs between runs)"
    return Table(
        id=table_id,
        caption=f"Regimes compared: the runs of this memo by how they were adapted, on {runs.split}{n}. Single figures "
        "without intervals; whether two rows differ, only a paired comparison says.",
        columns=(
            Column("regime", "Regime", wide=True),
            Column("run", "Run"),
            Column("model", "Model", wide=True),
            Column("trainable", "Trainable", "count", help="parameters"),
            Column("accuracy", "Accuracy", "fraction"),
            Column("macro_f1", "Macro F1", "score"),
            Column("zero_f1", "Zero-F1", "count"),
            Column("ece", "ECE", "score", help="unscaled"),
            Column("time", "Training", "seconds"),
        ),
        rows=tuple(rows),
        row_header="regime",
    )


def _rank(name: str) -> int:
    return _ORDER.index(name) if name in _ORDER else len(_ORDER)
