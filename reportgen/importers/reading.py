"""Files from strangers: bounded reads, CSV and JSON, every failure one `InputError`."""

from __future__ import annotations

import hashlib
import json
import math
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reportgen.bundle.digests import canonical_json
from reportgen.bundle.jsonio import loads
from reportgen.bundle.limits import MAX_JSON_BYTES
from reportgen.data.csvfile import parse_csv
from reportgen.errors import InputError, one_line

if TYPE_CHECKING:
    import pandas as pd

_GUARDED = tuple(f"'{sign}" for sign in "=+-@")

MAX_CSV_BYTES = 512_000_000
"""Predictions of the whole course corpus with 113 probabilities a row have about 100 MB."""


@dataclass(frozen=True)
class FileId:
    """A source file as the bundle remembers it."""

    name: str
    sha256: str


def shown(path: Path) -> str:
    """A file's name fit for a line and for UTF-8: names on disk are bytes, and may hold anything."""
    return one_line(path.name, 120)


def read_bytes(path: Path, cap: int) -> bytes:
    """The content of a plain file of at most `cap` bytes.

    Raises:
        InputError: it is not there, not a plain file, too large, or cannot be read.
    """
    try:
        # O_NONBLOCK: opening a pipe must not wait for its other end.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(handle, "rb") as file:
            info = os.fstat(file.fileno())
            if not stat.S_ISREG(info.st_mode):
                raise InputError("not a plain file", where=shown(path), remedy="pass the file itself")
            data = file.read(cap + 1) if info.st_size <= cap else b""
            if max(info.st_size, len(data)) > cap:
                raise InputError(f"{info.st_size:,} bytes, at most {cap:,}", where=shown(path))
            return data
    except FileNotFoundError:
        raise InputError("there is no such file", where=path, remedy="check the path") from None
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read: {getattr(error, 'strerror', None) or error}", where=path) from None


def file_id(path: Path, data: bytes) -> FileId:
    """Name and digest of a file that was read."""
    return FileId(shown(path), hashlib.sha256(data).hexdigest())


def read_table(path: Path, wanted: tuple[str, ...]) -> tuple[pd.DataFrame, list[str], FileId]:
    """A CSV file, every cell a str stripped of blanks around it; notes on what was guessed; its digest.

    Raises:
        InputError: not a CSV file with a header and a row.
    """
    data = read_bytes(path, MAX_CSV_BYTES)
    frame, notes = parse_csv(data, shown(path), wanted)
    if frame.empty:
        raise InputError("there are no rows", where=shown(path), remedy="the first line is the header")
    return frame, notes, file_id(path, data)


def column(frame: pd.DataFrame, name: str) -> list[str]:
    """The cells of a column without blanks around them and without the apostrophe our export guards formulas with."""
    cells = (cell.strip() for cell in frame[name].tolist())
    return [cell[1:] if cell.startswith(_GUARDED) else cell for cell in cells]


def read_json(path: Path) -> tuple[dict[str, Any], list[str], FileId]:
    """A JSON object. NaN and Infinity, which Python's writer leaves for empty slices, become null with a note.

    Raises:
        InputError: not JSON, or no object.
        BundleError: nested too deeply, or otherwise unlike anything we store.
    """
    data = read_bytes(path, MAX_JSON_BYTES)
    lost: list[str] = []

    def number(text: str) -> float | None:
        value = float(text)
        if math.isfinite(value):
            return value
        lost.append(text)
        return None

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            raise ValueError("a key occurs twice in one object")
        return dict(pairs)

    try:
        text = data.decode("utf-8-sig")
        value = json.loads(text, parse_constant=number, parse_float=number, object_pairs_hook=unique)
        value = loads(canonical_json(value), shown(path))
    except (ValueError, RecursionError) as error:
        raise InputError(f"not JSON: {error}", where=shown(path), remedy="save it with json.dump") from None
    if not isinstance(value, dict):
        raise InputError("not a JSON object", where=shown(path), remedy="the course's result files are objects")
    notes = [f"{shown(path)}: {len(lost):,} values were NaN or infinite and are unknown."] if lost else []
    return value, notes, file_id(path, data)
