"""Week 5: precision against time and memory, where the damage lands, calibration, and a decision under limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reportgen.stats import coverage

from . import log
from .artefact import artefact_table
from .compressed import calibration_section, gate_of, scaled_value
from .compression import STAGE, frontier_section
from .configurations import configurations, find_groups
from .context import Context, SectionEvidence, WeekAnswers
from .damage import damage_section
from .decision import Decision, author_sentence, choice_sentence, decide, decide_reported, relax_sentence
from .deployment import choices
from .flipping import flip_sentence, flips_figure
from .limits import binding_sentence, limits_sentence, limits_table, unsure
from .memory import Memory
from .model import Column, Highlight, Scalar, Table, Value
from .numbers import listing, plural, show
from .scaling import scale_all
from .timings import ratios, timings
from .wording import DATA_NOISE, difference_sentence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .configurations import Group
    from .runs import Runs
    from .scaling import Scaled

SCENARIO = "week5-envelope"
PAPERS = "Dettmers et al. 2022, Lin et al. 2024, Xiao et al. 2023, Lee et al. 2025"
"""What the course reads on quantisation."""
_ITEMS = {"w5.s1": 4, "w5.s2": 4, "w5.s3": 5}


def answer(context: Context) -> WeekAnswers:
    """Evidence for every section of week 5's rubric."""
    groups = find_groups(context.runs)
    scaled: Mapping[str, Scaled] = {}
    if not groups:
        why = "No model stands here in more than one precision."
        sections = {name: _nothing(context, name, why) for name in _ITEMS}
    else:
        # The course fits its six on a GPU; the path to the CPU is ours.
        own = [member.name for group in groups if not group.extra for member in group.members]
        scaled = scale_all(context.runs, [member.run for member in configurations(groups)], own)
        sections = {
            "w5.s1": frontier_section(context, groups),
            "w5.s2": damage_section(context, groups),
            "w5.s3": calibration_section(context, groups, scaled),
        }
    sections["w5.s4"] = _decision(context, groups, scaled, sections)
    sections["w5.s5"] = _revisit(context, groups, sections)
    _published(context, sections)
    return WeekAnswers(sections, _highlights(context.runs, groups, sections, scaled))


def _nothing(context: Context, section: str, why: str) -> SectionEvidence:
    found = SectionEvidence()
    for number in range(1, _ITEMS[section] + 1):
        found.missing(f"{section}.e{number}", context.command(STAGE), why)
    return found


# ----------------------------------------------------------------------------------------------------------- decision


def _decision(
    context: Context,
    groups: Sequence[Group],
    scaled: Mapping[str, Scaled],
    sections: Mapping[str, SectionEvidence],
) -> SectionEvidence:
    found = SectionEvidence()
    made = decide(context, [member.run for member in configurations(groups)], SCENARIO, scaled)
    if made is None:
        why = "There is no configuration to decide between." if not groups else "This course ships no such scenario."
        for number in (1, 2, 3, 4, 5):
            found.missing(f"w5.s4.e{number}", context.command(STAGE), why)
    else:
        _decided(context, made, scaled, found)
        _sources(context, sections, made, found)
    found.answer(
        "w5.s4.e6",
        f"Cite an author in your text, by name and year, where a mechanism is argued. The course's reading of "
        f"this week: {PAPERS}.",
        verification="declared",
    )
    return found


def _decided(context: Context, made: Decision, scaled: Mapping[str, Scaled], found: SectionEvidence) -> None:
    table, figure = limits_table(made, "w5-limits"), flips_figure(made, "w5-flips")
    found.tables.append(table)
    if figure is not None:
        found.figures.append(figure)
    seen = [figure.id] if figure is not None else []
    doubtful = unsure(made)
    found.answer(
        "w5.s4.e1",
        limits_sentence(made),
        verification="bound",
        exhibits=(table.id,),
        caveats=[
            *made.caveats,
            f"Not sure, since the interval reaches across the limit: {listing(doubtful, 6)}." if doubtful else None,
            "Times and memory are taken as measured; macro F1 and calibration follow from the bundles.",
        ],
    )
    found.answer("w5.s4.e2", binding_sentence(made), verification="bound", exhibits=(table.id,))
    said = (context.declared or {}).get("recommendation", "").strip()
    gate, _ = gate_of(context)
    covered = {name: coverage(one.after, one.correct, (gate,))[0] for name, one in scaled.items()}
    artefact = artefact_table(made, "w5-artefact", gate=gate, covered=covered, recommended=said[:300] or None)
    found.tables.append(artefact)
    found.answer(
        "w5.s4.e3",
        f"{choice_sentence(made)} {author_sentence(made, said)}"
        if said
        else f"{choice_sentence(made)} The recommendation is yours: write `recommendation:` into the front matter.",
        *choices([made.found]),
        verification="declared",
        exhibits=(artefact.id,),
    )
    found.answer(
        "w5.s4.e5",
        f"{relax_sentence(made)} {flip_sentence(made)}",
        verification="bound",
        exhibits=(*seen, table.id),
    )


_OFFERED = (
    ("w5.s1.e3", 0, "Macro F1 of the dominating configuration"),
    ("w5.s1.e3", 1, "What it costs"),
    ("w5.s2.e1", 0, "Largest change of a tier's accuracy"),
    ("w5.s3.e1", 0, "Calibration error before scaling, first configuration"),
    ("w5.s3.e2", 0, "Its temperature"),
)


def _sources(context: Context, sections: Mapping[str, SectionEvidence], made: Decision, found: SectionEvidence) -> None:
    """Numbers of this memo the recommendation can rest on, with the item each stands in."""
    rows: list[dict[str, Scalar | Value]] = []
    for item, position, about in _OFFERED:
        answered = sections[item.rpartition(".")[0]].items.get(item)
        if answered is not None and len(answered.values) > position:
            rows.append({"about": about, "value": answered.values[position], "item": item})
    chosen = made.chosen
    run = next((run for run in context.runs.scored if chosen and run.run_id == chosen.run_id), None)
    if run is not None:
        rows.append(
            {"about": "Macro F1 of the rule's choice", "value": context.runs.value(run, "macro_f1"), "item": "w5.s4.e1"}
        )
    if len(rows) < 3:
        found.missing("w5.s4.e4", context.command(STAGE), f"Only {plural(len(rows), 'number')} above bears on it.")
        return
    table = Table(
        id="w5-sources",
        caption="Numbers of sections 1 to 4 that a recommendation can rest on, and where each stands.",
        columns=(Column("about", "Evidence", wide=True), Column("value", "Value", "number"), Column("item", "Where")),
        rows=tuple(rows),
        row_header="about",
    )
    found.tables.append(table)
    found.answer(
        "w5.s4.e4",
        f"{plural(len(rows), 'measured number')} to choose from; the text should rest on three sources at least.",
        verification="bound",
        exhibits=(table.id,),
    )


# ------------------------------------------------------------------------------------------------------------- week 3


def _revisit(context: Context, groups: Sequence[Group], sections: Mapping[str, SectionEvidence]) -> SectionEvidence:
    found, memory = SectionEvidence(), context.memory or Memory()
    quote = memory.recommendation(3)
    if quote is None:
        found.missing(
            "w5.s5.e1",
            f"reportgen new 3 --course {context.course.name} --out memos/week3.md",
            " ".join((memory.where_to_put(3), *(f"{line}." for line in memory.unreadable))),
            verification="declared",
        )
    else:
        found.answer("w5.s5.e1", f"“{quote.text}” ({quote.source})", verification="declared")
    rows = _bearing(context, groups)
    if not rows:
        found.missing("w5.s5.e2", context.command(STAGE), "Week 3 set an encoder beside a decoder; both are needed.")
    else:
        table = Table(
            id="w5-bearing",
            caption="This week's figures on what week 3 compared: encoder and decoder, in the reference precision and "
            "as compressed. Which of them changes the recommendation is the author's to say.",
            columns=(
                Column("about", "Finding", wide=True),
                Column("value", "Value", "number"),
                Column("said", "In words", wide=True),
            ),
            rows=tuple(rows),
            row_header="about",
        )
        found.tables.append(table)
        first = rows[0]["value"]
        found.answer(
            "w5.s5.e2",
            str(rows[0]["said"]),
            *([first] if isinstance(first, Value) else []),
            verification="bound",
            exhibits=(table.id,),
            caveats=[DATA_NOISE],
        )
    found.answer(
        "w5.s5.e3",
        "Nothing measures this: name the figure, and the value of it, that would change your recommendation.",
        verification="declared",
    )
    return found


def _bearing(context: Context, groups: Sequence[Group]) -> list[dict[str, Scalar | Value]]:
    """Decoder against encoder, as they were in week 3 and at the precision each would be shipped in."""
    runs = context.runs
    by_family = {}
    for group in reversed(groups):
        by_family[group.family] = group
    encoder, decoder = by_family.get("encoder"), by_family.get("decoder")
    if encoder is None or decoder is None or encoder.reference is None or decoder.reference is None:
        return []
    rows: list[dict[str, Scalar | Value]] = []
    precisions = [one.precision for one in decoder.members]
    for precision in precisions:
        pair = [
            next((one.run for one in group.members if one.precision == precision), None) for group in (encoder, decoder)
        ]
        before, after = pair
        if before is None or after is None or runs.why_not(after, before):
            continue
        value, difference = runs.difference(after, before, "macro_f1")
        rows.append(
            {
                "about": f"Decoder − encoder in {precision}",
                "value": value,
                "said": difference_sentence(value, difference),
            }
        )
    for ratio in ratios(encoder.reference, decoder.reference):
        if ratio.refused or not rows:
            continue
        mode = ratio.first.record.scenario
        value = Value(
            f"latency_ratio_{mode.replace('-', '_')}",
            ratio.value,
            "ratio",
            run=decoder.reference.run_id,
            field="latency.json",
        )
        times = f"{show(ratio.value, 'ratio')} the time of {encoder.reference.run_id}"
        said = f"{decoder.reference.run_id} takes {times} ({mode})."
        rows.append({"about": f"Time, decoder over encoder, {mode}", "value": value, "said": said})
    return rows


# ---------------------------------------------------------------------------------------------------------- published


def _published(context: Context, sections: Mapping[str, SectionEvidence]) -> None:
    """Published configurations, apart from everything measured: their own limits and their own frontier."""
    runs = context.runs
    precise = [run for run in runs.reported if run.reported is not None and _states_precision(run)]
    made = decide_reported(context, precise, SCENARIO)
    if made is not None:
        sections["w5.s4"].tables.append(limits_table(made, "w5-reported-limits", reported=True))
    if (table := log.reported(runs, "w5-reported")) is not None:
        sections["w5.s1"].tables.append(table)


def _states_precision(run: object) -> bool:
    manifest, figures = run.manifest, run.reported  # type: ignore[attr-defined]
    return bool(manifest.model.precision or figures.precision)


def _highlights(
    runs: Runs, groups: Sequence[Group], sections: Mapping[str, SectionEvidence], scaled: Mapping[str, Scaled]
) -> tuple[Highlight, ...]:
    found: list[Highlight] = []
    members = configurations(groups)
    if members:
        best = max(members, key=lambda one: runs.scores(one.run).macro_f1)
        found.append(Highlight("Best macro F1", runs.value(best.run, "macro_f1"), "w5.s1.e1"))
    damage = sections["w5.s2"].items.get("w5.s2.e1")
    if damage is not None and damage.values:
        found.append(Highlight("Largest change in a tier", damage.values[0], "w5.s2.e1", damage.verdict or ""))
    choice = next(iter(sections["w5.s4"].items["w5.s4.e3"].values), None)
    own = next((member for member in members if choice is not None and member.name == choice.value), None)
    if own is not None:
        timed = [one.value() for one in timings([own.run]) if one.record.scenario == "offline"]
        found += [Highlight("Offline latency of the rule's choice", value, "w5.s4.e3") for value in timed[:1]]
        if own.name in scaled:
            after = scaled_value(runs, scaled[own.name])
            found.append(Highlight("Its ECE after scaling", after, "w5.s4.e3"))
    return tuple(found[:4])
