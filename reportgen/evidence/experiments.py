"""Controlled experiments: what a run changed against its reference, and what both held constant."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .model import Column, Scalar, Table, Value
from .numbers import DASH, listing, plural
from .runs import FINE_TUNED, FOREIGN, hardware
from .wording import DATA_NOISE

if TYPE_CHECKING:
    from reportgen.bundle import Bundle

    from .context import Context
    from .runs import Runs

_BOOKKEEPING = frozenset(
    {"compile", "cuda_graphs", "eval_batch_size", "gradient_checkpointing", "latency", "micro_batch_size", "save"}
    | {"score_train", "serve"}
)
"""Settings that cost time, memory or disk and leave what is learnt alone."""
_IDENTITY = frozenset(
    {"run_id", "outcomes_sha256", "description_sha256", "files", "format", "family", "splits", "rows_matched_by"}
)
"""What bundles of runs made elsewhere keep in place of settings: which files they are, not how they were trained."""
_SCHEDULE = frozenset(
    {"batch_size", "train_batch_size", "per_device_train_batch_size", "epochs", "num_epochs", "num_train_epochs"}
    | {"training rows"}
)
"""Keys that move the number of optimiser steps with them."""
BATCH = ("batch_size", "train_batch_size", "per_device_train_batch_size")
_LONGEST = 60


@dataclass(frozen=True)
class Change:
    """One key of the configuration: its value in the reference and in the run, as text."""

    key: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.key}: {self.before} → {self.after}"


@dataclass(frozen=True, eq=False)
class Experiment:
    """A run beside the run it is compared with."""

    run: Bundle
    reference: Bundle
    chosen: str
    """How the reference was chosen."""
    changes: tuple[Change, ...]
    follows: tuple[Change, ...]
    """Differences that follow from `changes` by arithmetic: optimiser steps after another batch size."""
    held: Mapping[str, str]
    hardware: Change | None

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that differ."""
        return tuple(change.key for change in self.changes)

    @property
    def badge(self) -> str:
        """`one key`, `nothing changed`, or *confounded* with the keys by name."""
        if len(self.changes) == 1:
            return "one key"
        return f"confounded: {', '.join(self.keys)}" if self.changes else "nothing changed"

    @property
    def title(self) -> str:
        """Both runs by name."""
        return f"{self.run.run_id} against {self.reference.run_id}"


def facts(run: Bundle) -> dict[str, Any]:
    """What a run's outcome depends on, by key: its settings, and what the manifest adds to them."""
    manifest, config = run.manifest, run.config
    left_out = _BOOKKEEPING | (_IDENTITY if manifest.runner in FOREIGN else frozenset())
    found = {key: value for key, value in config.resolved.items() if key not in left_out}
    found |= {
        "runner": manifest.runner,
        "model": manifest.model.name,
        "seed": manifest.seed,
        "trained on": list(manifest.trained_on),
        "training rows": sum(run.labels.train_counts) or None,
        "total_steps": _total_steps(run),
        "precision": manifest.model.precision or config.resolved.get("precision"),
    }
    return found


def compare_facts(reference: Bundle, run: Bundle) -> tuple[tuple[Change, ...], tuple[Change, ...], dict[str, str]]:
    """Keys that differ, differences that follow from them, and what is the same in both."""
    before, after = facts(reference), facts(run)
    changes: list[Change] = []
    held: dict[str, str] = {}
    for key in sorted(before.keys() | after.keys()):
        _walk(key, before.get(key), after.get(key), changes, held)
    moved = {change.key for change in changes}
    follows = [change for change in changes if change.key == "total_steps" and moved & _SCHEDULE]
    return tuple(change for change in changes if change not in follows), tuple(follows), held


def experiments(context: Context) -> list[Experiment]:
    """Every trained run that has a reference.

    A stage of the course names the reference of its runs, a derived run its parent; for another it is the earlier run
    of the same runner and model that differs in the fewest keys. The run a stage starts from has none.
    """
    runs, named = context.runs, _named(context)
    starts = set(named.values()) - named.keys()
    pool = sorted(runs.of_family("linear", *FINE_TUNED), key=lambda run: (run.manifest.created_utc, run.run_id))
    by_id = {run.run_id: run for run in pool}
    found = []
    for position, run in enumerate(pool):
        wanted = named.get(run.run_id)
        parents = [parent.run_id for parent in run.manifest.parents if parent.role in ("source", "reference")]
        if wanted in by_id and wanted != run.run_id and not runs.why_not(run, by_id[wanted]):
            found.append(_experiment(run, by_id[wanted], "named by the course's stage"))
        elif parents and parents[0] in by_id and not runs.why_not(run, by_id[parents[0]]):
            found.append(_derived(run, by_id[parents[0]]))
        elif run.run_id not in starts and (wanted is None or wanted not in by_id):
            earlier = [one for one in pool[:position] if _alike(one, run) and not runs.why_not(run, one)]
            if earlier:
                nearest = min(earlier, key=lambda one: len(compare_facts(one, run)[0]))
                found.append(_experiment(run, nearest, "chosen here: the earlier run with the fewest differing keys"))
    return found


def seed_pairs(runs: Runs) -> list[tuple[Bundle, Bundle]]:
    """Pairs of comparable runs that differ in their seed and in nothing else."""
    pool = [run for run in runs.of_family("linear", *FINE_TUNED) if not run.manifest.parents]
    return [
        (one, other)
        for position, one in enumerate(pool)
        for other in pool[position + 1 :]
        if _alike(one, other)
        and not runs.why_not(one, other)
        and [change.key for change in compare_facts(one, other)[0]] == ["seed"]
    ]


def changed(found: Iterable[Experiment], keys: Iterable[str]) -> Experiment | None:
    """The experiment that changes one of these keys, a controlled one if there is any."""
    wanted = set(keys)
    of = [one for one in found if wanted & set(one.keys)]
    return min(of, key=lambda one: (len(one.changes), one.run.run_id), default=None)


def experiment_table(runs: Runs, found: list[Experiment], table_id: str) -> Table:
    """Each experiment with what it changed and what came of it."""
    rows: list[dict[str, Scalar | Value]] = []
    for one in found:
        accuracy, _ = runs.difference(one.run, one.reference, "accuracy")
        macro, difference = runs.difference(one.run, one.reference, "macro_f1")
        zero = runs.scores(one.run).zero_f1 - runs.scores(one.reference).zero_f1
        rows.append(
            {
                "run": one.run.run_id,
                "reference": one.reference.run_id,
                "changed": "; ".join(map(str, one.changes)) or DASH,
                "follows": "; ".join(map(str, one.follows)) or None,
                "badge": one.badge,
                "accuracy": accuracy,
                "macro_f1": macro,
                "zero_f1": Value(
                    "zero_f1",
                    zero,
                    "count",
                    run=one.run.run_id,
                    baseline=one.reference.run_id,
                    split=runs.split,
                    n=macro.n,
                    field="predictions.parquet",
                ),
                "verdict": difference.verdict,
            }
        )
    columns = [
        Column("run", "Run"),
        Column("reference", "Against"),
        Column("changed", "Changed", wide=True),
        Column("badge", "Control", wide=True),
        Column("accuracy", "ΔAccuracy", "fraction"),
        Column("macro_f1", "ΔMacro F1", "score"),
        Column("zero_f1", "ΔZero-F1", "count"),
        Column("verdict", "Verdict on macro F1"),
    ]
    if any(row["follows"] for row in rows):
        columns.insert(3, Column("follows", "Follows from it", wide=True))
    shown = [column.key for column in columns]
    n = {runs.scores(one.run).n for one in found}
    size = f", n = {n.pop():,}" if len(n) == 1 else ""
    return Table(
        id=table_id,
        caption=f"Each run against its reference on {runs.split}{size}. One key is a controlled experiment; with more, "
        f"the difference belongs to no single key. Brackets: 95 % paired intervals. {DATA_NOISE}",
        columns=tuple(columns),
        rows=tuple({key: row[key] for key in shown} for row in rows),
        row_header="run",
        notes=_notes(found),
    )


def held_table(found: list[Experiment], table_id: str) -> Table:
    """What each experiment held constant: what all of them did once, then what each did besides."""
    shared = {
        key: value for key, value in found[0].held.items() if all(one.held.get(key) == value for one in found[1:])
    }
    rows = [("all of them", DASH, shared)] if len(found) > 1 else []
    rows += [
        (
            one.run.run_id,
            one.reference.run_id,
            {key: value for key, value in one.held.items() if len(found) == 1 or key not in shared},
        )
        for one in found
    ]
    return Table(
        id=table_id,
        caption="What each experiment held constant: what all of them held, then what each held besides. Settings that "
        "only cost time or memory are left out.",
        columns=(
            Column("run", "Run"),
            Column("reference", "Against"),
            Column("count", "Keys", "count"),
            Column("held", "Held constant", wide=True),
        ),
        rows=tuple(
            {
                "run": run,
                "reference": reference,
                "count": len(held),
                "held": ", ".join(f"{key} {value}" for key, value in held.items()) or "nothing besides",
            }
            for run, reference, held in rows
        ),
        row_header="run",
        folded_after=0,
    )


def _notes(found: list[Experiment]) -> tuple[str, ...]:
    notes = [f"Reference of {one.run.run_id}: {one.chosen}." for one in found if one.chosen.startswith("chosen")]
    notes += [f"{one.title}: made on other hardware ({one.hardware})." for one in found if one.hardware]
    if any(one.follows for one in found):
        notes.append("Optimiser steps follow from batch size, epochs and rows by arithmetic, so they count as no key.")
    return tuple(notes)


def _experiment(run: Bundle, reference: Bundle, chosen: str) -> Experiment:
    changes, follows, held = compare_facts(reference, run)
    before, after = hardware(reference), hardware(run)
    other = Change("hardware", str(before), str(after)) if before != after else None
    return Experiment(run, reference, chosen, changes, follows, held, other)


def _derived(run: Bundle, reference: Bundle) -> Experiment:
    """A run computed from another's logits: the step is its one change, the training is the parent's own."""
    settings = {key: value for key, value in run.config.resolved.items() if key != "run" and value is not None}
    step = Change(
        "post-hoc step", "none", f"{run.manifest.runner} {_text(settings)}" if settings else run.manifest.runner
    )
    held = {key: _text(value) for key, value in facts(reference).items() if value is not None}
    return Experiment(run, reference, "the run it was derived from", (step,), (), held, None)


def _alike(one: Bundle, other: Bundle) -> bool:
    return (one.manifest.runner, one.manifest.model.name) == (other.manifest.runner, other.manifest.model.name)


def _named(context: Context) -> dict[str, str]:
    """Run to reference, as the course's stages say."""
    return {
        str(entry.get("name")): str(entry["reference"])
        for _, entry in context.course.stage_runs()
        if "reference" in entry
    }


def _walk(key: str, before: Any, after: Any, changes: list[Change], held: dict[str, str]) -> None:
    if isinstance(before, dict) and isinstance(after, dict):
        for part in sorted(before.keys() | after.keys()):
            _walk(f"{key}.{part}", before.get(part), after.get(part), changes, held)
        return
    first, second = _text(before), _text(after)
    # Equal texts may still be cut from different values, so the values decide.
    if _normal(before) != _normal(after):
        changes.append(Change(key, first, second))
    elif _normal(before) is not None:
        held[key] = first


def _normal(value: Any) -> Any:
    return None if value in (None, "none", "") else value


def _text(value: Any) -> str:
    if _normal(value) is None:
        return "none"
    if isinstance(value, dict):
        said = ", ".join(f"{key} {_text(part)}" for key, part in value.items() if part is not None)
    else:
        said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return said if len(said) <= _LONGEST else f"{said[: _LONGEST - 1]}…"


def _total_steps(run: Bundle) -> int | None:
    """Length of the schedule as the run states it, else the steps in its log (an early stop makes them fewer)."""
    stated = run.config.decided.get("total_steps")
    if isinstance(stated, int):
        return stated
    frame = run.training
    if frame is None or "step" not in frame or not len(frame):
        return None
    return int(frame["step"].max())


def controlled_sentence(found: list[Experiment]) -> str:
    """How many experiments change exactly one key, and which do not."""
    single = [one for one in found if len(one.changes) == 1]
    rest = [one for one in found if len(one.changes) != 1]
    lead = f"{len(single)} of {plural(len(found), 'comparison')} {'changes' if len(single) == 1 else 'change'} one key."
    if not rest:
        return lead
    others = listing([f"{one.run.run_id} ({one.badge})" for one in rest])
    return f"{lead} {'The other one is' if len(rest) == 1 else 'The others are'} {others}."
