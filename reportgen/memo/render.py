"""Evidence and prose in, one self-contained HTML page out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from . import citations
from .authored import authored
from .draw import draw
from .environment import environment
from .markdown import to_html
from .prose import DISCLOSED, FRONT_MATTER, Prose
from .record import embed

if TYPE_CHECKING:
    from reportgen.evidence import WeekEvidence

NOT_STATED = "not stated by the author"


def render(
    evidence: WeekEvidence,
    prose: Prose | None = None,
    say: Callable[[str], None] | None = None,
    *,
    drawn: Mapping[str, Markup] | None = None,
) -> str:
    """The memo's HTML with its record. The same evidence and prose give the same bytes.

    Args:
        evidence: what `reportgen.evidence.build` returned.
        prose: the author's text; without it every reasoning block shows its prompt.
        say: is told what the text cites and nothing measured.
        drawn: the evidence's figures from `drawings`, for whoever renders the same evidence again and again.
    """
    text = prose or Prose({})
    known = citations.index(evidence)
    unknown: list[str] = []
    made = authored(evidence, text, lambda said: to_html(said, known, unknown))
    written = {name: to_html(part, known, unknown) for name, part in made.sections.items()}
    opening = to_html(text.opening, known, unknown) if text.opening else None
    notices = list(evidence.notices)
    if unknown:
        names = ", ".join(f"[@{name}]" for name in dict.fromkeys(unknown))
        notices.append(f"Cited but not measured: {names}. These are marked in the text.")
        if say is not None:
            say(f"Cited but not measured: {names}{citations.near(unknown, known)}.")
    for line in made.unknown if say is not None else ():
        say(line)
    html = (
        environment()
        .get_template("week.html")
        .render(
            evidence=made.evidence,
            front={FRONT_MATTER[key]: text.front[key] for key in ("scenario", "date") if key in text.front},
            author=text.front.get("author"),
            declared=[(FRONT_MATTER[key], text.front.get(key, NOT_STATED)) for key in DISCLOSED],
            opening=opening,
            written=written,
            filled=made.notes,
            notices=notices,
            drawings=drawings(evidence) if drawn is None else drawn,
            numbers=_exhibit_numbers(evidence),
        )
    )
    return embed(html, made.evidence)


def write_memo(path: str | Path, html: str) -> Path:
    """Write a page as UTF-8, in one step; the folder is made if need be.

    Raises:
        BundleError: the disk says no.
    """
    from reportgen.bundle.files import disk_errors, write_file

    target = Path(path)
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    write_file(target, html.encode())
    return target


def drawings(evidence: WeekEvidence) -> dict[str, Markup]:
    """The figures by id: nearly all the time that rendering takes."""
    return {figure.id: draw(figure) for section in evidence.sections for figure in section.figures}


def _exhibit_numbers(evidence: WeekEvidence) -> dict[str, str]:
    """`Figure 1`, `Table 2`, … by id, in reading order."""
    numbers: dict[str, str] = {}
    for kind, name in (("figures", "Figure"), ("tables", "Table")):
        exhibits: list[Any] = [one for section in evidence.sections for one in getattr(section, kind)]
        numbers |= {exhibit.id: f"{name} {number}" for number, exhibit in enumerate(exhibits, start=1)}
    return numbers
