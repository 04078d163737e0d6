"""Which bundles lie at a path, and reading all of them."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .errors import NotABundle
from .files import MANIFEST
from .reader import Bundle, read_source, sources_at
from .sources import Archive, unreadable


def find_bundles(paths: str | Path | Iterable[str | Path], *, verify: bool = True) -> list[Bundle]:
    """Read the bundles at paths: bundle folders, folders of runs, zips. The same bundle twice counts once.

    Raises:
        NotABundle: nothing there.
        BundleError: one of them is not sound; the subclass says why.
    """
    listed = [paths] if isinstance(paths, (str, Path)) else paths
    found: dict[str, Bundle] = {}
    for bundles in bundle_groups(listed, verify=verify):
        for bundle in bundles:
            found.setdefault(bundle.root, bundle)
    return list(found.values())


def bundle_groups(paths: Iterable[str | Path], *, verify: bool = True) -> list[list[Bundle]]:
    """Read the bundles at each of the paths, two at a time: Arrow, NumPy and hashlib let go of the interpreter.

    Raises:
        NotABundle: nothing at one of them.
        BundleError: a bundle is not sound; the subclass says why.
    """
    places: list[tuple[int, Path]] = []
    groups: list[list[Bundle]] = []
    for path in map(Path, paths):
        found = bundle_paths(path)
        if not found:
            raise NotABundle("no finished run", where=path)
        places += [(len(groups), place) for place in found]
        groups.append([])
    if len(places) > 1:
        # Ahead of the threads: two that begin to import these at once can meet them half made.
        import pandas  # noqa: F401
        import pyarrow.compute
        import pyarrow.parquet  # noqa: F401
    with ThreadPoolExecutor(min(2, len(places)) or 1) as pool:
        read = pool.map(lambda place: _read_all(place, verify), [place for _, place in places])
        for (at, _), bundles in zip(places, read, strict=True):
            groups[at] += bundles
    return groups


def _read_all(place: Path, verify: bool) -> list[Bundle]:
    with sources_at(place) as sources:
        return [read_source(source, verify) for source in sources]


def bundle_paths(path: str | Path) -> list[Path]:
    """Bundle folders and zips at a path: itself, or what lies directly in a folder of runs and is not hidden."""
    path = Path(path)
    with unreadable(path):
        if not path.is_dir() or (path / MANIFEST).exists():
            return [path]
        children = sorted(child for child in path.iterdir() if not child.name.startswith("."))
        return [child for child in children if (child / MANIFEST).is_file() or _is_zipped_bundle(child)]


def _is_zipped_bundle(path: Path) -> bool:
    if path.suffix.lower() != ".zip" or not path.is_file():
        return False
    with Archive(path) as archive:
        return bool(archive.bundles())
