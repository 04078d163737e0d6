"""Slices of the reporting split: two models on each, with paired intervals from the memo's one matrix."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reportgen.bundle.kept import kept
from reportgen.data.slices import AXES, slice_axes
from reportgen.stats import boot_models, compare, holm, interval

from .model import Column, Figure, Interval, Scalar, Table, Value
from .numbers import listing, plural, show
from .runs import PAIRED

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from reportgen.stats import Difference

    from .pair import Pair
    from .runs import Runs

METRIC = "macro_f1_present"
MIN_ROWS = 30
"""Slices with fewer rows are listed and neither tested nor drawn; they name no axis."""
_NEEDS = dict(
    zip(AXES, ("chars", "redacted", "tokens", "numeric", "opener_I", "caps_share"), strict=True),
)
AXIS_NAMES = {
    "char_length": "text length, quarters by characters",
    "redaction": "redaction",
    "tok_length": "tokens",
    "numeric": "amounts and long numbers",
    "opener_I": "text opens with “I”",
    "allcaps": "words in capitals",
}


@dataclass(frozen=True, eq=False)
class Slice:
    """One slice: the paired difference on its rows. `p` is raw, `adjusted` Holm's; both NaN where it is not tested."""

    axis: str
    name: str
    n: int
    classes: int
    difference: Difference
    samples: NDArray[np.float64]
    p: float
    adjusted: float

    @property
    def thin(self) -> bool:
        """Too few rows to be tested."""
        return self.n < MIN_ROWS

    @property
    def tested(self) -> bool:
        """Whether it has the rows, and its axis another slice that has them too."""
        return not np.isnan(self.p)

    @property
    def holds(self) -> bool:
        """Whether the interval includes zero."""
        return self.difference.verdict == "null"


@dataclass(frozen=True, eq=False)
class Axis:
    """An axis: its slices, the largest gap on it, and how far its slices' gaps lie apart."""

    name: str
    slices: tuple[Slice, ...]
    widest: Slice
    contrast: float
    """Largest gap − smallest gap between two slices of 30 rows or more."""
    low: float
    high: float

    @property
    def contrasts(self) -> bool:
        """Whether at least two slices have the rows a contrast needs."""
        return sum(not part.thin for part in self.slices) > 1

    @property
    def null(self) -> bool:
        """Whether every interval on the axis includes zero."""
        return all(part.holds for part in self.slices if not part.thin)


def features(runs: Runs, pair: Pair) -> tuple[pd.DataFrame, list[str]] | None:
    """Slice features of the pair's rows and the axes they allow; None where no run kept features.

    Each feature is that of the first run that stored it, the reference first.
    """
    split = runs.split or "val"
    ids = pair.reference.predictions(split).row_ids
    others = [run for run in runs.scored if run not in pair.both and not runs.why_not(run, pair.reference)]
    stored = [rows for run in (*pair.both, *others) if (rows := run.rows(split)) is not None]
    found = None
    for rows in stored:
        if "row_id" not in rows or not np.array_equal(rows["row_id"].to_numpy(object), ids):
            continue
        found = rows[["row_id"]].copy() if found is None else found
        for column in _NEEDS.values():
            whole = column in rows and (column == "tokens" or rows[column].notna().all())
            if whole and column not in found:
                found[column] = rows[column].to_numpy()
    if found is None:
        return None
    axes = [axis for axis, column in _NEEDS.items() if column in found]
    return found, axes


def cut(frame: pd.DataFrame, axes: list[str], max_length: int) -> dict[str, NDArray[np.object_]]:
    """Slice name of each row on each axis that the stored features allow."""
    absent = {column: 0 for column in _NEEDS.values() if column not in frame}
    whole = frame.assign(**absent)
    whole["tokens"] = whole["tokens"].astype("Int32")
    made = slice_axes(whole, max_length)
    return {axis: names for axis, names in made.items() if axis in axes}


def measure(runs: Runs, pair: Pair, axes: dict[str, NDArray[np.object_]]) -> tuple[Axis, ...]:
    """Both models on every slice; p-values are Holm-adjusted over all slices that are tested."""
    drawn = tuple((axis, hashlib.sha256("\n".join(names).encode()).hexdigest()) for axis, names in axes.items())
    return kept("slices", pair.both, lambda: _measure(runs, pair, axes), runs.split, drawn)


def _measure(runs: Runs, pair: Pair, axes: dict[str, NDArray[np.object_]]) -> tuple[Axis, ...]:
    split = runs.split or "val"
    rows = pair.reference.predictions(split)
    answers = [run.predictions(split).predictions for run in pair.both]
    k, counts = len(pair.reference.labels.names), runs.counts(pair.reference)
    raw = []
    for axis, names in axes.items():
        # A slice that holds the rows of all but a few is the whole split again, and no further test of anything.
        splits = sum(int((names == name).sum()) >= MIN_ROWS for name in set(names)) > 1
        for name in dict.fromkeys(sorted(set(names), key=_order)):
            mask = names == name
            models = boot_models(counts, rows.labels, answers, k, mask=mask)
            samples = models[1].samples(METRIC) - models[0].samples(METRIC)
            found = compare(models[0], models[1], METRIC)
            p = two_sided(samples) if splits and found.n >= MIN_ROWS else float("nan")
            raw.append((axis, str(name), len(np.unique(rows.labels[mask])), found, samples, p))
    adjusted = np.array([entry[-1] for entry in raw])
    adjusted[~np.isnan(adjusted)] = holm(adjusted[~np.isnan(adjusted)])
    slices = [
        Slice(axis, name, found.n, classes, found, samples, p, float(q))
        for (axis, name, classes, found, samples, p), q in zip(raw, adjusted, strict=True)
    ]
    return tuple(_axis(name, [part for part in slices if part.axis == name]) for name in axes)


def two_sided(samples: NDArray[np.float64]) -> float:
    """Bootstrap p-value of "no difference": twice the smaller tail at zero, (1 + count) / (1 + R), at most 1.

    Davison & Hinkley (1997).
    """
    drawn = samples[~np.isnan(samples)]
    if not drawn.size:
        return 1.0
    tail = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    return min(1.0, 2 * (1 + tail) / (1 + drawn.size))


def _axis(name: str, slices: list[Slice]) -> Axis:
    fit = [part for part in slices if not part.thin] or slices
    top = max(fit, key=lambda part: part.difference.delta)
    bottom = min(fit, key=lambda part: part.difference.delta)
    low, high = interval(top.samples - bottom.samples)
    widest = max(fit, key=lambda part: abs(part.difference.delta))
    return Axis(name, tuple(slices), widest, top.difference.delta - bottom.difference.delta, low, high)


def tested(axes: tuple[Axis, ...]) -> list[Slice]:
    """The slices that are tested."""
    return [part for axis in axes for part in axis.slices if part.tested]


def untested(slices: list[Slice]) -> str | None:
    """Which slices are not tested, as a note."""
    thin = [f"{part.axis}: {part.name} ({part.n})" for part in slices if part.thin]
    whole = [f"{part.axis}: {part.name} ({part.n:,})" for part in slices if not part.thin and not part.tested]
    said = [f"Fewer than {MIN_ROWS} rows, not tested: {listing(thin)}."] if thin else []
    said += [f"No second slice on the axis, not tested: {listing(whole)}."] if whole else []
    return " ".join(said) or None


def signal(axes: tuple[Axis, ...]) -> Axis:
    """The axis with the largest gap between the models on one of its slices."""
    usable = [axis for axis in axes if axis.contrasts] or list(axes)
    return max(usable, key=lambda axis: abs(axis.widest.difference.delta))


def null(axes: tuple[Axis, ...], strongest: Axis) -> tuple[Axis, str] | None:
    """The axis without signal and the rule that names it.

    All intervals on it include zero; else, where the models differ everywhere, the gaps of its slices are not told
    apart. Of several such axes the one whose gaps lie closest together.
    """
    rest = [axis for axis in axes if axis is not strongest and axis.contrasts]
    for rule, fitting in (
        ("every interval on it includes zero", [axis for axis in rest if axis.null]),
        (
            "the models differ on it, but by about as much in each slice: the interval of the contrast includes zero",
            [axis for axis in rest if axis.low <= 0 <= axis.high],
        ),
    ):
        if fitting:
            return min(fitting, key=lambda axis: axis.contrast), rule
    return None


def slice_table(runs: Runs, pair: Pair, axes: tuple[Axis, ...], table_id: str) -> Table:
    """All slices with both models and their difference."""
    a, b = (run.run_id for run in pair.both)
    rows: list[dict[str, Scalar | Value]] = []
    for part in (part for axis in axes for part in axis.slices):
        found = part.difference
        shared = {"unit": "score", "split": runs.split, "n": part.n, "field": "rows.parquet"}
        metric = slice_metric(part)
        rows.append(
            {
                "slice": f"{part.axis}: {part.name}",
                "n": part.n,
                "classes": part.classes,
                "a": Value(metric, found.a, run=a, **shared),  # type: ignore[arg-type]
                "b": Value(metric, found.b, run=b, **shared),  # type: ignore[arg-type]
                "difference": slice_value(runs, pair, part),
                "p": part.p if part.tested else None,
                "holm": part.adjusted if part.tested else None,
                "reading": reading(part),
            }
        )
    return Table(
        id=table_id,
        caption=f"Macro F1 on each slice of {runs.split}, over the classes seen there (true or predicted), not over "
        f"the whole label list. Difference: {b} − {a} with its 95 % paired interval. p: two-sided, from the same "
        f"resamples; Holm: adjusted over the {plural(len(tested(axes)), 'slice')} of {MIN_ROWS} rows or more on axes "
        "that have two such. Exploratory: the axes were not chosen beforehand.",
        columns=(
            Column("slice", "Slice"),
            Column("n", "Rows", "count"),
            Column("classes", "Classes", "count", help="with rows"),
            Column("a", a, "score"),
            Column("b", b, "score"),
            Column("difference", "Difference", "score"),
            Column("p", "p", "p"),
            Column("holm", "Holm", "p"),
            Column("reading", "Reading", wide=True),
        ),
        rows=tuple(rows),
        row_header="slice",
    )


def reading(part: Slice) -> str:
    """What a slice may be said to show."""
    if part.thin:
        return f"fewer than {MIN_ROWS} rows"
    if not part.tested:
        return "no second slice"
    if part.holds:
        return "exploratory: no difference shown"
    if part.adjusted < 0.05:
        return "exploratory: holds after Holm"
    return "exploratory: not after Holm"


def slice_metric(part: Slice) -> str:
    """A name the author can cite: `slice_f1.tok_length.1_30`."""
    return f"slice_f1.{part.axis}.{part.name.replace('-', '_')}"


def slice_value(runs: Runs, pair: Pair, part: Slice) -> Value:
    """The difference on one slice."""
    found = part.difference
    return Value(
        metric=slice_metric(part),
        value=found.delta,
        unit="score",
        run=pair.candidate.run_id,
        baseline=pair.reference.run_id,
        split=runs.split,
        n=part.n,
        interval=Interval(found.low, found.high, method=PAIRED),
        field="rows.parquet",
    )


def forest(runs: Runs, pair: Pair, axes: tuple[Axis, ...], figure_id: str) -> Figure:
    """The differences of all slices with their intervals."""
    a, b = (run.run_id for run in pair.both)
    slices = tested(axes)
    up = sum(part.difference.low > 0 for part in slices)
    down = sum(part.difference.high < 0 for part in slices)
    held = sum(part.adjusted < 0.05 for part in slices)
    return Figure(
        id=figure_id,
        kind="forest",
        caption=f"Difference in macro F1 over the classes seen, {b} − {a}, on each slice of {runs.split} with its "
        "95 % paired interval. Filled: the interval excludes zero. Exploratory.",
        finding=f"Of {len(slices)} slices the interval lies above zero on {up} (for {b}), below zero on {down} "
        f"(for {a}) and includes zero on {len(slices) - up - down}; {held} hold after Holm's adjustment.",
        data={
            "axes": [
                {
                    "id": axis.name,
                    "name": AXIS_NAMES.get(axis.name, axis.name),
                    "slices": [
                        {
                            "name": part.name,
                            "n": part.n,
                            "delta": part.difference.delta,
                            "low": part.difference.low,
                            "high": part.difference.high,
                            "state": "null" if part.holds else "up" if part.difference.delta > 0 else "down",
                        }
                        for part in axis.slices
                        if part.tested
                    ],
                }
                for axis in axes
                if axis.contrasts
            ],
            "run": b,
            "baseline": a,
        },
    )


def entanglement(frame: pd.DataFrame, axes: dict[str, NDArray[np.object_]]) -> str | None:
    """How far redactions, which are capitals, make up the axis of capitals."""
    if "allcaps" not in axes or "redacted" not in frame:
        return None
    redacted, high = frame["redacted"].to_numpy(bool), axes["allcaps"] == "caps_high"
    if high.all() or not high.any() or not redacted.any():
        return None
    shares = [show(float(redacted[rows].mean()), "fraction") for rows in (high, ~high)]
    return (
        f"XXXX counts as capitals: {shares[0]} of the caps_high rows are redacted, {shares[1]} of the caps_low ones. "
        "allcaps and redaction are not two independent axes."
    )


_ORDER = ("q1_shortest", "q2", "q3", "q4_longest", "redacted", "clean", "1-30", "31-80")


def _order(name: str) -> tuple[int, str]:
    return (_ORDER.index(name) if name in _ORDER else len(_ORDER) + (name == "unknown"), name)
