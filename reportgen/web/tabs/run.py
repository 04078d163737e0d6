"""Run: a table in, its columns confirmed, models run on it; bundles out, and on to the draft."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from reportgen.errors import ReportgenError

from .. import draft, run
from ..home import Home
from ..jobs import Jobs
from ..lib import gr
from ..pages import notice, page
from ..wiring import QUICK, SLOW, panel, polite


def build(home: Home, blocks: gr.Blocks) -> None:
    """Data, columns, steps; progress; results."""
    jobs = Jobs(waiting=8, seconds=home.settings.job_s)
    tabs = gr.context.Context.block.parent
    panel(
        page(
            "heading.html",
            title="Run models on your data",
            text="A table with a text and a label a row. It is audited and baselines are fitted on this machine; you "
            "get bundles, and the data are deleted when you close the page.",
        )
    )
    limits = [(f"at most {rows:,} a split", rows) for rows in run.ROWS if rows <= home.settings.run_rows]
    with gr.Row(elem_classes="rg-buttons"):
        upload = gr.UploadButton(
            "Upload a table", file_types=list(run.SUFFIXES), variant="primary", size="md", elem_id="run-upload"
        )
    table = panel(page("waiting.html", text="CSV or Parquet, with a header."), elem_id="run-table")
    with gr.Row(elem_classes="rg-controls"):
        course = gr.Dropdown(draft.courses(), value="generic", label="Course", elem_id="run-course")
        text = gr.Dropdown([], label="Text", elem_id="run-text", allow_custom_value=True)
        label = gr.Dropdown([], label="Label", elem_id="run-label", allow_custom_value=True)
        limit = gr.Dropdown(limits, value=limits[0][1], label="Rows", elem_id="run-limit")
    steps = gr.CheckboxGroup(
        [(run.STEPS[name], name) for name in run.offered()], value=run.first(), label="Do", elem_id="run-steps"
    )
    with gr.Row(elem_classes="rg-buttons"):
        start = gr.Button("Run", variant="primary", size="md", elem_id="run-start")
        cancel = gr.Button("Cancel", variant="stop", size="md", elem_id="run-cancel")
        onward = gr.Button("Write a memo about these runs", size="md", elem_id="run-onward")
    progress = panel(elem_id="run-progress")
    results = panel(elem_id="run-results")

    def took(request: gr.Request, upload: str, course: str) -> list[Any]:
        found = run.take(home.sessions.folder(request.session_hash), upload, course)
        choices = list(found.columns)
        return [
            found.html,
            gr.update(choices=choices, value=found.text),
            gr.update(choices=choices, value=found.label),
            "",
            "",
        ]

    async def started(
        request: gr.Request, course: str, text: str, label: str, limit: int, steps: list[str]
    ) -> AsyncIterator[tuple[str, str]]:
        folder = home.sessions.folder(request.session_hash)
        try:
            asked = run.spec(folder, course, text, label, limit, steps, home.settings.run_rows)
            yield page("waiting.html", text="Starting …"), ""
            async for now in run.start(jobs, folder, asked):
                yield run.progress_view(now), ""
        except ReportgenError as error:
            yield notice(error), ""
            return
        if now.ended == "done":
            yield run.progress_view(now), run.results(folder, now, home.downloads)

    def stopped(request: gr.Request) -> None:
        jobs.cancel(str(home.sessions.folder(request.session_hash)))

    def moved(request: gr.Request) -> Any:
        run.to_draft(home.sessions.folder(request.session_hash))
        return gr.Tabs(selected="draft")

    upload.upload(polite(took), [upload, course], [table, text, label, progress, results], **SLOW)
    # The line is our own: gradio's queue would hold a waiting run without a word.
    free = {"concurrency_limit": None, "show_progress": "hidden", "trigger_mode": "once"}
    start.click(started, [course, text, label, limit, steps], [progress, results], **free)
    cancel.click(stopped, None, None, **QUICK)
    onward.click(polite(moved), None, tabs, **QUICK)
    blocks.unload(stopped)
