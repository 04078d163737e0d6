"""Week 4 from the notebooks' result files: slices, calibration, tail errors and the bootstrap as they are stated."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from reportgen.bundle.limits import MAX_ROWS

from . import log, published
from .model import Column, Scalar, Table, Value
from .numbers import as_number, listing, plural, show, show_value
from .published import Said, derived, difference, difference_sentence, fill, instead, stated

if TYPE_CHECKING:
    from reportgen.bundle import Bundle

    from .context import Context, SectionEvidence

    Sections = Mapping[str, SectionEvidence]

PREDICTIONS = "week4_lab_predictions.npz"
LAB, HOMEWORK = "week4_lab_results.json", "week4_homework_results.json"
ENOUGH = 4
"""Axes the rubric asks for."""
_ERROR = {"ece": "calibration error before scaling", "ece_scaled": "calibration error after scaling"}
_TIERS = ("head", "mid", "tail")


def add(context: Context, sections: Sections) -> Said:
    """Answer what the author's files state and no run measured; of the rest say what to import."""
    if (table := log.reported(context.runs, "w4-reported")) is not None:
        sections["w4.s2"].tables.append(table)
    runs = published.own(context, 4)
    encoder, decoder = _of(runs, "encoder"), _of(runs, "decoder")
    if not runs:
        return Said()
    _calibration(sections, [run for run in (encoder, decoder) if run is not None])
    if encoder is not None and decoder is not None:
        _order(sections, encoder, decoder)
    shared = next((run for run in runs if _slices(run)), None)
    if shared is not None:
        names = [one.run_id if one else f"{kind}, stated" for kind, one in (("encoder", encoder), ("decoder", decoder))]
        _axes(sections, shared, (names[0], names[1]))
    _tail(sections, runs)
    _bootstrap(context, sections, runs)
    _support(sections, runs)
    if not context.runs.scored:
        _open(context, sections)
    heads = [(f"ECE, {kind}", run) for kind, run in (("encoder", encoder), ("decoder", decoder)) if run is not None]
    chosen = [(label, published.value(run, "ece"), "w4.s2.e1") for label, run in heads]
    return Said(published.highlighted(context, *chosen), published.notice(context, published.own(context)))


def _of(runs: list[Bundle], family: str) -> Bundle | None:
    pool = [run for run in runs if run.manifest.model.family == family and run.manifest.week == 4]
    named = [run for run in pool if run.manifest.model.name.startswith(family)]
    return next(iter(named or pool), None)


# ---------------------------------------------------------------------------------------------------- calibration


def _calibration(sections: Sections, both: list[Bundle]) -> None:
    before, after = ([run for run in both if published.has(run, metric)] for metric in ("ece", "ece_scaled"))
    other = [_own_start(run) for run in after]
    for item, known, metric, when, extra in (
        ("w4.s2.e1", before, "ece", "Before scaling", []),
        ("w4.s2.e2", after, "ece_scaled", "After scaling", other),
    ):
        if known:
            said = [f"{run.run_id} {show(stated(run, metric)[0].value, 'score')}" for run in known]
            values = [one for run in known for one in stated(run, metric)]
            sentence = f"{when}, as stated: {listing(said)}."
            fill(sections, item, sentence, *values, runs=known, caveats=[_lacking(known, both), *extra])
    warm = [(run, t) for run in both if (t := _number(run, r"(^|\.)(t|temperature|t_opt)$")) is not None]
    if warm:
        fill(
            sections,
            "w4.s2.e3",
            "; ".join(f"{run.run_id} has T = {t:g}" for run, t in warm) + ", as stated.",
            *(derived(run, "temperature", t, "number") for run, t in warm),
            runs=[run for run, _ in warm],
            caveats=[_lacking([run for run, _ in warm], both)],
        )
    scaled = [(run, _number(run, r"f1_(pre|before)$"), _number(run, r"f1_(post|after)$")) for run in both]
    same = [(run, a, b) for run, a, b in scaled if a is not None and b is not None]
    if same:
        fill(
            sections,
            "w4.s2.e4",
            "; ".join(f"{run.run_id} {show(a, 'score')} before, {show(b, 'score')} after" for run, a, b in same) + ".",
            *(derived(run, "macro_f1_scaled", b, "score") for run, _, b in same),
            runs=[run for run, _, _ in same],
        )


def _own_start(run: Bundle) -> str | None:
    """The error before scaling where a temperature's own file states another one: it was taken on other rows."""
    before, said = _number(run, r"(temperature|calib|split_val).*(pre|before)$"), published.figures(run).ece
    if before is None or said is None or before == said:
        return None
    return (
        f"{run.run_id}: beside the temperature stands {show(before, 'score')} before scaling. That, not "
        f"{show(said, 'score')}, is what the error after scaling is to be set against."
    )


def _lacking(known: list[Bundle], both: list[Bundle]) -> str | None:
    lacking = [run.run_id for run in both if run not in known]
    return f"Not stated for {listing(lacking)}." if lacking else "Of one model only." if len(known) < 2 else None


def _order(sections: Sections, encoder: Bundle, decoder: Bundle) -> None:
    both = [encoder, decoder]
    known = [metric for metric in ("ece", "ece_scaled") if all(published.has(run, metric) for run in both)]
    if known:
        gaps = [difference(decoder, encoder, metric) for metric in known]
        fill(
            sections,
            "w4.s2.e5",
            " ".join(difference_sentence(gap, metric=_ERROR[gap.metric]) for gap in gaps),
            *gaps,
            runs=both,
            caveats=[
                "Lower is better. Which of the two would stay ahead on other rows, figures cannot tell.",
                None if len(known) == 2 else "The ranking after scaling is not stated for both.",
            ],
        )


# --------------------------------------------------------------------------------------------------------- slices


NAME, SLICES = 80, 200
"""Letters of an axis or slice, and slices, that a file may state: more is no table of slices."""


def _slices(run: Bundle) -> list[dict[str, Any]]:
    """The rows of a slice table that name an axis, a slice and both F1s."""
    shared = published.figures(run).extra.get("shared")
    table = shared.get("slice_table") if isinstance(shared, dict) else None
    rows = table if isinstance(table, list) else []
    found = []
    for row in rows:
        if not (isinstance(row, dict) and row.get("axis") and row.get("slice")):
            continue
        n, scores = row.get("n"), (row.get("encoder_f1"), row.get("decoder_f1"))
        if _within(n, 1, MAX_ROWS) and all(_within(one, 0, 1) for one in scores):
            found.append({**row, "axis": str(row["axis"])[:NAME], "slice": str(row["slice"])[:NAME]})
    return found[:SLICES]


def _axes(sections: Sections, run: Bundle, names: tuple[str, str]) -> None:
    """The slice table of one bundle; `names` of encoder and decoder."""
    if not published.is_open(sections, "w4.s1.e1"):
        return
    rows = [{**row, "gap": float(row["decoder_f1"]) - float(row["encoder_f1"])} for row in _slices(run)]
    axes: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        axes.setdefault(str(row["axis"]), []).append(row)
    table = Table(
        id="w4-slices-stated",
        caption="Macro F1 over the classes seen in each slice, as stated; difference: decoder − encoder. Exploratory: "
        f"the axes were looked at together. {published.NO_INTERVAL}",
        columns=(
            Column("slice", "Slice"),
            Column("axis", "Axis"),
            Column("n", "n", "count"),
            Column("encoder", "Encoder", "score"),
            Column("decoder", "Decoder", "score"),
            Column("gap", "Difference"),
        ),
        rows=tuple(
            {
                "slice": str(row["slice"]),
                "axis": str(row["axis"]),
                "n": int(row["n"]),
                "encoder": float(row["encoder_f1"]),
                "decoder": float(row["decoder_f1"]),
                "gap": show(row["gap"], "score", signed=True),
            }
            for row in rows
        ),
        row_header="slice",
        reported=True,
    )
    sections["w4.s1"].tables.append(table)
    shared: dict[str, Any] = {"runs": [run], "exhibits": (table.id,)}
    few = None if len(axes) >= ENOUGH else f"The section asks for {ENOUGH} axes."
    sentence = f"{plural(len(axes), 'axis', 'axes')}: {listing(list(axes), 6)}."
    fill(sections, "w4.s1.e1", sentence, derived(run, "slice_axes", len(axes), "count"), caveats=[few], **shared)
    fill(sections, "w4.s1.e2", f"Encoder and decoder on {plural(len(rows), 'slice')}.", **shared)
    low, high = (pick(rows, key=lambda row: row["n"]) for pick in (min, max))
    sizes = f"From {_sized(low)} to {_sized(high)}." if len(rows) > 1 else f"One slice of {_sized(low)}."
    fill(sections, "w4.s1.e3", sizes, **shared)
    ends = [pick(rows, key=lambda row: row["gap"]) for pick in (min, max)]
    spread = f"from {_gap(ends[0])}, to {_gap(ends[1])}" if len(rows) > 1 else _gap(ends[0])
    fill(
        sections,
        "w4.s1.e4",
        f"Decoder − encoder: {spread}. Which of them hold, takes predictions.",
        **shared,
    )
    widest = {name: max(part, key=lambda row: abs(row["gap"])) for name, part in axes.items()}
    strongest = max(widest.values(), key=lambda row: abs(row["gap"]))
    caveat = "Named by the largest stated gap, which is no test: the largest of many is flattered."
    sentence = f"{strongest['axis']}: {_gap(strongest)}."
    fill(sections, "w4.s1.e5", sentence, _slice_value(names, strongest), caveats=[caveat], **shared)
    if len(axes) > 1:
        quiet = min(widest.values(), key=lambda row: abs(row["gap"]))
        caveat = "Named by the smallest of the axes' largest gaps; a small gap is not proof of none."
        sentence = f"{quiet['axis']}: {_gap(quiet)}."
        fill(sections, "w4.s1.e6", sentence, _slice_value(names, quiet), caveats=[caveat], **shared)


def _sized(row: Mapping[str, Any]) -> str:
    return f"{int(row['n']):,} rows ({row['axis']}: {row['slice']})"


def _gap(row: Mapping[str, Any]) -> str:
    return f"{show(row['gap'], 'score', signed=True)} on {row['slice']}, n = {int(row['n']):,}"


def _slice_value(names: tuple[str, str], row: Mapping[str, Any]) -> Value:
    name, (encoder, decoder) = f"slice_f1.{row['axis']}.{row['slice']}", names
    return Value(name, row["gap"], "score", run=decoder, baseline=encoder, n=int(row["n"]), field=published.FIELD)


# ------------------------------------------------------------------------------------------------- tail and noise


def _tail(sections: Sections, runs: list[Bundle]) -> None:
    """Where errors on tail classes land: shares, per cent or counts, whichever the file writes."""
    said, values, stating = [], [], []
    for run in runs:
        found = {tier: n for tier in _TIERS if (n := _number(run, rf"tail.*\.(.*_)?{tier}(_.*)?$")) is not None}
        if len(found) < len(_TIERS) or not (total := sum(found.values())) > 0:
            continue
        shares = {tier: number / total for tier, number in found.items()}
        values += [derived(run, f"tail_errors_to_{tier}", share, "fraction") for tier, share in shares.items()]
        parts = [f"{tier} {show(share, 'fraction')}" for tier, share in shares.items()]
        said.append(f"{run.run_id}: {listing(parts)}")
        stating.append(run)
    if said:
        fill(sections, "w4.s3.e1", f"Tail errors land as stated: {'; '.join(said)}.", *values, runs=stating)


def _bootstrap(context: Context, sections: Sections, runs: list[Bundle]) -> None:
    for run in runs:
        ends = _ends(run)
        if ends is None:
            continue
        low, high = ends
        span = f"[{show(low, 'score', signed=True)}, {show(high, 'score', signed=True)}]"
        gap = _macro_gap(context)
        values = [] if gap is None else [gap]
        head = "" if gap is None else f"The macro F1s stated differ by {show_value(gap)}. "
        fill(
            sections,
            "w4.s4.e1",
            f"{head}The notebook's own 95 % interval of decoder − encoder is stated as {span}.",
            *values,
            runs=[run],
            caveats=["Its resamples are not at hand: neither the interval nor what it says is checked here."],
        )
        near = min(abs(low), abs(high))
        zero = "holds zero" if low <= 0 <= high else f"lies {show(near, 'score')} from zero at its nearer end"
        fill(
            sections,
            "w4.s4.e4",
            f"The interval stated, {span}, {zero}.",
            *(derived(run, name, end, "score") for name, end in (("stated_low", low), ("stated_high", high))),
            runs=[run],
        )
        break
    for run in runs:
        share = _number(run, r"bootstrap.*(positive|gt_?0|greater|share)")
        if share is not None and 0 <= share <= 100:
            share = share / 100 if share > 1 else share
            said = f"Decoder above encoder in {show(share, 'fraction')} of the notebook's resamples, as stated."
            fill(sections, "w4.s4.e2", said, derived(run, "share_positive", share, "fraction"), runs=[run])
            break


def _macro_gap(context: Context) -> Value | None:
    """The difference of the macro F1s that week 3's or 4's files state."""
    for week in (4, 3):
        known = [run for run in published.own(context) if run.manifest.week == week and published.has(run, "macro_f1")]
        by_name = {run.manifest.model.name.removesuffix(" lora"): run for run in known}
        if {"encoder", "decoder"} <= by_name.keys():
            return difference(by_name["decoder"], by_name["encoder"], "macro_f1")
    return None


def _ends(run: Bundle) -> tuple[float, float] | None:
    """Ends of the bootstrap interval of the difference: a list of two, or two numbers."""
    for name, value in _leaves(published.figures(run).extra):
        pair = value if isinstance(value, list) and len(value) == 2 and None not in map(as_number, value) else None
        if pair and pair[0] <= pair[1] and re.search(r"bootstrap.*diff.*(ci|interval)", name):
            return float(pair[0]), float(pair[1])
    low, high = (_number(run, rf"bootstrap.*diff.*{end}") for end in ("(low|lo|2_?5)", "(high|hi|97_?5)"))
    return (low, high) if low is not None and high is not None and low <= high else None


def _support(sections: Sections, runs: list[Bundle]) -> None:
    """Classes by rows from a stated histogram whose keys are counts of rows, such as `1`, `3-4` or `n=2`."""
    for run in runs:
        bins: dict[tuple[int, int], int] = {}
        for name, value in _leaves(published.figures(run).extra):
            head, _, last = name.rpartition(".")
            found = re.fullmatch(r"(?:n_?)?(\d+)(?:_(\d+))?", last)
            if re.search(r"histogram|support", head) and found and as_number(value) is not None:
                bins[int(found[1]), int(found[2] or found[1])] = int(value)  # type: ignore[arg-type]
        few = sum(count for (_, high), count in bins.items() if high <= 4)
        if bins and any(high == 4 for _, high in bins):
            said = f"{few} of {sum(bins.values())} classes have four rows or fewer, by the histogram stated."
            fill(sections, "w4.s4.e3", said, derived(run, "classes_with_few_rows", few, "count"), runs=[run])
            return


# ----------------------------------------------------------------------------------------------------------- reading


def _leaves(value: Any, prefix: str = "") -> Iterator[tuple[str, Scalar | list[Any]]]:
    """Dotted names in small letters, and what stands there: notebooks nest as they like."""
    for name, part in value.items():
        path = f"{prefix}.{_plain(name)}" if prefix else _plain(name)
        if isinstance(part, dict):
            yield from _leaves(part, path)
        else:
            yield path, part


def _plain(name: object) -> str:
    return re.sub(r"[^a-z0-9]+", "_", str(name).casefold()).strip("_")


def _number(run: Bundle, pattern: str) -> float | None:
    """The first number whose dotted name matches."""
    found = _leaves(published.figures(run).extra)
    numbers = (as_number(value) for name, value in found if re.search(pattern, name))
    return next((number for number in numbers if number is not None), None)


def _within(value: object, low: float, high: float) -> bool:
    number = as_number(value)
    return number is not None and low <= number <= high


def _open(context: Context, sections: Sections) -> None:
    predictions = published.import_command(context, PREDICTIONS, data=True)
    why = f"No file states it. Import the predictions, {PREDICTIONS}: it follows from them, with intervals."
    counts = {"w4.s1": 6, "w4.s2": 5, "w4.s3": 3, "w4.s4": 4}
    for section, last in counts.items():
        for number in range(1, last + 1):
            instead(sections, f"{section}.e{number}", predictions, why)
