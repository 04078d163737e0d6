"""The class at a glance: who needs attention and why, everyone's points, and which items to teach again."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING
from urllib.parse import quote

from markupsafe import Markup

from reportgen.memo.environment import environment, templates

from .feedback import FILE, grading_css, safe_folder
from .results import TITLES, Flag
from .similar import Pair
from .student import Student, ranked

if TYPE_CHECKING:
    from reportgen.evidence import Rubric

HARDEST = 5
FOLDED_AFTER = 25
_BINS = 10
_HEIGHT = 120
_HEAD = 18
"""Pixels above the highest bar, for its count."""


@dataclass(frozen=True)
class Bar:
    """A bar of the distribution; x and width in per cent, the rest in pixels."""

    x: float
    width: float
    y: float
    height: float
    count: int
    title: str
    middle: float
    """Where the count stands, in per cent."""
    label: float
    """Its height, in pixels."""


@dataclass(frozen=True)
class ItemRate:
    """How the class did on one item; shares in per cent."""

    id: str
    label: str
    present: float
    unverifiable: float
    wrong: float
    absent: float
    answered: int
    of: int
    hard: bool

    @property
    def up_to_unverifiable(self) -> float:
        """Present and unverifiable together: the bars are drawn over one another."""
        return self.present + self.unverifiable

    @property
    def up_to_wrong(self) -> float:
        """Those and wrong together."""
        return self.up_to_unverifiable + self.wrong


@dataclass(frozen=True)
class SectionRates:
    """Items of a section."""

    title: str
    mean: float | None
    points: int
    items: tuple[ItemRate, ...]


@dataclass(frozen=True)
class Reason:
    """How many students a flag concerns."""

    code: str
    text: str
    count: int
    severity: str


def render(
    students: Sequence[Student],
    rubric: Rubric,
    pairs: Sequence[Pair],
    *,
    course: str,
    notes: Sequence[str] = (),
) -> str:
    """The overview page."""
    grades = [one.grade for one in students if one.grade is not None]
    template = environment().get_template("overview.html")
    script = _script()
    shown = {one.place.id: one.place.group or one.shown for one in students}
    return template.render(
        rubric=rubric,
        course=course,
        students=sorted(students, key=lambda one: one.shown.casefold()),
        attention=[one for one in ranked(students) if one.needs_attention],
        folded_after=FOLDED_AFTER,
        reasons=_reasons(students),
        graded=sum(one.status == "graded" for one in students),
        median=round(median(grades), 1) if grades else None,
        late=_late(students),
        missing=sum(one.status == "missing" for one in students),
        bars=_bars(grades, rubric.points),
        height=_HEIGHT + _HEAD + 4,
        floor=_HEIGHT + _HEAD + 0.5,
        rates=(rates := _rates(students, rubric)),
        hardest=_hardest(rates),
        pairs=[(shown[pair.one], shown[pair.other], f"{pair.similarity:.0%}", pair) for pair in pairs],
        notes=notes,
        links={one.place.id: link(one) for one in students if one.place.submission and one.graded},
        leading=_leading,
        grading_css=grading_css(),
        script=script,
        script_hash="sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def link(student: Student) -> str:
    """Relative address of the student's feedback page."""
    return f"feedback/{quote(safe_folder(student.folder))}/{FILE}"


def _late(students: Sequence[Student]) -> int | None:
    """How many are late; None where nobody's date is known, which is not the same as nobody late."""
    if all(one.days is None for one in students):
        return None
    return sum(any(flag.code == "late" for flag in one.flags) for one in students)


def _script() -> Markup:
    return Markup((templates() / "sort.js").read_text(encoding="utf-8"))  # noqa: S704 - a file of this package


def _leading(flags: Sequence[Flag]) -> list[Flag]:
    """Flags to show in the list of those who need attention: no notes."""
    return [flag for flag in flags if flag.severity != "note"]


def _reasons(students: Sequence[Student]) -> list[Reason]:
    counted: Counter[tuple[str, str]] = Counter()
    for one in students:
        found: dict[str, str] = {}
        for flag in one.flags:
            found.setdefault(flag.code, flag.severity)
        counted.update((code, severity) for code, severity in found.items() if severity != "note")
    rank = {"red": 0, "amber": 1}
    return [
        Reason(code, TITLES.get(code, code), count, severity)
        for (code, severity), count in sorted(counted.items(), key=lambda one: (rank[one[0][1]], -one[1], one[0][0]))
    ]


def _bars(grades: Sequence[float], most: int) -> list[Bar]:
    if not grades:
        return []
    counts = Counter(min(_BINS - 1, int(_BINS * grade / most)) for grade in grades)
    top = max(counts.values())
    width, step = 100 / _BINS, most / _BINS
    bars = []
    for number in range(_BINS):
        count = counts.get(number, 0)
        height = round(_HEIGHT * count / top, 1)
        low, high = number * step, (number + 1) * step
        title = f"{low:g} to {high:g} points: {count}"
        y, x = round(_HEIGHT - height + _HEAD, 1), number * width + 0.6
        bars.append(Bar(x, width - 1.2, y, height, count, title, middle=x + 4.4, label=y - 5))
    return bars


def _rates(students: Sequence[Student], rubric: Rubric) -> list[SectionRates]:
    graded = [one.graded for one in students if one.graded and one.status == "graded"]
    n = len(graded)
    if not n:
        return []
    states: Mapping[str, Counter[str]] = {
        item.id: Counter() for section in rubric.sections for item in section.evidence
    }
    for one in graded:
        for section in one.sections:
            for item in section.items:
                states[item.id][item.state] += 1
    answered = {name: found["present"] + found["unverifiable"] for name, found in states.items()}
    hard = set(sorted((name for name in answered if answered[name] < n), key=lambda name: answered[name])[:HARDEST])
    return [
        SectionRates(
            section.title,
            round(sum(one.points.get(section.id, 0.0) for one in students if one.status == "graded") / n, 1),
            section.points,
            tuple(
                ItemRate(
                    item.id,
                    item.label,
                    present=round(100 * states[item.id]["present"] / n, 1),
                    unverifiable=round(100 * states[item.id]["unverifiable"] / n, 1),
                    wrong=round(100 * states[item.id]["wrong"] / n, 1),
                    absent=round(100 * states[item.id]["absent"] / n, 1),
                    answered=answered[item.id],
                    of=n,
                    hard=item.id in hard,
                )
                for item in section.evidence
            ),
        )
        for section in rubric.sections
    ]


def _hardest(rates: Sequence[SectionRates]) -> list[ItemRate]:
    return sorted((item for section in rates for item in section.items if item.hard), key=lambda item: item.answered)
