"""Files a visitor sent: checked again here, moved into the session's own folder at once."""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from reportgen.errors import InputError, one_line

MOST_FILES = 64
MOST_BYTES = 200_000_000
"""Of one session's folder."""
_PLAIN = re.compile(r"[^\w .()+-]+")


def receive(paths: str | Sequence[str] | None, folder: Path, suffixes: Collection[str]) -> list[Path]:
    """Move uploads into a folder, under plain names.

    Args:
        paths: what gradio hands over: files below its own upload folder.
        folder: of this session; made if need be.
        suffixes: what is accepted, in lower case.

    Raises:
        InputError: nothing, too much, a type that is not accepted, or a file that is gone.
    """
    given = [Path(path) for path in ([paths] if isinstance(paths, str) else paths or ())]
    if not given:
        raise InputError("no file was sent")
    for path in given:
        if path.suffix.lower() not in suffixes:
            accepted = ", ".join(sorted(suffixes))
            raise InputError(f"cannot use {one_line(path.name, 80)}", remedy=f"files that can: {accepted}")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    there = [path for path in folder.rglob("*") if path.is_file()]
    if len(there) + len(given) > MOST_FILES:
        raise InputError(f"more than {MOST_FILES} files", remedy="remove some first")
    try:
        if sum(path.stat().st_size for path in (*there, *given)) > MOST_BYTES:
            raise InputError(f"more than {MOST_BYTES // 1_000_000} MB in all", remedy="remove some files first")
        return [_moved(path, folder / plain_name(path.name)) for path in given]
    except FileNotFoundError:
        # Gradio names uploads by their content: two visitors who send the same file may meet.
        raise InputError("an upload was lost on its way", remedy="send it again") from None


def plain_name(name: str) -> str:
    """A file name without anything a path, a page or a shell could take for more."""
    stem, dot, suffix = name.rpartition(".")
    clean = _PLAIN.sub("_", stem if dot else name).strip(" .")[:80] or "file"
    return f"{clean}.{_PLAIN.sub('', suffix)[:10].lower()}" if dot else clean


def remove(folders: Iterable[Path]) -> None:
    """Delete folders and what is in them."""
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _moved(source: Path, target: Path) -> Path:
    shutil.move(source, target)
    return target
