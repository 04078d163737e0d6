"""The decision desk without its controls: every shipped scenario, its limits, the choice and what would flip it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from models.demo import bundle
from reportgen.bundle import read_bundle
from reportgen.decide import candidates_for, load_scenario, recommend, scenario_names
from reportgen.evidence.decision import Decision, choice_sentence, relax_sentence, tidy
from reportgen.evidence.flipping import flip_sentence, flips_figure
from reportgen.evidence.model import Column, Interval, Table, Value
from reportgen.evidence.numbers import listing
from reportgen.memo.exhibits_page import Part, write_exhibits
from reportgen.memo.index_page import Page

if TYPE_CHECKING:
    from reportgen.decide import Assessment, Candidate

SPLIT = "val"
CANDIDATES = (
    *("tfidf", "embed", "rescue", "rescue-finetuned", "encoder-lora", "decoder-lora"),
    *("encoder-fp16", "encoder-int8", "encoder-int4", "encoder-onnx-fp32", "encoder-onnx-int8"),
    *("decoder-fp16", "decoder-int8", "decoder-int4", "vanilla", "distilled", "grid-t4-a90"),
)
_PASSES = {True: "yes", False: "no", "unknown": "not known"}


def write_desk(out: Path) -> Page:
    """Write the page and say where it is."""
    runs = [read_bundle(bundle(name)) for name in CANDIDATES]
    scenarios = [load_scenario(name) for name in scenario_names()]
    every = {metric for scenario in scenarios for metric in scenario.metrics} | {"macro_f1"}
    parts = []
    for scenario in scenarios:
        found = candidates_for(runs, scenario, SPLIT, besides=every)
        parts.append(_part(Decision(recommend(found, scenario), {}), {one.model: one for one in found}))
    page = write_exhibits(
        out / "decisions.html",
        f"reportgen demo · Banking77-LT · {SPLIT}",
        "Which model, for whom, and until when",
        f"{len(CANDIDATES)} runs under {len(parts)} deployments. The rule: limits first, then the primary metric; what "
        "the rows do not tell apart is tied. A figure nobody measured is unknown, never assumed.",
        parts,
        "The app's desk moves the same limits by hand. Latencies were measured on the machines the bundles name (an "
        "NVIDIA H100 or H200; tfidf, rescue and the ONNX runs two CPU threads); prices are assumptions.",
    )
    text = f"{len(parts)} deployments: limits, choice, runner-up, flip points"
    return Page(page.name, "The decision desk", text)


def _part(decision: Decision, candidates: dict[str, Candidate]) -> Part:
    scenario = decision.scenario
    limits = [tidy(margin.text) for margin in decision.found.candidates[0].margins]
    said = [
        f"Limits: {listing(limits)}." if limits else "No limit.",
        f"Decides: {scenario.primary.quantity.label}"
        + (f"; then {scenario.secondary.quantity.label}." if scenario.secondary else "."),
        choice_sentence(decision),
    ]
    if not decision.passing:
        said.append(relax_sentence(decision))
    said.append(flip_sentence(decision))
    figure = flips_figure(decision, f"flips-{scenario.name}")
    return Part(
        scenario.title or scenario.name,
        tuple(said),
        figures=(figure,) if figure else (),
        tables=(_table(decision, candidates),),
    )


def _table(decision: Decision, candidates: dict[str, Candidate]) -> Table:
    found, scenario = decision.found, decision.scenario
    order = {True: 0, "unknown": 1, False: 2}
    sign = -1 if scenario.primary.higher else 1
    ranked = sorted(
        found.candidates,
        key=lambda one: (one.model != found.choice, order[one.passes], sign * (one.primary or 0.0)),
    )
    return Table(
        id=f"desk-{scenario.name}",
        caption=f"Every candidate under {scenario.name}, the choice first. Macro F1 on {SPLIT} with its 95 % interval.",
        columns=(
            Column("model", "Run"),
            Column("macro_f1", "Macro F1", "score"),
            Column("passes", "Keeps the limits"),
            Column("why", "Because", wide=True),
            Column("cost", "Cost a month"),
        ),
        rows=tuple(_row(one, candidates[one.model], found.choice) for one in ranked),
        row_header="model",
        folded_after=6,
    )


def _row(one: Assessment, candidate: Candidate, choice: str | None) -> dict:
    f1 = candidate.metrics.get("macro_f1")
    span = Interval(f1.low, f1.high, "bootstrap") if f1 and f1.low is not None and f1.high is not None else None
    score = Value("macro_f1", f1.value, "score", one.model, None, SPLIT, f1.n, span) if f1 else None
    cost = one.cost
    return {
        "model": f"{one.model} (the choice)" if one.model == choice else one.model,
        "macro_f1": score,
        "passes": _PASSES[one.passes],
        "why": _why(one),
        "cost": f"{cost.per_month:,.2f} {cost.currency}" if cost.per_month is not None else None,
    }


def _why(one: Assessment) -> str | None:
    """What it breaks, else what is not known, else what it does not clear or who is better all round."""
    broken = [f"misses {tidy(margin.text)}" for margin in one.margins if margin.passes is False]
    unknown = [margin.note or f"no record of {margin.missing}" for margin in one.margins if margin.passes == "unknown"]
    unsure = [
        f"its interval does not clear {tidy(margin.text)}"
        for margin in one.margins
        if margin.passes is True and margin.clears is False
    ]
    beaten = [f"dominated by {one.dominated_by}"] if one.dominated_by else []
    return "; ".join(broken or unknown or [*unsure, *beaten]) or None
