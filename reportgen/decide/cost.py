"""Time, machines and money of a load, for all candidates at once, and the same arithmetic spelled out for one."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan

import numpy as np
from numpy.typing import NDArray

from .scenarios import HOURS_PER_MONTH, Scenario

Floats = NDArray[np.float64]


def workload(metric: str, ms: Floats, gpu: Floats, scenario: Scenario) -> Floats:
    """A workload quantity of every candidate; NaN where something it needs is unknown.

    Args:
        metric: batch_hours, machines, monthly_cost or cost_per_1000.
        ms: (n,) milliseconds an example.
        gpu: (n,) 1 where an hour is a GPU hour, 0 where a CPU hour, NaN where unknown.
        scenario: its load and prices.

    Returns:
        (n,) hours, machines, or money in the scenario's currency.
    """
    load = scenario.load
    unknown = np.full(ms.shape, np.nan)
    if metric == "batch_hours":
        return unknown if load.volume is None else load.volume * ms / 3.6e6
    if metric == "machines":
        if load.peak_per_second is None:
            return np.where(np.isnan(ms), np.nan, 1.0)
        # Rounded first: 100/s × 10 ms is one machine, whatever binary fractions make of it.
        return np.maximum(np.ceil(np.round(load.peak_per_second * ms / 1000, 9)), 1.0)
    hourly = _hourly(gpu, scenario)
    if metric == "cost_per_1000":
        return ms / 3600 * hourly
    if load.peak_per_second is not None:
        return workload("machines", ms, gpu, scenario) * HOURS_PER_MONTH * hourly
    return unknown if load.volume is None else load.volume * ms / 3.6e6 * scenario.runs_per_month * hourly


def _hourly(gpu: Floats, scenario: Scenario) -> Floats:
    prices = [np.nan if p is None else p for p in (scenario.price.cpu_hour, scenario.price.gpu_hour)]
    return np.where(gpu == 1, prices[1], np.where(gpu == 0, prices[0], np.nan))


@dataclass(frozen=True)
class Cost:
    """What a candidate's load takes; None where something it needs is unknown. `steps` shows the arithmetic."""

    machines: int | None
    hours_per_month: float | None
    per_month: float | None
    currency: str
    steps: tuple[str, ...]


def cost_of(ms: float | None, gpu: bool | None, scenario: Scenario, note: str | None = None) -> Cost:
    """Machines, hours and money of one candidate, step by step.

    Args:
        ms: milliseconds an example.
        gpu: whether its hours are GPU hours.
        scenario: its load and prices.
        note: where `ms` comes from, if that needs saying.
    """
    load, currency = scenario.load, scenario.price.currency
    if ms is None:
        return Cost(None, None, None, currency, (f"the {scenario.mode} latency is unknown, so time and cost are too",))
    array = np.array([ms])
    billed = np.array([np.nan if gpu is None else float(gpu)])

    def value(metric: str) -> float:
        return float(workload(metric, array, billed, scenario)[0])

    steps = [note] if note else []
    machines: int | None = int(value("machines"))
    if load.peak_per_second is not None:
        needed = load.peak_per_second * ms / 1000
        fleet = f"{machines:,} machine{'' if machines == 1 else 's'}"
        steps.append(f"{load.peak_per_second:,g} a second × {ms:,.4g} ms ÷ 1,000 = {needed:,.4g}, so {fleet}")
        hours: float | None = (machines or 0) * HOURS_PER_MONTH
        steps.append(f"{fleet} × {HOURS_PER_MONTH:g} h a month = {hours:,.6g} h")
    elif load.volume is not None:
        hours = value("batch_hours") * scenario.runs_per_month
        steps.append(
            f"{load.volume:,g} examples × {ms:,.4g} ms ÷ 3,600,000 = {value('batch_hours'):,.6g} h a {load.per}"
        )
        if load.per != "month":
            steps.append(f"× {scenario.runs_per_month:.4g} {load.per}s a month = {hours:,.6g} h")
    else:
        hours = machines = None
    money = value("monthly_cost")
    if hours is None:
        steps.append("the scenario states no load")
    elif isnan(money):
        why = (
            "nobody said whether its hours are GPU hours" if gpu is None else "the scenario has no price for its hours"
        )
        steps.append(f"cost unknown: {why}")
    else:
        price = scenario.price.gpu_hour if gpu else scenario.price.cpu_hour
        kind = "GPU" if gpu else "CPU"
        steps.append(f"{hours:,.6g} h × {price:g} {currency} a {kind} hour = {money:,.2f} {currency} a month")
    return Cost(machines, hours, None if isnan(money) else money, currency, tuple(steps))
