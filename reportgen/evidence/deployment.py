"""What the decision engine says about the memo's runs in each of the course's deployments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reportgen.decide import Recommendation, candidates_for, parse_scenario, recommend

from .model import Column, Scalar, Table, Value
from .numbers import listing, show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reportgen.bundle import Bundle
    from reportgen.data import Course
    from reportgen.decide import Flip, Price

    from .runs import Runs

NAMES = ("realtime-router", "weekly-batch", "no-gpu")
CHOICE, NOBODY = "choice_", "no run passes"


def recommendations(course: Course, runs: Runs, candidates: Sequence[Bundle]) -> list[Recommendation]:
    """One recommendation a deployment of the course that week 3 can decide; the same candidates in each."""
    if not candidates or runs.split is None:
        return []
    listed = course.scenarios().get("scenario", [])
    chosen = [table for table in listed if isinstance(table, dict) and table.get("name") in NAMES]
    scenarios = [parse_scenario(table, f"scenarios.toml of course {course.name!r}") for table in chosen]
    return [recommend(candidates_for(candidates, scenario, runs.split), scenario) for scenario in scenarios]


def deployment_table(found: Sequence[Recommendation], table_id: str) -> Table:
    """Deployment by deployment: the choice, what binds it, what it costs and what would change it."""
    rows: list[dict[str, Scalar | Value]] = []
    notes: list[str] = []
    for one in found:
        chosen = one.assessment(one.choice) if one.choice else None
        cost, name = chosen.cost if chosen else None, one.scenario.name
        monthly = cost.per_month if cost else None
        rows.append(
            {
                "scenario": one.scenario.title or name,
                "choice": one.choice or NOBODY,
                "condition": one.conditional,
                "binding": one.binding.replace("_", " ") if one.binding else None,
                "ties": listing([tie.model for tie in one.ties], 3) or None,
                "cost": f"{monthly:,.2f} {cost.currency}" if cost and monthly is not None else None,
                "flip": listing([_flip(flip) for flip in one.flip_points], 3) or None,
            }
        )
        notes += [_ruled_out(one, text, models) for text, models in _broken(one).items()]
        notes += [f"{name}, would settle it: {gap.model}, {gap.record}." for gap in one.missing[:3]]
    columns = [
        Column("scenario", "Deployment", wide=True),
        Column("choice", "Choice"),
        Column("condition", "Only if", wide=True),
        Column("binding", "Bound by"),
        Column("ties", "Tied with", wide=True),
        Column("cost", "Cost a month"),
        Column("flip", "The choice changes", wide=True),
    ]
    columns = [column for column in columns if any(row[column.key] is not None for row in rows)]
    shown = [column.key for column in columns]
    return Table(
        id=table_id,
        caption="What the decision rule chooses in the course's deployments: limits first, then the primary metric; "
        f"candidates that the rows do not tell apart are tied. Costs at assumed prices{_prices(found)}; put your own "
        "with a scenario file.",
        columns=tuple(columns),
        rows=tuple({key: row[key] for key in shown} for row in rows),
        row_header="scenario",
        notes=tuple(dict.fromkeys(notes)),
    )


def _flip(flip: Flip) -> str:
    return f"{flip.constraint.replace('_', ' ')} at {show(flip.at)}: {flip.choice or NOBODY}"


def _prices(found: Sequence[Recommendation]) -> str:
    prices = {one.scenario.price for one in found}
    if len(prices) != 1:
        return ""
    price = prices.pop()
    said = [f"{value:g} {price.currency} a {kind} hour" for kind, value in _hours(price) if value is not None]
    return f" of {listing(said)}" if said else ""


def _hours(price: Price) -> tuple[tuple[str, float | None], ...]:
    return ("GPU", price.gpu_hour), ("CPU", price.cpu_hour)


def _broken(one: Recommendation) -> dict[str, list[str]]:
    """Constraint to the candidates that break it."""
    found: dict[str, list[str]] = {}
    for candidate in one.candidates:
        for margin in candidate.margins:
            if margin.passes is False:
                found.setdefault(margin.text, []).append(candidate.run_id or candidate.model)
    return found


def _ruled_out(one: Recommendation, constraint: str, models: Sequence[str]) -> str:
    return f"{one.scenario.name}, ruled out by {constraint}: {', '.join(models)}."


def choices(found: Sequence[Recommendation]) -> list[Value]:
    """The choice in each deployment: `choice_<name>`, a run, or `NOBODY` where none does."""
    return [
        Value(
            f"{CHOICE}{one.scenario.name.replace('-', '_')}",
            (one.assessment(one.choice).run_id or one.choice) if one.choice else NOBODY,
            "text",
        )
        for one in found
    ]


def deployment_sentence(found: Sequence[Recommendation]) -> str:
    """The choices, in words."""
    said = []
    for one in found:
        condition = " (conditionally)" if one.choice and one.conditional else ""
        said.append(f"{one.scenario.name}: {one.choice or NOBODY}{condition}")
    return f"By the decision rule, {'; '.join(said)}. Naming and defending your own context is the author's part."
