"""The results a visitor brought to a draft: bundles, files turned into bundles, and memos of earlier weeks."""

from __future__ import annotations

import re
import shutil
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reportgen.errors import InputError

from .uploads import receive, remove

if TYPE_CHECKING:
    from reportgen.bundle import Bundle
    from reportgen.data import Course

SUFFIXES = (".zip", ".csv", ".tsv", ".txt", ".json", ".npz", ".md")
_EARLIER = re.compile(r"week([1-6])\.(md|json)", re.IGNORECASE)
_MOST_KEPT = 32
_MOST_RUNS = 64


class Shelf:
    """Below one session's folder: `runs` holds bundles, `memos` what was written in other weeks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "draft"
        self.memos = self.folder / "memos"
        self.runs = self.folder / "runs"

    def add(self, uploads: Sequence[str] | str | None, course: Course) -> tuple[list[str], Path | None]:
        """Take uploads in: all of them, or none if one cannot be used.

        Returns:
            Lines to show, and a Markdown text that was among them.

        Raises:
            ReportgenError: a file that cannot be used; it says which and why.
        """
        fresh = self.folder / "fresh"
        remove([fresh])
        try:
            return self._sort(receive(uploads, fresh, SUFFIXES), fresh, course)
        finally:
            remove([fresh])

    def _sort(self, files: Sequence[Path], fresh: Path, course: Course) -> tuple[list[str], Path | None]:
        from reportgen.bundle import find_bundles
        from reportgen.importers import import_files

        said: list[str] = []
        earlier = [path for path in files if _EARLIER.fullmatch(path.name)]
        texts = [path for path in files if path.suffix == ".md" and path not in earlier]
        zips = [path for path in files if path.suffix == ".zip"]
        rest = [path for path in files if path not in (*earlier, *texts, *zips)]
        found = find_bundles(zips) if zips else []
        if rest:
            found += find_bundles(import_files(rest, fresh / "imported", course=course, say=said.append))
        there = {bundle.run_id: bundle.root for bundle in self.bundles()}
        names = [bundle.run_id for bundle in found]
        for bundle in found:
            if names.count(bundle.run_id) > 1 or there.get(bundle.run_id, bundle.root) != bundle.root:
                raise InputError(f"there are two runs called {bundle.run_id}", remedy="remove one of them")
        if len({*there, *names}) > _MOST_RUNS:
            raise InputError(f"more than {_MOST_RUNS} runs", remedy="a memo compares a few")
        for path in (*zips, *((fresh / "imported").iterdir() if rest else ())):
            if not path.name.startswith("."):
                self._keep(path, self.runs)
        kept = [self._keep(path, self.memos) for path in earlier]
        for path in texts:
            self._keep(path, self.folder)
        markdown = [self.folder / path.name for path in texts] + [path for path in kept if path.suffix == ".md"]
        return said, markdown[-1] if markdown else None

    def adopt(self, zips: Sequence[Path]) -> None:
        """Take in bundles made on this server, each a zip."""
        self.runs.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in zips:
            shutil.copyfile(path, self.runs / path.name)

    def bundles(self) -> list[Bundle]:
        """Everything in `runs`, read once for all who ask."""
        from reportgen.bundle import find_bundles

        if not self.runs.is_dir():
            return []
        found: dict[str, Bundle] = {}
        for path in sorted(self.runs.iterdir()):
            key = (str(path), path.stat().st_mtime_ns)
            for bundle in _READ.get(key) or _READ.keep(key, find_bundles(path)):
                found.setdefault(bundle.root, bundle)
        return list(found.values())

    def clear(self) -> None:
        """Forget everything."""
        remove([self.folder])

    def _keep(self, path: Path, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        target = folder / path.name
        if folder == self.runs:
            number = 2
            while target.exists():
                target, number = folder / f"{path.stem}-{number}{path.suffix}", number + 1
        shutil.move(path, target)
        return target


class _Kept:
    """The bundles read last. A session's path is its own, so nobody is handed another's."""

    def __init__(self) -> None:
        self._held: OrderedDict[tuple[str, int], list[Bundle]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[str, int]) -> list[Bundle] | None:
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
            return self._held.get(key)

    def keep(self, key: tuple[str, int], bundles: list[Bundle]) -> list[Bundle]:
        with self._lock:
            self._held[key] = bundles
            while len(self._held) > _MOST_KEPT:
                self._held.popitem(last=False)
        return bundles


_READ = _Kept()


def readable(path: Path) -> str:
    """A Markdown file as text.

    Raises:
        InputError: it is none.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise InputError("cannot be read as UTF-8 text", where=path.name) from None
