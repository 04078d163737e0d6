"""Figures from the record's own rows: what a memo claims, computed again with the same resamples."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from reportgen.evidence.classes import FEW
from reportgen.stats import (
    BOOT_METRICS,
    TIER_RULES,
    boot_models,
    compare,
    ece,
    folds,
    interval,
    mcnemar_exact,
    paired_values,
    per_class,
    rescue,
    row_counts,
    scores,
    tiers,
    wilson,
)

from ..record.packing import Inflater
from ..record.schema import RecordError
from .by_tier import ECE, MASKED, Tiers

if TYPE_CHECKING:
    from reportgen.stats import BootScores, Difference, PerClass, Rescue, RowCounts, Scores

    from ..record import Record, RecordValue

SCORES = (*BOOT_METRICS, "zero_f1", "zero_f1_supported", "classes_present")
PAIRED = ("share_positive", "mcnemar_p")
RESCUES = ("rescued", "confirmed", "lost", "lost_confirmed", "net_rescued", "expected_by_chance")
ECE_TOLERANCE = 0.002
"""What eight bits a confidence may cost: at most 1/510, since packing keeps every row in its calibration bin."""
MAX_WORK = 400_000
"""Rows × runs whose intervals are recomputed: six runs of 6,430 rows are 38,580."""
MAX_PAIRS = 200
"""Pairs of runs compared class by class."""


_TIER_MEAN, _TIER_ACCURACY = "_mean_f1", "_accuracy"
_FLIPS = ("_wrong_to_right", "_right_to_wrong")
_SUPPORTS: dict[str, Callable[[NDArray[np.int64]], NDArray[np.bool_]]] = {
    "classes_with_few_rows": lambda support: support <= FEW,
    "classes_with_one_row": lambda support: support == 1,
    "classes_with_1_to_5_rows": lambda support: (support > 0) & (support <= 5),
    "classes_without_rows": lambda support: support == 0,
}


@dataclass(frozen=True)
class Again:
    """A figure computed again; bounds where an interval could be, a verdict where it is a paired difference."""

    value: float
    low: float | None = None
    high: float | None = None
    verdict: str | None = None
    tolerance: float = 1e-6


@dataclass(frozen=True, eq=False)
class Rows:
    """A run's outcomes as the record holds them."""

    set: int
    split: str
    names: tuple[str, ...]
    train_counts: tuple[int, ...]
    labels: NDArray[np.int64]
    predictions: NDArray[np.int64]
    confidence: NDArray[np.float64] | None

    @property
    def k(self) -> int:
        """Size of the label list."""
        return len(self.names)


class Recomputer:
    """Everything that follows from a record's rows, each computed once.

    Args:
        record: the record.
        intervals: whether to draw resamples; without, only point values are computed again, four times as fast.

    Raises:
        RecordError: rows that cannot be unpacked or do not fit each other.
    """

    def __init__(self, record: Record, *, intervals: bool = True) -> None:
        self.record = record
        self.intervals = intervals
        self.rows = _unpack(record)
        self._scores: dict[str, Scores] = {}
        self._classes: dict[str, PerClass] = {}
        self._boots: dict[str, BootScores] = {}
        self._rescues: dict[tuple[str, str], Rescue] = {}

    @cached_property
    def _affordable(self) -> bool:
        return sum(len(rows.labels) for rows in self.rows.values()) <= MAX_WORK

    def scores(self, run: str) -> Scores:
        """Aggregate scores."""
        if run not in self._scores:
            rows = self.rows[run]
            self._scores[run] = scores(rows.labels, rows.predictions, rows.k)
        return self._scores[run]

    def per_class(self, run: str) -> PerClass:
        """Per-class scores."""
        if run not in self._classes:
            rows = self.rows[run]
            self._classes[run] = per_class(rows.labels, rows.predictions, rows.k)
        return self._classes[run]

    def boot(self, run: str) -> BootScores | None:
        """Scores in every resample; None where there are too many rows to afford it, or nobody asked."""
        if not self.intervals or not self._affordable:
            return None
        if run not in self._boots:
            # All runs of the same rows in one pass: the counts are read once, and most runs are asked for anyway.
            rows = self.rows[run]
            alike = [name for name in self.rows if self.same_rows(name, run)]
            predictions = [self.rows[name].predictions for name in alike]
            boots = boot_models(_counts(len(rows.labels)), rows.labels, predictions, rows.k)
            self._boots |= dict(zip(alike, boots, strict=True))
        return self._boots[run]

    def difference(self, run: str, baseline: str, metric: str) -> Difference | None:
        """`run` − `baseline`; None unless both were scored on the same rows."""
        if not self.same_rows(run, baseline) or metric not in BOOT_METRICS:
            return None
        first, second = self.boot(baseline), self.boot(run)
        return compare(first, second, metric) if first and second else None

    def rescue(self, run: str, baseline: str) -> Rescue | None:
        """The rescue table; None unless both were scored on the same rows."""
        key = (run, baseline)
        if key not in self._rescues:
            if not self.same_rows(run, baseline) or not self._affordable or len(self._rescues) >= MAX_PAIRS:
                return None
            before, after = self.rows[baseline], self.rows[run]
            first, second = self.boot(baseline), self.boot(run)
            boots = (first, second) if first and second else None
            arrays = after.labels, before.predictions, after.predictions
            self._rescues[key] = rescue(*arrays, after.k, boots=boots, intervals=self.intervals)
        return self._rescues[key]

    def same_rows(self, run: str, other: str) -> bool:
        """Whether both runs stand in the record and share their rows."""
        return run in self.rows and other in self.rows and self.rows[run].set == self.rows[other].set

    def again(self, value: RecordValue, baselines: Iterable[str] = ()) -> list[Again]:
        """What the rows give for a value; empty where they cannot tell.

        Args:
            value: one of the record's figures.
            baselines: runs a rescue may be counted against when the value names none; each gives an answer.
        """
        run = value.run or ""
        rows = self.rows.get(run)
        if rows is None:
            return []
        if value.split == f"{rows.split}/eval":
            return self._held_out(rows, value)
        if value.split != rows.split:
            return []
        if value.metric.endswith(_TIER_MEAN):
            return self._tier_means(run, value)
        if value.metric.endswith((_TIER_ACCURACY, *_FLIPS)):
            return self._tier_changes(run, value, [value.baseline] if value.baseline else baselines)
        if value.metric.endswith((MASKED, ECE)):
            return self._by_tier(value)
        if value.metric in PAIRED and value.baseline is None:
            return [one for name in baselines if (one := self._pair(run, name, value.metric))]
        if value.n not in (None, len(rows.labels)):
            return []
        if value.metric in RESCUES:
            found = [self.rescue(run, name) for name in ([value.baseline] if value.baseline else baselines)]
            return [_count(one, value.metric) for one in found if one]
        if value.baseline is not None:
            return self._differences(run, value.baseline, value.metric)
        if value.metric in SCORES:
            return [self._score(run, value)]
        if value.metric in _SUPPORTS:
            return [Again(int(_SUPPORTS[value.metric](self.per_class(run).support).sum()))]
        if value.metric == "ece" and rows.confidence is not None:
            return [Again(ece(rows.confidence, rows.predictions == rows.labels), tolerance=ECE_TOLERANCE)]
        return []

    def _differences(self, run: str, baseline: str, metric: str) -> list[Again]:
        if found := self.difference(run, baseline, metric):
            return [Again(found.delta, found.low, found.high, found.verdict)]
        if metric in SCORES and self.same_rows(run, baseline):
            return [Again(getattr(self.scores(run), metric) - getattr(self.scores(baseline), metric))]
        return []

    def _held_out(self, rows: Rows, value: RecordValue) -> list[Again]:
        """Calibration error on the fold no temperature was fitted on; what was scaled needs logits."""
        if value.metric != "ece" or value.baseline is not None or rows.confidence is None or len(rows.labels) < 2:
            return []
        fold = folds(len(rows.labels))[1]
        if value.n not in (None, len(fold)):
            return []
        correct = rows.predictions[fold] == rows.labels[fold]
        return [Again(ece(rows.confidence[fold], correct), tolerance=ECE_TOLERANCE)]

    def _tier_means(self, run: str, value: RecordValue) -> list[Again]:
        """Mean F1 of a tier's labels under every rule that has such a tier of so many rows."""
        rows, tier = self.rows[run], value.metric.removesuffix(_TIER_MEAN)
        boot = self.boot(run)
        if len(rows.train_counts) != rows.k or (boot is None and self.intervals):
            return []
        if value.baseline and not self.same_rows(run, value.baseline):
            return []
        base = self.boot(value.baseline) if value.baseline else None
        found = []
        for rule in TIER_RULES:
            inside = tiers(np.array(rows.train_counts), rule) == tier
            if not inside.any() or value.n not in (None, int(self.per_class(run).support[inside].sum())):
                continue
            f1 = self.per_class(run).f1[inside]
            if value.baseline:
                f1 = f1 - self.per_class(value.baseline).f1[inside]
            if boot is None:
                found.append(Again(float(f1.mean())))
                continue
            samples = boot.per_class_f1[inside]
            if base is not None:
                samples = samples - base.per_class_f1[inside]
            found.append(Again(float(f1.mean()), *interval(samples.mean(axis=0))))
        return found

    @cached_property
    def _tiers(self) -> Tiers:
        sizes = {len(rows.labels) for rows in self.rows.values()}
        affordable = self.intervals and self._affordable
        return Tiers(self.rows, {n: _counts(n) for n in sizes} if affordable else None)

    def _by_tier(self, value: RecordValue) -> list[Again]:
        """Masked F1 and calibration error of a tier; the latter within what eight bits a confidence cost."""
        # A difference of two such errors may be off by both.
        sides = 2 if value.baseline else 1
        tolerance = sides * ECE_TOLERANCE if value.metric.endswith(ECE) else 1e-6
        return [Again(point, low, high, verdict, tolerance) for point, low, high, verdict in self._tiers.again(value)]

    def _tier_changes(self, run: str, value: RecordValue, baselines: Iterable[str]) -> list[Again]:
        """Change of accuracy on the rows of a tier, or the flips beneath it, against each baseline."""
        rows = self.rows[run]
        suffix = next(end for end in (_TIER_ACCURACY, *_FLIPS) if value.metric.endswith(end))
        tier = value.metric.removesuffix(suffix)
        if len(rows.train_counts) != rows.k or not self._affordable:
            return []
        found = []
        for rule in TIER_RULES:
            inside = (tiers(np.array(rows.train_counts), rule) == tier)[rows.labels]
            if not inside.any() or value.n not in (None, int(inside.sum())):
                continue
            paired = [name for name in baselines if self.same_rows(run, name)]
            found += [self._tier_change(run, name, suffix, inside) for name in paired]
        return found

    def _tier_change(self, run: str, baseline: str, suffix: str, inside: NDArray[np.bool_]) -> Again:
        rows, before = self.rows[run], self.rows[baseline]
        was, now = before.predictions == before.labels, rows.predictions == rows.labels
        gained, lost = int((~was & now & inside).sum()), int((was & ~now & inside).sum())
        if suffix != _TIER_ACCURACY:
            return Again(gained if suffix == _FLIPS[0] else lost)
        if not self.intervals:
            return Again((gained - lost) / int(inside.sum()))
        found = paired_values(_counts(len(rows.labels)), was, now, mask=inside, changed=gained + lost)
        return Again(found.delta, found.low, found.high, found.verdict)

    def _pair(self, run: str, baseline: str, metric: str) -> Again | None:
        if metric == "share_positive":
            found = self.difference(run, baseline, "macro_f1")
            return Again(found.share_positive) if found else None
        if not self.same_rows(run, baseline):
            return None
        after, before = self.rows[run], self.rows[baseline]
        right, was_right = after.predictions == after.labels, before.predictions == before.labels
        return Again(float(mcnemar_exact((was_right & ~right).sum(), (right & ~was_right).sum())))

    def _score(self, run: str, value: RecordValue) -> Again:
        found = self.scores(run)
        low = high = None
        if value.interval and value.metric == "accuracy" and "Wilson" in value.interval.method:
            low, high = map(float, wilson(round(found.accuracy * found.n), found.n))
        elif value.interval and value.metric in BOOT_METRICS and (boot := self.boot(run)):
            low, high = boot.interval(value.metric)
        return Again(getattr(found, value.metric), low, high)


def _count(found: Rescue, metric: str) -> Again:
    numbers = {
        "rescued": len(found.rescued),
        "confirmed": len(found.confirmed),
        "lost": len(found.lost),
        "lost_confirmed": len(found.lost_confirmed),
        "net_rescued": found.net,
        "expected_by_chance": found.expected_by_chance,
    }
    return Again(numbers[metric])


@lru_cache(maxsize=2)
def _counts(n: int) -> RowCounts:
    return row_counts(n)


def _unpack(record: Record) -> dict[str, Rows]:
    inflater, sets = Inflater(), []
    where = "the memo's record"
    for position, entry in enumerate(record.row_sets):
        if entry.label_list >= len(record.label_lists):
            raise RecordError(f"row set {position} names no label list", where=where)
        known = record.label_lists[entry.label_list]
        names = tuple(known.names)
        sets.append((entry, known, inflater.ids(entry.labels, entry.n, len(names), f"{where}, row set {position}")))
    found: dict[str, Rows] = {}
    seen: set[str] = set()
    for run in record.runs:
        if run.run_id in seen:
            raise RecordError(f"two runs are called {run.run_id!r}", where=where)
        seen.add(run.run_id)
        if run.rows is None or run.predictions is None:
            continue
        if run.rows >= len(sets):
            raise RecordError(f"run {run.run_id} names no row set", where=where)
        entry, known, labels = sets[run.rows]
        names, counts = tuple(known.names), tuple(known.train_counts)
        place = f"{where}, run {run.run_id}"
        predictions = inflater.predictions(run.predictions, labels, len(names), place)
        packed = run.confidence
        confidence = None if packed is None else inflater.confidence(packed, entry.n, place)
        found[run.run_id] = Rows(run.rows, entry.split, names, counts, labels, predictions, confidence)
    return found
