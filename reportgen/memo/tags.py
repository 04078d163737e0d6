"""The author's tags of rows read by hand: a block ```` ```tags ```` with a line a row, `val:2647: label overlap`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reportgen.evidence.model import Table

BLOCK = "tags"
COLUMN = "tag"
MOST = 8
"""Tags counted aloud in each direction: the course's number."""
_LONGEST = 80
_PLAIN = re.compile(r"[^\s`]{1,200}")


@dataclass(frozen=True)
class Tags:
    """The tags of a sample by row, the rows that are not in it, and how often each tag was given."""

    given: Mapping[str, str]
    unknown: tuple[str, ...]
    shown: int
    counts: tuple[Count, ...]

    def to_json(self) -> dict[str, Any]:
        """As the JSON twin holds them."""
        return {
            "shown": self.shown,
            "tagged": len(self.given),
            "counts": [
                {"right": count.right, "shown": count.shown, "tagged": count.tagged, "tags": dict(count.tags)}
                for count in self.counts
            ],
            "unknown": list(self.unknown),
        }


@dataclass(frozen=True)
class Count:
    """The tags of the rows that only one model got right, the most frequent first."""

    right: str
    shown: int
    tagged: int
    tags: tuple[tuple[str, int], ...]

    def __str__(self) -> str:
        said = [f"{tag} {rows}" for tag, rows in self.tags[:MOST]]
        more = len(self.tags) - MOST
        rest = f", and {more} more" if more > 0 else ""
        return f"{self.tagged} of {self.shown} tagged: {', '.join(said)}{rest}" if said else f"0 of {self.shown} tagged"


def read_tags(blocks: Iterable[str], table: Table) -> Tags:
    """The tags that blocks give to the rows of a sample; of two for a row the later counts, an empty one never."""
    known = {str(row["row"]): str(row["right"]) for row in table.rows}
    found: dict[str, str] = {}
    unknown: list[str] = []
    for line in (line.strip() for block in blocks for line in block.split("\n")):
        # An id may hold colons, and begin like another one.
        row = max((row for row in known if line.startswith(f"{row}:")), key=len, default=None)
        if row is not None:
            if tag := " ".join(line[len(row) + 1 :].split()):
                found[row] = shortened(tag)
        elif line and line not in known and not line.startswith("#") and not line.endswith(":"):
            unknown.append(line.partition(": ")[0])
    given = {row: found[row] for row in known if row in found}
    return Tags(given, tuple(dict.fromkeys(unknown)), len(known), tuple(_counts(known, given)))


def sampled(table: Table) -> bool:
    """Whether a table's rows are to be tagged."""
    return any(column.key == COLUMN and column.author is not None for column in table.columns)


def to_fill(table: Table) -> list[str]:
    """A block's lines without a tag yet, rows that only one model got right together."""
    lines, last = [], ""
    for row in table.rows:
        name, right = str(row["row"]), str(row["right"])
        lines += [f"# only {right} is right"] if right != last else []
        lines += [f"{name}:"] if _PLAIN.fullmatch(name) else []
        last = right
    return lines


def shortened(text: str, most: int = _LONGEST) -> str:
    """As much of a text as a line has room for."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _counts(known: Mapping[str, str], given: Mapping[str, str]) -> Iterable[Count]:
    for right in dict.fromkeys(known.values()):
        own = [given[row] for row in known if known[row] == right and row in given]
        spelt: dict[str, str] = {}
        for tag in own:
            spelt.setdefault(tag.casefold(), tag)
        counted = Counter(tag.casefold() for tag in own)
        tags = sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))
        shown = sum(side == right for side in known.values())
        yield Count(right, shown, len(own), tuple((spelt[tag], rows) for tag, rows in tags))
