"""Files that are either whole or not there, and the names a bundle may hold."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

from . import limits
from .errors import BundleError, ExtraFile, NotWritable, UnsafePath
from .schema import FileInfo

MANIFEST = "manifest.json"
EDITS = "edits.jsonl"
UNLISTED = frozenset({MANIFEST, EDITS})
"""The manifest cannot list itself, and the edits grow after it is sealed."""

CHUNK = 1 << 20

_JSON = frozenset({"config.json", "labels.json", "latency.json", "audit.json", "reported.json"})
_TABLES = frozenset({"predictions.parquet", "rows.parquet", "training.parquet"})
_ADAPTER = re.compile(r"adapter/[A-Za-z0-9_][A-Za-z0-9._-]{0,119}\.(safetensors|json)", re.ASCII)
_JUNK = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})


def is_junk(name: str) -> bool:
    """Whether an operating system dropped the file there by itself; such files are read over, never read."""
    return name.startswith("__MACOSX/") or name.rpartition("/")[2] in _JUNK


def check_name(name: str, where: object) -> None:
    """Refuse names that could leave the bundle.

    Raises:
        UnsafePath: absolute, with `..`, a backslash, a drive or a control character.
    """
    parts = name.split("/")
    if not name.isprintable() or "\\" in name or ":" in name or any(part in {"", ".", ".."} for part in parts):
        raise UnsafePath(f"unsafe file name {name!r}", where=where)


def cap(name: str) -> int:
    """Most bytes a file of that name may have.

    Raises:
        ExtraFile: bundles hold no file of that name.
    """
    if name in _JSON or name == MANIFEST:
        return limits.MAX_JSON_BYTES
    if name in _TABLES:
        return limits.MAX_TABLE_BYTES
    if name in {"log.txt", EDITS}:
        return limits.MAX_LOG_BYTES
    if _ADAPTER.fullmatch(name):
        return limits.MAX_ADAPTER_BYTES if name.endswith(".safetensors") else limits.MAX_JSON_BYTES
    raise ExtraFile(f"bundles hold no file called {name!r}")


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn what the disk says into one line."""
    try:
        yield
    except BundleError:
        raise
    except OSError as error:
        raise NotWritable(f"cannot write {path.name}: {error.strerror or error}", where=path.parent) from None


def write_file(path: Path, chunks: bytes | Iterable[bytes]) -> FileInfo:
    """Write to a temporary name, flush to disk, rename. An existing file of ours is replaced in one step.

    Raises:
        NotWritable: no permission, no room, or something else in the way.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    digest, size = hashlib.sha256(), 0
    with disk_errors(path):
        try:
            with temporary.open("xb") as file:
                for chunk in (chunks,) if isinstance(chunks, bytes) else chunks:
                    digest.update(chunk)
                    size += file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    return FileInfo(bytes=size, sha256=digest.hexdigest())


def read_chunks(path: Path) -> Iterator[bytes]:
    """The file's bytes, a megabyte at a time."""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def sync_folder(folder: Path) -> None:
    """Make a rename inside `folder` survive a power cut, where the system can (Windows and some network drives not)."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
