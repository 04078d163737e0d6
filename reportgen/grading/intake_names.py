"""Names in a download: which student a path belongs to, and which paths are refused."""

from __future__ import annotations

import re
from dataclasses import dataclass

from . import intake_limits as limits

# Moodle splits a path part at its underscores into name, id, subtype, plugin and the rest (mod/assign, importziplib).
# A team without a group has no id.
_MOODLE = re.compile(
    r"(?P<key>(?P<name>[^_]+)(?:_(?P<id>\d{1,18}))?_(?P<subtype>assignsubmission|assignfeedback)_(?P<plugin>[a-z]+)_?)"
    r"(?P<rest>.*)",
    re.DOTALL,
)
_DRIVE = re.compile(r"[A-Za-z]:")
_JUNK = frozenset({".DS_Store", "Thumbs.db", "desktop.ini", "__MACOSX"})


@dataclass(frozen=True)
class Owner:
    """Who handed a file in. `key` is the name as written, `plugin` the part of Moodle it came through."""

    key: str
    participant: str | None
    name: str
    plugin: str = ""


def moodle_owner(parts: list[str]) -> tuple[Owner, str] | None:
    """The student in a path of Moodle's download and the file's path below it; None where no part names one.

    The outermost part that fits decides: a student's own sub-folder cannot name somebody else.
    """
    for at, part in enumerate(parts):
        match = _MOODLE.fullmatch(part)
        last = at == len(parts) - 1
        if match is None or (last and not match["rest"]):
            continue
        owner = Owner(match["key"], match["id"], match["name"].strip() or match["key"], match["plugin"])
        # Flat mode puts the student's sub-folders before the prefixed file name.
        below = [*parts[:at], match["rest"]] if last else parts[at + 1 :]
        return owner, "/".join(below)
    return None


def plain_owner(parts: list[str]) -> tuple[Owner, str]:
    """The student where every folder is one; a file beside the folders is a student of its own."""
    first, *rest = parts
    if rest:
        return Owner(first, None, first), "/".join(rest)
    stem = first.rpartition(".")[0] or first
    return Owner(stem, None, stem), first


def is_feedback(owner: Owner) -> bool:
    """Whether Moodle put the file there as feedback given earlier: it is not the student's."""
    return "_assignfeedback_" in owner.key


def is_junk(parts: list[str]) -> bool:
    """Whether an operating system dropped the file there by itself."""
    return not parts or any(part in _JUNK for part in parts) or parts[-1].startswith("._")


def unsafe(name: str) -> str | None:
    """Why a path is refused, or None. It is never used as a path: this tells the instructor that somebody tried."""
    if "\0" in name:
        return "a NUL character in its name"
    if name.startswith(("/", "\\")):
        return "an absolute path"
    if _DRIVE.match(name):
        return "a path with a drive"
    if ".." in re.split(r"[/\\]", name):
        return "a path that leaves the folder (..)"
    if len(name) > limits.MAX_NAME:
        return f"a name of {len(name):,} characters"
    if name.count("/") > limits.MAX_DEPTH:
        return f"more than {limits.MAX_DEPTH} folders inside one another"
    return None


def path_parts(name: str) -> list[str]:
    """What is left of a path without what points elsewhere."""
    parts = re.split(r"[/\\]", name.replace("\0", "")[: limits.MAX_NAME])
    return [part for part in parts if part not in {"", ".", ".."} and not _DRIVE.fullmatch(part)]
