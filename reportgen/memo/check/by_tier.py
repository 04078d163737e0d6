"""Figures of one tier's rows, computed again from a record: masked F1 and calibration error."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from reportgen.stats import TIER_RULES, boot_ece, boot_scores, compare, ece, interval, per_class, tiers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reportgen.stats import BootScores, RowCounts

    from ..record import RecordValue
    from .recompute import Rows

    Bools = NDArray[np.bool_]

MASKED, ECE = "_masked_f1", "_ece"
Found = tuple[float, float | None, float | None, str | None]
"""Value, bounds and verdict."""


@dataclass(eq=False)
class Tiers:
    """Resamples of tiers, each drawn once. `counts` is None where nobody asked for intervals."""

    rows: dict[str, Rows]
    counts: dict[int, RowCounts] | None
    _boots: dict[tuple[str, bytes], BootScores] = field(default_factory=dict)

    def again(self, value: RecordValue) -> list[Found]:
        """Answers under every tier rule that has such a tier of so many rows."""
        suffix = next((one for one in (MASKED, ECE) if value.metric.endswith(one)), None)
        rows = self.rows[value.run or ""]
        base = self.rows.get(value.baseline) if value.baseline else None
        if suffix is None or len(rows.train_counts) != rows.k:
            return []
        if value.baseline and (base is None or base.set != rows.set):
            return []
        tier, found = value.metric.removesuffix(suffix), []
        for rule in TIER_RULES:
            classes = tiers(np.array(rows.train_counts), rule) == tier
            inside = classes[rows.labels]
            if not inside.any() or value.n not in (None, int(inside.sum())):
                continue
            one = self._masked(value, classes, inside) if suffix == MASKED else self._ece(value, inside)
            found += [one] if one else []
        return found

    def _masked(self, value: RecordValue, classes: Bools, inside: Bools) -> Found:
        run, baseline = value.run or "", value.baseline
        point = _f1(self.rows[run], classes, inside)
        if baseline:
            point -= _f1(self.rows[baseline], classes, inside)
        if value.interval is None or self.counts is None:
            return point, None, None, None
        boot = self._boot(run, classes, inside)
        if baseline:
            difference = compare(self._boot(baseline, classes, inside), boot)
            return point, difference.low, difference.high, difference.verdict
        return point, *boot.interval("macro_f1"), None

    def _boot(self, run: str, classes: Bools, inside: Bools) -> BootScores:
        key = run, classes.tobytes()
        if key not in self._boots:
            rows = self.rows[run]
            assert self.counts is not None  # noqa: S101 - for the type checker: asked for intervals
            counts = self.counts[len(rows.labels)]
            self._boots[key] = boot_scores(counts, rows.labels, rows.predictions, rows.k, mask=inside, classes=classes)
        return self._boots[key]

    def _ece(self, value: RecordValue, inside: Bools) -> Found | None:
        chosen = [self.rows[name] for name in (value.run, value.baseline) if name]
        sides = [(rows.confidence, rows.predictions == rows.labels) for rows in chosen]
        points, samples = [], []
        for conf, hits in sides:
            if conf is None:
                return None
            points.append(ece(conf[inside], hits[inside]))
            if value.interval is not None and self.counts is not None:
                samples.append(boot_ece(self.counts[len(hits)], conf, hits, mask=inside))
        point = points[0] - sum(points[1:])
        if not samples:
            return point, None, None, None
        low, high = interval(samples[0] - samples[1] if len(samples) > 1 else samples[0])
        return point, low, high, None


def _f1(rows: Rows, classes: Bools, inside: Bools) -> float:
    return float(per_class(rows.labels[inside], rows.predictions[inside], rows.k).f1[classes].mean())
