"""Levers side by side: every candidate against one baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reportgen.bundle.kept import kept
from reportgen.stats import apply_temperature, confidence, ece, fit_temperature, folds

from .experiments import compare_facts
from .model import Column, Scalar, Table, Value
from .numbers import listing, plural, show
from .runs import training_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reportgen.bundle import Bundle
    from reportgen.stats import Difference

    from .runs import Runs


def levers_table(
    runs: Runs, baseline: Bundle, candidates: Sequence[Bundle], table_id: str, floor: float | None = None
) -> Table | None:
    """Rescues, losses, accuracy, time and calibration of every candidate against one baseline; None without any.

    Args:
        floor: the noise floor of macro F1: what lies below it is said to.
    """
    rows: list[dict[str, Scalar | Value]] = []
    for run in candidates:
        if run is baseline or runs.why_not(run, baseline):
            continue
        found = runs.rescue(run, baseline)
        accuracy, _ = runs.difference(run, baseline, "accuracy")
        macro, difference = runs.difference(run, baseline, "macro_f1")
        rows.append(
            {
                "run": run.run_id,
                "rescued": len(found.rescued),
                "confirmed": len(found.confirmed),
                "chance": f"{found.expected_by_chance:.1f} [{found.chance_interval[0]}, {found.chance_interval[1]}]",
                "lost": len(found.lost),
                "net": show(found.net, "count", signed=True),
                "macro": macro,
                "control": _control(baseline, run),
                "verdict": _verdict(difference, floor),
                "accuracy": accuracy,
                "time": training_seconds(run),
                **_calibration(runs, run),
            }
        )
    if not rows:
        return None
    first = runs.scores(baseline)
    ours = _calibration(runs, baseline)
    columns = [
        Column("run", "Run"),
        Column("control", "Differs in", wide=True),
        Column("rescued", "Rescued", "count"),
        Column("confirmed", "Confirmed", "count"),
        Column("chance", "By chance", help="rescues, 95 %"),
        Column("lost", "Lost", "count"),
        Column("net", "Net"),
        Column("macro", "ΔMacro F1", "score"),
        Column("verdict", "Verdict"),
        Column("accuracy", "ΔAccuracy", "fraction"),
        Column("time", "Training", "seconds"),
        Column("ece", "ECE", "score"),
        Column("ece_post", "ECE, scaled", "score"),
    ]
    shown = [column.key for column in columns]
    return Table(
        id=table_id,
        caption=f"Every candidate against {baseline.run_id} (macro F1 {show(first.macro_f1, 'score')}, accuracy "
        f"{show(first.accuracy, 'fraction')}, ECE {show(ours['ece'], 'score')}) on {runs.split}, n = {first.n:,}. "
        "By chance: rescues that two equally good models would show. ECE: 15 bins; scaled: after a temperature fitted "
        "on one half of the rows, reported on the other. Where more than one key differs, the difference belongs to "
        "none of them.",
        columns=tuple(columns),
        rows=tuple({key: row[key] for key in shown} for row in rows),
        row_header="run",
    )


def levers_sentence(table: Table, baseline: Bundle) -> str:
    """Which lever has confirmed rescues, in words."""
    winners = [str(row["run"]) for row in table.rows if row["confirmed"]]
    lead = f"{plural(len(table.rows), 'candidate')} against {baseline.run_id}: "
    if not winners:
        return f"{lead}none has a rescue that is confirmed by itself."
    return f"{lead}{listing(winners)} {'has' if len(winners) == 1 else 'have'} confirmed rescues."


def _control(baseline: Bundle, run: Bundle) -> str:
    """What a candidate changes, as far as it can be told in a cell."""
    one, other = baseline.manifest, run.manifest
    if (one.runner, one.model.name) != (other.runner, other.model.name):
        return "another model" if one.model.name != other.model.name else "another runner"
    keys = [change.key for change in compare_facts(baseline, run)[0]]
    return f"{listing(keys, 2)} (confounded)" if len(keys) > 1 else f"{keys[0]} alone" if keys else "nothing"


def _verdict(found: Difference, floor: float | None) -> str:
    below = found.verdict == "real" and floor is not None and abs(found.delta) <= floor
    return "real, below the noise floor" if below else found.verdict


def _calibration(runs: Runs, run: Bundle) -> dict[str, float | None]:
    split = runs.split or "val"
    found = kept("ece", (run,), lambda: _errors(run, split), split)
    return dict(zip(("ece", "ece_post"), found, strict=True))


def _errors(run: Bundle, split: str) -> tuple[float | None, float | None]:
    rows = run.predictions(split)
    if rows.logits is None:
        return None, None
    logits = np.asarray(rows.logits, dtype=np.float64)
    plain = ece(confidence(logits), rows.predictions == rows.labels)
    if len(rows) < 4:
        return plain, None
    fit, held = folds(len(rows))
    scaled = apply_temperature(logits[held], fit_temperature(logits[fit], rows.labels[fit]).t)
    return plain, ece(confidence(scaled), rows.predictions[held] == rows.labels[held])
