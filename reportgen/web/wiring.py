"""Between gradio's events and plain handlers."""

from __future__ import annotations

import functools
import html
from collections.abc import Callable
from typing import Any

from reportgen.errors import ReportgenError

from .lib import gr
from .wording import said

QUICK: dict[str, Any] = {
    "queue": False,
    "show_progress": "hidden",
    "trigger_mode": "always_last",
    "api_visibility": "private",
}
"""Options of an event whose handler answers in milliseconds: it does not wait in the queue, and of a slider's moves
the last one counts."""
SLOW: dict[str, Any] = {"show_progress": "minimal", "trigger_mode": "once", "api_visibility": "private"}
"""Options of an event that works for a while: queued, one at a time a visitor; it may take gr.Progress and be
cancelled. Add a concurrency_id to share a limit."""


def polite(handler: Callable[..., Any]) -> Callable[..., Any]:
    """The handler, with errors a visitor can act on shown as one line; all others stay in the server's log."""

    @functools.wraps(handler)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return handler(*args, **kwargs)
        except ReportgenError as error:
            # Gradio renders the message as HTML.
            raise gr.Error(html.escape(said(error)), duration=12, print_exception=False) from None

    return call


def panel(html: str = "", **options: Any) -> gr.HTML:
    """A place for HTML of ours: made by `pages.page`, which escapes, never a string from outside."""
    return gr.HTML(html, js_on_load=None, apply_default_css=False, **options)
