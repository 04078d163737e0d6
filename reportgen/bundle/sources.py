"""Where a bundle's bytes come from: a folder or a zip, never extracted, never trusted."""

from __future__ import annotations

import contextlib
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Protocol

from .errors import (
    BundleError,
    DuplicateName,
    HashMismatch,
    LinkRefused,
    MissingFile,
    NotABundle,
    TooLarge,
    TornZip,
    UnsafePath,
)
from .files import CHUNK, MANIFEST, check_name, is_junk
from .limits import (
    MAX_FILES,
    MAX_RATIO,
    MAX_ZIP_DIRECTORY,
    MAX_ZIP_ENTRIES,
    MAX_ZIP_INFLATED,
    RATIO_FROM,
)


class Source(Protocol):
    """Named files with known sizes."""

    path: Path
    sizes: dict[str, int]

    def chunks(self, name: str) -> Iterator[bytes]:
        """The bytes of a file; never more than its size."""
        ...


def read(source: Source, name: str, cap: int) -> bytes:
    """A whole file.

    Raises:
        MissingFile: it is not there.
        TooLarge: it is larger than `cap` bytes.
    """
    if name not in source.sizes:
        raise MissingFile(f"{name} is missing", where=source.path)
    if source.sizes[name] > cap:
        raise TooLarge(f"{name} has {source.sizes[name]:,} bytes, at most {cap:,}", where=source.path)
    return b"".join(source.chunks(name))


def _check_one_run(path: Path) -> None:
    """Refuse a folder of runs before its first run is called a stray folder to remove."""
    if os.path.lexists(path / MANIFEST):
        return
    runs = sorted(one.name for one in path.iterdir() if one.is_dir() and (one / MANIFEST).is_file())
    if runs:
        more = f" and {len(runs) - 5} more" if len(runs) > 5 else ""
        raise NotABundle(
            "a folder of runs, not one run",
            where=path,
            remedy=f"name one: {', '.join(str(path / name) for name in runs[:5])}{more}",
        )


class FolderSource:
    """A bundle's folder: plain files, and one folder `adapter`.

    Raises:
        LinkRefused, UnsafePath, TooLarge: what lies in it is no bundle's content.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sizes: dict[str, int] = {}
        with unreadable(path):
            if path.is_symlink():
                raise LinkRefused("the bundle is a symbolic link", where=path)
            _check_one_run(path)
            self._scan(path, "")

    def _scan(self, folder: Path, prefix: str) -> None:
        with os.scandir(folder) as entries:
            for entry in entries:
                name = prefix + entry.name
                check_name(name, self.path)
                if entry.is_symlink():
                    raise LinkRefused(f"{name} is a symbolic link", where=self.path)
                if entry.is_dir(follow_symlinks=False) and name == "adapter":
                    self._scan(folder / "adapter", "adapter/")
                elif not entry.is_file(follow_symlinks=False):
                    raise UnsafePath(
                        f"{name} is not a plain file",
                        where=self.path,
                        remedy="remove it; only adapter/ may be a folder",
                    )
                elif not is_junk(name):
                    self.sizes[name] = entry.stat(follow_symlinks=False).st_size
                if len(self.sizes) > MAX_FILES:
                    raise TooLarge(f"more than {MAX_FILES} files", where=self.path)

    def chunks(self, name: str) -> Iterator[bytes]:
        """The bytes of a file; one that grows or shrinks while it is read is refused."""
        left = self.sizes[name]
        with unreadable(self.path):
            # O_NOFOLLOW: the name may have become a link since the folder was listed.
            handle = os.open(self.path / name, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
            with os.fdopen(handle, "rb") as file:
                while chunk := file.read(min(CHUNK, left + 1)):
                    left -= len(chunk)
                    if left < 0:
                        break
                    yield chunk
        if left:
            raise HashMismatch(f"{name} changes while it is read", where=self.path, remedy="wait for its writer")


class Archive:
    """A zip that holds one bundle (at its top or in one folder) or several, each in a folder of its own.

    Raises:
        TornZip, DuplicateName, LinkRefused, UnsafePath, TooLarge: it is no plain zip of bundles.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with zip_errors(path):
            _check_directory(path)
            self._zip = zipfile.ZipFile(path)
        try:
            with zip_errors(path):
                self._entries = self._check(self._zip.infolist())
        except BaseException:
            self._zip.close()
            raise

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def bundles(self) -> list[ZipSource]:
        """One source a manifest.json, in order of name."""
        manifests = [name for name in self._entries if name.rpartition("/")[2] == MANIFEST]
        if MANIFEST in manifests:
            return [ZipSource(self, "")]
        return [ZipSource(self, name.removesuffix(MANIFEST)) for name in sorted(manifests)]

    def sizes(self, prefix: str) -> dict[str, int]:
        """Names below a prefix to sizes."""
        return {n.removeprefix(prefix): e.file_size for n, e in self._entries.items() if n.startswith(prefix)}

    def chunks(self, name: str) -> Iterator[bytes]:
        """The bytes of an entry; the CRC is checked at its end."""
        with zip_errors(self.path), self._open(name) as file:
            while chunk := file.read(CHUNK):
                yield chunk

    def _open(self, name: str) -> IO[bytes]:
        return self._zip.open(self._entries[name])

    def _check(self, infos: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
        if len(infos) > MAX_ZIP_ENTRIES:
            raise TooLarge(f"{len(infos):,} zip entries, at most {MAX_ZIP_ENTRIES:,}", where=self.path)
        seen: dict[str, zipfile.ZipInfo] = {}
        for info in infos:
            # orig_filename: zipfile cuts filename at a NUL and turns the system's separator into a slash.
            name = info.orig_filename
            check_name(name.removesuffix("/"), self.path)
            if name in seen:
                raise DuplicateName(f"the zip holds {name} twice", where=self.path)
            mode = info.external_attr >> 16
            if stat.S_ISLNK(mode):
                raise LinkRefused(f"{name} is a symbolic link", where=self.path)
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise UnsafePath(f"{name} is not a plain file", where=self.path)
            if info.flag_bits & 0x1:
                raise TornZip(f"{name} is encrypted", where=self.path)
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise TornZip(f"{name} is compressed with method {info.compress_type}", where=self.path)
            if info.file_size > RATIO_FROM and info.file_size > MAX_RATIO * max(info.compress_size, 1):
                raise TooLarge(f"{name} inflates {info.compress_size:,} to {info.file_size:,} bytes", where=self.path)
            seen[name] = info
        total = sum(info.file_size for info in seen.values())
        if total > MAX_ZIP_INFLATED:
            raise TooLarge(f"{total:,} bytes when inflated, at most {MAX_ZIP_INFLATED:,}", where=self.path)
        return {name: info for name, info in seen.items() if not name.endswith("/") and not is_junk(name)}


class ZipSource:
    """One bundle inside an open `Archive`."""

    def __init__(self, archive: Archive, prefix: str) -> None:
        self._archive, self._prefix = archive, prefix
        self.path = archive.path / prefix if prefix else archive.path
        self.sizes = archive.sizes(prefix)
        if len(self.sizes) > MAX_FILES:
            raise TooLarge(f"more than {MAX_FILES} files", where=self.path)

    def chunks(self, name: str) -> Iterator[bytes]:
        """The bytes of a file."""
        return self._archive.chunks(self._prefix + name)


@contextlib.contextmanager
def zip_errors(path: Path) -> Iterator[None]:
    """Everything zipfile and zlib raise on a damaged file becomes one `TornZip`."""
    try:
        yield
    except BundleError:
        raise
    except FileNotFoundError:
        raise NotABundle("no such file", where=path) from None
    except (
        zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, RuntimeError, OverflowError
    ) as error:  # fmt: skip
        raise TornZip(f"damaged zip: {error}", where=path) from None


@contextlib.contextmanager
def unreadable(path: Path) -> Iterator[None]:
    """What the system says about a path that cannot be listed or opened becomes one `NotABundle`."""
    try:
        yield
    except BundleError:
        raise
    except OSError as error:
        raise NotABundle(f"cannot be read: {error.strerror or error}", where=path) from None


def _check_directory(path: Path) -> None:
    """Refuse an oversized table of contents before zipfile builds an object for each of its entries."""
    tail = 65_557  # the end record and the longest comment
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - tail))
        data: Any = file.read(tail)
    at = data.rfind(b"PK\x05\x06")
    if at < 0 or len(data) < at + 22:
        raise TornZip("no zip, or one that is cut short", where=path)
    if data[max(0, at - 20) : at].startswith(b"PK\x06\x07"):
        raise TornZip("a zip64 archive", where=path, remedy="zip fewer files; bundles need no zip64")
    (size,) = struct.unpack_from("<I", data, at + 12)
    if size > MAX_ZIP_DIRECTORY:
        raise TooLarge(f"a zip table of contents of {size:,} bytes, at most {MAX_ZIP_DIRECTORY:,}", where=path)
