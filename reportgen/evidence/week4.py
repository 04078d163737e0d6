"""Week 4: slices, calibration, where rare errors land, whether the gap is real, and what it does to week 3's view."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reportgen.data.slices import AXES

from . import noise, publishedweek4, slices, tail
from .classes import FEW, rule_sentence
from .confidence import confidence_section
from .context import Context, SectionEvidence, WeekAnswers
from .frames import counts_figure, most_predicted_figure
from .model import Highlight, Interval, Value
from .numbers import listing, plural, show, show_interval
from .pair import Pair, find_pair, pair_command, seed_sentence, why_no_pair
from .regimes import regimes
from .runs import PAIRED
from .trust import calibration_section
from .wording import DATA_NOISE, difference_sentence

if TYPE_CHECKING:
    from reportgen.stats import Difference

    from .slices import Slice

SECTIONS = ("w4.s1", "w4.s2", "w4.s3", "w4.s4", "w4.s5")
_ITEMS = {"w4.s1": 6, "w4.s2": 5, "w4.s3": 3, "w4.s4": 4}


def answer(context: Context) -> WeekAnswers:
    """Evidence for every section of week 4's rubric."""
    slipped = context.runs.slipped
    pair = find_pair(context.runs)
    if pair is None:
        why = why_no_pair(context.runs)
        sections = {name: _nothing(context, name, why) for name in _ITEMS}
    else:
        sections = {
            "w4.s1": _slices(context, pair),
            "w4.s2": calibration_section(context, pair),
            "w4.s3": _confusion(context, pair),
            "w4.s4": _noise(context, pair),
        }
    strange = [run for run in context.runs.scored if run.run_id in slipped]
    chosen = [*strange, *(pair.both if pair else ())]
    sections["w4.s3"].figures += [
        figure
        for figure in (
            most_predicted_figure(context.runs, chosen, slipped, "w4-most-predicted"),
            counts_figure(context.runs, chosen, slipped, "w4-frames"),
        )
        if figure is not None
    ]
    highlights, said = _highlights(sections), publishedweek4.add(context, sections)
    sections["w4.s5"] = confidence_section(context, sections)
    if (table := regimes(context.runs, "w4-regimes")) is not None:
        sections["w4.s5"].tables.append(table)
    return WeekAnswers(sections, highlights or said.highlights, said.notices)


def _nothing(context: Context, section: str, why: str) -> SectionEvidence:
    found = SectionEvidence()
    for number in range(1, _ITEMS[section] + 1):
        found.missing(f"{section}.e{number}", pair_command(context), why)
    return found


def _slices(context: Context, pair: Pair) -> SectionEvidence:
    found, runs = SectionEvidence(), context.runs
    kept = slices.features(runs, pair)
    cut = slices.cut(*kept, context.course.max_length) if kept else {}
    if not kept or not cut:
        why = f"Neither {pair.reference.run_id} nor {pair.candidate.run_id} kept the features of its rows."
        for number in range(1, 7):
            found.missing(f"w4.s1.e{number}", context.command(pair.reference.manifest.runner), why)
        return found
    axes = slices.measure(runs, pair, cut)
    every = [part for axis in axes for part in axis.slices]
    table = slices.slice_table(runs, pair, axes, "w4-slices")
    figure = slices.forest(runs, pair, axes, "w4-forest")
    found.tables.append(table)
    found.figures.append(figure)
    a, b = pair.reference.run_id, pair.candidate.run_id
    absent = [axis for axis in AXES if axis not in cut]
    dividing = [axis.name for axis in axes if axis.contrasts]
    whole = [axis.name for axis in axes if not axis.contrasts]
    found.answer(
        "w4.s1.e1",
        f"{'All' if len(dividing) == len(AXES) else f'{len(dividing)} of the'} six axes divide these rows: "
        f"{listing(dividing, limit=6) or 'none'}. Cut points are those of {runs.split} itself.",
        Value("slice_axes", len(dividing), "count", split=runs.split, n=len(kept[0]), field="rows.parquet"),
        verification="bound",
        exhibits=(table.id,),
        caveats=[
            f"{slices.MIN_ROWS} rows or more lie in one slice only: {listing(whole)}." if whole else None,
            f"Not measured: {listing(absent)}, as no run kept that feature." if absent else None,
        ],
    )
    found.answer(
        "w4.s1.e2",
        f"{a} and {b} on each of {plural(len(every), 'slice')}, scored by macro F1 over the classes seen in the slice.",
        verification="bound",
        exhibits=(table.id, figure.id),
        caveats=[*pair.notes, "Macro F1 over the classes seen is not the macro F1 over the whole label list."],
    )
    smallest, largest = (fn(every, key=lambda part: part.n) for fn in (min, max))
    found.answer(
        "w4.s1.e3",
        f"From {plural(smallest.n, 'row')} ({smallest.axis}: {smallest.name}) to {largest.n:,} ({largest.axis}: "
        f"{largest.name}).",
        verification="bound",
        exhibits=(table.id,),
        caveats=[slices.entanglement(kept[0], cut)],
    )
    tested = slices.tested(axes)
    held = [part for part in tested if part.adjusted < 0.05]
    open_ = [part for part in tested if not part.holds]
    found.answer(
        "w4.s1.e4",
        f"{b} − {a}: the interval excludes zero on {len(open_)} of {plural(len(tested), 'slice')}; {len(held)} of them "
        "hold after Holm's adjustment. Exploratory: the axes were looked at together and none was singled out "
        "beforehand.",
        Value("slices_excluding_zero", len(open_), "count", run=b, split=runs.split, field="rows.parquet"),
        Value("slices_after_holm", len(held), "count", run=b, split=runs.split, field="rows.parquet"),
        verification="bound",
        exhibits=(figure.id, table.id),
        caveats=[slices.untested(every), DATA_NOISE],
    )
    strongest = slices.signal(axes)
    found.answer(
        "w4.s1.e5",
        f"{strongest.name}, by the rule of the largest gap between the models on one slice: {_on(strongest.widest)}. "
        f"The gaps of its slices lie {show(strongest.contrast, 'score')} apart "
        f"({show_interval(_span(strongest), 'score', signed=True)}).",
        slices.slice_value(runs, pair, strongest.widest),
        verification="bound",
        verdict="null" if strongest.widest.holds else "exploratory",
        exhibits=(figure.id,),
        caveats=[
            "The interval includes zero: the axis is named by a gap that these rows do not tell from none."
            if strongest.widest.holds
            else "Not after Holm's adjustment: picked as the largest of many, the gap is flattered."
            if strongest.widest.adjusted >= 0.05
            else "Picked as the largest of many: the gap is a little flattered."
        ],
    )
    quiet = slices.null(axes, strongest)
    if quiet is None:
        found.answer(
            "w4.s1.e6",
            "No axis is without signal: on each of the others the models differ more in one slice than in another.",
            verification="bound",
            exhibits=(figure.id,),
        )
    else:
        axis, rule = quiet
        found.answer(
            "w4.s1.e6",
            f"{axis.name}: {rule}. Its largest gap is {_on(axis.widest)}; its slices lie "
            f"{show(axis.contrast, 'score')} apart ({show_interval(_span(axis), 'score', signed=True)}).",
            slices.slice_value(runs, pair, axis.widest),
            verification="bound",
            exhibits=(figure.id,),
            caveats=["No difference shown is not proof of none: the interval says how large one could be."],
        )
    return found


def _on(part: Slice) -> str:
    found = part.difference
    span = f"[{show(found.low, 'score', signed=True)}, {show(found.high, 'score', signed=True)}]"
    return f"{show(found.delta, 'score', signed=True)} {span} on {part.name}, n = {part.n:,}"


def _span(axis: slices.Axis) -> Interval:
    return Interval(axis.low, axis.high, method=PAIRED)


def _confusion(context: Context, pair: Pair) -> SectionEvidence:
    found, runs = SectionEvidence(), context.runs
    mapped = tail.tier_map(context, pair)
    if mapped is None:
        found.missing(
            "w4.s3.e1",
            context.command(pair.reference.manifest.runner),
            "No run stored the training rows of each class, so there are no tiers.",
        )
    else:
        rule, rarest, tier = mapped
        landed = tail.landings(runs, pair, tier, rarest)
        figure = tail.destinations_figure(runs, landed, rule, rarest, "w4-destinations")
        said = [tail.landing_sentence(name, part, rarest) for name, part in landed.items()]
        found.figures.append(figure)
        found.answer(
            "w4.s3.e1",
            " ".join([rule_sentence(rule), *said]),
            *(
                value
                for run in pair.both
                if landed[run.run_id].errors
                for value in tail.landing_values(runs, run, landed[run.run_id], rarest)
            ),
            exhibits=(figure.id,),
            caveats=[
                f"Tiers by {rule}; the tail of the week's own rule is empty with {len(tier)} labels."
                if rule != context.course.tier_rule(context.week)
                else None
            ],
        )
    worst = tail.worst_table(context, pair, "w4-worst")
    if worst.rows:
        found.tables.append(worst)
        drill = tail.drill_table(context, pair, "w4-drill")
        found.tables += [drill] if drill.rows else []
        said = []
        for run in pair.both:
            names = [
                f"{row['class']} ({row['hits']}, most often taken for {str(row['mistaken']).partition('; ')[0]})"
                if row["mistaken"]
                else f"{row['class']} ({row['hits']})"
                for row in worst.rows
                if row["run"] == run.run_id
            ]
            said.append(f"{run.run_id}: {listing(names)}")
        found.answer(
            "w4.s3.e2",
            f"Lowest F1 among classes of {tail.MIN_ROWS} rows or more, hits in brackets. {'. '.join(said)}.",
            verification="recomputed",
            exhibits=(worst.id, *([drill.id] if drill.rows else [])),
        )
    else:
        found.missing(
            "w4.s3.e2", pair_command(context), f"No class has {tail.MIN_ROWS} rows on {runs.split}: score more rows."
        )
    rows, pairs = tail.suspects(context, pair)
    if rows:
        table = tail.suspect_table(runs, pair, rows, "w4-suspects")
        found.tables.append(table)
        top = rows[0]
        found.answer(
            "w4.s3.e3",
            f"{top['true']} taken for {top['predicted']}, {top['total']} times by the two models together: the names "
            f"{top['why']}."
            if str(top["why"]).startswith("share")
            else f"{top['true']} taken for {top['predicted']}, {top['total']} times by the two models together: "
            f"{top['why']} when labels were merged.",
            Value("suspect_confusions", len(rows), "count", split=runs.split, field="predictions.parquet"),
            exhibits=(table.id,),
            caveats=["Rests on the names and the merge map only: whether labels overlap, reading the texts tells."],
        )
    else:
        found.answer(
            "w4.s3.e3",
            f"None: no row was confused within any of the {plural(pairs, 'pair')} whose names or merges make them "
            "alike.",
            Value("suspect_confusions", 0, "count", split=runs.split, field="predictions.parquet"),
        )
    return found


def _noise(context: Context, pair: Pair) -> SectionEvidence:
    found, runs = SectionEvidence(), context.runs
    reference, candidate = pair.both
    value, difference = runs.difference(candidate, reference, "macro_f1")
    present, _ = runs.difference(candidate, reference, "macro_f1_present")
    accuracy, _ = runs.difference(candidate, reference, "accuracy")
    b, c, p = noise.discordant(runs, pair)
    seeds = [seed_sentence(runs, run) for run in pair.both]
    found.answer(
        "w4.s4.e1",
        difference_sentence(value, difference),
        value,
        present,
        accuracy,
        *(runs.value(run, "macro_f1") for run in pair.both),
        verdict=difference.verdict,
        caveats=[
            DATA_NOISE,
            *pair.notes,
            *seeds,
            None if any(seeds) else "One seed each: how much training again would move the gap is not measured.",
        ],
    )
    share, p_said = difference.share_positive, show(p, "p")
    p_said = p_said if p_said.startswith("<") else f"= {p_said}"
    found.answer(
        "w4.s4.e2",
        f"{candidate.run_id} leads {reference.run_id} on macro F1 in {show(share, 'fraction')} of the resamples. Only "
        f"{reference.run_id} is right on {b:,} rows, only {candidate.run_id} on {c:,} (exact McNemar test on "
        f"accuracy, p {p_said}).",
        Value("share_positive", share, "fraction", run=candidate.run_id, split=runs.split, n=value.n),
        Value("mcnemar_p", p, "p", run=candidate.run_id, split=runs.split, n=b + c, field="predictions.parquet"),
        caveats=["Not the probability that one model is better: it counts resamples of these rows only."],
    )
    support = runs.per_class(reference).support
    figure = noise.support_figure(runs, support, "w4-support")
    found.figures.append(figure)
    few = int((support <= FEW).sum())
    exhibits = [figure.id]
    if few:
        found.tables.append(noise.few_table(runs, pair, "w4-few"))
        exhibits.append("w4-few")
    single = int((support == 1).sum())
    found.answer(
        "w4.s4.e3",
        f"{noise.few_said(support)} on {runs.split}; {single} "
        f"{'has' if single == 1 else 'have'} a single one. Each class weighs 1/{len(support)} of macro F1, whatever "
        "its rows.",
        Value("classes_with_few_rows", few, "count", run=reference.run_id, split=runs.split, n=int(support.sum())),
        exhibits=exhibits,
    )
    width = difference.high - difference.low
    if difference.verdict == "null":
        margin = 0.0
        said = (
            f"No: the interval {_bounds(difference)} includes zero. Any difference from "
            f"{show(difference.low, 'score', signed=True)} to {show(difference.high, 'score', signed=True)} "
            "would fit these rows."
        )
    else:
        margin = min(abs(difference.low), abs(difference.high))
        head = "Yes" if difference.verdict == "real" else "A direction, no more: too few predictions differ"
        said = (
            f"{head}: the end of {_bounds(difference)} nearest to zero is {show(margin, 'score')} away, "
            + (f"{_times(margin / width)} the interval's width ({show(width, 'score')}); " if width else "")
            + f"{plural(difference.changed, 'prediction')} differ."
        )
    table, pools = noise.disagreements(runs, pair, "w4-disagreements", context.texts)
    if sum(pools):
        found.tables.append(table)
    found.answer(
        "w4.s4.e4",
        said,
        Value("margin_to_zero", margin, "score", run=candidate.run_id, split=runs.split, n=value.n),
        verdict=difference.verdict,
        exhibits=("w4-disagreements",) if sum(pools) else (),
        caveats=[seed for seed in seeds if seed],
    )
    return found


def _times(share: float) -> str:
    return f"{show(share, 'fraction')} of" if share < 1 else f"{share:.1f} times"


def _bounds(found: Difference) -> str:
    return f"[{show(found.low, 'score', signed=True)}, {show(found.high, 'score', signed=True)}]"


def _highlights(sections: dict[str, SectionEvidence]) -> tuple[Highlight, ...]:
    wanted = (
        ("Gap in macro F1", "w4.s4.e1", 0, ""),
        ("Resamples with a lead", "w4.s4.e2", 0, "data-side noise only"),
        ("Largest gap on a slice", "w4.s1.e5", 0, "exploratory"),
        ("ECE after scaling", "w4.s2.e2", -1, "evaluation fold"),
    )
    found = []
    for label, name, position, note in wanted:
        item = sections[name.rpartition(".")[0]].items[name]
        if item.values:
            found.append(Highlight(label, item.values[position], name, note or item.verdict or ""))
    return tuple(found)
