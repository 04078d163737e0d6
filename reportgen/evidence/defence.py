"""Week 6, section 5: the deployment. What the scenario asks, what was measured for it, and what would flip it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from . import gates, shortlist, tempering
from .board import ALL, Board
from .configurations import find_groups
from .context import Context, SectionEvidence
from .decision import Decision, choice_sentence
from .flipping import flips_figure
from .memory import Memory
from .model import Column, Scalar, Table, Value
from .numbers import listing, plural, show, show_value
from .wording import DATA_NOISE

if TYPE_CHECKING:
    from reportgen.decide import Scenario

    from .grid import Grid
    from .students import Students
    from .tempering import Tempering
    from .transfer import Transfer


OPEN_CLAIM = (
    "Measured on other models than the distilled student: that it carries over is a claim until that one is quantised."
)


def defence_section(
    context: Context,
    board: Board | None,
    students: Students,
    measured: Transfer | None,
    tempered: Tempering | None,
    grid: Grid | None,
    why: str,
) -> SectionEvidence:
    """Section 5: scenario, recipes, gates, winners, flips, quantisation."""
    found = SectionEvidence()
    offered = shortlist.scenarios(context.course, context.week)
    chosen = shortlist.chosen_scenario(offered, context.declared)
    decisions = shortlist.decisions(context, students, grid, offered)
    # The scenario the author chose leads wherever all of them are told.
    decisions.sort(key=lambda one: chosen is None or one.scenario.name != chosen.name)
    _scenario(context, offered, chosen, found)
    _recipes(context, students, grid, tempered, decisions, found, why)
    _gates(context, board, students, tempered, found, why)
    if measured is None or board is None:
        for number in (4, 5):
            found.missing(f"w6.s5.e{number}", context.command("week6"), why)
    else:
        _four(context, students, measured, found)
        _winners(board, students, measured, tempered, found)
    _flips(context, decisions, found, why)
    found.answer(
        "w6.s5.e7",
        "The author names one recipe nobody ran, what it should do and who says so.",
        verification="declared",
    )
    _carry_over(context, found)
    return found


def _scenario(context: Context, offered: list[Scenario], chosen: Scenario | None, found: SectionEvidence) -> None:
    if offered:
        found.tables.append(shortlist.scenario_table(offered, "w6-scenarios"))
    if chosen is None:
        wrong = f"It says {said!r}. " if (said := (context.declared or {}).get("scenario", "")) else ""
        names = ", ".join(f"`{one.name}`" for one in offered) or "none of this course"
        found.missing(
            "w6.s5.e1",
            f"reportgen new 6 --course {context.course.name} --out week6.md",
            f"{wrong}Write `scenario: ` with one of {names} into the front matter of your text, and pass it with "
            "--prose. A file with that field comes from",
            verification="declared",
        )
        return
    primary = chosen.primary.quantity
    secondary = chosen.secondary.quantity.label if chosen.secondary else None
    limits = shortlist.limits(chosen) or "no hard limit"
    found.answer(
        "w6.s5.e1",
        f"{chosen.title}. Decided by {primary.label}" + (f", then {secondary}" if secondary else "") + f"; {limits}.",
        Value("scenario", chosen.name, "text"),
        verification="declared",
        exhibits=("w6-scenarios",),
        caveats=[chosen.note or None, "Chosen by the author before the numbers; it must not change with them."],
    )


def _recipes(
    context: Context,
    students: Students,
    grid: Grid | None,
    tempered: Tempering | None,
    decisions: list[Decision],
    found: SectionEvidence,
    why: str,
) -> None:
    if students.pair is None:
        found.missing("w6.s5.e2", context.command("week6"), why)
        return
    found.tables.append(shortlist.recipe_table(context.runs, students, grid, tempered, "w6-recipes"))
    if not decisions:
        found.answer(
            "w6.s5.e2",
            "No scenario of the course decides between these recipes; the author does.",
            verification="declared",
            exhibits=("w6-recipes",),
        )
        return
    found.answer(
        "w6.s5.e2",
        f"{' '.join(choice_sentence(one) for one in decisions)} Naming the recipe and defending it is "
        "the author's part.",
        *(shortlist.choice_value(one.found) for one in decisions),
        verification="bound",
        exhibits=("w6-recipes",),
        caveats=["The wildcard is not among the candidates: nobody ran it."],
    )


def _gates(
    context: Context,
    board: Board | None,
    students: Students,
    tempered: Tempering | None,
    found: SectionEvidence,
    why: str,
) -> None:
    runs = context.runs
    if students.pair is None or board is None:
        found.missing("w6.s5.e3", context.command("week6"), why)
        return
    split = runs.split or "val"
    every = [gates.gated(board.rows[run.run_id], run, split) for run in students.pair]
    if tempered is not None:
        for name in ("vanilla+T", "distilled+T"):
            one = tempered.recipes[name]
            every.append(gates.gated(one.rows, one.run, f"{split}/eval", board.held))
    kept = [one for one in every if one is not None]
    if len(kept) < 2:
        found.missing("w6.s5.e3", context.command("week6"), "The students stored no confidences.")
        return
    found.tables += [gates.coverage_table(kept, "w6-coverage"), gates.level_table(kept, "w6-level")]
    values = [value for one in kept for value in gates.gate_values(one)]
    found.answer(
        "w6.s5.e3",
        f"Which confidence gives {show(gates.TARGET, 'fraction')} right answers? "
        + "; ".join(gates.level_sentence(one) for one in kept)
        + ".",
        *values,
        verification="bound",
        exhibits=("w6-coverage", "w6-level"),
        caveats=[
            "Two recipes at one threshold are not on the same rows: compare their coverage as well as their accuracy.",
            "The threshold was read off these rows: put it to the test on others before promising it."
            if any(one.level.met for one in kept)
            else None,
        ],
    )


def _four(context: Context, students: Students, measured: Transfer, found: SectionEvidence) -> None:
    assert students.pair is not None  # noqa: S101 - for the type checker
    tier = next(one for one in reversed(measured.tiers) if one.name != ALL)
    masked = measured.of("masked_f1", tier.name)[0]
    values = [masked.values[0], masked.values[1]]
    for metric in ("ece", "nll", "js"):
        for one in measured.of(metric, ALL):
            values += [one.values[0], one.values[1]]
    found.answer(
        "w6.s5.e4",
        f"{students.pair[0].run_id} beside {students.pair[1].run_id}, the {tier.name}'s F1 masked; tier by tier, "
        "with intervals, in section 1.",
        *values,
        verification="bound",
        exhibits=("w6-transfer",),
        caveats=["Figures of the whole split; section 1's shares are of the evaluation fold."],
    )


def _winners(
    board: Board, students: Students, measured: Transfer, tempered: Tempering | None, found: SectionEvidence
) -> None:
    assert students.pair is not None  # noqa: S101 - for the type checker
    runs = board.runs
    rows = [board.rows[run.run_id] for run in students.pair]
    gate = gates.gate_difference(runs, *zip(students.pair, rows, strict=True))
    shares = []
    if tempered is not None:
        shares = [(metric, tempering.share(board, tempered, metric).rest) for metric in ("ece", "nll")]
    rivals = shortlist.rivals(runs, students, measured, tempered, gate, shares)
    found.tables.append(shortlist.rival_table(rivals, "w6-winners"))
    won: dict[str, list[str]] = {}
    for one in rivals:
        loser = one.second if one.winner == one.first else one.first
        key = f"{one.winner} over {loser}" if one.winner else f"not told apart, {one.first} and {one.second}"
        won.setdefault(key, []).append(one.name[0].lower() + one.name[1:])
    found.answer(
        "w6.s5.e5",
        f"{'; '.join(f'{who}: {listing(metrics, 12)}' for who, metrics in won.items())}.",
        Value(
            "metrics_told_apart",
            sum(one.winner is not None for one in rivals),
            "count",
            split=runs.split,
        ),
        verification="bound",
        exhibits=("w6-winners",),
        caveats=[DATA_NOISE, f"{len(rivals)} comparisons: one in twenty excludes zero by chance."],
    )


def _flips(context: Context, decisions: list[Decision], found: SectionEvidence, why: str) -> None:
    if not decisions:
        found.missing("w6.s5.e6", context.command("week6"), why or "No scenario of the course decides here.")
        return
    every = [one.found for one in decisions]
    if any(one.flip_points for one in every):
        found.tables.append(shortlist.flip_table(every, "w6-flips"))
    # Of the author's scenario, which is told first; of another where that one never flips.
    drawn = next((one for one in decisions if one.found.flip_points), decisions[0])
    if (figure := flips_figure(drawn, "w6-walk")) is not None:
        found.figures.append(replace(figure, caption=f"{drawn.scenario.name}: {figure.caption}"))
    shown = {one.id for one in found.figures} | {one.id for one in found.tables}
    found.answer(
        "w6.s5.e6",
        " ".join(shortlist.flip_sentence(one) for one in every),
        *(Value(f"flip_points_{one.scenario.name}", len(one.flip_points), "count") for one in every),
        verification="bound",
        exhibits=[name for name in ("w6-walk", "w6-flips") if name in shown],
        caveats=[
            "Flips follow from measured figures and assumed prices; which could come to pass is the author's to say."
        ],
    )


def _carry_over(context: Context, found: SectionEvidence) -> None:
    """w6.s5.e8: what quantising the deployed model costs, from week 5's runs or memory."""
    runs, rows = context.runs, []
    for group in find_groups(runs):
        if group.reference is None:
            continue
        for one in group.compressed:
            if runs.why_not(one.run, group.reference):
                continue
            value, difference = runs.difference(one.run, group.reference, "macro_f1")
            accuracy, _ = runs.difference(one.run, group.reference, "accuracy")
            rows.append((group, one, value, accuracy, difference))
    if rows:
        body: list[dict[str, Scalar | Value]] = [
            {
                "model": group.name,
                "precision": one.precision,
                "run": one.run.run_id,
                "reference": group.reference.run_id if group.reference else "",
                "macro": value,
                "accuracy": accuracy,
                "changed": difference.changed,
                "verdict": difference.verdict,
            }
            for group, one, value, accuracy, difference in rows
        ]
        found.tables.append(
            Table(
                id="w6-quantised",
                caption=f"Fewer bits against the model's own reference on {runs.split}; differences with 95 % paired "
                "intervals. None of these was distilled unless its name says so.",
                columns=(
                    Column("model", "Model"),
                    Column("precision", "Precision"),
                    Column("run", "Run"),
                    Column("reference", "Against"),
                    Column("macro", "Macro F1", "score"),
                    Column("accuracy", "Accuracy", "fraction"),
                    Column("changed", "Predictions changed", "count"),
                    Column("verdict", "Verdict", help="macro F1"),
                ),
                rows=tuple(body),
                row_header="model",
            )
        )
        quiet = [one.run.run_id for _, one, _, _, difference in rows if difference.verdict == "null"]
        moved = [one.run.run_id for _, one, _, _, difference in rows if difference.verdict != "null"]
        said = [f"told from its reference by macro F1: {listing(moved)}"] if moved else []
        said += [f"not told from its reference by macro F1: {listing(quiet)}"] if quiet else []
        found.answer(
            "w6.s5.e8",
            f"{plural(len(rows), 'run')} in fewer bits; {'; '.join(said)}.",
            *(value for _, _, value, _, _ in rows[:4]),
            exhibits=("w6-quantised",),
            caveats=[
                OPEN_CLAIM,
                DATA_NOISE,
            ],
        )
        return
    memory = context.memory or Memory()
    recalled = memory.values(5, "macro_f1", difference=True)
    if recalled:
        lines: list[dict[str, Scalar]] = [
            {
                "run": one.value.run,
                "said": f"macro F1 {show_value(one.value)}",
                "source": f"{one.source}, {one.item}",
            }
            for one in recalled
        ]
        found.tables.append(
            Table(
                id="w6-quantised-before",
                caption="From the author's week 5 memo, as it stands in the file named; its runs were not handed in.",
                columns=(
                    Column("run", "Run"),
                    Column("said", "It says", wide=True),
                    Column("source", "Found in"),
                ),
                rows=tuple(lines),
                row_header="run",
            )
        )
        found.answer(
            "w6.s5.e8",
            f"{plural(len(recalled), 'figure')} of week 5's memo: {lines[0]['said']} ({lines[0]['run']}).",
            verification="declared",
            exhibits=("w6-quantised-before",),
            caveats=[OPEN_CLAIM],
        )
        return
    found.missing(
        "w6.s5.e8",
        context.command("week5"),
        f"No run in fewer bits is among these, and nothing of week 5 was found in the folders read: "
        f"{memory.where_to_put(5)}",
        verification="bound",
    )
