"""What the decision engine says about the memo's runs in each of the course's deployments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reportgen.decide import Recommendation, candidates_for, parse_scenario, recommend

from .model import Column, Scalar, Table, Value
from .numbers import DASH, listing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reportgen.bundle import Bundle
    from reportgen.data import Course

    from .runs import Runs

NAMES = ("realtime-router", "weekly-batch", "no-gpu")


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
    for one in found:
        chosen = one.assessment(one.choice) if one.choice else None
        cost = chosen.cost if chosen else None
        price = one.scenario.price
        flips = [f"{flip.constraint} at {flip.at:.4g}: {flip.choice or 'nobody'}" for flip in one.flip_points]
        rows.append(
            {
                "scenario": one.scenario.name,
                "title": one.scenario.title,
                "choice": one.choice or "none can stand",
                "condition": one.conditional,
                "binding": one.binding or DASH,
                "ties": listing([f"{tie.model} ({tie.reason})" for tie in one.ties], 3) or DASH,
                "cost": f"{cost.per_month:,.2f} {cost.currency} a month"
                if cost and cost.per_month is not None
                else None,
                "price": f"{price.gpu_hour or 0:g} / {price.cpu_hour or 0:g} {price.currency}",
                "flip": listing(flips, 3) or DASH,
                "missing": listing([f"{gap.model}: {gap.record}" for gap in one.missing], 3) or None,
            }
        )
    columns = [
        Column("scenario", "Deployment"),
        Column("title", "In words", wide=True),
        Column("choice", "Choice"),
        Column("condition", "Only if", wide=True),
        Column("binding", "Binds"),
        Column("ties", "Ties", wide=True),
        Column("cost", "Cost"),
        Column("price", "Price an hour", help="GPU / CPU, assumed"),
        Column("flip", "Flips", wide=True),
        Column("missing", "Would settle it", wide=True),
    ]
    columns = [column for column in columns if any(row[column.key] not in (None, DASH) for row in rows)]
    shown = {column.key for column in columns}
    return Table(
        id=table_id,
        caption="What the decision rule chooses in the course's deployments: limits first, then the primary metric, "
        "ties called ties. Prices are assumptions; put your own with a scenario file.",
        columns=tuple(columns),
        rows=tuple({key: row[key] for key in shown} for row in rows),
        row_header="scenario",
    )


def deployment_sentence(found: Sequence[Recommendation]) -> str:
    """The choices, in words."""
    said = []
    for one in found:
        condition = " (conditionally)" if one.choice and one.conditional else ""
        said.append(f"{one.scenario.name}: {one.choice or 'nobody passes'}{condition}")
    return f"By the decision rule, {'; '.join(said)}. Naming and defending your own context is the author's part."
