"""The memo's machine-readable twins, JSON and Markdown, from the same evidence object as the page."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from reportgen.evidence.model import Column, Item, Scalar, Table, Value
from reportgen.evidence.numbers import show, show_interval, show_value
from reportgen.evidence.predicted import UNWRITTEN
from reportgen.evidence.wording import metric_name

from .authored import Note, authored
from .prose import DISCLOSED, FRONT_MATTER, Prose
from .text import visible

if TYPE_CHECKING:
    from reportgen.evidence import WeekEvidence

SCHEMA = "reportgen/evidence/1"
_SPECIAL = re.compile(r"([\\`*_\[\]<>|#])")


def to_json(evidence: WeekEvidence, prose: Prose | None = None) -> str:
    """The evidence and the author's text as one JSON document; unknown numbers are null.

    Predictions stay in the record and the bundles. An item with lines of the author's has `said`, a list of field, run
    (null for the section as a whole) and text; one with a sample of rows has `tags`.
    """
    made = authored(evidence, prose or Prose({}))
    document = {"schema": SCHEMA, **asdict(replace(made.evidence, scored=()))}
    for item in (item for section in document["sections"] for item in section["items"]):
        item |= made.said.get(item["id"], {})
    document["prose"] = dict(prose.sections) if prose else {}
    return json.dumps(document, ensure_ascii=False, indent=1, default=_plain) + "\n"


def to_markdown(evidence: WeekEvidence, prose: Prose | None = None) -> str:
    """The memo as Markdown: evidence, tables in full, figures as what they show, and the author's text."""
    text = prose or Prose({})
    made = authored(evidence, text)
    author = text.front.get("author", "not stated")
    lines = [f"# {_safe(evidence.title)}", ""]
    kind = " (synthetic)" if evidence.synthetic else ""
    lines += [f"{_safe(evidence.course)}, week {evidence.week}. Author: {_safe(author)}. "]
    lines[-1] += f"Data: {_safe(evidence.dataset)}{kind}. Scored on {evidence.split or 'no rows: figures as stated'}."
    lines += ["", *(f"> {_safe(notice)}" for notice in evidence.notices)]
    if text.opening:
        lines += ["", visible(text.opening)]
    for section in made.evidence.sections:
        lines += ["", f"## {section.number}. {_safe(section.title)} ({section.points} points)", ""]
        lines += [line for item in section.items for line in _item(item, made.notes[item.id])]
        lines += [f"\nFigure `{figure.id}`: {_safe(figure.finding)}" for figure in section.figures]
        for table in section.tables:
            lines += ["", *_table(table)]
        lines += ["", "### Reasoning", ""]
        lines += [visible(text.sections[section.id])] if section.id in text.sections else _prompts(section.reasoning)
    lines += ["", "## Disclosure", "", *(f"- {_safe(name)}: {_safe(fact)}" for name, fact in evidence.disclosure)]
    lines += [f"- {FRONT_MATTER[key]}: {_safe(text.front.get(key, 'not stated by the author'))}" for key in DISCLOSED]
    lines += ["", *(f"- `{run.run_id}` {run.root}" for run in evidence.runs)]
    return "\n".join(lines) + "\n"


def _item(item: Item, notes: list[Note]) -> list[str]:
    said = [f"  - {_safe(note.name)}: {_safe(f'{note.said or UNWRITTEN} {note.unknown}')}" for note in notes]
    head = f"- **{_safe(item.label)}** (`{item.id}`"
    if item.missing:
        command = visible(" ".join(item.missing.split())).replace("`", "'")
        why = f"{_safe(item.sentence)} " if item.sentence else ""
        return [f"{head}): not measured. {why}Run `{command}`", *said]
    lines = [f"{head}, {item.verification}{', ' + item.verdict if item.verdict else ''}): {_safe(item.sentence)}"]
    lines += [f"  - {_safe(_value(value))}" for value in item.values]
    return [*lines, *(f"  - Note: {_safe(caveat)}" for caveat in item.caveats), *said]


def _value(value: Value) -> str:
    run = f"{value.run} − {value.baseline}" if value.baseline else value.run
    parts = [
        f"{metric_name(value.metric)} {_cell(value, None)}",
        run,
        value.split,
        f"n = {value.n:,}" if value.n else None,
    ]
    return ", ".join(part for part in parts if part)


def _cell(content: Scalar | Value, column: Column | None) -> str:
    if column is not None and column.author is not None:
        return str(content or column.author)
    if not isinstance(content, Value):
        return show(content, column.unit if column else "text")
    span = (
        show_interval(content.interval, content.unit, signed=content.baseline is not None) if content.interval else ""
    )
    return f"{show_value(content)} {span}".strip()


def _table(table: Table) -> list[str]:
    rows = [[_safe(_cell(row[column.key], column)) for column in table.columns] for row in table.rows]
    heads = [_safe(column.label) for column in table.columns]
    return [
        f"*{_safe(table.caption)}*",
        "",
        *("| " + " | ".join(cells) + " |" for cells in (heads, ["---"] * len(heads), *rows)),
    ]


def _prompts(reasoning: Any) -> list[str]:
    return [f"> {_safe(question.prompt)}" for question in reasoning] + ["", "Not written yet."]


def _safe(text: str) -> str:
    """One line in which names cannot become markup."""
    return _SPECIAL.sub(r"\\\1", visible(" ".join(text.split())))


def _plain(value: Any) -> Any:
    """NumPy scalars as Python's own."""
    return value.item()
