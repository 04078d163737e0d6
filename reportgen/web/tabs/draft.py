"""Draft: results in, sections to write beside the live memo, files to take away."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from .. import draft
from ..home import Home
from ..lib import gr
from ..notebook import MOST_CHARACTERS, SECRET, STORAGE_KEY, Notes, read_notes
from ..pages import page
from ..shelf import SUFFIXES, Shelf
from ..wiring import QUICK, SLOW, panel, polite

_LIVE: dict[str, Any] = {
    "show_progress": "hidden",
    "trigger_mode": "always_last",
    "api_visibility": "private",
    "concurrency_id": "draft",
    "concurrency_limit": 2,
}
"""Rendering waits in the queue, so that a class that writes at once does not stop the server; of one writer's
keystrokes the last one counts."""
_SECTION, _WHOLE = "The section I write", "The whole memo"
_CURSORS = """(...given) => {
  const boxes = [...document.querySelectorAll('.rg-write textarea')];
  given[2] = JSON.stringify(Object.fromEntries(boxes.map(box => [box.closest('.rg-write').id, box.selectionStart])));
  return given;
}"""
"""Where the cursor stands in each box: only the browser knows."""


def build(home: Home, blocks: gr.Blocks) -> None:
    """Files above; boxes beside the memo; downloads below."""
    drafts = draft.Drafts()
    tab = gr.context.Context.block
    # Outside the tab: what is in a closed tab is not there yet when the page loads, nor is what the browser kept.
    gr.context.Context.block = blocks
    browser = gr.BrowserState(None, storage_key=STORAGE_KEY, secret=SECRET)
    gr.context.Context.block = tab
    panel(
        page(
            "heading.html",
            title="Write your memo",
            text="Figures, tables and sentences of fact come from your runs; the reasoning is yours. Your text stays "
            "in this browser; your files are on the server until you close the page, an hour at most.",
        )
    )
    with gr.Row(elem_classes="rg-controls"):
        course = gr.Dropdown(draft.courses(), value=Notes().course, label="Course", elem_id="draft-course")
        week = gr.Dropdown([(f"Week {n}", n) for n in draft.WEEKS], value=1, label="Week", elem_id="draft-week")
    with gr.Row(elem_classes="rg-buttons"):
        upload = gr.UploadButton(
            "Upload runs or results", file_count="multiple", file_types=list(SUFFIXES), variant="primary", size="md",
            elem_id="draft-upload",
        )  # fmt: skip
        example = gr.Button("Use the example’s runs", size="md", elem_id="draft-example")
        clear = gr.Button("Remove all files", size="md", elem_id="draft-clear")
    files = panel(page("waiting.html", text="Looking for your files …"), elem_id="draft-files")
    with gr.Row(elem_classes="rg-bench"):
        with gr.Column(elem_classes="rg-bench-text"):
            front = _box("draft-front", "About this memo", 5, "One line each; lines that begin with # are hints.")
            opening = _box("draft-opening", "", 4, visible=False)
            sections = [_box(f"draft-section-{n}", "", 8) for n in range(draft.MOST_SECTIONS)]
        with gr.Column(elem_classes="rg-bench-memo"):
            with gr.Row(elem_classes="rg-controls"):
                show = gr.Radio([_SECTION, _WHOLE], value=_SECTION, label="Beside it", elem_id="draft-show")
                cite = gr.Dropdown([], value=None, label="Cite a figure", elem_id="draft-cite", info="type to search")
            checks = panel(elem_id="draft-checks")
            memo = panel(page("waiting.html", text="The memo appears here."), elem_id="draft-memo")
    with gr.Row(elem_classes="rg-buttons"):
        finish = gr.Button("Make the files", variant="primary", size="md", elem_id="draft-finish")
        forget = gr.Button("Forget everything I wrote", variant="stop", size="md", elem_id="draft-forget")
    done = panel(elem_id="draft-done")
    at = gr.State(2)
    cursors = gr.Textbox(visible=False)

    boxes = [front, opening, *sections]
    shown = [browser, course, week, *boxes, files]

    def shelf(request: gr.Request) -> Shelf:
        return Shelf(home.sessions.folder(request.session_hash))

    def noted(raw: object, texts: Sequence[str | None]) -> Notes:
        notes = read_notes(raw)
        names = draft.desk(notes).names
        return notes.written({name: text or "" for name, text in zip(names, texts, strict=False)})

    def opened(request: gr.Request, raw: object) -> list[Any]:
        return laid_out(shelf(request), read_notes(raw))

    def laid_out(where: Shelf, notes: Notes, said: str | None = None) -> list[Any]:
        desk = draft.desk(notes)
        return [notes.to_json(), notes.course, notes.week, *_sheets(desk), said or draft.files_view(where, notes)]

    def turned(request: gr.Request, raw: object, course: str, week: int, *texts: str) -> list[Any]:
        return laid_out(shelf(request), noted(raw, texts).at(course, week))

    def took(request: gr.Request, raw: object, uploads: Any, *texts: str) -> list[Any]:
        where = shelf(request)
        notes, said = draft.take(where, noted(raw, texts), uploads)
        return laid_out(where, notes, said)

    def lent(request: gr.Request, raw: object, *texts: str) -> list[Any]:
        where = shelf(request)
        notes, said = draft.with_examples(where, noted(raw, texts), home.examples)
        return laid_out(where, notes, said)

    def cleared(request: gr.Request, raw: object, *texts: str) -> list[Any]:
        where = shelf(request)
        where.clear()
        return laid_out(where, noted(raw, texts).about({}))

    def forgot(request: gr.Request) -> list[Any]:
        where = shelf(request)
        where.clear()
        return [*laid_out(where, Notes()), ""]

    def entered(request: gr.Request, raw: object) -> list[Any]:
        # Runs may have come from the tab Run meanwhile.
        where = shelf(request)
        notes = draft.expecting(where, read_notes(raw))
        return [notes.to_json(), draft.files_view(where, notes)]

    def lively(request: gr.Request, raw: object, whole: str, at: int, *texts: str) -> list[Any]:
        notes = noted(raw, texts)
        names = draft.desk(notes).names
        current = names[at] if whole == _SECTION and 2 <= at < len(names) else None
        now = draft.live(drafts, shelf(request), notes, current)
        return [notes.to_json(), at, now.html, now.checks]

    def lively_at(number: int) -> Callable[..., Any]:
        def now(request: gr.Request, raw: object, whole: str, at: int, *texts: str) -> list[Any]:
            return lively(request, raw, whole, number, *texts)

        return now

    def offered(request: gr.Request, raw: object) -> Any:
        return gr.update(choices=draft.citable(drafts, shelf(request), read_notes(raw)), value=None)

    def cited(citation: str | None, at: int, cursors: str, *texts: str) -> list[Any]:
        places = json.loads(cursors or "{}")
        added: list[Any] = [gr.skip() for _ in boxes]
        if citation and 0 <= at < len(boxes):
            cursor = places.get(boxes[at].elem_id)
            added[at] = draft.insert(texts[at] or "", citation, cursor if isinstance(cursor, int) else None)
        return [*added, None]

    def finished(request: gr.Request, raw: object, *texts: str) -> str:
        return draft.downloads(drafts, shelf(request), noted(raw, texts), home.downloads)

    writing = [browser, show, at, *boxes]
    result = [browser, at, memo, checks]
    show_now = polite(lively)

    def follow(event: Any) -> None:
        event.then(show_now, writing, result, **_LIVE).then(polite(offered), browser, cite, **QUICK)

    follow(blocks.load(polite(opened), browser, shown, **QUICK))
    follow(gr.on([course.input, week.input], polite(turned), [browser, course, week, *boxes], shown, **QUICK))
    follow(upload.upload(polite(took), [browser, upload, *boxes], shown, **SLOW))
    follow(example.click(polite(lent), [browser, *boxes], shown, **SLOW))
    follow(clear.click(polite(cleared), [browser, *boxes], shown, **QUICK))
    follow(forget.click(polite(forgot), None, [*shown, done], **QUICK))
    follow(tab.select(polite(entered), browser, [browser, files], **QUICK))
    show.input(show_now, writing, result, **_LIVE)
    for number, box in enumerate(boxes):
        gr.on([box.input, box.focus], polite(lively_at(number)), writing, result, **_LIVE)
    picked = cite.input(cited, [cite, at, cursors, *boxes], [*boxes, cite], js=_CURSORS, **QUICK)
    picked.then(show_now, writing, result, **_LIVE)
    finish.click(polite(finished), [browser, *boxes], done, **SLOW)


def _box(name: str, label: str, lines: int, info: str | None = None, visible: bool = True) -> gr.Textbox:
    return gr.Textbox(
        label=label,
        info=info,
        lines=lines,
        max_lines=24,
        max_length=MOST_CHARACTERS,
        visible=visible,
        elem_id=name,
        elem_classes="rg-write",
    )


def _sheets(desk: draft.Desk) -> list[Any]:
    """The boxes as this week needs them."""
    opening = desk.opening
    first = (
        gr.update(value=opening.text, label=opening.title, info=" ".join(opening.prompts), visible=True)
        if opening
        else gr.update(value="", visible=False)
    )
    sections = [
        gr.update(value=sheet.text, label=sheet.title, info=" ".join(sheet.prompts), visible=True)
        for sheet in desk.sections
    ]
    spare = [gr.update(value="", visible=False)] * (draft.MOST_SECTIONS - len(sections))
    return [desk.front.text, first, *sections, *spare]
