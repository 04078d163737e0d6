"""The Jinja environment of every page: autoescaped, strict about names, templates without arithmetic."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from reportgen.evidence.model import Interval, Scalar, Unit, Value
from reportgen.evidence.numbers import show, show_interval, show_value

from .marking import breaking, said
from .text import visible
from .values import value_grid, value_lines, value_origin

if TYPE_CHECKING:
    from jinja2 import Environment

_PACKAGE = Path(__file__).parents[1]

NUMERIC: frozenset[str] = frozenset(
    {"fraction", "score", "count", "seconds", "ms", "bytes", "words", "tokens", "ratio", "number"}
)


def templates() -> Path:
    """The templates: inside the package when installed from a wheel, beside it in a checkout."""
    installed = _PACKAGE / "_templates"
    return installed if installed.is_dir() else _PACKAGE.parent / "templates"


@cache
def environment() -> Environment:
    """The one environment; templates are compiled once a process."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    env = Environment(
        loader=FileSystemLoader(templates()),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    env.filters |= {
        "show": show,
        "show_value": show_value,
        "interval": _interval,
        "origin": value_origin,
        "dom_id": dom_id,
        "machine": machine,
        "first_sentence": lambda text: text.partition(". ")[0].rstrip(".") + ".",
        "lines": value_lines,
        "grid": value_grid,
        "breaking": breaking,
        "said": said,
    }
    env.tests |= {
        "value": lambda cell: isinstance(cell, Value),
        "numeric": lambda unit: unit in NUMERIC,
    }
    env.globals["stylesheet"] = stylesheet()
    return env


@cache
def stylesheet() -> Markup:
    """The stylesheet, ready to be inlined: ours, so it is not escaped."""
    return Markup((templates() / "memo.css").read_text(encoding="utf-8"))  # noqa: S704 - a file of this package


def dom_id(name: str) -> str:
    """An evidence id as a document id: dots would have to be escaped in selectors."""
    return name.replace(".", "-")


def machine(value: Scalar) -> str:
    """A figure for `<data value>`: full precision, readable by programs; empty where it is unknown."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(float(value)) if isinstance(value, float) else str(value)


def _finalize(expression: object) -> object:
    """What every `{{ … }}` goes through: plain strings lose what would reorder or hide text; markup is ours."""
    return visible(expression) if type(expression) is str else expression


def _interval(interval: Interval, unit: Unit, signed: bool = False) -> str:
    return show_interval(interval, unit, signed=signed)
