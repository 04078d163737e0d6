"""Week 4's calibration from the author's memory, beside this week's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .memory import Memory
from .model import Column, Scalar, Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .configurations import Group
    from .context import Context, SectionEvidence
    from .memory import Recalled
    from .scaling import Scaled


def beside_week4(
    context: Context, groups: Sequence[Group], scaled: Mapping[str, Scaled], found: SectionEvidence
) -> None:
    """What week 4's memo said of the same models, beside this week's reference precision."""
    memory = context.memory or Memory()
    recalled = [
        one
        for metric in ("ece", "ece_scaled", "temperature")
        for one in memory.values(4, metric, section="w4.s2", difference=False)
    ]
    if not recalled:
        quote = memory.said(4, r"\bECE\b|calibration error")
        if quote is not None:
            found.answer("w5.s3.e4", f"“{quote.text}” ({quote.source})", verification="declared")
            return
        found.missing(
            "w5.s3.e4",
            "reportgen memo 4 RUNS --twins --out memos/week4.html",
            memory.where_to_put(4),
            verification="declared",
        )
        return
    rows: list[dict[str, Scalar]] = []
    by_run: dict[str, dict[str, Recalled]] = {}
    for one in recalled:
        by_run.setdefault(one.value.run or "", {})[one.value.metric] = one
    for name, figures in by_run.items():
        group = next((group for group in groups if group.source == name), None) or next(
            (group for group in groups if group.family in name.casefold().replace("-", " ").split()), None
        )
        own = scaled.get(group.reference.run_id) if group is not None and group.reference is not None else None
        then = {metric: _then(figures.get(metric)) for metric in ("ece", "ece_scaled", "temperature")}
        rows.append(
            {
                "run": name,
                **then,
                "now": own.run.run_id if own else None,
                "now_ece": own.ece if own else None,
                "now_scaled": own.ece_after if own else None,
                "now_t": f"{own.temperature.t:.3f}" if own else None,
                "source": next(iter(figures.values())).source,
            }
        )
    table = Table(
        id="w5-week4",
        caption="Week 4's calibration, as it stands in the memo named, beside this week's reference precision of the "
        "same model. Same folds by rule; the same rows only if both weeks scored the same split.",
        columns=(
            Column("run", "Week 4's run"),
            Column("ece", "ECE before, week 4"),
            Column("ece_scaled", "after"),
            Column("temperature", "T"),
            Column("now", "This week"),
            Column("now_ece", "ECE before", "score"),
            Column("now_scaled", "after", "score"),
            Column("now_t", "T", "number"),
            Column("source", "Found in", wide=True),
        ),
        rows=tuple(rows),
        row_header="run",
    )
    found.tables.append(table)
    said = [
        f"{row['run']} {row['ece']} before and {row['ece_scaled'] or 'unknown'} after scaling"
        + (f" (this week {row['now']}: {row['now_ece']:.3f} and {row['now_scaled']:.3f})" if row["now"] else "")
        for row in rows
    ]
    found.answer("w5.s3.e4", f"In week 4: {'; '.join(said)}.", verification="declared", exhibits=(table.id,))


def _then(one: Recalled | None) -> str | None:
    if one is None or not isinstance(one.value.value, int | float):
        return None
    return f"{one.value.value:.3f}"
