"""The course's JSON files of results (course-evidence §6.4): one aggregate a model, whatever the notebook nested.

The notebooks nest by model (`encoder_lora → accuracy`), by quantity (`latency → encoder → single_ms`), or list records
with a `model`. All three are turned the same way: everything a file says about a model lands with that model.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from reportgen.bundle import Labels
from reportgen.data import Course
from reportgen.errors import InputError, one_line

from .aggregates import PRECISIONS, Aggregate
from .course_tables import key, week_of
from .figures import figure
from .outcomes import tier_map
from .reading import FileId, read_json, shown

_MODEL = re.compile(r"(encoder|decoder|flawed|vanilla|distilled|teacher|alpha|bravo|charlie|delta)(_[a-z0-9_]+)?")
_QUANTITY = re.compile(r"(delta|.*_(delta|gap|diff|difference))s?|(encoder|decoder)_(right|wrong|correct)(_.*)?")
"""Quantities that are named like a model; `encoder_right` holds the rows only the encoder gets right."""
_METRICS = {
    "accuracy": "accuracy",
    "acc": "accuracy",
    "macro_f1": "macro_f1",
    "weighted_f1": "weighted_f1",
    "zero_f1_classes": "zero_f1_classes",
    "zero_f1": "zero_f1_classes",
    "ece": "ece",
    "ece_pre": "ece",
    "ece_before": "ece",
    "ece_post": "ece_post",
    "ece_after": "ece_post",
}
_NESTS = ("ece", "temperature_scaling", "calibration", "metrics", "results", "split_val_ece")
_TIMES = ("train_time_sec", "train_time", "training_time_sec")
_FILES = re.compile(r"week([1-6])_(lab|hw|homework)_[a-z_]+\.json", re.IGNORECASE)


def is_course_document(path: Path) -> bool:
    """Whether a file is named like one of the course's JSON files."""
    return bool(_FILES.fullmatch(path.name))


def read_course_document(path: Path, course: Course) -> tuple[list[Aggregate], list[str]]:
    """What a file says about each model in it, and notes.

    Raises:
        InputError: no JSON object, no model in it, or a figure that cannot be.
    """
    document, notes, file = read_json(path)
    models: dict[str, dict[str, Any]] = {}
    shared: dict[str, Any] = {}
    for name, value in document.items():
        if _is_model(name) and isinstance(value, dict):
            for model, part in _by_precision(key(name), value).items():
                models.setdefault(model, {}).update(part)
    for name, value in document.items():
        if _is_model(name) and isinstance(value, dict):
            continue
        distributed = _by_model(value)
        for model, part in distributed.items():
            for target in _matching(model, models):
                models.setdefault(target, {})[name] = part
        if not distributed:
            shared[name] = value
    if not models:
        if week_of(path) is None:
            raise InputError(
                "no model in it", where=shown(path), remedy="the course's files name an encoder, a decoder or a student"
            )
        models["notebook"] = {}
    labels = _labels(shared.pop("label_counts", None), course, notes, path)
    found = [_aggregate(model, figures, shared, path, file) for model, figures in models.items()]
    for item in found:
        per_class = item.extra.get("per_class_f1")
        if labels is not None and isinstance(per_class, list) and len(per_class) == len(labels.names):
            item.labels = labels
    return found, notes


def _is_model(name: str) -> bool:
    name = key(name)
    quantity = _QUANTITY.fullmatch(name) or _QUANTITY.fullmatch(name.removeprefix("decoder_"))
    return bool(_MODEL.fullmatch(name)) and not quantity


def _by_precision(model: str, value: dict[str, Any]) -> dict[str, dict[str, Any]]:
    if value and all(key(name) in PRECISIONS and isinstance(part, dict) for name, part in value.items()):
        return {f"{model}_{key(name)}": part for name, part in value.items()}
    if value and all(key(name) in ("head", "mid", "tail") for name in value):
        return {model: {"tiers": value}}
    return {model: value}


def _by_model(value: Any) -> dict[str, Any]:
    """A quantity's values by model, empty where it is not told by model."""
    if isinstance(value, dict) and value and all(_is_model(name) for name in value):
        found: dict[str, Any] = {}
        for name, part in value.items():
            found |= _by_precision(key(name), part) if isinstance(part, dict) else {key(name): part}
        return found
    if isinstance(value, list) and value and all(isinstance(part, dict) and part.get("model") for part in value):
        rows: dict[str, Any] = {}
        for part in value:
            name = key(f"{part['model']}_{part['precision']}" if part.get("precision") else part["model"])
            if not _is_model(name):
                return {}
            rows.setdefault(name, []).append({k: v for k, v in part.items() if k not in ("model", "precision")})
        return {name: found[0] if len(found) == 1 else found for name, found in rows.items()}
    return {}


def _matching(model: str, known: dict[str, Any]) -> list[str]:
    """The models a shorter name speaks of: `encoder` in one place is `encoder_lora` in another."""
    if model in known:
        return [model]
    longer = [name for name in known if name.startswith(f"{model}_")]
    return longer if len(longer) == 1 else [model]


def _aggregate(model: str, said: dict[str, Any], shared: dict[str, Any], path: Path, file: FileId) -> Aggregate:
    figures: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    remarks: list[str] = []
    place = f"{shown(path)}, {one_line(model, 40)}."
    for name, value in said.items():
        target = _METRICS.get(key(name))
        if target and not isinstance(value, dict | list):
            figures[target] = figure(target, value, place + name)
        elif key(name) in _TIMES and not isinstance(value, dict | list):
            if value == 0:
                remarks.append("A training time of 0 s was written by a notebook that skipped training; it is unknown.")
            else:
                extra["train_time_sec"] = value
        elif key(name) == "latency" and isinstance(value, dict):
            _latency(value, figures, extra, place)
        else:
            extra[name] = value
            if key(name) in _NESTS and isinstance(value, dict):
                for inner, part in value.items():
                    metric = {"pre": "ece", "before": "ece", "post": "ece_post", "after": "ece_post"}.get(key(inner))
                    metric = metric or _METRICS.get(key(inner))
                    if metric and not isinstance(part, dict | list) and metric not in figures:
                        figures[metric] = figure(metric, part, f"{place}{name}.{inner}")
    if shared:
        extra["shared"] = shared
    precision = next((p for p in PRECISIONS if model.endswith(f"_{p}")), None)
    figures |= {"precision": precision} if precision else {}
    name = model.replace("_", " ")
    return Aggregate(name, week_of(path), file, "course json", figures, extra, remarks)


def _latency(value: dict[str, Any], figures: dict[str, Any], extra: dict[str, Any], place: str) -> None:
    """Week 3 times one example a call and batches; the minutes for 64,000 follow from the batches."""
    single, minutes = value.get("single_ms"), value.get("time_64k_min")
    if single:
        figures["latency_ms"] = figure("latency_ms", single, f"{place}latency.single_ms")
        figures |= {"latency_mode": "single-stream", "batch_size": 1}
    if minutes:
        figures["minutes_per_64k"] = figure("minutes_per_64k", minutes, f"{place}latency.time_64k_min")
    extra["latency"] = value


def _labels(counts: Any, course: Course, notes: list[str], path: Path) -> Labels | None:
    """The course's label list with the training counts a file states; its JSON keys are strings."""
    if course.labels is None:
        return None
    names = course.labels
    found: dict[int, int] = {}
    for name, count in (counts if isinstance(counts, dict) else {}).items():
        at = int(name) if re.fullmatch(r"[0-9]{1,4}", name) else names.index(name) if name in names else -1
        if at not in range(len(names)) or type(count) is not int or not 0 <= count < 2**31:
            notes.append(f"{shown(path)}: label_counts are not counts of the course's labels and are left out.")
            return Labels(names=names, train_counts=())
        found[at] = count
    # Labels the notebook's counter never saw have no rows; a file that counts only a few labels counts another split.
    counted = tuple(found.get(at, 0) for at in range(len(names))) if len(found) > len(names) // 2 else ()
    return Labels(names=names, train_counts=counted, tiers=tier_map(counted))
