"""Encoder beside decoder as systems: scores, trainable shares, and what else differs between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import log
from .context import Context, SectionEvidence
from .experiments import compare_facts
from .model import Column, Scalar, Table, Value
from .numbers import listing, plural
from .runs import training_seconds
from .weighting import scheme
from .wording import DATA_NOISE, difference_sentence

if TYPE_CHECKING:
    from reportgen.bundle import Bundle

    from .runs import Runs

STAGE = "week3"
ENCODER, DECODER, FULL = "encoder-lora", "decoder-lora", "encoder"
"""Run names of the course's stages; where they are taken otherwise, roles go by what a run is."""
_ARCHITECTURE = frozenset({"model", "runner", "revision", "padding_side", "pooling", "total_steps"})
"""Differences that come with another architecture."""


@dataclass(frozen=True, eq=False)
class Roles:
    """Who is compared: adapters on an encoder, adapters on a decoder, and the fully fine-tuned encoder."""

    encoder: Bundle | None
    decoder: Bundle | None
    full: Bundle | None
    notes: tuple[str, ...] = ()


def find_roles(runs: Runs) -> Roles:
    """Runs by role: by the stage's name where that fits, else the best unweighted run of the kind, else the best."""
    trained = [run for run in runs.of_family("encoder", "decoder") if not run.manifest.parents]
    encoders = [run for run in trained if run.manifest.model.family == "encoder"]
    decoders = [run for run in trained if run.manifest.model.family == "decoder"]
    adapted = [run for run in encoders if _has_adapter(run)]
    full = [run for run in encoders if not _has_adapter(run)]
    notes = []
    encoder = _pick(runs, adapted, ENCODER)
    if encoder is None and full:
        encoder = _pick(runs, full, FULL)
        notes.append("No encoder with an adapter is at hand: the fully fine-tuned one stands in for it.")
    return Roles(encoder, _pick(runs, decoders, DECODER), _pick(runs, full, FULL), tuple(notes))


def _pick(runs: Runs, pool: list[Bundle], name: str) -> Bundle | None:
    named = next((run for run in pool if run.run_id == name), None)
    return named or runs.best([run for run in pool if not scheme(run)]) or runs.best(pool)


def _has_adapter(run: Bundle) -> bool:
    resolved, model = run.config.resolved, run.manifest.model
    if any(resolved.get(key) for key in ("lora", "lora_r", "rank")):
        return True
    trainable, total = model.trainable_parameters, model.parameters
    return bool(trainable is not None and total and trainable < total / 2)


def systems_section(context: Context, roles: Roles) -> SectionEvidence:
    """Section w3.s1."""
    found, runs = SectionEvidence(), context.runs
    encoder, decoder = roles.encoder, roles.decoder
    shown = [run for run in (encoder, decoder, roles.full) if run is not None]
    shown = list(dict.fromkeys(shown))
    if shown:
        found.tables.append(_systems_table(runs, shown))
    if encoder is None or decoder is None:
        lacking = [kind for kind, run in (("encoder", encoder), ("decoder", decoder)) if run is None]
        why = f"There is no {' and no '.join(lacking)} among these runs."
        for item in ("w3.s1.e1", "w3.s1.e2"):
            found.missing(item, context.command(STAGE), why)
    else:
        _side_by_side(context, roles, encoder, decoder, found)
    _against_full(context, roles, found)
    if published := log.reported(runs, "w3-reported"):
        found.tables.append(published)
    return found


def _side_by_side(context: Context, roles: Roles, encoder: Bundle, decoder: Bundle, found: SectionEvidence) -> None:
    runs = context.runs
    metrics = ("accuracy", "macro_f1", "zero_f1")
    values = [runs.value(run, metric) for run in (encoder, decoder) for metric in metrics]
    reason = runs.why_not(decoder, encoder)
    verdict, sentence = None, f"Not compared: {reason}." if reason else ""
    if not reason:
        macro, difference = runs.difference(decoder, encoder, "macro_f1")
        accuracy, other = runs.difference(decoder, encoder, "accuracy")
        values += [macro, accuracy]
        verdict = difference.verdict
        sentence = f"{difference_sentence(macro, difference)} {difference_sentence(accuracy, other)}"
        found.tables.append(_unlike_table(encoder, decoder))
    found.answer(
        "w3.s1.e1",
        sentence,
        *values,
        verdict=verdict,
        exhibits=["w3-systems", *([] if reason else ["w3-unlike"])],
        caveats=[*roles.notes, _unlike(encoder, decoder), DATA_NOISE, runs.few_rows()],
    )
    shares = [(run, _trainable(run)) for run in (encoder, decoder)]
    if unknown := [run.run_id for run, value in shares if value is None]:
        found.missing("w3.s1.e2", context.command(STAGE), f"Parameters not counted: {listing(unknown)}.")
        return
    said = [
        f"{run.manifest.model.trainable_parameters:,} of {run.manifest.model.parameters:,} under {run.run_id} "
        f"({100 * value.number:.2f} %)"
        for run, value in shares
        if value is not None
    ]
    found.answer(
        "w3.s1.e2",
        f"Trainable parameters: {listing(said)}.",
        *(value for _, value in shares if value is not None),
        verification="declared",
        exhibits=("w3-systems",),
        caveats=roles.notes,
    )


def _trainable(run: Bundle) -> Value | None:
    model = run.manifest.model
    if not model.parameters or model.trainable_parameters is None:
        return None
    share = model.trainable_parameters / model.parameters
    return Value("trainable_share", share, "fraction", run=run.run_id, field="manifest.json")


def _systems_table(runs: Runs, shown: list[Bundle]) -> Table:
    rows: list[dict[str, Scalar | Value]] = []
    for run in shown:
        model = run.manifest.model
        rows.append(
            {
                "run": run.run_id,
                "model": model.name,
                "kind": f"{model.family}, {'adapter' if _has_adapter(run) else 'all weights'}",
                "parameters": model.parameters,
                "share": _trainable(run),
                "time": training_seconds(run),
                **{metric: runs.value(run, metric) for metric in ("accuracy", "macro_f1", "weighted_f1", "zero_f1")},
            }
        )
    n = {runs.scores(run).n for run in shown}
    return Table(
        id="w3-systems",
        caption=f"The systems on {runs.split}{f', n = {n.pop():,}' if len(n) == 1 else ' (n differs between runs)'}. "
        "Brackets: 95 % intervals of each run by itself; differences need the paired ones.",
        columns=(
            Column("run", "Run"),
            Column("model", "Model", wide=True),
            Column("kind", "Trained"),
            Column("accuracy", "Accuracy", "fraction"),
            Column("macro_f1", "Macro F1", "score"),
            Column("weighted_f1", "Weighted F1", "score"),
            Column("zero_f1", "Zero-F1", "count"),
            Column("parameters", "Parameters", "count"),
            Column("share", "Trainable", "fraction"),
            Column("time", "Training", "seconds"),
        ),
        rows=tuple(rows),
        row_header="run",
    )


def _unlike(encoder: Bundle, decoder: Bundle) -> str:
    changes, _, _ = compare_facts(encoder, decoder)
    other = [change.key for change in changes if change.key not in _ARCHITECTURE]
    if not other:
        return "Apart from what comes with the architecture, the two were trained alike."
    return (
        f"Confounded: beside the architecture {listing(other, 8)} {'differs' if len(other) == 1 else 'differ'}. This "
        "compares two systems, not an encoder with a decoder."
    )


def _unlike_table(encoder: Bundle, decoder: Bundle) -> Table:
    changes, follows, held = compare_facts(encoder, decoder)
    return Table(
        id="w3-unlike",
        caption=f"What differs between {encoder.run_id} and {decoder.run_id}; {plural(len(held), 'other key')} "
        f"{'is' if len(held) == 1 else 'are'} the same.",
        columns=(
            Column("key", "Key"),
            Column("encoder", encoder.run_id, wide=True),
            Column("decoder", decoder.run_id, wide=True),
            Column("why", "Comes with the architecture"),
        ),
        rows=tuple(
            {
                "key": change.key,
                "encoder": change.before,
                "decoder": change.after,
                "why": change.key in _ARCHITECTURE or change in follows,
            }
            for change in (*changes, *follows)
        ),
        row_header="key",
        folded_after=0,
    )


def _against_full(context: Context, roles: Roles, found: SectionEvidence) -> None:
    runs, full = context.runs, roles.full
    adapted = roles.encoder if roles.encoder is not None and _has_adapter(roles.encoder) else None
    if adapted is None or full is None:
        command = context.command(STAGE) if adapted is None else context.command("week2")
        what = "No encoder with an adapter" if adapted is None else "No fully fine-tuned encoder of week 1 or 2"
        found.missing("w3.s1.e3", command, f"{what} is at hand.")
        return
    if reason := runs.why_not(adapted, full):
        found.missing("w3.s1.e3", context.command("week2"), f"Not compared: {reason}.")
        return
    macro, difference = runs.difference(adapted, full, "macro_f1")
    accuracy, other = runs.difference(adapted, full, "accuracy")
    changes, _, _ = compare_facts(full, adapted)
    keys = [change.key for change in changes if not change.key.startswith("lora")]
    found.answer(
        "w3.s1.e3",
        f"{difference_sentence(macro, difference)} {difference_sentence(accuracy, other)}",
        macro,
        accuracy,
        verdict=difference.verdict,
        caveats=[f"Beside the adapter {listing(keys, 8)} changed too." if keys else None, DATA_NOISE],
    )
