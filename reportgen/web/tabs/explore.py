"""Explore: controls and where their results go."""

from __future__ import annotations

from functools import partial

from .. import explore
from ..examples import SPLITS
from ..home import Home
from ..lib import gr
from ..pages import page
from ..wiring import QUICK, panel, polite


def build(home: Home, blocks: gr.Blocks) -> None:
    """Memos first, then the rare classes, then run against run."""
    examples = home.examples
    weeks = [(f"Week {week}: {examples.titles[week]}", week) for week in examples.weeks]
    panel(
        page(
            "heading.html",
            title="Read a memo",
            text="Each answers one week of a course on text classification. Choose a week.",
        )
    )
    week = gr.Radio(weeks, value=weeks[0][1], label="Week", elem_id="week", elem_classes="rg-weeks", container=False)
    memo = panel(page("waiting.html", text="Reading the memo …"), elem_id="memo")

    panel(
        page(
            "heading.html",
            title="Which rare classes came back?",
            text="A class that a model never gets right scores zero. See which ones another model brings back, and "
            "which it loses.",
        )
    )
    baseline, candidate = explore.FIRST
    splits = [(explore.SPLIT_WORDS[split].capitalize(), split) for split in SPLITS]
    with gr.Row(elem_classes="rg-controls"):
        before = gr.Dropdown(examples.choices, value=baseline, label="Baseline", elem_id="rescue-baseline")
        after = gr.Dropdown(examples.choices, value=candidate, label="Candidate", elem_id="rescue-candidate")
        split = gr.Dropdown(splits, value=SPLITS[0], label="Rows", elem_id="rescue-split")
        order = gr.Dropdown(
            list(explore.ORDERS), value=next(iter(explore.ORDERS)), label="Order", elem_id="rescue-order"
        )
        only = gr.Dropdown(
            list(explore.FILTERS), value=next(iter(explore.FILTERS)), label="Show", elem_id="rescue-only"
        )
        search = gr.Textbox(label="Find a class", placeholder="card", max_length=100, elem_id="rescue-search")
    rescue = panel(page("waiting.html", text="Counting …"), elem_id="rescue")

    panel(
        page(
            "heading.html",
            title="One model against another",
            text="The same rows, answered by both: what differs, and whether the data can tell.",
        )
    )
    with gr.Row(elem_classes="rg-controls"):
        a = gr.Dropdown(examples.choices, value=baseline, label="From", elem_id="compare-a")
        b = gr.Dropdown(examples.choices, value=candidate, label="To", elem_id="compare-b")
        on = gr.Dropdown(splits, value=SPLITS[0], label="Rows", elem_id="compare-split")
    comparison = panel(page("waiting.html", text="Comparing …"), elem_id="comparison")

    show_memo = polite(partial(explore.memo_view, examples))
    show_rescue = polite(partial(explore.rescue_view, examples))
    show_comparison = polite(partial(explore.compare_view, examples))
    chosen, pair = [before, after, split, order, only, search], [a, b, on]
    gr.on([blocks.load, week.change], show_memo, week, memo, **QUICK)
    gr.on([blocks.load, *(part.change for part in chosen)], show_rescue, chosen, rescue, **QUICK)
    gr.on([blocks.load, *(part.change for part in pair)], show_comparison, pair, comparison, **QUICK)
