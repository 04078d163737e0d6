"""The two models a memo sets side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .experiments import compare_facts
from .numbers import plural, show
from .systems import DECODER, ENCODER

if TYPE_CHECKING:
    from reportgen.bundle import Bundle

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


def find_pair(runs: Runs) -> Pair | None:
    """Week 3's two adapters by their stage's names, as the memo quotes that week; else the best encoder and decoder.

    Without one of them, the best two runs of different families; where every run is of one family, its two best runs.
    Only runs on the same rows and labels make a pair; the simpler family is the reference, and within a family the
    run with the lower macro F1.
    """
    sound = runs.of_family(*_SIMPLEST_FIRST)
    by_name = {run.run_id: run for run in sound if not runs.partial(run)}
    if ENCODER in by_name and DECODER in by_name and not runs.why_not(by_name[ENCODER], by_name[DECODER]):
        return Pair(by_name[ENCODER], by_name[DECODER])
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


def why_no_pair(runs: Runs) -> str:
    """What keeps the runs from making a pair."""
    sound = runs.of_family(*_SIMPLEST_FIRST)
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
        if not runs.why_not(other, run) and {change.key for change in compare_facts(run, other)[0]} <= {"seed"}
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
