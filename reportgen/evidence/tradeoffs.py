"""Macro F1 against time and memory: who is dominated, strictly and within noise. Nothing unlike shares a plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reportgen.stats import pareto

from .model import Column, Figure, Scalar, Table, Unit, Value
from .numbers import listing, show
from .runs import hardware
from .timings import timings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reportgen.bundle import Bundle

    from .configurations import Configuration
    from .runs import Runs
    from .timings import Timing

OF_PRECISION = frozenset({"precision", "adapter left unmerged"})
"""Conditions of a record that belong to a configuration: they do not forbid comparing two of them."""
PEAKS = ("allocated_peak", "process_peak")
KINDS = {
    "offline": "offline latency",
    "single-stream": "single-stream latency",
    "peak": "peak memory",
    "disk": "weights on disk",
}


@dataclass(frozen=True, eq=False)
class Plane:
    """Macro F1 against one cost, of configurations measured under the same conditions."""

    kind: str
    what: str
    """The cost in words, with its conditions."""
    where: str | None
    unit: Unit
    f1: Mapping[str, Value]
    cost: Mapping[str, Value]
    epsilon: tuple[float, float]
    """Largest half-width of the intervals of macro F1 and of the cost."""
    strict: Mapping[str, str | None]
    """Configuration to one that dominates it, or None."""
    loose: Mapping[str, str | None]
    """The same, forgiving differences within ε."""

    @property
    def frontier(self) -> list[str]:
        """Configurations nobody dominates."""
        return [name for name, by in self.strict.items() if by is None]


def planes(runs: Runs, members: Sequence[Configuration]) -> list[Plane]:
    """Every plane on which two configurations or more were measured alike."""
    found: dict[tuple[str, tuple[tuple[str, Scalar], ...]], dict[str, Value]] = {}
    about: dict[tuple[str, tuple[tuple[str, Scalar], ...]], tuple[str, str | None, Unit]] = {}
    for one in timings([member.run for member in members]):
        mode: str = one.record.scenario
        key = (mode, tuple(alike(one).items()))
        batch = f", batch {one.record.batch_size}" if one.record.scenario == "offline" else ""
        about.setdefault(key, (f"{one.record.scenario} latency{batch}", hardware(one.run), "ms"))
        found.setdefault(key, {}).setdefault(one.run.run_id, one.value())
    for member in members:
        for value, kind, device in memory(member.run):
            key = (kind, (("metric", value.metric), ("device", device)))
            words = value.metric.removeprefix("memory_").replace("_", " ")
            about.setdefault(key, (words, device, "bytes"))
            found.setdefault(key, {}).setdefault(member.name, value)
    made = [
        _plane(runs, members, kind, *about[kind, conditions], costs)
        for (kind, conditions), costs in found.items()
        if len(costs) > 1
    ]
    order = list(KINDS)
    return sorted(made, key=lambda plane: (order.index(plane.kind), -len(plane.cost)))


def alike(one: Timing) -> dict[str, Scalar]:
    """Conditions under which two configurations must agree to be compared."""
    return {key: value for key, value in one.conditions.items() if key not in OF_PRECISION}


def memory(run: Bundle) -> list[tuple[Value, str, str | None]]:
    """Memory records with their kind of plane and, for a peak, the device."""
    found = []
    for record in run.latency.memory if run.latency else ():
        kind = "peak" if record.kind in PEAKS else "disk"
        value = Value(f"memory_{record.kind}", record.bytes, "bytes", run=run.run_id, field="latency.json")
        device = hardware(run) if kind == "peak" else None
        found.append((value, kind, device))
    return _one_peak(found)


def _one_peak(found: list[tuple[Value, str, str | None]]) -> list[tuple[Value, str, str | None]]:
    """On a GPU the allocator's peak says what the model needs; the process's peak counts the libraries as well."""
    allocated = any(value.metric == "memory_allocated_peak" for value, _, _ in found)
    return [entry for entry in found if not (allocated and entry[0].metric == "memory_process_peak")]


def _plane(
    runs: Runs,
    members: Sequence[Configuration],
    kind: str,
    what: str,
    where: str | None,
    unit: Unit,
    costs: Mapping[str, Value],
) -> Plane:
    shown = [member.run for member in members if member.name in costs]
    names = [run.run_id for run in shown]
    f1 = {run.run_id: runs.value(run, "macro_f1") for run in shown}
    points = np.array([[_number(f1[name]), _number(costs[name])] for name in names])
    epsilon = (_half_width(f1.values()), _half_width(costs.values()))
    by = [pareto(points, ("max", "min"), tolerance) for tolerance in (None, epsilon)]
    strict, loose = ({name: None if i < 0 else names[i] for name, i in zip(names, one, strict=True)} for one in by)
    return Plane(kind, what, where, unit, f1, {name: costs[name] for name in names}, epsilon, strict, loose)


def _number(value: Value) -> float:
    return float(value.value) if isinstance(value.value, int | float) else float("nan")


def _half_width(values: object) -> float:
    found: list[Value] = list(values)  # type: ignore[call-overload]
    return max(((one.interval.high - one.interval.low) / 2 for one in found if one.interval), default=0.0)


def frontier_table(members: Sequence[Configuration], found: Sequence[Plane], table_id: str) -> Table:
    """Configuration by configuration: on the frontier or dominated, in each plane it belongs to."""
    kinds = [kind for kind in KINDS if any(plane.kind == kind for plane in found)]
    rows: list[dict[str, Scalar]] = []
    for member in members:
        row: dict[str, Scalar] = {"run": member.name}
        for kind in kinds:
            own = next((plane for plane in found if plane.kind == kind and member.name in plane.strict), None)
            row[kind] = None if own is None else _standing(own, member.name)
        if any(row[kind] for kind in kinds):
            rows.append(row)
    epsilons = "; ".join(
        f"{plane.what} {show(plane.epsilon[1], plane.unit)}" for plane in found if plane.unit == "ms" and plane.kind
    )
    f1 = max(plane.epsilon[0] for plane in found)
    return Table(
        id=table_id,
        caption="Who is dominated, in macro F1 against each cost. Dominated: another configuration, measured alike, is "
        "at least as good on both axes and better on one. Within noise: a shortfall of up to ε counts as none and a "
        f"lead counts only beyond ε, the largest half-width of the 95 % intervals (macro F1 {show(f1, 'score')}"
        f"{'; ' if epsilons else ''}{epsilons}). Modes, devices and kinds of memory are never mixed.",
        columns=(
            Column("run", "Run"),
            *(Column(kind, f"Against {KINDS[kind]}", wide=True) for kind in kinds),
        ),
        rows=tuple(rows),
        row_header="run",
    )


def _standing(plane: Plane, name: str) -> str:
    by, noise = plane.strict[name], plane.loose[name]
    if by is None:
        return "frontier" if noise is None else f"frontier; within noise dominated by {noise}"
    if noise == by:
        return f"dominated by {by}, beyond noise"
    return f"dominated by {by}" + (f"; within noise by {noise}" if noise else "; within noise by none")


def plane_sentences(found: Sequence[Plane]) -> str:
    """The frontiers in words; costs under which the same configurations are dominated share a sentence."""
    alike: dict[tuple[tuple[str, str | None], ...], list[Plane]] = {}
    for plane in found:
        alike.setdefault(tuple(plane.strict.items()), []).append(plane)
    said = []
    for some in alike.values():
        plane, where = some[0], dict.fromkeys(one.where for one in some if one.where)
        lost: dict[str, list[str]] = {}
        for name, by in plane.strict.items():
            if by:
                lost.setdefault(by, []).append(name)
        dominated = (
            "; ".join(f"{by} dominates {listing(names, 8)}" for by, names in lost.items()) or "none is dominated"
        )
        costs = listing([one.what for one in some], 4)
        said.append(f"By {costs}{f' on {listing(list(where))}' if where else ''}: {dominated}.")
    return " ".join(said)


def tradeoff_figure(members: Sequence[Configuration], found: Sequence[Plane], figure_id: str) -> Figure:
    """A panel a plane, a dot a configuration, a line through those nobody dominates."""
    groups = {member.name: member for member in members}
    panels = []
    for plane in found:
        points = [
            {
                "name": name,
                "label": groups[name].precision,
                "family": groups[name].run.manifest.model.family,
                "x": _number(cost),
                "y": _number(plane.f1[name]),
                "dominated": plane.strict[name],
            }
            for name, cost in plane.cost.items()
        ]
        title = f"{plane.what}{f', {plane.where}' if plane.where else ''}"
        panels.append({"title": title, "unit": plane.unit, "points": points})
    return Figure(
        id=figure_id,
        kind="tradeoff",
        caption="Macro F1 (up is better) against each cost (left is better). Joined: configurations that none "
        "dominates; faint: dominated. Intervals stand in the table. Each panel holds only what was measured alike.",
        finding=f"Macro F1 against cost. {plane_sentences(found)}",
        data={"panels": panels},
    )
