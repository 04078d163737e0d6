"""Week 5's third section: calibration of every configuration before and after its own temperature, and at a gate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reportgen.stats import coverage, interval, reliability

from .calibrated import BINS, THIN, fold_name
from .configurations import configurations
from .context import Context, SectionEvidence
from .model import Column, Figure, Interval, Scalar, Table, Value
from .numbers import listing, plural, show, show_interval, show_size
from .runs import WILSON
from .week4figures import beside_week4
from .wording import DATA_NOISE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reportgen.stats import Covered

    from .configurations import Configuration, Group
    from .runs import Runs
    from .scaling import Scaled

STAGE = "week5"
GATE = 0.8
"""Confidence from which the course automates, unless the author names another."""


def gate_of(context: Context) -> tuple[float, str | None]:
    """The gate, and why it is not the author's where what they wrote is no confidence."""
    said = (context.declared or {}).get("gate", "").strip()
    if not said:
        return GATE, None
    try:
        number = float(said.rstrip("%")) / (100 if said.endswith("%") else 1)
    except ValueError:
        number = -1.0
    if 0 < number < 1:
        return number, None
    return GATE, f"Your front matter's gate {said!r} is no confidence between 0 and 1; {GATE:g} is used."


def calibration_section(context: Context, groups: Sequence[Group], scaled: Mapping[str, Scaled]) -> SectionEvidence:
    """Section w5.s3."""
    found, runs = SectionEvidence(), context.runs
    members = [member for member in configurations(groups) if member.name in scaled]
    silent = [member.name for member in configurations(groups) if member.name not in scaled]
    if not members:
        why = f"{listing(silent)} stored no logits a temperature could divide."
        for number in (1, 2, 3, 5):
            found.missing(f"w5.s3.e{number}", context.command(STAGE), why)
        beside_week4(context, groups, {}, found)
        return found
    first = scaled[members[0].name]
    lacking = f"{listing(silent)} stored no logits a temperature could divide: not measured." if silent else None
    drawn = [member for group in groups if not group.extra for member in group.members if member.name in scaled]
    table, figure = _table(runs, groups, scaled), _diagram(drawn or members, scaled)
    found.tables.append(table)
    found.figures.append(figure)
    found.answer(
        "w5.s3.e1",
        _moved(groups, scaled),
        *(_value(runs, scaled[one.name], "ece", scaled[one.name].ece) for one in members),
        exhibits=(table.id, figure.id),
        caveats=[
            f"ECE in {BINS} bins, on half of {runs.split} (n = {first.n:,}): not comparable with the whole split.",
            DATA_NOISE,
            lacking,
        ],
    )
    courses = [one for one in scaled.values() if one.course is not None and not one.course.converged]
    failed = [one.run.run_id for one in scaled.values() if not one.temperature.converged]
    found.answer(
        "w5.s3.e2",
        _temperatures(groups, scaled),
        *(_value(runs, scaled[one.name], "temperature", scaled[one.name].temperature.t) for one in members),
        verification="bound",
        exhibits=(table.id,),
        caveats=[
            f"Fitted to convergence. The course's own recipe stops before it has converged on "
            f"{len(courses)} of {len(scaled)} runs; its ECE after scaling stands in the last column and would "
            "understate what scaling recovers."
            if courses and all(_understates(one) for one in courses)
            else f"Fitted to convergence. The course's own recipe stops early on {len(courses)} of {len(scaled)} runs; "
            "what it leaves stands in the last column."
            if courses
            else None,
            f"Not converged: {listing(failed)}." if failed else None,
            "A temperature belongs to one model in one precision: none is reused for another.",
            lacking,
        ],
    )
    changed = sum(one.changed for one in scaled.values())
    found.answer(
        "w5.s3.e3",
        f"T is fitted on {first.fitted_on:,} rows (fold A) and every figure is of the other {first.n:,} (fold B). "
        f"{plural(changed, 'prediction')} changed by scaling.",
        Value("calibration_rows", first.fitted_on, "count", split=fold_name(runs, "cal"), field="predictions.parquet"),
        Value("evaluation_rows", first.n, "count", split=fold_name(runs), field="predictions.parquet"),
        verification="bound",
        exhibits=(table.id,),
        caveats=["The folds are a seeded permutation of the rows, the same for every run and as in week 4."],
    )
    beside_week4(context, groups, scaled, found)
    _gate(context, members, scaled, found)
    return found


def _understates(one: Scaled) -> bool:
    return one.course_ece is not None and one.course_ece > one.ece_after


def _value(runs: Runs, one: Scaled, metric: str, number: float) -> Value:
    fitted = metric == "temperature"
    low_high = one.bounds_after if metric == "ece_scaled" else None
    return Value(
        metric,
        number,
        "number" if fitted else "score",
        run=one.run.run_id,
        split=fold_name(runs, "cal" if fitted else "eval"),
        n=one.fitted_on if fitted else one.n,
        interval=None
        if low_high is None
        else Interval(*low_high, method="bootstrap over the rows of the evaluation fold, centred on the figure"),
        field="predictions.parquet",
    )


def scaled_value(runs: Runs, one: Scaled) -> Value:
    """ECE after scaling with its interval."""
    return _value(runs, one, "ece_scaled", one.ece_after)


def _moved(groups: Sequence[Group], scaled: Mapping[str, Scaled]) -> str:
    """Per model: what compression did to calibration before scaling, and whether scaling brings it back."""
    said = []
    for group in groups:
        reference = scaled.get(group.reference.run_id) if group.reference is not None else None
        for member in group.compressed:
            one = scaled.get(member.name)
            if reference is None or one is None:
                continue
            before = interval(one.samples - reference.samples)
            after = interval(one.samples_after - reference.samples_after)
            gap = one.ece_after - reference.ece_after
            said.append(
                f"{member.name} against {reference.run.run_id}: {_changed(one.ece - reference.ece, before)} before "
                f"scaling, {_changed(gap, after)} after."
            )
    return " ".join(said) or "ECE of each configuration, before and after its own temperature."


def _changed(delta: float, bounds: tuple[float, float]) -> str:
    low, high = bounds
    span = f"[{show(low, 'score', signed=True)}, {show(high, 'score', signed=True)}]"
    if low <= 0 <= high:
        return f"not told apart {span}"
    return f"{show_size(delta, 'score')} {'higher' if delta > 0 else 'lower'} {span}"


def _temperatures(groups: Sequence[Group], scaled: Mapping[str, Scaled]) -> str:
    parts = []
    for group in groups:
        own = [
            (member.precision, scaled[member.name].temperature.t) for member in group.members if member.name in scaled
        ]
        if own:
            parts.append(f"{group.name} {', '.join(f'{name} {t:.3f}' for name, t in own)}")
    above = [one.run.run_id for one in scaled.values() if one.temperature.t > 1]
    every = (
        "every configuration is overconfident (T above 1)"
        if len(above) == len(scaled)
        else (
            "no configuration is overconfident (T at or below 1)"
            if not above
            else f"overconfident (T above 1): {listing(above, 8)}"
        )
    )
    return f"{'; '.join(parts)}; {every}."


def _table(runs: Runs, groups: Sequence[Group], scaled: Mapping[str, Scaled]) -> Table:
    rows: list[dict[str, Scalar | Value]] = []
    for group in groups:
        for member in group.members:
            one = scaled.get(member.name)
            if one is None:
                continue
            gain = Interval(*interval(one.samples_after - one.samples), method="")
            rows.append(
                {
                    "run": member.name,
                    "precision": member.precision,
                    "pre": _value(runs, one, "ece", one.ece),
                    "post": _value(runs, one, "ece_scaled", one.ece_after),
                    "gain": show_interval(gain, "score", signed=True),
                    "t": f"{one.temperature.t:.4f}",
                    "gradient": f"{abs(one.temperature.gradient):.0e}".replace("e-", "e−"),
                    "course_t": None if one.course is None else f"{one.course.t:.4f}",
                    "course": one.course_ece,
                }
            )
    first = next(iter(scaled.values()))
    return Table(
        id="w5-calibration",
        caption=f"Calibration error (ECE, {BINS} bins) by precision. T fitted on fold A ({first.fitted_on:,} rows), "
        f"ECE on fold B (n = {first.n:,}). Change: 95 % paired interval of after − before. Course-compatible: the "
        "course's recipe for week 5 on the same folds, 50 steps at a rate of 0.01, converged or not.",
        columns=(
            Column("run", "Run"),
            Column("precision", "Precision"),
            Column("pre", "ECE before", "score"),
            Column("post", "ECE after", "score"),
            Column("gain", "Change", "number"),
            Column("t", "T", "number"),
            Column("gradient", "|gradient|", "number", help="at T"),
            Column("course_t", "T, course-compatible", "number"),
            Column("course", "ECE after, course-compatible", "score"),
        ),
        rows=tuple(rows),
        row_header="run",
    )


def _diagram(members: Sequence[Configuration], scaled: Mapping[str, Scaled]) -> Figure:
    panels = []
    for member in members:
        one = scaled[member.name]
        series = []
        for name, conf in (("before", one.before), ("after", one.after)):
            bins = reliability(conf, one.correct)
            points = zip(bins.confidence, bins.accuracy, bins.n, bins.low, bins.high, strict=True)
            series.append(
                {
                    "name": name,
                    "points": [
                        {"x": float(x), "y": float(y), "n": int(n), "low": float(low), "high": float(high)}
                        for x, y, n, low, high in points
                    ],
                }
            )
        panels.append({"run": member.name, "series": series})
    n = scaled[members[0].name].n
    ends = "; ".join(f"{m.name} {scaled[m.name].ece:.3f} → {scaled[m.name].ece_after:.3f}" for m in members)
    return Figure(
        id="w5-reliability",
        kind="reliability",
        caption=f"Accuracy against confidence in {BINS} bins on fold B (n = {n:,}), before and after each run's own "
        f"temperature. Below the diagonal a model is overconfident. Faint: fewer than {THIN} rows.",
        finding=f"Calibration error before and after scaling: {ends}.",
        data={"panels": panels},
    )


def _gate(
    context: Context, members: Sequence[Configuration], scaled: Mapping[str, Scaled], found: SectionEvidence
) -> None:
    runs = context.runs
    gate, wrong = gate_of(context)
    rows: list[dict[str, Scalar | Value]] = []
    at: dict[str, tuple[Covered, Covered]] = {}
    for member in members:
        one = scaled[member.name]
        raw, after = (coverage(conf, one.correct, (gate,))[0] for conf in (one.before, one.after))
        at[member.name] = (raw, after)
        rows.append(
            {
                "run": member.name,
                "n": raw.n_covered,
                "coverage": raw.coverage,
                "accuracy": accuracy_value(runs, one, raw, "accuracy_at_gate"),
                "n_after": after.n_covered,
                "coverage_after": after.coverage,
                "accuracy_after": accuracy_value(runs, one, after, "accuracy_at_gate_scaled"),
            }
        )
    n = scaled[members[0].name].n
    table = Table(
        id="w5-gate",
        caption=f"What a gate at confidence {gate:g} lets through on fold B (n = {n:,}), before and after each run's "
        f"own temperature: rows covered, their share, and the accuracy on them (95 % {WILSON} intervals).",
        columns=(
            Column("run", "Run"),
            Column("n", "Covered", "count", help="before"),
            Column("coverage", "Coverage", "fraction", help="before"),
            Column("accuracy", "Accuracy", "fraction", help="before"),
            Column("n_after", "Covered", "count", help="after"),
            Column("coverage_after", "Coverage", "fraction", help="after"),
            Column("accuracy_after", "Accuracy", "fraction", help="after"),
        ),
        rows=tuple(rows),
        row_header="run",
    )
    found.tables.append(table)
    said = [
        f"{name} {show(after.coverage, 'fraction')} covered"
        + (f", {show(after.accuracy, 'fraction')} of them right" if after.accuracy is not None else "")
        for name, (_, after) in at.items()
    ]
    thin = [name for name, (_, after) in at.items() if after.n_covered < THIN]
    found.answer(
        "w5.s3.e5",
        f"At confidence {gate:g}, after scaling: {'; '.join(said)}.",
        verification="bound",
        exhibits=(table.id,),
        caveats=[
            wrong,
            f"Fewer than {THIN} rows covered: {listing(thin)}." if thin else None,
            "The same gate lets different rows through in each configuration: compare coverage and accuracy together.",
        ],
    )


def accuracy_value(runs: Runs, one: Scaled, covered: Covered, metric: str) -> Value | None:
    """Accuracy on the covered rows, with its interval; None where there are none."""
    if covered.accuracy is None or covered.low is None or covered.high is None:
        return None
    bounds = Interval(covered.low, covered.high, method=WILSON)
    shared = {"run": one.run.run_id, "split": fold_name(runs), "n": covered.n_covered, "field": "predictions.parquet"}
    return Value(metric, covered.accuracy, "fraction", interval=bounds, **shared)  # type: ignore[arg-type]
