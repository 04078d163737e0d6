"""The page: one frame, a tab a module."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from .endpoints import add_endpoints
from .home import Home
from .lib import gr
from .pages import page
from .wiring import panel

TABS = (
    ("explore", "Explore"),
    ("desk", "Decide"),
    ("classify", "Classify"),
    ("draft", "Draft"),
    ("run", "Run"),
    ("grade", "Grade"),
)
"""Modules of `tabs` in the order they are shown, with the words on the tab; the first one opens."""
PUBLIC = frozenset({"recommend", "rescue", "compare", "classify"})
"""Endpoints others may call; every other event is private."""


def build_blocks(home: Home) -> gr.Blocks:
    """The app's page. Events are private unless their name is in PUBLIC."""
    with gr.Blocks(
        title="reportgen: what may your classifier claim?",
        analytics_enabled=False,
        delete_cache=(min(600, home.settings.keep_s), home.settings.keep_s),
        fill_width=True,
    ) as blocks:
        panel(page("masthead.html"))
        with gr.Tabs(elem_id="tabs"):
            for name, title in TABS:
                if name == "grade" and not home.settings.shows_grading:
                    continue
                with gr.Tab(title, id=name, elem_id=f"tab-{name}"):
                    importlib.import_module(f"{__package__}.tabs.{name}").build(home, blocks)
        panel(page("colophon.html"))
        add_endpoints(home)
        blocks.unload(_forget(home))
    for event in blocks.fns.values():
        if event.api_name not in PUBLIC:
            event.api_visibility = "private"
    blocks.queue(max_size=home.settings.waiting, default_concurrency_limit=2)
    return blocks


def _forget(home: Home) -> Callable[[gr.Request], None]:
    def forget(request: gr.Request) -> None:
        home.sessions.forget(request.session_hash)

    return forget
