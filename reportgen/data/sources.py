"""SOURCE to raw tables: a CSV or Parquet file, a folder or list of them, a Hub dataset, or the synthetic corpus."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from .csvfile import check_names, parse_csv

if TYPE_CHECKING:
    import pandas as pd

MAX_FILE_BYTES = 1 << 30
MAX_TABLE_BYTES = 4 << 30
ALL = "row"
"""Name of the only table of a source without splits."""

_REMEDY = "give a CSV or Parquet file, a folder with train and test files, a Hub name 'owner/name', or synthetic:cfpb"
_SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".pq")
_SPLIT_NAME = re.compile(
    r"(?:^|[._-])(?P<split>train|training|val|valid|validation|dev|test)(?P<shard>-\d+-of-\d+(?:-\w+)?)?$", re.I
)
_SPLIT = {"training": "train", "valid": "val", "validation": "val", "dev": "val"}
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


@dataclass(frozen=True)
class Source:
    """Raw tables by split name (train, val, test), or the one table `ALL` of a source without splits."""

    name: str
    tables: Mapping[str, pd.DataFrame]
    revision: str | None = None
    licence: str | None = None
    synthetic: bool = False
    folder: Path | None = None
    notes: tuple[str, ...] = field(default=())


def read_source(source: str | Path, *, wanted: tuple[str, ...] = (), seed: int = 42) -> Source:
    """The raw tables of a SOURCE.

    Args:
        source: a path, a folder with train/val/test files, 'train.csv,test.csv', 'owner/name' or 'synthetic:NAME'.
        wanted: column names that help to tell a CSV file's separator.
        seed: of the synthetic corpus.

    Raises:
        InputError: there is no such source, or it cannot be read.
    """
    text = str(source).strip()
    if not text:
        raise InputError("no data source given", remedy=_REMEDY)
    if text.startswith("synthetic:"):
        return _synthetic(text, seed)
    path = Path(source)
    try:
        if path.is_dir():
            return _files(_split_files(path), path.name or text, wanted, folder=path)
        if path.is_file():
            return _files({ALL: [path]}, path.name, wanted, folder=None)
        parts = [Path(part.strip()) for part in text.split(",")]
        if len(parts) > 1 and all(part.is_file() for part in parts):
            return _files(_by_split(parts, text), ",".join(part.name for part in parts), wanted, folder=None)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be opened: {error}", where=text) from None
    if _HUB_NAME.fullmatch(text) and path.suffix.lower() not in _SUFFIXES:
        from .hub import read_hub

        return read_hub(text)
    raise InputError("no such file or folder", where=text, remedy=_REMEDY)


def _synthetic(text: str, seed: int) -> Source:
    from .synthetic import generate

    if text != "synthetic:cfpb":
        raise InputError(f"no synthetic corpus called {text!r}", remedy="there is one: synthetic:cfpb")
    return Source(
        text, generate(seed=seed), revision=f"seed {seed}", licence="generated, no rights claimed", synthetic=True
    )


def _files(paths: Mapping[str, list[Path]], name: str, wanted: tuple[str, ...], folder: Path | None) -> Source:
    import pandas as pd

    digest = hashlib.sha256()
    notes: list[str] = []
    tables: dict[str, pd.DataFrame] = {}
    for split, shards in paths.items():
        frames = []
        for path in shards:
            frame, said, sha = _read_file(path, wanted)
            digest.update(sha)
            notes += said
            frames.append(frame)
        tables[split] = frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
    return Source(name, tables, revision=f"sha256:{digest.hexdigest()[:16]}", folder=folder, notes=tuple(notes))


def _read_file(path: Path, wanted: tuple[str, ...]) -> tuple[pd.DataFrame, list[str], bytes]:
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise InputError(
            f"the file has {size / 2**30:.1f} GiB, more than {MAX_FILE_BYTES >> 30}",
            where=path.name,
            remedy="keep the text and label columns only",
        )
    raw = path.read_bytes()
    sha = hashlib.sha256(raw).digest()
    if path.suffix.lower() in (".parquet", ".pq") or raw.startswith(b"PAR1"):
        return _parquet(raw, path.name), [], sha
    if raw.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise InputError("this is a spreadsheet or an archive", where=path.name, remedy="save the sheet as CSV")
    frame, notes = parse_csv(raw, path.name, wanted)
    return frame, notes, sha


def _parquet(raw: bytes, name: str) -> pd.DataFrame:
    """The table; its size as the footer says and as it unfolds is held under `MAX_TABLE_BYTES`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    too_big = InputError(
        f"the table unfolds to more than {MAX_TABLE_BYTES >> 30} GiB",
        where=name,
        remedy="keep the text and label columns only",
    )
    try:
        file = pq.ParquetFile(pa.BufferReader(raw))
        meta = file.metadata
        if sum(meta.row_group(group).total_byte_size for group in range(meta.num_row_groups)) > MAX_TABLE_BYTES:
            raise too_big
        check_names(list(file.schema_arrow.names), name)
        batches, size = [], 0
        for batch in file.iter_batches(batch_size=8_192):
            size += batch.nbytes
            if size > MAX_TABLE_BYTES:
                raise too_big
            batches.append(batch)
        table = pa.Table.from_batches(batches, schema=file.schema_arrow)
        frame: pd.DataFrame = table.to_pandas(ignore_metadata=True)
        return frame
    except (pa.ArrowException, OSError, ValueError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read as Parquet: {error}", where=name) from None


def _split_files(folder: Path) -> dict[str, list[Path]]:
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.suffix.lower() in _SUFFIXES)
    named = [path for path in files if _SPLIT_NAME.search(path.stem)]
    if named:
        return _by_split(named, str(folder))
    if len(files) == 1:
        return {ALL: files}
    found = ", ".join(path.name for path in files[:8]) or "no CSV or Parquet file"
    raise InputError(
        "no train, val or test files in the folder",
        where=str(folder),
        remedy=f"name them train.csv, val.csv, test.csv, or give one of its files; found: {found}",
    )


def _by_split(paths: list[Path], where: str) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    sharded: dict[str, bool] = {}
    for path in paths:
        match = _SPLIT_NAME.search(path.stem)
        if match is None:
            raise InputError(
                f"{path.name!r} does not say which split it is",
                where=where,
                remedy="name files train.csv, val.csv, test.csv",
            )
        split = match["split"].lower()
        split = _SPLIT.get(split, split)
        if split in found and not (sharded[split] and match["shard"]):
            raise InputError(
                f"two files for the {split} split: {found[split][0].name}, {path.name}", where=where, remedy="keep one"
            )
        found.setdefault(split, []).append(path)
        sharded[split] = match["shard"] is not None
    return {split: found[split] for split in ("train", "val", "test") if split in found}
