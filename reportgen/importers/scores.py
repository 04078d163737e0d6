"""Predictions in .npz files: one model's `labels` and `logits`, or several models' under prefixed names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reportgen.bundle import slug
from reportgen.data import Course, Dataset
from reportgen.errors import InputError, one_line
from reportgen.stats import tiers

from .arrays import read_npz
from .draft import Draft
from .labels import as_strings, label_list
from .naming import model_info, split_of
from .outcomes import Outcomes, measured
from .reading import FileId, shown

_ROLES = {
    "logits": "logits",
    "preds": "predictions",
    "predictions": "predictions",
    "labels": "labels",
    "max_conf": "confidence",
    "confidence": "confidence",
}
_SHARED = ("val", "test", "train")
_IDS = ("row_ids", "row_id")
_NAMES = ("label_names", "names")
_TIER_NAMES = ("head", "mid", "tail")
_GRID = re.compile(r"grid_Td(\d+)_a(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Archive:
    """An .npz file: arrays by model (the empty name where there is one model), and what all models share."""

    path: Path
    file: FileId
    models: Mapping[str, Mapping[str, NDArray[Any]]]
    shared: Mapping[str, NDArray[Any]]
    unused: tuple[str, ...]

    @property
    def labels(self) -> NDArray[Any] | None:
        """True labels of all models' rows, if the file has them."""
        own = [arrays["labels"] for arrays in self.models.values() if "labels" in arrays]
        return self.shared.get("labels", own[0] if own else None)

    @property
    def k(self) -> int | None:
        """Number of scores a row."""
        shapes = [arrays["logits"].shape for arrays in self.models.values() if "logits" in arrays]
        return int(shapes[0][1]) if shapes and len(shapes[0]) == 2 else None


def read_archive(path: Path) -> Archive:
    """Sort the arrays of an .npz file by model.

    Raises:
        InputError: not a sound file, or neither logits nor predictions in it.
    """
    arrays, file = read_npz(path)
    models: dict[str, dict[str, NDArray[Any]]] = {}
    shared: dict[str, NDArray[Any]] = {}
    unused = []
    for key, values in arrays.items():
        role = next((role for role in _ROLES if key == role or key.endswith(f"_{role}")), None)
        prefix = "" if role is None else key[: -len(role)].rstrip("_")
        if key in ("tiers", "val_tiers"):
            shared["tiers"] = values
        elif key in _IDS:
            shared["row_ids"] = values
        elif key in _NAMES:
            shared["names"] = values
        elif role is None:
            unused.append(key)
        elif _ROLES[role] == "labels" and prefix in ("", *_SHARED):
            shared["labels"] = values
        else:
            models.setdefault("" if prefix in _SHARED else prefix, {})[_ROLES[role]] = values
    models = {name: found for name, found in models.items() if {"logits", "predictions"} & found.keys()}
    if not models:
        has = ", ".join(one_line(key, 30) for key in list(arrays)[:8])
        raise InputError("there are neither logits nor preds", where=shown(path), remedy=f"the arrays are {has}")
    return Archive(path, file, models, shared, tuple(unused))


def draft_archive(
    archive: Archive,
    data: Dataset | None,
    course: Course,
    *,
    as_course: bool,
    borrowed: Mapping[int, NDArray[Any]] | None = None,
) -> list[Draft]:
    """A draft of each model in an .npz file.

    Args:
        archive: the file.
        data: the dataset, if one was given.
        course: the course.
        as_course: whether it is one of the course's own files: they name their week and model.
        borrowed: number of rows to true labels, from other files of the same call, for a file without labels.

    Raises:
        InputError: arrays that contradict each other or the data.
    """
    where, shared = shown(archive.path), archive.shared
    own = as_strings(shared["names"], "label names", where) if "names" in shared else None
    cells = [str(value) for array in _label_arrays(archive) for value in np.unique(array)[:4000].tolist()]
    names = label_list(course, data, archive.k, own, cells, where)
    drafts = []
    for prefix, arrays in archive.models.items():
        described = describe(archive.path, prefix, as_course)
        spot = f"{where}, {one_line(prefix, 40)}" if prefix else where
        labels = arrays.get("labels", shared.get("labels"))
        size = len(next(iter(arrays.values()))) if next(iter(arrays.values())).ndim else 0
        notes = [f"{where}: arrays that are not used: {', '.join(map(one_line, archive.unused[:5]))}."]
        notes = notes if archive.unused else []
        if labels is None and data is None and borrowed and size in borrowed:
            labels = borrowed[size]
            notes.append(f"{where} has no labels; those of another file of the same import are used, by position.")
        outcomes = Outcomes(
            where=spot,
            names=names,
            labels=None if labels is None else names.checked(labels, "labels", spot),
            logits=arrays.get("logits"),
            predictions=names.checked(arrays["predictions"], "predictions", spot, low=-1)
            if "predictions" in arrays
            else None,
            confidence=_floats(arrays["confidence"], spot) if "confidence" in arrays else None,
            row_ids=as_strings(shared["row_ids"], "row ids", where) if "row_ids" in shared else None,
            split=described.split,
            notes=notes,
        )
        if "tiers" in shared:
            outcomes.notes += _tier_notes(shared["tiers"], outcomes, data, where)
        model, said = model_info(described.model)
        outcomes.notes += said
        drafts.append(
            measured(
                outcomes,
                run_id=described.run_id,
                model=model,
                course=course,
                data=data,
                files=[archive.file],
                form=f"course {archive.path.suffix[1:]}" if as_course else "predictions npz",
                dataset=(course.hub_dataset or "not stated") if as_course else "not stated",
                week=described.week,
                trained_on=described.trained_on,
                settings={"model_key": prefix, **described.settings},
            )
        )
    return drafts


@dataclass(frozen=True)
class Described:
    """What a file's name says about a model in it."""

    run_id: str
    model: str
    split: str | None
    week: int | None
    trained_on: tuple[str, ...]
    settings: Mapping[str, Any]


def describe(path: Path, prefix: str, as_course: bool) -> Described:
    """Name, week and provenance of a model, from the names the course gives its files (course-evidence §6.4)."""
    stem, split = path.stem, split_of(path.stem)
    if not as_course:
        name = f"{stem}-{prefix}" if prefix else stem
        return Described(slug(name), name, split, None, (), {})
    if week := re.match(r"week([1-6])", stem, re.IGNORECASE):
        name = prefix or stem
        return Described(
            slug(f"week{week[1]}-{name}"), name.replace("_", " "), split or "val", int(week[1]), ("train",), {}
        )
    # Week 6: every student and the teacher learnt from train and test; only val is left to judge them.
    seen = ("train", "test")
    if grid := _GRID.search(stem):
        temperature, alpha = int(grid[1]), int(grid[2]) / 100
        name = f"distilled student, T_d {temperature}, α {alpha:g}"
        settings = {"kd_temperature": temperature, "kd_alpha": alpha}
        return Described(slug(f"week6-grid-td{grid[1]}-a{grid[2]}"), name, "val", 6, seen, settings)
    place = f"{path.resolve().parent.name} {stem}".lower()
    for word, name in (("vanilla", "vanilla student"), ("distill", "distilled student"), ("canonical", "teacher")):
        if word in place:
            return Described(slug(f"week6-{name.split()[0]}"), name, "val", 6, seen, {})
    name = f"{stem}-{prefix}" if prefix else stem
    return Described(slug(f"week6-{name}"), name, "val", 6, seen, {})


def borrowable(archives: list[Archive]) -> dict[int, NDArray[Any]]:
    """Number of rows to true labels, where all files that have so many agree."""
    found: dict[int, NDArray[Any]] = {}
    torn: set[int] = set()
    for archive in archives:
        labels = archive.labels
        if labels is None or labels.ndim != 1:
            continue
        if len(labels) in found and not np.array_equal(found[len(labels)], labels):
            torn.add(len(labels))
        found.setdefault(len(labels), labels)
    return {size: labels for size, labels in found.items() if size not in torn}


def _label_arrays(archive: Archive) -> list[NDArray[Any]]:
    found = [archive.shared.get("labels")]
    for arrays in archive.models.values():
        found += [arrays.get("labels"), arrays.get("predictions")]
    return [array for array in found if array is not None and array.dtype.kind in "iuU"]


def _floats(values: NDArray[Any], where: str) -> NDArray[np.float64]:
    if values.ndim != 1 or values.dtype.kind not in "iuf":
        raise InputError(f"confidences are {values.dtype} of shape {values.shape}", where=where, remedy="one a row")
    return values.astype(np.float64)


def _tier_notes(values: NDArray[Any], outcomes: Outcomes, data: Dataset | None, where: str) -> list[str]:
    """Compare the file's tiers, one a row or one a label, with ours by rank.

    Raises:
        InputError: they are no tiers, or one label has two.
    """
    labels, names = outcomes.labels, outcomes.names
    stated = _tier_cells(values, where)
    if len(stated) == len(names.names) and (labels is None or len(labels) != len(stated)):
        of_label = dict(enumerate(stated))
    elif labels is not None and len(stated) == len(labels):
        of_label = {}
        for label, tier in zip(labels.tolist(), stated, strict=True):
            if of_label.setdefault(label, tier) != tier:
                raise InputError(
                    f"label {one_line(names.names[label], 60)!r} is in two tiers, {of_label[label]} and {tier}",
                    where=where,
                    remedy="the tiers are of other rows than the labels",
                )
    else:
        raise InputError(f"{len(stated):,} tiers for {outcomes.n:,} rows", where=where, remedy="give one tier a row")
    if data is None or "train" not in data.splits:
        return [f"{where}: its tiers were not checked, training counts are unknown without --data."]
    ours = tiers(data.train_counts, "rank")
    differ = [label for label, tier in of_label.items() if ours[label] != tier]
    if not differ:
        return [f"{where}: its tiers are ours by rank for all {len(of_label)} labels it has."]
    name = one_line(names.names[differ[0]], 60)
    note = (
        f"{where}: its tiers differ from ours by rank for {len(differ)} labels, such as {name!r} "
        f"({of_label[differ[0]]}, ours {ours[differ[0]]}); equal training counts are ordered by label id here."
    )
    return [note]


def _tier_cells(values: NDArray[Any], where: str) -> list[str]:
    cells = [cell.lower() for cell in as_strings(values, "tiers", where)]
    numbered = {str(position): name for position, name in enumerate(_TIER_NAMES)}
    found = [numbered.get(cell, cell) for cell in cells]
    if stray := sorted(set(found) - set(_TIER_NAMES)):
        raise InputError(f"a tier {one_line(stray[0], 40)!r}", where=where, remedy="tiers are head, mid and tail")
    return found
