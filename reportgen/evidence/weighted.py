"""Class weighting beside no weighting, and every other lever against the same baseline: section w2.s2."""

from __future__ import annotations

from dataclasses import replace

from . import classes
from .batchsize import STAGE
from .context import Context, SectionEvidence
from .datafacts import counts_or_support, label_counts
from .experiments import Experiment
from .levers import levers_sentence, levers_table
from .model import Value
from .noisefloor import NoiseFloor
from .numbers import listing, plural, show
from .runs import FINE_TUNED
from .weighting import class_weights, scheme, weighting_pair
from .wording import DATA_NOISE, difference_sentence


def weighting_section(context: Context, noise: NoiseFloor) -> SectionEvidence:
    """Section w2.s2."""
    found, runs = SectionEvidence(), context.runs
    pair = (
        weighting_pair(context, "encoder") or weighting_pair(context, *FINE_TUNED) or weighting_pair(context, "linear")
    )
    if pair is None:
        why = "No weighted run stands beside an unweighted one."
        for item in ("w2.s2.e1", "w2.s2.e2", "w2.s2.e3"):
            found.missing(item, context.command(STAGE), why)
    else:
        _weighted(context, pair, found)
    baseline = pair.reference if pair else runs.baseline or runs.candidate
    if baseline is not None:
        others = sorted(runs.of_family("linear", *FINE_TUNED), key=lambda run: -runs.scores(run).macro_f1)
        table = levers_table(runs, baseline, others, "w2-levers", noise.floor)
        if table is not None:
            found.tables.append(table)
            if pair is not None:
                _say_levers(found, levers_sentence(table, baseline), table.id)
    return found


def _say_levers(found: SectionEvidence, sentence: str, table_id: str) -> None:
    item = found.items["w2.s2.e2"]
    found.items["w2.s2.e2"] = replace(
        item, sentence=f"{item.sentence} All levers: {sentence}", exhibits=(*item.exhibits, table_id)
    )


def _weighted(context: Context, pair: Experiment, found: SectionEvidence) -> None:
    runs, run, reference = context.runs, pair.run, pair.reference
    macro, difference = runs.difference(run, reference, "macro_f1")
    accuracy, other = runs.difference(run, reference, "accuracy")
    confounded = (
        None
        if len(pair.changes) == 1
        else f"Confounded: {listing(list(pair.keys), 8)} differ as well or instead, so this is not the weights' effect."
    )
    found.answer(
        "w2.s2.e1",
        f"{difference_sentence(macro, difference)} {difference_sentence(accuracy, other)}",
        *(runs.value(one, metric) for one in (reference, run) for metric in ("accuracy", "macro_f1")),
        macro,
        accuracy,
        verdict=difference.verdict,
        caveats=[confounded, DATA_NOISE, runs.few_rows()],
    )
    rescue = runs.rescue(run, reference)
    counts = counts_or_support(context, run)
    found.figures.append(classes.f1_pairs(runs, run, reference, rescue, counts, "w2-weighting"))
    exhibits = ["w2-weighting"]
    if rescue.rescued or rescue.lost:
        found.tables.append(classes.rescue_table(runs, run, reference, rescue, counts, "w2-weighting-table"))
        exhibits.append("w2-weighting-table")
    shared = {"split": runs.split, "n": macro.n, "field": "predictions.parquet"}
    found.answer(
        "w2.s2.e2",
        classes.rescue_sentence(run, reference, rescue),
        runs.value(reference, "zero_f1"),
        runs.value(run, "zero_f1"),
        Value("rescued", len(rescue.rescued), "count", run=run.run_id, **shared),  # type: ignore[arg-type]
        Value("lost", len(rescue.lost), "count", run=run.run_id, **shared),  # type: ignore[arg-type]
        exhibits=exhibits,
        caveats=[confounded],
    )
    _weight_range(context, pair, found)


def _weight_range(context: Context, pair: Experiment, found: SectionEvidence) -> None:
    run, how = pair.run, scheme(pair.run) or ""
    labels = label_counts(context)
    if labels is None or labels.names != run.labels.names or not labels.total:
        found.missing("w2.s2.e3", context.command(STAGE), "No run stored the training counts of its labels.")
        return
    weights, balanced = class_weights(labels.counts, how), class_weights(labels.counts, "balanced")
    if weights is None or balanced is None:
        found.answer(
            "w2.s2.e3",
            f"{run.run_id} weights its classes by “{how}”, a scheme this memo cannot recompute from training counts.",
            verification="declared",
        )
        return
    low, high = int(weights.argmin()), int(weights.argmax())
    found.answer(
        "w2.s2.e3",
        f"Scheme {how}, from training counts, mean 1 over the classes: “{labels.names[low]}” "
        f"({plural(int(labels.counts[low]), 'row')}) has the smallest weight, “{labels.names[high]}” "
        f"({plural(int(labels.counts[high]), 'row')}) the largest, "
        f"{show(float(weights[high] / weights[low]), 'ratio')} as much. Balanced weights would span "
        f"{show(float(balanced.max() / balanced.min()), 'ratio')}.",
        *(
            Value(name, float(weights[at]), "score", run=run.run_id, split="train", n=labels.total, field=labels.source)
            for name, at in (("class_weight_smallest", low), ("class_weight_largest", high))
        ),
        verification="bound",
        caveats=["Recomputed from the stored counts by the runner's formula; the bundle holds no weights."],
    )
