"""Week 6, sections 2 and 3: what distilling left undone, and which of its settings the rows can tell apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import grid as grids
from .board import ALL, Board, Tier
from .context import Context, SectionEvidence
from .model import Column, Interval, Scalar, Table, Value
from .numbers import listing, plural, show, show_interval
from .runs import PAIRED
from .students import differing, train_fraction
from .transfer import metric_key, tier_value
from .wording import DATA_NOISE

if TYPE_CHECKING:
    from reportgen.bundle import Bundle
    from reportgen.stats import Difference

    from .grid import Grid
    from .runs import Runs
    from .students import Students
    from .transfer import Transfer


LEANS = "An interval may lie below its point: classes of one or two rows drop out of resamples."


def tail_item(board: Board, students: Students, transfer: Transfer, found: SectionEvidence) -> None:
    """w6.s2.e1: the rarest tier under vanilla, distilled and teacher."""
    assert students.pair is not None  # noqa: S101 - for the type checker
    tier = rarest(transfer)
    shown = [run for run in (students.vanilla, students.distilled, students.teacher) if run]
    values = [tier_value(board, run, tier) for run in shown]
    said = listing([f"{value.run} {show(value.value, 'score')}" for value in values])
    change = next(one for one in transfer.of("masked_f1", tier.name))
    told = {
        "null": "The rows do not tell the two students apart there",
        "directional": "The two students differ there by a direction, no more",
        "real": "The two students differ there",
    }[change.difference.verdict]
    bound = ""
    if students.teacher is not None:
        low, high = _bounds(board.masked_difference(students.teacher.run_id, students.pair[1].run_id, tier))
        bound = (
            f" The teacher itself reaches {show(values[-1].value, 'score')}: distilled − teacher is "
            f"[{show(low, 'score', signed=True)}, {show(high, 'score', signed=True)}]."
        )
    found.answer(
        "w6.s2.e1",
        f"Masked F1 of the {tier.name} ({tier.n:,} rows, {plural(int(tier.classes.sum()), 'class', 'classes')}): "
        f"{said}. {told}.{bound}",
        *values,
        exhibits=("w6-transfer", "w6-ladder"),
        caveats=[
            None if students.teacher else "Without the teacher among the runs its bound is not known.",
            LEANS,
        ],
    )


def masked_value(board: Board, baseline: Bundle, run: Bundle, tier: Tier) -> tuple[Value, Difference]:
    """`run` − `baseline` in a tier's masked F1, with its provenance."""
    found = board.masked_difference(baseline.run_id, run.run_id, tier)
    value = Value(
        metric_key("masked_f1", tier.name),
        found.delta,
        "score",
        run=run.run_id,
        baseline=baseline.run_id,
        split=board.runs.split,
        n=tier.n,
        interval=Interval(found.low, found.high, method=PAIRED),
        field="predictions.parquet",
    )
    return value, found


def rarest(transfer: Transfer) -> Tier:
    """The last tier that has labels and rows: the tail where there is one."""
    return next(tier for tier in reversed(transfer.tiers) if tier.name != ALL)


def data_item(context: Context, students: Students, found: SectionEvidence) -> None:
    """w6.s2.e2: what more data gives, beside what distilling gives."""
    runs = context.runs
    if students.half is None or students.pair is None:
        found.missing(
            "w6.s2.e2",
            context.command("encoder", "train_fraction=0.5"),
            "No student was trained on a part of the rows, so the effect of more data is not known.",
        )
        return
    half, twin = students.half
    share = train_fraction(half)
    data, by_data = runs.difference(twin, half, "macro_f1")
    kd, by_teacher = runs.difference(students.pair[1], students.pair[0], "macro_f1")
    ratio = ""
    values = [data, kd]
    if by_data.verdict != "null" and by_teacher.verdict != "null" and by_teacher.delta:
        part = by_data.delta / by_teacher.delta
        values.append(Value("data_to_teacher_ratio", part, "ratio", run=twin.run_id, split=runs.split, n=data.n))
        ratio = f" The rest of the rows moves macro F1 {part:.1f} times as far as the teacher does."
    else:
        which = "neither of the two is" if by_data.verdict == by_teacher.verdict else "one of the two is not"
        ratio = f" Their ratio is undefined: {which} told from zero by these rows."
    found.answer(
        "w6.s2.e2",
        f"More data ({half.run_id} on {share:.0%} of the rows → {twin.run_id} on all): "
        f"{_effect(by_data)}. Distilling: {_effect(by_teacher)}.{ratio}",
        *values,
        caveats=["The two effects are measured on the same rows; training again would move both."],
    )


def size_item(context: Context, board: Board, students: Students, transfer: Transfer, found: SectionEvidence) -> None:
    """w6.s2.e3: the interval of what a larger teacher brings."""
    runs, tier = context.runs, rarest(transfer)
    values: list[Value] = []
    said: list[str] = []
    rows: list[dict[str, Scalar | Value]] = []
    couples = [
        ("the student", students.small, students.distilled),
        ("the teacher itself", students.small_teacher, students.teacher),
    ]
    sizes = [run.manifest.model.parameters if run else None for run in (students.small_teacher, students.teacher)]
    known = sizes[0] is not None and sizes[1] is not None and sizes[0] != sizes[1]
    if known and (sizes[0] or 0) > (sizes[1] or 0):
        couples = [(who, large, small) for who, small, large in couples]
        sizes.reverse()
    for who, small, large in couples:
        if small is None or large is None or runs.why_not(small, large):
            continue
        macro, by_size = runs.difference(large, small, "macro_f1")
        masked, by_tier = masked_value(board, small, large, tier)
        values += [macro, masked]
        said.append(f"{who}: {_told(by_size)} on macro F1, {_told(by_tier)} on the {tier.name}")
        rows.append(
            {
                "who": who,
                "large": large.run_id,
                "small": small.run_id,
                "macro": macro,
                "tail": masked,
                "verdict": by_size.verdict,
            }
        )
    if not rows:
        found.missing(
            "w6.s2.e3",
            context.command("distill", "teacher=SMALL_TEACHER"),
            "Only one teacher is among the runs, so its size cannot be separated from it. Train a smaller one, then",
        )
        return
    found.tables.append(
        Table(
            id="w6-scale",
            caption=f"The same recipe with two teachers{_sizes(sizes, known)}, on {runs.split}. Differences are first "
            "− second with 95 % paired intervals.",
            columns=(
                Column("who", "Effect on"),
                Column("large", "With the larger teacher" if known else "With the first teacher"),
                Column("small", "With the smaller" if known else "With the second"),
                Column("macro", "Macro F1", "score"),
                Column("tail", f"Masked F1, {tier.name}", "score"),
                Column("verdict", "Verdict", help="macro F1"),
            ),
            rows=tuple(rows),
            row_header="who",
        )
    )
    others = _trained_otherwise(students)
    which = "another" if not known else "a larger and otherwise trained" if others else "a larger"
    found.answer(
        "w6.s2.e3",
        f"Effect of {which} teacher on {'; on '.join(said)}.",
        *values,
        exhibits=("w6-scale",),
        caveats=[
            f"Confounded: the teachers differ in {listing(others, 6)} besides size, so this is not the effect of size."
            if others
            else "Each teacher was trained once.",
            None if known else "The bundles do not say that one of the two is larger.",
        ],
    )


def _trained_otherwise(students: Students) -> list[str]:
    """What differs between the two teachers beside the model."""
    one, two = students.small_teacher, students.teacher
    if one is None or two is None:
        return []
    if one.manifest.runner != two.manifest.runner:
        return [f"the runner ({one.manifest.runner} and {two.manifest.runner})"]
    return differing(one, two, ("model", "revision", "score_train"))


def _sizes(sizes: list[int | None], known: bool) -> str:
    return f" of {sizes[1]:,} and {sizes[0]:,} parameters" if known else ""


def _told(found: Difference) -> str:
    words = {"null": "not told from none", "directional": "a direction, no more,", "real": "real"}
    return words[found.verdict]


def _effect(found: Difference) -> str:
    low, high = _bounds(found)
    span = f"[{show(low, 'score', signed=True)}, {show(high, 'score', signed=True)}]"
    word = "null" if found.verdict == "null" else f"{found.verdict}, {plural(found.changed, 'prediction')} changed"
    return f"{show(found.delta, 'score', signed=True)} {span} ({word})"


def _bounds(found: Difference) -> tuple[float, float]:
    return found.low, found.high


def grid_section(context: Context, students: Students, grid: Grid | None, rule: str) -> SectionEvidence:
    """Section 3: every setting, the noise floor, inside or outside, and the default's ranks."""
    found, runs = SectionEvidence(), context.runs
    if grid is None:
        why = (
            "Only one setting of temperature and alpha is among the runs."
            if students.pair
            else "Vanilla and distilled student are needed for the noise floor."
        )
        for number in range(1, 5):
            found.missing(f"w6.s3.e{number}", context.command("week6"), why)
        return found
    found.tables += [grids.grid_table(runs, grid, rule, "w6-grid"), grids.floor_table(runs, grid, "w6-floor")]
    ruler = grids.floor_tier(grid)
    floor = grids.lift(grid, ruler)
    width = floor.high - floor.low
    metrics = [metric for metric in grid.metrics if metric in ("macro_f1", "ece", "nll")]
    sizes = "; ".join(f"{grids.heading(metric)} {show(grids.spread(grid, metric), 'score')}" for metric in metrics)
    found.answer(
        "w6.s3.e1",
        f"{plural(len(grid.cells), 'setting')} of temperature and alpha, the default {grid.default.name}. Highest "
        f"minus lowest: {sizes}.",
        *(
            Value(f"grid_spread_{metric}", grids.spread(grid, metric), "score", split=runs.split, n=grid.tiers[-1].n)
            for metric in metrics
        ),
        verification="bound",
        exhibits=("w6-grid",),
        caveats=[None if len(grid.cells) == 6 else f"The course's grid has six settings; here are {len(grid.cells)}."],
    )
    value = grids.lift_value(runs, grid, ruler)
    assert value.interval is not None  # noqa: S101 - for the type checker
    span = show_interval(value.interval, "score", signed=True)
    found.answer(
        "w6.s3.e2",
        f"The ruler is the {ruler.name} ({ruler.n:,} rows): there the default's lift over {grid.vanilla.run.run_id} "
        f"{_lift(floor)} with the interval {span}, {show(width, 'score')} wide. It is named because it has the "
        "narrowest interval of the tiers.",
        value,
        verdict=floor.verdict,
        exhibits=("w6-floor",),
        caveats=[DATA_NOISE, _seeds(runs, students)],
    )
    outside = [cell for cell in grid.cells if cell is not grid.default and not grids.inside(grid, ruler, cell)]
    others = len(grid.cells) - 1
    if not outside:
        said = "The other setting lies" if others == 1 else f"All {others} other settings lie"
        said += " inside that interval"
    else:
        names = listing([cell.run.run_id for cell in outside])
        said = f"{plural(others - len(outside), 'setting')} inside; outside: {names}"
    apart = "; ".join(f"{grids.heading(metric)}: {grids.told_apart(grid, metric)} of {others}" for metric in metrics)
    found.answer(
        "w6.s3.e3",
        f"{said}. Told from the default by these rows — {apart}.",
        Value("grid_outside_floor", len(outside), "count", split=runs.split, n=ruler.n),
        verification="bound",
        exhibits=("w6-floor",),
        caveats=["A setting inside the interval is not equal to the default: these rows cannot say."],
    )
    ranks = {metric: grid.ranks(metric)[grid.default.run.run_id] for metric in grid.metrics}
    found.answer(
        "w6.s3.e4",
        f"{grid.default.run.run_id} ({grid.default.name}) ranks "
        + listing([f"{place} of {len(grid.cells)} on {grids.heading(metric)}" for metric, place in ranks.items()], 6)
        + ".",
        *(
            Value(f"default_rank_{metric}", place, "count", run=grid.default.run.run_id, split=runs.split)
            for metric, place in ranks.items()
        ),
        verification="bound",
        exhibits=("w6-grid",),
        caveats=["A rank says nothing about distance: read it beside the intervals."],
    )
    return found


def _lift(found: Difference) -> str:
    if found.verdict == "null":
        return f"is {show(found.delta, 'score', signed=True)} and not told from zero,"
    return f"is {show(found.delta, 'score', signed=True)}"


def _seeds(runs: Runs, students: Students) -> str:
    found = grids.seed_spread(runs, students)
    if found is None:
        return "One seed a setting: how much training again would move any of these is not measured."
    count, mean, deviation = found
    return (
        f"Over {count} seeds of the default, macro F1 has the mean {show(mean, 'score')} and the standard deviation "
        f"{show(deviation, 'score')}."
    )


def head_item(
    context: Context, students: Students, moved: list[tuple[int, float]], transfer: Transfer, found: SectionEvidence
) -> None:
    """w6.s1.e7: which head classes carry the gain."""
    assert students.pair is not None  # noqa: S101 - for the type checker
    runs, tier = context.runs, transfer.tiers[0]
    first, second = (runs.per_class(run) for run in students.pair)
    names = students.pair[1].labels.names
    vanilla, distilled = (run.run_id for run in students.pair)
    found.tables.append(
        Table(
            id="w6-head",
            caption=f"Classes of the {tier.name} by their change in F1 on {runs.split}, largest gain first; F1 over "
            "all rows, so that the changes add up to the tier's change in mean F1.",
            columns=(
                Column("class", "Class", wide=True),
                Column("n", "Rows", "count"),
                Column("a", f"F1, {vanilla}", "score"),
                Column("b", f"F1, {distilled}", "score"),
                Column("change", "Change", "score"),
                Column("ha", f"Hits, {vanilla}"),
                Column("hb", f"Hits, {distilled}"),
            ),
            rows=tuple(
                {
                    "class": names[i],
                    "n": int(first.support[i]),
                    "a": float(first.f1[i]) if first.support[i] > 4 else None,
                    "b": float(second.f1[i]) if second.support[i] > 4 else None,
                    "change": show(change, "score", signed=True),
                    "ha": f"{int(first.hits[i])}/{int(first.support[i])}",
                    "hb": f"{int(second.hits[i])}/{int(second.support[i])}",
                }
                for i, change in moved
            ),
            row_header="class",
            folded_after=5,
        )
    )
    gains = [change for _, change in moved if change > 0]
    losses = [change for _, change in moved if change < 0]
    total = sum(gains)
    if not gains:
        found.answer(
            "w6.s1.e7",
            f"No class of the {tier.name} has a higher F1 after distilling: {len(losses)} of {len(moved)} fall.",
            Value("head_classes_gained", 0, "count", run=distilled, split=runs.split),
            exhibits=("w6-head",),
        )
        return
    top = gains[:3]
    share = sum(top) / total
    change = transfer.of("mean_f1", tier.name)[0]
    verdict = "" if change.difference.verdict != "null" else " Their sum is not told from zero, so no class is proven."
    found.answer(
        "w6.s1.e7",
        f"Of {plural(len(moved), 'class', 'classes')} in the {tier.name}, {len(gains)} rise and {len(losses)} fall. "
        f"The {len(top)} with the largest gain ({listing([names[i] for i, _ in moved[: len(top)]])}) carry "
        f"{show(share, 'fraction')} of the sum of gains.{verdict}",
        Value("head_classes_gained", len(gains), "count", run=distilled, split=runs.split),
        Value("head_gain_top_share", share, "fraction", run=distilled, split=runs.split),
        exhibits=("w6-head",),
        caveats=["Picked as the largest of many: single classes are flattered."],
    )


def bound_item(context: Context, board: Board, students: Students, transfer: Transfer, found: SectionEvidence) -> None:
    """w6.s1.e6: the teacher's own tail F1, which no student of it should be expected to pass."""
    tier = rarest(transfer)
    if students.teacher is None:
        found.missing(
            "w6.s1.e6",
            context.command("week6"),
            "No teacher is among the runs scored on these rows.",
        )
        return
    value = tier_value(board, students.teacher, tier)
    assert students.pair is not None  # noqa: S101 - for the type checker
    parts = []
    for run in students.pair:
        own = board.masked_difference(students.teacher.run_id, run.run_id, tier)
        if own.b > own.a:
            said = "above it"
        elif own.a:
            said = f"{show(own.b / own.a, 'fraction')} of it"
        else:
            said = "not below it"
        parts.append(f"{run.run_id} {show(own.b, 'score')} ({said})")
    found.answer(
        "w6.s1.e6",
        f"{students.teacher.run_id} itself reaches {show(value.value, 'score')} on the {tier.name} ({tier.n:,} rows); "
        f"{listing(parts)}.",
        value,
        exhibits=("w6-ladder", "w6-transfer"),
        caveats=[
            f"A bound in expectation: on these rows a student may pass its teacher by chance. {LEANS}",
            _trained_on(students.teacher),
        ],
    )


def _trained_on(teacher: Bundle) -> str | None:
    seen: list[str] = [split for split in teacher.manifest.trained_on if split in ("val", "test")]
    return f"The teacher was trained on {listing(seen)}: its bound there is flattered." if seen else None
