"""Week 3: encoder beside decoder, class weights on both, rare and common classes, latency, and what comes next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from . import classes, deployment, log, tierfacts, timings
from .context import Context, SectionEvidence, WeekAnswers
from .datafacts import counts_or_support, label_counts
from .experiments import Experiment, compare_facts
from .model import Column, Figure, Highlight, Scalar, Table, Value
from .numbers import listing, plural, show, show_interval, show_value
from .plateau import plateau
from .weighting import scheme, weighting_pair
from .wording import DATA_NOISE, difference_sentence

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reportgen.bundle import Bundle

    from .runs import Runs

STAGE = "week3"
ENCODER, DECODER, FULL = "encoder-lora", "decoder-lora", "encoder"
"""Run names of the course's stages; where they are taken otherwise, roles go by what a run is."""
_ARCHITECTURE = frozenset({"model", "runner", "revision", "padding_side", "pooling", "total_steps"})
"""Differences that come with another architecture."""


@dataclass(frozen=True, eq=False)
class Roles:
    """Who is compared: adapters on an encoder, adapters on a decoder, and the fully fine-tuned encoder."""

    encoder: Bundle | None
    decoder: Bundle | None
    full: Bundle | None
    notes: tuple[str, ...] = ()


def answer(context: Context) -> WeekAnswers:
    """Evidence for every section of week 3's rubric."""
    roles = find_roles(context.runs)
    on_decoder = weighting_pair(context, "decoder")
    sections = {
        "w3.s1": _systems(context, roles),
        "w3.s2": _weighting(context, on_decoder, weighting_pair(context, "encoder")),
        "w3.s3": _per_class(context, roles),
        "w3.s4": _latency(context, roles),
    }
    sections["w3.s5"] = _next(context, roles, sections)
    warnings = tuple(warning for run in context.runs.measured if (warning := plateau(run)))
    return WeekAnswers(sections, _highlights(sections), warnings)


def find_roles(runs: Runs) -> Roles:
    """Runs by role: by the stage's name where that fits, else the best unweighted run of the kind, else the best."""
    trained = [run for run in runs.of_family("encoder", "decoder") if not run.manifest.parents]
    encoders = [run for run in trained if run.manifest.model.family == "encoder"]
    decoders = [run for run in trained if run.manifest.model.family == "decoder"]
    adapted = [run for run in encoders if _has_adapter(run)]
    full = [run for run in encoders if not _has_adapter(run)]
    notes = []
    encoder = _pick(runs, adapted, ENCODER)
    if encoder is None and full:
        encoder = _pick(runs, full, FULL)
        notes.append("No encoder with an adapter is at hand: the fully fine-tuned one stands in for it.")
    return Roles(encoder, _pick(runs, decoders, DECODER), _pick(runs, full, FULL), tuple(notes))


def _pick(runs: Runs, pool: list[Bundle], name: str) -> Bundle | None:
    named = next((run for run in pool if run.run_id == name), None)
    return named or runs.best([run for run in pool if not scheme(run)]) or runs.best(pool)


def _has_adapter(run: Bundle) -> bool:
    resolved, model = run.config.resolved, run.manifest.model
    if any(resolved.get(key) for key in ("lora", "lora_r", "rank")):
        return True
    trainable, total = model.trainable_parameters, model.parameters
    return bool(trainable is not None and total and trainable < total / 2)


# ------------------------------------------------------------------------------------------------------------ section 1


def _systems(context: Context, roles: Roles) -> SectionEvidence:
    found, runs = SectionEvidence(), context.runs
    encoder, decoder = roles.encoder, roles.decoder
    shown = [run for run in (encoder, decoder, roles.full) if run is not None]
    shown = list(dict.fromkeys(shown))
    if shown:
        found.tables.append(_systems_table(runs, shown))
    if encoder is None or decoder is None:
        lacking = [name for name, run in ((ENCODER, encoder), (DECODER, decoder)) if run is None]
        have = [run.run_id for run in (encoder, decoder) if run is not None]
        why = f"{' and '.join(lacking)} missing{f'; {listing(have)} is at hand' if have else ''}."
        for item in ("w3.s1.e1", "w3.s1.e2"):
            found.missing(item, context.command(STAGE), f"{why[0].upper()}{why[1:]}")
    else:
        _side_by_side(context, roles, encoder, decoder, found)
    _against_full(context, roles, found)
    if published := log.reported(runs, "w3-reported"):
        found.tables.append(published)
    return found


def _side_by_side(context: Context, roles: Roles, encoder: Bundle, decoder: Bundle, found: SectionEvidence) -> None:
    runs = context.runs
    metrics = ("accuracy", "macro_f1", "zero_f1")
    values = [runs.value(run, metric) for run in (encoder, decoder) for metric in metrics]
    reason = runs.why_not(decoder, encoder)
    verdict, sentence = None, f"Not compared: {reason}." if reason else ""
    if not reason:
        macro, difference = runs.difference(decoder, encoder, "macro_f1")
        accuracy, other = runs.difference(decoder, encoder, "accuracy")
        values += [macro, accuracy]
        verdict = difference.verdict
        sentence = f"{difference_sentence(macro, difference)} {difference_sentence(accuracy, other)}"
        found.tables.append(_unlike_table(encoder, decoder))
    found.answer(
        "w3.s1.e1",
        sentence,
        *values,
        verdict=verdict,
        exhibits=["w3-systems", *([] if reason else ["w3-unlike"])],
        caveats=[*roles.notes, _unlike(encoder, decoder), DATA_NOISE, runs.few_rows()],
    )
    shares = [(run, _trainable(run)) for run in (encoder, decoder)]
    if unknown := [run.run_id for run, value in shares if value is None]:
        found.missing("w3.s1.e2", context.command(STAGE), f"{listing(unknown)} did not count its parameters.")
        return
    said = [
        f"{run.manifest.model.trainable_parameters:,} of {run.manifest.model.parameters:,} under {run.run_id}"
        for run, _ in shares
    ]
    found.answer(
        "w3.s1.e2",
        f"Trainable parameters: {listing(said)}.",
        *(value for _, value in shares if value is not None),
        verification="declared",
        exhibits=("w3-systems",),
        caveats=roles.notes,
    )


def _trainable(run: Bundle) -> Value | None:
    model = run.manifest.model
    if not model.parameters or model.trainable_parameters is None:
        return None
    share = model.trainable_parameters / model.parameters
    return Value("trainable_share", share, "fraction", run=run.run_id, field="manifest.json")


def _systems_table(runs: Runs, shown: list[Bundle]) -> Table:
    rows: list[dict[str, Scalar | Value]] = []
    for run in shown:
        model = run.manifest.model
        rows.append(
            {
                "run": run.run_id,
                "model": model.name,
                "kind": f"{model.family}, {'adapter' if _has_adapter(run) else 'all weights'}",
                "parameters": model.parameters,
                "share": _trainable(run),
                "time": run.manifest.timings.get("train", run.manifest.timings.get("total")),
                **{metric: runs.value(run, metric) for metric in ("accuracy", "macro_f1", "weighted_f1", "zero_f1")},
            }
        )
    n = {runs.scores(run).n for run in shown}
    return Table(
        id="w3-systems",
        caption=f"The systems on {runs.split}{f', n = {n.pop():,}' if len(n) == 1 else ' (n differs between runs)'}. "
        "Brackets: 95 % intervals of each run by itself; differences need the paired ones.",
        columns=(
            Column("run", "Run"),
            Column("model", "Model", wide=True),
            Column("kind", "Trained"),
            Column("accuracy", "Accuracy", "fraction"),
            Column("macro_f1", "Macro F1", "score"),
            Column("weighted_f1", "Weighted F1", "score"),
            Column("zero_f1", "Zero-F1", "count"),
            Column("parameters", "Parameters", "count"),
            Column("share", "Trainable", "fraction"),
            Column("time", "Training", "seconds"),
        ),
        rows=tuple(rows),
        row_header="run",
    )


def _unlike(encoder: Bundle, decoder: Bundle) -> str:
    changes, _, _ = compare_facts(encoder, decoder)
    other = [change.key for change in changes if change.key not in _ARCHITECTURE]
    if not other:
        return "Apart from what comes with the architecture, the two were trained alike."
    return (
        f"Confounded: beside the architecture {listing(other, 8)} {'differs' if len(other) == 1 else 'differ'}. This "
        "compares two systems, not an encoder with a decoder."
    )


def _unlike_table(encoder: Bundle, decoder: Bundle) -> Table:
    changes, follows, held = compare_facts(encoder, decoder)
    return Table(
        id="w3-unlike",
        caption=f"What differs between {encoder.run_id} and {decoder.run_id}; {plural(len(held), 'other key')} "
        f"{'is' if len(held) == 1 else 'are'} the same.",
        columns=(
            Column("key", "Key"),
            Column("encoder", encoder.run_id, wide=True),
            Column("decoder", decoder.run_id, wide=True),
            Column("why", "Comes with the architecture"),
        ),
        rows=tuple(
            {
                "key": change.key,
                "encoder": change.before,
                "decoder": change.after,
                "why": change.key in _ARCHITECTURE or change in follows,
            }
            for change in (*changes, *follows)
        ),
        row_header="key",
        folded_after=0,
    )


def _against_full(context: Context, roles: Roles, found: SectionEvidence) -> None:
    runs, full = context.runs, roles.full
    adapted = roles.encoder if roles.encoder is not None and _has_adapter(roles.encoder) else None
    if adapted is None or full is None:
        command = context.command(STAGE) if adapted is None else context.command("week2")
        what = "No encoder with an adapter" if adapted is None else "No fully fine-tuned encoder of week 1 or 2"
        found.missing("w3.s1.e3", command, f"{what} is at hand.")
        return
    if reason := runs.why_not(adapted, full):
        found.missing("w3.s1.e3", context.command("week2"), f"Not compared: {reason}.")
        return
    macro, difference = runs.difference(adapted, full, "macro_f1")
    accuracy, other = runs.difference(adapted, full, "accuracy")
    changes, _, _ = compare_facts(full, adapted)
    keys = [change.key for change in changes if not change.key.startswith("lora")]
    found.answer(
        "w3.s1.e3",
        f"{difference_sentence(macro, difference)} {difference_sentence(accuracy, other)}",
        macro,
        accuracy,
        verdict=difference.verdict,
        caveats=[f"Beside the adapter {listing(keys, 8)} changed too." if keys else None, DATA_NOISE],
    )


# ------------------------------------------------------------------------------------------------------------ section 2


def _weighting(context: Context, decoder: Experiment | None, encoder: Experiment | None) -> SectionEvidence:
    found, runs = SectionEvidence(), context.runs
    if decoder is None:
        for item in ("w3.s2.e1", "w3.s2.e2"):
            found.missing(item, context.command(STAGE), "No weighted decoder stands beside an unweighted one.")
        return found
    run, reference = decoder.run, decoder.reference
    macro, difference = runs.difference(run, reference, "macro_f1")
    accuracy, other = runs.difference(run, reference, "accuracy")
    rescue = runs.rescue(run, reference)
    counts = counts_or_support(context, run)
    exhibits = []
    if rescue.rescued or rescue.lost:
        found.tables.append(classes.rescue_table(runs, run, reference, rescue, counts, "w3-weighting-table"))
        exhibits.append("w3-weighting-table")
    metrics = ("accuracy", "macro_f1", "zero_f1")
    found.answer(
        "w3.s2.e1",
        f"{difference_sentence(macro, difference)} {difference_sentence(accuracy, other)} "
        + classes.rescue_sentence(run, reference, rescue),
        *(runs.value(one, metric) for one in (reference, run) for metric in metrics),
        macro,
        accuracy,
        verdict=difference.verdict,
        exhibits=exhibits,
        caveats=[_confounded(decoder), DATA_NOISE],
    )
    if encoder is None:
        why = "No weighted encoder of week 2 stands beside an unweighted one."
        found.missing("w3.s2.e2", context.command("week2"), why)
        return found
    table = _transfer_table(runs, (encoder, decoder))
    found.tables.append(table)
    theirs, before = runs.difference(encoder.run, encoder.reference, "macro_f1")
    gap = (
        f"Weighting moves macro F1 by {show_value(macro)} on the decoder ({_percent(difference.delta, difference.a)}) "
        f"and by {show_value(theirs)} on the encoder ({_percent(before.delta, before.a)})."
    )
    found.answer(
        "w3.s2.e2",
        f"{gap} {_gap_of_gaps(runs, decoder, encoder)}",
        macro,
        theirs,
        exhibits=(table.id,),
        caveats=[_confounded(encoder), _confounded(decoder), DATA_NOISE],
    )
    return found


def _gap_of_gaps(runs: Runs, decoder: Experiment, encoder: Experiment) -> str:
    """Whether the two effects differ: the same resamples give their difference an interval."""
    if runs.why_not(decoder.run, encoder.run):
        return "The two effects were measured on other rows, so their difference has no interval."
    from reportgen.stats import interval

    ours = runs.resampled(decoder.run).macro_f1 - runs.resampled(decoder.reference).macro_f1
    theirs = runs.resampled(encoder.run).macro_f1 - runs.resampled(encoder.reference).macro_f1
    low, high = interval(ours - theirs)
    span = f"[{show(low, 'score', signed=True)}, {show(high, 'score', signed=True)}]"
    if low <= 0 <= high:
        return f"The difference of the two effects has the 95 % interval {span}: these rows do not tell them apart."
    return f"The difference of the two effects has the 95 % interval {span}, which excludes zero."


def _percent(delta: float, before: float) -> str:
    return (
        f"{show(delta / before, 'fraction', signed=True).replace(' pp', ' %')}"
        if before
        else "from zero, no percentage"
    )


def _confounded(pair: Experiment) -> str | None:
    if len(pair.changes) == 1:
        return None
    return f"{pair.title} is confounded: {listing(list(pair.keys), 8)} differ."


def _transfer_table(runs: Runs, pairs: tuple[Experiment, Experiment]) -> Table:
    rows: list[dict[str, Scalar | Value]] = []
    for name, pair in zip(("encoder", "decoder"), pairs, strict=True):
        macro, difference = runs.difference(pair.run, pair.reference, "macro_f1")
        accuracy, _ = runs.difference(pair.run, pair.reference, "accuracy")
        zero = runs.scores(pair.run).zero_f1 - runs.scores(pair.reference).zero_f1
        rows.append(
            {
                "kind": name,
                "runs": pair.title,
                "control": pair.badge,
                "macro": macro,
                "percent": _percent(difference.delta, difference.a),
                "accuracy": accuracy,
                "zero": show(zero, "count", signed=True),
                "verdict": difference.verdict,
            }
        )
    return Table(
        id="w3-transfer",
        caption=f"What class weights did to each model on {runs.split}, n = {runs.scores(pairs[1].run).n:,}. "
        "Per cent: of the unweighted run's macro F1. Brackets: 95 % paired intervals.",
        columns=(
            Column("kind", "Model"),
            Column("runs", "Runs", wide=True),
            Column("control", "Control"),
            Column("macro", "ΔMacro F1", "score"),
            Column("percent", "in %"),
            Column("accuracy", "ΔAccuracy", "fraction"),
            Column("zero", "ΔZero-F1"),
            Column("verdict", "Verdict"),
        ),
        rows=tuple(rows),
        row_header="kind",
    )


# ------------------------------------------------------------------------------------------------------------ section 3


def _per_class(context: Context, roles: Roles) -> SectionEvidence:
    found, runs = SectionEvidence(), context.runs
    encoder, decoder, labels = roles.encoder, roles.decoder, label_counts(context)
    why = ""
    if encoder is None or decoder is None:
        why = "It takes an encoder and a decoder."
    elif reason := runs.why_not(decoder, encoder):
        why = f"Not compared: {reason}."
    elif labels is None or labels.names != encoder.labels.names or not labels.total:
        why = "No run stored the training counts of its labels."
    if why or encoder is None or decoder is None or labels is None:
        for item in range(1, 5):
            found.missing(f"w3.s3.e{item}", context.command(STAGE), why)
        return found
    rule, counts = context.course.tier_rule(context.week), labels.counts
    both = [encoder, decoder]
    table = tierfacts.tier_table(runs, both, counts, rule, "w3-tiers")
    ladder = tierfacts.tier_ladder(runs, both, counts, rule, "w3-tier-ladder")
    scatter = class_scatter(runs, encoder, decoder, counts, rule, "w3-scatter")
    each = classes.classes_table(runs, decoder, encoder, counts, "w3-classes")
    found.tables += [table, each]
    found.figures += [ladder, scatter]
    present = tierfacts.present(counts, rule)
    gaps = [tierfacts.tier_difference(runs, decoder, encoder, tier, inside) for tier, inside in present.items()]
    said = [
        f"{tier} {show_value(gap)} {show_interval(gap.interval, gap.unit, signed=True) if gap.interval else ''}".strip()
        for tier, gap in zip(present, gaps, strict=True)
    ]
    found.answer(
        "w3.s3.e1",
        f"{decoder.run_id} − {encoder.run_id}: {listing(said)}. {_excluding(list(present), gaps)}",
        *(tierfacts.tier_mean(runs, run, tier, inside) for tier, inside in present.items() for run in both),
        *gaps,
        exhibits=(ladder.id, table.id),
        caveats=[f"{classes.TIER_RULES[rule][0].upper()}{classes.TIER_RULES[rule][1:]}.", DATA_NOISE],
    )
    zero = {run.run_id: {tier: tierfacts.zeros(runs, run, inside) for tier, inside in present.items()} for run in both}
    shared = {"split": runs.split, "n": runs.scores(encoder).n, "field": "predictions.parquet"}
    size = {tier: int(inside.sum()) for tier, inside in present.items()}
    counted = [
        f"{name}: {listing([f'{tier} {count} of {size[tier]}' for tier, (count, _) in tiers.items()])}"
        for name, tiers in zero.items()
    ]
    found.answer(
        "w3.s3.e2",
        f"{'; '.join(counted)}.",
        *(
            Value(f"{tier}_zero_f1", count, "count", run=name, **shared)  # type: ignore[arg-type]
            for tier in present
            for name, tiers in zero.items()
            for count, _ in [tiers[tier]]
        ),
        exhibits=(table.id,),
    )
    found.answer("w3.s3.e3", scatter.finding, exhibits=(scatter.id, each.id), caveats=[runs.few_rows()])
    at_zero = [
        f"{name} has F1 = 0 in every {tier} class ({size[tier]})"
        for name, tiers in zero.items()
        for tier, (count, _) in tiers.items()
        if count == size[tier]
    ]
    found.answer(
        "w3.s3.e4",
        f"{'; '.join(at_zero)}. A mean of zeros says nothing about how close the misses are."
        if at_zero
        else "No whole tier is at zero under either model.",
        Value("tiers_at_zero", len(at_zero), "count", **shared),  # type: ignore[arg-type]
        exhibits=(table.id,),
    )
    return found


def _excluding(tiers: list[str], gaps: list[Value]) -> str:
    clear = [
        tier
        for tier, gap in zip(tiers, gaps, strict=True)
        if gap.interval is not None and not gap.interval.low <= 0 <= gap.interval.high
    ]
    if not clear:
        return "No interval excludes zero: these rows do not place the difference in a tier."
    return f"The interval excludes zero for {listing(clear)}{' only' if len(clear) < len(tiers) else ''}."


def class_scatter(
    runs: Runs, encoder: Bundle, decoder: Bundle, counts: NDArray[np.int64], rule: str, figure_id: str
) -> Figure:
    """F1 of every class under both models; ties are counted by themselves and win nothing for either."""
    from reportgen.stats import tiers

    first, second, tier = runs.per_class(encoder), runs.per_class(decoder), tiers(counts, rule)
    points = [
        {
            "name": encoder.labels.names[i],
            "x": float(first.f1[i]),
            "y": float(second.f1[i]),
            "n": int(first.support[i]),
            "train": int(counts[i]),
            "tier": str(tier[i]),
        }
        for i in classes.by_frequency(counts)
    ]
    zero = int(((first.f1 == 0) & (second.f1 == 0)).sum())
    ties = int((first.f1 == second.f1).sum())
    wins = int((second.f1 > first.f1).sum()), int((first.f1 > second.f1).sum())
    return Figure(
        id=figure_id,
        kind="f1-scatter",
        caption=f"F1 of each class under {encoder.run_id} (across) and {decoder.run_id} (up) on {runs.split}, n = "
        f"{int(first.support.sum()):,}; {classes.TIER_RULES[rule]}. On the diagonal the two tie.",
        finding=f"{decoder.run_id} has the higher F1 in {wins[0]} of {len(points)} classes, {encoder.run_id} in "
        f"{wins[1]}; {ties} tie, {zero} of them at zero.",
        data={"points": points, "x": encoder.run_id, "y": decoder.run_id, "few": classes.FEW},
    )


# ------------------------------------------------------------------------------------------------------------ section 4


def _latency(context: Context, roles: Roles) -> SectionEvidence:
    found, runs = SectionEvidence(), context.runs
    both = [run for run in (roles.encoder, roles.decoder) if run is not None]
    timed = timings.timings(both)
    silent = [run.run_id for run in both if run not in [one.run for one in timed]]
    if timed:
        found.tables.append(timings.latency_table(timed, "w3-latency"))
    if len(both) < 2 or silent:
        why = f"{listing(silent)} was not timed." if silent else "It takes an encoder and a decoder."
        for item in ("w3.s4.e1", "w3.s4.e2"):
            found.missing(item, context.command(STAGE), why)
    else:
        found.answer(
            "w3.s4.e1",
            "Median milliseconds an example, each in its own mode.",
            *(one.value() for one in timed),
            verification="declared",
            exhibits=("w3-latency",),
        )
        _ratios(both[0], both[1], timed, found)
    candidates = [run for run in runs.of_family("linear", "embed", "encoder", "decoder") if _comparable(runs, run)]
    advice = deployment.recommendations(context.course, runs, candidates)
    if advice:
        table = deployment.deployment_table(advice, "w3-deployment")
        found.tables.append(table)
        found.answer("w3.s4.e3", deployment.deployment_sentence(advice), verification="bound", exhibits=(table.id,))
    elif candidates:
        found.answer("w3.s4.e3", "Name it in the text; this course ships no deployment.", verification="declared")
    else:
        found.missing("w3.s4.e3", context.command(STAGE), "There is no model to deploy yet.")
    return found


def _comparable(runs: Runs, run: Bundle) -> bool:
    lead = runs.candidate or runs.baseline
    return lead is not None and not runs.why_not(run, lead)


def _ratios(encoder: Bundle, decoder: Bundle, timed: list[timings.Timing], found: SectionEvidence) -> None:
    values: list[Value] = []
    for one in timed:
        name = one.record.scenario.replace("-", "_")
        shared = {"run": one.run.run_id, "n": len(one.ms), "field": "latency.json"}
        values += [
            Value(f"examples_per_second_{name}", one.throughput, "number", **shared),  # type: ignore[arg-type]
            Value(f"time_for_64000_{name}", timings.JOB * one.median / 1000, "seconds", **shared),  # type: ignore[arg-type]
        ]
    said, refused = [], []
    for pair in timings.ratios(encoder, decoder):
        mode = f"{pair.first.record.scenario}, batch {pair.first.record.batch_size}"
        if pair.why_not:
            refused.append(
                f"No ratio for {pair.first.record.scenario}: the records differ in {listing(list(pair.why_not))}."
            )
            continue
        slower = f"{decoder.run_id} takes {show(pair.value, 'ratio')} the time of {encoder.run_id}"
        said.append(f"{slower} ({mode})")
        values.append(
            Value(
                f"latency_ratio_{pair.first.record.scenario.replace('-', '_')}",
                pair.value,
                "ratio",
                run=decoder.run_id,
                n=len(pair.second.ms),
                field="latency.json",
            )
        )
    if not said:
        refused = refused or ["No ratio: the two share no mode."]
    found.answer(
        "w3.s4.e2",
        f"{'; '.join(said)}." if said else "No two records were taken alike, so nothing is divided.",
        *values,
        verification="declared",
        exhibits=("w3-latency",),
        caveats=refused,
    )


# ------------------------------------------------------------------------------------------------------------ section 5


def _next(context: Context, roles: Roles, sections: dict[str, SectionEvidence]) -> SectionEvidence:
    """Numbers a bottleneck could rest on. The proposal is the author's."""
    found, runs = SectionEvidence(), context.runs
    rows: list[dict[str, Scalar | Value]] = []
    lead = roles.decoder or roles.encoder or runs.candidate or runs.baseline
    if lead is not None:
        metric = runs.value(lead, "zero_f1")
        rows.append({"about": f"Zero-F1 classes under {lead.run_id}", "value": metric, "item": None})
        support = runs.per_class(lead).support
        shared = {"run": lead.run_id, "split": runs.split, "n": runs.scores(lead).n, "field": "predictions.parquet"}
        few = Value("classes_with_few_rows", int((support <= classes.FEW).sum()), "count", **shared)  # type: ignore[arg-type]
        rows.append({"about": f"Classes with {classes.FEW} rows or fewer on {runs.split}", "value": few, "item": None})
    for item, positions in (
        ("w3.s1.e1", ((6, "Macro F1, decoder − encoder"),)),
        ("w3.s1.e3", ((0, "Macro F1, adapter − all weights"),)),
        ("w3.s2.e1", ((6, "Macro F1 by weighting the decoder"),)),
        ("w3.s3.e1", ((0, "Mean F1 of rare classes, encoder"), (1, "Mean F1 of rare classes, decoder"))),
        ("w3.s4.e1", ((0, "Median latency, first record"),)),
    ):
        answered = sections[item.rpartition(".")[0]].items.get(item)
        for position, about in positions:
            if answered is not None and len(answered.values) > position:
                rows.append({"about": about, "value": answered.values[position], "item": item})
    found.answer(
        "w3.s5.e1",
        "The proposal is the author's: name the one change, the hypothesis and the figure you predict.",
        verification="declared",
    )
    if not rows:
        found.missing("w3.s5.e2", context.command(STAGE))
        return found
    table = Table(
        id="w3-observed",
        caption="Numbers measured above that a bottleneck could be read from.",
        columns=(Column("about", "Observed"), Column("value", "Value", "number"), Column("item", "Where")),
        rows=tuple(rows),
        row_header="about",
    )
    found.tables.append(table)
    found.answer(
        "w3.s5.e2",
        f"{plural(len(rows), 'measured number')} to choose from.",
        verification="bound",
        exhibits=(table.id,),
    )
    return found


def _highlights(sections: dict[str, SectionEvidence]) -> tuple[Highlight, ...]:
    wanted = (
        ("Encoder macro F1", "w3.s1.e1", 1),
        ("Decoder macro F1", "w3.s1.e1", 4),
        ("Difference in macro F1", "w3.s1.e1", 6),
        ("Decoder macro F1 by weighting", "w3.s2.e1", 6),
    )
    found = []
    for label, item, position in wanted:
        answered = sections[item.rpartition(".")[0]].items[item]
        if len(answered.values) > position:
            note = answered.verdict or "" if position == 6 else ""
            found.append(Highlight(label, answered.values[position], item, note))
    return tuple(found)
