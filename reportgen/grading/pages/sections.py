"""Headings of a page matched to the sections of the rubric."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

from reportgen.evidence.rubric import RubricSection

_NUMBERING = re.compile(
    r"^\W*(?:(?:memo|section|part|question|q|task|§)\s*)*(?P<number>\d{1,2})?(?:\.\d+)*\s*[.:)\-–—]*\s*", re.IGNORECASE
)
_STOP = frozenset(
    [
        "a",
        "an",
        "the",
        "of",
        "and",
        "or",
        "in",
        "on",
        "is",
        "are",
        "my",
        "your",
        "our",
        "did",
        "do",
        "does",
        "what",
        "how",
        "why",
        "where",
        "vs",
        "versus",
        "with",
        "for",
        "to",
        "it",
        "at",
    ]
)
ALIKE = 0.8


def section_of(heading: str, sections: Sequence[RubricSection]) -> str | None:
    """The section a heading names, or None: by its words, or by its number where it has no other word."""
    numbered = _NUMBERING.match(heading)
    number = int(numbered["number"]) if numbered and numbered["number"] else None
    title = heading[numbered.end() :] if numbered else heading
    if not _words(title):
        named = re.match(r"\W*(?:memo\s+)?(?:section|part|question|§)", heading, re.IGNORECASE)
        return next((one.id for one in sections if named and one.number == number), None)
    scores = [(_alike(title, one.title, number == one.number), one.id) for one in sections]
    best, name = max(scores, default=(0.0, ""))
    return name if best >= ALIKE else None


def _alike(heading: str, title: str, same_number: bool) -> float:
    """How alike two titles are; a title's part before or after a colon or dash stands for the whole."""
    parts = [title, *re.split(r"[:?—–]| - ", title)]
    score = max(
        (
            SequenceMatcher(None, " ".join(_words(heading)), " ".join(_words(part))).ratio()
            for part in parts
            if _words(part)
        ),
        default=0.0,
    )
    mine, theirs = set(_words(heading)), set(_words(title))
    shared = len(mine & theirs)
    covered = shared / max(len(mine), 1)
    if covered == 1 and (shared >= 2 or shared >= len(theirs) / 2):
        score = max(score, 0.9)
    if same_number and shared and covered >= 0.5:
        score = max(score, 0.85)
    return score


def _words(text: str) -> list[str]:
    return [
        word for word in re.findall(r"[^\W_]+", text.lower().replace("’", "'").replace("'s", "")) if word not in _STOP
    ]
