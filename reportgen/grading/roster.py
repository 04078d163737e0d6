"""Who belongs to the class: submissions and the worksheet's rows brought together, teams refused or expanded."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from reportgen.errors import UsageError

from .model import Submission
from .worksheet import Worksheet

_PLUGIN = "_assignsubmission_"


@dataclass(frozen=True)
class Place:
    """One student: a submission, a row of the worksheet, or both."""

    id: str
    """Participant number where Moodle gave one, else the name: what edits and --only refer to."""
    name: str
    submission: Submission | None = None
    row: int | None = None
    """Number of the worksheet's row."""
    group: str = ""


def class_list(
    submissions: Sequence[Submission], worksheet: Worksheet | None, *, expand_groups: bool = False
) -> list[Place]:
    """Everyone, in order of name.

    Raises:
        UsageError: a group assignment that was not asked to be expanded, or cannot be.
    """
    rows = worksheet.rows if worksheet else ()
    if reason := team_reason(submissions, worksheet):
        if not expand_groups:
            raise UsageError(
                f"a group assignment: {reason}",
                remedy="Moodle would deliver feedback to the wrong people; with a worksheet that names the members, "
                "--expand-groups gives each member the group's result",
            )
        return _expanded(submissions, worksheet)
    by_number = {row.number: number for number, row in enumerate(rows) if row.number}
    names = Counter(_name(row.name) for row in rows)
    by_name = {_name(row.name): number for number, row in enumerate(rows) if names[_name(row.name)] == 1}
    given = Counter(one.participant or one.name for one in submissions)
    places, taken = [], set()
    for one in submissions:
        number = by_number.get(one.participant) if one.participant else by_name.get(_name(one.name))
        number = None if number in taken else number
        if number is not None:
            taken.add(number)
        id_ = one.participant or (rows[number].number if number is not None else None) or one.name
        unique = id_ if given[one.participant or one.name] == 1 else one.key
        places.append(Place(unique, one.name, one, number))
    places += [
        Place(row.number or row.name, row.name, None, number) for number, row in enumerate(rows) if number not in taken
    ]
    return sorted(places, key=lambda place: (place.name.casefold(), place.id))


def team_reason(submissions: Sequence[Submission], worksheet: Worksheet | None) -> str | None:
    """Why this is a group assignment, or None. In doubt it is one: feedback must not reach a stranger."""
    nameless = [one.name for one in submissions if _PLUGIN in one.key and one.participant is None]
    if nameless:
        return f"the folder of {nameless[0]!r} names no participant"
    if worksheet is None:
        return None
    if worksheet.teams:
        return "the worksheet has a column 'Team status'"
    column = worksheet.group_column
    groups = {_name(row.text(column)) for row in worksheet.rows} - {""} if column else set()
    people = {row.number: _name(row.name) for row in worksheet.rows}
    for one in submissions:
        stranger = one.participant is not None and one.participant not in people
        if _name(one.name) in groups and (stranger or people.get(one.participant) != _name(one.name)):
            return f"the folder of {one.name!r} is a group of the worksheet's column {column!r}"
        if stranger and groups:
            return f"the worksheet has a column {column!r} and {one.name!r} is no participant in it"
    return None


def _expanded(submissions: Sequence[Submission], worksheet: Worksheet | None) -> list[Place]:
    column = worksheet.group_column if worksheet else None
    if worksheet is None or column is None:
        raise UsageError(
            "no worksheet that names the members of each group",
            where="--expand-groups",
            remedy="pass the worksheet with its column 'Group' as --worksheet",
        )
    groups = {_name(one.name): one for one in submissions}
    if len(groups) != len(submissions):
        raise UsageError("two groups have the same name", where="--expand-groups", remedy="grade them one by one")
    members = {_name(row.text(column)) for row in worksheet.rows}
    if strays := [one.name for one in submissions if _name(one.name) not in members]:
        raise UsageError(f"no member of group {strays[0]!r} in the worksheet", where="--expand-groups")
    places = []
    for number, row in enumerate(worksheet.rows):
        group = groups.get(_name(row.text(column)))
        if group is not None:
            trailing = re.search(r"_assignsubmission_[a-z]+_?$", group.key)
            name = re.sub(r'[\x00-\x1f\x7f&<>"`|\':\\/]', "", row.name.replace("_", " "))
            key = f"{name}_{row.number}{trailing[0] if trailing else '_assignsubmission_file'}"
            group = replace(group, key=key, participant=row.number)
        places.append(Place(row.number or row.name, row.name, group, number, row.text(column)))
    return sorted(places, key=lambda place: (place.name.casefold(), place.id))


def find(places: Sequence[Place], wanted: str) -> Place:
    """The one student meant by a participant number, a name or a folder name.

    Raises:
        UsageError: nobody, or several.
    """
    said = _name(wanted)
    meant = [one for one in places if one.id == wanted or (one.submission and one.submission.key == wanted)]
    meant = meant or [one for one in places if _name(one.name) == said or f"participant {one.id}" == said]
    if len(meant) == 1:
        return meant[0]
    if not meant:
        near = [one.name for one in places if said and said in _name(one.name)][:5]
        raise UsageError(
            f"no student {wanted!r}", where="--only", remedy=f"did you mean {', '.join(near)}?" if near else None
        )
    raise UsageError(
        f"{len(meant)} students are called {wanted!r}",
        where="--only",
        remedy=f"use a number: {', '.join(one.id for one in meant[:10])}",
    )


def _name(name: str) -> str:
    """A name as Moodle's file names leave it, to compare."""
    return " ".join(re.sub(r'[\x00-\x1f\x7f&<>"`|\':\\/_]', " ", name).casefold().split())
