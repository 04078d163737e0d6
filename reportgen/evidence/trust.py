"""Week 4's second section: whose confidence can be trusted, before and after a temperature."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from reportgen.stats import MIN_CHANGED

from . import calibrated, tail
from .context import Context, SectionEvidence
from .numbers import listing, plural, show
from .pair import Pair
from .wording import DATA_NOISE

if TYPE_CHECKING:
    from reportgen.stats import Difference

    from .calibrated import Calibration


def calibration_section(context: Context, pair: Pair) -> SectionEvidence:
    """Calibration error, temperature and ranking of both models, before and after scaling."""
    found, runs = SectionEvidence(), context.runs
    runs.counts(pair.reference)
    # NumPy lets go of the interpreter while it takes exponentials: the two fits share two cores.
    with ThreadPoolExecutor(2) as pool:
        fits = list(pool.map(lambda run: calibrated.calibrate(runs, run), pair.both))
    every = dict(zip((run.run_id for run in pair.both), fits, strict=True))
    both = [one for one in every.values() if one is not None]
    lacking = [run for run in pair.both if every[run.run_id] is None]
    if not both:
        why = f"{listing([run.run_id for run in lacking])} stored no logits a temperature could divide."
        for number in range(1, 6):
            found.missing(f"w4.s2.e{number}", context.command(lacking[0].manifest.runner), why)
        return found
    one_only = [f"{run.run_id} stored no logits a temperature could divide: not measured." for run in lacking]
    table = calibrated.table(runs, both, "w4-calibration")
    figure = calibrated.diagram(runs, both, "w4-reliability")
    found.tables += [table, calibrated.more(both, "w4-calibration-more")]
    found.figures.append(figure)
    tail_said = _tail_calibration(context, pair, both, found)
    n = both[0].n
    found.answer(
        "w4.s2.e1",
        f"On the evaluation fold: {_listed(both, 'before')}.",
        *(calibrated.value(runs, one, "ece", one.before.ece) for one in both),
        exhibits=(table.id, figure.id),
        caveats=[f"Half of {runs.split} (n = {n:,}): not comparable with figures of the whole split.", *one_only],
    )
    gains = [calibrated.between(one.before, one.after, 0) for one in both]
    found.answer(
        "w4.s2.e2",
        f"With each model's own T: {_listed(both, 'after')}. "
        + " ".join(f"{one.run.run_id}: {_change(gain.low, gain.high)}" for one, gain in zip(both, gains, strict=True)),
        *(calibrated.value(runs, one, "ece_scaled", one.after.ece) for one in both),
        verification="bound",
        exhibits=(table.id, figure.id),
        caveats=["T was fitted on the other half of the rows.", tail_said, *one_only],
    )
    failed = [one.run.run_id for one in both if not one.temperature.converged]
    courses = [f"{one.run.run_id} {one.course.t:.4f}" for one in both if one.course is not None]
    found.answer(
        "w4.s2.e3",
        "; ".join(f"{one.run.run_id} is {_sharp(one)}" for one in both) + ".",
        *(calibrated.value(runs, one, "temperature", one.temperature.t, "number") for one in both),
        verification="bound",
        exhibits=(table.id,),
        caveats=[
            f"Fitted on {both[0].fitted_on:,} rows to a gradient below 1e-6; the course's own recipe gives "
            f"{listing(courses)}."
            if courses
            else None,
            f"Not converged: {listing(failed)}." if failed else None,
            "A temperature belongs to one model in one precision: fit it again for any other.",
            *one_only,
        ],
    )
    changed = sum(one.changed for one in both)
    same = [f"{one.run.run_id} {show(one.before.macro_f1, 'score')} before and after" for one in both]
    present = calibrated.classes_present(runs, both[0])
    found.answer(
        "w4.s2.e4",
        f"{listing(same)}; {plural(changed, 'prediction')} changed.",
        *(calibrated.value(runs, one, "macro_f1_scaled", one.after.macro_f1) for one in both),
        verification="bound",
        caveats=[
            (
                f"On the evaluation fold, over the whole label list; {present} of its {len(both[0].run.labels.names)} "
                "classes have rows there, so it is not the macro F1 of the whole split."
            )
        ],
    )
    if len(both) < 2:
        why = f"{one_only[0]} A ranking needs both."
        found.missing("w4.s2.e5", context.command(lacking[0].manifest.runner), why)
        return found
    a, b = both
    pre = calibrated.between(a.before, b.before, MIN_CHANGED)
    post = calibrated.between(a.after, b.after, MIN_CHANGED)
    found.answer(
        "w4.s2.e5",
        f"Before scaling {_ranked(a, b, pre)}; after scaling {_ranked(a, b, post)}.",
        calibrated.difference_value(runs, pair, pre, "ece"),
        calibrated.difference_value(runs, pair, post, "ece_scaled"),
        verification="bound",
        exhibits=(table.id,),
        caveats=["Lower is better: a negative difference is in the candidate's favour.", DATA_NOISE],
    )
    return found


def _listed(both: list[Calibration], state: str) -> str:
    return listing([f"{one.run.run_id} {show(getattr(one, state).ece, 'score')}" for one in both])


def _change(low: float, high: float) -> str:
    span = f"[{show(low, 'score', signed=True)}, {show(high, 'score', signed=True)}]"
    if high < 0:
        return f"lower by scaling, 95 % interval of the change {span}."
    if low > 0:
        return f"higher by scaling, 95 % interval of the change {span}."
    return f"no change shown, 95 % interval {span}."


_AS_IT_IS = 0.02
"""A temperature this close to 1 says nothing about confidence."""


def _sharp(one: Calibration) -> str:
    t = one.temperature.t
    if abs(t - 1) < _AS_IT_IS:
        return "left nearly as it is (T ≈ 1)"
    return "flattened by its temperature (T above 1)" if t > 1 else "sharpened by its temperature (T below 1)"


def _ranked(a: Calibration, b: Calibration, found: Difference) -> str:
    span = f"[{show(found.low, 'score', signed=True)}, {show(found.high, 'score', signed=True)}]"
    if found.low <= 0 <= found.high:
        return f"the two are not told apart (interval of the difference {span})"
    better, worse = (b, a) if found.delta < 0 else (a, b)
    return f"{better.run.run_id} is better calibrated than {worse.run.run_id} (interval of the difference {span})"


def _tail_calibration(context: Context, pair: Pair, both: list[Calibration], found: SectionEvidence) -> str | None:
    """Adds the tail's exhibits; what one T for all rows does to the tail, in a sentence."""
    mapped = tail.tier_map(context, pair)
    if mapped is None:
        return None
    _, rarest, tier = mapped
    split = context.runs.split or "val"
    held = calibrated.evaluation_rows(context.runs, pair.reference)
    rows = tier[pair.reference.predictions(split).labels[held]] == rarest
    if not rows.any():
        return None
    found.figures.append(calibrated.diagram(context.runs, both, "w4-reliability-tail", rows, f"the {rarest}"))
    found.tables.append(calibrated.tail_table(both, rows, rarest, "w4-tail-bins"))
    return (
        f"On the {rarest} alone, {int(rows.sum()):,} rows of that fold, the same T gives: "
        f"{calibrated.errors_listed(both, rows)} (descriptive)."
    )
