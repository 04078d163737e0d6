"""Flip points: where along a limit, a price or the volume the choice changes, and to what.

The choice is piecewise constant along each of them. It can only change where a candidate's value meets the limit, or
where two candidates' costs meet: all these points are known beforehand, and the choice is made once at each of them
and once between any two neighbours. Nothing is searched for, so no flip between two grid points is missed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np

from .choice import KEEPS, Bools, Facts, Problem, standing
from .cost import Floats
from .quantities import WORKLOAD, Quantity
from .scenarios import Scenario

Side = Literal["<", "<=", ">", ">="]
_ROUNDING = 1e-12
Outcome = tuple[int, bool]
"""Index of the choice (−1: none) and whether it rests on an unknown."""


@dataclass(frozen=True)
class Flip:
    """From the present value outward, the choice becomes `choice` where the limit is `side` `at`."""

    constraint: str
    at: float | bool
    side: Side
    choice: str | None
    previous: str | None
    conditional: bool


def flip_points(problem: Problem) -> tuple[Flip, ...]:
    """All flip points: of each constraint's limit, then of the prices and the volume, each in ascending order."""
    return (*_along_limits(problem), *_along_load_and_prices(problem))


def _along_limits(problem: Problem) -> Iterator[Flip]:
    scenario, names = problem.scenario, [candidate.model for candidate in problem.facts.candidates]
    for index, constraint in enumerate(scenario.constraints):
        value, guess = problem.columns[index]
        others = np.delete(problem.codes, index, axis=0).max(axis=0, initial=KEEPS)

        def outcome(limit: float) -> Outcome:
            tier = np.maximum(others, standing(constraint, value, guess, limit))  # noqa: B023 - used at once
            return _outcome(problem, tier)

        key = scenario.key(constraint)
        if constraint.quantity.metric == "needs_gpu":
            allowed, now = _outcome(problem, others), _outcome(problem, problem.tier)
            if allowed[0] != now[0]:
                yield Flip(key, True, ">=", _name(names, allowed), _name(names, now), allowed[1])
            continue
        breaks = np.unique(np.concatenate([value, guess]))
        yield from _walk(key, breaks[np.isfinite(breaks)], -np.inf, constraint.limit, outcome, names)


def _along_load_and_prices(problem: Problem) -> Iterator[Flip]:
    scenario, facts = problem.scenario, problem.facts
    names = [candidate.model for candidate in facts.candidates]
    load, price = scenario.load, scenario.price
    if load.volume is not None:
        runs = scenario.runs_per_month

        def with_volume(monthly: float) -> Scenario:
            return replace(scenario, load=replace(load, volume=monthly / runs))

        yield from _along(problem, "monthly_volume", load.volume * runs, with_volume, names)
    if price.gpu_hour is not None:

        def with_gpu_hour(amount: float) -> Scenario:
            return replace(scenario, price=replace(price, gpu_hour=amount))

        yield from _along(problem, "price.gpu_hour", price.gpu_hour, with_gpu_hour, names)
    if price.cpu_hour is not None:

        def with_cpu_hour(amount: float) -> Scenario:
            return replace(scenario, price=replace(price, cpu_hour=amount))

        yield from _along(problem, "price.cpu_hour", price.cpu_hour, with_cpu_hour, names)


def _along(problem: Problem, key: str, now: float, at: Callable[[float], Scenario], names: list[str]) -> Iterator[Flip]:
    def outcome(x: float) -> Outcome:
        moved = Problem(problem.facts, at(x))
        return _outcome(moved, moved.tier)

    breaks = _meeting_points(problem, at)
    if now == 0:  # What is free costs every candidate the same; at any price above, they part.
        breaks = np.concatenate([[0.0], breaks])
    yield from _walk(key, breaks, 0.0, now, outcome, names)


def _meeting_points(problem: Problem, at: Callable[[float], Scenario]) -> Floats:
    """Where a workload quantity meets its limit or two candidates' quantities meet, as a parameter x moves.

    Every such quantity is a line a + b x, known from its values at 1 and 2; machines do not depend on x at all.
    """
    scenario, facts = problem.scenario, problem.facts
    rival = _rivals(problem, at)
    found: list[Floats] = [np.empty(0)]
    with np.errstate(divide="ignore", invalid="ignore"):
        for constraint in scenario.constraints:
            if constraint.quantity.metric in WORKLOAD:
                for a, b in _lines(facts, constraint.quantity, at):
                    found.append((constraint.limit - a) / b)
        ranked = [scenario.primary.quantity, *([scenario.secondary.quantity] if scenario.secondary else [])]
        for quantity in dict.fromkeys([*ranked, Quantity("monthly_cost")]):
            if quantity.metric not in WORKLOAD:
                continue
            a, b = _lines(facts, quantity, at)[0]
            gaps = [0.0]
            if quantity == scenario.primary.quantity and scenario.primary.tolerance:
                gaps += [scenario.primary.tolerance, -scenario.primary.tolerance]
            for gap in gaps:
                slope = b[:, None] - b[None, :]
                points = (gap - (a[:, None] - a[None, :])) / slope
                found.append(points[rival & (slope != 0)])
    return _distinct(np.concatenate([part.ravel() for part in found]))


def _distinct(points: Floats) -> Floats:
    """Positive points in ascending order; those that only rounding tells apart count once."""
    ordered = np.unique(points[np.isfinite(points) & (points > 0)])
    return ordered[np.diff(ordered, prepend=-np.inf) > _ROUNDING * ordered]


def _rivals(problem: Problem, at: Callable[[float], Scenario]) -> Bools:
    """(n, n) pairs whose meeting can change the choice: all of them where a limit or the primary metric moves."""
    scenario = problem.scenario
    decisive = [scenario.primary.quantity, *(constraint.quantity for constraint in scenario.constraints)]
    if any(_moves(problem.facts, quantity, at) for quantity in decisive):
        return np.ones((problem.n, problem.n), dtype=np.bool_)
    return problem.rivals()


def _moves(facts: Facts, quantity: Quantity, at: Callable[[float], Scenario]) -> bool:
    return quantity.metric in WORKLOAD and any(bool((np.abs(b) > 0).any()) for _, b in _lines(facts, quantity, at))


def _lines(facts: Facts, quantity: Quantity, at: Callable[[float], Scenario]) -> list[tuple[Floats, Floats]]:
    """Intercept and slope of each candidate's value, and of its guess; a part that is only rounding is 0."""
    lines = []
    for one, two in zip(facts.column(quantity, at(1.0)), facts.column(quantity, at(2.0)), strict=True):
        parts = [np.where(np.abs(part) < _ROUNDING * two, 0.0, part) for part in (2 * one - two, two - one)]
        lines.append((parts[0], parts[1]))
    return lines


def _walk(
    key: str, breaks: Floats, floor: float, now: float, outcome: Callable[[float], Outcome], names: list[str]
) -> Iterator[Flip]:
    """Flips between neighbouring pieces: points at the breaks, open intervals between them."""
    pieces = [(x, is_point, outcome(x)) for x, is_point in _pieces(breaks, floor)]
    for (left, left_point, before), (right, right_point, after) in pairwise(pieces):
        if before[0] == after[0]:
            continue
        # One of the two is the point where they meet; the present value lies on one side of the boundary.
        edge = right if right_point else left
        present_left = now < edge or (now == edge and not right_point)
        to, origin = (after, before) if present_left else (before, after)
        side: Side = (">=" if right_point else ">") if present_left else "<=" if left_point else "<"
        yield Flip(key, float(edge), side, _name(names, to), _name(names, origin), to[1])


def _pieces(breaks: Floats, floor: float) -> Iterator[tuple[float, bool]]:
    """A value from each piece in ascending order, and whether the piece is that one point."""
    for index, edge in enumerate(breaks):
        below = breaks[index - 1] if index else (floor if np.isfinite(floor) else edge - 1 - abs(edge))
        middle = (below + edge) / 2
        if below < middle < edge:
            yield float(middle), False
        yield float(edge), True
    if breaks.size:
        yield float(breaks[-1] + 1 + abs(breaks[-1])), False


def _outcome(problem: Problem, tier: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> Outcome:
    index = problem.choose(tier)
    return index, index >= 0 and bool(tier[index] != KEEPS)


def _name(names: list[str], outcome: Outcome) -> str | None:
    return None if outcome[0] < 0 else names[outcome[0]]
