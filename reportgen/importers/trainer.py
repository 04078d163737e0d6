"""A transformers Trainer's output folder: its JSON files, and the predictions somebody saved beside them.

`training_args.bin` is a pickle and is never opened; the arguments are read where they were saved as JSON.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from reportgen.bundle import ModelInfo, slug
from reportgen.data import Course, Dataset
from reportgen.errors import InputError, one_line
from reportgen.stats import scores

from .draft import Draft
from .figures import figure, reported
from .naming import model_info
from .outcomes import measured
from .predictions import read_predictions
from .reading import FileId, read_json, shown
from .scores import draft_archive, read_archive

if TYPE_CHECKING:
    import pandas as pd

STATE = "trainer_state.json"
PREDICTIONS = ("predictions.npz", "val_predictions.npz", "predictions.csv", "val_predictions.csv")
_ARGUMENTS = ("training_args.json", "args.json")
_RESULTS = ("all_results.json", "train_results.json", "eval_results.json")
_FIRST = ("step", "epoch", "loss", "lr", "val_loss", "val_accuracy", "val_macro_f1", "val_weighted_f1", "val_zero_f1")
_MAX_COLUMNS = 60
_TOLERANCE = 0.002
_DECODERS = ("Qwen", "Llama", "Mistral", "Gemma", "Phi", "GPT", "SmolLM", "OPT")


def is_trainer_folder(path: Path) -> bool:
    """Whether a folder holds a Trainer's state, its own or a checkpoint's."""
    return _state_file(path) is not None


def draft_trainer(path: Path, data: Dataset | None, course: Course) -> list[Draft]:
    """The draft of a Trainer's output folder.

    With predictions beside it the bundle is measured; without, its evaluation figures are a reported bundle.

    Raises:
        InputError: no state, or a file that cannot be used.
    """
    state_file = _state_file(path)
    if state_file is None:
        raise InputError(f"no {STATE}", where=path, remedy="pass a Trainer's output folder, or the files themselves")
    state, notes, state_id = read_json(state_file)
    documents = {
        name: found
        for name in (*_RESULTS, *_ARGUMENTS, "config.json", "adapter_config.json")
        if (found := _optional(path, name))
    }
    for _, said, _ in documents.values():
        notes += said
    results: dict[str, Any] = {}
    for name in _RESULTS:
        results |= documents[name][0] if name in documents else {}
    arguments = next((documents[name][0] for name in _ARGUMENTS if name in documents), {})
    training = training_log(state.get("log_history"), shown(state_file))
    model = _model(path, state, documents)
    run_id = slug(path.resolve().name)
    settings = _settings(arguments, documents)
    decided = _decided(state, training)
    files = [state_id, *(file for _, _, file in documents.values())]
    runtime = results.get("train_runtime")
    seed = arguments.get("seed")

    saved = [name for name in PREDICTIONS if _is_own_file(path / name)]
    if len(saved) > 1:
        raise InputError(f"both {saved[0]} and {saved[1]}", where=shown(path), remedy="keep the predictions of one run")
    if not saved:
        notes.append(
            f"{shown(path)}: no {PREDICTIONS[0]} or {PREDICTIONS[2]} in it: its figures are reported, not recomputable."
        )
        draft = _reported(run_id, model, results, course, files)
    else:
        draft = _measured(path / saved[0], run_id, model, data, course, files, settings)
        notes += _contradictions(draft, results)
    draft.training = training
    draft.config = draft.config.model_copy(
        update={"resolved": {**settings, **draft.config.resolved}, "decided": decided}
    )
    draft.seed = seed if type(seed) is int and abs(seed) < 2**63 else None
    draft.timings = {"train": float(runtime)} if _is_number(runtime) and runtime > 0 else {}
    draft.trained_on = ("train",)
    version = next(
        (d.get("transformers_version") for d, _, _ in documents.values() if "transformers_version" in d), None
    )
    draft.environment = {"transformers": one_line(version, 40)} if isinstance(version, str) else {}
    draft.notes = [*draft.notes, *notes]
    if draft.dataset is not None:
        draft.dataset = draft.dataset.model_copy(update={"notes": (*draft.dataset.notes, *notes)})
    return [draft]


def training_log(history: Any, where: str) -> pd.DataFrame | None:
    """`log_history` as a training log: one row a step, `eval_…` as `val_…`, None where nothing was logged.

    Raises:
        InputError: it is no list of records.
    """
    import pandas as pd

    if history is None or history == []:
        return None
    if not isinstance(history, list) or not all(isinstance(record, dict) for record in history):
        raise InputError("log_history is no list of records", where=where, remedy="take the file the Trainer wrote")
    rows: dict[int, dict[str, float]] = {}
    for record in history:
        step = record.get("step")
        if type(step) is not int or not 0 <= step < 2**53:
            raise InputError(
                "a record of log_history without a step", where=where, remedy="take the file the Trainer wrote"
            )
        # The closing record sums up the whole training and repeats the last step.
        if "train_runtime" in record:
            continue
        row = rows.setdefault(step, {})
        for name, value in record.items():
            if name != "step" and _is_number(value):
                row[_column(name)] = float(value)
    if not rows:
        return None
    names = {name for row in rows.values() for name in row}
    order = [name for name in _FIRST if name in names and name != "step"]
    order += sorted(names - set(order))
    if len(order) >= _MAX_COLUMNS:
        raise InputError(f"{len(order)} different values logged", where=where, remedy=f"log fewer than {_MAX_COLUMNS}")
    steps = sorted(rows)
    columns = {name: [rows[step].get(name, math.nan) for step in steps] for name in order}
    return pd.DataFrame({"step": steps, **columns}).astype({"step": "int64"})


def _column(name: str) -> str:
    if name.startswith("eval_"):
        name = f"val_{name.removeprefix('eval_')}"
    return {"learning_rate": "lr", "val_zero_f1_classes": "val_zero_f1"}.get(name, one_line(name, 60) or "value")


def _state_file(path: Path) -> Path | None:
    if _is_own_file(path / STATE):
        return path / STATE
    try:
        folders = [entry for entry in path.iterdir() if re.fullmatch(r"checkpoint-[0-9]{1,9}", entry.name)]
    except OSError:
        return None
    found = [folder / STATE for folder in folders if not folder.is_symlink() and _is_own_file(folder / STATE)]
    return max(found, key=lambda file: int(file.parent.name.removeprefix("checkpoint-")), default=None)


def _is_own_file(path: Path) -> bool:
    """Files of a folder somebody handed in; a link could point anywhere."""
    return path.is_file() and not path.is_symlink()


def _optional(folder: Path, name: str) -> tuple[dict[str, Any], list[str], FileId] | None:
    return read_json(folder / name) if _is_own_file(folder / name) else None


def _model(path: Path, state: Mapping[str, Any], documents: Mapping[str, Any]) -> ModelInfo:
    config = documents["config.json"][0] if "config.json" in documents else {}
    adapter = documents["adapter_config.json"][0] if "adapter_config.json" in documents else {}
    name = next(
        (
            value
            for value in (adapter.get("base_model_name_or_path"), config.get("_name_or_path"))
            if value and isinstance(value, str)
        ),
        path.resolve().name,
    )
    architectures = config.get("architectures")
    family = None
    if isinstance(architectures, list) and architectures and isinstance(architectures[0], str):
        family = "decoder" if architectures[0].startswith(_DECODERS) else "encoder"
    dtype = config.get("dtype", config.get("torch_dtype"))
    precision = (
        {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16"}.get(dtype) if isinstance(dtype, str) else None
    )
    info, _ = model_info(name, family=family, precision=precision)
    return info


def _settings(arguments: Mapping[str, Any], documents: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values of the training arguments and the adapter, under the names the Trainer gives them."""
    plain = {
        key: value
        for key, value in arguments.items()
        if isinstance(value, bool | int | float | str) and not str(value).startswith("<")
    }
    adapter = documents["adapter_config.json"][0] if "adapter_config.json" in documents else {}
    names = {
        "r": "lora_r",
        "lora_alpha": "lora_alpha",
        "lora_dropout": "lora_dropout",
        "target_modules": "target_modules",
    }
    return plain | {new: adapter[old] for old, new in names.items() if old in adapter}


def _decided(state: Mapping[str, Any], training: pd.DataFrame | None) -> dict[str, Any]:
    """The best checkpoint, as the Trainer's state names it."""
    found: dict[str, Any] = {}
    checkpoint = state.get("best_model_checkpoint")
    if isinstance(checkpoint, str) and checkpoint:
        found["best_checkpoint"] = one_line(re.split(r"[/\\]", checkpoint.rstrip("/\\"))[-1], 80)
    if _is_number(state.get("best_metric")):
        found["best_metric"] = state["best_metric"]
    step = state.get("best_global_step")
    if type(step) is not int and (match := re.search(r"-([0-9]{1,9})$", found.get("best_checkpoint", ""))):
        step = int(match[1])
    if type(step) is int:
        found["best_step"] = step
        if training is not None and "epoch" in training:
            epochs = training.loc[training["step"] == step, "epoch"].dropna()
            if len(epochs):
                found["best_epoch"] = float(epochs.iloc[0])
                found["selection_rule"] = "the Trainer's best checkpoint"
    return found


def _measured(
    path: Path,
    run_id: str,
    model: ModelInfo,
    data: Dataset | None,
    course: Course,
    files: list[FileId],
    settings: Mapping[str, Any],
) -> Draft:
    if path.suffix == ".npz":
        archive = read_archive(path)
        drafts = draft_archive(archive, data, course, as_course=False)
        if len(drafts) > 1:
            raise InputError(f"{len(drafts)} models in it", where=shown(path), remedy="keep the folder's own model")
        draft, file = drafts[0], archive.file
    else:
        outcomes, _, file = read_predictions(path, data, course)
        draft = measured(
            outcomes, run_id=run_id, model=model, course=course, data=data, files=[file], form="Trainer folder"
        )
    named = {each.name: each.sha256 for each in (*files, file)}
    draft.run_id, draft.model = run_id, model
    draft.config = draft.config.model_copy(
        update={
            "passed": {"files": list(named)},
            "resolved": {**draft.config.resolved, "format": "Trainer folder", "files": named},
        }
    )
    return draft


def _reported(run_id: str, model: ModelInfo, results: Mapping[str, Any], course: Course, files: list[FileId]) -> Draft:
    names = {"accuracy": "accuracy", "macro_f1": "macro_f1", "f1": "macro_f1", "weighted_f1": "weighted_f1"}
    names |= {"zero_f1": "zero_f1_classes", "zero_f1_classes": "zero_f1_classes"}
    figures: dict[str, Any] = {}
    for name, target in names.items():
        value = results.get(f"eval_{name}")
        if value is not None and target not in figures:
            figures[target] = figure(target, value, f"eval_results.json, eval_{name}")
    count = results.get("eval_samples")
    figures |= {"n": count} if type(count) is int and count > 0 else {}
    extra = {name: value for name, value in results.items() if _is_number(value) and name != "eval_samples"}
    return reported(
        run_id, model, figures, course=course.name, files=files, form="Trainer folder", extra={"results": extra}
    )


def _contradictions(draft: Draft, results: Mapping[str, Any]) -> list[str]:
    """Evaluation figures the predictions do not give: another checkpoint, or another split."""
    notes = []
    for split, part in draft.parts.items():
        found = scores(part.outcomes.labels, part.outcomes.predictions, len(draft.labels.names))
        for name in ("accuracy", "macro_f1"):
            stated = results.get(f"eval_{name}")
            if _is_number(stated) and abs(stated - getattr(found, name)) > _TOLERANCE:
                notes.append(
                    f"The Trainer states eval_{name} {stated:.4f}; the predictions on {split} give "
                    f"{getattr(found, name):.4f}: another checkpoint, another split or another definition."
                )
    return notes


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
