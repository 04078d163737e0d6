"""The shipped runs: read once, their memos and comparisons made on first use and kept."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from reportgen.errors import ReportgenError, UsageError

if TYPE_CHECKING:
    from reportgen.bundle import Bundle
    from reportgen.decide import Candidate

SPLITS = ("val", "test")
WORDS = {
    "majority": "always the most frequent label",
    "tfidf": "word counts, logistic regression",
    "embed": "frozen MiniLM, logistic regression on top",
    "encoder": "MiniLM fine-tuned, 3 epochs",
    "encoder-weighted": "with class weights",
    "encoder-bs16": "with class weights, batches of 16",
    "encoder-seed123": "another seed",
    "encoder-early": "with class weights, up to 10 epochs",
    "encoder-lora": "MiniLM with a LoRA adapter",
    "decoder-lora": "SmolLM2 with a LoRA adapter",
    "decoder-lora-weighted": "SmolLM2, LoRA, class weights",
    "plain": "MiniLM fine-tuned, 20 epochs, no remedy",
    "rescue": "frozen MiniLM tuned for rare classes, on a CPU",
    "rescue-finetuned": "fine-tuned and frozen MiniLM, averaged",
    "teacher": "the same average, which teaches week 6’s students",
    "teacher-small": "a smaller teacher, one fine-tuned MiniLM",
    "vanilla": "MiniLM fine-tuned, 20 epochs, no teacher",
    "vanilla-tempered": "the same with a temperature",
    "student-half": "no teacher, half of the training rows",
    "distilled": "MiniLM student, temperature 4, weight .7",
    "distilled-small-teacher": "the same under the smaller teacher",
    "distilled-linear": "word counts taught by the teacher",
    "grid-t1-a70": "MiniLM student, temperature 1, weight .7",
    "grid-t1-a90": "MiniLM student, temperature 1, weight .9",
    "grid-t4-a90": "MiniLM student, temperature 4, weight .9",
    "grid-t8-a70": "MiniLM student, temperature 8, weight .7",
    "grid-t8-a90": "MiniLM student, temperature 8, weight .9",
    "encoder-fp16": "encoder-lora on a GPU, 16 bits",
    "encoder-int8": "encoder-lora on a GPU, 8 bits",
    "encoder-int4": "encoder-lora on a GPU, 4 bits",
    "encoder-onnx-fp32": "encoder-lora as ONNX on a CPU, 32 bits",
    "encoder-onnx-int8": "encoder-lora as ONNX on a CPU, 8 bits",
    "decoder-fp16": "decoder-lora on a GPU, 16 bits",
    "decoder-int8": "decoder-lora on a GPU, 8 bits",
    "decoder-int4": "decoder-lora on a GPU, 4 bits",
}
"""What a shipped run is, in a visitor's words; of a study's runs, by the name before the seed."""
_DECISIVE = ("macro_f1", "accuracy", "ece_post")
T = TypeVar("T")


class Examples:
    """The example bundles and what is made of them; memos go into a folder. Safe to use from several threads."""

    def __init__(self, memos: Path) -> None:
        from models.demo import examples

        self._folder = examples() / "banking77lt"
        self._memos = memos
        self._made: dict[Any, Any] = {}
        self._lock = threading.Lock()
        self._making: dict[Any, threading.Lock] = {}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the shipped runs."""
        return tuple(sorted(path.stem for path in self._folder.glob("*.zip")))

    @cached_property
    def weeks(self) -> tuple[int, ...]:
        """Weeks whose memo can be built and for which the example has runs."""
        from models.demo import RUNS
        from reportgen.evidence import weeks_built

        return tuple(week for week in weeks_built() if week in RUNS)

    @cached_property
    def titles(self) -> dict[int, str]:
        """Week to the memo's title."""
        from reportgen.data import load_course
        from reportgen.evidence import load_rubric

        course = load_course("ecbs5200")
        return {week: load_rubric(course, week).title for week in self.weeks}

    def words(self, name: str) -> str:
        """What a run is, in a few words; nothing for one this version does not know."""
        study, _, seed = name.rpartition("-s")
        if study in WORDS and seed.isdecimal():
            return f"{WORDS[study]}, seed {seed}"
        return WORDS.get(name, "")

    @cached_property
    def choices(self) -> list[tuple[str, str]]:
        """The runs as a list to choose from: words and name."""
        known = list(WORDS)
        names = sorted(self.names, key=lambda name: (known.index(name) if name in known else len(known), name))
        return [(f"{name}: {self.words(name)}" if self.words(name) else name, name) for name in names]

    def runs_of(self, week: int) -> tuple[str, ...]:
        """The runs a week's memo is built from."""
        from models.demo import RUNS

        return RUNS[week]

    def path(self, name: str) -> Path:
        """The bundle of a shipped run; no other name is ever looked up.

        Raises:
            UsageError: no such run.
        """
        if name not in self.names:
            raise UsageError("no such run", remedy=f"choose one of {', '.join(self.names)}")
        return self._folder / f"{name}.zip"

    def memo(self, week: int) -> str:
        """A week's memo as HTML.

        Raises:
            UsageError: the example has no runs for it.
        """
        if week not in self.weeks:
            raise UsageError(f"no example memo for week {week!r}", remedy=f"weeks: {', '.join(map(str, self.weeks))}")
        return self._once(("memo", week), lambda: self._build_memo(week))

    def rescue(self, baseline: str, candidate: str, split: str) -> dict[str, Any]:
        """The rescue report of two shipped runs."""
        from reportgen.evidence.paired import rescue_report

        paths = self._pair(baseline, candidate, split)
        return self._once(("rescue", baseline, candidate, split), lambda: rescue_report(*paths, split))

    def compare(self, a: str, b: str, split: str) -> dict[str, Any]:
        """The paired comparison of two shipped runs."""
        from reportgen.evidence.paired import compare_report

        paths = self._pair(a, b, split)
        return self._once(("compare", a, b, split), lambda: compare_report(*paths, split))

    def candidates(self, split: str = "val") -> list[Candidate]:
        """The shipped runs that were timed, as candidates of a decision."""
        return self._once(("candidates", split), lambda: self._candidates(split))

    def published(self, table: str) -> list[Candidate]:
        """The models of a shipped table of published figures."""
        return self._once(("published", table), lambda: _published(table))

    def warm(self, stop: threading.Event) -> None:
        """Make what most visitors look at first, in the order they meet it, until told to stop."""
        from .explore import FIRST

        first = (*FIRST, SPLITS[0])
        jobs: list[Callable[[], Any]] = [lambda: self.memo(self.weeks[0]), lambda: self.rescue(*first)]
        jobs += [lambda: self.compare(*first), self.candidates]
        jobs += [lambda week=week: self.memo(week) for week in self.weeks]  # type: ignore[misc]
        for job in jobs:
            if stop.is_set():
                return
            try:
                job()
            except ReportgenError:
                continue  # whoever asks for it will be told

    def _once(self, key: Any, make: Callable[[], T]) -> T:
        with self._lock:
            if key in self._made:
                return self._made[key]  # type: ignore[no-any-return]
            making = self._making.setdefault(key, threading.Lock())
        with making:
            if key not in self._made:
                self._made[key] = make()
        return self._made[key]  # type: ignore[no-any-return]

    def _pair(self, a: str, b: str, split: str) -> tuple[Path, Path]:
        if split not in SPLITS:
            raise UsageError("no such split", remedy=f"choose one of {', '.join(SPLITS)}")
        return self.path(a), self.path(b)

    def _build_memo(self, week: int) -> str:
        from models.demo import prose
        from reportgen.memo import build_memo

        # A memo quotes the weeks before it, from their twins in the same folder.
        for earlier in self.weeks:
            if earlier < week:
                self.memo(earlier)
        runs = [self.path(name) for name in self.runs_of(week)]
        made = build_memo(week, runs, self._memos / f"week{week}.html", prose=prose(week), twins=True)
        return made[0].read_text(encoding="utf-8")

    def _candidates(self, split: str) -> list[Candidate]:
        from reportgen.bundle import find_bundles
        from reportgen.decide import from_bundles

        found = [bundle for bundle in find_bundles([self.path(name) for name in self.names]) if _timed(bundle)]
        made = from_bundles(found, split, only=_DECISIVE)
        return [replace(candidate, model=candidate.run_id or candidate.model) for candidate in made]


def _timed(bundle: Bundle) -> bool:
    return bundle.latency is not None and any(record.samples_s for record in bundle.latency.records)


def _published(table: str) -> list[Candidate]:
    from importlib.resources import as_file, files

    from reportgen.data import load_course
    from reportgen.decide import reported_candidate
    from reportgen.importers.published import draft_published

    with as_file(files("reportgen.courses") / "ecbs5200" / "reported" / f"{table}.csv") as path:
        drafts, _ = draft_published(path, load_course("ecbs5200"))
    return [
        reported_candidate(draft.model.name, draft.reported.model_dump(), draft.run_id)
        for draft in drafts
        if draft.reported is not None
    ]
