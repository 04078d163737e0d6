"""Moodle's offline grading worksheet: two columns are filled, every other byte stays what it was.

Formats and import rules: moodle/moodle, mod/assign/feedback/offline (`importgradeslib.php`, `locallib.php`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from reportgen.errors import InputError, one_line

IDENTIFIER, GRADE, FEEDBACK = "identifier", "grade", "feedback comments"
_NEEDED = (IDENTIFIER, GRADE, "last modified (grade)")
_GROUPS = ("group", "team", "groups", "teams")
_BOM = b"\xef\xbb\xbf"
_REMEDY = "download the worksheet again (Grading action, Download grading worksheet), with the site in English"
_DATES = (
    "%A, %d %B %Y, %I:%M %p",
    "%A, %d %B %Y, %H:%M",
    "%A, %B %d, %Y, %I:%M %p",
    "%d %B %Y, %I:%M %p",
    "%d %B %Y, %H:%M",
    "%d/%m/%Y, %H:%M",
    "%d/%m/%y, %H:%M",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M:%S",
)


@dataclass(frozen=True)
class Field:
    """A field: its value, and where its raw text (quotes and all) stands."""

    value: str
    start: int
    end: int


@dataclass(frozen=True)
class Row:
    """A participant's row."""

    cells: Mapping[str, Field]
    number: str | None
    """The digits at the end of the identifier; the words before them are the site's."""

    def text(self, column: str) -> str:
        """A cell's text, empty where the worksheet has no such column."""
        field = self.cells.get(column)
        return field.value.strip() if field else ""

    @property
    def name(self) -> str:
        """Full name, or the identifier where the marking is anonymous."""
        return self.text("full name") or self.text(IDENTIFIER)

    @property
    def locked(self) -> bool:
        """Whether Moodle would refuse a grade."""
        return self.text("grade can be changed").casefold() == "no"

    @property
    def submitted(self) -> datetime | None:
        """When the submission was last changed, on the site's clock; None if never, or in a form not known here."""
        return parse_date(self.text("last modified (submission)"))


@dataclass(frozen=True)
class Worksheet:
    """A worksheet as text, and where its fields are."""

    name: str
    text: str
    codec: str
    bom: bool
    rows: tuple[Row, ...]
    columns: tuple[str, ...]

    @property
    def scale(self) -> bool:
        """Whether grades are words of a scale: then none is suggested."""
        return "scale" in self.columns

    @property
    def group_column(self) -> str | None:
        """The column that names a team, if there is one."""
        return next((name for name in self.columns if name in _GROUPS), None)

    @property
    def teams(self) -> bool:
        """Whether the assignment is handed in by teams for certain."""
        return "team status" in self.columns

    def filled(self, entries: Mapping[int, tuple[str | None, str | None]]) -> bytes:
        """The same bytes with grade and feedback of some rows replaced.

        Args:
            entries: row number to grade and feedback; None leaves the cell as it is. Both plain ASCII.
        """
        changes = []
        for number, texts in entries.items():
            for column, text in zip((GRADE, FEEDBACK), texts, strict=True):
                field = self.rows[number].cells.get(column)
                if field is not None and text is not None and text != field.value:
                    changes.append((field, _quoted(text)))
        parts, at = [], 0
        for field, raw in sorted(changes, key=lambda change: change[0].start):
            parts += [self.text[at : field.start], raw]
            at = field.end
        return (_BOM if self.bom else b"") + ("".join(parts) + self.text[at:]).encode(self.codec)


def read_worksheet(path: str | Path) -> Worksheet:
    """Read a worksheet.

    Raises:
        InputError: no worksheet: the columns Moodle needs are not there, or a row does not fit the header.
    """
    target = Path(path)
    try:
        data = target.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=target, remedy=_REMEDY) from None
    return parse_worksheet(data, target.name)


def parse_worksheet(data: bytes, name: str = "worksheet") -> Worksheet:
    """Parse a worksheet's bytes; see `read_worksheet`."""
    bom = data.startswith(_BOM)
    body = data[len(_BOM) :] if bom else data
    try:
        text, codec = body.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        # One byte a character: whatever it is, it comes back as it was.
        text, codec = body.decode("latin-1"), "latin-1"
    if "\0" in text:
        raise InputError("not a CSV in UTF-8", where=name, remedy=_REMEDY)
    separator = max(",;\t", key=text.partition("\n")[0].count)
    records = _records(text, separator, name)
    header = tuple(field.value.strip().casefold() for field in records[0]) if records else ()
    if lacking := [column for column in _NEEDED if column not in header]:
        raise InputError(f"no column {lacking[0].capitalize()!r}", where=name, remedy=_REMEDY)
    if len(set(header)) != len(header):
        raise InputError("two columns have the same name", where=name, remedy=_REMEDY)
    rows = []
    for number, record in enumerate(records[1:], start=2):
        if len(record) == 1 and not record[0].value:
            continue
        if len(record) != len(header):
            what = f"record {number} has {len(record)} fields, the header {len(header)}"
            raise InputError(what, where=name, remedy=_REMEDY)
        cells = dict(zip(header, record, strict=True))
        digits = re.search(r"(\d+)\s*$", cells[IDENTIFIER].value)
        rows.append(Row(cells, digits[1] if digits else None))
    numbers = [row.number for row in rows if row.number]
    if len(set(numbers)) != len(numbers):
        raise InputError("a participant stands in it twice", where=name, remedy=_REMEDY)
    return Worksheet(name, text, codec, bom, tuple(rows), header)


def _records(text: str, separator: str, name: str) -> list[list[Field]]:
    """Fields with their places; the csv module forgets where they stood and how they were quoted."""
    field = re.compile(rf'"((?:[^"]|"")*)"|([^{separator}\r\n"][^{separator}\r\n]*|)')
    records: list[list[Field]] = []
    record: list[Field] = []
    at = 0
    while at < len(text) or record:
        match = field.match(text, at)
        if match is None or ((at := match.end()) < len(text) and text[at] not in (separator, "\r", "\n")):
            raise InputError(f"record {len(records) + 1} is quoted wrongly", where=name, remedy=_REMEDY)
        value = match[2] if match[1] is None else match[1].replace('""', '"')
        record.append(Field(value, match.start(), match.end()))
        if at < len(text) and text[at] == separator:
            at += 1
            continue
        records.append(record)
        record = []
        at += 2 if text.startswith("\r\n", at) else 1
    return records


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if re.search(r'[\s,;"\\]', text) else text


def parse_date(text: str) -> datetime | None:
    """A date as Moodle's English sites write it, or ISO; None where it is neither. On the site's own clock."""
    said = one_line(text).replace("\u202f", " ")
    for form in _DATES:
        try:
            return datetime.strptime(said, form)  # noqa: DTZ007 - the worksheet names no zone
        except ValueError:
            continue
    return None
