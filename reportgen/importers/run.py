"""`reportgen bundle import`: files in, bundles out, all of them or none."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from reportgen.bundle import slug
from reportgen.data import Course, Dataset, load_course
from reportgen.errors import InputError, UsageError, one_line

from .aggregates import Aggregate, drafts_of
from .course_documents import is_course_document, read_course_document
from .course_tables import is_course_table, read_course_table
from .draft import Draft, write_all
from .predictions import draft_predictions
from .published import COLUMNS, draft_published
from .reading import read_table, shown
from .scores import Archive, borrowable, draft_archive, read_archive
from .trainer import draft_trainer, is_trainer_folder

KINDS = ("predictions", "reported", "course")
_COURSE = "ecbs5200"
"""Whose file formats `--as course` reads."""
_COURSE_NPZ = re.compile(r"(week[1-6]_\w+|val_predictions|val_logits_canonical_final|grid_Td\d+_a\d+_\w+)\.npz", re.I)
_COURSE_CSV = re.compile(r"week[1-6]_\w+\.csv", re.IGNORECASE)
_MAX_FILES = 256


def import_files(
    files: Sequence[str | Path],
    out: str | Path,
    *,
    kind: str | None = None,
    data: Dataset | None = None,
    course: Course | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> list[Path]:
    """Import results as bundles. All files are read and checked before anything is written; then all or nothing.

    Args:
        files: CSV, JSON and .npz files, and Trainer output folders.
        out: folder of runs.
        kind: predictions, reported or course; guessed for each file if None, and said.
        data: the dataset that was scored; rows are matched with its rows.
        course: its label list serves where there are no data; the data's course, else generic, if None.
        say: called with one line at a time: what was guessed, flagged or assumed.

    Returns:
        The bundles' folders, in order of the files; those that were there already included.

    Raises:
        UsageError: no files, too many, an unknown kind, or two results of the same name.
        InputError: a file that cannot be used as what it is said to be.
        BundleError: a name that is taken, or a disk that cannot be written.
    """
    if kind is not None and kind not in KINDS:
        raise UsageError(f"--as {one_line(kind, 40)}", remedy=f"one of {', '.join(KINDS)}")
    paths = [Path(file) for file in files]
    if not paths or len(paths) > _MAX_FILES:
        raise UsageError(f"{len(paths)} files to import", remedy=f"pass 1 to {_MAX_FILES}")
    if len(set(paths)) < len(paths):
        raise UsageError(f"{shown(max(paths, key=paths.count))} is given twice", remedy="name every file once")
    course = course or (data.course if data is not None else load_course("generic"))
    kinds = [_kind(path, kind, say) for path in paths]
    archives = {path: read_archive(path) for path, found in zip(paths, kinds, strict=True) if _is_npz(path, found)}
    borrowed = borrowable(list(archives.values()))
    drafts: list[Draft] = []
    aggregates: list[Aggregate] = []
    for path, found in zip(paths, kinds, strict=True):
        own = _course(course, archives.get(path), say) if found == "course" else course
        notes: list[str] = []
        read: list[Draft] = []
        if found == "trainer":
            read = draft_trainer(path, data, own)
        elif path in archives:
            read = draft_archive(archives[path], data, own, as_course=found == "course", borrowed=borrowed)
        elif found == "predictions":
            read = draft_predictions(path, data, own)
        elif found == "reported":
            read, notes = draft_published(path, own)
        elif path.suffix.lower() == ".json":
            more, notes = read_course_document(path, own)
            aggregates += more
        else:
            more, notes = read_course_table(path)
            aggregates += more
        for draft in read:
            draft.folder = path.resolve().parent.name
        drafts += read
        for note in notes:
            say(note)
    drafts += drafts_of(aggregates, _course(course, None, say).name if aggregates else course.name)
    _distinct(drafts)
    for draft in drafts:
        for note in draft.notes:
            say(f"{draft.run_id}: {note}")
    return write_all(drafts, Path(out))


def _kind(path: Path, stated: str | None, say: Callable[[str], None]) -> str:
    """What a file is: as stated, else by its content.

    Raises:
        InputError: it is none of what we read.
    """
    try:
        folder = path.is_dir()
    except (OSError, ValueError):
        folder = False
    if folder:
        if not is_trainer_folder(path):
            raise InputError("a folder without trainer_state.json", where=path, remedy="pass the files themselves")
        return "trainer"
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".tsv", ".txt", ".json", ".npz"):
        remedy = "CSV, JSON and .npz files and Trainer folders are read; pickles (.bin, .pt, .pkl) never"
        raise InputError(f"cannot import a file of type {suffix or 'none'!r}", where=shown(path), remedy=remedy)
    allowed = {".json": ("course",), ".npz": ("predictions", "course")}.get(suffix, KINDS)
    if stated is not None:
        if stated not in allowed:
            raise InputError(
                f"a {suffix} file holds no {stated}", where=shown(path), remedy=f"--as {' or '.join(allowed)}"
            )
        return stated
    found = {".json": _document_kind, ".npz": _archive_kind}.get(suffix, _table_kind)(path)
    say(f"{shown(path)}: read as {found}; say otherwise with --as.")
    return found


def _document_kind(path: Path) -> str:
    if not is_course_document(path):
        remedy = "the course's are called week3_lab_results.json and so on; --as course reads it anyway"
        raise InputError("not the name of a JSON file we know", where=shown(path), remedy=remedy)
    return "course"


def _archive_kind(path: Path) -> str:
    return "course" if _COURSE_NPZ.fullmatch(path.name) else "predictions"


def _table_kind(path: Path) -> str:
    frame, _, _ = read_table(path, COLUMNS)
    names = [str(name).strip() for name in frame.columns]
    lower = {name.casefold() for name in names}
    scored = any(name.startswith(("p_", "logit_")) for name in lower)
    if "prediction" in lower or ("label" in lower and scored):
        return "predictions"
    if _COURSE_CSV.fullmatch(path.name):
        return "course"
    if "model" in names and set(names) <= set(COLUMNS):
        return "reported"
    if is_course_table(names) and "source" not in lower:
        return "course"
    if "model" in lower:
        return "reported"
    has = ", ".join(one_line(name, 30) for name in names[:8])
    raise InputError(
        "neither predictions nor figures",
        where=shown(path),
        remedy=f"predictions have the columns label and prediction, figures a column model; it has {has}",
    )


def _is_npz(path: Path, kind: str) -> bool:
    return kind != "trainer" and path.suffix.lower() == ".npz"


def _course(course: Course, archive: Archive | None, say: Callable[[str], None]) -> Course:
    """The course a course file is read with: where the generic one was given, the one whose formats they are."""
    if course.labels is not None:
        return course
    own = load_course(_COURSE)
    if archive is None or archive.k in (None, len(own.labels or ())):
        return own
    say(f"{shown(archive.path)}: {archive.k} scores a row are not those of course {_COURSE}; its labels have no names.")
    return course


def _distinct(drafts: list[Draft]) -> None:
    """Files of the same name in different folders: the folder's name tells them apart."""
    names = [draft.run_id for draft in drafts]
    for draft in drafts:
        if names.count(draft.run_id) > 1 and draft.folder:
            draft.run_id = slug(f"{draft.folder}-{draft.run_id}")
