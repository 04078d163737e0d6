"""Read what a class handed in: Moodle's download, a folder or one file, copied to a folder of our own.

Nothing in it is believed: names are data and never paths, archives inside are reported and never opened, links are
never followed, sizes are counted while copying. What is refused is said in the row of the student it came from.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from reportgen.errors import InputError, one_line

from . import intake_limits as limits
from .intake_names import Owner, is_feedback, is_junk, moodle_owner, path_parts, plain_owner, unsafe
from .intake_sources import Entry, copy_entry, file_entry, list_folder, open_zip, plain_name
from .model import Submission, SubmittedFile
from .pages import classify

_ARCHIVES = (
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"\x1f\x8b",
    b"7z\xbc\xaf",
    b"Rar!",
    b"BZh",
    b"\xfd7zXZ",
    b"\x28\xb5\x2f\xfd",
)
_ZIPPED = (".docx", ".xlsx", ".pptx", ".odt", ".ods", ".npz", ".epub")
"""Documents that happen to be zips."""
_KINDS = {"memo": 0, "notebook": 1, "html": 2, "other": 3}
_WEEK = re.compile(r"(?:week|wk|w|memo|hw|homework)[ _\-]?0?([1-9])(?!\d)", re.IGNORECASE)


def read_submissions(source: Path, into: Path, *, week: int | None = None) -> list[Submission]:
    """What each participant (or group) handed in, in order of name; every file is copied to `into`.

    Args:
        source: Moodle's zip (folders with or without the trailing underscore, or flat), any zip or folder with a
            sub-folder or a file a student, or one file.
        into: where the copies go, under names of our own.
        week: files whose names say another week come after the others.

    Raises:
        InputError: nothing can be read: no such file, a damaged zip, an empty folder.
    """
    source, into = Path(source), Path(into)
    with _entries(source, into) as entries:
        rows = _rows(entries, source.stem if source.is_file() else None)
        if not rows:
            raise InputError(
                "nothing was handed in", where=source.name, remedy="pass Moodle's zip or a folder of pages"
            )
        try:
            into.mkdir(parents=True, exist_ok=True)
            submissions = _copied(rows, into, week)
        except OSError as error:
            raise InputError(
                f"cannot be written: {error.strerror}", where=into, remedy="choose another folder"
            ) from None
    if all("damaged" in " ".join(one.problems) and not one.files for one in submissions):
        raise InputError("every file in it is damaged", where=source.name, remedy="download it from Moodle again")
    return submissions


@dataclass
class _Row:
    owner: Owner
    entries: list[tuple[str, Entry]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@contextmanager
def _entries(source: Path, into: Path) -> Iterator[list[Entry]]:
    remedy = "pass Moodle's zip, a folder or an HTML file"
    if source.is_dir():
        yield list_folder(source, into)
        return
    try:
        with source.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=source, remedy=remedy) from None
    if source.suffix.lower() == ".zip" or head.startswith(_ARCHIVES[:2]):
        with open_zip(source) as entries:
            yield entries
    elif head.startswith(_ARCHIVES):
        raise InputError("an archive that is no zip", where=source.name, remedy=remedy)
    elif classify(source) == "other":
        raise InputError("neither a page nor a zip", where=source.name, remedy=remedy)
    else:
        yield [file_entry(source.resolve(), plain_name(source.name))]


def _rows(entries: Sequence[Entry], zip_name: str | None) -> list[_Row]:
    """Entries by owner. A zip may wrap the class in one folder of its own name."""
    parts = [path_parts(entry.name) for entry in entries]
    honest = [one for one in parts if not is_junk(one)]
    wrapped = zip_name is not None and bool(honest) and all(len(one) > 1 and one[0] == honest[0][0] for one in honest)
    wrapped = wrapped and (honest[0][0] == zip_name or all(len(one) > 2 for one in honest))
    rows: dict[tuple[str, str | None], _Row] = {}
    for entry, path in zip(entries, parts, strict=True):
        if is_junk(path):
            if not path and (why := unsafe(entry.name)):
                owner = Owner(one_line(entry.name), None, one_line(entry.name))
                rows.setdefault((owner.name, None), _Row(owner)).problems.append(_refusal(entry.name, why))
            continue
        owner, name = moodle_owner(path) or plain_owner(path[1:] if wrapped and len(path) > 1 else path)
        if is_feedback(owner):
            continue
        row = rows.setdefault((owner.name, owner.participant), _Row(owner))
        if row.owner.plugin != "file" and owner.plugin == "file":
            row.owner = owner
        if why := unsafe(entry.name) or entry.refused:
            row.problems.append(_refusal(name, why))
        else:
            row.entries.append((name, entry))
    return sorted(
        rows.values(), key=lambda row: (row.owner.name.casefold(), int(row.owner.participant or 0), row.owner.key)
    )


def _copied(rows: Sequence[_Row], into: Path, week: int | None) -> list[Submission]:
    room = limits.MAX_TOTAL
    submissions = []
    for number, row in enumerate(rows, start=1):
        files = list(_copy_row(row, into, number, room))
        room -= sum(one.size for one in files)
        files.sort(key=lambda one: (_KINDS[one.kind], _other_week(one.name, week), one.name))
        problems = [_fit(problem) for problem in row.problems[: limits.MAX_PROBLEMS]]
        if (more := len(row.problems) - len(problems)) > 0:
            problems.append(f"{more:,} more files refused")
        submissions.append(
            Submission(row.owner.key, row.owner.participant, row.owner.name, tuple(files), tuple(problems))
        )
    return submissions


def _copy_row(row: _Row, into: Path, number: int, room: int) -> Iterator[SubmittedFile]:
    room = min(room, limits.MAX_STUDENT)
    seen: dict[str, int] = defaultdict(int)
    for name, entry in sorted(row.entries, key=lambda pair: pair[0]):
        seen[name] += 1
        if seen[name] > 1:
            if seen[name] == 2:
                row.problems.append(_refusal(name, "handed in twice under one name, the first is read"))
            continue
        if len(seen) > limits.MAX_FILES:
            continue
        target = into / f"{number:05d}-{len(seen):02d}.data"
        size, head, why = copy_entry(entry, target, min(room, limits.MAX_FILE))
        if why is not None:
            row.problems.append(_refusal(name, why))
            continue
        room -= size
        if (head.startswith(_ARCHIVES) or head[257:262] == b"ustar") and not name.lower().endswith(_ZIPPED):
            row.problems.append(_refusal(name, "an archive inside the submission, not opened"))
        yield SubmittedFile(name, target, size, classify(target))
    if (more := len(seen) - limits.MAX_FILES) > 0:
        row.problems.insert(0, f"{more:,} files left out: at most {limits.MAX_FILES} are read")


def _refusal(name: str, why: str) -> str:
    return f"{one_line(name, 120)}: {why}"


def _fit(problem: str) -> str:
    return one_line(problem, 300)


def _other_week(name: str, week: int | None) -> bool:
    said = _WEEK.search(name)
    return week is not None and said is not None and int(said[1]) != week
