"""Results kept by the digest of what they depend on: a killed run goes on where it stopped."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from reportgen import __version__
from reportgen.bundle import canonical_json
from reportgen.bundle.files import disk_errors, write_file

from .model import Submission
from .one import Options, rubric_of
from .results import Graded

FORM = 3
"""Raised whenever grading or its results change in a way the version of the package does not show."""


class Cache:
    """A folder of results; `folder` None keeps nothing (a dry run)."""

    def __init__(self, folder: Path | None, options: Options, *, read_only: bool = False) -> None:
        self._folder = folder
        self._read_only = read_only
        self._depends = _digest_of(options)
        if folder is not None and not read_only:
            with disk_errors(folder):
                folder.mkdir(parents=True, exist_ok=True)

    def name(self, submission: Submission) -> str:
        """Digest of the submission's content and of everything else its result depends on."""
        digest = hashlib.sha256(self._depends)
        parts: list[Any] = [submission.key, list(submission.problems)]
        for file in submission.files:
            with file.path.open("rb") as opened:
                content = hashlib.file_digest(opened, "sha256").hexdigest()
            parts.append([file.name, file.kind, content])
        digest.update(canonical_json(_plain(parts)))
        return digest.hexdigest()

    def read(self, name: str) -> Graded | None:
        """A result kept earlier; None if there is none or it cannot be read: then it is simply made again."""
        if self._folder is None:
            return None
        try:
            return Graded.from_json((self._folder / f"{name}.json").read_bytes())
        except (OSError, ValueError):
            return None

    def keep(self, name: str, graded: Graded) -> None:
        """Keep a result, in one step. What ran out of time or failed is tried again next time."""
        if self._folder is not None and not self._read_only and graded.status not in ("timeout", "failed"):
            write_file(self._folder / f"{name}.json", graded.to_json())


def _digest_of(options: Options) -> bytes:
    course, rubric = rubric_of(options.course, options.week)
    depends = [FORM, __version__, course.name, repr(rubric), options.intervals]
    depends.append(options.truth.digest if options.truth else None)
    return hashlib.sha256(canonical_json(depends)).digest()


def _plain(parts: Any) -> Any:
    """Names as they are in a zip may hold lone surrogates, which no JSON can."""
    if isinstance(parts, list):
        return [_plain(part) for part in parts]
    return parts.encode("utf-8", "backslashreplace").decode() if isinstance(parts, str) else parts
