"""Week 5's first section: every model in every precision, what it scores and what it costs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from . import tradeoffs
from .configurations import COMPRESSED, configurations, lacking
from .context import Context, SectionEvidence
from .model import Column, Scalar, Table, Value
from .numbers import listing, plural, show
from .runs import hardware
from .timings import latency_table, timings, unquiet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reportgen.bundle import Bundle

    from .configurations import Group
    from .runs import Runs
    from .timings import Timing
    from .tradeoffs import Plane

STAGE = "week5"
_SOFTWARE = ("torch", "transformers", "bitsandbytes", "onnxruntime", "peft")
_LEAST = 0.02
"""A change of memory below this share is not worth a sentence."""


def frontier_section(context: Context, groups: Sequence[Group]) -> SectionEvidence:
    """Section w5.s1."""
    found, runs = SectionEvidence(), context.runs
    members = configurations(groups)
    table = _table(runs, groups)
    found.tables.append(table)
    gaps = lacking(groups)
    rows, said = _relative(groups)
    relative = _relative_table(rows, "w5-relative")
    found.tables += [relative] if relative is not None else []
    found.answer(
        "w5.s1.e1",
        f"{plural(len(members), 'configuration')} on the same rows. " + said,
        *(runs.value(member.run, "macro_f1") for member in members),
        exhibits=(table.id, *([relative.id] if relative is not None else [])),
        caveats=[
            f"Not measured: {listing(gaps, 6)}. Run `{context.command(STAGE)}`." if gaps else None,
            unquiet([one for one in timings([m.run for m in members]) if one.record.scenario == "offline"]),
            *(_partial(runs, member.run) for member in members),
        ],
    )
    planes = tradeoffs.planes(runs, members)
    if not planes:
        why = "No two configurations hold a record of time or memory taken alike, so there is no frontier to draw."
        for item in ("w5.s1.e2", "w5.s1.e3"):
            found.missing(item, context.command(STAGE), why, verification="declared")
    else:
        _frontiers(found, groups, planes)
    if timed := timings([member.run for member in members], parts=True):
        found.tables.append(replace(latency_table(timed, "w5-latency"), folded_after=0))
    _hardware(context, found, [member.run for member in members])
    return found


def _partial(runs: Runs, run: Bundle) -> str | None:
    reasons = runs.partial(run)
    return f"{run.run_id} is not a complete run: {listing(reasons)}." if reasons else None


def _table(runs: Runs, groups: Sequence[Group]) -> Table:
    rows: list[dict[str, Scalar | Value]] = []
    batches, devices = set(), {hardware(member.run) for member in configurations(groups)}
    for group in groups:
        for member in group.members:
            costs: dict[str, Scalar | Value] = {"offline": None, "single": None}
            for one in timings([member.run]):
                key = "offline" if one.record.scenario == "offline" else "single"
                costs[key] = costs[key] or one.value()
                batches |= {one.record.batch_size} if key == "offline" else set()
            memory = {kind: value for value, kind, _ in reversed(tradeoffs.memory(member.run))}
            rows.append(
                {
                    "run": member.name,
                    "model": f"{group.name}, {member.precision}",
                    **{metric: runs.value(member.run, metric) for metric in ("accuracy", "macro_f1", "zero_f1")},
                    **costs,
                    "peak": memory.get("peak"),
                    "disk": memory.get("disk"),
                    "device": hardware(member.run) if len(devices) > 1 else None,
                }
            )
    batch = f", batch {batches.pop()}" if len(batches) == 1 else ", batch sizes differ" if batches else ""
    columns = [
        Column("run", "Run"),
        Column("model", "Model, precision"),
        Column("accuracy", "Accuracy", "fraction"),
        Column("macro_f1", "Macro F1", "score"),
        Column("zero_f1", "Zero-F1", "count"),
        Column("offline", f"Offline{batch}", "ms"),
        Column("single", "Single-stream", "ms"),
        Column("peak", "Peak memory", "bytes"),
        Column("disk", "Weights on disk", "bytes"),
        Column("device", "Ran on"),
    ]
    columns = [column for column in columns if any(row[column.key] is not None for row in rows)]
    shown = [column.key for column in columns]
    peaks = [value.metric for row in rows if isinstance(value := row.get("peak"), Value)]
    kinds = sorted({metric.removeprefix("memory_").replace("_", " ") for metric in peaks})
    n = runs.scores(groups[0].members[0].run).n
    return Table(
        id="w5-configurations",
        caption=f"Every configuration on {runs.split}, n = {n:,}. Brackets: 95 % intervals of each run by itself; "
        "changes by precision need the paired intervals of section 2. Latencies are medians an example"
        + (f"; peak memory: {listing(kinds)}, in decimal units." if kinds else "."),
        columns=tuple(columns),
        rows=tuple({key: row[key] for key in shown} for row in rows),
        row_header="run",
    )


def _relative(groups: Sequence[Group]) -> tuple[list[dict[str, Scalar]], str]:
    """What each compressed configuration takes of its reference's time and memory: measured alike, or nothing."""
    rows: list[dict[str, Scalar]] = []
    said = []
    for group in groups:
        for member in group.compressed:
            assert group.reference is not None  # noqa: S101 - for the type checker: nothing is compressed without one
            found = _times(group.reference, member.run) | _memories(group.reference, member.run)
            rows.append({"run": member.name, "reference": group.reference.run_id, **found})
            parts = [
                f"{found[key]} the {word}" for key, word in (("offline", "time"), ("peak", "memory")) if key in found
            ]
            if parts:
                said.append(f"{member.name} takes {listing(parts)} of {group.reference.run_id}")
    return rows, f"Offline, {'; '.join(said)}." if said else ""


def _relative_table(rows: list[dict[str, Scalar]], table_id: str) -> Table | None:
    words = {
        "offline": "Time, offline",
        "single-stream": "Time, single-stream",
        "peak": "Peak memory",
        "disk": "On disk",
    }
    kinds = [kind for kind in words if any(kind in row for row in rows)]
    if not kinds:
        return None
    return Table(
        id=table_id,
        caption="Time and memory as a multiple of the same model in its reference precision: above 1 takes more. Only "
        "records taken alike are divided (mode, batch size, device, padding). ≈: the intervals of the two medians "
        f"overlap, or memory differs by less than {show(_LEAST, 'fraction')}.",
        columns=(
            Column("run", "Run"),
            Column("reference", "Reference"),
            *(Column(kind, words[kind], "number") for kind in kinds),
        ),
        rows=tuple({**dict.fromkeys(kinds), **row} for row in rows),
        row_header="run",
    )


def _times(reference: Bundle, run: Bundle) -> dict[str, Scalar]:
    found: dict[str, Scalar] = {}
    for mode in ("offline", "single-stream"):
        pair = _pair(timings([reference]), timings([run]), mode)
        if pair is None:
            continue
        before, after = (one.value().interval for one in pair)
        apart = bool(before and after and (after.high < before.low or after.low > before.high))
        found[mode] = f"{'' if apart else '≈ '}{show(pair[1].median / pair[0].median, 'ratio')}"
    return found


def _pair(ours: Sequence[Timing], theirs: Sequence[Timing], mode: str) -> tuple[Timing, Timing] | None:
    """The first two records of a mode that were taken alike."""
    return next(
        (
            (one, other)
            for one in ours
            for other in theirs
            if one.record.scenario == other.record.scenario == mode and tradeoffs.alike(one) == tradeoffs.alike(other)
        ),
        None,
    )


def _memories(reference: Bundle, run: Bundle) -> dict[str, Scalar]:
    before = {value.metric: (value, device) for value, _, device in tradeoffs.memory(reference)}
    found: dict[str, Scalar] = {}
    for value, kind, device in tradeoffs.memory(run):
        other, place = before.get(value.metric, (None, None))
        if other is None or place != device or not other.value:
            continue
        ratio = value.number / other.number
        found[kind] = f"{'≈ ' if abs(ratio - 1) < _LEAST else ''}{show(ratio, 'ratio')}"
    return found


def _frontiers(found: SectionEvidence, groups: Sequence[Group], planes: list[Plane]) -> None:
    members = configurations(groups)
    table = tradeoffs.frontier_table(members, planes, "w5-frontier")
    drawn = [plane for plane in planes if len(plane.cost) > 2] or planes
    figure = tradeoffs.tradeoff_figure(members, drawn, "w5-frontiers")
    found.figures.append(figure)
    found.tables.append(table)
    kinds = {plane.kind for plane in planes}
    absent = [words for kind, words in tradeoffs.KINDS.items() if kind not in kinds and kind != "disk"]
    found.answer(
        "w5.s1.e2",
        tradeoffs.plane_sentences(drawn),
        verification="declared",
        exhibits=(figure.id, table.id),
        caveats=[
            "Times and memory are taken from the bundles as measured; macro F1 follows from the predictions.",
            f"No frontier for {listing(absent)}: no two records of it were taken alike." if absent else None,
        ],
    )
    _pair_named(found, planes, table.id)


def _pair_named(found: SectionEvidence, planes: list[Plane], table: str) -> None:
    """One configuration that dominates and one that is dominated, first where time and memory agree."""
    votes: dict[tuple[str, str], list[Plane]] = {}
    for plane in planes:
        for name, by in plane.strict.items():
            if by:
                votes.setdefault((name, by), []).append(plane)
    if not votes:
        found.answer(
            "w5.s1.e3",
            "No configuration is dominated: each is the best in macro F1 at its time and memory.",
            verification="declared",
            exhibits=(table,),
        )
        return
    (name, by), where = max(
        votes.items(), key=lambda entry: (len(entry[1]), any(p.kind == "offline" for p in entry[1]))
    )
    plane = where[0]
    costs = listing([one.what for one in where], 4)
    noise = [one.what for one in where if one.loose[name]]
    everywhere = [
        other for other in planes[0].strict if all(other not in p.strict or not p.strict[other] for p in planes)
    ]
    found.answer(
        "w5.s1.e3",
        f"{by} dominates {name}: macro F1 at least as high at a lower cost, by {costs}. "
        + (
            f"Beyond noise that holds by {listing(noise, 4)}."
            if noise
            else "The lead in macro F1 or in cost lies within noise on each of these."
        )
        + (f" Never dominated: {listing(everywhere, 8)}." if everywhere else ""),
        plane.f1[by],
        plane.cost[by],
        plane.f1[name],
        plane.cost[name],
        verification="declared",
        exhibits=(table,),
    )


def _hardware(context: Context, found: SectionEvidence, runs: Sequence[Bundle]) -> None:
    devices: dict[str, list[str]] = {}
    for run in runs:
        info = run.manifest.hardware
        if info is not None:
            capability = f", compute capability {info.capability}" if info.capability else ""
            devices.setdefault(f"{hardware(run)}{capability}", []).append(run.run_id)
    if not devices:
        found.missing(
            "w5.s1.e4",
            context.command(STAGE),
            "No run says what it was made on: predictions alone do not.",
            verification="declared",
        )
        return
    everywhere = len(devices) == 1
    said = [name if everywhere else f"{name} ({listing(names, 8)})" for name, names in devices.items()]
    versions: dict[str, set[str]] = {}
    for run in runs:
        for name in _SOFTWARE:
            if name in run.manifest.environment:
                versions.setdefault(name, set()).add(run.manifest.environment[name])
    software = [f"{name} {listing(sorted(found_))}" for name, found_ in versions.items()]
    silent = [run.run_id for run in runs if run.manifest.hardware is None]
    compressed = any(run.manifest.model.precision in COMPRESSED for run in runs)
    found.answer(
        "w5.s1.e4",
        f"{'; '.join(said)}." + (f" Software: {listing(software, 6)}." if software else ""),
        verification="declared",
        caveats=[
            "The order of precisions by time belongs to this device and these kernels; another device may reverse it."
            if compressed
            else None,
            f"{listing(silent)} did not say what it ran on." if silent else None,
        ],
    )
