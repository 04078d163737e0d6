"""HTML the tabs show: autoescaped templates of ours, and memos behind a frame that runs nothing."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from reportgen.errors import ReportgenError, one_line
from reportgen.evidence.numbers import show
from reportgen.memo.text import visible

from .wording import said

_HERE = Path(__file__).parent
_GAPS = re.compile(r">\s+<")


@cache
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    env = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        auto_reload=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
    env.filters["show"] = show
    env.filters["breakable"] = _breakable
    return env


def page(template: str, **values: Any) -> str:
    """A template of this package, rendered; values are escaped and characters that reorder text removed."""
    return str(_environment().get_template(template).render(**values))


def _breakable(name: str) -> Markup:
    """A label that may break after its underscores; elsewhere the browser would cut words."""
    return Markup("_<wbr>").join(visible(part) for part in name.split("_"))


def memo_frame(html: str, title: str) -> str:
    """A memo, anybody's, in a frame in which no script runs and which can reach neither the app nor the network."""
    return str(
        Markup(
            '<iframe class="memo-frame" title="{title}" sandbox="" referrerpolicy="no-referrer" '
            'srcdoc="{html}"></iframe>'
        ).format(title=title, html=escape(html))
    )


def notice(error: ReportgenError) -> str:
    """One line that says what went wrong, for the place the result would have been."""
    return str(Markup('<p class="rg-notice" role="alert">{}</p>').format(one_line(said(error), 500)))
