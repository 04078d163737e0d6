"""The deployment artefact: the fields a reader needs to switch a model on, filled where something was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .decision import Decision, constraint
from .flipping import edge_text, nearest_flip
from .model import Column, Table
from .numbers import plural

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reportgen.stats import Covered


def artefact_table(
    decision: Decision, table_id: str, *, gate: float, covered: Mapping[str, Covered], recommended: str | None = None
) -> Table:
    """The fields of the deployment artefact, filled where something was measured.

    Args:
        decision: the decision.
        table_id: id of the table.
        gate: confidence from which a prediction is used as it is.
        covered: coverage and accuracy at the gate after scaling, by run_id.
        recommended: what the author's front matter recommends.
    """
    found, scenario = decision.found, decision.scenario
    name = found.choice
    own = covered.get(name) if name else None
    t = decision.temperatures.get(name) if name else None
    flip = nearest_flip(decision)
    limit = constraint(scenario, flip.constraint) if flip else None
    unknown = "not measured"
    share = unknown if own is None else f"{100 * own.coverage:.1f} % ({plural(own.n_covered, 'row')})"
    right = (
        unknown
        if own is None or own.accuracy is None
        else f"{100 * own.accuracy:.1f} % [{100 * (own.low or 0):.1f}, {100 * (own.high or 0):.1f} %]"
    )
    cost = decision.chosen.cost if decision.chosen else None
    fields = [
        ("Scenario", f"{scenario.name}{f': {scenario.title}' if scenario.title else ''}"),
        ("Model, by the rule", name or "nobody passes"),
        ("Model, by the author", recommended or "not stated: write `recommendation:` into the front matter"),
        ("Temperature T", f"{t:.3f}" if t is not None else unknown),
        (f"Coverage at confidence {gate:g}", share),
        ("Accuracy on what is covered", right),
        ("Decision rule", f"confidence after scaling ≥ {gate:g}: use the prediction; below: to a person"),
        (
            "Cost a month",
            f"{cost.per_month:,.2f} {cost.currency}, at the scenario's prices"
            if cost and cost.per_month is not None
            else "unknown",
        ),
        ("Constraint that flips it", limit.quantity.label if limit else "none"),
        (
            "Threshold",
            f"{edge_text(decision, flip)} (now {limit.quantity.text(limit.limit)})" if flip and limit else "none",
        ),
        ("Alternative there", (flip.choice or "nobody passes") if flip else "none"),
    ]
    return Table(
        id=table_id,
        caption="The deployment artefact, filled with what was measured. Scenario, rule and threshold are proposals of "
        "the decision rule; the recommendation is the author's.",
        columns=(Column("field", "Field"), Column("said", "Value", wide=True)),
        rows=tuple({"field": field, "said": said} for field, said in fields),
        row_header="field",
        notes=tuple(cost.steps) if cost and cost.per_month is not None else (),
    )
