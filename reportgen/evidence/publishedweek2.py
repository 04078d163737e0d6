"""Week 2 from the notebooks' tables of figures: the runs side by side, the weighted pair, batch size and seed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from . import log, published
from .model import Value
from .numbers import show, show_size
from .published import SCORES, Said, derived, difference, difference_sentence, fill, instead, stated

if TYPE_CHECKING:
    from reportgen.bundle import Bundle

    from .context import Context, SectionEvidence

TABLE = "w2-reported"
LAB, HOMEWORK = "week2_lab_results.csv", "week2_hw_results.csv"
_COURSE = {"alpha": True, "delta": False}
"""The lab's checkpoints that differ in class weights (course-evidence §2.2), and whether they have them."""
_UNWEIGHTED = re.compile(r"un-?weighted|no.(class.)?weight|without.(class.)?weight|vanilla|plain", re.IGNORECASE)
_WEIGHTED = re.compile(r"weight(?!.?decay)", re.IGNORECASE)
_BATCH = re.compile(r"(?:\bbs|batch(?:.?size)?).?(\d+)", re.IGNORECASE)
_SEED = re.compile(r"seed.?(\d+)", re.IGNORECASE)
_VARIED = re.compile(rf"{_BATCH.pattern}|{_SEED.pattern}", re.IGNORECASE)
_FIRST = re.compile(r"exp(?:eriment)?.?1(?!\d)", re.IGNORECASE)
BY_NAME = "What a run changed is taken from its name: a table of figures holds no settings."


def add(context: Context, sections: Mapping[str, SectionEvidence]) -> Said:
    """Answer what the author's tables state and no run measured; of the rest say what to run or import."""
    tables, table = sections["w2.s1"].tables, log.reported(context.runs, TABLE)
    if table is not None and all(one.id != TABLE for one in tables):
        tables.append(table)
    runs = [run for run in published.own(context) if published.stated(run)]
    if not runs:
        return Said()
    values = [one for run in runs for one in stated(run)]
    fill(sections, "w2.s1.e3", published.count_sentence(runs), *values, runs=runs, exhibits=(TABLE,))
    mine = [run for run in runs if run.manifest.week in (None, 2) and published.has(run, *SCORES)]
    pair, batch, seeds = weighting(mine), _named(mine, _BATCH), _named(mine, _SEED)
    if pair is not None:
        _weighting(sections, *pair)
    if batch is not None:
        _changed(sections, "w2.s3.e1", *batch)
    if seeds is not None:
        _changed(sections, "w2.s3.e2", *seeds)
        _floor(sections, *seeds)
    if batch is not None and seeds is not None:
        _ratio(sections, batch, seeds)
    if not context.runs.scored:
        _open(context, sections)
    return Said(
        published.highlighted(
            context,
            ("Macro F1 by weighting", difference(*pair, "macro_f1") if pair else None, "w2.s2.e1"),
            ("Macro F1 by batch size", difference(*batch, "macro_f1") if batch else None, "w2.s3.e1"),
            ("Macro F1 by seed", difference(*seeds, "macro_f1") if seeds else None, "w2.s3.e2"),
        ),
        published.notice(context, runs),
    )


def weighting(runs: list[Bundle]) -> tuple[Bundle, Bundle] | None:
    """Weighted and unweighted by their names, of one file where that has both; runs that vary more are left out."""
    plain = [run for run in runs if is_weighted(run) is False]
    weighted = [run for run in runs if is_weighted(run)]
    pairs = [(run, other) for run in weighted for other in plain]
    return min(pairs, key=lambda two: not published.together(*two), default=None)


def is_weighted(run: Bundle) -> bool | None:
    """Whether a name says that the classes were weighted; None where it does not tell."""
    name = run.manifest.model.name
    if name.casefold() in _COURSE:
        return _COURSE[name.casefold()]
    if _UNWEIGHTED.search(name):
        return False
    return True if _WEIGHTED.search(name) and not _VARIED.search(name) else None


def _named(runs: list[Bundle], pattern: re.Pattern[str]) -> tuple[Bundle, Bundle] | None:
    """A run whose name says this change, and the one of its file that it was set beside."""
    changed = [run for run in runs if pattern.search(run.manifest.model.name)]
    if len(changed) > 1 and published.together(changed[0], changed[1]) and _differ(pattern, changed[0], changed[1]):
        return changed[1], changed[0]
    for run in changed:
        others = [other for other in runs if other is not run and published.together(run, other)]
        plain = [other for other in others if not _VARIED.search(other.manifest.model.name)]
        first = [other for other in plain if _FIRST.search(other.manifest.model.name)]
        if len(first or plain) == 1:
            return run, (first or plain)[0]
    return None


def _differ(pattern: re.Pattern[str], one: Bundle, other: Bundle) -> bool:
    """Whether two names give this change different numbers, and any other change the same ones."""

    def numbers(of: re.Pattern[str], run: Bundle) -> list[str]:
        return of.findall(run.manifest.model.name)

    rest = [varied for varied in (_BATCH, _SEED) if varied is not pattern]
    return numbers(pattern, one) != numbers(pattern, other) and all(
        numbers(varied, one) == numbers(varied, other) for varied in rest
    )


def _weighting(sections: Mapping[str, SectionEvidence], run: Bundle, plain: Bundle) -> None:
    both = [plain, run]
    macro, accuracy = difference(run, plain, "macro_f1"), difference(run, plain, "accuracy")
    lab = [one.manifest.model.name for one in both if one.manifest.model.name.casefold() in _COURSE]
    caveats = [
        f"{' and '.join(lab)}: checkpoints of the course, scored by the author; by the course's description they "
        "differ in class weights."
        if lab
        else BY_NAME
    ]
    fill(
        sections,
        "w2.s2.e1",
        f"{difference_sentence(macro, published.figures(plain).macro_f1)} {difference_sentence(accuracy)}",
        *(one for each in both for one in stated(each, "accuracy", "macro_f1")),
        macro,
        accuracy,
        runs=both,
        caveats=caveats,
    )
    fill(
        sections,
        "w2.s2.e2",
        f"{published.net_sentence(run, plain)} Which classes these are, and how many were rescued and how many newly "
        "lost, takes predictions: the gross counts may exceed the net.",
        *(one for each in both for one in stated(each, "zero_f1")),
        published.net_rescued(run, plain),
        runs=both,
        caveats=caveats,
    )


def _changed(sections: Mapping[str, SectionEvidence], item: str, run: Bundle, reference: Bundle) -> None:
    both = [reference, run]
    macro, accuracy = difference(run, reference, "macro_f1"), difference(run, reference, "accuracy")
    fill(
        sections,
        item,
        f"{difference_sentence(macro, published.figures(reference).macro_f1)} {difference_sentence(accuracy)}",
        *(one for each in both for one in stated(each)),
        macro,
        accuracy,
        runs=both,
        caveats=[BY_NAME],
    )


def _ratio(sections: Mapping[str, SectionEvidence], batch: tuple[Bundle, Bundle], seeds: tuple[Bundle, Bundle]) -> None:
    sizes = [difference(*pair, "macro_f1").number for pair in (batch, seeds)]
    values: list[Value] = []
    if sizes[1]:
        values.append(derived(batch[0], "batch_to_seed_ratio", abs(sizes[0] / sizes[1]), "ratio"))
    fill(
        sections,
        "w2.s3.e3",
        f"|Δ| in macro F1 is {show_size(sizes[0], 'score')} for the batch size and {show_size(sizes[1], 'score')} for "
        "the seed, as stated.",
        *values,
        runs=list(dict.fromkeys([*batch, *seeds])),
        caveats=["One pair of seeds is one draw of the seed's effect.", "A ratio of rounded figures is rough."],
    )


def _floor(sections: Mapping[str, SectionEvidence], run: Bundle, reference: Bundle) -> None:
    size = abs(difference(run, reference, "macro_f1").number)
    fill(
        sections,
        "w2.s5.e3",
        f"Two seeds differ by {show(size, 'score')} in macro F1. The noise of the rows, the other part of a floor, "
        "takes predictions.",
        derived(run, "seed_difference", size, "score"),
        runs=[reference, run],
        caveats=["One pair of seeds is one draw: a spread needs three or more."],
    )


def _open(context: Context, sections: Mapping[str, SectionEvidence]) -> None:
    again = context.command("week2")
    settings = "A table of figures holds no settings, so it cannot show what a run changed; the stage stores them."
    for item in ("w2.s1.e1", "w2.s1.e2", "w2.s1.e4"):
        instead(sections, item, again, settings)
    tables = published.import_command(context, LAB, HOMEWORK)
    for item in ("w2.s2.e1", "w2.s2.e2"):
        instead(sections, item, tables, "No weighted run stands beside an unweighted one by their names.")
    instead(sections, "w2.s2.e3", again, "The files state neither class weights nor training rows of the classes.")
    for item, what in (("w2.s3.e1", "another batch size"), ("w2.s3.e2", "another seed")):
        instead(sections, item, tables, f"No name says {what} beside a first experiment of the same file.")
    instead(sections, "w2.s3.e3", tables, "It takes a pair of batch sizes and a pair of seeds.")
    instead(sections, "w2.s3.e4", again, "The files state neither batch sizes nor training rows.")
    predictions = published.import_command(context, "PREDICTIONS.npz", data=True)
    for item in (*(f"w2.s4.e{number}" for number in range(1, 5)), "w2.s5.e1", "w2.s5.e2"):
        why = "This takes predictions, not figures: import the labels and logits of the validation rows."
        instead(sections, item, predictions, why)
    instead(sections, "w2.s5.e3", tables, "No two seeds of one recipe are stated.")
    why = "Whether a difference clears the floor takes its interval: import the predictions of the runs."
    instead(sections, "w2.s5.e4", predictions, why)
