"""What the author's text adds to evidence: predictions beside their results, tags beside their rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from reportgen.evidence.numbers import listing, plural
from reportgen.evidence.predicted import field_key

from .fields import Line, field_lines, fields
from .tags import BLOCK, COLUMN, Tags, read_tags, sampled, shortened

if TYPE_CHECKING:
    from reportgen.evidence import WeekEvidence
    from reportgen.evidence.model import Item, Table

    from .prose import Prose

_NAMED = 10
"""Names said at most in a line."""


@dataclass(frozen=True)
class Note:
    """A line below an item: what the author said there, or else how to say it."""

    name: str
    said: str = ""
    filled: bool = False
    how: str = ""
    write: str = ""
    """What `how` asks to write."""
    unknown: str = ""
    """What was said about runs or rows that are not here."""


@dataclass
class Authored:
    """Evidence with the author's words in it, and what is left of the text once they stand there."""

    evidence: WeekEvidence
    notes: dict[str, list[Note]] = field(default_factory=dict)
    """By item."""
    said: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By item, for a program to read."""
    sections: dict[str, str] = field(default_factory=dict)
    """The author's text without the lines shown in tables, and without the empty ones."""

    @property
    def unknown(self) -> list[str]:
        """What was said about runs or rows that are not here."""
        return [note.unknown for notes in self.notes.values() for note in notes if note.unknown]


def authored(evidence: WeekEvidence, prose: Prose, cell: Callable[[str], str] = str) -> Authored:
    """Put what the author wrote about single runs and rows where these stand.

    Args:
        evidence: what was measured.
        prose: the author's text.
        cell: makes a cell of a field's Markdown.
    """
    sample = any(sampled(table) for section in evidence.sections for table in section.tables)
    blocks = {name: list(_blocks(text)) for name, text in prose.sections.items()}
    tags = [tag for found in blocks.values() for _, tag in found]
    made = Authored(evidence)
    sections = []
    for section in evidence.sections:
        text = prose.sections.get(section.id, "")
        drop = [place for place, tag in blocks.get(section.id, ()) if sample or not tag]
        tables = {table.id: table for table in section.tables}
        for item in section.items:
            lines = field_lines(item.fields, text)
            notes = _notes(item, lines, text)
            known: dict[str, Any] = {"said": _entries(item, lines)} if item.fields else {}
            drop += [line.place for line in lines if not line.said or len(line.runs) == len(_about(item, line)) > 0]
            for table in (tables[name] for name in item.exhibits if name in tables):
                if item.about:
                    tables[table.id] = _with_lines(table, item, lines, cell)
                if sampled(table):
                    given = read_tags(tags, table)
                    tables[table.id] = _with_tags(table, given)
                    notes += _tagged(given, table)
                    known["tags"] = given.to_json()
            made.notes[item.id] = notes
            made.said |= {item.id: known} if known else {}
        if left := _without(text, drop):
            made.sections[section.id] = left
        sections.append(replace(section, tables=tuple(tables.values())))
    made.evidence = replace(evidence, sections=tuple(sections))
    return made


def _about(item: Item, line: Line) -> tuple[str, ...]:
    """The runs of a line that the item asks about, spelt as they are called."""
    names = {run.casefold(): run for run in item.about}
    return tuple(names[run.casefold()] for run in line.runs if run.casefold() in names)


def _notes(item: Item, lines: list[Line], text: str) -> list[Note]:
    if not item.about:
        return [_plain(one.name, one.said) for one in fields(item.fields, text)]
    return [_per_run(item, name, [line for line in lines if line.name == name and line.said]) for name in item.fields]


def _plain(name: str, said: tuple[str, ...]) -> Note:
    if said:
        return Note(name, "; ".join(part.rstrip(".") for part in said), filled=True)
    return Note(name, how="not written: add a line to your text that starts with", write=f"**{name}:**")


def _per_run(item: Item, name: str, lines: list[Line]) -> Note:
    """For how many runs a field is written, which have none, and what was said of the section as a whole."""
    known = {run for line in lines for run in _about(item, line)}
    missing = [run for run in item.about if run not in known]
    others = [
        run for line in lines for run in line.runs if run.casefold() not in {one.casefold() for one in item.about}
    ]
    parts = [f"written for {len(known)} of {plural(len(item.about), 'run')}"] if known else []
    if missing:
        parts.append(f"no {'answer' if name.endswith('?') else name.casefold()} for: {', '.join(missing)}")
    parts += [f"for the section as a whole: {shortened(line.said, 300).rstrip('.')}" for line in lines if not line.runs]
    strangers = listing([shortened(run) for run in dict.fromkeys(others)], _NAMED)
    return Note(
        name,
        "; ".join(parts),
        filled=not missing,
        how="Add a line to your text that starts with" if missing else "",
        write=f"**{name} ({missing[0]}):**" if missing else "",
        unknown=f"{name} for {strangers}: no experiment of this memo." if others else "",
    )


def _entries(item: Item, lines: list[Line]) -> list[dict[str, str | None]]:
    return [
        {"field": line.name, "run": run, "text": line.said}
        for line in lines
        if line.said
        for run in (_about(item, line) or (line.about or None,))
    ]


def _with_lines(table: Table, item: Item, lines: list[Line], cell: Callable[[str], str]) -> Table:
    """The table with each run's lines in the columns named after their fields."""
    columns = {field_key(name): name for name in item.fields}
    written = [column.key for column in table.columns if column.author is not None and column.key in columns]
    said: dict[tuple[str, str], list[str]] = defaultdict(list)
    for line in lines:
        for run in _about(item, line) if line.said else ():
            said[run, field_key(line.name)].append(line.said)
    rows = [
        {
            **row,
            **{key: cell("\n\n".join(parts)) for key in written if (parts := said.get((str(row.get("run")), key)))},
        }
        for row in table.rows
    ]
    return replace(table, rows=tuple(rows)) if written else table


def _with_tags(table: Table, tags: Tags) -> Table:
    return replace(table, rows=tuple({**row, COLUMN: tags.given.get(str(row["row"]), "")} for row in table.rows))


def _tagged(tags: Tags, table: Table) -> list[Note]:
    strangers = listing([shortened(row) for row in tags.unknown], _NAMED)
    unknown = f"Tagged, but no row of the sample: {strangers}." if tags.unknown else ""
    if tags.given:
        said = f"{len(tags.given)} of the {tags.shown} rows shown are tagged"
        directions = [Note(f"Only {count.right} right", str(count), filled=count.tagged > 0) for count in tags.counts]
        return [Note("Tags", said, filled=True, unknown=unknown), *directions]
    how = f"none given: open a block with ```{BLOCK} in your text, and in it write a line a row, such as"
    return [Note("Tags", how=how, write=f"{table.rows[0]['row']}: label overlap", unknown=unknown)]


def _blocks(text: str) -> Iterator[tuple[range, str]]:
    """Blocks of tags: the lines they take and what is in them."""
    from markdown_it import MarkdownIt

    if BLOCK not in text:
        return
    for token in MarkdownIt("commonmark").parse(text):
        if token.type == "fence" and token.map and token.info.split()[:1] == [BLOCK]:
            yield range(*token.map), token.content.strip()


def _without(text: str, places: list[range]) -> str:
    gone = {at for place in places for at in place}
    return "\n".join(line for at, line in enumerate(text.split("\n")) if at not in gone).strip() if gone else text
