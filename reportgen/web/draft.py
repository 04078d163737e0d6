"""Draft: the student's text beside the live memo, checked while it is written."""

from __future__ import annotations

import io
import re
import tempfile
import threading
import zipfile
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reportgen.errors import InputError, ReportgenError, UsageError

from .notebook import Notes
from .pages import memo_frame, notice, page
from .shelf import Shelf, readable

if TYPE_CHECKING:
    from markupsafe import Markup

    from reportgen.data import Course
    from reportgen.evidence import Rubric, WeekEvidence
    from reportgen.memo.check.recompute import Recomputer
    from reportgen.memo.citations import Cited

    from .examples import Examples
    from .sessions import Downloads

FRONT, OPENING = "front", "opening"
MOST_SECTIONS = 6
WEEKS = range(1, 7)
_MOST_MADE = 24
_MOST_FINDINGS = 12
_UNFINISHED = re.compile(r"\[@([\w.-]*)$")
_OPEN = re.compile(r"\[@([\w.-]*)(?=\s|$)")
_ONLY = (
    '<style>main > *:not([data-section="{id}"]), .masthead, .colophon {{ display: none !important }} '
    "[data-section] {{ margin-top: 0 !important; padding-top: 0 !important; border: 0 !important }}</style></head>"
)


@dataclass(frozen=True)
class Sheet:
    """A box to write in."""

    name: str
    title: str
    prompts: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Desk:
    """What the tab shows for one course and week."""

    notes: Notes
    front: Sheet
    opening: Sheet | None
    sections: tuple[Sheet, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the boxes in the tab's order: front, opening, sections."""
        return (FRONT, OPENING, *(sheet.name for sheet in self.sections))


@dataclass(frozen=True)
class Made:
    """A week's evidence, and what rendering and checking it need again and again."""

    evidence: WeekEvidence
    drawn: Mapping[str, Markup]
    known: Mapping[str, Cited]
    recomputer: Recomputer


class Drafts:
    """Evidence by what it was made from, shared by all drafts; texts and files stay with their sessions."""

    def __init__(self) -> None:
        self._held: OrderedDict[Any, Made] = OrderedDict()
        self._lock, self._making = threading.Lock(), threading.Lock()

    def made(self, shelf: Shelf, course: Course, week: int, front: Mapping[str, str]) -> Made:
        """The evidence of a week from a shelf's runs."""
        from reportgen.evidence import build
        from reportgen.evidence.build import CHOICES
        from reportgen.memo import citations
        from reportgen.memo.memory import find_memory
        from reportgen.memo.render import drawings, render

        bundles = shelf.bundles()
        memory = find_memory(week, [shelf.memos], course)
        chosen = tuple((name, front[name]) for name in CHOICES if name in front)
        key = (course.name, week, tuple(sorted(bundle.root for bundle in bundles)), chosen, repr(memory))
        if (found := self._kept(key)) is not None:
            return found
        # One at a time: matplotlib shares its settings between threads, and a class asks for the same evidence.
        with self._making:
            if (found := self._kept(key)) is not None:
                return found
            evidence = build(week, bundles, course, memory=memory, declared=front)
            drawn = drawings(evidence)
            recomputer = _recomputer(render(evidence, drawn=drawn))
            made = Made(evidence, drawn, citations.index(evidence), recomputer)
        with self._lock:
            self._held[key] = made
            while len(self._held) > _MOST_MADE:
                self._held.popitem(last=False)
        return made

    def _kept(self, key: Any) -> Made | None:
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
            return self._held.get(key)


def _recomputer(html: str) -> Recomputer:
    from reportgen.memo.check.recompute import Recomputer

    return Recomputer(_page_of(html).record(), intervals=False)


def _page_of(html: str) -> Any:
    from reportgen.memo.record.page import ELEMENT_ID, MemoPage, parse, without_unseen

    tree = parse(html)
    records = tuple(node.text() for node in tree.css(f'script[id="{ELEMENT_ID}"]'))
    return MemoPage(without_unseen(tree), records)


def course_of(name: str) -> Course:
    """A shipped course; a visitor names no folders.

    Raises:
        UsageError: there is none of that name.
    """
    from reportgen.data import course_names, load_course

    if name not in course_names():
        raise UsageError("no such course", remedy=f"courses: {', '.join(course_names())}")
    return load_course(name)


def courses() -> list[tuple[str, str]]:
    """Title and name of the shipped courses, ours first."""
    from reportgen.data import course_names, load_course

    names = sorted(course_names(), key=lambda name: (name != Notes().course, name))
    return [(load_course(name).title, name) for name in names]


def desk(notes: Notes) -> Desk:
    """The boxes of the notes' course and week, with what was written in them."""
    rubric, blank = _blank(notes)
    boxes = notes.boxes
    opening = rubric.opening
    return Desk(
        notes,
        Sheet(FRONT, "About this memo", (), boxes.get(FRONT, blank[FRONT])),
        Sheet(OPENING, opening.title, opening.prompts, boxes.get(OPENING, "")) if opening else None,
        tuple(
            Sheet(
                section.id,
                f"{section.number}. {section.title}",
                tuple(item.prompt for item in section.reasoning),
                boxes.get(section.id, blank.get(section.id, "")),
            )
            for section in rubric.sections[:MOST_SECTIONS]
        ),
    )


def _blank(notes: Notes) -> tuple[Rubric, dict[str, str]]:
    """A week's rubric and what its boxes hold before anybody wrote."""
    from reportgen.evidence import load_rubric
    from reportgen.memo import new_prose, parse_prose

    course = course_of(notes.course)
    rubric = load_rubric(course, notes.week)
    text = new_prose(rubric, course.title)
    return rubric, {FRONT: text.split("---\n", 2)[1].strip(), **parse_prose(text, rubric).sections}


def markdown(notes: Notes) -> str:
    """The text as one Markdown file, such as `reportgen memo --prose` takes."""
    rubric, blank = _blank(notes)
    boxes = {**blank, **notes.boxes}
    parts = [f"---\n{boxes[FRONT].strip()}\n---", boxes.get(OPENING, "").strip()]
    parts += [f"## {one.number}. {one.title}\n\n{boxes.get(one.id, '').strip()}" for one in rubric.sections]
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def from_markdown(notes: Notes, text: str) -> Notes:
    """The notes with a Markdown file's text in place of what was there.

    Raises:
        InputError: the text fits no sections of this week.
    """
    from reportgen.memo import parse_prose

    rubric, _ = _blank(notes)
    prose = parse_prose(text, rubric, where="the Markdown file")
    front = "\n".join(f"{key}: {said}" for key, said in prose.front.items())
    return notes.written({FRONT: front, OPENING: prose.opening, **prose.sections})


def files_view(shelf: Shelf, notes: Notes, said: Sequence[str] = ()) -> str:
    """The runs that are here, and those the text was about and which are asked for again."""
    from reportgen.evidence.numbers import show

    here = shelf.bundles()
    rows = [
        {
            "run": bundle.run_id,
            "model": bundle.manifest.model.name if bundle.manifest.model else "",
            "scored": ", ".join(
                f"{split} {show(len(bundle.predictions(split).labels), 'count')}" for split in bundle.splits
            )
            or "published figures",
            "root": bundle.root[:12],
            "kind": "gain" if notes.expected.get(bundle.run_id, bundle.root) == bundle.root else "warn",
            "state": "here" if notes.expected.get(bundle.run_id, bundle.root) == bundle.root else "not what it was",
        }
        for bundle in here
    ]
    there = {bundle.run_id for bundle in here}
    lost = [
        {"run": run, "model": "", "scored": "", "root": root[:12], "kind": "warn", "state": "upload it again"}
        for run, root in notes.expected.items()
        if run not in there
    ]
    memos = sorted(path.name for path in shelf.memos.iterdir()) if shelf.memos.is_dir() else []
    return page("draft_files.html", rows=[*rows, *lost], lost=len(lost), said=list(said)[:20], memos=memos)


def take(shelf: Shelf, notes: Notes, uploads: Sequence[str] | str | None) -> tuple[Notes, str]:
    """Take uploads in; the notes (with the text of a Markdown file among them) and what to show."""
    said, text = shelf.add(uploads, course_of(notes.course))
    if text is not None and text.parent == shelf.memos:
        # week3.md is this week's text while week 3 is written, and an earlier memo from then on.
        text = text if text.stem.casefold() == f"week{notes.week}" else None
    if text is not None:
        notes = from_markdown(notes, readable(text))
    notes = expecting(shelf, notes)
    return notes, files_view(shelf, notes, said)


def expecting(shelf: Shelf, notes: Notes) -> Notes:
    """The notes with the runs that are here among those the text is about."""
    here = {bundle.run_id: bundle.root for bundle in shelf.bundles()}
    return notes.about({**notes.expected, **here}) if here else notes


def with_examples(shelf: Shelf, notes: Notes, examples: Examples) -> tuple[Notes, str]:
    """Put the shipped runs of this week on the shelf."""
    shelf.clear()
    shelf.adopt([examples.path(name) for name in examples.runs_of(notes.week) if name in examples.names])
    notes = expecting(shelf, notes.about({}))
    return notes, files_view(shelf, notes)


@dataclass(frozen=True)
class Live:
    """The memo as it would be now."""

    html: str
    checks: str


def live(drafts: Drafts, shelf: Shelf, notes: Notes, current: str | None) -> Live:
    """The memo, or one section of it, and what a check of the text finds.

    Args:
        drafts: the evidence made so far.
        shelf: the session's results.
        notes: the text.
        current: id of the section to show; None: the whole memo.
    """
    try:
        if not shelf.bundles():
            return Live(page("waiting.html", text="The memo appears here once there are runs."), "")
        made, html, checked = _render(drafts, shelf, notes)
    except ReportgenError as error:
        return Live("", notice(error))
    shown = html
    if current is not None and any(section.id == current for section in made.evidence.sections):
        shown = html.replace("</head>", _ONLY.format(id=current), 1)
    title = f"Memo of week {notes.week}, as it is now"
    return Live(memo_frame(_without_record(shown), title), _checks(notes, checked, made, current))


def _render(drafts: Drafts, shelf: Shelf, notes: Notes) -> tuple[Made, str, Any]:
    from reportgen.memo import parse_prose, render
    from reportgen.memo.check.prose import check_prose
    from reportgen.memo.check.report import Report

    course = course_of(notes.course)
    rubric, _ = _blank(notes)
    prose = parse_prose(markdown(notes), rubric, where="your text")
    made = drafts.made(shelf, course, notes.week, prose.front)
    html = render(made.evidence, prose, drawn=made.drawn)
    report = Report()
    check_prose(_page_of(html), made.recomputer, report)
    return made, html, report


def _without_record(html: str) -> str:
    """A preview needs no record; it is most of a memo's bytes."""
    return re.sub(r'<script type="application/json".*?</script>', "", html, count=1, flags=re.DOTALL)


def _checks(notes: Notes, report: Any, made: Made, current: str | None) -> str:
    # Beside one section, what other sections still lack is noise.
    near = [one for one in report.findings if current is None or one.severity == "red" or one.where == current]
    findings = sorted(near, key=lambda one: (one.severity != "red", current is not None and one.where != current))
    unfinished = next((found[1] for text in notes.boxes.values() if (found := _OPEN.search(text))), None)
    return page(
        "draft_checks.html",
        words=report.words,
        traced=sum(one.severity == "green" for one in report.numbers),
        typed=len(report.numbers),
        red=sum(one.severity == "red" for one in findings),
        findings=[(one, _place(made.evidence, one.where)) for one in findings[:_MOST_FINDINGS]],
        more=max(0, len(findings) - _MOST_FINDINGS),
        unfinished=unfinished,
        offers=_offers(made, unfinished)[:8] if unfinished is not None else [],
    )


def _place(evidence: WeekEvidence, where: str) -> str:
    return next((f"{one.number}. {one.title}" for one in evidence.sections if one.id == where), where)


def _offers(made: Made, start: str) -> list[tuple[str, str]]:
    """Names that begin with (else hold) what was typed, each with its figure."""
    from reportgen.evidence.numbers import show_value

    start = start.casefold()
    names = [name for name in made.known if name.casefold().startswith(start)]
    names = names or [name for name in made.known if start in name.casefold()]
    return [(name, show_value(made.known[name].value)) for name in names]


def citable(drafts: Drafts, shelf: Shelf, notes: Notes) -> list[tuple[str, str]]:
    """Everything the text may cite: name with its figure, and the citation."""
    from reportgen.memo import parse_prose

    if not shelf.bundles():
        return []
    rubric, _ = _blank(notes)
    try:
        made = drafts.made(shelf, course_of(notes.course), notes.week, parse_prose(markdown(notes), rubric).front)
    except ReportgenError:
        return []  # the preview says why
    names = [(name, figure) for name, figure in _offers(made, "") if not name.startswith("None.")]
    return [(f"{name} = {figure}"[:120], f"[@{name}]") for name, figure in names]


def insert(text: str, citation: str, cursor: int | None) -> str:
    """A text with a citation: in place of one that was begun, else at the cursor, else at the end."""
    at = len(text) if cursor is None or not 0 <= cursor <= len(text) else cursor
    before, after = text[:at], text[at:]
    if _UNFINISHED.search(before):
        return _UNFINISHED.sub("", before) + citation + after
    gap = " " if before and not before[-1].isspace() and before[-1] not in "([" else ""
    return f"{before}{gap}{citation}{after}"


def downloads(drafts: Drafts, shelf: Shelf, notes: Notes, offers: Downloads) -> str:
    """The memo, the Markdown project and all of it in one zip, behind links; and what the grader will see.

    Raises:
        InputError: there are no runs.
        ReportgenError: the memo cannot be made.
    """
    from reportgen.evidence.numbers import plural
    from reportgen.memo import parse_prose, to_json
    from reportgen.memo.check import check_memo

    if not shelf.bundles():
        raise InputError("there are no runs to make a memo from", remedy="upload bundles first")
    made, html, _ = _render(drafts, shelf, notes)
    name, text = f"week{notes.week}", markdown(notes)
    with tempfile.TemporaryDirectory(dir=shelf.folder) as folder:
        written = Path(folder) / f"{name}.html"
        written.write_text(html, encoding="utf-8")
        report = check_memo(written)
    rubric, _ = _blank(notes)
    twin = to_json(made.evidence, parse_prose(text, rubric))
    files = {f"{name}.html": html.encode(), f"{name}.md": text.encode(), f"{name}.json": twin.encode()}
    red = sum(one.severity == "red" for one in report.findings)
    return page(
        "draft_downloads.html",
        links=[
            ("The memo", f"{name}.html", offers.offer(f"{name}.html", html.encode(), "text/html")),
            ("Your text", f"{name}.md", offers.offer(f"{name}.md", text.encode(), "text/markdown")),
            ("Everything", f"{name}.zip", offers.offer(f"{name}.zip", _zipped(shelf, files), "application/zip")),
        ],
        ok=report.ok,
        verdict="nothing contradicted" if report.ok else f"{plural(red, 'contradiction')}",
        items=f"{len(report.recomputed)} items recomputed, {len(report.bound)} bound, {len(report.declared)} declared",
        findings=[one for one in report.findings if one.severity == "red"][:_MOST_FINDINGS],
    )


def _zipped(shelf: Shelf, files: Mapping[str, bytes]) -> bytes:
    """The memo, its text and twin, the runs as they came, and the earlier memos it refers to."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        for kept in (shelf.runs, shelf.memos):
            for path in sorted(kept.rglob("*")) if kept.is_dir() else ():
                if path.is_file():
                    archive.write(path, path.relative_to(shelf.folder))
    return buffer.getvalue()
