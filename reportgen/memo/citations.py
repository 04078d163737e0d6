"""Numbers the author cites: `[@run.metric]` becomes the measured figure, linked to the item it comes from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from reportgen.evidence.model import Value, WeekEvidence
from reportgen.evidence.numbers import show_interval, show_value

from .environment import dom_id, machine

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_inline import StateInline

_CITATION = re.compile(r"\[@([a-z0-9][a-z0-9._-]*)\.([A-Za-z0-9_.]+)\]")
_DATA_FILES = frozenset({"labels.json", "rows.parquet", "audit.json"})


@dataclass(frozen=True)
class Cited:
    """A value and the element that shows where it comes from."""

    value: Value
    anchor: str


def index(evidence: WeekEvidence) -> Mapping[str, Cited]:
    """Everything that can be cited.

    `run.metric` is a run's value, `run.delta_metric` its difference to the baseline, `data.metric` a fact about data.
    """
    found: dict[str, Cited] = {}
    for value, anchor in _values(evidence):
        names = [f"{value.run}.{'delta_' if value.baseline else ''}{value.metric}"]
        if value.field in _DATA_FILES:
            names.append(f"data.{value.metric}")
        for name in names:
            found.setdefault(name, Cited(value, anchor))
    return found


def _values(evidence: WeekEvidence) -> Iterator[tuple[Value, str]]:
    """Items first, so that a citation leads to an item where one holds the value."""
    for section in evidence.sections:
        for item in section.items:
            yield from ((value, dom_id(item.id)) for value in item.values)
    for section in evidence.sections:
        for table in section.tables:
            cells = (cell for row in table.rows for cell in row.values() if isinstance(cell, Value))
            # A class's F1 has the same name for every class: none of them is the run's.
            yield from ((cell, table.id) for cell in cells if cell.metric != "f1")


def near(unknown: Iterable[str], known: Mapping[str, Cited]) -> str:
    """What unknown names may have meant, for a terminal; empty where nothing is like them."""
    from difflib import get_close_matches

    meant = [match for name in dict.fromkeys(unknown) for match in get_close_matches(name, known, n=1, cutoff=0.7)]
    return f"; perhaps {', '.join(f'[@{name}]' for name in dict.fromkeys(meant))}" if meant else ""


def install(markdown: MarkdownIt, known: Mapping[str, Cited], unknown: list[str]) -> None:
    """Teach a parser citations; names that nothing measures are appended to `unknown`."""

    def parse(state: StateInline, silent: bool) -> bool:
        match = _CITATION.match(state.src, state.pos)
        if match is None:
            return False
        if not silent:
            token = state.push("citation", "", 0)
            token.content = f"{match[1]}.{match[2]}"
        state.pos = match.end()
        return True

    def render(_self: Any, tokens: Any, at: int, _options: Any, _env: Any) -> str:
        name = tokens[at].content
        cited = known.get(name)
        if cited is None:
            unknown.append(name)
            return f"<mark>[@{escape(name)}]</mark>"
        return _link(cited)

    markdown.inline.ruler.before("link", "citation", parse)
    markdown.add_render_rule("citation", render)


def _link(cited: Cited) -> str:
    value = cited.value
    about = [part for part in (value.run, value.split, f"n = {value.n:,}" if value.n else None) if part]
    if value.interval:
        about.append(f"95 % {show_interval(value.interval, value.unit, signed=value.baseline is not None)}")
    names = {"metric": value.metric, "run": value.run, "baseline": value.baseline, "split": value.split}
    data = "".join(f' data-{key}="{escape(str(said))}"' for key, said in names.items() if said)
    return (
        f'<a class="cite" href="#{escape(cited.anchor)}" title="{escape(", ".join(about))}">'
        f'<data value="{escape(machine(value.value))}"{data}>{escape(show_value(value))}</data></a>'
    )
