"""What to look for: one rule or several for each evidence item, read from the course's `pages.toml`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from reportgen.errors import InputError

if TYPE_CHECKING:
    from reportgen.data import Course

Unit = Literal["score", "count", "ms", "any"]
"""score: −1 to 1, per cent as fractions; count: a whole number; ms: not negative."""


_REMEDY = "give the course a pages.toml, as ecbs5200 has"


@dataclass(frozen=True)
class Rule:
    """One way to find an item; exactly one of `find`, `columns`, `figure` and `text` is set.

    find, about: a number after each of these labels, for each of these subjects (a model, a run, a tier);
    columns: a table whose header has a cell for each, with at least `rows` rows (each of `row_names` in one of them);
    figure: a figure with these words in its name, its code or its heading; text: words in the prose.
    """

    id: str
    find: tuple[re.Pattern[str], ...] = ()
    about: tuple[re.Pattern[str], ...] = ()
    others: re.Pattern[str] | None = None
    """Subjects that are not meant: the one named last before the number counts."""
    unit: Unit = "any"
    columns: tuple[re.Pattern[str], ...] = ()
    values: tuple[re.Pattern[str], ...] = ()
    """Columns whose numbers are the item's values; by default those of `columns`."""
    rows: int = 1
    row_names: tuple[re.Pattern[str], ...] = ()
    figure: re.Pattern[str] | None = None
    text: re.Pattern[str] | None = None
    least: int = 1
    """Different matches of `text`, or numbers of `find`, that are needed."""
    in_section: bool = False
    """Only under the heading of the item's section."""


def load_rules(course: Course, week: int) -> dict[str, list[Rule]]:
    """Rules by item id for a week.

    Raises:
        InputError: `pages.toml` is malformed, or there is none: a page of which nothing was looked for must not look
            like one that answers nothing.
    """
    from reportgen.data.courses import COURSES

    for folder in (course.folder, *([COURSES / course.extends] if course.extends else [])):
        if (path := folder / "pages.toml").is_file():
            if rules := {key: found for key, found in _read(path).items() if key.startswith(f"w{week}.")}:
                return rules
            raise InputError(f"no rules for week {week}", where=path, remedy=_REMEDY)
    raise InputError("the course cannot find evidence in pages", where=course.folder, remedy=_REMEDY)


@lru_cache(maxsize=8)
def _read(path: Path) -> dict[str, list[Rule]]:
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        words = raw.get("words", {})
        rules: dict[str, list[Rule]] = {}
        for entry in raw["item"]:
            rules.setdefault(str(entry["id"]), []).append(_rule(entry, words))
    except (OSError, ValueError, KeyError, TypeError, re.error) as error:
        raise InputError(f"malformed rules ({error})", where=path, remedy="see ecbs5200/pages.toml") from None
    return rules


def _rule(entry: Mapping[str, Any], words: Mapping[str, str]) -> Rule:
    def pattern(text: str) -> re.Pattern[str]:
        filled = re.sub(r"\{([a-z][a-z0-9_]*)\}", lambda name: f"(?:{words[name[1]]})", text)
        return re.compile(filled, re.IGNORECASE)

    given: dict[str, Any] = {}
    for key, value in entry.items():
        if key in {"find", "about", "columns", "values", "row_names"}:
            given[key] = tuple(pattern(one) for one in value)
        elif key in {"others", "figure", "text"}:
            given[key] = pattern(value)
        else:
            given[key] = value
    return Rule(**given)
