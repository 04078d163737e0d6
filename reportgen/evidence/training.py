"""What the training logs say: loss curve, metrics per epoch, and which checkpoint was scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .model import Column, Figure, Scalar, Table, Unit
from .numbers import plural, show

if TYPE_CHECKING:
    import pandas as pd

    from reportgen.bundle import Bundle

    from .runs import Runs

MAX_CURVES = 4
"""Curves in one figure: as many as there are line styles; more cannot be told apart."""
MAX_POINTS = 400
"""Points kept of a loss curve: more than a page can show."""
_OBJECTIVE = ("loss", "class_weights", "label_smoothing", "rdrop", "supcon")
_ROUNDED = 5e-4
_EPOCH_METRICS: dict[str, tuple[str, Unit]] = {
    "val_loss": ("Validation loss", "score"),
    "val_accuracy": ("Accuracy", "fraction"),
    "val_macro_f1": ("Macro F1", "score"),
    "val_weighted_f1": ("Weighted F1", "score"),
    "val_zero_f1": ("Zero-F1 classes", "count"),
}


@dataclass(frozen=True)
class Checkpoint:
    """The epoch whose weights were scored. `rule` says how it is known."""

    epoch: float
    of: float
    macro_f1: float | None
    rule: str


def logged(run: Bundle) -> pd.DataFrame | None:
    """The run's training log if it holds losses of steps."""
    frame = run.training
    if frame is None or not {"step", "loss"} <= set(frame.columns) or frame["loss"].notna().sum() < 2:
        return None
    return frame


def epochs(run: Bundle) -> pd.DataFrame | None:
    """One row an epoch with the validation metrics that were logged, or None."""
    frame = run.training
    if frame is None or "epoch" not in frame.columns:
        return None
    metrics = [name for name in frame.columns if name.startswith("val_")]
    found = frame[frame[metrics].notna().any(axis=1)] if metrics else frame.iloc[:0]
    return found.drop_duplicates("epoch", keep="last").sort_values("epoch") if len(found) else None


def epochs_table(runs: Sequence[Bundle], table_id: str, split: str | None) -> Table | None:
    """Validation metrics of every epoch of every run that logged them; the scored epoch is marked."""
    shown: list[dict[str, Scalar]] = []
    for run in runs:
        frame, kept = epochs(run), checkpoint(run)
        for record in frame.to_dict("records") if frame is not None else ():
            row: dict[str, Scalar] = {"run": run.run_id, "epoch": _plain(record["epoch"])}
            row["kept"] = "scored" if kept and kept.epoch == record["epoch"] else ""
            row |= {name: _plain(record[name]) for name in _EPOCH_METRICS if name in record}
            row["train_loss"] = _train_loss(run, record["epoch"])
            shown.append(row)
    if not shown:
        return None
    present = [name for name in _EPOCH_METRICS if any(row.get(name) is not None for row in shown)]
    columns = [
        Column("run", "Run"),
        Column("epoch", "Epoch", "number"),
        Column("train_loss", "Training loss", "score"),
    ]
    columns += [Column(name, *_EPOCH_METRICS[name]) for name in present] + [Column("kept", "Checkpoint")]
    full = [column.key for column in columns]
    return Table(
        id=table_id,
        caption=f"Metrics after each epoch, as logged during training on {split or 'val'}. "
        "Training loss is the mean over the epoch's steps.",
        columns=tuple(columns),
        rows=tuple({key: row.get(key) for key in full} for row in shown),
        row_header="run",
    )


def checkpoint(run: Bundle) -> Checkpoint | None:
    """Which epoch was scored: as the run states it, else the best one in its log."""
    frame = epochs(run)
    if frame is None or "val_macro_f1" not in frame:
        return None
    decided, last = run.config.decided, float(frame["epoch"].max())
    stated = last if run.config.resolved.get("select") == "last" else decided.get("best_epoch")
    if isinstance(stated, int | float):
        rule = str(decided.get("selection_rule") or "highest validation macro F1")
        match = frame.loc[frame["epoch"] == stated, "val_macro_f1"]
        return Checkpoint(float(stated), last, float(match.iloc[0]) if len(match) else None, rule)
    best = frame.iloc[int(np.nanargmax(frame["val_macro_f1"].to_numpy(np.float64)))]
    rule = "not stated by the run; the epoch with the highest validation macro F1 in its log"
    return Checkpoint(float(best["epoch"]), last, float(best["val_macro_f1"]), rule)


def learning_curve(runs: Sequence[Bundle], figure_id: str) -> Figure | None:
    """Rolling mean of the step losses (window: a fiftieth of the steps), warm-up end and scored epoch marked."""
    found = [curve for run in runs if (curve := _curve(run))]
    if not found:
        return None
    curves = found[:MAX_CURVES]
    first = curves[0]
    direction = "falls" if first["loss"][-1] < first["loss"][0] else "does not fall: it goes"
    begin, end = (show(first["loss"][at], "score") for at in (0, -1))
    finding = f"Training loss of {first['run']} {direction} from {begin} to {end} over {plural(first['steps'], 'step')}"
    if first["marks"]:
        best = max(first["marks"], key=lambda mark: mark["macro_f1"])
        finding += (
            f"; validation macro F1 is highest after epoch {show(best['epoch'])}: {show(best['macro_f1'], 'score')}"
        )
        scored = next((mark for mark in first["marks"] if mark["scored"] and mark is not best), None)
        if scored:
            finding += f"; scored was epoch {show(scored['epoch'])}: {show(scored['macro_f1'], 'score')}"
    windows = "; ".join(f"{curve['run']}: {curve['window']}" for curve in curves)
    objectives = {curve["objective"] for curve in curves}
    unlike = " Losses of different objectives cannot be compared: only their shapes can." if len(objectives) > 1 else ""
    left_out = f" {len(curves)} of {len(found)} runs are drawn." if len(found) > len(curves) else ""
    return Figure(
        id=figure_id,
        kind="learning-curve",
        caption=f"Training loss by optimiser step, rolling mean (window in steps: {windows}). "
        "Dotted line: end of warm-up. Dots: validation macro F1 after each epoch, the scored one filled."
        f"{unlike}{left_out}",
        finding=finding + ".",
        data={"curves": curves},
    )


def _curve(run: Bundle) -> dict[str, Any] | None:
    frame = logged(run)
    if frame is None:
        return None
    steps = frame[frame["loss"].notna()].sort_values("step")
    losses, positions = steps["loss"].to_numpy(np.float64), steps["step"].to_numpy(np.float64)
    window = max(1, len(losses) // 50)
    smooth = np.convolve(losses, np.full(window, 1 / window), mode="valid")
    where = positions[window - 1 :]
    kept = np.unique(np.linspace(0, len(where) - 1, min(MAX_POINTS, len(where))).round().astype(int))
    found, scored = epochs(run), checkpoint(run)
    logged_f1 = found[found["val_macro_f1"].notna()] if found is not None and "val_macro_f1" in found else None
    marks = [
        {
            "epoch": _plain(record["epoch"]),
            "step": float(record["step"]),
            "macro_f1": float(record["val_macro_f1"]),
            "scored": bool(scored and scored.epoch == record["epoch"]),
        }
        for record in (logged_f1.to_dict("records") if logged_f1 is not None else ())
    ]
    return {
        "run": run.run_id,
        "objective": _objective(run),
        "step": where[kept].tolist(),
        "loss": smooth[kept].tolist(),
        "steps": int(positions[-1]),
        "window": window,
        "warmup_end": _warmup_end(steps),
        "marks": marks,
    }


def beyond_checkpoint(runs: Runs, run: Bundle) -> str | None:
    """Why a run's macro F1 is not the one its log gives the scored epoch, where the two differ."""
    kept, macro = checkpoint(run), runs.scores(run).macro_f1
    if runs.split != "val" or kept is None or kept.macro_f1 is None or abs(kept.macro_f1 - macro) < _ROUNDED:
        return None
    return (
        f"{run.run_id} has macro F1 {show(macro, 'score')}, and its log {show(kept.macro_f1, 'score')} for the scored "
        "epoch: what is scored is more than that checkpoint, or other rows."
    )


def _objective(run: Bundle) -> str:
    """What the training loss is: losses of one objective can be compared."""
    wanted = {key: run.config.resolved.get(key) for key in _OBJECTIVE}
    return ", ".join(f"{key} {value}" for key, value in wanted.items() if value not in (None, "none", 0, 0.0))


def _warmup_end(steps: pd.DataFrame) -> float | None:
    """First step at the highest learning rate, if the rate rises at all."""
    if "lr" not in steps or steps["lr"].isna().all():
        return None
    rates = steps["lr"].to_numpy(np.float64)
    peak = int(np.nanargmax(rates))
    return float(steps["step"].iloc[peak]) if peak > 0 else None


def _train_loss(run: Bundle, epoch: float) -> float | None:
    frame = run.training
    if frame is None or "loss" not in frame:
        return None
    # Steps log fractional epochs: those of epoch e lie in (e − 1, e].
    inside = frame[(frame["epoch"] > epoch - 1) & (frame["epoch"] <= epoch) & frame["loss"].notna()]
    return float(inside["loss"].mean()) if len(inside) else None


def _plain(value: Any) -> Scalar:
    """A number as Python has it; NaN is None."""
    number = float(value)
    return None if np.isnan(number) else int(number) if number.is_integer() else number
