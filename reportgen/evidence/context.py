"""What a week's builder is given, and what it hands back."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING

from .model import Figure, Highlight, Item, Table, Value, Verification
from .rubric import Rubric
from .runs import FOREIGN, Runs

_SAMPLED = re.compile(r"stratified sample of ([\d,]+) of")

if TYPE_CHECKING:
    from reportgen.bundle import DatasetInfo
    from reportgen.data import Course
    from reportgen.data.audit import Audit

    from .memory import Memory
    from .texts import Texts


@dataclass(frozen=True)
class Context:
    """Everything evidence may be built from: bundles, never datasets or models."""

    week: int
    course: Course
    rubric: Rubric
    runs: Runs
    audit: Audit | None = None
    audit_run: str | None = None
    """The run whose bundle holds the audit; None when it was handed in by itself."""
    memory: Memory | None = None
    """What the author's memos of earlier weeks said."""
    declared: Mapping[str, str] | None = None
    """The front matter of the author's text."""
    texts: Texts | None = None
    """The texts of the rows, where whoever builds the memo has the data."""

    def command(self, runner: str, *settings: str) -> str:
        """The command that makes a missing run on the memo's own data, or imports again what was made elsewhere."""
        dataset = next((run.manifest.dataset for run in self.runs.measured if run.manifest.dataset), None)
        source = shlex.quote(dataset.name) if dataset and _is_source(dataset.name) else "SOURCE"
        if runner in FOREIGN:
            return f"reportgen bundle import FILE --data {source} --course {shlex.quote(self.course.name)} --out RUNS"
        chosen = "".join(f" --set {shlex.quote(setting)}" for setting in settings)
        limit = "" if dataset is None else _limit(dataset)
        course = shlex.quote(self.course.name)
        return f"reportgen run {runner} --data {source} --course {course}{limit}{chosen} --out RUNS"


def _is_source(name: str) -> bool:
    """Whether a dataset's name can stand for it on the command line: a file, a Hub name, a generated corpus."""
    return "/" in name or name.startswith("synthetic:") or bool(PurePath(name).suffix)


def _limit(dataset: DatasetInfo) -> str:
    """The `--limit` the runs were made with, where they were: other rows would not be comparable."""
    sampled = [part.n_rows for part in dataset.splits.values() if part.sampled_of and part.sampled_of > part.n_rows]
    noted = [int(found[1].replace(",", "")) for note in dataset.notes if (found := _SAMPLED.search(note))]
    return f" --limit {max(sampled or noted)}" if sampled or noted else ""


@dataclass
class SectionEvidence:
    """What a builder found out for one section; `build` adds the rubric's labels and order."""

    items: dict[str, Item] = field(default_factory=dict)
    tables: list[Table] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)

    def answer(
        self,
        item: str,
        sentence: str,
        *values: Value,
        verification: Verification = "recomputed",
        verdict: str | None = None,
        exhibits: Sequence[str] = (),
        caveats: Sequence[str | None] = (),
    ) -> None:
        """Answer one evidence item; empty caveats are left out."""
        self.items[item] = Item(
            id=item,
            label="",
            values=values,
            sentence=sentence,
            verification=verification,
            verdict=verdict,
            exhibits=tuple(exhibits),
            caveats=tuple(caveat for caveat in caveats if caveat),
        )

    def missing(self, item: str, command: str, why: str = "", verification: Verification = "recomputed") -> None:
        """Say what to run to measure an item."""
        self.items[item] = Item(id=item, label="", sentence=why, missing=command, verification=verification)


@dataclass(frozen=True)
class WeekAnswers:
    """A builder's whole answer: evidence by section id, and the figures for the head of the memo."""

    sections: Mapping[str, SectionEvidence]
    highlights: tuple[Highlight, ...] = ()
    notices: tuple[str, ...] = ()
    """Warnings of this week that concern the whole page."""
