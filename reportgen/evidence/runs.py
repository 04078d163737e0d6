"""The runs a memo is built from: who is the baseline, who the candidate, what may be compared."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from reportgen.bundle import NotComparable, comparable
from reportgen.bundle.kept import kept
from reportgen.errors import InputError
from reportgen.stats import (
    BOOT_METRICS,
    RESAMPLES,
    boot_scores,
    compare,
    label_shift,
    per_class,
    rescue,
    row_counts,
    scores,
    wilson,
)

from .model import Interval, RunSummary, Scored, Value
from .numbers import listing, plural, show

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from reportgen.bundle import Bundle
    from reportgen.bundle.schema import Labels
    from reportgen.stats import BootScores, Difference, LabelShift, PerClass, Rescue, RowCounts, Scores

BOOTSTRAP = f"percentile bootstrap over rows, {RESAMPLES:,} resamples"
PAIRED = f"paired bootstrap over rows, {RESAMPLES:,} resamples"
WILSON = "Wilson score"
FINE_TUNED = ("embed", "encoder", "decoder")
_CHECKS = ("predict", "shift")
"""Runners that answer with another run's weights: a check of that run, and no rival of it or of any other."""
FOREIGN = ("import", "notebook")
"""Runners of bundles that were made elsewhere: nobody recorded a parent, and there is nothing to run again."""
_SAMPLED_TRAIN = re.compile(r"train: .*\bsample of\b")
_SPLIT_ORDER = ("val", "test", "train")


class Runs:
    """Bundles by role, on one reporting split.

    The split is `val` wherever a run has it: test is for the end, so it is used only when nothing else was scored.
    """

    def __init__(self, bundles: Iterable[Bundle]) -> None:
        every = sorted(bundles, key=lambda bundle: bundle.run_id)
        names = [bundle.run_id for bundle in every]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise InputError(f"two bundles are called {repeated[0]!r}", remedy="give each run its own --name")
        self.reported: list[Bundle] = [bundle for bundle in every if bundle.manifest.kind == "reported"]
        self.measured: list[Bundle] = [bundle for bundle in every if bundle.manifest.kind == "measured"]
        offered = {name for bundle in self.measured for name in bundle.splits}
        self.split: str | None = next((name for name in _SPLIT_ORDER if name in offered), None)
        self.scored: list[Bundle] = [bundle for bundle in self.measured if self.split in bundle.splits]
        self._scores: dict[str, Scores] = {}
        self._classes: dict[str, PerClass] = {}
        self._counts: dict[int, RowCounts] = {}
        self._resampled: dict[str, BootScores] = {}
        self._rescues: dict[tuple[str, str], Rescue] = {}

    # ------------------------------------------------------------------------------------------------------ roles

    def of_family(self, *families: str) -> list[Bundle]:
        """Runs of these families with predictions on the reporting split; none in another label frame, no checks."""
        return [
            run
            for run in self.scored
            if run.manifest.model.family in families and run.run_id not in self.slipped and not self.checks(run)
        ]

    @cached_property
    def slipped(self) -> dict[str, LabelShift]:
        """Runs that answer in another label frame, by run_id."""
        found = {}
        for run in self.scored:
            labels, predictions = self._rows(run)
            if len(labels) and len(run.labels.names) > 1:
                shift = label_shift(labels, predictions, len(run.labels.names))
                if shift.suspected:
                    found[run.run_id] = shift
        return found

    def checks(self, run: Bundle) -> str | None:
        """The run that this one scores again or misreads on purpose, where that run is here too."""
        if run.manifest.runner not in _CHECKS:
            return None
        parents = {parent.run_id for parent in run.manifest.parents if parent.role == "source"}
        # A source that was scored on fewer rows, or slipped itself, leaves the run that scores it again to speak.
        sound = (other for other in self.scored if other.run_id in parents and other.run_id not in self.slipped)
        return next((other.run_id for other in sound if not self.why_not(run, other)), None)

    def best(self, runs: Sequence[Bundle]) -> Bundle | None:
        """The run with the highest macro F1 on the reporting split, complete runs before partial ones."""
        return max(runs, key=lambda run: (not self.partial(run), self.scores(run).macro_f1), default=None)

    @cached_property
    def majority(self) -> Bundle | None:
        """The floor."""
        return self.best(self.of_family("majority"))

    @cached_property
    def baseline(self) -> Bundle | None:
        """The strongest linear model that had no teacher: the bar."""
        linear = self.of_family("linear")
        return self.best([run for run in linear if all(parent.role != "teacher" for parent in run.manifest.parents)])

    @cached_property
    def candidates(self) -> list[Bundle]:
        """Neural runs: those that were fine-tuned before frozen encoders, complete before partial, best first."""

        def rank(run: Bundle) -> tuple[bool, bool, float, str]:
            frozen = run.manifest.model.family == "embed"
            return frozen, bool(self.partial(run)), -self.scores(run).macro_f1, run.run_id

        return sorted(self.of_family(*FINE_TUNED), key=rank)

    @cached_property
    def candidate(self) -> Bundle | None:
        """The best fine-tuned run. It is selected on the split it is reported on; the memo says so."""
        return self.candidates[0] if self.candidates else None

    @cached_property
    def labels(self) -> Labels:
        """The label list of the run the memo leads with; runs with another list are never compared with it.

        Raises:
            InputError: there is no measured run.
        """
        lead = self.baseline or self.candidate or self.majority or (self.measured[0] if self.measured else None)
        if lead is None:
            raise InputError("no measured run", remedy="pass at least one bundle that holds predictions")
        return lead.labels

    # ------------------------------------------------------------------------------------------------------ scores

    def _rows(self, run: Bundle) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
        rows = run.predictions(self.split or "val")
        return rows.labels, rows.predictions

    def scores(self, run: Bundle) -> Scores:
        """Aggregate scores on the reporting split."""
        name = run.run_id
        if name not in self._scores:
            self._scores[name] = scores(*self._rows(run), len(run.labels.names))
        return self._scores[name]

    def per_class(self, run: Bundle) -> PerClass:
        """Per-class scores on the reporting split."""
        name = run.run_id
        if name not in self._classes:
            self._classes[name] = per_class(*self._rows(run), len(run.labels.names))
        return self._classes[name]

    def resampled(self, run: Bundle) -> BootScores:
        """Scores in every resample of the memo's one matrix of row counts."""
        if run.run_id not in self._resampled:
            labels, predictions = self._rows(run)
            counts = self.counts(run)
            self._resampled[run.run_id] = kept(
                "resampled",
                (run,),
                lambda: boot_scores(counts, labels, predictions, len(run.labels.names)),
                *(self.split, counts.resamples, counts.seed),
            )
        return self._resampled[run.run_id]

    def counts(self, run: Bundle) -> RowCounts:
        """The memo's one matrix of row counts for the rows this run was scored on."""
        n = len(self._rows(run)[0])
        if n not in self._counts:
            self._counts[n] = kept("counts", (), lambda: row_counts(n), n)
        return self._counts[n]

    def value(self, run: Bundle, metric: str) -> Value:
        """One aggregate metric of a run with its interval and provenance."""
        found = self.scores(run)
        bounds: Interval | None = None
        if metric == "accuracy":
            bounds = wilson_interval(round(found.accuracy * found.n), found.n)
        elif metric in BOOT_METRICS:
            bounds = Interval(*self.resampled(run).interval(metric), method=BOOTSTRAP)
        return Value(
            metric=metric,
            value=getattr(found, metric),
            unit="fraction" if metric == "accuracy" else "count" if metric.startswith("zero_f1") else "score",
            run=run.run_id,
            split=self.split,
            n=found.n,
            interval=bounds,
            field="predictions.parquet",
        )

    # -------------------------------------------------------------------------------------------------- comparisons

    def why_not(self, run: Bundle, other: Bundle) -> str | None:
        """Why two runs must not be compared on the reporting split, or None."""
        try:
            comparable(run, other, self.split or "val")
        except NotComparable as error:
            return error.what
        return None

    def difference(self, run: Bundle, baseline: Bundle, metric: str) -> tuple[Value, Difference]:
        """`run` − `baseline` on a metric, with the paired interval. Only for comparable runs."""
        found = compare(self.resampled(baseline), self.resampled(run), metric)
        value = Value(
            metric=metric,
            value=found.delta,
            unit="fraction" if metric == "accuracy" else "score",
            run=run.run_id,
            baseline=baseline.run_id,
            split=self.split,
            n=found.n,
            interval=Interval(found.low, found.high, method=PAIRED),
            field="predictions.parquet",
        )
        return value, found

    def rescue(self, run: Bundle, baseline: Bundle) -> Rescue:
        """Rescued and lost classes of `run` against `baseline`. Only for comparable runs."""
        key = (run.run_id, baseline.run_id)
        if key not in self._rescues:
            labels, predictions = self._rows(run)
            _, reference = self._rows(baseline)
            self._rescues[key] = kept(
                "rescue",
                (run, baseline),
                lambda: rescue(
                    labels,
                    reference,
                    predictions,
                    len(run.labels.names),
                    boots=(self.resampled(baseline), self.resampled(run)),
                ),
                self.split,
            )
        return self._rescues[key]

    # ------------------------------------------------------------------------------------------------------ warnings

    def partial(self, run: Bundle) -> list[str]:
        """What makes a run incomplete: its status, or a sample instead of the rows it learnt from or is scored on."""
        manifest = run.manifest
        reasons = [] if manifest.status == "success" else [f"its status is {manifest.status}"]
        if manifest.dataset is None:
            return reasons
        split = manifest.dataset.splits.get(self.split) if self.split else None  # type: ignore[call-overload]
        if split and split.sampled_of is not None and split.sampled_of > split.n_rows:
            reasons.append(f"{self.split} is a sample of {split.n_rows:,} of {split.sampled_of:,} rows")
        # Splits nobody scored stand in the manifest by their note only.
        reasons += [note.rstrip(".") for note in manifest.dataset.notes if _SAMPLED_TRAIN.match(note)]
        return reasons

    @property
    def synthetic(self) -> bool:
        """Whether any run scored generated text."""
        return any(run.manifest.dataset is not None and run.manifest.dataset.synthetic for run in self.measured)

    def notices(self) -> list[str]:
        """Warnings that concern the whole page."""
        found = [shift_notice(name, shift) for name, shift in self.slipped.items()]
        if self.synthetic:
            found.append("Synthetic data: these texts were generated. No figure here describes real documents.")
        if self.split == "test":
            found.append(
                "These figures come from the test split. Whatever is decided from them is no longer an unbiased test."
            )
        for run in self.measured:
            name = run.run_id
            if self.split is not None and self.split not in run.splits:
                found.append(f"{name} has no predictions on {self.split} and is left out of the scores.")
            if {"val", "test"} & set(run.manifest.trained_on):
                seen = listing([split for split in run.manifest.trained_on if split != "train"])
                found.append(f"{name} was trained on {seen}: its scores there are not an estimate for new text.")
            if reasons := self.partial(run):
                found.append(f"{name} is not a complete run: {listing(reasons)}.")
        return found + self._other_rows()

    def _other_rows(self) -> list[str]:
        lead = self.baseline or self.candidate or self.majority
        if lead is None:
            return []
        return [
            f"Not compared: {reason}." for run in self.scored if run is not lead and (reason := self.why_not(run, lead))
        ]

    def few_rows(self) -> str | None:
        """How thin the reporting split is per class, or None if every class has five rows or more."""
        lead = self.baseline or self.candidate or self.majority
        if lead is None:
            return None
        support = self.per_class(lead).support
        thin, absent, k = int(((support > 0) & (support <= 4)).sum()), int((support == 0).sum()), len(support)
        parts = []
        if absent:
            parts.append(
                f"{self.split} has rows of {k - absent} of the {k} classes; the other {absent} count as F1 = 0"
            )
        if thin:
            parts.append(
                f"{plural(thin, 'class has', 'classes have')} four rows or fewer, too few to call by themselves"
            )
        return f"{'; '.join(parts)}." if parts else None

    def summaries(self) -> tuple[RunSummary, ...]:
        """How each run is named and identified in the memo."""
        return tuple(
            RunSummary(
                run_id=run.run_id,
                root=run.root,
                kind=run.manifest.kind,
                model=run.manifest.model.name,
                family=run.manifest.model.family,
                seed=run.manifest.seed,
                hardware=hardware(run),
                splits={
                    name: split.n_rows
                    for name, split in (run.manifest.dataset.splits if run.manifest.dataset else {}).items()
                },
            )
            for run in [*self.measured, *self.reported]
        )

    def outcomes(self) -> tuple[Scored, ...]:
        """Labels, predictions and confidences of every run on the reporting split."""
        found = []
        for run in self.scored:
            rows = run.predictions(self.split or "val")
            found.append(
                Scored(
                    run_id=run.run_id,
                    split=self.split or "val",
                    rows_sha256=rows.rows_sha256,
                    names=run.labels.names,
                    train_counts=run.labels.train_counts,
                    labels=rows.labels,
                    predictions=rows.predictions,
                    confidence=rows.confidence,
                )
            )
        return tuple(found)


def shift_notice(name: str, shift: LabelShift) -> str:
    """What a slipped label frame looks like, in one sentence."""
    return (
        f"{name} answers in another label frame: right on {show(shift.accuracy, 'fraction')} of the rows as it stands, "
        f"on {show(shift.shifted_accuracy, 'fraction')} once every predicted id is moved back by {shift.shift}. "
        "It is left out of every comparison; compare the label list it was trained with."
    )


def wilson_interval(hits: int, n: int) -> Interval:
    """Interval of a proportion of n rows."""
    low, high = wilson(hits, n)
    return Interval(float(low), float(high), method=WILSON)


def training_seconds(run: Bundle) -> float | None:
    """Seconds of training. A run computed from another was not trained, whatever it took."""
    timings = run.manifest.timings
    computed = any(parent.role == "source" for parent in run.manifest.parents)
    return timings.get("train", None if computed else timings.get("total"))


def hardware(run: Bundle) -> str | None:
    """The device a run was made on, in words."""
    found = run.manifest.hardware
    if found is None:
        return None
    name = found.name or found.device
    return f"{found.count} × {name}" if found.count > 1 else name
