"""The author's part: one Markdown file with front matter and a heading for each section of the rubric."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from reportgen.errors import InputError

from .tags import BLOCK, sampled, to_fill

if TYPE_CHECKING:
    from reportgen.evidence import Rubric, WeekEvidence
    from reportgen.evidence.model import Item
    from reportgen.evidence.rubric import EvidenceItem, RubricSection

FRONT_MATTER = {
    "author": "Author",
    "scenario": "Scenario",
    "data": "Data sources",
    "licences": "Licences",
    "ai_use": "AI assistance",
    "code": "Outside code",
    "date": "Date",
    "recommendation": "Recommendation",
    "direction": "Confidence in it",
    "classes": "Named classes",
    "gate": "Gate",
    "teacher": "Teacher",
    "vanilla": "Vanilla student",
    "distilled": "Distilled student",
}
"""Keys of the front matter, and what the memo calls them."""
DISCLOSED = ("data", "licences", "code", "ai_use")
_OF_WEEK = {
    3: ("recommendation:",),
    4: ("# How your confidence in week 3's recommendation moved: up, down or sideways.", "direction:"),
    5: (
        "# Above, the scenario you decide for; without one it is week5-envelope.",
        "recommendation:",
        "# If you like: classes to follow, separated by semicolons, and the confidence from which a prediction counts.",
        "classes:",
        "gate:",
    ),
    6: (
        "# Above, the scenario you decide for: week6-a (triage), week6-b (regulated review), week6-c (long tail).",
        "# Only where bundles do not say which run is which, write vanilla:, distilled: and teacher: with a run each.",
    ),
}
"""Front matter that later weeks, or one week's rubric, ask for."""
CITABLE = {
    1: ("accuracy", "macro_f1", "weighted_f1", "zero_f1", "delta_macro_f1", "delta_accuracy", "rescued", "lost"),
    2: ("macro_f1", "zero_f1", "delta_macro_f1", "tail_mean_f1", "rescued", "lost", "steps_per_epoch"),
    3: ("macro_f1", "delta_macro_f1", "rare_mean_f1", "common_mean_f1", "zero_f1", "latency_ms_single_stream"),
    5: (
        "macro_f1",
        "delta_head_accuracy",
        "delta_tail_accuracy",
        "ece",
        "ece_scaled",
        "temperature",
        "latency_ms_offline",
        "memory_allocated_peak",
    ),
    4: ("delta_macro_f1", "share_positive", "ece", "ece_scaled", "temperature", "mcnemar_p", "macro_f1_scaled"),
}
"""What a week's text is likely to cite."""
MAX_BYTES = 500_000
RUN = "RUN"
"""Stands for a run's id where no runs are at hand."""

_KEY = re.compile(r"([A-Za-z_-]+)\s*:(?:\s+|$)(.*)")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_NUMBERED = re.compile(r"(?:§|section)?\s*(\d+)(?:[.):]|\s|$)\s*(.*)", re.IGNORECASE)


@dataclass(frozen=True)
class Prose:
    """What the author wrote. `sections` maps a section's id to its Markdown; empty sections are left out."""

    sections: Mapping[str, str]
    front: Mapping[str, str] = field(default_factory=dict)
    opening: str = ""
    """Text before the first section heading."""

    @property
    def words(self) -> int:
        """Words of the whole text."""
        return sum(len(text.split()) for text in (self.opening, *self.sections.values()))


def read_prose(path: Path, evidence: WeekEvidence | Rubric) -> Prose:
    """Read and parse a prose file.

    Raises:
        InputError: it cannot be read, or `parse_prose` finds it malformed.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(
                f"more than {MAX_BYTES:,} bytes of prose", where=path, remedy="a memo has two to three pages"
            )
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(
            f"the prose cannot be read: {error.strerror}", where=path, remedy="start one with `reportgen new`"
        ) from None
    except UnicodeDecodeError:
        raise InputError(
            "the prose cannot be read: it is not UTF-8 text", where=path, remedy="save it as UTF-8 Markdown"
        ) from None
    return parse_prose(text, evidence, where=str(path))


def parse_prose(text: str, evidence: WeekEvidence | Rubric, where: str = "the prose") -> Prose:
    """Split a Markdown text into front matter and sections.

    A section starts at a level-2 heading that names it by number, title or id (`## 2.`, `## Data Audit`, `## w1.s1`).
    HTML comments, which carry the prompts of a new file, are dropped.

    Raises:
        InputError: a heading names no section or one for the second time, or the front matter is malformed.
    """
    front, body, offset = _front_matter(text.replace("\r\n", "\n").replace("\r", "\n"), where)
    lines = body.split("\n")
    headings, comments = _structure(body)
    for first, rest in comments.items():
        if "<!--" in rest:
            raise InputError(
                "a comment without an end", where=f"{where}, line {offset + first + 1}", remedy="close it with -->"
            )
    known = {section.id: section for section in evidence.sections}
    starts: list[tuple[int, int, str]] = []
    for first, after, title in headings:
        section = _match(title, evidence)
        if section is None:
            names = "; ".join(f"{one.number}. {one.title}" for one in known.values())
            raise InputError(
                f"no section is called {title!r}",
                where=f"{where}, line {offset + first + 1}",
                remedy=f"sections are {names}; use ### for headings of your own",
            )
        if any(section == name for _, _, name in starts):
            raise InputError(f"section {title!r} appears twice", where=f"{where}, line {offset + first + 1}")
        starts.append((first, after, section))

    def part(begin: int, end: int) -> str:
        return "\n".join(comments.get(number, lines[number]) for number in range(begin, end)).strip()

    ends = [*(first for first, _, _ in starts), len(lines)][1:] if starts else []
    sections = {name: text for (_, after, name), end in zip(starts, ends, strict=True) if (text := part(after, end))}
    return Prose(sections, front, part(0, starts[0][0] if starts else len(lines)))


def _front_matter(text: str, where: str) -> tuple[dict[str, str], str, int]:
    """Flat `key: value` pairs between two lines of `---`; an indented line goes on with the value before it."""
    lines = text.split("\n")
    if lines[0].strip() != "---":
        return {}, text, 0
    try:
        end = next(number for number, line in enumerate(lines[1:], start=1) if line.strip() == "---")
    except StopIteration:
        raise InputError("front matter without an end", where=where, remedy="close it with a line of ---") from None
    found: dict[str, str] = {}
    last = ""
    for number, line in enumerate(lines[1:end], start=2):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if line[0].isspace() and last:
            found[last] = f"{found[last]} {line.strip()}".strip()
            continue
        match = _KEY.fullmatch(line.rstrip())
        last = match[1].lower().replace("-", "_") if match else ""
        if match is None or last not in FRONT_MATTER:
            raise InputError(
                f"front matter has no key {line.partition(':')[0].strip()!r}",
                where=f"{where}, line {number}",
                remedy=f"its keys: {', '.join(FRONT_MATTER)}",
            )
        found[last] = _unquoted(match[2].strip())
    return {key: value for key, value in found.items() if value}, "\n".join(lines[end + 1 :]), end + 1


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _structure(body: str) -> tuple[list[tuple[int, int, str]], dict[int, str]]:
    """Level-2 headings as (first line, line after, title), and what is left of lines with HTML comments.

    Both outside code. What is left of a comment without an end still holds its beginning.
    """
    from markdown_it import MarkdownIt

    headings: list[tuple[int, int, str]] = []
    comments: dict[int, str] = {}
    tokens = MarkdownIt("commonmark").parse(body)
    for at, token in enumerate(tokens):
        if token.map is None or token.level:
            continue
        if token.type == "heading_open" and token.tag == "h2":
            headings.append((token.map[0], token.map[1], tokens[at + 1].content.strip()))
        elif token.type == "html_block" and token.content.lstrip().startswith("<!--"):
            comments |= dict.fromkeys(range(*token.map), "")
            comments[token.map[0]] = _COMMENT.sub("", token.content).strip()
    return headings, comments


def _match(title: str, evidence: WeekEvidence | Rubric) -> str | None:
    wanted = _plain(title)
    numbered = _NUMBERED.fullmatch(title.strip())
    for section in evidence.sections:
        names = {section.id, _plain(section.title), _plain(f"{section.number} {section.title}")}
        by_number = numbered and int(numbered[1]) == section.number and _is_title(numbered[2], section.title)
        if wanted in names or by_number:
            return section.id
    return None


def _is_title(said: str, title: str) -> bool:
    """Whether what follows the number is nothing, or the beginning of the title."""
    return _plain(title).startswith(_plain(said))


def _plain(title: str) -> str:
    return " ".join(re.findall(r"[\w.]+", title.casefold()))


def new_prose(rubric: Rubric, course: str, evidence: WeekEvidence | None = None) -> str:
    """The file to start from: front matter to fill, a heading a section, the prompts as comments.

    With evidence the lines asked for once a run name the runs, and a block of tags the rows to read.
    """
    items = {item.id: item for section in evidence.sections for item in section.items} if evidence else {}
    tables = [table for section in evidence.sections for table in section.tables] if evidence else []
    rows = [line for table in tables if sampled(table) for line in to_fill(table)]
    opening = (
        [f"<!-- {rubric.opening.title}: {prompt} -->" for prompt in rubric.opening.prompts] if rubric.opening else []
    )
    lines = (
        "---",
        "author:",
        "scenario:",
        *_OF_WEEK.get(rubric.week, ()),
        "# Disclosure: where the data came from, under which licences, and what others (people, code, AI) contributed.",
        "data:",
        "licences:",
        "code:",
        "ai_use:",
        "---",
        "",
        f"<!-- {course}, week {rubric.week}: {rubric.title}. Two to three pages; tables, figures and the run log are",
        "added for you. Cite a number as [@run.metric], such as [@tfidf.macro_f1]: it is filled in and linked.",
        *(f"Names of this week: {', '.join(CITABLE[rubric.week])}." for _ in range(rubric.week in CITABLE)),
        "delta_ before a name is the difference to the run's baseline. `reportgen memo --twins` lists all in its JSON.",
        "Comments like this one are never shown. -->",
        "",
        *([*opening, "", ""] if opening else []),
        *(line for section in rubric.sections for line in _prompts(section, items, rows)),
    )
    return "\n".join(lines)


def _prompts(section: RubricSection, items: Mapping[str, Item], rows: Sequence[str]) -> Iterator[str]:
    yield f"## {section.number}. {section.title}"
    yield ""
    for item in section.reasoning:
        yield f"<!-- {item.prompt} -->"
    yield ""
    for item in section.evidence:
        yield from _lines(item, items.get(item.id), rows)
    yield ""


def _lines(asked: EvidenceItem, item: Item | None, rows: Sequence[str]) -> Iterator[str]:
    """What an item asks the text to hold: lines, or a block."""
    about = item.about if item is not None else ()
    if asked.each and not about:
        yield f"<!-- Three lines a run, its run id in place of {RUN}; the prediction is written before the run. -->"
        yield ""
    for run in about or ((RUN,) if asked.each else ("",)):
        for name in asked.fields:
            yield f"**{name} ({run}):**" if run else f"**{name}:**"
            yield ""
    if asked.block == BLOCK:
        yield "<!-- Rows to read by hand: a line a row in this block, row and tag, such as val:2647: label overlap."
        yield "The memo shows your tags beside the rows and counts them. -->"
        yield from (f"```{BLOCK}", *rows, "```", "")
