"""Figures without predictions: whose they are, where they stand, and how an item quotes them.

What the author's own files state answers an item that no run measured: declared, without interval and without verdict.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from reportgen.data.courses import COURSES

from .model import Column, Highlight, Scalar, Table, Unit, Value
from .numbers import as_number, listing, percent_change, plural, show, show_size
from .wording import metric_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reportgen.bundle import Bundle, Reported

    from .context import Context, SectionEvidence

    Sections = Mapping[str, SectionEvidence]

METRICS: dict[str, tuple[str, Unit]] = {
    "accuracy": ("accuracy", "fraction"),
    "macro_f1": ("macro_f1", "score"),
    "weighted_f1": ("weighted_f1", "score"),
    "zero_f1": ("zero_f1_classes", "count"),
    "ece": ("ece", "score"),
    "ece_scaled": ("ece_post", "score"),
}
"""What the memo calls a metric: the field of `reported.json`, and its unit."""
SCORES = ("accuracy", "macro_f1", "zero_f1")
FIELD = "reported.json"
NO_INTERVAL = "No interval: these are figures, not predictions."
AS_STATED = "as stated, not recomputed"
_ALIKE = 1e-12
_NOTEBOOK = "course "
"""How the importer's formats for the notebooks' own files begin."""


@dataclass(frozen=True)
class Said:
    """What stated figures add to a week's answer beside its sections."""

    highlights: tuple[Highlight, ...] = ()
    notices: tuple[str, ...] = ()


# --------------------------------------------------------------------------------------------------------- whose


def files(run: Bundle) -> dict[str, str]:
    """Name and sha256 of the files a bundle was imported from."""
    found = run.config.resolved.get("files")
    return {str(name): str(digest) for name, digest in found.items()} if isinstance(found, dict) else {}


def is_own(run: Bundle) -> bool:
    """Whether the author's own files state the figures, and no list of a course or source that a row names."""
    imported, form = files(run), str(run.config.resolved.get("format"))
    if form.startswith(_NOTEBOOK):
        return bool(imported)
    return bool(imported) and not figures(run).source and not _shipped() & set(imported.values())


@cache
def _shipped() -> frozenset[str]:
    """Digests of the lists of published figures that come with the courses."""
    return frozenset(hashlib.sha256(path.read_bytes()).hexdigest() for path in COURSES.glob("*/reported/*.csv"))


def own(context: Context, week: int | None = None) -> list[Bundle]:
    """Bundles of the author's stated figures; of one week, with those that name none."""
    found = [run for run in context.runs.reported if run.reported is not None and is_own(run)]
    return [run for run in found if week is None or run.manifest.week in (None, week)]


def origin(run: Bundle) -> str | None:
    """Where a bundle's figures stand: the source it names, else its files."""
    return figures(run).source or "; ".join(files(run)) or None


def names_of(runs: Iterable[Bundle]) -> list[str]:
    """The files some bundles were imported from, each once."""
    return list(dict.fromkeys(name for run in runs for name in files(run)))


def together(run: Bundle, other: Bundle) -> bool:
    """Whether one file states the figures of both."""
    return bool(set(files(run).items()) & set(files(other).items()))


# ------------------------------------------------------------------------------------------------------- figures


def figures(run: Bundle) -> Reported:
    """A bundle's stated figures."""
    assert run.reported is not None  # noqa: S101 - bundles of kind reported hold them
    return run.reported


def value(run: Bundle, metric: str) -> Value | None:
    """A stated figure, None where the file does not say it."""
    name, unit = METRICS[metric]
    stated = getattr(figures(run), name)
    return None if stated is None else derived(run, metric, stated, unit)


def derived(run: Bundle, metric: str, number: Scalar, unit: Unit) -> Value:
    """A figure that follows from what a bundle states."""
    return Value(metric, number, unit, run=run.run_id, n=figures(run).n, field=FIELD)


def stated(run: Bundle, *metrics: str) -> list[Value]:
    """Those of the figures that are there."""
    return [found for metric in metrics or SCORES if (found := value(run, metric)) is not None]


def has(run: Bundle, *metrics: str) -> bool:
    """Whether all of these figures are stated."""
    return all(value(run, metric) is not None for metric in metrics)


def difference(run: Bundle, baseline: Bundle, metric: str) -> Value:
    """`run` − `baseline` of two stated figures: no interval, no verdict."""
    name, unit = METRICS[metric]
    delta = getattr(figures(run), name) - getattr(figures(baseline), name)
    return Value(metric, delta, unit, run=run.run_id, baseline=baseline.run_id, field=FIELD)


def difference_sentence(found: Value, before: float | None = None, metric: str = "") -> str:
    """A declared difference in words, with the change in per cent where the figure before is given."""
    delta, metric = found.number, metric or metric_name(found.metric)
    metric = f"{metric[0].upper()}{metric[1:]}"
    if abs(delta) < _ALIKE:
        return f"{metric} is stated alike for {found.run} and {found.baseline}."
    size = show_size(delta, found.unit).replace("pp", "points")
    change = "" if before is None else f" ({percent_change(delta, before)})"
    way = "higher" if delta > 0 else "lower"
    return f"{metric} is stated {size} {way} for {found.run} than for {found.baseline}{change}."


def net_sentence(run: Bundle, baseline: Bundle) -> str:
    """Zero-F1 classes before and after, and the net that follows."""
    before, after = figures(baseline).zero_f1_classes or 0, figures(run).zero_f1_classes or 0
    return (
        f"Classes at F1 = 0: {before} under {baseline.run_id}, {after} under {run.run_id}, "
        f"net {show(before - after, 'count', signed=True)}."
    )


def net_rescued(run: Bundle, baseline: Bundle) -> Value:
    """Classes that left zero, less those that fell to it: all that two counts can tell."""
    net = (figures(baseline).zero_f1_classes or 0) - (figures(run).zero_f1_classes or 0)
    return derived(run, "net_rescued", net, "count")


def class_f1(run: Bundle) -> NDArray[np.float64] | None:
    """F1 of every label, (K,), where the file lists it for the whole label list."""
    listed = figures(run).extra.get("per_class_f1")
    if not isinstance(listed, list) or len(listed) != len(run.labels.names) or not listed:
        return None
    numbers = [number for one in listed if (number := as_number(one)) is not None and 0 <= number <= 1]
    return np.array(numbers) if len(numbers) == len(listed) else None


# --------------------------------------------------------------------------------------------------------- items


def as_stated(runs: Sequence[Bundle]) -> str:
    """The caveat of every declared item."""
    return f"As stated in {listing(names_of(runs), 4) or 'the bundle'}, not recomputed. {NO_INTERVAL}"


def is_open(sections: Sections, item: str) -> bool:
    """Whether no run measured the item and nothing stated answers it yet."""
    return sections[item.rpartition(".")[0]].items[item].missing is not None


def fill(
    sections: Sections,
    item: str,
    sentence: str,
    *values: Value,
    runs: Sequence[Bundle],
    exhibits: Sequence[str] = (),
    caveats: Sequence[str | None] = (),
) -> None:
    """Answer an open item from what files state; a measured answer stays."""
    if is_open(sections, item):
        sections[item.rpartition(".")[0]].answer(
            item,
            sentence,
            *values,
            verification="declared",
            exhibits=exhibits,
            caveats=[as_stated(runs), *caveats],
        )


def instead(sections: Sections, item: str, command: str, why: str) -> None:
    """Say of an item that is still open what to run or import, and why the files at hand do not do."""
    if is_open(sections, item):
        sections[item.rpartition(".")[0]].missing(item, command, why)


def import_command(context: Context, *names: str, data: bool = False) -> str:
    """The command that brings in further files of the notebooks; predictions need the data they were made on."""
    source = " --data SOURCE" if data else ""
    return f"reportgen bundle import {' '.join(names)}{source} --course {context.course.name} --out RUNS"


def notice(context: Context, runs: Sequence[Bundle]) -> tuple[str, ...]:
    """What a page is, whose figures are all somebody's word."""
    if context.runs.scored or not runs:
        return ()
    files_ = listing(names_of(runs), 4)
    said = f"Built from figures stated in {files_}. No predictions are at hand: nothing here is recomputed or has an"
    return (f"{said} interval, and no difference is said to hold.",)


def highlighted(context: Context, *chosen: tuple[str, Value | None, str]) -> tuple[Highlight, ...]:
    """Figures for the head of a memo without runs."""
    if context.runs.scored:
        return ()
    return tuple(Highlight(label, found, item, AS_STATED) for label, found, item in chosen if found is not None)


# --------------------------------------------------------------------------------------------------------- table


def reported_table(reported: Sequence[Bundle], table_id: str) -> Table | None:
    """All figures without predictions, kept apart from everything measured; columns nobody filled are left out."""
    shown = [run for run in reported if run.reported is not None]
    if not shown:
        return None
    rows = [_row(run) for run in shown]
    columns = [
        Column("run", "Name"),
        Column("model", "Model"),
        Column("accuracy", "Accuracy", "fraction"),
        Column("macro_f1", "Macro F1", "score"),
        Column("weighted_f1", "Weighted F1", "score"),
        Column("zero_f1", "Zero-F1", "count"),
        Column("ece", "ECE", "score"),
        Column("ece_scaled", "ECE scaled", "score"),
        Column("latency", "Latency", "ms"),
        Column("mode", "its mode"),
        Column("minutes", "Minutes for 64,000", "number"),
        Column("time", "Training", "seconds"),
        Column("n", "n", "count"),
        Column("source", "Source", wide=True),
    ]
    mine = [is_own(run) for run in shown]
    # A notebook's file names no model beside the run.
    rows = [{**row, "model": None} for row in rows] if all(mine) else rows
    columns = [column for column in columns if any(row[column.key] is not None for row in rows)]
    notes = [str(flag) for run in shown for flag in figures(run).extra.get("flags", [])]
    if silent := [run.run_id for run in shown if figures(run).n is None]:
        notes.append(f"Not stated on how many rows: {listing(silent, 3)}.")
    if digests := _digests([run for run, own_ in zip(shown, mine, strict=True) if own_]):
        notes.append(f"First 12 digits of the files' sha256: {digests}.")
    return Table(
        id=table_id,
        caption=_caption(mine),
        columns=tuple(columns),
        rows=tuple({column.key: row[column.key] for column in columns} for row in rows),
        row_header="run",
        notes=tuple(dict.fromkeys(notes)),
        reported=True,
    )


def _digests(runs: Sequence[Bundle]) -> str:
    found = {name: digest for run in runs for name, digest in files(run).items()}
    return ", ".join(f"{name} {digest[:12]}" for name, digest in found.items())


def _row(run: Bundle) -> dict[str, Scalar]:
    said = figures(run)
    return {
        "run": run.run_id,
        "model": run.manifest.model.name,
        **{metric: getattr(said, name) for metric, (name, _) in METRICS.items()},
        "latency": said.latency_ms,
        "mode": (said.latency_mode or "unknown") if said.latency_ms is not None else None,
        "minutes": said.minutes_per_64k,
        "time": as_number(said.extra.get("train_time_sec")),
        "n": said.n,
        "source": origin(run),
    }


def _caption(mine: Sequence[bool]) -> str:
    beside = "They stand beside measured runs and are never compared with them."
    if all(mine):
        return f"Stated in the author's files, not recomputable: figures without predictions. {beside}"
    if not any(mine):
        return f"Reported, not recomputable: figures published by others, without predictions. {beside}"
    return (
        "Not recomputable: figures without predictions, stated in the author's files or published by others, as the "
        f"source says. {beside}"
    )


def count_sentence(runs: Sequence[Bundle]) -> str:
    """How many runs files state figures of."""
    return f"Figures of {plural(len(runs), 'run')}, one row each."
