"""The decision desk: every move of a slider answers at once."""

from __future__ import annotations

from functools import partial

from .. import desk
from ..home import Home
from ..lib import gr
from ..pages import page
from ..wiring import QUICK, panel, polite


def build(home: Home, blocks: gr.Blocks) -> None:
    """Controls beside the answer."""
    first = desk.Wishes()
    panel(
        page(
            "heading.html",
            title="Which model would you deploy?",
            text="Set what your deployment must keep. The choice, what binds it, what it costs and what would flip it "
            "follow at once.",
        )
    )
    with gr.Row(elem_classes="rg-desk"):
        with gr.Column(elem_classes="rg-desk-controls"):
            start = gr.Dropdown(
                list(desk.PRESETS), value=next(iter(desk.PRESETS)), label="Start from", elem_id="desk-start"
            )
            source = gr.Dropdown(
                [(words, name) for name, words in desk.SOURCES.items()],
                value=first.source,
                label="Candidates",
                elem_id="desk-source",
            )
            mode = gr.Radio(
                [(words, name) for name, words in desk.MODES.items()],
                value=first.mode,
                label="Examples come",
                elem_id="desk-mode",
            )
            wish = gr.Radio(
                [(words, name) for name, words in desk.WISHES.items()],
                value=first.wish,
                label="You want",
                elem_id="desk-wish",
            )
            latency = gr.Slider(
                0.1,
                desk.NO_LIMIT_MS,
                first.max_latency_ms,
                step=0.1,
                label="Latency, at most (ms)",
                info="p90 an example; 100 is no limit",
                elem_id="desk-latency",
                buttons=[],
            )
            floor = gr.Slider(
                0,
                0.7,
                first.min_macro_f1,
                step=0.005,
                label="Macro F1, at least",
                info="0 is no floor",
                elem_id="desk-floor",
                buttons=[],
            )
            ece = gr.Slider(
                0.005,
                desk.NO_LIMIT_ECE,
                first.max_ece,
                step=0.005,
                label="Calibration error, at most",
                info="ECE after temperature scaling; 0.3 is no limit",
                elem_id="desk-ece",
                buttons=[],
            )
            volume = gr.Slider(
                10_000,
                10_000_000,
                first.monthly_volume,
                step=10_000,
                label="Examples a month",
                elem_id="desk-volume",
                buttons=[],
            )
            gpu_hour = gr.Slider(
                0, 5, first.gpu_hour, step=0.01, label="A GPU hour (USD)", elem_id="desk-gpu-hour", buttons=[]
            )
            cpu_hour = gr.Slider(
                0, 1, first.cpu_hour, step=0.01, label="A CPU hour (USD)", elem_id="desk-cpu-hour", buttons=[]
            )
            gpu = gr.Checkbox(first.gpu, label="There may be a GPU", elem_id="desk-gpu")
        with gr.Column(elem_classes="rg-desk-answer"):
            answer = panel(page("waiting.html", text="Deciding …"), elem_id="decision")
    moved = [source, mode, wish, latency, floor, ece, volume, gpu_hour, cpu_hour, gpu]
    show = polite(partial(desk.decision_view, home.examples))
    gr.on([blocks.load, *(part.change for part in moved)], show, moved, answer, **QUICK)
    start.input(polite(desk.preset), [start, source], moved[1:], **QUICK)
