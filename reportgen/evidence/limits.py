"""Candidates against the limits of a scenario: figures, margins, intervals, and what binds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .decision import Decision, constraint, percent, tidy
from .model import Column, Scalar, Table
from .numbers import listing

if TYPE_CHECKING:
    from reportgen.decide import Margin, Scenario

_NAMES = {"ece_post": "ECE after scaling", "needs_gpu": "GPU"}
"""Limits whose label is too long for a list."""


def limits_table(decision: Decision, table_id: str, *, reported: bool = False) -> Table:
    """Candidate by candidate: each limit with value, margin and interval; what binds; whether it passes."""
    scenario = decision.scenario
    keys = [scenario.key(limit) for limit in scenario.constraints]
    rows: list[dict[str, Scalar]] = []
    for one in decision.found.candidates:
        cells = {margin.constraint: _cell(scenario, margin) for margin in one.margins}
        row: dict[str, Scalar] = {"run": one.model, **{key: cells[key] for key in keys}}
        row["binding"] = short_name(scenario, one.binding)
        row["passes"] = {True: "passes", False: "fails", "unknown": "unknown"}[one.passes]
        if reported:
            row["dominated"] = one.dominated_by
        rows.append(row)
    columns = [
        Column("run", "Configuration"),
        *(Column(key, tidy(limit.text), wide=True) for key, limit in zip(keys, scenario.constraints, strict=True)),
        Column("binding", "Bound by"),
        Column("passes", "All limits"),
    ]
    if reported:
        columns.append(Column("dominated", "Dominated by"))
    notes: dict[str, list[str]] = {}
    for one in decision.found.candidates:
        for note in one.notes:
            notes.setdefault(note, []).append(one.model)
    everybody = len(decision.found.candidates)
    title = f" ({scenario.title})" if scenario.title else ""
    bounds = "" if reported else ", and whether the unfavourable end of its 95 % interval keeps the limit too"
    dominated = " Dominated: another is at least as good in macro F1, latency and memory." if reported else ""
    opening = "Reported, not recomputable: published figures without predictions or intervals. " if reported else ""
    return Table(
        id=table_id,
        caption=f"{opening}Each configuration against each limit of the scenario {scenario.name}{title}: the figure, "
        f"and the margin as a share of the limit (negative: missed){bounds}. Bound by: the limit kept with the "
        f"smallest relative margin, or missed by the largest.{dominated}",
        columns=tuple(columns),
        rows=tuple(rows),
        row_header="run",
        notes=(
            *(
                f"{note[0].upper()}{note[1:]} ({'all of them' if len(names) == everybody > 1 else listing(names, 8)})."
                for note, names in notes.items()
            ),
            *([] if reported else _ruled_out(decision)),
        ),
        reported=reported,
    )


def _ruled_out(decision: Decision) -> list[str]:
    """Who breaks which limit, in the words a check looks for."""
    broken: dict[str, list[str]] = {}
    for one in decision.found.candidates:
        for margin in one.margins:
            if margin.passes is False:
                broken.setdefault(margin.text, []).append(one.model)
    return [f"{decision.scenario.name}, ruled out by {limit}: {', '.join(names)}." for limit, names in broken.items()]


def _cell(scenario: Scenario, margin: Margin) -> str:
    limit = constraint(scenario, margin.constraint)
    if margin.value is None or limit is None:
        return f"unknown: no record of {margin.missing}" if margin.missing else "unknown"
    said = limit.quantity.text(margin.value)
    mark = "✓" if margin.passes is True else "✗"
    share = "" if margin.relative is None else f", {percent(margin.relative)}"
    if margin.clears is None or margin.low is None or margin.high is None:
        return f"{mark} {said}{share}"
    end = limit.quantity.text(margin.high if limit.upper else margin.low)
    if margin.passes is True and not margin.clears:
        return f"{mark} {said}{share}; its interval reaches {end}: not sure"
    if margin.passes is False:
        best = margin.low if limit.upper else margin.high
        open_ = limit.holds(best)
        return f"{mark} {said}{share}" + (
            f"; its interval reaches {limit.quantity.text(best)}: not sure" if open_ else ""
        )
    return f"{mark} {said}{share}; interval to {end}"


def short_name(scenario: Scenario, key: str | None) -> str | None:
    """What a constraint limits, in a word or two."""
    limit = constraint(scenario, key)
    return None if limit is None else _NAMES.get(limit.quantity.metric, limit.quantity.info.label)


def limits_sentence(decision: Decision) -> str:
    """Who passes, who fails by what, and whom nobody can tell."""
    found, scenario = decision.found, decision.scenario
    failing = [one for one in found.candidates if one.passes is False]
    unknown = [one.model for one in found.candidates if one.passes == "unknown"]
    parts = (
        [f"{listing(decision.passing, 8)} {'keeps' if len(decision.passing) == 1 else 'keep'} every limit"]
        if decision.passing
        else ["No configuration is known to keep every limit"]
    )
    for one in failing:
        broken = [
            short_name(scenario, margin.constraint) or margin.constraint
            for margin in one.margins
            if margin.passes is False
        ]
        parts.append(f"{one.model} misses {listing(broken, 5)}")
    if unknown:
        parts.append(f"for {listing(unknown, 8)} a record is missing")
    return "; ".join(parts) + "."


def unsure(decision: Decision) -> list[str]:
    """Limits kept or missed only within the interval: another sample of rows could say otherwise."""
    found = []
    for one in decision.found.candidates:
        for margin in one.margins:
            limit = constraint(decision.scenario, margin.constraint)
            if limit is None or margin.low is None or margin.high is None or margin.passes == "unknown":
                continue
            if limit.holds(margin.low) != limit.holds(margin.high):
                found.append(f"{one.model} on {short_name(decision.scenario, margin.constraint)}")
    return found


def binding_sentence(decision: Decision) -> str:
    """What binds each candidate, and by how much."""
    said = []
    for one in decision.found.candidates:
        margin = next((margin for margin in one.margins if margin.constraint == one.binding), None)
        if margin is None:
            continue
        size = "" if margin.relative is None else f" ({percent(margin.relative)})"
        if margin.value is None:
            size = " (unknown)"
        said.append(f"{one.model}: {short_name(decision.scenario, one.binding)}{size}")
    return f"{'; '.join(said)}." if said else "The scenario has no limit."
