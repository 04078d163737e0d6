"""Predictions in a CSV file: `row_id` or `text`, `label`, `prediction`, and a `p_` or `logit_` column a label."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reportgen.bundle import slug
from reportgen.bundle.predictions import SPLITS
from reportgen.data import Course, Dataset
from reportgen.errors import InputError, one_line

from .draft import Draft
from .labels import LabelList, label_list
from .naming import model_info, split_of
from .outcomes import Outcomes, measured
from .reading import column, read_table, shown

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("row_id", "text", "label", "prediction", "confidence", "split")
SCORES = {"p_": "probabilities", "logit_": "logits"}
LOWEST_P = 1e-12
"""Probabilities are stored as their natural logarithm; below this they count as this (−27.6)."""
_SUM_TOLERANCE = 0.02
"""113 probabilities rounded to four digits are off by .006 at most."""


def read_predictions(path: Path, data: Dataset | None, course: Course) -> tuple[Outcomes, list[str], Any]:
    """The outcomes a CSV file states, notes on how it was read, and its digest.

    Raises:
        InputError: columns that are missing, cells that are no label or number, probabilities that are none.
    """
    frame, notes, file = read_table(path, COLUMNS)
    where = shown(path)
    names = {name.strip().casefold(): name for name in reversed(frame.columns)}
    own = {wanted: names.get(wanted) for wanted in COLUMNS}
    scored, kind = _score_columns(frame, where)
    if len({prefix for prefix in SCORES if any(name.casefold().startswith(prefix) for name in frame.columns)}) > 1:
        notes.append(f"{where}: it has probabilities and logits; the logits are used.")
    if own["prediction"] is None and not scored:
        raise _missing("prediction", frame, where)
    if own["label"] is None and data is None:
        raise _missing("label", frame, where)

    cells = {wanted: column(frame, name) for wanted, name in own.items() if name is not None and wanted != "text"}
    stated = [name[len(kind) :].strip() for name in scored] or None
    seen = (*cells.get("label", ()), *cells.get("prediction", ()))
    labels = label_list(course, data, None, stated, seen, where)
    logits = _scores(frame, scored, kind, labels, where) if scored else None
    outcomes = Outcomes(
        where=where,
        names=labels,
        labels=labels.ids_of(cells["label"], "label", where) if "label" in cells else None,
        logits=logits,
        predictions=labels.ids_of(cells["prediction"], "prediction", where, unparsed=logits is None)
        if "prediction" in cells
        else None,
        confidence=_numbers(frame, [own["confidence"]], where)[:, 0]
        if any(cells.get("confidence", ())) and logits is None
        else None,
        row_ids=cells.get("row_id"),
        texts=frame[own["text"]].tolist() if own["text"] else None,
        split=split_of(path.stem) if data is None else None,
        splits=_splits(cells["split"], where) if "split" in cells else None,
    )
    if outcomes.splits and len(set(outcomes.splits)) == 1:
        outcomes.split = outcomes.splits[0]
    _check_ids(outcomes)
    used = {name for name in own.values() if name} | {
        name for name in frame.columns if name.casefold().startswith(tuple(SCORES))
    }
    if unused := [name for name in frame.columns if name not in used]:
        some = ", ".join(one_line(name, 30) for name in unused[:5]) + (", …" if len(unused) > 5 else "")
        notes.append(f"{where}: columns that are not used: {some}.")
    if kind == "p_":
        notes.append(f"{where}: logits are the logarithms of the probabilities, at least ln {LOWEST_P:g}.")
    outcomes.notes = notes
    return outcomes, stated or [], file


def draft_predictions(path: Path, data: Dataset | None, course: Course) -> list[Draft]:
    """The draft of a CSV file of predictions.

    Raises:
        InputError: it is none, or contradicts itself or the data.
    """
    outcomes, _, file = read_predictions(path, data, course)
    model, notes = model_info(path.stem)
    outcomes.notes += notes
    run_id = slug(path.stem)
    return [
        measured(outcomes, run_id=run_id, model=model, course=course, data=data, files=[file], form="predictions CSV")
    ]


def _score_columns(frame: pd.DataFrame, where: str) -> tuple[list[str], str]:
    for prefix in ("logit_", "p_"):
        found = [name for name in frame.columns if name.casefold().startswith(prefix)]
        if found:
            return found, prefix
    return [], ""


def _scores(frame: pd.DataFrame, columns: list[str], kind: str, labels: LabelList, where: str) -> NDArray[np.float64]:
    """One column a label, in id order; probabilities as logarithms."""
    said = [name[len(kind) :].strip() for name in columns]
    ids = labels.ids_of(said, f"the {kind}… columns", where)
    if len(set(ids.tolist())) < len(ids):
        raise InputError(f"two {kind}… columns are of the same label", where=where, remedy="keep one column a label")
    if len(ids) < len(labels.names):
        absent = next(name for at, name in enumerate(labels.names) if at not in set(ids.tolist()))
        raise InputError(
            f"{len(ids)} {kind}… columns for the {len(labels.names)} labels of {labels.origin}",
            where=where,
            remedy=f"add {kind}{one_line(absent, 60)}, or leave all of them out",
        )
    values = _numbers(frame, [columns[at] for at in np.argsort(ids)], where)
    if kind == "logit_":
        return values
    outside = np.argwhere(~((values >= 0) & (values <= 1)))
    if outside.size:
        row, at = (int(i) for i in outside[0])
        raise InputError(
            f"{values[row, at]:g} for label {one_line(labels.names[at], 60)!r} in row {row + 1} is no probability",
            where=where,
            remedy="name the columns logit_… if they are scores before the softmax",
        )
    total = values.sum(axis=1)
    off = np.flatnonzero(np.abs(total - 1) > _SUM_TOLERANCE)
    if off.size:
        raise InputError(
            f"the probabilities of {off.size:,} rows do not sum to 1, first row {int(off[0]) + 1}: {total[off[0]]:g}",
            where=where,
            remedy="give the whole softmax, with enough digits",
        )
    return np.log(np.maximum(values, LOWEST_P))


def _numbers(frame: pd.DataFrame, columns: list[Any], where: str) -> NDArray[np.float64]:
    try:
        values = frame[columns].to_numpy(dtype=np.float64)
    except ValueError:
        for name in columns:
            for row, cell in enumerate(frame[name].tolist(), start=1):
                if not _is_number(cell):
                    raise InputError(
                        f"{one_line(cell, 30)!r} in row {row}, column {one_line(name, 60)!r} is no number",
                        where=where,
                        remedy="write numbers with a decimal point",
                    ) from None
        raise
    if not np.isfinite(values).all():
        row, at = (int(i) for i in np.argwhere(~np.isfinite(values))[0])
        raise InputError(
            f"{values[row, at]} in row {row + 1}, column {one_line(columns[at], 60)!r}",
            where=where,
            remedy="scores must be finite",
        )
    return values


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _check_ids(outcomes: Outcomes) -> None:
    ids = outcomes.row_ids
    if ids is None:
        return
    if "" in ids:
        raise InputError(
            f"row_id is empty in row {ids.index('') + 1}", where=outcomes.where, remedy="give every row an id"
        )
    seen: set[tuple[str, str]] = set()
    splits = outcomes.splits or [""] * len(ids)
    for row, (split, cell) in enumerate(zip(splits, ids, strict=True), start=1):
        if (split, cell) in seen:
            raise InputError(
                f"row id {one_line(cell, 60)!r} occurs again in row {row}",
                where=outcomes.where,
                remedy="keep one row an id",
            )
        seen.add((split, cell))


def _splits(cells: list[str], where: str) -> list[str]:
    if stray := set(cells) - set(SPLITS):
        row = min(map(cells.index, stray))
        raise InputError(
            f"split {one_line(cells[row], 30)!r} in row {row + 1}", where=where, remedy="splits are train, val and test"
        )
    return cells


def _missing(name: str, frame: pd.DataFrame, where: str) -> InputError:
    near = difflib.get_close_matches(name, [str(column).casefold() for column in frame.columns], n=1)
    has = ", ".join(one_line(column, 30) for column in frame.columns[:8])
    hint = f"rename {near[0]!r}" if near else f"the file has {has}"
    return InputError(f"there is no column {name!r}", where=where, remedy=hint)
