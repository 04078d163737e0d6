"""Append-only logs: every line holds the sha256 of the line before it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .digests import canonical_json, sha256
from .errors import BadJson, BrokenChain, NotABundle
from .files import EDITS, disk_errors, write_file
from .jsonio import parse
from .schema import Edit


def parse_edits(data: bytes, where: str = EDITS) -> tuple[Edit, ...]:
    """The edits of a log, oldest first.

    The chain shows a line that was changed, moved or taken out of the middle; the last lines can be cut off unseen.

    Raises:
        BrokenChain: a line does not follow from the one before, or the last line is cut short.
        BadJson: a line is not JSON.
        WrongTypes: a line is not an edit.
    """
    if not data:
        return ()
    if not data.endswith(b"\n"):
        raise BrokenChain("the last line is cut short", where=where)
    edits, previous = [], None
    for number, line in enumerate(data[:-1].split(b"\n"), start=1):
        edit = parse(Edit, line, f"{where}, line {number}")
        if edit.previous != previous:
            raise BrokenChain(f"line {number} does not follow from the line before", where=where)
        edits.append(edit)
        previous = sha256(line)
    return tuple(edits)


def append_line(log: Path, who: str, why: str, what: Mapping[str, Any]) -> Edit:
    """Append one edit to a chained log, creating it if need be. Any chained log: the grader's too.

    Raises:
        BrokenChain: the log was tampered with; nothing is added to it.
        BadJson: the edit holds NaN or something JSON has no type for.
        NotWritable: the disk said no; the log is as it was.
    """
    with disk_errors(log):
        data = log.read_bytes() if log.exists() else b""
    parse_edits(data, log.name)
    previous = sha256(data[:-1].rpartition(b"\n")[2]) if data else None
    when = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        edit = Edit(who=who, when=when, why=why, what=dict(what), previous=previous)
        # `what` as it was given: pydantic would turn NaN into null and sets into lists.
        line = canonical_json(edit.model_dump(mode="json") | {"what": edit.what})
    except (TypeError, ValueError) as error:
        raise BadJson(f"the edit is not plain JSON: {error}", where=log.name) from None
    write_file(log, data + line + b"\n")
    return edit


def append_edit(bundle: str | Path, who: str, why: str, what: Mapping[str, Any]) -> Edit:
    """Record a correction beside a bundle's sealed files, in its `edits.jsonl`.

    Args:
        bundle: the bundle's folder (a zip is sealed as a whole).
        who: author of the edit.
        why: reason.
        what: the change, as plain JSON values.

    Raises:
        NotABundle: no sound bundle there.
        BrokenChain: its log was tampered with.
        NotWritable: the disk said no.
    """
    folder = Path(bundle)
    if not (folder / "manifest.json").is_file():
        raise NotABundle("no bundle folder", where=folder, remedy="unzip the bundle and pass its folder")
    return append_line(folder / EDITS, who, why, what)
