"""What earlier weeks of the same author said: quoted from their files, never guessed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from .model import Interval, Value

QUOTE = 900
"""Characters of a quotation; longer passages are cut and say so."""
DIRECTIONS = ("up", "down", "sideways")
_CITATION = re.compile(r"\[@([^\]]+)\]")
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_MARKUP = re.compile(r"[*`>#]+|(?<!\w)_+|_+(?!\w)")


@dataclass(frozen=True)
class Quote:
    """Words of the author and the file they stand in."""

    text: str
    week: int
    source: str


@dataclass(frozen=True)
class Recalled:
    """A figure an earlier memo stated, and the file and item it stands in."""

    value: Value
    week: int
    item: str
    source: str


@dataclass(frozen=True)
class Earlier:
    """One earlier week as its files tell it."""

    week: int
    sections: Mapping[str, str] = field(default_factory=dict)
    """Section id to the author's text."""
    titles: Mapping[str, str] = field(default_factory=dict)
    front: Mapping[str, str] = field(default_factory=dict)
    prose_source: str = ""
    values: tuple[Recalled, ...] = ()
    values_source: str = ""


@dataclass(frozen=True)
class Memory:
    """Everything found of earlier weeks, and where it was looked for."""

    weeks: Mapping[int, Earlier] = field(default_factory=dict)
    looked_in: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    """One line for each file that is there and cannot be used."""

    def recommendation(self, week: int = 3) -> Quote | None:
        """What that week recommended.

        Its front matter's `recommendation`, else the paragraphs that say so in the section about the recommendation.
        """
        found = self.weeks.get(week)
        if found is None:
            return None
        if said := found.front.get("recommendation"):
            return Quote(said, week, f"{found.prose_source}, front matter")
        for section, title in found.titles.items():
            if "recommendation" in title.casefold() and found.sections.get(section):
                return Quote(_telling(found.sections[section]), week, f"{found.prose_source}, “{title}”")
        return None

    def values(
        self, week: int, metric: str, *, section: str = "", run: str | None = None, difference: bool | None = None
    ) -> list[Recalled]:
        """Figures of an earlier memo by metric, from its JSON twin.

        Args:
            week: whose memo.
            metric: such as `temperature`, `ece_scaled` or `macro_f1`.
            section: only of this section, such as `w2.s2`.
            run: only of this run.
            difference: only differences (True) or only plain values (False).
        """
        found = self.weeks.get(week)
        return [
            one
            for one in (found.values if found else ())
            if one.value.metric == metric
            and one.item.startswith(section)
            and run in (None, one.value.run)
            and difference in (None, one.value.baseline is not None)
        ]

    def said(self, week: int, pattern: str) -> Quote | None:
        """The first sentence of a week's prose that matches the pattern and holds a number."""
        found = self.weeks.get(week)
        for text in found.sections.values() if found else ():
            for sentence in _SENTENCE.split(_plain(text)):
                if re.search(pattern, sentence, re.IGNORECASE) and re.search(r"\d|\[@", sentence):
                    return Quote(_cut(sentence), week, found.prose_source if found else "")
        return None

    def where_to_put(self, week: int) -> str:
        """What to do about a week that was not found, or that does not say what was looked for."""
        found = self.weeks.get(week)
        if found is not None and not found.sections:
            return f"{found.values_source} holds figures and no text: keep your week{week}.md beside it."
        if found is not None:
            return f"{found.prose_source} does not say it, or its twin week{week}.json is not beside it."
        places = " and ".join(self.looked_in) or "no folder"
        return (
            f"Nothing of week {week} was found (looked in {places}). Keep week{week}.md, or the twin week{week}.json, "
            "in a folder memos/ beside your text."
        )


def _telling(text: str) -> str:
    """The paragraphs that recommend something; all of them where none says so."""
    parts = [part for part in re.split(r"\n\s*\n", text) if part.strip()]
    telling = [part for part in parts if re.search(r"recommend|deploy|ship\b|choose|chose", part, re.IGNORECASE)]
    return _cut(_plain("\n\n".join(telling or parts)))


def _plain(text: str) -> str:
    """One line, without Markdown's marks."""
    return " ".join(_CITATION.sub(r"[\1]", _MARKUP.sub("", text)).split())


def _cut(text: str) -> str:
    return text if len(text) <= QUOTE else text[:QUOTE].rsplit(" ", 1)[0] + " …"


def recalled_value(raw: Mapping[str, object]) -> Value | None:
    """A value of a JSON twin, or None where it is not one: the file may be anyone's."""
    metric, number = raw.get("metric"), raw.get("value")
    if not isinstance(metric, str) or not isinstance(number, int | float) or isinstance(number, bool):
        return None
    text = {key: said for key in ("unit", "run", "baseline", "split") if isinstance(said := raw.get(key), str)}
    n, span = raw.get("n"), raw.get("interval")
    bounds = None
    if isinstance(span, Mapping):
        low, high = span.get("low"), span.get("high")
        if isinstance(low, int | float) and isinstance(high, int | float):
            bounds = Interval(float(low), float(high), method=str(span.get("method", "")))
    if text.get("unit") not in _UNITS:
        text["unit"] = "number"
    return Value(metric, number, n=n if isinstance(n, int) else None, interval=bounds, **text)  # type: ignore[arg-type]


_UNITS = frozenset({"fraction", "score", "count", "seconds", "ms", "bytes", "words", "tokens", "ratio", "p", "number"})
