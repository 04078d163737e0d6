"""CSV files as people have them: unknown encoding and separator, stray quotes, cells that are no text.

The standard library's parser in strict mode, not pandas: pandas joins the lines after a stray quote into one cell
without a word, this one says on which line.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..errors import InputError

if TYPE_CHECKING:
    import pandas as pd

MAX_CELL = 131_072
"""Characters in one cell. The longest complaint of the course has about 30,000."""
SEPARATORS = ",;\t|"
_SNIFFED_LINES = 200
_MAX_STRAY_LINES = 100
_MIXED = 0.2
"""Share of UTF-8 among the lines with other characters than ASCII, from which a file mixes encodings."""
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


def parse_csv(raw: bytes, name: str, wanted: tuple[str, ...] = ()) -> tuple[pd.DataFrame, list[str]]:
    """The file's table, every cell a str, and notes on what was guessed.

    Args:
        raw: the file's content.
        name: what to call the file in notes and errors.
        wanted: column names that decide between two possible separators.

    Raises:
        InputError: empty, not text, or a line that cannot be read, which is named.
    """
    import pandas as pd

    text, notes = _decode(raw, name)
    lines = _LINE.findall(text)
    if not text.strip():
        raise InputError("the file is empty", where=name)
    separator = _separator(lines[:_SNIFFED_LINES], wanted)
    if separator != ",":
        notes.append(f"{name}: columns are separated by {'tabs' if separator == chr(9) else repr(separator)}.")

    stray: list[int] = []
    records = ((line, cells) for line, cells in _records(lines, separator, name, stray) if cells)
    first = next(records, None)
    if first is None:
        raise InputError("the file is empty", where=name)
    header = [cell.strip() for cell in first[1]]
    header = [cell or f"column {position}" for position, cell in enumerate(header, start=1)]
    check_names(header, name)
    rows = [_fitted(cells, len(header), line, name) for line, cells in records]
    if stray:
        some = ", ".join(map(str, stray[:5])) + (", …" if len(stray) > 5 else "")
        notes.append(f"{name}: quotes that do not pair up were kept as text (line {some}).")
    return pd.DataFrame(rows, columns=header, dtype=object), notes


def check_names(columns: list[str], name: str) -> None:
    """Raise InputError if two columns have the same name."""
    twice = next((column for position, column in enumerate(columns) if column in columns[:position]), None)
    if twice is not None:
        raise InputError(f"two columns are called {twice!r}", where=name, remedy="rename one of them")


def _decode(raw: bytes, name: str) -> tuple[str, list[str]]:
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings: tuple[str, ...] = ("utf-16",)
    elif b"\0" in raw:
        line = raw.count(b"\n", 0, raw.index(b"\0")) + 1
        raise InputError(
            "there is a NUL byte: this is not a text file", where=f"{name}, line {line}", remedy="save it as UTF-8 CSV"
        )
    else:
        encodings = ("utf-8-sig", "cp1252", "latin-1")
    for encoding in encodings:
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        if encoding == "cp1252":
            _refuse_mixed(raw, name)
        return text, [] if encoding == "utf-8-sig" else [f"{name}: not UTF-8, read as {encoding}."]
    raise InputError("the text cannot be decoded", where=name, remedy="save it as UTF-8 CSV")


def _refuse_mixed(raw: bytes, name: str) -> None:
    """Refuse a file some of whose lines are UTF-8: read as anything else, one label of theirs becomes two.

    Two characters of cp1252 may happen to be one of UTF-8 (`É’`), so a few such lines prove nothing.
    """
    kinds: dict[bool, list[int]] = {True: [], False: []}
    for number, line in enumerate(raw.split(b"\n"), start=1):
        if not line.isascii():
            kinds[_is_utf8(line)].append(number)
    utf8, other = kinds[True], kinds[False]
    if other and len(utf8) >= _MIXED * (len(utf8) + len(other)):
        raise InputError(
            f"two encodings in one file: line {utf8[0]} is UTF-8, line {other[0]} is not",
            where=name,
            remedy="save it as UTF-8 CSV",
        )


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _separator(lines: list[str], wanted: tuple[str, ...]) -> str:
    names = {column.casefold() for column in wanted}

    def fit(separator: str) -> tuple[int, float, int]:
        try:
            rows = [row for row in csv.reader(lines, delimiter=separator) if row]
        except csv.Error:
            rows = [line.rstrip("\r\n").split(separator) for line in lines]
        width = len(rows[0]) if rows else 0
        found = len(names & {cell.strip().casefold() for cell in rows[0]}) if rows else 0
        same = sum(len(row) == width for row in rows) / max(len(rows), 1)
        return found, same if width > 1 else 0, width

    return max(SEPARATORS, key=fit)


def _records(lines: list[str], separator: str, name: str, stray: list[int]) -> Iterator[tuple[int, list[str]]]:
    """(line number, cells) of each record.

    Where strict parsing fails, the record's first line alone is taken with its quotes as text, if that gives as many
    cells as the header has; its line number goes to `stray`.
    """
    start, width = 0, 0
    while start < len(lines):
        reader = csv.reader(_from(lines, start), delimiter=separator, strict=True)
        done = 0
        try:
            for cells in reader:
                if any(len(cell) > MAX_CELL for cell in cells):
                    raise csv.Error("field larger than field limit")
                width = width or len(cells)
                yield start + done + 1, cells
                done = reader.line_num
            return
        except csv.Error as error:
            start += done
            where = f"{name}, line {start + 1}"
            cells = lines[start].rstrip("\r\n").split(separator)
            if len(cells) != width or any(len(cell) > MAX_CELL for cell in cells):
                if "limit" in str(error):
                    what = f"a cell longer than {MAX_CELL:,} characters starts here"
                    raise InputError(what, where=where, remedy="close its quote or leave the cell out") from None
                what = "a quote starts here that is not closed or has text behind it"
                raise InputError(what, where=where, remedy='write a quote inside a cell as ""') from None
            stray.append(start + 1)
            if len(stray) > _MAX_STRAY_LINES:
                what = f"more than {_MAX_STRAY_LINES} lines have quotes that do not pair up"
                raise InputError(
                    what, where=f"{name}, from line {stray[0]}", remedy="quote the cells as CSV asks"
                ) from None
            yield start + 1, cells
            start += 1


def _from(lines: list[str], start: int) -> Iterator[str]:
    return (lines[position] for position in range(start, len(lines)))


def _fitted(cells: list[str], width: int, line: int, name: str) -> list[str]:
    """Trailing empty cells may be missing or too many; anything else would shift the columns."""
    if len(cells) > width and not any(cells[width:]):
        return cells[:width]
    if len(cells) > width:
        raise InputError(
            f"{len(cells)} cells where the header has {width}",
            where=f"{name}, line {line}",
            remedy="put quotes around cells that contain the separator",
        )
    return cells + [""] * (width - len(cells))
