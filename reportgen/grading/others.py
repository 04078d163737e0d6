"""Notebook exports and other pages: what they say is found and counted, and none of it is verified."""

from __future__ import annotations

from reportgen.errors import InputError, one_line

from .model import PageReading, SubmittedFile
from .one import Options, rubric_of
from .published import named_in
from .results import Flag, Graded, ItemResult
from .scoring import score, unreasoned

MAX_PROSE = 40_000
"""Characters of text kept for the comparison across the class."""
MAX_IMPOSSIBLE = 3


def grade_page(key: str, file: SubmittedFile, options: Options) -> Graded:
    """Grade a page that carries no record.

    Raises:
        ReportgenError: it cannot be read.
    """
    from .pages import read_page

    course, rubric = rubric_of(options.course, options.week)
    reading = read_page(file.path, rubric, course)
    if not reading.read:
        raise InputError(reading.problems[0])
    return from_reading(key, file, reading, options)


def from_reading(key: str, file: SubmittedFile, reading: PageReading, options: Options) -> Graded:
    """Score what was found on the page."""
    course, rubric = rubric_of(options.course, options.week)
    items = found_items(reading, options)
    flags = [Flag(code="reading", severity="amber", text=one_line(line)) for line in reading.problems]
    flags.insert(0, Flag(code="unverified", severity="note", text="its figures are found, not verified"))
    if absent := [section.title for section in rubric.sections if section.id not in reading.sections]:
        flags.append(Flag(code="sections", severity="amber", text="; ".join(absent)))
    figures = [value for item in reading.items for value in item.values if isinstance(value, float)]
    if row := named_in(course, figures):
        flags.append(
            Flag(
                code="published",
                severity="red",
                text=f"shows those of “{row.model}” ({row.source})",
            )
        )
    flags += [
        Flag(code="impossible", severity="amber", text=one_line(line)) for line in reading.impossible[:MAX_IMPOSSIBLE]
    ]
    words = {name: len(text.split()) for name, text in reading.sections.items()}
    sections = score(rubric, items, words)
    return Graded(
        key=key,
        status="graded",
        kind=reading.kind,
        sections=sections,
        flags=(*flags, *unreasoned(sections)),
        prose="\n\n".join(reading.sections.values())[:MAX_PROSE],
    )


def found_items(reading: PageReading, options: Options) -> dict[str, ItemResult]:
    """Items of the rubric that stand on the page, first mention first."""
    _, rubric = rubric_of(options.course, options.week)
    labels = {item.id: item.label for section in rubric.sections for item in section.evidence}
    items: dict[str, ItemResult] = {}
    for found in reading.items:
        if found.id in labels and found.id not in items:
            value = ", ".join(map(_shown, found.values[:6])) or found.text
            items[found.id] = ItemResult(
                id=found.id,
                label=labels[found.id],
                state="unverifiable",
                how="found on the page",
                value=one_line(value, 200),
                place=one_line(found.place, 200),
            )
    return items


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"
