"""Who is dominated on the scenario's frontier axes, strictly and within noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reportgen.stats import pareto

from .choice import Facts
from .scenarios import Scenario

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Dominance:
    """For each candidate the name of one that dominates it, or None."""

    strict: tuple[str | None, ...]
    epsilon: tuple[str | None, ...]
    axes: tuple[str, ...]
    """The axes that were compared: those on which any candidate has a value."""


def dominance(facts: Facts, scenario: Scenario, standing: NDArray[np.bool_]) -> Dominance:
    """Dominance on the frontier axes. A candidate with an unknown value on one of them is left out.

    The ε of an axis is what the scenario states, else the largest half-width among the candidates' intervals, else 0.

    Args:
        standing: who can be chosen, (n,). They are dominated by one another alone: to be beaten by what the limits
            rule out is no fault.
    """
    names = [candidate.model for candidate in facts.candidates]
    stated = dict(scenario.epsilon)
    axes, points, directions, epsilon = [], [], [], []
    for metric in scenario.frontier:
        quantity = scenario.frontier_quantity(metric)
        values, _ = facts.column(quantity, scenario)
        if np.isnan(values).all():
            continue
        readings = [facts.reading(index, quantity, scenario) for index in range(len(names))]
        widths = [(r.high - r.low) / 2 for r in readings if r.high is not None and r.low is not None]
        axes.append(metric)
        points.append(values)
        directions.append(quantity.info.higher_is_better)
        epsilon.append(stated.get(metric, max(widths, default=0.0)))
    if len(axes) < 2:
        nobody = (None,) * len(names)
        return Dominance(nobody, nobody, tuple(axes))
    table = np.array(points).T
    ways = ["max" if higher else "min" for higher in directions]
    possible = np.where(standing[:, None], table, np.nan)

    def dominators(tolerance: list[float] | None) -> tuple[str | None, ...]:
        found = np.where(standing, pareto(possible, ways, tolerance), pareto(table, ways, tolerance))  # type: ignore[arg-type]
        return tuple(None if index < 0 else names[index] for index in found)

    return Dominance(dominators(None), dominators(epsilon), tuple(axes))
