"""Sentence templates: text with {slots}, compiled once, filled from the vocabulary of one kind of row."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from .stream import Stream

_SLOT = re.compile(r"\{(\w+)\}")
# calendar.month_name would follow the locale.
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_NUMBERS = ("two", "three", "four", "five", "six", "several", "2", "3", "4", "5", "10", "12")
_MONEY_POOL = 512

Vocabulary = Mapping[str, Sequence[str]]


@dataclass(frozen=True, eq=False)
class Template:
    """A sentence as a %-format with its slots in order; `words` counts a slot as one word."""

    form: str
    slots: tuple[str, ...]
    words: int

    def fill(self, vocabulary: Vocabulary, stream: Stream) -> str:
        """The sentence with every slot drawn anew, beginning with a capital."""
        integer = stream.integer
        entries = [vocabulary[slot] for slot in self.slots]
        text = self.form % tuple([choices[integer() % len(choices)] for choices in entries])
        return text[:1].upper() + text[1:]


def compile_templates(sentences: Iterable[str]) -> tuple[Template, ...]:
    """Templates of sentences with {slots}."""
    return tuple(
        Template(_SLOT.sub("%s", text.replace("%", "%%")), tuple(_SLOT.findall(text)), len(text.split()))
        for text in sentences
    )


@cache
def read_sentences() -> dict[str, Any]:
    """`sentences.toml`."""
    return tomllib.loads((Path(__file__).parent / "sentences.toml").read_text(encoding="utf-8"))


def vocabulary(year: int, *, redacted: bool, stream: Stream) -> Vocabulary:
    """What fills the slots of a text of that year, with its particulars blanked out or not."""
    slots = read_sentences()["slots"]
    words: dict[str, Sequence[str]] = {name: entries for name, entries in slots.items() if isinstance(entries, list)}
    words |= slots["redacted" if redacted else "plain"]
    words["amt"] = [_amount(stream) for _ in range(_MONEY_POOL)]
    words["n"] = _NUMBERS
    words["points"] = [str(points) for points in range(15, 150, 3)]
    words["date"] = ["XX/XX/XXXX", f"XX/XX/{year}"] if redacted else ["Monday", "Friday", *_MONTHS]
    if redacted:
        words["when"] = ["on XX/XX/XXXX", "on XX/XX/XXXX", f"on XX/XX/{year}", "in XXXX", f"in XXXX {year}"]
        words["when_noun"] = ["XX/XX/XXXX", f"XX/XX/{year}", "XXXX"]
    else:
        words["when"] = ["last month", "two weeks ago", "last week", "recently", *(f"in {month}" for month in _MONTHS)]
        words["when_noun"] = ["last month", "last year", "the summer", *_MONTHS]
    return words


def _amount(stream: Stream) -> str:
    """Money, log-normal around 400; the public data writes it as {$400.00}, some people as a plain figure."""
    value = 400 * math.exp(1.4 * stream.normal())
    style = stream.uniform()
    if style < 0.45:
        return f"{{${value:.2f}}}"
    if style < 0.6:
        return f"${value:.0f}"
    return f"{round(value, -1) if value > 50 else value:.0f} dollars"
