"""Finds the author's earlier memos, `weekN` or `memoN` .md and .json, beside the text or in its folder memos/."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reportgen.errors import ReportgenError
from reportgen.evidence.memory import Earlier, Memory, Recalled, recalled_value
from reportgen.evidence.rubric import load_rubric

from .prose import parse_prose
from .twins import SCHEMA

if TYPE_CHECKING:
    from reportgen.data import Course
    from reportgen.evidence import Rubric

FOLDER = "memos"
NAMES = ("week", "memo")
MAX_BYTES = 8_000_000
_TWIN_SECTION = re.compile(r"^## (\d+)\. [^\n]*$", re.MULTILINE)
_TWIN_PROSE = re.compile(r"^### Reasoning[ \t]*\n(.*)", re.MULTILINE | re.DOTALL)


def find_memory(week: int, places: Iterable[str | Path], course: Course) -> Memory:
    """What earlier weeks said, from files `week1` (or `memo1`), `week2`, … in the places and their folder `memos`.

    Prose is read from `weekN.md` (the author's file or the Markdown twin) or the JSON twin, figures from the JSON
    twin alone. A file that cannot be used is named, and never stops this week's memo.

    Args:
        week: the memo being built; only earlier weeks are looked for.
        places: folders, first found counts.
        course: whose rubrics name the sections.
    """
    folders = list(
        dict.fromkeys(folder for place in places for folder in (Path(place), Path(place) / FOLDER) if folder.is_dir())
    )
    weeks: dict[int, Earlier] = {}
    unreadable: list[str] = []
    for number in range(1, week):
        try:
            rubric = load_rubric(course, number)
        except ReportgenError:
            continue
        found = _week(number, folders, rubric, unreadable)
        if found is not None:
            weeks[number] = found
    return Memory(weeks, tuple(_short(folder) for folder in folders), tuple(unreadable))


def _week(number: int, folders: list[Path], rubric: Rubric, unreadable: list[str]) -> Earlier | None:
    sections: Mapping[str, str] = {}
    front: Mapping[str, str] = {}
    values: tuple[Recalled, ...] = ()
    prose_source = values_source = ""
    for path in (folder / f"{name}{number}" for folder in folders for name in NAMES):
        prose, twin = path.with_suffix(".md"), path.with_suffix(".json")
        text = _text(prose, unreadable)
        if text is not None and not sections:
            try:
                sections, front = _twin_prose(text, rubric) if _is_twin(text) else _prose(text, rubric)
                prose_source = _short(prose)
            except ReportgenError as error:
                unreadable.append(f"{_short(prose)}: {error.what}")
        raw = _json(twin, number, unreadable)
        if raw is not None and not values:
            source = _short(twin)
            values, values_source = tuple(_values(raw, number, source)), source
            written = raw.get("prose")
            if not sections and isinstance(written, dict):
                sections = {key: said for key, said in written.items() if isinstance(said, str)}
                prose_source = source
    if not (sections or front or values):
        return None
    titles = {section.id: section.title for section in rubric.sections}
    return Earlier(number, sections, titles, front, prose_source, values, values_source)


def _prose(text: str, rubric: Rubric) -> tuple[Mapping[str, str], Mapping[str, str]]:
    found = parse_prose(text, rubric)
    return found.sections, found.front


def _is_twin(text: str) -> bool:
    return text.startswith("# ") and _TWIN_PROSE.search(text) is not None


def _twin_prose(text: str, rubric: Rubric) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """The author's text out of a Markdown twin: what stands under each section's heading "Reasoning"."""
    ids = {section.number: section.id for section in rubric.sections}
    heads = list(_TWIN_SECTION.finditer(text))
    ends = [head.start() for head in heads[1:]] + [text.find("\n## Disclosure")]
    sections = {}
    for head, end in zip(heads, ends, strict=True):
        part = _TWIN_PROSE.search(text, head.end(), end if end > 0 else len(text))
        said = part[1].strip() if part else ""
        if int(head[1]) in ids and said and not said.endswith("Not written yet."):
            sections[ids[int(head[1])]] = said
    return sections, {}


def _values(raw: Mapping[str, Any], week: int, source: str) -> Iterable[Recalled]:
    for section in _dicts(raw.get("sections")):
        for item in _dicts(section.get("items")):
            for entry in _dicts(item.get("values")):
                value = recalled_value(entry)
                if value is not None and isinstance(item.get("id"), str):
                    yield Recalled(value, week, item["id"], source)


def _dicts(found: object) -> list[dict[str, Any]]:
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _json(path: Path, week: int, unreadable: list[str]) -> dict[str, Any] | None:
    text = _text(path, unreadable)
    if text is None:
        return None
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError):
        raw = None
    if not isinstance(raw, dict) or raw.get("schema") != SCHEMA or raw.get("week") != week:
        unreadable.append(f"{_short(path)}: not the JSON twin of a week {week} memo")
        return None
    return raw


def _text(path: Path, unreadable: list[str]) -> str | None:
    try:
        if not path.is_file():
            return None
        if path.stat().st_size > MAX_BYTES:
            unreadable.append(f"{_short(path)}: more than {MAX_BYTES:,} bytes")
            return None
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        unreadable.append(f"{_short(path)}: cannot be read as UTF-8 text")
        return None


def _short(path: Path) -> str:
    """The last two parts of a path: a memo names no folders of its author's machine."""
    return "/".join(path.resolve().parts[-2:])
