"""`reportgen demo`: memos from the shipped bundles, and one made live from generated complaints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from reportgen.data import load_course, load_dataset
from reportgen.errors import UsageError
from reportgen.evidence import load_rubric, weeks_built
from reportgen.memo import build_memo, write_audit
from reportgen.memo.index_page import Group, Page, write_index

from .registry import get_runner
from .run import execute

_PACKAGE = Path(__file__).parents[1]
LIVE_ROWS = 3_000

RUNS = {
    1: ("majority", "tfidf", "embed", "encoder"),
    2: (
        *("encoder", "encoder-weighted", "encoder-bs16", "encoder-seed123", "encoder-early"),
        *("plain-s42", "rescue", "rescue-finetuned"),
    ),
    3: ("encoder", "encoder-weighted", "encoder-lora", "decoder-lora", "decoder-lora-weighted"),
    4: ("encoder-lora", "decoder-lora"),
    5: (
        *("encoder-lora", "encoder-fp32", "encoder-int8", "encoder-int4", "encoder-onnx-fp32", "encoder-onnx-int8"),
        *("decoder-lora", "decoder-fp32", "decoder-int8", "decoder-int4"),
    ),
    6: (
        *("teacher", "vanilla", "vanilla-tempered", "distilled", "grid-t1-a70", "grid-t1-a90", "grid-t4-a90"),
        *("grid-t8-a70", "grid-t8-a90", "student-half", "teacher-small", "distilled-small-teacher"),
        *("distilled-linear", "encoder-fp32", "encoder-int8", "encoder", "encoder-weighted", "tfidf"),
    ),
}
"""Week to the shipped runs its memo is built from."""


def examples() -> Path:
    """The shipped bundles: inside the package when installed from a wheel, at the top of a checkout."""
    installed = _PACKAGE / "reportgen" / "_examples"
    return installed if installed.is_dir() else _PACKAGE / "examples"


def build_demo(out: Path, say: Callable[[str], None] = lambda line: None) -> Path:
    """Build everything and return the index page.

    Raises:
        UsageError: the shipped bundles are missing.
        ReportgenError: the folder cannot be written to.
    """
    shipped = examples() / "banking77lt"
    if not shipped.is_dir():
        raise UsageError("the shipped bundles are missing", where=shipped, remedy="install reportgen again")
    weeks = []
    for week in (week for week in weeks_built() if week in RUNS):
        runs = [shipped / f"{name}.zip" for name in RUNS[week]]
        page = build_memo(week, runs, out / f"week{week}.html")[0]
        say(f"week {week}: {page}")
        weeks.append(Page(page.name, _title(week), f"{len(runs)} runs: {', '.join(RUNS[week])}"))
    live = _live(out, say)
    return write_index(
        out / "index.html",
        "What your classifier may claim",
        "Every figure in these memos is recomputed from raw predictions, with its n and its interval.",
        (
            Group(
                "Real runs: Banking77-LT",
                "Messages to a bank, 77 intents, 2,933 training rows cut to a long tail; MiniLM and SmolLM2 trained "
                "with the course's recipes on one GPU. The reasoning blocks are empty: they are the student's.",
                tuple(weeks),
            ),
            Group(
                "Made just now: generated complaints",
                f"At most {LIVE_ROWS:,} rows a split of synthetic:cfpb. It proves the path, not a model.",
                live,
            ),
        ),
        "Banking77: PolyAI, CC BY 4.0. The bundles hold predictions and digests, no texts.",
    )


def _live(out: Path, say: Callable[[str], None]) -> tuple[Page, ...]:
    data = load_dataset("synthetic:cfpb", course="ecbs5200", limit=LIVE_ROWS)
    audit = write_audit(data, out / "audit")
    say(f"audit: {audit}")
    runs = [
        execute(get_runner(name), data, out / "runs", name, {}, {}, 42, {}, week=1, audit=name == "majority", say=say)
        for name in ("majority", "tfidf")
    ]
    memo = build_memo(1, runs, out / "week1-synthetic.html")[0]
    say(f"week 1: {memo}")
    return (
        Page(f"audit/{audit.name}", "Dataset audit", "Long tail, duplicates, leakage, label pairs to look at"),
        Page(memo.name, _title(1), "2 runs: majority, tfidf; the rest says what to run"),
    )


def _title(week: int) -> str:
    return f"Week {week}: {load_rubric(load_course('ecbs5200'), week).title}"
