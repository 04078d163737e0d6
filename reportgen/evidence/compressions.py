"""Three compressions side by side: of labels, of weights, of knowledge; a number from each week that has one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import grid as grids
from .configurations import find_groups
from .context import Context, SectionEvidence
from .memory import Memory
from .model import Column, Scalar, Table, Value
from .numbers import listing, plural, show_interval, show_value
from .weighting import weighting_pair

if TYPE_CHECKING:
    from reportgen.bundle import Bundle

    from .grid import Grid
    from .students import Students
    from .transfer import Transfer

LABELS, WEIGHTS, KNOWLEDGE = "labels", "weights", "knowledge"
WEEKS = {1: LABELS, 2: LABELS, 5: WEIGHTS, 6: KNOWLEDGE}
"""The weeks each compression was studied in."""
_RECALLED = {
    1: ("macro_f1", "w1.s3", None),
    2: ("macro_f1", "w2.s2", True),
    5: ("macro_f1", "w5", True),
}
"""Figure, section and whether it is a difference, of weeks whose runs were not handed in."""
BUNDLES, RECALLED = "w6-compressions", "w6-recalled"


@dataclass(frozen=True)
class Line:
    """One number of one compression."""

    week: int
    what: str
    value: Value
    verdict: str = ""


def compressions_section(
    context: Context, students: Students, transfer: Transfer | None, grid: Grid | None
) -> SectionEvidence:
    """Section 4 of week 6."""
    found = SectionEvidence()
    lines = [*_labels(context), *_weighting(context), *_quantised(context), *_knowledge(transfer), *_settings(grid)]
    _table(found, lines)
    have = {line.week for line in lines}
    recalled = _recall(context.memory or Memory(), [week for week in WEEKS if week not in have], found)
    kinds = {WEEKS[line.week] for line in lines}
    lacking = [kind for kind in (LABELS, WEIGHTS, KNOWLEDGE) if kind not in kinds]
    if lines:
        gap = f" Nothing among the runs handed in on {listing(lacking)}." if lacking else ""
        found.answer(
            "w6.s4.e1",
            f"{_merges(context)} {plural(len(lines), 'number')} on {listing(sorted(kinds, key=_order))} from the runs "
            f"of this memo.{gap}",
            Value("compressions_measured", len(kinds), "count", split=context.runs.split),
            verification="bound",
            exhibits=(BUNDLES,),
            caveats=["Different weeks measured different models: the rows of the table are not one experiment."],
        )
    else:
        found.missing("w6.s4.e1", context.command("week6"), "No run shows any of the three.", verification="bound")
    weeks = sorted(have | recalled)
    absent = [week for week in WEEKS if week not in weeks]
    if not weeks:
        found.missing("w6.s4.e2", context.command("week6"), "No week left a number.", verification="bound")
    else:
        where = f" Of them from earlier memos: {listing([str(week) for week in sorted(recalled)])}." if recalled else ""
        found.answer(
            "w6.s4.e2",
            f"Numbers from {_weeks(weeks)}.{where}",
            Value("weeks_with_a_number", len(weeks), "count"),
            # Memos of earlier weeks are in no bundle.
            verification="declared" if recalled else "bound",
            exhibits=tuple(table.id for table in found.tables if recalled or table.id == BUNDLES),
            caveats=[_absent(context, absent)],
        )
    found.answer(
        "w6.s4.e3",
        "The author names the pair and argues about it; the table above gives each side's numbers.",
        verification="declared",
    )
    return found


def _order(kind: str) -> int:
    return (LABELS, WEIGHTS, KNOWLEDGE).index(kind)


def _weeks(weeks: list[int]) -> str:
    return f"{'week' if len(weeks) == 1 else 'weeks'} {listing([str(week) for week in weeks])}"


def _absent(context: Context, weeks: list[int]) -> str | None:
    if not weeks:
        return None
    memory = context.memory or Memory()
    places = " and ".join(memory.looked_in) or "no folder"
    runs = {WEEKS[week]: week for week in weeks}
    needed = listing([f"`reportgen run week{week}`" for week in sorted(runs.values())])
    return (
        f"Not measured: {_weeks(weeks)}. Pass runs of {needed}, or keep the twins week{weeks[0]}.json and so on in a "
        f"folder memos/ (looked in {places})."
    )


def _merges(context: Context) -> str:
    """How the label list came about, from the course's own data."""
    merged = [old for old, new in context.course.merge.items() if old != new]
    k = len(context.course.labels) if context.course.labels else None
    if not merged or k is None:
        return ""
    targets = len({context.course.merge[old] for old in merged})
    return f"The course's list has {k} labels: {plural(len(merged), 'old name')} counted as {targets} of them."


def _labels(context: Context) -> list[Line]:
    """Week 1: the label list, and what the bar never gets right on it."""
    runs, found = context.runs, []
    if runs.measured:
        lead = runs.baseline or runs.candidate or runs.measured[0]
        merged = sum(old != new for old, new in context.course.merge.items())
        k = len(lead.labels.names)
        own = context.course.labels is not None and lead.labels.names == context.course.labels
        what = f"Labels left after {plural(merged, 'merge')}" if own and merged else "Labels of the list"
        found.append(Line(1, what, Value("classes", k, "count", run=lead.run_id, field="labels.json")))
    if runs.baseline is not None:
        found.append(Line(1, "Labels the baseline never gets right", runs.value(runs.baseline, "zero_f1")))
    return found


def _weighting(context: Context) -> list[Line]:
    """Week 2: what weighting the merged labels did."""
    pair = weighting_pair(context, "encoder")
    if pair is None:
        return []
    value, difference = context.runs.difference(pair.run, pair.reference, "macro_f1")
    badge = "" if len(pair.changes) == 1 else f" ({pair.badge})"
    return [Line(2, f"Macro F1, class weights against none{badge}", value, difference.verdict)]


def _quantised(context: Context) -> list[Line]:
    """Week 5: each compressed run against its reference."""
    runs, found = context.runs, []
    for group in find_groups(runs):
        for one in group.compressed:
            if group.reference is None or runs.why_not(one.run, group.reference):
                continue
            value, difference = runs.difference(one.run, group.reference, "macro_f1")
            found.append(Line(5, f"Macro F1, {group.name}, {one.precision}", value, difference.verdict))
            sizes = [on_disk(run) for run in (one.run, group.reference)]
            if sizes[0] and sizes[1]:
                ratio = Value(
                    "weights_on_disk_ratio",
                    sizes[0] / sizes[1],
                    "ratio",
                    run=one.run.run_id,
                    field="latency.json",
                )
                found.append(Line(5, f"Weights on disk against {group.reference.run_id}", ratio))
    return found


def on_disk(run: Bundle) -> int | None:
    """Bytes of a run's weights on disk, if it recorded them."""
    records = run.latency.memory if run.latency else ()
    return next((record.bytes for record in records if record.kind == "weights_on_disk"), None)


def _knowledge(transfer: Transfer | None) -> list[Line]:
    """Week 6: macro F1, calibration error and log loss of the distilled student against vanilla."""
    if transfer is None:
        return []
    named = {"mean_f1": "Macro F1", "ece": "Calibration error", "nll": "Log loss"}
    return [
        Line(6, f"{named[one.metric]}, distilled against vanilla", one.values[2], one.difference.verdict)
        for metric in named
        for one in transfer.of(metric, "all")
    ]


def _settings(grid: Grid | None) -> list[Line]:
    if grid is None:
        return []
    value = Value("grid_spread_macro_f1", grids.spread(grid, "macro_f1"), "score", n=grid.tiers[-1].n)
    return [Line(6, f"Spread of macro F1 over {plural(len(grid.cells), 'setting')} of the grid", value)]


def _table(found: SectionEvidence, lines: list[Line]) -> None:
    if not lines:
        return
    rows: list[dict[str, Scalar | Value]] = [
        {
            "kind": WEEKS[line.week],
            "week": line.week,
            "what": line.what,
            "value": line.value,
            "runs": f"{line.value.run} − {line.value.baseline}" if line.value.baseline else line.value.run,
            "verdict": line.verdict,
        }
        for line in lines
    ]
    found.tables.append(
        Table(
            id=BUNDLES,
            caption="Three compressions, from the runs of this memo: labels (merged and dropped, weeks 1 and 2), "
            "weights (fewer bits, week 5), knowledge (a teacher's answers, week 6). Differences carry 95 % paired "
            "intervals.",
            columns=(
                Column("kind", "Compression of"),
                Column("week", "Week", "count"),
                Column("what", "What", wide=True),
                Column("value", "Number", "number"),
                Column("runs", "Run"),
                Column("verdict", "Verdict"),
            ),
            rows=tuple(rows),
            row_header="kind",
        )
    )


def _recall(memory: Memory, weeks: list[int], found: SectionEvidence) -> set[int]:
    """Figures of weeks without runs, from the author's earlier memos."""
    rows: list[dict[str, Scalar]] = []
    for week in weeks:
        if week not in _RECALLED:
            continue
        metric, section, difference = _RECALLED[week]
        for one in memory.values(week, metric, section=section, difference=difference)[:4]:
            value = one.value
            span = (
                f" {show_interval(value.interval, value.unit, signed=bool(value.baseline))}" if value.interval else ""
            )
            runs = f" ({value.run} − {value.baseline})" if value.baseline else f" ({value.run})" if value.run else ""
            said = f"macro F1 {show_value(value)}{span}{runs}"
            rows.append({"kind": WEEKS[week], "week": week, "said": said, "source": f"{one.source}, {one.item}"})
    if rows:
        found.tables.append(
            Table(
                id=RECALLED,
                caption="From the author's earlier memos, as they stand in the files named; their runs were not "
                "handed in with this memo.",
                columns=(
                    Column("kind", "Compression of"),
                    Column("week", "Week", "count"),
                    Column("said", "It says", wide=True),
                    Column("source", "Found in"),
                ),
                rows=tuple(rows),
                row_header="kind",
            )
        )
    return {int(row["week"]) for row in rows if isinstance(row["week"], int)}
