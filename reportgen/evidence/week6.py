"""Week 6: what a teacher gave its student, what it could not, and which recipe to deploy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from . import ceilings, tempering, transfer
from .board import Board
from .compressions import compressions_section
from .context import Context, SectionEvidence, WeekAnswers
from .datafacts import label_counts
from .defence import defence_section
from .grid import measure_grid
from .model import Highlight
from .numbers import listing
from .students import Students, find_students
from .tempering import Tempering
from .transfer import Transfer
from .wording import DATA_NOISE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reportgen.bundle import Bundle

    from .runs import Runs


def answer(context: Context) -> WeekAnswers:
    """Evidence for every section of week 6's rubric."""
    runs = context.runs
    students = find_students(runs, context.declared)
    counts, rule = _tiers(context)
    board = measured = tempered = grid = None
    if students.pair is not None and counts is not None and not runs.why_not(*students.pair):
        tempered = tempering.temper(runs, *students.pair)
        scaled, names = tempered.scaled if tempered else {}, [run.run_id for run in students.pair]
        board = Board(runs, _shown(runs, students), counts, rule, students.teacher, scaled, names)
        measured = transfer.measure(board, students)
        grid = measure_grid(board, students)
    why = _why_not(context, students, counts)
    sections = {
        "w6.s1": _transferred(context, board, students, measured, tempered, why),
        "w6.s2": _left(context, board, students, measured, why),
        "w6.s3": ceilings.grid_section(context, students, grid, rule),
        "w6.s4": compressions_section(context, students, measured, grid),
        "w6.s5": defence_section(context, board, students, measured, tempered, grid, why),
    }
    return WeekAnswers(sections, _highlights(sections), tuple(students.notes))


def _tiers(context: Context) -> tuple[NDArray[np.int64] | None, str]:
    """Training counts of the labels and the week's tier rule; a course without tiers of its own goes by rank."""
    rule = context.course.tier_rule(context.week)
    if not context.runs.measured:
        return None, rule
    labels = label_counts(context)
    return (labels.counts, rule) if labels is not None and labels.counts.any() else (None, rule)


def _why_not(context: Context, students: Students, counts: NDArray[np.int64] | None) -> str:
    """What keeps the pair from being measured, or nothing."""
    if students.pair is None:
        have = [name for name, run in (("vanilla", students.vanilla), ("distilled", students.distilled)) if run]
        gone = [name for name in ("vanilla", "distilled") if name not in have]
        return f"No {' and no '.join(gone)} student is among the runs."
    if reason := context.runs.why_not(*students.pair):
        return f"The two students cannot be compared: {reason}."
    return "" if counts is not None else "No run stored the training rows of each class, so there are no tiers."


def _shown(runs: Runs, students: Students) -> list[Bundle]:
    """The runs measured together: those on the rows of the pair."""
    assert students.pair is not None  # noqa: S101 - for the type checker
    every = [students.teacher, *students.pair, *students.grid, students.small, students.small_teacher]
    lead = students.pair[0]
    return list({run.run_id: run for run in every if run is not None and not runs.why_not(run, lead)}.values())


def _transferred(
    context: Context,
    board: Board | None,
    students: Students,
    measured: Transfer | None,
    tempered: Tempering | None,
    why: str,
) -> SectionEvidence:
    found, runs = SectionEvidence(), context.runs
    if measured is None or students.pair is None or board is None:
        for number in range(1, 8):
            found.missing(f"w6.s1.e{number}", context.command("week6"), why)
        return found
    found.figures.append(transfer.transfer_figure(runs, students, measured, "w6-forests"))
    found.tables.append(transfer.transfer_table(runs, students, measured, "w6-transfer"))
    shown = [run for run in (students.teacher, *students.pair) if run]
    found.figures.append(transfer.ladder(board, shown, "w6-ladder"))
    exhibits = ("w6-forests", "w6-transfer")
    masked, mean = measured.of("masked_f1"), measured.of("mean_f1")
    found.answer(
        "w6.s1.e1",
        f"{transfer.tier_sentence(masked, 'Masked F1')} {transfer.tier_sentence(mean, 'Mean F1')}",
        *(one.values[2] for one in (*masked, *mean)),
        exhibits=exhibits,
        caveats=[
            "Two metrics: masked F1 sees a tier's rows alone, mean F1 its classes over all rows, false alarms too.",
            DATA_NOISE,
        ],
    )
    _by_tier(context, found, measured, "ece", "w6.s1.e2", "Calibration error", exhibits)
    apart = measured.of("js")
    if apart:
        found.answer(
            "w6.s1.e3",
            f"{transfer.tier_sentence(apart, 'Divergence from the teacher')} On a scale from 0 to ln 2 = .693 nats "
            f"(Jensen–Shannon), vanilla → distilled: {_levels(apart)}.",
            *(one.values[2] for one in apart),
            verification="bound",
            exhibits=exhibits,
        )
    else:
        found.missing("w6.s1.e3", context.command("week6"), _why_no_js(students))
    _shares(context, board, students, found, tempered)
    ceilings.bound_item(context, board, students, measured, found)
    moved = transfer.head_classes(runs, students, board.counts, board.rule)
    ceilings.head_item(context, students, moved, measured, found)
    return found


def _by_tier(
    context: Context,
    found: SectionEvidence,
    measured: Transfer,
    metric: str,
    item: str,
    what: str,
    exhibits: tuple[str, ...],
) -> None:
    changes = measured.of(metric)
    if not changes:
        found.missing(item, context.command("week6"), "A student of the pair stored no confidences.")
        return
    thin = [one.tier.name for one in changes if one.tier.n < transfer.THIN_TIER]
    found.answer(
        item,
        transfer.tier_sentence(changes, what),
        *(one.values[2] for one in changes),
        exhibits=exhibits,
        caveats=[
            f"On {listing(thin)} fifteen bins share fewer than {transfer.THIN_TIER} rows: descriptive."
            if thin
            else None,
            DATA_NOISE,
        ],
    )


def _levels(apart: list[transfer.Change]) -> str:
    said = [f"{one.tier.name} {one.difference.a:.3f} → {one.difference.b:.3f}" for one in apart]
    return listing(said)


def _why_no_js(students: Students) -> str:
    if students.teacher is None:
        return "No teacher is among the runs scored on these rows."
    return "The teacher or a student stored no logits on these rows."


def _shares(
    context: Context, board: Board, students: Students, found: SectionEvidence, tempered: Tempering | None
) -> None:
    runs = context.runs
    if tempered is None:
        for item in ("w6.s1.e4", "w6.s1.e5"):
            found.missing(item, context.command("week6"), "Both students need logits on these rows.")
        return
    found.tables.append(tempering.tempering_table(board, tempered, "w6-temperature"))
    for item, metric in (("w6.s1.e4", "ece"), ("w6.s1.e5", "nll")):
        one = tempering.share(board, tempered, metric)
        values = [tempering.effect_value(runs, tempered, one)]
        if one.share is not None:
            values.insert(0, tempering.share_value(runs, tempered, one))
        found.answer(
            item,
            tempering.share_sentence(one),
            *values,
            verification="bound",
            verdict="undefined" if one.undefined else None,
            exhibits=("w6-temperature",),
            caveats=[
                f"T is fitted on {tempered.fitted_on:,} rows, all else measured on the other {tempered.n:,}.",
                f"{students.tempered.run_id} carries a temperature of its own; this one is fitted anew."
                if students.tempered
                else None,
            ],
        )


def _left(
    context: Context, board: Board | None, students: Students, measured: Transfer | None, why: str
) -> SectionEvidence:
    found = SectionEvidence()
    if measured is None or board is None:
        for number in range(1, 4):
            found.missing(f"w6.s2.e{number}", context.command("week6"), why)
    else:
        ceilings.tail_item(board, students, measured, found)
        ceilings.data_item(context, students, found)
        ceilings.size_item(context, board, students, measured, found)
    found.answer(
        "w6.s2.e4",
        "The author names it: what would be measured, which result would prove the reading above wrong.",
        verification="declared",
    )
    return found


def _highlights(sections: dict[str, SectionEvidence]) -> tuple[Highlight, ...]:
    wanted = (
        ("Head F1, distilled − vanilla", "w6.s1.e1", 0, ""),
        ("Gain in calibration by temperature alone", "w6.s1.e4", 0, "of distillation's gain"),
        ("Tail F1 of the teacher", "w6.s1.e6", 0, "the bound"),
        ("Data against distillation", "w6.s2.e2", 2, ""),
        ("Settings outside the noise floor", "w6.s3.e3", 0, ""),
        ("Rule's choice", "w6.s5.e2", 0, ""),
    )
    found = []
    for label, name, position, note in wanted:
        item = sections[name.rpartition(".")[0]].items.get(name)
        if item is not None and len(item.values) > position:
            value = item.values[position]
            if label.startswith("Gain") and value.metric != "ece_gain_by_temperature":
                continue
            # The first choice told is that of the author's scenario, where there is one.
            where = f", {value.metric.removeprefix('choice_')}" if name == "w6.s5.e2" else ""
            found.append(Highlight(label + where, value, name, note or item.verdict or ""))
    return tuple(found)
