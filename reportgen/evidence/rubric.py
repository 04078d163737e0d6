"""The rubric of a week: sections, points, bands, what evidence must show and what only the author can argue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reportgen.errors import InputError

from .model import Opening

if TYPE_CHECKING:
    from reportgen.data import Course


@dataclass(frozen=True)
class EvidenceItem:
    """Something the memo must show, e.g. `w1.s2.e3`."""

    id: str
    label: str
    fields: tuple[str, ...] = ()
    """Lines the author's text has to hold, such as `**Prediction:** …`."""
    each: str = ""
    """`run`: the lines are asked for once for each run compared, `**Prediction (run):** …`."""
    block: str = ""
    """A fenced block the author's text may hold, such as `tags`."""


@dataclass(frozen=True)
class ReasoningItem:
    """Something only the author can argue, e.g. `w1.s2.r1`."""

    id: str
    prompt: str


@dataclass(frozen=True)
class RubricSection:
    """One section. `bands` are the point ranges (low, high) of strong, adequate and weak work."""

    id: str
    number: int
    title: str
    points: int
    bands: tuple[tuple[int, int], ...]
    evidence: tuple[EvidenceItem, ...]
    reasoning: tuple[ReasoningItem, ...]


@dataclass(frozen=True)
class Rubric:
    """One week's rubric."""

    week: int
    title: str
    sections: tuple[RubricSection, ...]
    opening: Opening | None = None
    """An unscored block before the first section."""

    @property
    def points(self) -> int:
        """Points of all sections together."""
        return sum(section.points for section in self.sections)

    def item(self, name: str) -> EvidenceItem | None:
        """The evidence item of this id; a course may have another."""
        return next((item for section in self.sections for item in section.evidence if item.id == name), None)


def load_rubric(course: Course, week: int) -> Rubric:
    """The course's rubric of that week.

    Raises:
        InputError: the course has none, or its `rubrics.toml` is malformed.
    """
    return parse_rubric(course.rubric(week), where=f"rubrics.toml of course {course.name!r}, week {week}")


def parse_rubric(raw: Mapping[str, Any], where: str = "rubrics.toml") -> Rubric:
    """A rubric from one `[[week]]` table of `rubrics.toml`.

    Raises:
        InputError: a field is missing, an id is repeated, or the bands don't cover 0 to the section's points.
    """
    try:
        sections = tuple(_section(section, number) for number, section in enumerate(raw["section"], start=1))
        rubric = Rubric(int(raw["number"]), str(raw["title"]), sections, _opening(raw.get("opening")))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"malformed rubric ({error!r})", where=where, remedy="see ecbs5200/rubrics.toml") from None
    ids = [section.id for section in sections]
    ids += [item.id for section in sections for item in section.evidence]
    ids += [item.id for section in sections for item in section.reasoning]
    if repeated := sorted({name for name in ids if ids.count(name) > 1}):
        raise InputError(f"id {repeated[0]!r} is used twice", where=where, remedy="give each item its own id")
    for section in sections:
        points = sorted(value for low, high in section.bands for value in range(low, high + 1))
        if points != list(range(section.points + 1)):
            raise InputError(
                f"bands of {section.id!r} don't cover 0 to {section.points} exactly once",
                where=where,
                remedy="fix `bands`",
            )
    return rubric


def _opening(raw: Mapping[str, Any] | None) -> Opening | None:
    return None if raw is None else Opening(str(raw["title"]), tuple(map(str, raw["prompts"])))


def _section(raw: Mapping[str, Any], number: int) -> RubricSection:
    return RubricSection(
        id=str(raw["id"]),
        number=number,
        title=str(raw["title"]),
        points=int(raw["points"]),
        bands=tuple((int(low), int(high)) for low, high in raw["bands"]),
        evidence=tuple(
            EvidenceItem(
                str(item["id"]),
                str(item["label"]),
                tuple(map(str, item.get("fields", ()))),
                str(item.get("each", "")),
                str(item.get("block", "")),
            )
            for item in raw["evidence"]
        ),
        reasoning=tuple(ReasoningItem(str(item["id"]), str(item["prompt"])) for item in raw["reasoning"]),
    )
