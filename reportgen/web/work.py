"""What a job's process does: one task, read from stdin; one JSON object a line on stdout."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from reportgen.errors import ReportgenError, Unavailable, one_line

from .wording import said

Say = Callable[..., None]
_SETTINGS: dict[str, dict[str, Any]] = {"embed": {"model": "minilm"}, "encoder": {"model": "minilm", "lr": 1e-4}}
"""How a runner is set up here: the small weights, and a rate at which three epochs teach them something."""


def runs(spec: Mapping[str, Any], say: Say) -> None:
    """Audit a table and run models on it.

    Says `step` and its `state` (running, done, left out) with a `text`; at the end the `bundles` and the `audit`.
    """
    from reportgen.bundle import read_bundle, zip_bundle
    from reportgen.data import load_dataset

    say(step="data", state="running", text="")
    data = load_dataset(
        spec["data"], text=spec["text"], label=spec["label"], course=spec["course"], limit=spec["limit"]
    )
    sizes = ", ".join(f"{len(split):,} {name}" for name, split in data.splits.items())
    say(step="data", state="done", text=f"{len(data.labels):,} labels; rows: {sizes}")
    out, made = Path(spec["out"]), []
    audit = "audit" in spec["steps"]
    if audit:
        from reportgen.memo import write_audit

        say(step="audit", state="running", text="")
        write_audit(data, out / "audit")
        say(step="audit", state="done", text="")
    from models.registry import get_runner
    from models.run import execute

    for name in (step for step in spec["steps"] if step != "audit"):
        say(step=name, state="running", text="")

        def note(line: str, name: str = name) -> None:
            say(step=name, state="running", text=line.removeprefix(f"{name}: "))

        settings = _SETTINGS.get(name, {})
        try:
            path = execute(
                get_runner(name),
                data,
                out / "runs",
                name,
                settings,
                settings,
                42,
                {},
                audit=audit and not made,
                say=note,
            )
        except Unavailable as error:
            say(step=name, state="left out", text=said(error))
            continue
        zip_bundle(path, out / f"{name}.zip")
        made.append(name)
        say(step=name, state="done", text=_result(read_bundle(path)))
    say(bundles=made, audit=audit)


def _result(bundle: Any) -> str:
    from reportgen.evidence.numbers import show
    from reportgen.stats import scores

    split = "val" if "val" in bundle.splits else bundle.splits[-1]
    scored = bundle.predictions(split)
    found = scores(scored.labels, scored.predictions, len(bundle.labels.names))
    return (
        f"{split}, n = {len(scored.labels):,}: accuracy {show(found.accuracy, 'fraction')}, "
        f"macro F1 {show(found.macro_f1, 'score')}"
    )


def grade(spec: Mapping[str, Any], say: Say) -> None:
    """Grade a class; says `graded`, `of` and the `name`, at the end what the tab shows as `report`."""
    from reportgen.grading import Request, grade_class, record_edit
    from reportgen.grading.edits import parse_edit
    from reportgen.grading.intake import read_submissions
    from reportgen.grading.one import rubric_of

    out = Path(spec["out"])
    asked = spec["request"]
    request = Request(
        Path(asked["source"]),
        asked["week"],
        out,
        course=asked["course"],
        worksheet=Path(asked["worksheet"]) if asked["worksheet"] else None,
        labels=Path(asked["labels"]) if asked["labels"] else None,
        due=asked["due"] or None,
        late_per_day=asked["late_per_day"],
        jobs=max(1, min(4, os.cpu_count() or 1)),
    )
    _, rubric = rubric_of(request.course, request.week)
    changes = [(edit["student"], *parse_edit(f"{edit['field']}={edit['value']}", rubric)) for edit in spec["edits"]]
    for student, field, value in changes:
        record_edit(out, student, field, value, "instructor", spec["why"])
    report = grade_class(request, lambda done, total, name: say(graded=done, of=total, name=name))
    pages = out / ".pages"
    files = {}
    if not pages.exists():
        for one in read_submissions(request.source, pages, week=request.week):
            files[one.key] = [(file.name, str(file.path), file.kind) for file in one.files]
        (pages / "files.json").write_text(json.dumps(files, ensure_ascii=True))
    (out / ".report.json").write_text(json.dumps(_report(report), ensure_ascii=True))
    say(written=[str(path.relative_to(out)) for path in report.written])


def _report(report: Any) -> dict[str, Any]:
    """A class's report as JSON: what the tab shows, and nothing more."""
    return {
        "changes": list(report.changes),
        "notes": list(report.notes),
        "points": report.rubric.points,
        "sections": [
            {"id": section.id, "number": section.number, "title": section.title, "points": section.points}
            for section in report.rubric.sections
        ],
        "students": [
            {
                "id": one.place.id,
                "key": one.place.submission.key if one.place.submission else None,
                "name": one.shown,
                "status": one.status,
                "file": one.graded.file if one.graded else "",
                "points": dict(one.points),
                "edited": sorted(one.edits),
                "comment": one.comment,
                "total": one.total if one.points else None,
                "grade": one.grade,
                "reds": one.reds,
                "ambers": one.ambers,
                "attention": one.needs_attention,
                "decided": one.decided,
                "held": list(one.held),
                "flags": [{"severity": flag.severity, "text": flag.told} for flag in one.flags],
                "sections": [section.model_dump() for section in one.graded.sections] if one.graded else [],
            }
            for one in report.students
        ],
    }


TASKS: Mapping[str, Callable[[Mapping[str, Any], Say], None]] = {"runs": runs, "grade": grade}


def main() -> None:
    """Do the task on stdin. The last line says how it ended; what nobody foresaw goes to stderr."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # nothing a library prints gets between our lines
    os.nice(5)

    def say(**said: Any) -> None:
        cut = {key: one_line(value, 400) if isinstance(value, str) else value for key, value in said.items()}
        out.write(json.dumps(cut, ensure_ascii=True) + "\n")
        out.flush()

    spec = json.loads(sys.stdin.buffer.read())
    try:
        TASKS[spec["task"]](spec, say)
    except ReportgenError as error:
        say(ended="failed", error=said(error))
    except Exception as error:
        traceback.print_exc()
        say(ended="failed", error=f"an error nobody foresaw ({type(error).__name__}); the server's log has it")
    else:
        say(ended="done")


def _end_with_parent() -> None:
    """End when the server does, however that happens."""
    parent = int(os.environ.get("REPORTGEN_PARENT", os.getppid()))
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


if __name__ == "__main__":
    main()
