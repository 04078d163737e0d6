"""Week 3 from the notebooks' result files: encoder beside decoder, class weights, classes by tier, stated times."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from . import published, publishedweek2
from .memory import Memory
from .model import Column, Scalar, Table, Value
from .numbers import as_number, percent_change, plural, show, show_value
from .published import SCORES, Said, derived, difference, difference_sentence, fill, instead, stated
from .publishedtiers import classes_table, tiers
from .publishedtimes import ratios, times, times_table
from .weighting import weighting_pair

if TYPE_CHECKING:
    from reportgen.bundle import Bundle

    from .context import Context, SectionEvidence

    Sections = Mapping[str, SectionEvidence]

LAB, HOMEWORK = "week3_lab_results.json", "week3_homework_results.json"


def add(context: Context, sections: Sections) -> Said:
    """Answer what the author's files state and no run measured; of the rest say what to run or import."""
    runs = [run for run in published.own(context, 3) if published.has(run, *SCORES)]
    encoder = _pick([run for run in runs if run.manifest.model.family == "encoder"])
    decoders = [run for run in runs if run.manifest.model.family == "decoder"]
    decoder, weighted = _pick(decoders), publishedweek2.weighting(decoders)
    if weighted is None and decoder is not None:
        heavy = next((run for run in decoders if publishedweek2.is_weighted(run)), None)
        weighted = (heavy, decoder) if heavy is not None and heavy is not decoder else None
    if encoder is not None and decoder is not None:
        _systems(sections, encoder, decoder)
        tiers(context, sections, encoder, decoder)
        _times(sections, encoder, decoder)
    if encoder is not None:
        _against_full(context, sections, encoder)
    if weighted is not None:
        _weighting(sections, *weighted)
    if runs or published.own(context, 2):
        _transfer(context, sections)
    if runs:
        _bottleneck(context, sections, decoder or encoder)
    if runs and not context.runs.scored:
        _open(context, sections)
    elif runs and not published.is_open(sections, "w3.s2.e1"):
        _open_transfer(context, sections)
    both = difference(decoder, encoder, "macro_f1") if decoder and encoder else None
    return Said(
        published.highlighted(
            context,
            ("Encoder macro F1", published.value(encoder, "macro_f1") if encoder else None, "w3.s1.e1"),
            ("Decoder macro F1", published.value(decoder, "macro_f1") if decoder else None, "w3.s1.e1"),
            ("Difference in macro F1", both, "w3.s1.e1"),
            ("Decoder macro F1 by weighting", difference(*weighted, "macro_f1") if weighted else None, "w3.s2.e1"),
        ),
        published.notice(context, published.own(context)),
    )


def _pick(pool: list[Bundle]) -> Bundle | None:
    """The run that was not weighted, the one with an adapter first."""
    plain = [run for run in pool if not publishedweek2.is_weighted(run)]
    return min(plain, key=lambda run: ("lora" not in run.manifest.model.name.casefold(), run.run_id), default=None)


def _systems(sections: Sections, encoder: Bundle, decoder: Bundle) -> None:
    macro, accuracy = difference(decoder, encoder, "macro_f1"), difference(decoder, encoder, "accuracy")
    fill(
        sections,
        "w3.s1.e1",
        f"{difference_sentence(macro, published.figures(encoder).macro_f1)} {difference_sentence(accuracy)} "
        + published.net_sentence(decoder, encoder),
        *(one for run in (encoder, decoder) for one in stated(run)),
        macro,
        accuracy,
        published.net_rescued(decoder, encoder),
        runs=[encoder, decoder],
    )


def _against_full(context: Context, sections: Sections, encoder: Bundle) -> None:
    """The adapter beside the best full fine-tuning that weeks 1 and 2 state; those files name no weighted run so."""
    earlier = [run for run in published.own(context) if run.manifest.week in (1, 2) and published.has(run, *SCORES[:2])]
    pool = [run for run in earlier if run.manifest.model.family == "encoder" and not publishedweek2.is_weighted(run)]
    named = [run for run in pool if run.manifest.week == 1 or publishedweek2.is_weighted(run) is False]
    full = max(named, key=lambda run: published.figures(run).macro_f1 or 0, default=None)
    if full is None:
        return
    macro, accuracy = difference(encoder, full, "macro_f1"), difference(encoder, full, "accuracy")
    fill(
        sections,
        "w3.s1.e3",
        f"{difference_sentence(macro, published.figures(full).macro_f1)} {difference_sentence(accuracy)}",
        macro,
        accuracy,
        runs=[full, encoder],
        caveats=[f"{full.run_id} is taken for the fully fine-tuned encoder by its week and name."],
    )


# ------------------------------------------------------------------------------------------------------ weighting


def _weighting(sections: Sections, run: Bundle, plain: Bundle) -> None:
    if not published.is_open(sections, "w3.s2.e1"):
        return
    both = [plain, run]
    macro, accuracy = difference(run, plain, "macro_f1"), difference(run, plain, "accuracy")
    said = [
        difference_sentence(macro, published.figures(plain).macro_f1),
        difference_sentence(accuracy),
        published.net_sentence(run, plain),
    ]
    values = [macro, accuracy]
    if (number := _own_delta(run)) is not None:
        values.append(derived(run, "class_weighting_delta", number, "number"))
        said.append(f"The file itself states a class_weighting_delta of {show(number, 'score', signed=True)}.")
    exhibits = []
    before, after = published.class_f1(plain), published.class_f1(run)
    if before is not None and after is not None and plain.labels.names == run.labels.names:
        rescued, lost = (before == 0) & (after > 0), (before > 0) & (after == 0)
        values += [
            derived(run, "rescued", int(rescued.sum()), "count"),
            derived(run, "lost", int(lost.sum()), "count"),
        ]
        said.append(f"By the F1 of each class {int(rescued.sum())} left zero and {int(lost.sum())} fell to it.")
        if rescued.any() or lost.any():
            table = classes_table(plain, run, (before, after), rescued | lost, "w3-weighting-stated")
            sections["w3.s2"].tables.append(table)
            exhibits.append(table.id)
    else:
        values.append(published.net_rescued(run, plain))
    fill(
        sections,
        "w3.s2.e1",
        " ".join(said),
        *(one for each in both for one in stated(each)),
        *values,
        runs=both,
        exhibits=exhibits,
        caveats=["Weighted and not by their names: the file holds no settings."],
    )


def _own_delta(run: Bundle) -> float | None:
    """The file's own `class_weighting_delta`, in macro F1."""
    shared = published.figures(run).extra.get("shared")
    found: Any = shared.get("class_weighting_delta") if isinstance(shared, dict) else None
    if isinstance(found, dict):
        found = found.get("macro_f1", found.get("delta_macro_f1"))
    return as_number(found)


def _transfer(context: Context, sections: Sections) -> None:
    if not published.is_open(sections, "w3.s2.e2") or published.is_open(sections, "w3.s2.e1"):
        return
    ours = next((v for v in sections["w3.s2"].items["w3.s2.e1"].values if v.metric == "macro_f1" and v.baseline), None)
    earlier = [run for run in published.own(context) if run.manifest.week == 2 and published.has(run, *SCORES)]
    encoder, by_name = publishedweek2.weighting(earlier), {run.run_id: run for run in published.own(context)}
    if ours is None:
        return
    decoder = [run for name in (ours.run, ours.baseline) if (run := by_name.get(name or "")) is not None]
    lead = f"Weighting moves macro F1 by {show_value(ours)} on the decoder"
    if (measured := weighting_pair(context, "encoder")) is not None:
        theirs, found = context.runs.difference(measured.run, measured.reference, "macro_f1")
        share = percent_change(found.delta, found.a)
        said = f"{lead}, as stated, and by {show_value(theirs)} ({share}) on the encoder, as measured."
        why = "One effect is stated and the other measured: nothing says whether they differ."
        fill(sections, "w3.s2.e2", said, ours, theirs, runs=decoder, caveats=[why])
        return
    if encoder is not None:
        theirs = difference(*encoder, "macro_f1")
        before = published.figures(encoder[1]).macro_f1 or 0.0
        exhibits = []
        if len(decoder) == 2:
            lead += f" ({percent_change(ours.number, published.figures(decoder[1]).macro_f1 or 0.0)})"
            table = _transfer_table({"encoder": encoder, "decoder": (decoder[0], decoder[1])})
            sections["w3.s2"].tables.append(table)
            exhibits.append(table.id)
        fill(
            sections,
            "w3.s2.e2",
            f"{lead} and by {show_value(theirs)} ({percent_change(theirs.number, before)}) on the encoder.",
            ours,
            theirs,
            runs=[*decoder, *encoder],
            exhibits=exhibits,
            caveats=["The two effects come from different files; nothing says whether they differ."],
        )
        return
    for one in (context.memory or Memory()).values(2, "macro_f1", section="w2.s2", difference=True):
        said = f"{show_value(one.value)} in week 2 ({one.value.run} − {one.value.baseline}; {one.source}, {one.item})"
        fill(sections, "w3.s2.e2", f"{lead}. On the encoder it was {said}.", ours, runs=decoder)


def _transfer_table(pairs: Mapping[str, tuple[Bundle, Bundle]]) -> Table:
    rows: list[dict[str, Scalar | Value]] = []
    for kind, (run, plain) in pairs.items():
        macro = difference(run, plain, "macro_f1")
        zero = (published.figures(run).zero_f1_classes or 0) - (published.figures(plain).zero_f1_classes or 0)
        rows.append(
            {
                "kind": kind,
                "runs": f"{run.run_id} against {plain.run_id}",
                "macro": macro,
                "percent": percent_change(macro.number, published.figures(plain).macro_f1 or 0.0),
                "accuracy": difference(run, plain, "accuracy"),
                "zero": show(zero, "count", signed=True),
            }
        )
    return Table(
        id="w3-transfer-stated",
        caption="What class weights did to each model, from stated figures. Per cent: of the unweighted run's macro "
        f"F1. {published.NO_INTERVAL}",
        columns=(
            Column("kind", "Model"),
            Column("runs", "Runs", wide=True),
            Column("macro", "ΔMacro F1", "score"),
            Column("percent", "in %"),
            Column("accuracy", "ΔAccuracy", "fraction"),
            Column("zero", "ΔZero-F1"),
        ),
        rows=tuple(rows),
        row_header="kind",
        reported=True,
    )


# ---------------------------------------------------------------------------------------------------------- times


def _times(sections: Sections, encoder: Bundle, decoder: Bundle) -> None:
    both, first, second = [encoder, decoder], times(encoder), times(decoder)
    opened = [item for item in ("w3.s4.e1", "w3.s4.e2") if published.is_open(sections, item)]
    if not first or not second or not opened:
        return
    table = times_table([*first, *second], "w3-latency-stated")
    sections["w3.s4"].tables.append(table)
    every = [*first, *second]
    fill(
        sections,
        "w3.s4.e1",
        "Milliseconds an example as stated, each in its own mode.",
        *(one.value() for one in every),
        runs=both,
        exhibits=(table.id,),
    )
    values = [value for one in every for value in one.values()]
    said, refused = [], "The two were not timed in one file: nothing is divided."
    if published.together(encoder, decoder):
        refused = "The file says neither device nor precision nor padding: the ratio holds if both models shared them."
        for mode, ratio in ratios(first, second):
            values.append(derived(decoder, f"latency_ratio_{mode.replace('-', '_')}", ratio, "ratio"))
            said.append(f"{decoder.run_id} takes {show(ratio, 'ratio')} the time of {encoder.run_id} ({mode})")
    fill(
        sections,
        "w3.s4.e2",
        f"{'; '.join(said)}." if said else "Throughput and the time for 64,000 examples follow from the times stated.",
        *values,
        runs=both,
        exhibits=(table.id,),
        caveats=[refused],
    )


# ----------------------------------------------------------------------------------------------------- what is left


_OBSERVED = (
    ("w3.s1.e1", "macro_f1", "Macro F1, decoder − encoder"),
    ("w3.s1.e3", "macro_f1", "Macro F1, adapter − all weights"),
    ("w3.s2.e1", "macro_f1", "Macro F1 by weighting the decoder"),
)


def _bottleneck(context: Context, sections: Sections, lead: Bundle | None) -> None:
    if not published.is_open(sections, "w3.s5.e2") or lead is None:
        return
    items = {name: item for part in sections.values() for name, item in part.items.items()}
    rows: list[dict[str, Scalar | Value]] = [
        {"about": f"Zero-F1 classes under {lead.run_id}", "value": published.value(lead, "zero_f1"), "item": "w3.s1.e1"}
    ]
    for name, metric, about in _OBSERVED:
        rows += [
            {"about": about, "value": value, "item": name}
            for value in items[name].values
            if value.metric == metric and value.baseline
        ]
    rows += [
        {"about": f"Mean F1 of rare classes, {value.run}", "value": value, "item": "w3.s3.e1"}
        for value in items["w3.s3.e1"].values
        if value.metric == "rare_mean_f1" and not value.baseline
    ]
    rows += [{"about": f"Latency, {v.run}", "value": v, "item": "w3.s4.e1"} for v in items["w3.s4.e1"].values]
    table = Table(
        id="w3-observed-stated",
        caption="Numbers stated above that a bottleneck could be read from.",
        columns=(Column("about", "Observed"), Column("value", "Value", "number"), Column("item", "Where")),
        rows=tuple(rows),
        row_header="about",
        reported=True,
    )
    sections["w3.s5"].tables.append(table)
    sentence = f"{plural(len(rows), 'stated number')} to choose from."
    fill(sections, "w3.s5.e2", sentence, runs=published.own(context, 3), exhibits=(table.id,))


def _open(context: Context, sections: Sections) -> None:
    lab, homework = (published.import_command(context, name) for name in (LAB, HOMEWORK))
    instead(sections, "w3.s1.e1", lab, "No file states the scores of an encoder and of a decoder.")
    why = "The files do not count parameters, all and trainable; the stage does."
    instead(sections, "w3.s1.e2", context.command("week3"), why)
    earlier = published.import_command(context, "week1_results.csv", publishedweek2.LAB)
    instead(sections, "w3.s1.e3", earlier, "No file of weeks 1 and 2 states a fully fine-tuned encoder.")
    instead(sections, "w3.s2.e1", homework, "No file states a weighted decoder beside one without weights.")
    _open_transfer(context, sections)
    for number in range(1, 5):
        why = "It takes per_class_f1 of an encoder and of a decoder, and label_counts, in one file."
        instead(sections, f"w3.s3.e{number}", lab, why)
    for item in ("w3.s4.e1", "w3.s4.e2"):
        instead(sections, item, lab, "No file states single_ms or batch_ms of an encoder and of a decoder.")
    if published.is_open(sections, "w3.s4.e3"):
        said = "Name it in the text. Figures without predictions are not put to the decision rule here."
        sections["w3.s4"].answer("w3.s4.e3", said, verification="declared")
    instead(sections, "w3.s5.e2", lab, "No file states a score to start from.")


def _open_transfer(context: Context, sections: Sections) -> None:
    names: tuple[str, ...] = (publishedweek2.LAB, publishedweek2.HOMEWORK)
    why = "No file of week 2 states a weighted encoder beside one without weights."
    if published.is_open(sections, "w3.s2.e1"):
        names, why = (HOMEWORK,), "No file states a weighted decoder beside one without weights."
    instead(sections, "w3.s2.e2", published.import_command(context, *names), why)
