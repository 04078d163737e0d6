"""The two models a memo sets side by side, and runs whose labels have slipped out of the frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reportgen.stats import label_shift

from . import log
from .numbers import plural, show

if TYPE_CHECKING:
    from reportgen.bundle import Bundle
    from reportgen.stats import LabelShift

    from .context import Context
    from .runs import Runs

_SIMPLEST_FIRST = ("linear", "embed", "encoder", "decoder", "prompted")


@dataclass(frozen=True)
class Pair:
    """Differences are candidate − reference."""

    reference: Bundle
    candidate: Bundle
    notes: tuple[str, ...] = ()
    """How the two were chosen, where there was a choice."""

    @property
    def both(self) -> tuple[Bundle, Bundle]:
        """Reference, then candidate."""
        return self.reference, self.candidate


def shifted(runs: Runs) -> dict[str, LabelShift]:
    """Runs that answer in another label frame, by run_id."""
    found = {}
    for run in runs.scored:
        rows = run.predictions(runs.split or "val")
        if len(rows) and len(run.labels.names) > 1:
            shift = label_shift(rows.labels, rows.predictions, len(run.labels.names))
            if shift.suspected:
                found[run.run_id] = shift
    return found


def shift_notice(name: str, shift: LabelShift) -> str:
    """What a slipped label frame looks like, in one sentence."""
    return (
        f"{name} answers in another label frame: right on {show(shift.accuracy, 'fraction')} of the rows as it stands, "
        f"on {show(shift.shifted_accuracy, 'fraction')} once every predicted id is moved back by {shift.shift}. "
        "It is left out of every comparison; compare the label list it was trained with."
    )


def find_pair(runs: Runs, leave_out: frozenset[str] = frozenset()) -> Pair | None:
    """The best encoder and the best decoder; without one of them, the best two runs of different families.

    Where every run is of one family, its two best runs. Only runs on the same rows and labels make a pair; the
    simpler family is the reference, and within a family the run with the lower macro F1.
    """
    sound = [run for run in runs.of_family(*_SIMPLEST_FIRST) if run.run_id not in leave_out]
    encoders, decoders = (
        [run for run in sound if run.manifest.model.family == family] for family in ("encoder", "decoder")
    )
    found = _best_two(runs, encoders, decoders) or _best_two(runs, sound, sound)
    if found is None:
        return None
    first, second = found
    if (_rank(second), runs.scores(second).macro_f1) < (_rank(first), runs.scores(first).macro_f1):
        first, second = second, first
    notes = []
    for run in (first, second):
        rivals = sum(other.manifest.model.family == run.manifest.model.family for other in sound)
        if rivals > 1 and _rank(first) != _rank(second):
            notes.append(
                f"{run.run_id} is the best of {plural(rivals, 'run')} of its family by macro F1 on {runs.split}, "
                "the split it is reported on: a little flattered."
            )
    return Pair(first, second, tuple(notes))


def _best_two(runs: Runs, some: list[Bundle], others: list[Bundle]) -> tuple[Bundle, Bundle] | None:
    """The comparable couple with the highest macro F1, of different families wherever there is one."""

    def merit(couple: tuple[Bundle, Bundle]) -> tuple[bool, bool, float]:
        a, b = couple
        whole = not (runs.partial(a) or runs.partial(b))
        return _rank(a) != _rank(b), whole, runs.scores(a).macro_f1 + runs.scores(b).macro_f1

    couples = [(a, b) for a in some for b in others if a is not b and not runs.why_not(a, b)]
    return max(couples, key=merit, default=None)


def _rank(run: Bundle) -> int:
    return _SIMPLEST_FIRST.index(run.manifest.model.family)


def why_no_pair(runs: Runs, leave_out: frozenset[str] = frozenset()) -> str:
    """What keeps the runs from making a pair."""
    sound = [run for run in runs.of_family(*_SIMPLEST_FIRST) if run.run_id not in leave_out]
    if len(sound) < 2:
        return f"Two models on the same rows are needed; there {'is' if len(sound) == 1 else 'are'} {len(sound)}."
    return f"No two runs were scored on the same rows and labels: {runs.why_not(sound[0], sound[1])}."


def pair_command(context: Context) -> str:
    """The command for the runs that are missing: an encoder and a decoder."""
    return context.command("week3")


def seed_groups(runs: Runs, run: Bundle) -> dict[int, float]:
    """Macro F1 by seed, of the runs that differ from `run` in nothing but the seed."""
    twins = [
        other
        for other in runs.scored
        if other.manifest.model.name == run.manifest.model.name
        and other.manifest.runner == run.manifest.runner
        and log.settings(other) == log.settings(run)
        and not runs.why_not(other, run)
    ]
    return {twin.manifest.seed: runs.scores(twin).macro_f1 for twin in twins if twin.manifest.seed is not None}


def seed_sentence(runs: Runs, run: Bundle) -> str | None:
    """Mean and spread over seeds; None where there is one."""
    scores = list(seed_groups(runs, run).values())
    if len(scores) < 2:
        return None
    return (
        f"Seed noise of {run.run_id}: over {len(scores)} seeds of the same settings macro F1 has the mean "
        f"{show(float(np.mean(scores)), 'score')} and the standard deviation "
        f"{show(float(np.std(scores, ddof=1)), 'score')}."
    )
