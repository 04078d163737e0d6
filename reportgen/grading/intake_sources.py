"""What lies in a download, listed without opening anything: a zip, a folder or one file."""

from __future__ import annotations

import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from reportgen.errors import InputError, one_line

from . import intake_limits as limits

DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, RuntimeError, OverflowError)
"""Everything zipfile and zlib raise on a damaged file."""


@dataclass(frozen=True)
class Entry:
    """One file, not yet opened. `refused` says why it never will be."""

    name: str
    """Its path, `/` between the parts, as the source writes it."""
    size: int
    open: Callable[[], IO[bytes]]
    refused: str | None = None


@contextmanager
def open_zip(path: Path) -> Iterator[list[Entry]]:
    """The entries of a zip in the archive's order.

    Raises:
        InputError: it is damaged, or has too many entries to be a class.
    """
    remedy = "download it from Moodle again"
    try:
        if (size := _directory_size(path)) > limits.MAX_DIRECTORY:
            raise InputError(
                f"a table of contents of {size:,} bytes", where=path.name, remedy="hand in one class at a time"
            )
        archive = zipfile.ZipFile(path)
    except DAMAGED as error:
        raise InputError(f"damaged zip: {error}", where=path.name, remedy=remedy) from None
    with archive:
        infos = archive.infolist()
        if len(infos) > limits.MAX_ENTRIES:
            raise InputError(f"{len(infos):,} entries", where=path.name, remedy="hand in one class at a time")
        yield [_zip_entry(archive, info) for info in infos if not info.is_dir()]


def _zip_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Entry:
    mode, why = info.external_attr >> 16, None
    if stat.S_ISLNK(mode):
        why = "a link"
    elif stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        why = "a device, not a file"
    elif info.flag_bits & 0x1:
        why = "encrypted"
    elif info.file_size > limits.MAX_FILE:
        why = f"{info.file_size:,} bytes, at most {limits.MAX_FILE:,}"
    elif info.file_size > limits.RATIO_FROM and info.file_size > limits.MAX_RATIO * max(info.compress_size, 1):
        why = f"it would inflate from {info.compress_size:,} to {info.file_size:,} bytes"
    return Entry(_zip_name(info), info.file_size, lambda: archive.open(info), why)


def _zip_name(info: zipfile.ZipInfo) -> str:
    """The name as written (`filename` ends at a NUL); some writers use UTF-8 without saying so."""
    name = info.orig_filename
    if not info.flag_bits & 0x800:
        try:
            return name.encode("cp437").decode("utf-8")
        except UnicodeError:
            return name
    return name


def list_folder(folder: Path, without: Path) -> list[Entry]:
    """The files below a folder in order of name; links are never followed, the folder `without` is left out.

    Raises:
        InputError: the folder cannot be read, or holds too many files to be a class.
    """
    entries: list[Entry] = []
    try:
        for entry in _walk(folder, "", without.resolve()):
            entries.append(entry)
            if len(entries) > limits.MAX_ENTRIES:
                raise InputError(
                    f"more than {limits.MAX_ENTRIES:,} files", where=folder.name, remedy="one class at a time"
                )
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=folder, remedy="check its permissions") from None
    return entries


def file_entry(path: Path, name: str) -> Entry:
    """One file on disk."""
    found = path.lstat()
    why = None
    if stat.S_ISLNK(found.st_mode):
        why = "a link"
    elif not stat.S_ISREG(found.st_mode):
        why = "a device, not a file"
    elif found.st_size > limits.MAX_FILE:
        why = f"{found.st_size:,} bytes, at most {limits.MAX_FILE:,}"
    return Entry(name, found.st_size, lambda: _open_plain(path), why)


def plain_name(name: str) -> str:
    """A name with the bytes that are no UTF-8 (of an older system) as `%eb`: it goes into logs and zips."""
    return re.sub("[\ud800-\udfff]", lambda lone: f"%{ord(lone[0]) & 0xFF:02x}", name)


def _walk(folder: Path, prefix: str, without: Path) -> Iterator[Entry]:
    with os.scandir(folder) as listed:
        children = sorted(listed, key=lambda child: child.name)
    for child in children:
        name, path = f"{prefix}{plain_name(child.name)}", folder / child.name
        if child.is_dir(follow_symlinks=False):
            if path.resolve() == without:
                continue
            if name.count("/") < limits.MAX_DEPTH:
                yield from _walk(path, f"{name}/", without)
            else:
                deep = f"more than {limits.MAX_DEPTH} folders inside one another"
                yield Entry(name, 0, partial(_open_plain, path), deep)
        else:
            yield file_entry(path, name)


def _open_plain(path: Path) -> IO[bytes]:
    # O_NOFOLLOW: the name may have become a link since the folder was listed.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
    return os.fdopen(os.open(path, flags), "rb")


def _directory_size(path: Path) -> int:
    """Bytes of a zip's table of contents as its end record says, read before zipfile builds an object an entry."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        start = max(0, end - 65_557 - 76)  # the end record, the longest comment, the two records of zip64
        file.seek(start)
        data = file.read(end - start)
    at = data.rfind(b"PK\x05\x06")
    if at < 0 or len(data) < at + 22:
        raise zipfile.BadZipFile("no zip, or one that is cut short")
    (size,) = struct.unpack_from("<I", data, at + 12)
    large = data.rfind(b"PK\x06\x06", 0, at)
    if large >= 0 and data[at - 20 : at].startswith(b"PK\x06\x07") and len(data) >= large + 56:
        (size,) = struct.unpack_from("<Q", data, large + 40)
    return int(size)


def copy_entry(entry: Entry, target: Path, room: int) -> tuple[int, bytes, str | None]:
    """Copy a file in pieces: its size, its first bytes, and why nothing was kept (None when it was).

    Args:
        entry: what to copy.
        target: a path of our own.
        room: bytes it may have at most; what the source says about its size is not believed.
    """
    size, head = 0, b""
    try:
        with entry.open() as source, target.open("wb") as out:
            while chunk := source.read(1 << 20):
                size += len(chunk)
                if size > room:
                    break
                head = head or chunk[:512]
                out.write(chunk)
    except (*DAMAGED, NotImplementedError) as error:
        target.unlink(missing_ok=True)
        return 0, b"", f"damaged: {one_line(error, 120)}"
    if size > room:
        target.unlink(missing_ok=True)
        return 0, b"", f"more than the {room:,} bytes that are left for it"
    return size, head, None
