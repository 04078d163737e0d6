"""Week 3: encoder beside decoder, class weights on both, rare and common classes, latency, and what comes next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reportgen.stats import interval

from . import classes, deployment, publishedweek3, timings
from .context import Context, SectionEvidence, WeekAnswers
from .datafacts import counts_or_support
from .experiments import Experiment
from .memory import Memory
from .model import Column, Highlight, Scalar, Table, Value
from .numbers import listing, percent_change, plural, show, show_interval, show_value
from .plateau import plateau
from .rarecommon import tiers_section
from .systems import STAGE, Roles, find_roles, systems_section
from .weighting import weighting_pair
from .wording import DATA_NOISE, difference_sentence, metric_name

if TYPE_CHECKING:
    from reportgen.bundle import Bundle

    from .runs import Runs


def answer(context: Context) -> WeekAnswers:
    """Evidence for every section of week 3's rubric."""
    roles = find_roles(context.runs)
    on_decoder = weighting_pair(context, "decoder")
    sections = {
        "w3.s1": systems_section(context, roles),
        "w3.s2": _weighting(context, on_decoder, weighting_pair(context, "encoder")),
        "w3.s3": tiers_section(context, roles),
        "w3.s4": _latency(context, roles),
    }
    sections["w3.s5"] = _next(context, roles, sections)
    warnings = tuple(warning for run in context.runs.measured if (warning := plateau(run)))
    highlights, said = _highlights(sections), publishedweek3.add(context, sections)
    return WeekAnswers(sections, highlights or said.highlights, (*said.notices, *warnings))


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
        if said := _recalled(context.memory or Memory()):
            found.answer(
                "w3.s2.e2",
                f"Weighting moves macro F1 by {show_value(macro)} on the decoder "
                f"({percent_change(difference.delta, difference.a)}). {said}",
                macro,
                verification="declared",
                caveats=[
                    f"{why} The encoder's effect is quoted from an earlier memo: the two have no common interval.",
                    _confounded(decoder),
                ],
            )
        else:
            found.missing("w3.s2.e2", context.command("week2"), why)
        return found
    table = _transfer_table(runs, (encoder, decoder))
    found.tables.append(table)
    theirs, before = runs.difference(encoder.run, encoder.reference, "macro_f1")
    gap = (
        f"Weighting moves macro F1 by {show_value(macro)} on the decoder "
        f"({percent_change(difference.delta, difference.a)}) and by {show_value(theirs)} on the encoder "
        f"({percent_change(before.delta, before.a)})."
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


def _recalled(memory: Memory) -> str:
    """What week 2's memo said weighting did to the encoder, with the file it stands in; empty where none did."""
    for one in memory.values(2, "macro_f1", section="w2.s2", difference=True):
        span = f", 95 % {show_interval(one.value.interval, 'score', signed=True)}" if one.value.interval else ""
        plain = memory.values(2, "macro_f1", section="w2.s2", run=one.value.baseline, difference=False)
        before = plain[0].value.value if plain else None
        moved, share = one.value.value, ""
        if isinstance(before, float) and isinstance(moved, float):
            share = f" ({percent_change(moved, before)})"
        return (
            f"On the encoder it was {show_value(one.value)}{share} in week 2 ({one.value.run} − {one.value.baseline}"
            f"{span}; {one.source}, {one.item})."
        )
    quote = memory.said(2, r"class[- ]weight|weighted|weighting")
    return f"Week 2 on the encoder: “{quote.text}” ({quote.source})." if quote is not None else ""


def _gap_of_gaps(runs: Runs, decoder: Experiment, encoder: Experiment) -> str:
    """Whether the two effects differ: the same resamples give their difference an interval."""
    if runs.why_not(decoder.run, encoder.run):
        return "The two effects were measured on other rows, so their difference has no interval."
    ours = runs.resampled(decoder.run).macro_f1 - runs.resampled(decoder.reference).macro_f1
    theirs = runs.resampled(encoder.run).macro_f1 - runs.resampled(encoder.reference).macro_f1
    low, high = interval(ours - theirs)
    span = f"[{show(low, 'score', signed=True)}, {show(high, 'score', signed=True)}]"
    if low <= 0 <= high:
        return f"The difference of the two effects has the 95 % interval {span}: these rows do not tell them apart."
    return f"The difference of the two effects has the 95 % interval {span}, which excludes zero."


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
                "percent": percent_change(difference.delta, difference.a),
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


def _latency(context: Context, roles: Roles) -> SectionEvidence:
    found, runs = SectionEvidence(), context.runs
    both = [run for run in (roles.encoder, roles.decoder) if run is not None]
    timed = timings.timings(both)
    silent = [run.run_id for run in both if run not in [one.run for one in timed]]
    if timed:
        found.tables.append(timings.latency_table(timings.timings(both, parts=True), "w3-latency"))
    if len(both) < 2 or silent:
        why = f"Not timed: {listing(silent)}." if silent else "It takes an encoder and a decoder."
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
        found.answer(
            "w3.s4.e3",
            deployment.deployment_sentence(advice),
            *deployment.choices(advice),
            verification="bound",
            exhibits=(table.id,),
        )
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
            Value(f"time_for_64000_{name}", timings.job_seconds(one.median), "seconds", **shared),  # type: ignore[arg-type]
        ]
    said, refused = [], []
    for pair in timings.ratios(encoder, decoder):
        mode = f"{pair.first.record.scenario}, batch {pair.first.record.batch_size}"
        if pair.refused:
            refused.append(f"No ratio for {pair.first.record.scenario}: {pair.refused}.")
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
        f"{'; '.join(said)}." if said else "No ratio of the two: see below why.",
        *values,
        verification="declared",
        exhibits=("w3-latency",),
        caveats=[*refused, timings.unquiet(timings.timings([encoder, decoder]))],
    )


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
    ):
        answered = sections[item.rpartition(".")[0]].items.get(item)
        for position, about in positions:
            if answered is not None and len(answered.values) > position:
                rows.append({"about": about, "value": answered.values[position], "item": item})
    timed = sections["w3.s4"].items["w3.s4.e1"]
    rows += [
        {"about": f"Median latency, {one.run}, {metric_name(one.metric)}", "value": one, "item": timed.id}
        for one in timed.values
    ]
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
