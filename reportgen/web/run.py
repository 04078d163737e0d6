"""Run: a table in, an audit and models out, in a process of their own."""

from __future__ import annotations

import importlib.util
import io
import shutil
import zipfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from reportgen.errors import InputError, UsageError

from .draft import course_of
from .jobs import Jobs
from .pages import memo_frame, page
from .sessions import Downloads
from .shelf import Shelf
from .uploads import receive, remove

SUFFIXES = (".csv", ".tsv", ".parquet")
ROWS = (500, 2_000, 10_000)
FINE_TUNE_ROWS = 2_000
STEPS = {
    "audit": "Audit of the data",
    "majority": "Majority label",
    "tfidf": "Word counts, logistic regression",
    "embed": "Frozen MiniLM, logistic regression on top",
    "encoder": "MiniLM fine-tuned, three epochs",
}
_FIRST = ("audit", "majority", "tfidf")
_LEARNT = ("embed", "encoder")
_SHOWN_ROWS, _SHOWN_CHARACTERS = 3, 160


@dataclass(frozen=True)
class Table:
    """What was uploaded: its columns, and which of them look like text and label."""

    columns: tuple[str, ...]
    text: str
    label: str
    html: str


@dataclass
class Step:
    """A line of the progress."""

    name: str
    state: str = "waiting"
    text: str = ""


@dataclass
class Progress:
    """What is known of a run."""

    steps: list[Step] = field(default_factory=list)
    waiting: int = 0
    bundles: list[str] = field(default_factory=list)
    audit: bool = False
    ended: str = ""
    error: str = ""

    def hear(self, said: dict[str, Any]) -> None:
        """Take in what the worker said."""
        self.waiting = said.get("waiting", 0)
        for step in self.steps:
            if step.name == said.get("step"):
                step.state, step.text = said["state"], said["text"] or step.text
        self.bundles = said.get("bundles", self.bundles)
        self.audit = said.get("audit", self.audit)
        self.ended = said.get("ended", self.ended)
        self.error = said.get("error", self.error)


@cache
def offered() -> tuple[str, ...]:
    """The steps this machine can do; torch is looked for and never loaded here."""
    from models.weights import available

    learnt = importlib.util.find_spec("torch") and importlib.util.find_spec("transformers") and available("minilm")
    return tuple(name for name in STEPS if learnt or name not in _LEARNT)


def first() -> list[str]:
    """The steps that are ticked at first."""
    return [name for name in offered() if name in _FIRST]


def place(folder: Path) -> Path:
    """Where a session's data and runs are."""
    return folder / "run"


def take(folder: Path, upload: str | None, course: str) -> Table:
    """Take a table in and look at its columns; what was there before goes.

    Raises:
        InputError: it cannot be read as a table.
    """
    from reportgen.data.columns import find_columns
    from reportgen.data.sources import ALL, read_source

    home = place(folder)
    path = receive(upload, home / "fresh", SUFFIXES)[0]
    try:
        source = read_source(path)
        frame = source.tables.get(ALL, next(iter(source.tables.values())))
        chosen = course_of(course)
        try:
            found = find_columns(frame, chosen, None, None, path.name)
            text, label, notes = found.text, found.label, found.notes
        except InputError:
            if len(frame.columns) < 2:
                raise
            text, label, notes = str(frame.columns[0]), str(frame.columns[1]), ()
        remove([home / "data", home / "out"])
        (home / "fresh").rename(home / "data")
    finally:
        remove([home / "fresh"])
    columns = tuple(str(name) for name in frame.columns)
    head = frame[[text, label]].head(_SHOWN_ROWS).astype(str).to_numpy().tolist()
    html = page(
        "run_table.html",
        name=path.name,
        rows=len(frame),
        columns=(text, label),
        head=[[_cut(cell) for cell in row] for row in head],
        notes=[note.split("; name another")[0] for note in notes],
    )
    return Table(columns, text, label, html)


def _cut(cell: str) -> str:
    return cell if len(cell) <= _SHOWN_CHARACTERS else cell[: _SHOWN_CHARACTERS - 1] + "…"


def spec(
    folder: Path, course: str, text: str, label: str, limit: int, steps: Sequence[str], most: int
) -> dict[str, Any]:
    """What the worker is asked.

    Raises:
        ReportgenError: no data, columns not confirmed, or a step this machine cannot do.
    """
    data = place(folder) / "data"
    files = sorted(data.iterdir()) if data.is_dir() else []
    if not files:
        raise InputError("there are no data", remedy="upload a table first")
    if not text or not label or text == label:
        raise UsageError("the text and the label need a column each", remedy="choose both")
    chosen = [name for name in offered() if name in set(steps)]
    if not chosen:
        raise UsageError("nothing to run", remedy="tick at least one")
    out = place(folder) / "out"
    remove([out])
    out.mkdir(mode=0o700)
    rows = min(int(limit), most, FINE_TUNE_ROWS if "encoder" in chosen else most)
    return {
        "task": "runs",
        "data": str(files[0]),
        "course": course_of(course).name,
        "text": text,
        "label": label,
        "limit": rows,
        "steps": chosen,
        "out": str(out),
    }


async def start(jobs: Jobs, folder: Path, asked: dict[str, Any]) -> AsyncIterator[Progress]:
    """Run it; yields the progress whenever there is some."""
    progress = Progress([Step("data"), *(Step(name) for name in asked["steps"])])
    async for said in jobs.run(str(folder), asked):
        progress.hear(said)
        yield progress
    if progress.ended != "done":
        shutil.rmtree(asked["out"], ignore_errors=True)


def progress_view(progress: Progress) -> str:
    """The steps, and how it stands."""
    names = {"data": "Reading the data", **STEPS}
    steps = [{"name": names[one.name], "state": one.state, "text": one.text} for one in progress.steps]
    if progress.ended == "failed":
        steps = [{**one, "state": "failed"} if one["state"] == "running" else one for one in steps]
    return page("run_progress.html", steps=steps, waiting=progress.waiting, ended=progress.ended, error=progress.error)


def results(folder: Path, progress: Progress, offers: Downloads) -> str:
    """Links to what was made, and the audit's page."""
    out = place(folder) / "out"
    links = []
    if progress.bundles:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name in progress.bundles:
                archive.write(out / f"{name}.zip", f"{name}.zip")
            for path in sorted((out / "audit").iterdir()) if progress.audit else ():
                archive.write(path, f"audit/{path.name}")
        links.append(("All of it", "runs.zip", offers.offer("runs.zip", buffer.getvalue(), "application/zip")))
        for name in progress.bundles:
            link = offers.offer(f"{name}.zip", (out / f"{name}.zip").read_bytes(), "application/zip")
            links.append((STEPS[name], f"{name}.zip", link))
    audit = (out / "audit" / "audit.html").read_text(encoding="utf-8") if progress.audit else ""
    if audit:
        links.append(("The audit", "audit.html", offers.offer("audit.html", audit.encode(), "text/html")))
    frame = memo_frame(audit, "Audit of your data") if audit else ""
    return page("run_results.html", links=links) + frame


def to_draft(folder: Path) -> int:
    """Put the bundles on the draft's shelf; how many there were.

    Raises:
        InputError: there are none.
    """
    made = sorted((place(folder) / "out").glob("*.zip"))
    if not made:
        raise InputError("there are no finished runs", remedy="run something first")
    Shelf(folder).adopt(made)
    return len(made)
