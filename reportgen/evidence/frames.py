"""Do predictions fall on the classes that are there? A run trained on another label list answers beside them (T8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .model import Figure
from .numbers import listing, plural, show

if TYPE_CHECKING:
    from reportgen.bundle import Bundle
    from reportgen.stats import LabelShift

    from .runs import Runs

SIDE_BY_SIDE = 3
"""Runs whose most predicted classes are drawn."""
EACH, MOST = 6, 14
"""Classes taken from the top of each list, and classes drawn at most."""


def counts_figure(runs: Runs, chosen: Sequence[Bundle], slipped: Mapping[str, LabelShift], name: str) -> Figure | None:
    """Rows of the most frequent and of the most predicted classes, true and predicted; runs on the same labels only."""
    if not chosen:
        return None
    shown = [run for run in chosen if run.labels.names == chosen[0].labels.names]
    names = shown[0].labels.names
    split = runs.split or "val"
    parts = [run.predictions(split) for run in shown]
    true = np.bincount(parts[0].labels, minlength=len(names))
    said = [np.bincount(part.predictions[part.predictions >= 0], minlength=len(names)) for part in parts]
    tops = [np.argsort(-counts, kind="stable")[:EACH] for counts in (true, *said)]
    picked = list(dict.fromkeys(int(label) for rank in zip(*tops, strict=True) for label in rank))[:MOST]
    picked.sort(key=lambda label: (-int(true[label]), label))
    return Figure(
        id=name,
        kind="class-counts",
        caption=f"Rows of the most frequent and the most predicted classes on {split} (n = {int(true.sum()):,}): how "
        f"many there are and how many each run predicts; {len(picked)} of {plural(len(names), 'class', 'classes')}. "
        "A run whose ids are all moved by one number is found by trying every such number.",
        finding=_finding([run.run_id for run in shown], names, true, said, slipped),
        data={
            "classes": [
                {"name": names[label], "true": int(true[label]), "said": [int(counts[label]) for counts in said]}
                for label in picked
            ],
            "runs": [{"run": run.run_id, "shifted": run.run_id in slipped} for run in shown],
        },
    )


def most_predicted_figure(
    runs: Runs, chosen: Sequence[Bundle], slipped: Mapping[str, LabelShift], name: str
) -> Figure | None:
    """The class most often predicted on the rows of each class, by label id: the course's plot for a slipped frame."""
    shown = [run for run in chosen if run.labels.names == chosen[0].labels.names][:SIDE_BY_SIDE]
    if not shown:
        return None
    names, split = shown[0].labels.names, runs.split or "val"
    drawn, said = [], []
    for run in shown:
        part = run.predictions(split)
        counts = np.zeros((len(names), len(names)), np.int64)
        parsed = part.predictions >= 0
        np.add.at(counts, (part.labels[parsed], part.predictions[parsed]), 1)
        present = np.flatnonzero(counts.any(axis=1))
        top = counts[present].argmax(axis=1)
        own = int((top == present).sum())
        line = f"{run.run_id} predicts {own} of {plural(len(present), 'class', 'classes')} most often as themselves"
        if run.run_id in slipped:
            by = slipped[run.run_id].shift
            line += f" and {int(((top - present) % len(names) == by).sum())} as the class {by} ids on"
        said.append(line)
        drawn.append({"run": run.run_id, "points": np.column_stack([present, top]).tolist()})
    return Figure(
        id=name,
        kind="most-predicted",
        caption=f"The class most often predicted on the rows of each class of {split}, by label id (ties: lowest): "
        "across the class, up what it is taken for, on the diagonal itself. A slipped label frame leaves that empty.",
        finding=f"{'; '.join(said)}.",
        data={"names": list(names), "runs": drawn},
    )


def _finding(
    run_ids: Sequence[str],
    names: Sequence[str],
    true: np.ndarray[tuple[int], np.dtype[np.intp]],
    said: Sequence[np.ndarray[tuple[int], np.dtype[np.intp]]],
    slipped: Mapping[str, LabelShift],
) -> str:
    shifts = [
        f"{name} answers in another label frame: moved back by {slipped[name].shift} ids it is right on "
        f"{show(slipped[name].shifted_accuracy, 'fraction')} of the rows, as it stands on "
        f"{show(slipped[name].accuracy, 'fraction')}"
        for name in run_ids
        if name in slipped
    ]
    tops = []
    for name, counts in zip(run_ids, said, strict=True):
        top = int(counts.argmax())
        tops.append(f"{name} predicts {names[top]} most often, {counts[top]:,} times, of which there are {true[top]:,}")
    head = f"{'. '.join(shifts)}. " if shifts else f"No label shift in {listing(list(run_ids))}. "
    return f"{head}{'; '.join(tops)}."
