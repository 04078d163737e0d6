"""The decision of a memo: configurations under a scenario, what binds, what would flip it, and the artefact's fields.

The engine decides by a rule; naming and defending a configuration stays the author's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reportgen.decide import Metric, candidates_for, from_bundles, parse_scenario, recommend

from .numbers import MINUS, listing, plural

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from reportgen.bundle import Bundle
    from reportgen.decide import Assessment, Candidate, Constraint, Recommendation, Scenario

    from .context import Context
    from .scaling import Scaled

_SCALING = frozenset({"ece_pre", "ece_post", "nll_pre", "nll_post"})


@dataclass(frozen=True, eq=False)
class Decision:
    """What the engine says about a memo's runs in one scenario; `caveats` limit it."""

    found: Recommendation
    temperatures: Mapping[str, float]
    caveats: tuple[str, ...] = ()

    @property
    def scenario(self) -> Scenario:
        """The deployment decided for."""
        return self.found.scenario

    @property
    def chosen(self) -> Assessment | None:
        """The choice with its margins."""
        return self.found.assessment(self.found.choice) if self.found.choice else None

    @property
    def passing(self) -> list[str]:
        """Candidates known to keep every limit."""
        return [one.model for one in self.found.candidates if one.passes is True]


def scenario_for(context: Context, default: str) -> tuple[Scenario | None, str | None]:
    """The scenario the front matter names, else the default; and why it is not the one that was named."""
    listed = {
        str(table["name"]): table
        for table in context.course.scenarios().get("scenario", [])
        if isinstance(table, dict) and "name" in table
    }
    said = (context.declared or {}).get("scenario", "").strip()
    named = [name for name in listed if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", said.casefold())]
    chosen = named[0] if named else default
    if chosen not in listed:
        return None, None
    note = None
    if said and not named:
        note = (
            f"The front matter's scenario, {said[:120]!r}, names none of the course's: {chosen} is decided here. To "
            f"decide another, write one of {listing(list(listed), 9)}."
        )
    return parse_scenario(listed[chosen], f"scenarios.toml of course {context.course.name!r}"), note


def decide(
    context: Context,
    bundles: Sequence[Bundle],
    default: str,
    scaled: Mapping[str, Scaled] | None = None,
    besides: Collection[str] = (),
) -> Decision | None:
    """The decision for these runs, by run_id; None without runs or without such a scenario.

    Args:
        context: the memo's; its front matter may name the scenario.
        bundles: the candidates, scored on the memo's rows.
        default: scenario where the author names none.
        scaled: temperatures that were fitted already, by run_id.
        besides: metrics to measure along, so that several scenarios share one measurement.
    """
    scenario, note = scenario_for(context, default)
    if scenario is None or not bundles:
        return None
    candidates = [_named(one) for one in _candidates(context, bundles, scenario, scaled or {}, besides)]
    temperatures = {one.model: one.temperature for one in candidates if one.temperature is not None}
    return Decision(recommend(candidates, scenario), temperatures, (note,) if note else ())


def decide_reported(context: Context, bundles: Sequence[Bundle], default: str) -> Decision | None:
    """The decision for published figures, which are never mixed with measured ones."""
    scenario, _ = scenario_for(context, default)
    if scenario is None or not bundles:
        return None
    return Decision(recommend(from_bundles(bundles), scenario), {})


def _named(candidate: Candidate) -> Candidate:
    """The candidate under its run's name; a variant keeps what tells it apart."""
    if candidate.run_id is None:
        return candidate
    return replace(candidate, model=candidate.run_id + (" + T" if candidate.model.endswith(" + T") else ""))


def _candidates(
    context: Context,
    bundles: Sequence[Bundle],
    scenario: Scenario,
    scaled: Mapping[str, Scaled],
    besides: Collection[str],
) -> list[Candidate]:
    split = context.runs.split or "val"
    wanted = scenario.metrics
    measured_already = all(
        bundle.run_id in scaled for bundle in bundles if bundle.predictions(split).logits is not None
    )
    if scenario.scaled_variants or not wanted & _SCALING <= {"ece_post"} or not measured_already:
        return candidates_for(bundles, scenario, split, besides=besides)
    found = from_bundles(bundles, split, only=wanted - _SCALING)
    return [_with_temperature(one, scaled.get(one.run_id or "")) for one in found]


def _with_temperature(candidate: Candidate, one: Scaled | None) -> Candidate:
    if one is None:
        return candidate
    after = Metric(one.ece_after, *one.bounds_after, one.n)
    metrics = {**candidate.metrics, "ece_post": after}
    return replace(candidate, metrics=metrics, temperature=one.temperature.t)


def constraint(scenario: Scenario, key: str | None) -> Constraint | None:
    """The constraint of that key."""
    return next((limit for limit in scenario.constraints if scenario.key(limit) == key), None)


def tidy(text: str) -> str:
    """Words of the engine with the signs a page uses."""
    return text.replace("<=", "≤").replace(">=", "≥")


def percent(share: float) -> str:
    """A margin relative to its limit, signed, in per cent."""
    text = f"{100 * abs(share):.1f}" if abs(share) < 0.1 else f"{100 * abs(share):.0f}"
    return f"{'+' if share >= 0 else MINUS}{text} %"


def choice_sentence(decision: Decision) -> str:
    """The choice of the rule with its ties, the runner-up and what it depends on."""
    found, scenario = decision.found, decision.scenario
    lead = f"By the decision rule for {scenario.name}"
    if found.choice is None:
        return f"{lead}, no configuration can be chosen{f': {found.conditional}' if found.conditional else ''}."
    label = scenario.primary.quantity.label
    passing = len(decision.passing)
    rivals = [name for name in _tied(found) if name != found.choice]
    breaker = scenario.secondary.quantity.label if scenario.secondary else "cost"
    tie = f"by {label} it is not told apart from {listing(rivals, 8)}, and {breaker} breaks the tie"
    if not passing:
        said = f"{lead}, {found.choice} can stand, conditionally"
    elif passing == 1:
        said = f"{lead}, the choice is {found.choice}: it alone keeps every limit"
    else:
        best = f"one of the {passing}" if rivals else f"the best by {label} of the {passing}"
        said = f"{lead}, the choice is {found.choice}, {best} that keep every limit"
    said += f"; {tie}" if rivals else ""
    runner = f" Runner-up: {found.runner_up}." if found.runner_up else ""
    return f"{said}.{runner}{f' It depends: {found.conditional}.' if found.conditional else ''}"


def _tied(found: Recommendation) -> list[str]:
    """The best by the primary metric and those it is not told from; empty where nobody ties."""
    if not found.ties:
        return []
    tied = [tie.model for tie in found.ties]
    reason = " ".join(tie.reason for tie in found.ties)
    best = [name for name in names_in(reason, [one.model for one in found.candidates]) if name not in tied]
    return [*best, *tied]


def relax_sentence(decision: Decision) -> str:
    """What would have to give for somebody to pass; or that nothing has to."""
    found = decision.found
    if decision.passing:
        count = plural(len(decision.passing), "configuration passes", "configurations pass")
        return f"Nothing has to be relaxed: {count}."
    if not found.relaxations:
        gaps = [f"{gap.record} of {gap.model}" for gap in found.missing[:4]]
        return f"Not known: {listing(gaps)} would have to be measured first." if gaps else "Not known."
    return f"Nearest: {_relaxed(decision)}."


def _relaxed(decision: Decision) -> str:
    nearest = decision.found.relaxations[0]
    changes = []
    for change in nearest.changes:
        limit = constraint(decision.scenario, change.constraint)
        if limit is not None:
            size = "" if change.relative is None else f", {percent(change.relative).lstrip('+')} off"
            to, now = limit.quantity.text(change.to), limit.quantity.text(change.limit)
            changes.append(f"{limit.quantity.label} {tidy(change.operator)} {to} instead of {now}{size}")
    return f"{nearest.model} would pass with {listing(changes)}"


def author_sentence(decision: Decision, said: str) -> str:
    """What the author's front matter recommends, beside the choice of the rule."""
    named = names_in(said, [one.model for one in decision.found.candidates])
    choice = decision.found.choice
    if not named:
        return f"The author recommends: “{said[:300]}”. It names none of the configurations."
    if named == [choice]:
        return f"The author recommends {choice}, as the rule does."
    if choice in named:
        return f"The author's recommendation names {listing(named)}; the rule chooses {choice}."
    states = {True: "keeps every limit", False: "misses a limit", "unknown": "has a figure missing"}
    one = decision.found.assessment(named[0])
    return (
        f"The author recommends {listing(named)}, the rule chooses {choice or 'no run'}: {named[0]} "
        f"{states[one.passes]}. The text has to say why."
    )


def names_in(text: str, names: Sequence[str]) -> list[str]:
    """Names that a text mentions, however it writes the space between their words; longer names first."""
    plain = f" {_plain(text)} "
    found = []
    for name in sorted(names, key=len, reverse=True):
        wanted = f" {_plain(name)} "
        if wanted in plain:
            found.append(name)
            plain = plain.replace(wanted, " … ")
    return [name for name in names if name in found]


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", text.casefold()))
