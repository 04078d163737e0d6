"""Named lines in the author's text, `**Prediction:** …`: what the rubric asks to be stated and nothing can measure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_LINE = re.compile(r"[ \t]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?\*\*([^*:\n]{1,200})(?::[ \t]*\*\*|\*\*[ \t]*:)[ \t]*(.*)")
_SEVERAL = re.compile(r",| and | & ")
_AROUND = " \t(),[]`"
_LONGEST = 300


@dataclass(frozen=True)
class Line:
    """A field's name, what its brackets say it is about, what it says, and the lines of the text it stands on."""

    name: str
    about: str
    said: str
    place: range

    @property
    def runs(self) -> tuple[str, ...]:
        """The runs it is about, as written; none where it speaks of the section."""
        names = (part.strip(_AROUND) for part in _SEVERAL.split(self.about.removeprefix("for ")))
        return tuple(dict.fromkeys(name for name in names if name))


@dataclass(frozen=True)
class Field:
    """A field and what was said under its name; several lines may share it: `**Prediction (encoder-bs16):** …`."""

    name: str
    said: tuple[str, ...]


def fields(names: Iterable[str], text: str) -> tuple[Field, ...]:
    """The fields of these names in a section's Markdown; an empty line counts as not written."""
    wanted = tuple(names)
    found = field_lines(wanted, text)
    return tuple(
        Field(name, tuple(_told(line) for line in found if line.said and line.name == name)) for name in wanted
    )


def field_lines(names: Iterable[str], text: str) -> list[Line]:
    """Every line of a section's Markdown that fills one of these fields, empty ones too.

    A line that says something goes on to the end of its paragraph, or to the next field.
    """
    wanted = tuple(names)
    if not wanted or "**" not in text:
        return []
    lines = text.split("\n")
    found = []
    for part in _parts(text, lines):
        match = _LINE.fullmatch(lines[part.start])
        if match is None:
            continue
        place = part if match[2].strip() else range(part.start, part.start + 1)
        said = " ".join(" ".join([match[2], *lines[place.start + 1 : place.stop]]).split())
        for name in wanted:
            about = _about(match[1].strip(), name)
            if about is not None:
                found.append(Line(name, about, said, place))
    return found


def _parts(text: str, lines: list[str]) -> Iterator[range]:
    """Paragraphs, cut where a field begins; code and quotations hold none."""
    from markdown_it import MarkdownIt

    tokens = MarkdownIt("commonmark").parse(text)
    for token in tokens:
        if token.type == "paragraph_open" and token.map:
            first, after = token.map
            starts = [first, *(at for at in range(first + 1, after) if _LINE.fullmatch(lines[at]))]
            yield from (range(*pair) for pair in zip(starts, [*starts[1:], after], strict=True))


def _about(title: str, name: str) -> str | None:
    """What follows the field's name in a title, or None where the title is another's."""
    bare = name.rstrip("?").casefold()
    if not title.casefold().startswith(bare):
        return None
    rest = title[len(bare) :].removeprefix("?")
    return rest.strip(_AROUND) if not rest or rest[0] in " (,[" else None


def _told(line: Line) -> str:
    text = line.said if len(line.said) <= _LONGEST else f"{line.said[: _LONGEST - 1]}…"
    return f"{line.about}: {text}" if line.about else text
