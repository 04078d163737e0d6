"""Week 1: the data audit, the baseline, the first fine-tune, the log, and numbers a risk could rest on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from . import classes, log, training
from .context import Context, SectionEvidence, WeekAnswers
from .datafacts import counts_or_support
from .datasection import data_section
from .model import Column, Highlight, Scalar, Table, Value
from .numbers import listing, plural, show, show_value
from .wording import DATA_NOISE, difference_sentence

if TYPE_CHECKING:
    from reportgen.bundle import Bundle

BASELINE, FINE_TUNE, FLOOR = "tfidf", "encoder", "majority"


def answer(context: Context) -> WeekAnswers:
    """Evidence for every section of week 1's rubric."""
    sections = {
        "w1.s1": data_section(context, FLOOR, FINE_TUNE),
        "w1.s2": _baseline(context),
        "w1.s3": _fine_tuning(context),
        "w1.s4": _log(context),
    }
    sections["w1.s5"] = _risks(context, sections)
    return WeekAnswers(sections, _highlights(sections))


def _baseline(context: Context) -> SectionEvidence:
    found, runs = SectionEvidence(), context.runs
    baseline, majority = runs.baseline, runs.majority
    if baseline is None:
        for item in (1, 2, 3, 5):
            found.missing(f"w1.s2.e{item}", context.command(BASELINE))
    else:
        name, scores = baseline.run_id, runs.scores(baseline)
        others = len(runs.of_family("linear")) - 1
        chosen = f"The strongest of {others + 1} linear runs on {runs.split} is the bar." if others else None
        accuracy, macro = runs.value(baseline, "accuracy"), runs.value(baseline, "macro_f1")
        zero, weighted = runs.value(baseline, "zero_f1"), runs.value(baseline, "weighted_f1")
        found.answer(
            "w1.s2.e1",
            f"Right on {show_value(accuracy)} of the {scores.n:,} rows of {runs.split} ({name}).",
            accuracy,
            caveats=[chosen],
        )
        found.answer(
            "w1.s2.e2",
            f"Averaged over all {len(baseline.labels.names)} classes alike, F1 is {show_value(macro)}; weighted by "
            f"rows it is {show_value(weighted)}.",
            macro,
            weighted,
            caveats=[runs.few_rows()],
        )
        absent = len(baseline.labels.names) - scores.classes_present
        gone = f" {plural(absent, 'class has', 'classes have')} no row on {runs.split} at all." if absent else ""
        found.answer(
            "w1.s2.e3",
            f"{scores.zero_f1} of {len(baseline.labels.names)} classes are never predicted correctly; "
            f"{scores.zero_f1_supported} of the {scores.classes_present} with rows.{gone}",
            zero,
        )
        counts = counts_or_support(context, baseline)
        found.figures.append(classes.f1_by_class(runs, baseline, counts, "w1-baseline-f1"))
        found.answer("w1.s2.e5", found.figures[-1].finding, exhibits=("w1-baseline-f1",))
    if majority is None:
        found.missing("w1.s2.e4", context.command(FLOOR))
    else:
        accuracy, macro = runs.value(majority, "accuracy"), runs.value(majority, "macro_f1")
        found.answer(
            "w1.s2.e4",
            f"Always answering the most frequent class is right on {show_value(accuracy)} of the rows, with a macro F1 "
            f"of {show_value(macro)}.",
            accuracy,
            macro,
            caveats=[_floor_without_rows(context)],
        )
    return found


def _floor_without_rows(context: Context) -> str | None:
    """Why the floor is at zero, where the most frequent training class has no row to be right on."""
    runs, majority = context.runs, context.runs.majority
    if majority is None or runs.scores(majority).accuracy:
        return None
    return f"The most frequent training class has no row on {runs.split}: this floor says nothing about other rows."


def _fine_tuning(context: Context) -> SectionEvidence:
    found, runs = SectionEvidence(), context.runs
    candidate = runs.candidate
    if candidate is None:
        for item in range(1, 8):
            found.missing(f"w1.s3.e{item}", context.command(FINE_TUNE))
        return found
    name = candidate.run_id
    several = f"The best of {len(runs.candidates)} by macro F1 on {runs.split}, the split it is reported on: "
    chosen = several + "its lead is flattered." if len(runs.candidates) > 1 else None
    frozen = candidate.manifest.model.family == "embed"
    no_tuning = f"{name} is a frozen encoder under a linear head: nothing in it was fine-tuned." if frozen else None
    partial = [
        f"{run.run_id} is not a complete run: {listing(runs.partial(run))}."
        for run in runs.candidates
        if runs.partial(run)
    ]
    accuracies = [runs.value(run, "accuracy") for run in runs.candidates]
    macros = [runs.value(run, "macro_f1") for run in runs.candidates]
    found.answer(
        "w1.s3.e1",
        f"Right on {show_value(accuracies[0])} of the {runs.scores(candidate).n:,} rows of {runs.split} ({name}).",
        *accuracies,
        caveats=[_one_answer(context, candidate), no_tuning, chosen],
    )
    whole = "A partial run: this number is a sketch." if runs.partial(candidate) else "A complete run."
    found.answer(
        "w1.s3.e2",
        f"{whole} Macro F1 is {show_value(macros[0])} under {name}.{_seed_spread(context)}",
        *macros,
        caveats=[*partial, runs.few_rows()],
    )
    _training(context, found)
    _against_baseline(context, candidate, found)
    return found


def _one_answer(context: Context, run: Bundle) -> str | None:
    """Said where a model answers alike whatever the text: its accuracy is that of a guess."""
    given = np.unique(run.predictions(context.runs.split or "val").predictions)
    if len(given) > 1:
        return None
    label = run.labels.names[int(given[0])]
    return f"{run.run_id} answers “{label}” on every row: it tells no text from another, as a guess would."


def _seed_spread(context: Context) -> str:
    """Mean and spread over runs that differ in their seed only; nothing where there is one."""
    runs, candidate = context.runs, context.runs.candidate
    if candidate is None:
        return ""
    twins = [
        run
        for run in runs.candidates
        if run.manifest.model.name == candidate.manifest.model.name
        and run.manifest.runner == candidate.manifest.runner
        and log.settings(run) == log.settings(candidate)
        and not runs.why_not(run, candidate)
    ]
    seeds = {run.manifest.seed for run in twins}
    if len(seeds) < 2:
        return ""
    scores = [runs.scores(run).macro_f1 for run in twins]
    return (
        f" Over {len(seeds)} seeds of the same settings the mean is {show(float(np.mean(scores)), 'score')}, "
        f"standard deviation {show(float(np.std(scores, ddof=1)), 'score')}."
    )


def _training(context: Context, found: SectionEvidence) -> None:
    runs = context.runs
    curve = training.learning_curve(runs.candidates, "w1-learning-curve")
    if curve is None:
        found.missing("w1.s3.e3", context.command(FINE_TUNE), "No run in this memo logged a loss per step.")
    else:
        found.figures.append(curve)
        found.answer("w1.s3.e3", curve.finding, verification="bound", exhibits=(curve.id,))
    table = training.epochs_table(runs.candidates, "w1-epochs", "val")
    if table is None:
        why = "No run in this memo logged validation metrics per epoch."
        found.missing("w1.s3.e4", context.command(FINE_TUNE), why)
        found.missing("w1.s3.e5", context.command(FINE_TUNE), why)
        return
    found.tables.append(table)
    logged = listing([run.run_id for run in runs.candidates if training.epochs(run) is not None])
    found.answer("w1.s3.e4", f"Logged after each epoch for {logged}.", verification="bound", exhibits=(table.id,))
    run, kept = next((run, kept) for run in runs.candidates if (kept := training.checkpoint(run)))
    value = Value("best_epoch", kept.epoch, "number", run=run.run_id, split="val", field="training.parquet")
    scored = runs.scores(run).macro_f1
    both = kept.macro_f1 is not None and runs.split == "val"
    same = kept.macro_f1 is not None and abs(kept.macro_f1 - scored) < 0.0005 and runs.split == "val"
    agrees = f" Recomputed from the predictions it is {show(scored, 'score')}." if both else ""
    found.answer(
        "w1.s3.e5",
        f"Epoch {show(kept.epoch)} of {show(kept.of)}, macro F1 {show(kept.macro_f1, 'score')} in the log. "
        f"Rule: {kept.rule}.{agrees}",
        value,
        verification="bound",
        exhibits=(table.id,),
        caveats=[
            None
            if same or runs.split != "val" or kept.macro_f1 is None
            else "Log and predictions disagree: the scored weights may be those of another epoch.",
            "Chosen on the split it is reported on: a little optimistic." if runs.split == "val" else None,
        ],
    )


def _against_baseline(context: Context, candidate: Bundle, found: SectionEvidence) -> None:
    runs, baseline = context.runs, context.runs.baseline
    if baseline is None:
        for item in ("w1.s3.e6", "w1.s3.e7"):
            found.missing(item, context.command(BASELINE), "There is no baseline to compare with.")
        return
    if reason := runs.why_not(candidate, baseline):
        for item in ("w1.s3.e6", "w1.s3.e7"):
            found.missing(item, context.command(BASELINE), f"Not compared: {reason}.")
        return
    value, difference = runs.difference(candidate, baseline, "macro_f1")
    also, _ = runs.difference(candidate, baseline, "accuracy")
    rivals = [run for run in runs.candidates if run.manifest.model.family == candidate.manifest.model.family]
    chosen = f"{candidate.run_id} is the best of {len(rivals)} on these rows: it is flattered." if rivals[1:] else None
    beside = [
        difference_sentence(*runs.difference(run, baseline, "macro_f1"))
        for run in runs.candidates
        if run is not candidate and run.manifest.model.family == "embed" and not runs.why_not(run, baseline)
    ]
    found.answer(
        "w1.s3.e6",
        difference_sentence(value, difference),
        value,
        also,
        verdict=difference.verdict,
        caveats=[*(f"Nothing fine-tuned: {sentence}" for sentence in beside), DATA_NOISE, chosen],
    )
    rescue = runs.rescue(candidate, baseline)
    counts = counts_or_support(context, candidate)
    found.figures.append(classes.f1_pairs(runs, candidate, baseline, rescue, counts, "w1-rescue"))
    exhibits = ["w1-rescue", "w1-classes"]
    if rescue.rescued or rescue.lost:
        found.tables.append(classes.rescue_table(runs, candidate, baseline, rescue, counts, "w1-rescue-table"))
        exhibits.insert(1, "w1-rescue-table")
    found.tables.append(classes.classes_table(runs, candidate, baseline, counts, "w1-classes"))
    shared = {"run": candidate.run_id, "baseline": baseline.run_id, "split": runs.split, "n": value.n}
    found.answer(
        "w1.s3.e7",
        classes.rescue_sentence(candidate, baseline, rescue),
        *(
            Value(metric, number, "count", field="predictions.parquet", **{**shared, **signed})  # type: ignore[arg-type]
            for metric, number, signed in (
                ("rescued", len(rescue.rescued), {"baseline": None}),
                ("confirmed", len(rescue.confirmed), {"baseline": None}),
                ("lost", len(rescue.lost), {"baseline": None}),
                ("net_rescued", rescue.net, {}),
            )
        ),
        exhibits=exhibits,
        caveats=[chosen],
    )


def _log(context: Context) -> SectionEvidence:
    found, runs = SectionEvidence(), context.runs
    if not runs.measured:
        for item in (1, 2, 3):
            found.missing(f"w1.s4.e{item}", context.command("week1"))
    else:
        table, repeat = log.experiment_log(runs, "w1-log"), log.reproduction(runs, "w1-repeat")
        found.tables += [table, repeat]
        found.answer(
            "w1.s4.e1",
            "All runs this memo was given are in one table; whether others exist only the author can say.",
            Value("runs", len(runs.measured), "count", field="manifest.json"),
            verification="bound",
            exhibits=(table.id,),
        )
        found.answer(
            "w1.s4.e2",
            "Model, settings, accuracy, macro F1, weighted F1, zero-F1 classes and training time of each run.",
            verification="bound",
            exhibits=(table.id,),
        )
        gaps = {run.run_id: missing for run in runs.measured if (missing := log.not_reproducible(run))}
        found.answer(
            "w1.s4.e3",
            "Each run names its seed, settings, code and data."
            if not gaps
            else f"{len(runs.measured) - len(gaps)} of {len(runs.measured)} runs name all it takes to repeat them.",
            verification="bound",
            exhibits=(repeat.id,),
            caveats=[f"{name} does not state {listing(missing)}." for name, missing in gaps.items()],
        )
    if published := log.reported(runs, "w1-reported"):
        found.tables.append(published)
    return found


def _risks(context: Context, sections: dict[str, SectionEvidence]) -> SectionEvidence:
    """Numbers a risk could rest on. The risks themselves are the author's."""
    found = SectionEvidence()
    rows: list[dict[str, Scalar | Value]] = []

    def offer(about: str, item: str, position: int = 0) -> None:
        answered = sections[item.rpartition(".")[0]].items.get(item)
        if answered is not None and len(answered.values) > position:
            rows.append({"about": about, "value": answered.values[position], "item": item})

    offer("Share of the largest class", "w1.s1.e2")
    offer("Classes below 0.1 % of the training rows", "w1.s1.e3")
    offer("Texts with a redaction", "w1.s1.e4")
    offer("Texts that fit in the model's input", "w1.s1.e5", 3)
    offer("Zero-F1 classes of the baseline", "w1.s2.e3")
    offer("Macro F1 gained over the baseline", "w1.s3.e6")
    offer("Rescues confirmed by themselves", "w1.s3.e7", 1)
    offer("Classes lost", "w1.s3.e7", 2)
    if context.audit is not None:
        for split, leaked in context.audit.near.leaked.items():
            value = Value("near_duplicates_of_train", leaked, "count", split=split, n=context.audit.rows[split])
            rows.append({"about": f"Rows of {split} with a near duplicate in train", "value": value, "item": None})
    runs = context.runs
    if (lead := runs.candidate or runs.baseline) is not None:
        support = runs.per_class(lead).support
        few = int((support <= classes.FEW).sum())
        shared = {"run": lead.run_id, "split": runs.split, "n": runs.scores(lead).n, "field": "predictions.parquet"}
        few_rows = Value("classes_with_few_rows", few, "count", **shared)  # type: ignore[arg-type]
        rows.append(
            {"about": f"Classes with {classes.FEW} rows or fewer on {runs.split}", "value": few_rows, "item": None}
        )
        still = Value("zero_f1", runs.scores(lead).zero_f1, "count", **shared)  # type: ignore[arg-type]
        rows.append({"about": f"Classes still at zero under {lead.run_id}", "value": still, "item": None})
    if not rows:
        for item in ("w1.s5.e1", "w1.s5.e2"):
            found.missing(item, context.command("week1"))
        return found
    table = Table(
        id="w1-observed",
        caption="Numbers observed above that a risk or an open question could rest on. "
        "Naming the risk is the author's part.",
        columns=(Column("about", "Observed"), Column("value", "Value", "number"), Column("item", "Where")),
        rows=tuple(rows),
        row_header="about",
    )
    found.tables.append(table)
    found.answer("w1.s5.e1", "The risks are the author's to name, in the text below.", verification="declared")
    found.answer(
        "w1.s5.e2", f"{len(rows)} observed numbers to choose from.", verification="bound", exhibits=(table.id,)
    )
    return found


def _highlights(sections: dict[str, SectionEvidence]) -> tuple[Highlight, ...]:
    wanted = (
        ("Baseline macro F1", "w1.s2.e2", 0),
        ("Candidate macro F1", "w1.s3.e2", 0),
        ("Difference in macro F1", "w1.s3.e6", 0),
        ("Classes rescued", "w1.s3.e7", 0),
    )
    found = []
    for label, item, position in wanted:
        answered = sections[item.rpartition(".")[0]].items[item]
        if len(answered.values) > position:
            note = answered.verdict or ""
            if item == "w1.s3.e7":
                note = f"{show_value(answered.values[1])} confirmed, {show_value(answered.values[2])} lost"
            found.append(Highlight(label, answered.values[position], item, note))
    return tuple(found)
