"""Labels as found to labels as used: strip, unify spellings, merge, drop. In that order."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import InputError, one_line
from .courses import Course
from .wording import count

if TYPE_CHECKING:
    import pandas as pd

_MAX_LABELS = 2_000
_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'"})


@dataclass(frozen=True)
class CleanLabels:
    """What became of the labels.

    `final` has the label of each row as used, missing where the row is left out; the mappings count rows.
    """

    names: tuple[str, ...]
    final: pd.Series[Any]
    raw: Mapping[str, int]
    merged: Mapping[str, tuple[str, int]]
    dropped: Mapping[str, int]
    notes: tuple[str, ...]


def clean_labels(labels: pd.Series[Any], course: Course, where: str) -> CleanLabels:
    """Apply the course's label pipeline to the labels of all splits together.

    Args:
        labels: one str a row, stripped and not empty.
        course: its merge map, label list and smallest class.
        where: the source, for errors.

    Raises:
        InputError: fewer than two labels, too many, or none of the course's.
    """
    raw = labels.value_counts()
    counts = {str(name): int(count) for name, count in sorted(raw.items())}
    target = _unified(counts, course)
    respelt = {name: same for name, same in target.items() if name != same}
    notes = []
    if respelt:
        example = next(iter(respelt))
        notes.append(
            f"Unified: {count(len(respelt), 'label spelling')} that only case, spaces or apostrophes tell apart, "
            f"for example {one_line(example, 80)!r} → {one_line(respelt[example], 80)!r}."
        )
    target = {name: course.merge.get(same, same) for name, same in target.items()}
    merged = {name: (new, counts[name]) for name, new in target.items() if new != name}

    totals: dict[str, int] = {}
    for name, new in target.items():
        totals[new] = totals.get(new, 0) + counts[name]
    if course.labels is not None:
        keep = set(course.labels) & set(totals)
        why = f"not in the label list of {course.name}"
    else:
        keep = {name for name, total in totals.items() if total >= course.min_class_count}
        why = f"fewer than {course.min_class_count} rows each"
    dropped = {name: totals[name] for name in sorted(set(totals) - keep)}
    if dropped:
        notes.append(f"Left out: {count(len(dropped), 'label')} with {count(sum(dropped.values()), 'row')}, {why}.")
    _check(keep, totals, course, where)
    names = course.labels if course.labels is not None else tuple(sorted(keep))
    final = labels.map({name: new for name, new in target.items() if new in keep})
    return CleanLabels(names, final, counts, merged, dropped, tuple(notes))


def _unified(counts: Mapping[str, int], course: Course) -> dict[str, str]:
    """Each label to its one spelling: the course's (label or merge source), else the most frequent one."""
    known = {*(course.labels or ()), *course.merge}
    spelling = {_key(name): name for name in sorted(known)}
    for name in sorted(counts, key=lambda name: (-counts[name], name)):
        spelling.setdefault(_key(name), name)
    return {name: name if name in known else spelling[_key(name)] for name in counts}


def _key(name: str) -> str:
    return re.sub(r"\s+", " ", name.translate(_APOSTROPHES)).strip().casefold()


def _check(keep: set[str], totals: Mapping[str, int], course: Course, where: str) -> None:
    if len(keep) > _MAX_LABELS:
        raise InputError(f"{len(keep):,} different labels", where=where, remedy="is --label the right column?")
    if not keep and course.labels is not None:
        some = ", ".join(repr(one_line(name, 40)) for name in list(totals)[:3])
        raise InputError(
            f"no label of course {course.name} occurs; the first found are {some}",
            where=where,
            remedy="check --label, or use --course generic",
        )
    if len(keep) < 2:
        kept = f"only one label, {next(iter(keep))!r}" if keep else "no label has enough rows"
        raise InputError(kept, where=where, remedy="a classifier needs at least two; check --label")
