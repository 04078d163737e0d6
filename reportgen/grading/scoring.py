"""The draft score: a section's points times the share of its evidence items answered and not contradicted.

It judges evidence only. The suggested band is the course's band that holds the draft, and the weakest band where the
reasoning is empty; the points for reasoning are the instructor's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .results import FEWEST_WORDS, Flag, ItemResult, SectionResult

if TYPE_CHECKING:
    from reportgen.evidence import Rubric
    from reportgen.evidence.rubric import RubricSection

CREDITED = ("present", "unverifiable")


def draft(points: int, items: Sequence[ItemResult]) -> float:
    """Draft points of a section, to a tenth."""
    if not items:
        return 0.0
    return round(points * sum(item.state in CREDITED for item in items) / len(items), 1)


def band(section: RubricSection, points: float, reasoned: bool) -> tuple[int, int]:
    """The band that holds so many points; fractions belong to the band below."""
    weakest = min(section.bands)
    if not reasoned:
        return weakest
    return next((found for found in section.bands if found[0] <= int(points) <= found[1]), weakest)


def score(
    rubric: Rubric,
    items: Mapping[str, ItemResult],
    words: Mapping[str, int],
    findings: Mapping[str, Sequence[str]] | None = None,
) -> tuple[SectionResult, ...]:
    """Score every section.

    Args:
        rubric: the week's.
        items: what was found, by item id; an item that is not there is absent.
        words: words of reasoning by section id.
        findings: contradictions that concern a section as a whole.
    """
    sections = []
    for section in rubric.sections:
        found = tuple(
            items.get(item.id) or ItemResult(id=item.id, label=item.label, state="absent") for item in section.evidence
        )
        points = draft(section.points, found)
        sections.append(
            SectionResult(
                id=section.id,
                title=section.title,
                points=section.points,
                items=found,
                draft=points,
                band=band(section, points, words.get(section.id, 0) >= FEWEST_WORDS),
                reasoning_words=words.get(section.id, 0),
                findings=tuple((findings or {}).get(section.id, ())),
            )
        )
    return tuple(sections)


def unreasoned(sections: Sequence[SectionResult]) -> list[Flag]:
    """A flag where reasoning is missing: amber for some sections, red where nothing is written anywhere."""
    empty = [section for section in sections if not section.reasoned]
    if not empty:
        return []
    if len(empty) == len(sections):
        return [Flag(code="reasoning", severity="red", text="in any section: the draft counts evidence only")]
    titles = ", ".join(section.title for section in empty)
    return [Flag(code="reasoning", severity="amber", text=f"in {len(empty)} of {len(sections)} sections: {titles}")]
