"""The noise floor: how far two runs drift apart for no reason but the seed or the sample of rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .experiments import Experiment, seed_pairs
from .model import Column, Scalar, Table, Value
from .numbers import plural, show

if TYPE_CHECKING:
    from reportgen.bundle import Bundle

    from .runs import Runs


@dataclass(frozen=True, eq=False)
class NoiseFloor:
    """Differences in macro F1 that say nothing.

    Attributes:
        pairs: runs that differ in their seed only.
        deltas: |Δ macro F1| of each pair, in the order of `pairs`.
        half_width: half the 95 % paired interval, the median over `compared` comparisons; None without any.
        compared: comparisons it is the median of.
    """

    pairs: tuple[tuple[Bundle, Bundle], ...]
    deltas: tuple[float, ...]
    half_width: float | None
    compared: int

    @property
    def seed(self) -> float | None:
        """The largest |Δ| between two seeds."""
        return max(self.deltas, default=None)

    @property
    def floor(self) -> float | None:
        """The larger of the two: a difference has to clear both."""
        known = [value for value in (self.seed, self.half_width) if value is not None]
        return max(known, default=None)

    @property
    def source(self) -> str:
        """Which of the two the floor is."""
        from_seeds = self.seed is not None and self.seed == self.floor
        return "the largest difference between two seeds" if from_seeds else "half the paired interval"

    def above(self, delta: float) -> bool:
        """Whether a difference clears the floor."""
        return self.floor is not None and abs(delta) > self.floor


def noise_floor(runs: Runs, found: list[Experiment]) -> NoiseFloor:
    """The noise floor of macro F1 on the reporting split."""
    pairs = seed_pairs(runs)
    deltas = tuple(abs(runs.scores(a).macro_f1 - runs.scores(b).macro_f1) for a, b in pairs)
    compared = [(one.run, one.reference) for one in found] or pairs
    widths = []
    for run, reference in compared:
        _, difference = runs.difference(run, reference, "macro_f1")
        widths.append((difference.high - difference.low) / 2)
    return NoiseFloor(tuple(pairs), deltas, float(np.median(widths)) if widths else None, len(widths))


def floor_sentence(noise: NoiseFloor) -> str:
    """The floor in words, with what it rests on."""
    if noise.floor is None:
        return ""
    seeds = (
        f"Two seeds of one recipe differ by up to {show(noise.seed, 'score')} in macro F1 "
        f"({plural(len(noise.pairs), 'pair')})."
        if noise.seed is not None
        else "No two runs differ in their seed only, so the seed's part is unknown."
    )
    rows = (
        f" Half the 95 % paired interval is {show(noise.half_width, 'score')} (median of "
        f"{plural(noise.compared, 'comparison')})."
        if noise.half_width is not None
        else ""
    )
    return f"{seeds}{rows} The floor is the larger: {show(noise.floor, 'score')}, {noise.source}."


def tag(noise: NoiseFloor, delta: float, verdict: str) -> str:
    """What a difference is worth beside both kinds of noise; never more than the weaker of the two says."""
    if noise.floor is None:
        return "no floor"
    if not noise.above(delta):
        return "below the floor"
    return "above the floor" if verdict == "real" else f"above the floor, but {verdict}"


def tagged_table(runs: Runs, found: list[Experiment], noise: NoiseFloor, table_id: str) -> Table:
    """Every experiment's difference in macro F1 beside the floor."""
    rows: list[dict[str, Scalar | Value]] = []
    for one in found:
        value, difference = runs.difference(one.run, one.reference, "macro_f1")
        is_seed = one.keys == ("seed",)
        rows.append(
            {
                "run": one.run.run_id,
                "reference": one.reference.run_id,
                "control": one.badge,
                "delta": value,
                "times": abs(difference.delta) / noise.floor if noise.floor else None,
                "changed": difference.changed,
                "verdict": difference.verdict,
                "tag": "seed pair: measures the floor" if is_seed else tag(noise, difference.delta, difference.verdict),
            }
        )
    return Table(
        id=table_id,
        caption=f"Each difference in macro F1 on {runs.split} beside the noise floor of {show(noise.floor, 'score')} "
        f"({noise.source}). Real: the 95 % interval excludes 0 and 20 predictions or more changed.",
        columns=(
            Column("run", "Run"),
            Column("reference", "Against"),
            Column("control", "Control", wide=True),
            Column("delta", "ΔMacro F1", "score"),
            Column("times", "|Δ| / floor", "ratio"),
            Column("changed", "Changed", "count", help="predictions"),
            Column("verdict", "Verdict"),
            Column("tag", "Beside the floor", wide=True),
        ),
        rows=tuple(rows),
        row_header="run",
    )
