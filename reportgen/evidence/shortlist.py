"""Week 6's scenarios and recipes: what each scenario asks, what each recipe measured, and who wins on which metric."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reportgen.decide import Recommendation, Scenario, parse_scenario

from .board import ALL
from .decision import Decision, decide
from .model import Column, Interval, Scalar, Table, Value
from .numbers import show, show_interval
from .runs import PAIRED, hardware
from .transfer import LOWER_IS_BETTER, METRICS

if TYPE_CHECKING:
    from reportgen.bundle import Bundle
    from reportgen.data import Course
    from reportgen.decide import Flip
    from reportgen.stats import Difference

    from .context import Context
    from .grid import Grid
    from .runs import Runs
    from .students import Students
    from .tempering import Tempering
    from .transfer import Transfer

_NAME = re.compile(r"(?:week ?6[- ]?|scenario ?)?([abc])(?=[\s.:,)]|$)", re.IGNORECASE)
WILDCARD = "wildcard"


def scenarios(course: Course, week: int = 6) -> list[Scenario]:
    """The week's scenarios, in the course's order."""
    listed = course.scenarios().get("scenario", [])
    ours = [table for table in listed if isinstance(table, dict) and str(table.get("name")).startswith(f"week{week}-")]
    return [parse_scenario(table, f"scenarios.toml of course {course.name!r}") for table in ours]


def chosen_scenario(offered: Sequence[Scenario], declared: Mapping[str, str] | None) -> Scenario | None:
    """The scenario the author's front matter names: `week6-b`, `B` or `scenario B`; None where it names none."""
    said = (declared or {}).get("scenario", "")
    named = [one for one in offered if one.name in said.casefold()]
    if not named and (match := _NAME.match(said.strip())):
        named = [one for one in offered if one.name.endswith(f"-{match[1].casefold()}")]
    return named[0] if len(named) == 1 else None


def decisions(context: Context, students: Students, grid: Grid | None, offered: Sequence[Scenario]) -> list[Decision]:
    """One decision a scenario, between the recipes that were run."""
    recipes = recipes_of(students, grid)
    metrics = frozenset[str]().union(*(one.metrics for one in offered))
    found = [
        decide(replace(context, declared={"scenario": one.name}), recipes, one.name, besides=metrics) for one in offered
    ]
    return [one for one in found if one is not None]


def recipes_of(students: Students, grid: Grid | None) -> list[Bundle]:
    """Vanilla, distilled and the grid's best other setting by macro F1; scaled ones are derived from them."""
    if students.pair is None:
        return []
    others = [cell for cell in grid.cells if cell is not grid.default] if grid else []
    best = max(others, key=lambda cell: cell.point["macro_f1"], default=None)
    return [*students.pair, *([best.run] if best else [])]


def limits(scenario: Scenario) -> str:
    """The hard limits in words; empty where there are none."""
    return "; ".join(one.text for one in scenario.constraints).replace("<=", "≤").replace(">=", "≥")


def scenario_table(found: Sequence[Scenario], table_id: str) -> Table:
    """What each scenario asks."""
    return Table(
        id=table_id,
        caption="The course's scenarios: the hard limit, the metric that decides and the one that breaks ties. More "
        "data may not be asked for in any of them.",
        columns=(
            Column("name", "Scenario"),
            Column("title", "What for", wide=True),
            Column("limit", "Hard limit", wide=True),
            Column("primary", "Primary metric"),
            Column("secondary", "Secondary metric"),
        ),
        rows=tuple(
            {
                "name": one.name,
                "title": one.title,
                "limit": limits(one) or "none",
                "primary": one.primary.quantity.label,
                "secondary": one.secondary.quantity.label if one.secondary else None,
            }
            for one in found
        ),
        row_header="name",
    )


@dataclass(frozen=True)
class Rival:
    """One metric, the recipes compared on it, and the paired difference second − first."""

    name: str
    split: str
    first: str
    second: str
    difference: Difference
    lower: bool

    @property
    def winner(self) -> str | None:
        """The better of the two, None where the rows do not tell."""
        if self.difference.verdict == "null":
            return None
        return self.second if (self.difference.delta < 0) == self.lower else self.first


def rivals(
    runs: Runs,
    students: Students,
    transfer: Transfer,
    tempering: Tempering | None,
    gate: Difference | None,
    shares: Sequence[tuple[str, Difference]] = (),
) -> list[Rival]:
    """Vanilla against distilled on every metric, and vanilla with its temperature against distilled."""
    assert students.pair is not None  # noqa: S101 - for the type checker
    vanilla, distilled = (run.run_id for run in students.pair)
    split = runs.split or "val"
    found = []
    _, accuracy = runs.difference(students.pair[1], students.pair[0], "accuracy")
    found.append(Rival("Accuracy", split, vanilla, distilled, accuracy, lower=False))
    for metric, tier in (("mean_f1", ALL), *(("masked_f1", tier.name) for tier in transfer.tiers if tier.name != ALL)):
        for one in transfer.of(metric, tier):
            name = "Macro F1" if tier == ALL else f"{METRICS[metric][0]} on the {tier}"
            found.append(Rival(name, split, vanilla, distilled, one.difference, lower=False))
    for metric in ("ece", "nll", "js"):
        for one in transfer.of(metric, ALL):
            lower = metric in LOWER_IS_BETTER
            found.append(Rival(METRICS[metric][0], split, vanilla, distilled, one.difference, lower))
    if gate is not None:
        found.append(Rival("Accuracy at confidence ≥ .70", split, vanilla, distilled, gate, lower=False))
    if tempering is not None:
        for metric, rest in shares:
            name = METRICS[metric][0]
            found.append(Rival(name, f"{split}/eval", f"{vanilla} + T", distilled, rest, lower=True))
    return found


def rival_table(found: Sequence[Rival], table_id: str) -> Table:
    """Who wins on which metric, and whether the rows can tell."""
    rows: list[dict[str, Scalar | Value]] = [
        {
            "metric": one.name,
            "split": one.split,
            "first": f"{one.difference.a:.3f}",
            "a": one.first,
            "second": f"{one.difference.b:.3f}",
            "b": one.second,
            "difference": f"{show(one.difference.delta, 'score', signed=True)} "
            + show_interval(Interval(one.difference.low, one.difference.high, PAIRED), "score", signed=True),
            "verdict": one.difference.verdict,
            "winner": one.winner or "not told apart",
        }
        for one in found
    ]
    return Table(
        id=table_id,
        caption="Metric by metric: who is better, and whether these rows can tell. Difference: second − first, with a "
        "95 % paired interval. Accuracy at the gate compares each student on the rows it is sure of, which differ.",
        columns=(
            Column("metric", "Metric", wide=True),
            Column("split", "On"),
            Column("a", "First"),
            Column("first", "its figure", "number"),
            Column("b", "Second"),
            Column("second", "its figure", "number"),
            Column("difference", "Difference", "number"),
            Column("verdict", "Verdict"),
            Column("winner", "Better"),
        ),
        rows=tuple(rows),
        row_header="metric",
    )


def recipe_table(
    runs: Runs, students: Students, grid: Grid | None, tempering: Tempering | None, table_id: str
) -> Table:
    """The shortlist of five: what each costs and what was measured; the wildcard was not run."""
    assert students.pair is not None  # noqa: S101 - for the type checker
    vanilla, distilled = students.pair
    scaled = tempering.recipes["vanilla+T"] if tempering else None
    teacher = students.teacher.run_id if students.teacher else "a teacher"
    rows: list[dict[str, Scalar | Value]] = [_recipe(runs, vanilla, vanilla.run_id, "training the student once")]
    if scaled and scaled.temperature:
        row = _recipe(runs, vanilla, f"{vanilla.run_id} + T", f"nothing trained: T = {scaled.temperature.t:.2f}")
        row["time"] = None
        rows.append(row)
    rows.append(_recipe(runs, distilled, distilled.run_id, f"the answers of {teacher} on every training row"))
    other = f"as {distilled.run_id}, another setting"
    rows += [_recipe(runs, run, run.run_id, other) for run in recipes_of(students, grid)[2:]]
    rows.append({"recipe": WILDCARD, "cost": "the author's: predicted, not run"})
    keys = ("recipe", "cost", "time", "macro_f1", "accuracy", "hardware")
    return Table(
        id=table_id,
        caption=f"The shortlist, scored on {runs.split}. A temperature changes no prediction, so F1 is that of the "
        "student it belongs to; its calibration is measured on the evaluation fold, in section 1.",
        columns=(
            Column("recipe", "Recipe"),
            Column("cost", "What it takes", wide=True),
            Column("time", "Training", "seconds"),
            Column("macro_f1", "Macro F1", "score"),
            Column("accuracy", "Accuracy", "fraction"),
            Column("hardware", "Trained on"),
        ),
        rows=tuple({key: row.get(key) for key in keys} for row in rows),
        row_header="recipe",
    )


def _recipe(runs: Runs, run: Bundle, name: str, cost: str) -> dict[str, Scalar | Value]:
    return {
        "recipe": name,
        "cost": cost,
        "time": run.manifest.timings.get("train"),
        "macro_f1": runs.value(run, "macro_f1"),
        "accuracy": runs.value(run, "accuracy"),
        "hardware": hardware(run),
    }


def flip_table(found: Sequence[Recommendation], table_id: str) -> Table:
    """Every point at which a scenario's choice changes."""
    rows: list[dict[str, Scalar | Value]] = [
        {
            "scenario": one.scenario.name,
            "constraint": _constraint(one, flip),
            "now": _now(one, flip),
            "at": _at(flip),
            "choice": flip.choice or "nobody",
            "previous": flip.previous or "nobody",
            "conditional": "if the unknown holds" if flip.conditional else "",
        }
        for one in found
        for flip in one.flip_points
    ]
    return Table(
        id=table_id,
        caption="Every point at which a scenario's choice changes, by the decision rule; outward from the present "
        "value. Costs at assumed prices.",
        columns=(
            Column("scenario", "Scenario"),
            Column("constraint", "Limit, price or volume", wide=True),
            Column("now", "Now", "number"),
            Column("at", "Changes at", "number"),
            Column("previous", "From"),
            Column("choice", "To"),
            Column("conditional", "Condition"),
        ),
        rows=tuple(rows),
        row_header="scenario",
        folded_after=8,
    )


def _at(flip: Flip) -> str:
    return f"{flip.side} {flip.at:.4g}".replace(">=", "≥").replace("<=", "≤")


def _constraint(found: Recommendation, flip: Flip) -> str:
    scenario = found.scenario
    known = {scenario.key(one): one.quantity.label for one in scenario.constraints}
    named = {
        "monthly_volume": "examples a month",
        "price.gpu_hour": "price of a GPU hour",
        "price.cpu_hour": "price of a CPU hour",
    }
    return known.get(flip.constraint) or named.get(flip.constraint, flip.constraint.replace("_", " "))


def _now(found: Recommendation, flip: Flip) -> str | None:
    scenario = found.scenario
    limit = next((one.limit for one in scenario.constraints if scenario.key(one) == flip.constraint), None)
    if limit is None:
        volume = scenario.load.volume
        values = {
            "monthly_volume": None if volume is None else volume * scenario.runs_per_month,
            "price.gpu_hour": scenario.price.gpu_hour,
            "price.cpu_hour": scenario.price.cpu_hour,
        }
        limit = values.get(flip.constraint)
    return None if limit is None else f"{limit:,.4g}"


def flip_sentence(found: Recommendation) -> str:
    """What changes one scenario's choice: constraint, threshold, alternative."""
    choice = found.choice or "nobody"
    if not found.flip_points:
        nearest = found.relaxations[0] if found.relaxations else None
        tail = f" {nearest.model} would pass with another limit." if nearest and not found.choice else ""
        return (
            f"{found.scenario.name}: {choice}; no limit, price or volume that the rule knows changes it, as far as the "
            f"runs were measured.{tail}"
        )
    said = "; ".join(
        f"{_constraint(found, flip)} {_at(flip)} → {flip.choice or 'nobody'}" for flip in found.flip_points[:4]
    )
    return f"{found.scenario.name}: {choice}; changes at {said}."


def choice_value(found: Recommendation) -> Value:
    """The rule's choice as a text value."""
    return Value(f"choice_{found.scenario.name}", found.choice or "nobody passes", "text")
