"""Grade: the instructor's tab."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from reportgen.errors import ReportgenError, UsageError

from .. import draft, grade
from ..home import Home
from ..jobs import Jobs
from ..lib import gr
from ..notebook import Notes
from ..pages import notice, page
from ..wiring import QUICK, SLOW, panel, polite

_LATE = 10.0


def build(home: Home, blocks: gr.Blocks) -> None:
    """Uploads; the class; one submission beside its checks and scores; downloads."""
    jobs = Jobs(waiting=8, seconds=home.settings.job_s)
    panel(
        page(
            "heading.html",
            title="Grade a class",
            text="Every memo is recomputed from its own record, compared with the rest of the class and given draft "
            "points for its evidence. The decision is yours.",
        )
    )
    panel(grade.banner(home.settings), elem_id="grade-banner")
    with gr.Row(elem_classes="rg-buttons"):
        uploads = {
            kind: gr.UploadButton(
                words,
                file_types=list(grade.KINDS[kind]),
                size="md",
                elem_id=f"grade-{kind}",
                variant="primary" if kind == "submissions" else "secondary",
            )
            for kind, words in (
                ("submissions", "Upload submissions"),
                ("worksheet", "Moodle’s worksheet"),
                ("labels", "Your true labels"),
            )
        }
    files = panel(page("grade_files.html", files={}), elem_id="grade-files")
    with gr.Row(elem_classes="rg-controls"):
        course = gr.Dropdown(draft.courses(), value=Notes().course, label="Course", elem_id="grade-course")
        week = gr.Dropdown([(f"Week {n}", n) for n in draft.WEEKS], value=1, label="Week", elem_id="grade-week")
        due = gr.Textbox(label="Due", placeholder="2026-11-18T23:59", max_length=40, elem_id="grade-due")
        late = gr.Number(_LATE, label="Late, % a day", minimum=0, maximum=100, elem_id="grade-late")
    with gr.Row(elem_classes="rg-buttons"):
        start = gr.Button("Grade", variant="primary", size="md", elem_id="grade-start")
        cancel = gr.Button("Cancel", size="md", elem_id="grade-cancel")
        clear = gr.Button("Delete the class now", variant="stop", size="md", elem_id="grade-clear")
    progress = panel(elem_id="grade-progress")
    overview = panel(elem_id="grade-overview")
    student = gr.Dropdown([], value=None, label="One submission", elem_id="grade-student")
    with gr.Row(elem_classes="rg-bench"):
        with gr.Column(elem_classes="rg-bench-text"):
            checks = panel(elem_id="grade-checks")
            scores = [
                gr.Number(visible=False, minimum=0, elem_id=f"grade-score-{n}") for n in range(grade.MOST_SECTIONS)
            ]
            comment = gr.Textbox(label="Your comment", lines=3, max_length=2_000, elem_id="grade-comment")
            why = gr.Textbox(label="Why", info="kept with your decision", max_length=300, elem_id="grade-why")
            decide = gr.Button("Decide", variant="primary", size="md", elem_id="grade-decide")
        with gr.Column(elem_classes="rg-bench-memo"):
            memo = panel(elem_id="grade-memo")
    with gr.Row(elem_classes="rg-buttons"):
        finish = gr.Button("Make the files", size="md", elem_id="grade-finish")
    done = panel(elem_id="grade-done")
    one = [memo, checks, *scores, comment]

    def place(request: gr.Request) -> Path:
        return home.sessions.folder(request.session_hash)

    def taker(kind: str) -> Callable[..., Any]:
        def took(request: gr.Request, upload: str) -> tuple[Any, ...]:
            return grade.take(place(request), kind, upload), "", "", gr.update(choices=[], value=None), ""

        return took

    def chosen(request: gr.Request, who: str | None) -> list[Any]:
        return view(place(request), who)

    def view(folder: Path, who: str | None) -> list[Any]:
        report = grade.report_of(folder)
        if report is None or not who:
            return ["", "", *[gr.update(visible=False, value=None)] * grade.MOST_SECTIONS, ""]
        rows = grade.scores(report, who)
        boxes = [gr.update(value=one.points, label=one.label, info=one.hint, visible=True) for one in rows]
        spare = [gr.update(visible=False, value=None)] * (grade.MOST_SECTIONS - len(boxes))
        page_of = grade.memo_view(folder, report, who)
        return [page_of, grade.student_view(report, who), *boxes, *spare, grade.comment_of(report, who)]

    def seen(folder: Path, who: str | None) -> list[Any]:
        report = grade.report_of(folder)
        names = grade.choices(report) if report else []
        if report is None or not names:
            return ["", gr.update(choices=[], value=None), *view(folder, None)]
        who = who if who in {name for _, name in names} else names[0][1]
        return [grade.overview(report), gr.update(choices=names, value=who), *view(folder, who)]

    async def work(folder: Path, who: str | None, ask: Callable[[], dict[str, Any]]) -> AsyncIterator[tuple[Any, ...]]:
        now: dict[str, Any] = {"ended": ""}
        # Scores and comment stay as typed until they are taken: a refused decision loses none of them.
        same = [gr.skip()] * (2 + len(one))
        try:
            async for now in grade.start(jobs, folder, ask()):
                yield grade.progress_view(now), *same
        except ReportgenError as error:
            yield notice(error), *same
            return
        if now["ended"] == "done":
            yield grade.progress_view(now), *seen(folder, who)

    async def started(
        request: gr.Request, course: str, week: int, due: str, late: float | None
    ) -> AsyncIterator[tuple[Any, ...]]:
        folder = place(request)
        async for now in work(folder, None, lambda: grade.spec(folder, course, week, due, late or 0)):
            yield now

    async def decided(
        request: gr.Request, course: str, week: int, due: str, late: float | None, who: str | None, comment: str,
        why: str, *points: float | None,
    ) -> AsyncIterator[tuple[Any, ...]]:  # fmt: skip
        folder = place(request)

        def ask() -> dict[str, Any]:
            edits = grade.edits_of(grade.report_of(folder) or {"students": []}, who or "", points, comment)
            reason = " ".join(str(why or "").split())[:300]
            if not reason:
                raise UsageError("a decision needs its reason", remedy="say why in a few words")
            return grade.spec(folder, course, week, due, late or 0, edits, reason)

        async for now in work(folder, who, ask):
            yield now

    def stopped(request: gr.Request) -> None:
        jobs.cancel(str(place(request)))

    def cleared(request: gr.Request) -> tuple[Any, ...]:
        stopped(request)
        grade.clear(place(request))
        return grade.files_view(place(request)), "", "", gr.update(choices=[], value=None), ""

    def finished(request: gr.Request) -> str:
        return grade.downloads(place(request), home.downloads)

    whole = [files, progress, overview, student, done]
    asked = [course, week, due, late]
    free = {"concurrency_limit": None, "show_progress": "hidden", "trigger_mode": "once"}
    for kind, button in uploads.items():
        button.upload(polite(taker(kind)), button, whole, **SLOW)
    result = [progress, overview, student, *one]
    start.click(started, asked, result, **free)
    decide.click(decided, [*asked, student, comment, why, *scores], result, **free)
    clear.click(polite(cleared), None, whole, **QUICK).then(polite(chosen), student, one, **QUICK)
    student.input(polite(chosen), student, one, **QUICK)
    cancel.click(stopped, None, None, **QUICK)
    finish.click(polite(finished), None, done, **SLOW)
    blocks.unload(stopped)
