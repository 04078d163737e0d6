"""The choice itself, on arrays: who keeps the constraints, who of them is best, who ties."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .candidates import Candidate
from .cost import Floats, workload
from .quantities import WORKLOAD, Quantity
from .readings import Reading, memory_kind, read, workload_reading
from .scenarios import Constraint, Scenario

KEEPS, LIKELY, OPEN, DOUBTFUL, BREAKS = range(5)
"""How a candidate stands to a constraint. In between: unknown, where a figure of unstated mode would keep it (LIKELY),
there is no figure at all (OPEN), or the figure of unstated mode would break it (DOUBTFUL). A candidate stands as its
worst constraint does, and one that stands better goes before any that stands worse."""

_SLACK = 1e-12
NOISE_SHARE = 0.025
"""A candidate that is not worse in more than this share of the paired resamples is not told apart: the two-sided 95 %
interval of the difference includes 0."""

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


class Facts:
    """Everything the candidates say, read once. Loads and prices may change after; what was measured does not."""

    def __init__(self, candidates: Sequence[Candidate], scenario: Scenario) -> None:
        self.candidates = tuple(candidates)
        self.memory_kind = memory_kind(candidates)
        self.workload = [workload_reading(candidate, scenario) for candidate in candidates]
        self._workload = _arrays(self.workload)
        billed = [candidate.billed_as_gpu for candidate in candidates]
        self.gpu = np.array([np.nan if gpu is None else float(gpu) for gpu in billed])
        self._readings: dict[Quantity, list[Reading]] = {}
        self._columns: dict[Quantity, tuple[Floats, Floats]] = {}
        self._noise: dict[tuple[str, int], Bools] = {}
        # Ties beyond all figures are broken by name, so that the order of the candidates never matters.
        names = sorted(candidate.model for candidate in candidates)
        self.name_rank = np.array([names.index(candidate.model) for candidate in candidates])

    def readings(self, quantity: Quantity) -> list[Reading]:
        """Each candidate's reading of a quantity that does not depend on load or price."""
        if quantity not in self._readings:
            self._readings[quantity] = [read(c, quantity, self.memory_kind) for c in self.candidates]
        return self._readings[quantity]

    def column(self, quantity: Quantity, scenario: Scenario) -> tuple[Floats, Floats]:
        """Values and guesses (n,), NaN where there is none."""
        if quantity.metric in WORKLOAD:
            value, guess = self._workload
            return (
                workload(quantity.metric, value, self.gpu, scenario),
                workload(quantity.metric, guess, self.gpu, scenario),
            )
        if quantity not in self._columns:
            self._columns[quantity] = _arrays(self.readings(quantity))
        return self._columns[quantity]

    def reading(self, index: int, quantity: Quantity, scenario: Scenario) -> Reading:
        """One candidate's reading of any quantity, with bounds."""
        if quantity.metric not in WORKLOAD:
            return self.readings(quantity)[index]
        base = self.workload[index]
        ends = (base.value, base.low, base.high, base.guess)
        ms = np.array([np.nan if end is None else end for end in ends])
        found = workload(quantity.metric, ms, np.full(4, self.gpu[index]), scenario)
        value, low, high, guess = (None if np.isnan(x) else float(x) for x in found)
        missing = base.missing
        if value is None and base.value is not None:
            missing = f"what {quantity.label} is reckoned from (load, price, or whether it runs on a GPU)"
        return Reading(value, low, high, guess, note=base.note, missing=missing if value is None else None)

    def not_told_apart(self, metric: str, higher: bool, best: int) -> Bools:
        """(n,) which candidates the paired resamples cannot tell from candidate `best` on a metric."""
        key = (metric, best)
        if key not in self._noise:
            self._noise[key] = self._compare_resamples(metric, higher, best)
        return self._noise[key]

    def _compare_resamples(self, metric: str, higher: bool, best: int) -> Bools:
        result = np.zeros(len(self.candidates), dtype=np.bool_)
        metrics = [candidate.metrics.get(metric) for candidate in self.candidates]
        reference = metrics[best].resamples if metrics[best] else None  # type: ignore[union-attr]
        if reference is None:
            return result
        for index, other in enumerate(metrics):
            if index == best or other is None or other.resamples is None or other.resamples.rows != reference.rows:
                continue
            ahead = reference.values - other.resamples.values
            result[index] = ((ahead if higher else -ahead) <= 0).mean() > NOISE_SHARE
        return result


def _arrays(readings: Sequence[Reading]) -> tuple[Floats, Floats]:
    pairs = [(reading.value, reading.guess) for reading in readings]
    table = np.array([[np.nan if x is None else x for x in pair] for pair in pairs], dtype=np.float64)
    return table[:, 0], table[:, 1]


def standing(constraint: Constraint, value: Floats, guess: Floats, limit: float | None = None) -> Ints:
    """How each candidate stands to a constraint (KEEPS … BREAKS), (n,), with its own limit or another."""
    bound = constraint.limit if limit is None else limit

    def holds(x: Floats) -> Bools:
        inside = x < bound if constraint.upper else x > bound
        return np.asarray(inside if constraint.strict else inside | (x == bound))

    unknown = np.where(np.isnan(guess), OPEN, np.where(holds(guess), LIKELY, DOUBTFUL))
    return np.where(np.isnan(value), unknown, np.where(holds(value), KEEPS, BREAKS)).astype(np.int64)


class Problem:
    """The candidates under one scenario, ready to choose from."""

    def __init__(self, facts: Facts, scenario: Scenario) -> None:
        self.facts = facts
        self.scenario = scenario
        self.n = len(facts.candidates)
        self.columns = [facts.column(c.quantity, scenario) for c in scenario.constraints]
        codes = [standing(c, *column) for c, column in zip(scenario.constraints, self.columns, strict=True)]
        self.codes: Ints = np.array(codes, dtype=np.int64).reshape(len(codes), self.n)
        # From here on larger is better, and unknown is worst.
        self.primary = _oriented(facts.column(scenario.primary.quantity, scenario)[0], scenario.primary.higher)
        if scenario.secondary is None:
            self.secondary = np.zeros(self.n)
        else:
            column = facts.column(scenario.secondary.quantity, scenario)[0]
            self.secondary = _oriented(column, scenario.secondary.higher)
        self.cost = _oriented(facts.column(Quantity("monthly_cost"), scenario)[0], False)
        self.memory = _oriented(facts.column(Quantity("memory_bytes"), scenario)[0], False)
        self.tie_rank = self._rank(self.secondary, self.cost, self.primary, self.memory)
        self.best_rank = self._rank(self.primary, self.secondary, self.cost, self.memory)

    def _rank(self, *keys: Floats) -> Ints:
        order = np.lexsort((self.facts.name_rank, *(-key for key in reversed(keys))))
        rank = np.empty(self.n, dtype=np.int64)
        rank[order] = np.arange(self.n)
        return rank

    @cached_property
    def worse(self) -> Bools:
        """(n, n): whether candidate i is at least as good as j on everything the choice looks at, and better on one.

        Two unknowns are alike, a known and an unknown cannot be compared.
        """
        at_least = _at_least([*self._steady_axes(), self.secondary, self.cost])
        return np.logical_and(at_least, ~at_least.T)

    def _steady_axes(self) -> list[Floats]:
        axes = [self.primary, self.memory]
        for constraint, (value, guess) in zip(self.scenario.constraints, self.columns, strict=True):
            axes += [_oriented(value, not constraint.upper), _oriented(guess, not constraint.upper)]
        return axes

    def rivals(self) -> Bools:
        """(n, n) pairs whose order by cost can matter, as long as limits and primary metric stay as they are.

        Both tie for the choice, alike on the secondary metric unless that is a cost; or one beats the other on
        everything but cost, and the other ties.
        """
        running = self._contenders()
        secondary = self.scenario.secondary
        by_cost = secondary is not None and secondary.quantity.metric in WORKLOAD
        level = by_cost | (self.secondary[:, None] == self.secondary[None, :])
        steady = self._steady_axes() if by_cost else [*self._steady_axes(), self.secondary]
        pairs: Bools = (running[:, None] & running[None, :] & level) | (_at_least(steady) & running[None, :])
        return pairs | pairs.T

    def _contenders(self) -> Bools:
        """(n,) who ties with the best, however costs rank those that stand best."""
        alike = np.flatnonzero(self.tier == self.tier.min())
        result = np.zeros(self.n, dtype=np.bool_)
        for best in alike[self.primary[alike] == self.primary[alike].max()]:
            result[alike] |= self._tied_with(int(best), alike)
        return result

    @property
    def tier(self) -> Ints:
        """(n,) how each candidate stands to its worst constraint."""
        return np.asarray(self.codes.max(axis=0, initial=KEEPS), dtype=np.int64)

    def choose(self, tier: Ints, skip: int | None = None) -> int:
        """Index of the choice, −1 if every candidate breaks a constraint or nothing known ranks those that stand.

        Args:
            tier: (n,) standing of each candidate.
            skip: a candidate to do without, which gives the runner-up.
        """
        pool = self._pool(tier, skip)
        if not pool.size or (pool.size > 1 and not np.isfinite(self.primary[pool]).any()):
            return -1
        tied = pool[self._tied_with(self._best(pool), pool)]
        return int(tied[np.argmin(self.tie_rank[tied])])

    def ties(self, tier: Ints) -> tuple[int, Ints]:
        """The best on the primary metric, and all that tie with it, itself and dominated ones included."""
        pool = self._pool(tier)
        if not np.isfinite(self.primary[pool]).any():
            return -1, pool[:0]
        best = self._best(pool)
        alike = np.flatnonzero(tier == tier[best])
        return best, alike[self._tied_with(best, alike)]

    @cached_property
    def _undominated(self) -> Bools:
        return np.logical_not(self.worse.any(axis=0))

    def _pool(self, tier: Ints, skip: int | None = None) -> Ints:
        """Those that stand best, without the ones another beats on every count: these could only confuse a tie."""
        undominated = self._undominated
        if skip is not None:
            undominated = np.logical_not(np.delete(self.worse, skip, axis=0).any(axis=0))
            tier = tier.copy()
            tier[skip] = BREAKS
        best = tier.min()
        if best == BREAKS:
            return np.empty(0, dtype=np.int64)
        return np.flatnonzero((tier == best) & undominated)

    def _best(self, pool: Ints) -> int:
        return int(pool[np.argmin(self.best_rank[pool])])

    def _tied_with(self, best: int, pool: Ints) -> Bools:
        objective = self.scenario.primary
        near: Bools = self.primary[pool] >= self.primary[best] - objective.tolerance - _SLACK
        noise = self.facts.not_told_apart(objective.quantity.metric, objective.higher, best)
        return near | noise[pool]


def _oriented(values: Floats, higher: bool) -> Floats:
    """Larger is better, unknown is −inf."""
    return np.where(np.isnan(values), -np.inf, values if higher else -values)


def _at_least(axes: Sequence[Floats]) -> Bools:
    """(n, n): whether candidate i is at least as good as j on every axis, and known where j is known."""
    table = np.array(axes)
    a, b = table[:, :, None], table[:, None, :]
    result: Bools = ((a >= b) & (np.isfinite(a) == np.isfinite(b))).all(axis=0)
    return result
