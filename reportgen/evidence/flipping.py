"""What would flip a decision: the choices along each limit, price and volume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .decision import Decision, constraint, tidy
from .model import Figure
from .numbers import listing

if TYPE_CHECKING:
    from reportgen.decide import Flip

NOBODY = "nobody"


@dataclass(frozen=True)
class Walk:
    """The choices along one limit, price or volume: `choices[i]` holds between `edges[i-1]` and `edges[i]`."""

    key: str
    label: str
    now: str
    edges: tuple[str, ...]
    choices: tuple[str, ...]
    here: int
    """Position of the present value among the choices."""


_AROUND = 2
"""Flips shown on either side of the present value; beyond them nobody looks."""


def walks(decision: Decision) -> list[Walk]:
    """Every limit, price and volume of the scenario with the choices along it, those that flip first."""
    found, scenario = decision.found, decision.scenario
    present: dict[str, tuple[str, str]] = {}
    for limit in scenario.constraints:
        if limit.quantity.metric != "needs_gpu":
            key = scenario.key(limit)
            present[key] = (f"{limit.quantity.label} {tidy(limit.operator)}", limit.quantity.text(limit.limit))
    if scenario.monthly_volume is not None:
        present["monthly_volume"] = ("examples a month", f"{scenario.monthly_volume:,.0f}")
    for key, hours, kind in (
        ("price.gpu_hour", scenario.price.gpu_hour, "GPU"),
        ("price.cpu_hour", scenario.price.cpu_hour, "CPU"),
    ):
        if hours is not None:
            present[key] = (f"price of a {kind} hour", f"{hours:g} {scenario.price.currency}")
    result = []
    for key, (label, now) in present.items():
        flips = [flip for flip in found.flip_points if flip.constraint == key]
        below = [flip for flip in flips if flip.side in ("<", "<=")][-_AROUND:]
        above = [flip for flip in flips if flip.side in (">", ">=")][:_AROUND]
        if not flips and not key.startswith(tuple(scenario.key(limit) for limit in scenario.constraints)):
            continue
        choices = (
            [flip.choice or NOBODY for flip in below]
            + [found.choice or NOBODY]
            + [flip.choice or NOBODY for flip in above]
        )
        edges = tuple(edge_text(decision, flip) for flip in (*below, *above))
        result.append(Walk(key, label, now, edges, tuple(choices), len(below)))
    return sorted(result, key=lambda walk: not walk.edges)


def edge_text(decision: Decision, flip: Flip) -> str:
    """The exact value of a flip, in its unit."""
    limit = constraint(decision.scenario, flip.constraint)
    if limit is not None:
        return limit.quantity.text(float(flip.at))
    return (
        f"{flip.at:,.0f}"
        if flip.constraint == "monthly_volume"
        else f"{flip.at:.3g} {decision.scenario.price.currency}"
    )


def nearest_flip(decision: Decision) -> Flip | None:
    """The flip that the smallest relative change of its limit brings about."""
    found: list[tuple[float, Flip]] = []
    for flip in decision.found.flip_points:
        limit = constraint(decision.scenario, flip.constraint)
        if limit is not None and limit.quantity.metric != "needs_gpu" and limit.limit:
            found.append((abs(float(flip.at) - limit.limit) / limit.limit, flip))
    return min(found, key=lambda entry: entry[0])[1] if found else None


def flip_sentence(decision: Decision) -> str:
    """The nearest flip in words."""
    flip = nearest_flip(decision)
    limit = constraint(decision.scenario, flip.constraint) if flip else None
    if flip is None or limit is None:
        return "No single limit changes the choice."
    then = f"the choice becomes {flip.choice}" if flip.choice else "nobody passes"
    now = limit.quantity.text(limit.limit)
    return f"With {limit.quantity.label} limited at {edge_text(decision, flip)} instead of {now}, {then}."


def flips_figure(decision: Decision, figure_id: str) -> Figure | None:
    """The choices along each limit; None where there is none to draw."""
    found = walks(decision)
    if not found:
        return None
    fixed = [walk.label for walk in found if not walk.edges]
    return Figure(
        id=figure_id,
        kind="flips",
        caption="The choice of the decision rule as one limit or price moves and all else stays. Numbers stand at the "
        "exact value where the choice changes; the mark is the scenario's own value. Not to scale."
        + (f" No value changes the choice along: {listing(fixed)}." if fixed else ""),
        finding=flip_sentence(decision),
        data={
            "walks": [
                {
                    "label": walk.label,
                    "now": walk.now,
                    "edges": list(walk.edges),
                    "choices": list(walk.choices),
                    "here": walk.here,
                }
                for walk in found
                if walk.edges
            ]
            or [
                {"label": walk.label, "now": walk.now, "edges": [], "choices": list(walk.choices), "here": 0}
                for walk in found
            ]
        },
    )
