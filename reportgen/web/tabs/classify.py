"""Classify: a text box and what the models make of it."""

from __future__ import annotations

from functools import partial

from .. import classify
from ..home import Home
from ..lib import gr
from ..pages import page
from ..wiring import QUICK, panel, polite


def build(home: Home, blocks: gr.Blocks) -> None:
    """A complaint, the answers side by side, and the model's own record."""
    panel(
        page(
            "heading.html",
            title="What would the models say?",
            text="Complaints about financial companies, another task than the memos’. Pick one or write one: it is "
            "read by the models on this server and kept nowhere.",
        )
    )
    pick = gr.Radio(
        list(classify.SAMPLES),
        value=classify.SAMPLES[0],
        label="Pick a complaint",
        elem_id="classify-pick",
        elem_classes="rg-samples",
    )
    text = gr.Textbox(
        classify.SAMPLES[0],
        label="The complaint",
        lines=4,
        max_length=classify.MOST_CHARACTERS,
        elem_id="classify-text",
    )
    answers = panel(elem_id="classify-answers")
    panel(classify.about_view(home.models))
    show = polite(partial(classify.classify_view, home.models))
    pick.input(lambda sample: sample, pick, text, **QUICK)
    gr.on([blocks.load, text.change], show, text, answers, **QUICK)
