"""Week 2: controlled experiments, class weights, batch size beside seed noise, errors, and val's reliability."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from . import classes, errors, log, publishedweek2, support, tierfacts, training
from .batchsize import STAGE, batch_section
from .context import Context, SectionEvidence, WeekAnswers
from .datafacts import counts_or_support, label_counts
from .experiments import (
    Experiment,
    controlled_sentence,
    experiment_table,
    experiments,
    held_table,
)
from .model import Highlight, Value
from .noise import support_figure
from .noisefloor import NoiseFloor, floor_sentence, noise_floor, tag, tagged_table
from .numbers import listing, plural, show, show_value
from .plateau import plateau
from .predicted import predicted_table
from .runs import FINE_TUNED
from .weighted import weighting_section
from .wording import DATA_NOISE

if TYPE_CHECKING:
    from reportgen.bundle import Bundle

    from .runs import Runs

ENOUGH = 3
"""Controlled runs the rubric asks for."""


def answer(context: Context) -> WeekAnswers:
    """Evidence for every section of week 2's rubric."""
    found = experiments(context)
    noise = noise_floor(context.runs, found)
    sections = {
        "w2.s1": _experiments(context, found),
        "w2.s2": weighting_section(context, noise),
        "w2.s3": batch_section(context, found, noise),
        "w2.s4": _errors(context),
        "w2.s5": _reliability(context, found, noise),
    }
    warnings = tuple(warning for run in context.runs.measured if (warning := plateau(run)))
    highlights, said = _highlights(sections), publishedweek2.add(context, sections)
    return WeekAnswers(sections, highlights or said.highlights, (*said.notices, *warnings))


def _experiments(context: Context, compared: list[Experiment]) -> SectionEvidence:
    found, runs = SectionEvidence(), context.runs
    if not compared:
        why = "No two runs here can be compared as an experiment."
        for item in ("w2.s1.e1", "w2.s1.e2", "w2.s1.e4"):
            found.missing(item, context.command(STAGE), why)
    else:
        _compared(context, compared, found)
    if not runs.measured:
        found.missing("w2.s1.e3", context.command(STAGE))
        return found
    table = log.experiment_log(runs, "w2-log")
    found.tables.append(table)
    found.answer(
        "w2.s1.e3",
        f"{plural(len(runs.scored), 'run')} scored on {runs.split}, one row each.",
        *(runs.value(run, metric) for run in runs.candidates[:1] for metric in ("accuracy", "macro_f1", "zero_f1")),
        exhibits=(table.id,),
        caveats=[runs.few_rows(), *(training.beyond_checkpoint(runs, run) for run in runs.candidates[:1])],
    )
    # Compared runs first: a figure draws only so many, and their curves are what the section is about.
    drawn = dict.fromkeys([one.reference for one in compared] + [one.run for one in compared] + runs.candidates)
    curve = training.learning_curve(list(drawn), "w2-learning-curve")
    if curve is not None:
        found.figures.append(curve)
    if published := log.reported(runs, "w2-reported"):
        found.tables.append(published)
    return found


def _compared(context: Context, compared: list[Experiment], found: SectionEvidence) -> None:
    table = experiment_table(context.runs, compared, "w2-experiments")
    held = held_table(compared, "w2-held")
    found.tables += [table, held]
    single = [one for one in compared if len(one.changes) == 1]
    short = (
        None
        if len(single) >= ENOUGH
        else f"The section asks for {ENOUGH} controlled runs. For the others run {context.command(STAGE)}"
    )
    found.answer(
        "w2.s1.e1",
        controlled_sentence(compared),
        Value("controlled_runs", len(single), "count", field="config.json"),
        verification="bound",
        exhibits=(table.id,),
        caveats=[short, DATA_NOISE],
    )
    found.answer(
        "w2.s1.e2",
        "What each run changed stands beside its result; what it held constant is listed key by key.",
        verification="bound",
        exhibits=(table.id, held.id),
        caveats=["The prediction has to be written before the run; only the author can say when it was."],
    )
    asked = context.rubric.item("w2.s1.e2")
    if asked is not None and asked.each == "run":
        predicted = predicted_table(context.runs, compared, asked.fields, "w2-predictions")
        found.tables.insert(found.tables.index(held), predicted)
        found.items[asked.id] = replace(
            found.items[asked.id],
            about=tuple(one.run.run_id for one in compared),
            exhibits=(table.id, predicted.id, held.id),
        )
    confounded = [one for one in compared if len(one.changes) > 1]
    same = [one.run.run_id for one in compared if not one.changes]
    found.answer(
        "w2.s1.e4",
        f"Every comparison with more than one key is marked: {listing([one.run.run_id for one in confounded])}."
        if confounded
        else "No comparison changes more than one key.",
        Value("confounded_runs", len(confounded), "count", field="config.json"),
        verification="bound",
        exhibits=(table.id,),
        caveats=[
            *(f"{one.title} is confounded: {listing(list(one.keys), 8)} differ." for one in confounded),
            f"{listing(same)} changed no key at all." if same else None,
        ],
    )


def _errors(context: Context) -> SectionEvidence:
    found, runs = SectionEvidence(), context.runs
    run = runs.candidate or runs.baseline
    if run is None:
        for position in range(1, 5):
            found.missing(f"w2.s4.e{position}", context.command(STAGE))
        return found
    plain = None if runs.candidate else f"No fine-tuned run is at hand; these are the errors of {run.run_id}."
    rule, labels = context.course.tier_rule(context.week), label_counts(context)
    if labels is None or labels.names != run.labels.names or not labels.total:
        for item in ("w2.s4.e1", "w2.s4.e2"):
            found.missing(item, context.command(STAGE), "No run stored the training counts of its labels.")
    else:
        _tiers(context, run, labels.counts, rule, found, plain)
        rivals = [run, *(other for other in runs.of_family("linear", *FINE_TUNED) if other is not run)]
        spread = classes.spread_table(runs, rivals, labels.counts, "w2-spread")
        found.tables += [spread] if spread is not None else []
    pairs = errors.pairs_table(runs, run, context.course, "w2-pairs")
    block = errors.confusion_block(runs, run, "w2-confusion")
    found.tables.append(pairs)
    if block is not None:
        found.figures.append(block)
    found.answer(
        "w2.s4.e3",
        errors.pairs_sentence(runs, run, pairs),
        exhibits=[pairs.id, *([block.id] if block else [])],
        caveats=[plain],
    )
    hard = errors.hard_table(runs, run, "w2-hard", context.texts)
    if hard is None:
        found.missing("w2.s4.e4", context.command(STAGE), f"{run.run_id} stored no logits, or made no error.")
        return found
    found.tables.append(hard)
    margins = [float(str(row["margin"])) for row in hard.rows]
    found.answer(
        "w2.s4.e4",
        f"The {plural(len(hard.rows), 'error')} with the largest margin, from {show(margins[0], 'score')} down to "
        f"{show(margins[-1], 'score')}, by row id{': the texts were not at hand' if context.texts is None else ''}.",
        exhibits=(hard.id,),
        verification="bound",
        caveats=[plain],
    )
    return found


def _tiers(
    context: Context,
    run: Bundle,
    counts: np.ndarray[tuple[int], np.dtype[np.int64]],
    rule: str,
    found: SectionEvidence,
    plain: str | None,
) -> None:
    runs = context.runs
    shown = [run, *([runs.baseline] if runs.baseline is not None and runs.baseline is not run else [])]
    shown = [one for one in shown if not runs.why_not(one, run)]
    table = tierfacts.tier_table(runs, shown, counts, rule, "w2-tiers")
    ladder = tierfacts.tier_ladder(runs, shown, counts, rule, "w2-tier-ladder")
    landed = tierfacts.destination_table(runs, run, counts, rule, "w2-destinations")
    found.tables += [table, landed]
    found.figures.append(ladder)
    present = tierfacts.present(counts, rule)
    values = [tierfacts.tier_mean(runs, run, tier, inside) for tier, inside in present.items()]
    rows = runs.per_class(run).support
    zero = [
        f"{tierfacts.zeros(runs, run, inside)[1]} of {int((rows[inside] > 0).sum())} in {tier}"
        for tier, inside in present.items()
    ]
    found.answer(
        "w2.s4.e1",
        f"{classes.rule_sentence(rule)} Of the classes with rows, at F1 = 0 under {run.run_id}: {listing(zero)}.",
        *values,
        exhibits=(ladder.id, table.id),
        caveats=[plain],
    )
    sentence, shares = tierfacts.destination_sentence(runs, run, counts, rule)
    found.answer("w2.s4.e2", sentence, *shares, exhibits=(landed.id,), caveats=[plain])


def _reliability(context: Context, compared: list[Experiment], noise: NoiseFloor) -> SectionEvidence:
    found, runs = SectionEvidence(), context.runs
    lead = runs.candidate or runs.baseline or runs.majority
    if lead is None:
        for position in range(1, 5):
            found.missing(f"w2.s5.e{position}", context.command(STAGE))
        return found
    rows = runs.per_class(lead).support
    histogram = support_figure(runs, rows, "w2-support")
    sparse = support.sparse_table(runs, lead.labels.names, rows, counts_or_support(context, lead), "w2-sparse")
    found.figures.append(histogram)
    found.answer("w2.s5.e1", histogram.finding, exhibits=(histogram.id,))
    found.tables.append(sparse)
    found.answer(
        "w2.s5.e2",
        support.sparse_sentence(rows),
        *support.sparse_values(runs, lead.run_id, rows),
        exhibits=(sparse.id,),
    )
    if noise.floor is None:
        for item in ("w2.s5.e3", "w2.s5.e4"):
            found.missing(item, context.command(STAGE), "No two comparable runs: noise needs a pair.")
        return found
    shared = {"split": runs.split, "n": runs.scores(lead).n, "field": "predictions.parquet"}
    found.answer(
        "w2.s5.e3",
        floor_sentence(noise),
        *(
            Value(metric, value, "score", **shared)  # type: ignore[arg-type]
            for metric, value in (
                ("noise_floor", noise.floor),
                ("seed_difference", noise.seed),
                ("bootstrap_half_width", noise.half_width),
            )
            if value is not None
        ),
        caveats=[DATA_NOISE, _few_seeds(noise)],
    )
    if not compared:
        found.missing("w2.s5.e4", context.command(STAGE), "There is no experiment to tag.")
        return found
    table = tagged_table(runs, compared, noise, "w2-tagged")
    found.tables.append(table)
    found.answer("w2.s5.e4", _tagged_sentence(runs, compared, noise), exhibits=(table.id,))
    return found


def _tagged_sentence(runs: Runs, compared: list[Experiment], noise: NoiseFloor) -> str:
    above, weak = [], 0
    tested = [one for one in compared if one.keys != ("seed",)]
    for one in tested:
        value, difference = runs.difference(one.run, one.reference, "macro_f1")
        said = tag(noise, difference.delta, difference.verdict)
        if said == "above the floor":
            above.append(f"{one.run.run_id} ({show_value(value)}{'' if len(one.changes) == 1 else ', confounded'})")
        weak += said.startswith("above the floor,")
    if not tested:
        return "The only comparisons here are between seeds, and those make the floor."
    lead = f"{len(above)} of {plural(len(tested), 'difference')} {'lies' if len(above) == 1 else 'lie'} above the floor"
    lead += f": {listing(above)}." if above else "."
    return lead + (f" {weak} more clear it in size, but not with an interval that excludes zero." if weak else "")


def _few_seeds(noise: NoiseFloor) -> str | None:
    recipes: list[set[str]] = []
    for pair in noise.pairs:
        names = {run.run_id for run in pair}
        same = next((recipe for recipe in recipes if recipe & names), None)
        if same is None:
            recipes.append(names)
        else:
            same |= names
    seeds = max(map(len, recipes), default=0)
    if seeds >= ENOUGH:
        return None
    return f"{seeds or 'No'} seeds of one recipe: a spread needs three or more."


def _highlights(sections: dict[str, SectionEvidence]) -> tuple[Highlight, ...]:
    wanted = (
        ("Controlled runs", "w2.s1.e1", 0),
        ("Macro F1 by weighting", "w2.s2.e1", 4),
        ("Batch size against seed", "w2.s3.e3", 0),
        ("Noise floor, macro F1", "w2.s5.e3", 0),
    )
    found = []
    for label, item, position in wanted:
        answered = sections[item.rpartition(".")[0]].items[item]
        if len(answered.values) > position:
            found.append(Highlight(label, answered.values[position], item, answered.verdict or ""))
    return tuple(found)
