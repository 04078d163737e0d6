"""Which labels a file speaks of, and its cells or arrays as label ids."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reportgen.bundle.limits import MAX_LABELS
from reportgen.data import Course, Dataset
from reportgen.errors import InputError, one_line

_INTEGER = re.compile(r"-?[0-9]{1,9}(\.0+)?", re.ASCII)

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class LabelList:
    """Names in id order, older spellings that count as one of them, and where the list is from."""

    names: tuple[str, ...]
    origin: str
    merge: Mapping[str, str]

    def ids_of(self, cells: Sequence[str], column: str, where: str, *, unparsed: bool = False) -> Ids:
        """Label ids of cells that hold names or ids.

        Args:
            cells: one str a row, without blanks around.
            column: their column, for errors.
            where: the file, for errors.
            unparsed: whether an empty cell or −1 is an answer that names no label.

        Raises:
            InputError: an empty cell, a name or an id that is not in the list.
        """
        blanks = {"", "-1"} if unparsed else set()
        distinct = set(cells) - blanks
        if "" in distinct:
            raise InputError(f"column {column!r} is empty in row {cells.index('') + 1}", where=where, remedy="fill it")
        exact = {name: position for position, name in enumerate(self.names)}
        exact |= {old: exact[new] for old, new in self.merge.items() if new in exact and old not in exact}
        loose = {_key(name): position for name, position in exact.items()}
        table = {cell: exact.get(cell, loose.get(_key(cell))) for cell in distinct}
        if None in table.values() and all(_INTEGER.fullmatch(cell) for cell in distinct):
            table = {cell: int(float(cell)) for cell in distinct}
        unknown = [cell for cell, found in table.items() if found is None or not 0 <= found < len(self.names)]
        if unknown:
            row = min(cells.index(cell) for cell in unknown)
            raise InputError(
                f"{len(unknown)} values of {column!r} are not among the {len(self.names)} labels of {self.origin}, "
                f"first {one_line(cells[row], 60)!r} in row {row + 1}",
                where=where,
                remedy=self._remedy(cells[row], unparsed),
            )
        table |= dict.fromkeys(blanks, -1)
        return np.fromiter((table[cell] for cell in cells), np.int64, len(cells))

    def checked(self, values: NDArray[Any], what: str, where: str, *, low: int = 0) -> Ids:
        """An array of label ids or names as int64 ids.

        Raises:
            InputError: another shape, type or range.
        """
        if values.ndim != 1:
            raise InputError(f"{what} have shape {values.shape}", where=where, remedy="give one label a row")
        if values.dtype.kind in "US":
            return self.ids_of(as_strings(values, what, where), what, where, unparsed=low < 0)
        if values.dtype.kind == "f" and values.size and not np.array_equal(values, np.rint(values)):
            raise InputError(f"{what} are not whole numbers", where=where, remedy="give label ids")
        if values.dtype.kind not in "iuf":
            raise InputError(f"{what} are of type {values.dtype}", where=where, remedy="give label ids")
        outside = np.flatnonzero((values < low) | (values >= len(self.names)))
        if outside.size:
            row = int(outside[0])
            raise InputError(
                f"{outside.size:,} {what} lie outside of the {len(self.names)} labels of {self.origin}, "
                f"first {values[row]} in row {row + 1}",
                where=where,
                remedy="is --course or --data the right one?",
            )
        return values.astype(np.int64)

    def _remedy(self, cell: str, unparsed: bool) -> str:
        near = difflib.get_close_matches(cell[:200], self.names, n=1)
        if near:
            return f"did you mean {near[0]!r}?"
        hint = "; leave the cell empty where an answer names no label" if unparsed else ""
        return f"is --course or --data the right one?{hint}"


def label_list(
    course: Course, data: Dataset | None, k: int | None, own: Sequence[str] | None, cells: Iterable[str], where: str
) -> LabelList:
    """The label list a file is read with: the data's, else the course's, else the file's own.

    Args:
        course: the course.
        data: the dataset, if one was given.
        k: number of scores a row, if there are scores.
        own: label names the file states in id order, if it does.
        cells: values of its label and prediction columns, for a file that states none.
        where: the file, for errors.

    Raises:
        InputError: another number of labels than the scores have, names that repeat, or too many.
    """
    if data is not None:
        found = LabelList(data.labels, f"the data {data.name}", data.course.merge)
    elif course.labels is not None:
        found = LabelList(course.labels, f"course {course.name}", course.merge)
    elif own is not None:
        found = LabelList(tuple(own), "the file", {})
    else:
        found = LabelList(_from_cells(set(cells) - {"", "-1"}, k), "the file", {})
    names = found.names
    if k is not None and k != len(names):
        raise InputError(
            f"{k} scores a row for the {len(names)} labels of {found.origin}",
            where=where,
            remedy="is --course or --data the right one?",
        )
    if not 0 < len(names) <= MAX_LABELS or len(set(names)) < len(names) or "" in names:
        raise InputError(
            f"no usable label list: {len(names):,} names, {len(set(names)):,} different",
            where=where,
            remedy=f"give 1 to {MAX_LABELS:,} different label names",
        )
    return found


def as_strings(values: NDArray[Any], what: str, where: str) -> list[str]:
    """A 1-d array of strings or integers as a list of str.

    Raises:
        InputError: another shape or type, or bytes that are no UTF-8.
    """
    if values.ndim != 1 or values.dtype.kind not in "iuUS":
        raise InputError(f"{what} are {values.dtype} of shape {values.shape}", where=where, remedy="give one a row")
    try:
        cells = values.tolist()
        strings = [(cell.decode("utf-8") if isinstance(cell, bytes) else str(cell)).strip() for cell in cells]
        "".join(strings).encode("utf-8")
    except ValueError:
        raise InputError(f"{what} are no UTF-8 text", where=where, remedy="save them as strings") from None
    return strings


def _from_cells(cells: set[str], k: int | None) -> tuple[str, ...]:
    if k is not None and (not cells or all(_INTEGER.fullmatch(cell) for cell in cells)):
        return tuple(map(str, range(min(k, MAX_LABELS + 1))))
    if cells and all(_INTEGER.fullmatch(cell) for cell in cells):
        highest = max(int(float(cell)) for cell in cells)
        return tuple(map(str, range(min(highest, MAX_LABELS) + 1)))
    return tuple(sorted(cells))


def _key(name: str) -> str:
    return " ".join(name.replace("’", "'").split()).casefold()
