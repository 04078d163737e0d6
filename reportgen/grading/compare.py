"""What only the class as a whole can show: other rows, other labels, the same predictions, the same prose."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from .results import Flag, Graded
from .similar import Pair, similar

_DETERMINISTIC = ("majority", "linear")
"""Families whose predictions are the same for whoever runs the course's recipe."""
GIVEN = 0.4
"""Predictions shared by more than this part of the class come from a checkpoint of the course."""


def compare(graded: Mapping[str, Graded], names: Mapping[str, str]) -> tuple[dict[str, list[Flag]], list[Pair]]:
    """Flags by student from the comparison, and pairs of students with alike prose.

    Args:
        graded: results by student; members of one group stand for themselves only once.
        names: how each student is shown.
    """
    flags: dict[str, list[Flag]] = defaultdict(list)
    _rows(graded, flags)
    _splits(graded, flags)
    _predictions(graded, names, flags)
    pairs = similar({student: one.prose for student, one in graded.items() if one.prose})
    near: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for pair in pairs:
        near[pair.one].append((pair.other, pair.similarity))
        near[pair.other].append((pair.one, pair.similarity))
    for student, others in near.items():
        text = ", ".join(f"{names[other]} ({alike:.0%})" for other, alike in others[:5])
        with_ = tuple(other for other, _ in others)
        flags[student].append(Flag(code="prose", severity="amber", text=f"much like that of {text}", with_=with_))
    return flags, pairs


def _rows(graded: Mapping[str, Graded], flags: dict[str, list[Flag]]) -> None:
    """Rows and labels against what most of the class scored on the same split."""
    votes: dict[str, Counter[tuple[str, str, str]]] = defaultdict(Counter)
    sets = {
        student: {rows.split: (rows.rows_sha256, rows.names, rows.truth) for rows in one.rows}
        for student, one in graded.items()
    }
    for found in sets.values():
        for split, key in found.items():
            votes[split][key] += 1
    for student, one in graded.items():
        for rows in one.rows:
            key = (rows.rows_sha256, rows.names, rows.truth)
            (most, times), total = votes[rows.split].most_common(1)[0], votes[rows.split].total()
            tied = times * 2 <= total
            if total < 2 or (key == most and not tied) or sets[student][rows.split] != key:
                continue
            if tied and len(votes[rows.split]) == 1:
                continue
            said = f"{times} of {total}" if not tied else "no majority of the class"
            if not tied and key[0] == most[0] and key[1] == most[1]:
                flags[student].append(
                    Flag(
                        code="labels",
                        severity="red",
                        text=f"names the class's rows of {rows.split} but other true labels than {said} have",
                    )
                )
                continue
            what = "other label names" if not tied and key[1] != most[1] else f"other rows of {rows.split}"
            text = f"scored on {what} (n = {rows.n:,}) than {said}: not comparable"
            flags[student].append(Flag(code="rows", severity="amber" if tied else "red", text=text))


def _splits(graded: Mapping[str, Graded], flags: dict[str, list[Flag]]) -> None:
    used = {student: {rows.split for rows in one.rows} for student, one in graded.items() if one.rows}
    votes = Counter(split for splits in used.values() for split in splits)
    if not votes:
        return
    most, times = votes.most_common(1)[0]
    for student, splits in used.items():
        if most not in splits and times * 2 > len(used):
            text = f"scored on {', '.join(sorted(splits))}, the class on {most}"
            flags[student].append(Flag(code="split", severity="amber", text=text))


def _predictions(graded: Mapping[str, Graded], names: Mapping[str, str], flags: dict[str, list[Flag]]) -> None:
    """The same predictions, row by row, in memos of different students."""
    having: dict[tuple[str, int], dict[str, str]] = defaultdict(dict)
    for student, one in graded.items():
        for run in one.runs:
            if run.predictions and run.n and run.kind == "measured" and run.family not in _DETERMINISTIC:
                having[run.predictions, run.n].setdefault(student, run.run_id)
    memos = sum(bool(one.runs) for one in graded.values())
    shared: dict[tuple[str, ...], list[tuple[str, int]]] = defaultdict(list)
    for key, owners in having.items():
        if len(owners) > 1:
            shared[tuple(owners)].append(key)
    for students, keys in shared.items():
        given = len(students) > 2 and len(students) > GIVEN * memos
        for student in students:
            runs = ", ".join(having[key][student] for key in keys[:4])
            others = [other for other in students if other != student]
            if given:
                text = f"as {len(others)} others in {runs}: a checkpoint of the course?"
            else:
                shown = ", ".join(names[other] for other in others[:5]) + (" and more" if len(others) > 5 else "")
                text = f"the very same as {shown} in {runs}"
            severity = "note" if given else "red"
            flags[student].append(
                Flag.model_validate(
                    {"code": "predictions", "severity": severity, "text": text, "with_": () if given else others}
                )
            )


def order(flags: Sequence[Flag]) -> list[Flag]:
    """Flags, the gravest first; what is not written comes after what is wrong."""
    rank = {"red": 0, "amber": 1, "note": 2}
    return sorted(flags, key=lambda flag: (rank[flag.severity], flag.code == "reasoning"))
