"""The course's CSV files of results (course-evidence §6.4): one aggregate a row."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reportgen.errors import InputError, one_line

from .aggregates import Aggregate
from .figures import FIELDS, figure
from .reading import FileId, column, read_table, shown

if TYPE_CHECKING:
    import pandas as pd

_NAME = ("name", "model", "experiment", "run")
_AS = {"ece_pre": "ece", "zero_f1": "zero_f1_classes", "f1": "macro_f1", "latency": "latency_ms"}
_WEEK2 = ("name", "accuracy", "macro_f1", "zero_f1_classes", "train_time_sec")
_KNOWN = ("accuracy", "macro_f1", "weighted_f1", "ece_pre", "latency_ms")
_TIMES = ("train_time_sec", "train_time")
_NUMBER = re.compile(r"-?\d+(\.\d*)?([eE][-+]?\d+)?", re.ASCII)
_TOLERANCE = 0.0015
"""Two figures rounded to three digits and their difference."""


def week_of(path: Path) -> int | None:
    """The week a file name speaks of."""
    found = re.match(r"week([1-6])_", path.name, re.IGNORECASE)
    return int(found[1]) if found else None


def key(name: object) -> str:
    """A column or JSON key without case, blanks and dashes."""
    return re.sub(r"[^a-z0-9]+", "_", str(name).casefold()).strip("_")


def is_course_table(names: list[str]) -> bool:
    """Whether a header looks like one of the course's result files."""
    keys = {key(name) for name in names}
    return bool(keys & set(_NAME)) and bool(keys & set(_KNOWN))


def read_course_table(path: Path) -> tuple[list[Aggregate], list[str]]:
    """The rows of one of the course's result tables, and notes.

    Re-runs: a row that repeats another's figures counts once (the last one), one with other figures is kept beside it.

    Raises:
        InputError: a table of another kind, or a cell that is no such figure.
    """
    frame, notes, file = read_table(path, _WEEK2)
    frame = _with_header(frame, path)
    keys = [key(name) for name in frame.columns]
    if len(set(keys)) < len(keys):
        raise InputError("two columns have the same name", where=shown(path), remedy="rename one of them")
    frame.columns = keys
    name_column = next((name for name in _NAME if name in keys), None)
    if name_column is None or not set(keys) & set(_KNOWN):
        raise InputError(
            "not one of the course's result tables",
            where=shown(path),
            remedy="it needs a model or name column and accuracy, macro_f1 or ece_pre; see --as reported",
        )
    cells = {name: column(frame, name) for name in keys}
    found: list[Aggregate] = []
    for row in range(len(frame)):
        values = {name: cells[name][row] for name in keys}
        if all(key(value) == name for name, value in values.items()):
            continue  # appended runs may repeat the header
        found.append(_aggregate(values, name_column, path, row, file))
    if not found:
        raise InputError("there are no rows", where=shown(path), remedy="the first line is the header")
    return _without_repeats(found, notes, path)


def _with_header(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Week 2 appends rows; a file that was started by an append has no header."""
    header = [str(name) for name in frame.columns]
    bare = len(header) == len(_WEEK2) and all(_NUMBER.fullmatch(cell.strip()) for cell in header[1:4])
    if not bare or week_of(path) != 2:
        return frame
    import pandas as pd

    first = pd.DataFrame([header], columns=list(_WEEK2), dtype=object)
    return pd.concat([first, frame.set_axis(list(_WEEK2), axis=1)], ignore_index=True)


def _aggregate(values: dict[str, str], name_column: str, path: Path, row: int, file: FileId) -> Aggregate:
    name = values.pop(name_column)
    if not name:
        raise InputError("no name", where=f"{shown(path)}, row {row + 1}", remedy="name the model of each row")
    place = f"{shown(path)}, row {row + 1} ({one_line(name, 40)}), column "
    precision = values.get("precision", "").casefold()
    model = f"{name} {precision}".strip() if precision and precision not in name.casefold() else name
    figures: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    said: list[str] = []
    for column_name, cell in values.items():
        target = _AS.get(column_name, column_name)
        if target in FIELDS and cell:
            figures[target] = figure(target, cell, place + column_name)
        elif column_name in _TIMES:
            seconds = _plain(cell)
            if seconds == 0:
                said.append("A training time of 0 s was written by a notebook that skipped training; it is unknown.")
            elif cell:
                extra["train_time_sec"] = seconds
        elif cell and target not in FIELDS:
            extra[column_name] = _plain(cell)
    _units(figures, extra, place)
    _check_gap(figures, extra, said)
    return Aggregate(model, week_of(path) or _week(values), file, "course csv", figures, extra, said)


def _units(figures: dict[str, Any], extra: dict[str, Any], place: str) -> None:
    """Week 5 measures batches, and memory in decimal gigabytes at the allocator's peak."""
    gigabytes = extra.pop("vram_gb", None)
    if gigabytes is not None:
        if not isinstance(gigabytes, int | float) or not 0 <= gigabytes < 10_000:
            raise InputError(f"vram_gb {gigabytes!r}", where=f"{place}vram_gb", remedy="gigabytes as a number")
        figures |= {"memory_bytes": round(gigabytes * 1e9), "memory_kind": "allocated_peak", "needs_gpu": True}
        if "latency_ms" in figures:
            figures["latency_mode"] = "offline"
    if "t" in extra:
        extra["temperature"] = extra.pop("t")


def _check_gap(figures: dict[str, Any], extra: dict[str, Any], said: list[str]) -> None:
    gap = extra.get("acc_f1_gap")
    accuracy, macro = figures.get("accuracy"), figures.get("macro_f1")
    if not isinstance(gap, int | float) or accuracy is None or macro is None:
        return
    if abs(accuracy - macro - gap) > _TOLERANCE:
        said.append(f"Accuracy minus macro F1 is {accuracy - macro:.3f}, not the gap of {gap:g} stated beside them.")


def _week(values: dict[str, str]) -> int | None:
    if {"vram_gb", "ece_pre"} & values.keys():
        return 5
    return 2 if "acc_f1_gap" in values else None


def _plain(cell: str) -> Any:
    if not _NUMBER.fullmatch(cell):
        return one_line(cell)
    number = float(cell)
    if number in (float("inf"), float("-inf")):
        return one_line(cell)
    return int(number) if number == int(number) and abs(number) < 2**53 else number


def _without_repeats(found: list[Aggregate], notes: list[str], path: Path) -> tuple[list[Aggregate], list[str]]:
    by_model: dict[str, list[Aggregate]] = {}
    same = 0
    for item in found:
        earlier = by_model.setdefault(item.run_id, [])
        twin = next(
            (at for at, other in enumerate(earlier) if (other.model, other.figures) == (item.model, item.figures)), None
        )
        if twin is None:
            earlier.append(item)
        else:
            earlier[twin] = item
            same += 1
    if same:
        notes.append(f"{shown(path)}: {same} rows repeat the figures of a row of the same name and count once.")
    for items in by_model.values():
        for position, item in enumerate(items[1:], start=2):
            item.repeat = position
            item.said.append(f"Run {position} of {len(items)} of this name in {shown(path)}, with other figures.")
    return [item for items in by_model.values() for item in items], notes
