"""Named lines in the author's text, `**Prediction:** …`: what the rubric asks to be stated and nothing can measure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_LINE = re.compile(r"^[ \t]*(?:[-*][ \t]+)?\*\*([^*:\n]{1,80})(?::[ \t]*\*\*|\*\*[ \t]*:)[ \t]*(.*)$", re.MULTILINE)
_LONGEST = 300


@dataclass(frozen=True)
class Field:
    """A field and what was said under its name; several lines may share it: `**Prediction (encoder-bs16):** …`."""

    name: str
    said: tuple[str, ...]


def fields(names: Iterable[str], text: str) -> tuple[Field, ...]:
    """The fields of these names in a section's Markdown; an empty line counts as not written."""
    found = [(match[1].strip(), match[2].strip()) for match in _LINE.finditer(text)]
    return tuple(
        Field(name, tuple(_about(title, name, said) for title, said in found if said and _names(title, name)))
        for name in names
    )


def _names(title: str, name: str) -> bool:
    rest = title.casefold().removeprefix(name.casefold())
    return rest != title.casefold() and (not rest or rest[0] in " (,")


def _about(title: str, name: str, said: str) -> str:
    about = title[len(name) :].strip(" (),")
    text = said if len(said) <= _LONGEST else f"{said[: _LONGEST - 1]}…"
    return f"{about}: {text}" if about else text
