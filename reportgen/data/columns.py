"""Which column holds the text and which the label, and how their cells become strings."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .courses import Course
from .csvfile import MAX_CELL

if TYPE_CHECKING:
    import pandas as pd

_ID_COLUMNS = ("row_id", "complaint_id", "complaint id", "id")
_YEAR = r"\b((?:19|20)\d\d)(?!\d)"
_MAX_LABELS = 2_000


@dataclass(frozen=True)
class Columns:
    """Names of the columns that are used; `notes` say which of them were guessed."""

    text: str
    label: str
    row_id: str | None
    date: str | None
    notes: tuple[str, ...] = ()


def find_columns(frame: pd.DataFrame, course: Course, text: str | None, label: str | None, where: str) -> Columns:
    """Columns as named, else the course's, else guessed.

    Raises:
        InputError: a named column is not there, or nothing looks like a text or a label.
    """
    names = [str(name) for name in frame.columns]
    notes: list[str] = []
    if text is not None:
        text = _named(names, text, "--text", where)
    if label is not None:
        label = _named(names, label, "--label", where)
    if text is None:
        text = _known(names, (course.text_column, *course.text_guesses), label)
        if text is None:
            text = _longest(frame, label, where)
            notes.append(f"The text column was guessed: {text!r} has the longest text; name another with --text.")
        elif text != course.text_column:
            notes.append(f"The text column was taken by its name: {text!r}; name another with --text.")
    if label is None:
        label = _known(names, (course.label_column, *course.label_guesses), text)
        if label is None:
            label = _repeating(frame, text, where)
            notes.append(f"The label column was guessed: {label!r} repeats few values; name another with --label.")
        elif label != course.label_column:
            notes.append(f"The label column was taken by its name: {label!r}; name another with --label.")
    if text == label:
        raise InputError(f"{text!r} cannot be both text and label", where=where, remedy="name two different columns")
    rest = [name for name in names if name not in (text, label)]
    row_id = _known(rest, _ID_COLUMNS, None)
    date = next((name for name in rest if "date" in name.casefold() or name.casefold() in ("year", "month")), None)
    return Columns(text, label, row_id, date, tuple(notes))


def as_text(column: pd.Series[Any], where: str) -> pd.Series[Any]:
    """Cells as str; missing becomes '', whole floats lose '.0', bytes are decoded, lists of words joined.

    Raises:
        InputError: a cell is longer than `MAX_CELL` characters or is not text at all.
    """
    import pandas as pd

    if pd.api.types.is_bool_dtype(column):
        strings = column.astype(object).map(str, na_action="ignore")
    elif pd.api.types.is_float_dtype(column) and ((column.mod(1) == 0) & (column.abs() < 1e15) | column.isna()).all():
        strings = column.astype("Int64").astype(object).map(str, na_action="ignore")
    elif pd.api.types.is_string_dtype(column):
        strings = column.astype(object)
    else:
        strings = column.astype(object).map(lambda cell: _cell(cell, where))
    strings = strings.where(strings.notna(), "").astype(object)
    lengths = strings.str.len()
    if len(lengths) and lengths.max() > MAX_CELL:
        row = int(lengths.to_numpy().argmax())
        raise InputError(
            f"a cell has more than {MAX_CELL:,} characters", where=f"{where}, row {row}", remedy="leave that row out"
        )
    return strings


def years(column: pd.Series[Any]) -> pd.Series[Any]:
    """The first four-digit year in each cell, '' where there is none."""
    return column.astype(str).str.extract(_YEAR, expand=False).fillna("").astype(object)


def _cell(cell: Any, where: str) -> str:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bytes):
        return cell.decode("utf-8", errors="replace")
    if hasattr(cell, "tolist"):
        cell = cell.tolist()
    if isinstance(cell, (list, tuple)):
        if all(isinstance(part, str) for part in cell):
            return " ".join(cell)
        if len(cell) == 1:
            return str(cell[0])
    if isinstance(cell, (list, tuple, dict, set)):
        raise InputError("the cells hold lists or records, not text", where=where, remedy="give one text a row")
    return "" if cell is None or cell != cell else str(cell)


def _named(names: list[str], wanted: str, option: str, where: str) -> str:
    if wanted in names:
        return wanted
    loose = {name.strip().casefold(): name for name in names}
    if wanted.strip().casefold() in loose:
        return loose[wanted.strip().casefold()]
    near = difflib.get_close_matches(wanted.casefold(), loose, n=1)
    raise InputError(
        f"no column called {wanted!r} ({option})",
        where=where,
        remedy=(f"did you mean {loose[near[0]]!r}? " if near else "") + f"columns: {', '.join(names)}",
    )


def _known(names: list[str], candidates: tuple[str | None, ...], taken: str | None) -> str | None:
    loose = {name.strip().casefold(): name for name in names if name != taken}
    hits = (loose.get(candidate.casefold()) for candidate in candidates if candidate)
    return next((hit for hit in hits if hit is not None), None)


def _longest(frame: pd.DataFrame, taken: str | None, where: str) -> str:
    import pandas as pd

    sample = frame.head(1_000)
    rest = [name for name in frame.columns if name != taken and not pd.api.types.is_numeric_dtype(frame[name])]
    lengths = {name: sample[name].astype(str).str.len().mean() for name in rest}
    if not lengths:
        raise InputError("no column looks like text", where=where, remedy="name it with --text")
    return max(lengths, key=lambda name: lengths[name])


def _repeating(frame: pd.DataFrame, taken: str, where: str) -> str:
    """The column with the fewest distinct values, but more than one; a label repeats."""
    distinct = {name: frame[name].astype(str).nunique() for name in frame.columns if name != taken}
    most = min(_MAX_LABELS, max(2, len(frame) // 2))
    fit = {name: count for name, count in distinct.items() if 2 <= count <= most}
    if not fit:
        raise InputError("no column looks like a label", where=where, remedy="name it with --label")
    return min(fit, key=lambda name: fit[name])
