"""The Jinja environment of every page: autoescaped, strict about names, templates without arithmetic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from reportgen.evidence.model import Interval, Scalar, Unit, Value
from reportgen.evidence.numbers import show, show_interval, show_value
from reportgen.evidence.wording import metric_name

from .text import visible

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


@dataclass(frozen=True)
class Line:
    """One value of an item: what tells it from the item's others, and where it comes from unless said before."""

    what: str
    value: Value
    origin: str


def value_lines(values: Sequence[Value]) -> list[Line]:
    """Values of an item without repetition: named by run where they share the metric, else by metric."""
    origins = [value_origin(value) for value in values]
    if len(values) == 1:
        return [Line("", values[0], origins[0])]
    if len({value.metric for value in values}) == 1:
        rows = [_where(value) for value in values]
        said = [row if row not in rows[:at] else "" for at, row in enumerate(rows)]
        return [Line(value.run or "", value, where) for value, where in zip(values, said, strict=True)]
    said = [origin if origin not in origins[:at] else "" for at, origin in enumerate(origins)]
    return [Line(metric_name(value.metric), value, where) for value, where in zip(values, said, strict=True)]


def value_origin(value: Value) -> str:
    """Run, split and n of a figure, as the page says them."""
    run = f"{value.run} − {value.baseline}" if value.baseline else value.run
    return ", ".join(part for part in (run, _where(value)) if part)


def _where(value: Value) -> str:
    return ", ".join(part for part in (value.split, f"n = {value.n:,}" if value.n else None) if part)


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
