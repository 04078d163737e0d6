"""A scenario: what a deployment must keep (constraints), what it wants most (objectives), what it costs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from reportgen.errors import InputError

from .quantities import Mode, Quantity

Operator = Literal["<", "<=", ">", ">="]
Period = Literal["day", "week", "month"]

RUNS_PER_MONTH: dict[Period, float] = {"day": 365 / 12, "week": 52 / 12, "month": 1.0}
HOURS_PER_MONTH = 730.0


@dataclass(frozen=True)
class Constraint:
    """A hard limit. A candidate that breaks it cannot be chosen."""

    quantity: Quantity
    operator: Operator
    limit: float

    @property
    def upper(self) -> bool:
        """Whether the limit is a ceiling."""
        return self.operator in ("<", "<=")

    @property
    def strict(self) -> bool:
        """Whether the limit itself already breaks it."""
        return self.operator in ("<", ">")

    def holds(self, value: float) -> bool:
        """Whether a value keeps it."""
        if value == self.limit:
            return not self.strict
        return (value < self.limit) == self.upper

    @property
    def text(self) -> str:
        """The constraint in words."""
        if self.quantity.metric == "needs_gpu":
            return "no GPU"
        return f"{self.quantity.label} {self.operator} {self.quantity.text(self.limit)}"


@dataclass(frozen=True)
class Objective:
    """What is made as large (or as small) as possible; values within `tolerance` of the best are ties."""

    quantity: Quantity
    higher: bool
    tolerance: float = 0.0


@dataclass(frozen=True)
class Load:
    """How much there is to do: examples a `per`, or a peak rate that must be kept up around the clock."""

    volume: float | None = None
    per: Period = "month"
    peak_per_second: float | None = None


@dataclass(frozen=True)
class Price:
    """What an hour of a machine costs; None: not known."""

    gpu_hour: float | None = None
    cpu_hour: float | None = None
    currency: str = ""


@dataclass(frozen=True)
class Scenario:
    """A deployment to decide for.

    Args:
        name: a slug.
        title: one line for people.
        primary: decides among the candidates that keep every constraint.
        secondary: breaks ties; then the lower cost does.
        mode: how examples arrive, one at a time or in batches: which latency cost and frontier are read from.
        hardware: the device the figures should come from, e.g. T4; None: any.
        frontier: axes on which one candidate can dominate another.
        epsilon: noise of an axis, for ε-dominance, where the candidates bring no interval.
        scaled_variants: offer each candidate with logits also with its temperature applied.

    Raises:
        InputError: limits that contradict each other or that nothing can keep.
    """

    name: str
    title: str
    primary: Objective
    secondary: Objective | None = None
    constraints: tuple[Constraint, ...] = ()
    mode: Mode = "offline"
    load: Load = Load()
    price: Price = Price()
    hardware: str | None = None
    frontier: tuple[str, ...] = ("macro_f1", "latency_ms", "memory_bytes")
    epsilon: tuple[tuple[str, float], ...] = ()
    scaled_variants: bool = False
    note: str = ""

    def __post_init__(self) -> None:
        seen: dict[tuple[Quantity, bool], Constraint] = {}
        for constraint in self.constraints:
            self._check_limit(constraint)
            key = (constraint.quantity, constraint.upper)
            if key in seen:
                raise InputError(f"{constraint.quantity.label} is limited twice", where=self.name, remedy="keep one")
            seen[key] = constraint
        for (quantity, upper), ceiling in seen.items():
            floor = seen.get((quantity, False)) if upper else None
            if floor and (
                floor.limit > ceiling.limit or (floor.limit == ceiling.limit and floor.strict | ceiling.strict)
            ):
                raise InputError(
                    f"{floor.text} contradicts {ceiling.text}", where=self.name, remedy="change one of them"
                )
        for amount in (self.price.gpu_hour, self.price.cpu_hour):
            if amount is not None and not 0 <= amount < math.inf:
                raise InputError(f"a price of {amount}", where=self.name, remedy="give a price of 0 or more")
        for count in (self.load.volume, self.load.peak_per_second):
            if count is not None and not 0 < count < math.inf:
                raise InputError(f"a load of {count} examples", where=self.name, remedy="give a number above 0")

    def _check_limit(self, constraint: Constraint) -> None:
        limit, info = constraint.limit, constraint.quantity.info
        if not math.isfinite(limit):
            raise InputError(f"the limit of {info.label} is {limit}", where=self.name, remedy="give a number")
        if constraint.quantity.metric == "latency_ms" and constraint.quantity.mode is None:
            raise InputError("a latency limit without a mode", where=self.name, remedy="single-stream or offline")
        impossible = constraint.upper and (limit < 0 or (limit == 0 and constraint.strict))
        impossible |= info.fraction and not constraint.upper and (limit > 1 or (limit == 1 and constraint.strict))
        if impossible:
            raise InputError(f"nothing can keep {constraint.text}", where=self.name, remedy="change the limit")

    @property
    def runs_per_month(self) -> float:
        """Batches a month."""
        return RUNS_PER_MONTH[self.load.per]

    @property
    def monthly_volume(self) -> float | None:
        """Examples a month."""
        return None if self.load.volume is None else self.load.volume * self.runs_per_month

    @property
    def metrics(self) -> frozenset[str]:
        """Metrics the decision looks at."""
        read = [constraint.quantity for constraint in self.constraints]
        read += [objective.quantity for objective in (self.primary, self.secondary) if objective]
        named = [quantity.metric for quantity in read]
        # The candidate's scaled variant shows as its ECE and NLL what was measured after scaling.
        scaled = ("ece_post", "nll_post") if self.scaled_variants else ()
        return frozenset((*named, *self.frontier, *scaled))

    def key(self, constraint: Constraint) -> str:
        """Short name of a constraint: its metric, with more where the scenario limits that metric twice."""
        quantity = constraint.quantity
        alike = [other for other in self.constraints if other.quantity.metric == quantity.metric]
        if len(alike) == 1:
            return quantity.metric
        parts = [quantity.metric, quantity.mode, quantity.statistic if quantity.mode else None]
        name = ".".join(part for part in parts if part)
        same = sum(other.quantity == quantity for other in alike)
        return name if same == 1 else f"{name}.{'max' if constraint.upper else 'min'}"

    def frontier_quantity(self, metric: str) -> Quantity:
        """The quantity of a frontier axis: a latency is the one the scenario limits, else the p50 of its mode."""
        for constraint in self.constraints:
            if constraint.quantity.metric == metric:
                return constraint.quantity
        return Quantity(metric, self.mode) if metric == "latency_ms" else Quantity(metric)

    def with_limit(self, metric: str, operator: Operator, limit: float) -> Scenario:
        """Replace the limits on a metric of that side, or add one (a latency's mode is then the scenario's)."""
        upper = operator in ("<", "<=")
        hit = [c.quantity.metric == metric and c.upper == upper for c in self.constraints]
        if any(hit):
            pairs = zip(self.constraints, hit, strict=True)
            return replace(self, constraints=tuple(replace(c, limit=limit) if h else c for c, h in pairs))
        added = Constraint(self.frontier_quantity(metric), operator, limit)
        return replace(self, constraints=(*self.constraints, added))

    def with_overrides(
        self,
        *,
        max_latency_ms: float | None = None,
        min_macro_f1: float | None = None,
        max_ece: float | None = None,
        no_gpu: bool = False,
        monthly_volume: float | None = None,
    ) -> Scenario:
        """The scenario with the command line's limits in place of its own.

        Args:
            max_latency_ms: ceiling of the latency the scenario limits; where it limits none, of the p50 of its mode.
            min_macro_f1: floor of macro F1.
            max_ece: ceiling of the calibration error the scenario limits, else of the one after scaling.
            no_gpu: the candidate must be known to run without a GPU; the scenario's hardware no longer counts.
            monthly_volume: examples a month.

        Raises:
            InputError: a limit that contradicts another or that nothing can keep.
        """
        scenario = self
        if max_latency_ms is not None:
            scenario = scenario.with_limit("latency_ms", "<=", max_latency_ms)
        if min_macro_f1 is not None:
            scenario = scenario.with_limit("macro_f1", ">=", min_macro_f1)
        if max_ece is not None:
            limited = {constraint.quantity.metric for constraint in self.constraints}
            scenario = scenario.with_limit("ece" if "ece" in limited else "ece_post", "<=", max_ece)
        if no_gpu:
            scenario = replace(scenario.with_limit("needs_gpu", "<=", 0.0), hardware=None)
        if monthly_volume is not None:
            load = replace(self.load, volume=monthly_volume / self.runs_per_month)
            scenario = replace(scenario, load=load)
        return scenario
