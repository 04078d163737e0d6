"""Every figure of week 6 that needs resamples, drawn together: one pass for the F1 of a tier, one for the row values.

Resampling model by model and tier by tier takes five times as long.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from reportgen.bundle.kept import kept
from reportgen.stats import boot_models, compare, ece, folds, js_divergence
from reportgen.stats.calibration import bin_index
from reportgen.stats.difference import difference
from reportgen.stats.grouped import boot_sums

from .calibrated import BINS
from .outcomes import Outcomes, outcomes
from .tierfacts import present

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reportgen.bundle import Bundle
    from reportgen.stats import BootScores, Difference

    from .runs import Runs

    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]

ALL = "all"


@dataclass(frozen=True, eq=False)
class Tier:
    """Labels of a tier (K,), rows whose true label is one of them (n,)."""

    name: str
    classes: Bools
    rows: Bools

    @property
    def n(self) -> int:
        """Rows."""
        return int(self.rows.sum())


def tiers_of(counts: Ints, labels: Ints, rule: str) -> tuple[Tier, ...]:
    """The tiers that have labels and rows, the rarest last, then all rows."""
    found = [Tier(name, inside, inside[labels]) for name, inside in present(counts, rule).items()]
    everything = Tier(ALL, np.ones(len(counts), dtype=np.bool_), np.ones(len(labels), dtype=np.bool_))
    return (*(tier for tier in found if tier.n), everything)


class Board:
    """Comparable runs on the reporting split, with further recipes derived from them.

    Args:
        runs: the memo's.
        shown: the runs measured, all on the same rows.
        counts: training rows of each label, (K,).
        rule: how labels are put into tiers.
        teacher: whose distribution the divergence is counted from.
        scaled: recipes derived from runs without training, by name.
        students: names of the runs whose divergence from the teacher is wanted.
    """

    def __init__(
        self,
        runs: Runs,
        shown: Sequence[Bundle],
        counts: Ints,
        rule: str,
        teacher: Bundle | None = None,
        scaled: Mapping[str, Outcomes] | None = None,
        students: Sequence[str] = (),
    ) -> None:
        self.students = students
        self.runs, self.counts, self.rule, self.teacher = runs, counts, rule, teacher
        self.by_name = {run.run_id: run for run in shown}
        self.rows: dict[str, Outcomes] = {name: outcomes(runs, run) for name, run in self.by_name.items()}
        self.rows |= dict(scaled or {})
        self.labels = next(iter(self.rows.values())).labels
        self.tiers = tiers_of(counts, self.labels, rule)
        self.held = np.zeros(len(self.labels), dtype=np.bool_)
        """Rows of the fold no temperature is fitted on."""
        if len(self.labels) > 1:
            self.held[folds(len(self.labels))[1]] = True
        self._masked: dict[str, dict[str, BootScores]] = {}

    # ------------------------------------------------------------------------------------------------------- F1

    def masked(self, name: str, tier: Tier) -> BootScores:
        """Scores on a tier's rows over its labels, of a run."""
        if tier.name not in self._masked:
            predictions = [self.rows[run].predictions for run in self.by_name]
            drawn = self.runs.counts(next(iter(self.by_name.values())))
            boots = boot_models(drawn, self.labels, predictions, len(self.counts), mask=tier.rows, classes=tier.classes)
            self._masked[tier.name] = dict(zip(self.by_name, boots, strict=True))
        found: BootScores = self._masked[tier.name][name]
        return found

    def masked_difference(self, baseline: str, run: str, tier: Tier) -> Difference:
        """`run` − `baseline` in masked F1."""
        return compare(self.masked(baseline, tier), self.masked(run, tier))

    # ----------------------------------------------------------------------------------------------- row values

    @cached_property
    def _parts(self) -> tuple[Ints, int]:
        """Group of each row, its tier and fold; and the number of groups."""
        at = np.zeros(len(self.labels), dtype=np.int64)
        for position, tier in enumerate(self.tiers[:-1]):
            at[tier.rows] = position
        return np.asarray(2 * at + self.held), 2 * max(1, len(self.tiers) - 1)

    @cached_property
    def _totals(self) -> Floats:
        """Rows drawn of each group, (groups, R)."""
        group, k = self._parts
        drawn = self.runs.counts(next(iter(self.by_name.values())))
        return np.asarray(boot_sums(drawn, group[None, :], np.ones((1, len(group))), k)[0])

    @cached_property
    def row_values(self) -> dict[tuple[str, str], Floats]:
        """Values a row, (n,), by metric and name; what cannot be computed is left out."""
        found: dict[tuple[str, str], Floats] = {}
        reference = self.rows[self.teacher.run_id].probabilities if self.teacher else None
        for name, one in self.rows.items():
            if one.nll is not None:
                found["nll", name] = one.nll
            if reference is not None and one.probabilities is not None and name in self.students:
                found["js", name] = js_divergence(reference, one.probabilities)
        return found

    @cached_property
    def _value_sums(self) -> dict[tuple[str, str], Floats]:
        group, k = self._parts
        wanted = self.row_values
        if not wanted:
            return {}
        drawn = self.runs.counts(next(iter(self.by_name.values())))
        lines = np.stack(list(wanted.values()))
        sums = self._kept("values", wanted, lambda: boot_sums(drawn, np.broadcast_to(group, lines.shape), lines, k))
        return dict(zip(wanted, sums, strict=True))

    @cached_property
    def _gap_sums(self) -> dict[str, Floats]:
        """Confidence minus correctness summed by group and calibration bin, (groups, bins, R), by name."""
        group, k = self._parts
        sure = {name: one for name, one in self.rows.items() if one.confidence is not None}
        if not sure:
            return {}
        drawn = self.runs.counts(next(iter(self.by_name.values())))
        bins, gaps = [], []
        for one in sure.values():
            assert one.confidence is not None  # noqa: S101 - for the type checker
            bins.append(group * BINS + bin_index(one.confidence, BINS))
            gaps.append(one.confidence - one.correct)
        sums = self._kept("gaps", sure, lambda: boot_sums(drawn, np.stack(bins), np.stack(gaps), k * BINS))
        return {name: part.reshape(k, BINS, -1) for name, part in zip(sure, sums, strict=True)}

    def _kept(self, what: str, lines: Iterable[Hashable], make: Callable[[], Floats]) -> Floats:
        """Sums over resamples, made once a process for the same runs, recipes and tiers."""
        teacher = self.teacher.root if self.teacher else None
        tiers = hashlib.sha256(self._parts[0].tobytes()).hexdigest()
        return kept(f"board-{what}", tuple(self.by_name.values()), make, self.runs.split, teacher, tiers, tuple(lines))

    def has(self, metric: str, *names: str) -> bool:
        """Whether a metric of row values can be computed for all of these."""
        if metric == "ece":
            return all(self.rows[name].confidence is not None for name in names)
        return all((metric, name) in self.row_values for name in names)

    def mask(self, tier: Tier, held: bool = False) -> Bools:
        """Rows of a tier, or those of them on the evaluation fold."""
        return tier.rows & self.held if held else tier.rows

    def point(self, metric: str, name: str, tier: Tier, held: bool = False) -> float:
        """A metric of a run on a tier's rows."""
        mask = self.mask(tier, held)
        if metric != "ece":
            return float(self.row_values[metric, name][mask].mean())
        one = self.rows[name]
        assert one.confidence is not None  # noqa: S101 - for the type checker: `has` was asked
        return ece(one.confidence[mask], one.correct[mask], BINS)

    def samples(self, metric: str, name: str, tier: Tier, held: bool = False) -> Floats:
        """The same in every resample, (R,); NaN where a resample drew no such row."""
        groups = [2 * at + 1 for at in self._positions(tier)]
        groups += [] if held else [group - 1 for group in groups]
        totals = self._totals[groups].sum(axis=0)
        if metric == "ece":
            sums = np.abs(self._gap_sums[name][groups].sum(axis=0)).sum(axis=0)
        else:
            sums = self._value_sums[metric, name][groups].sum(axis=0)
        result = np.full(totals.shape, np.nan)
        np.divide(sums, totals, out=result, where=totals > 0)
        return result

    def _positions(self, tier: Tier) -> range:
        if tier.name == ALL:
            return range(max(1, len(self.tiers) - 1))
        at = [one.name for one in self.tiers].index(tier.name)
        return range(at, at + 1)

    def change(self, metric: str, a: str, b: str, tier: Tier, held: bool = False) -> Difference:
        """Paired difference b − a; rows whose prediction differs count as changed."""
        mask = self.mask(tier, held)
        moved = int((self.rows[a].predictions != self.rows[b].predictions)[mask].sum())
        points = self.point(metric, a, tier, held), self.point(metric, b, tier, held)
        samples = self.samples(metric, b, tier, held) - self.samples(metric, a, tier, held)
        return difference(metric, points, samples, int(mask.sum()), moved)
