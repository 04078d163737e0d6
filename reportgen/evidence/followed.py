"""One class a tier followed through the precisions, as counts: too few rows for percentages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reportgen.stats import softmax

from .model import Column, Scalar, Table, Value
from .numbers import listing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from reportgen.bundle import Bundle

    from .configurations import Group
    from .context import Context, SectionEvidence
    from .runs import Runs

STAGE = "week5"


def named(
    context: Context, lead: Bundle, mapped: tuple[str, str, NDArray[np.str_]] | None
) -> tuple[dict[str, int], str]:
    """A class a tier, and how they were chosen: by the author, by the course, or by a rule."""
    names, support = lead.labels.names, context.runs.per_class(lead).support
    said = (context.declared or {}).get("classes", "")
    asked = [part.strip() for part in said.split(";") if part.strip()]
    if asked and all(one in names for one in asked):
        tier_of = mapped[2] if mapped else None
        chosen = {
            (str(tier_of[names.index(one)]) if tier_of is not None else "") + f"#{at}": names.index(one)
            for at, one in enumerate(asked[:6])
        }
        return chosen, "named by the author"
    listed = context.course.named_classes
    if listed and all(one in names and support[names.index(one)] for one in listed.values()):
        return {tier: names.index(one) for tier, one in listed.items()}, "named by the course"
    if mapped is None:
        return {}, ""
    tier, counts = mapped[2], np.asarray(_train_counts(context.runs, names) or support)
    chosen = {}
    for name in ("head", "mid", "tail", "rare", "common"):
        inside = np.flatnonzero((tier == name) & (support > 0))
        if len(inside):
            chosen[name] = int(min(inside, key=lambda at: (-support[at], -counts[at], at)))
    return chosen, f"the class of each tier with the most rows on {context.runs.split}"


def named_classes(
    context: Context,
    groups: Sequence[Group],
    found: SectionEvidence,
    mapped: tuple[str, str, NDArray[np.str_]] | None,
) -> None:
    """Answer w5.s2.e3: a class a tier through the precisions, as counts."""
    runs = context.runs
    lead = groups[0].members[0].run
    chosen, how = named(context, lead, mapped)
    if not chosen:
        found.missing("w5.s2.e3", context.command(STAGE), "Without tiers no class can be named by rule.")
        return
    tables = [_class_table(runs, group, chosen, how, f"w5-classes-{at}") for at, group in enumerate(groups, start=1)]
    found.tables += tables
    said = []
    for tier, label in chosen.items():
        hits = []
        for group in groups:
            own = [runs.per_class(member.run) for member in group.members]
            counts = ", ".join(f"{int(one.hits[label])}/{int(one.support[label])}" for one in own)
            hits.append(f"{group.name} {counts}")
        name = tier.partition("#")[0]
        said.append(f"{lead.labels.names[label]}{f' ({name})' if name else ''}: {'; '.join(hits)}")
    few = [lead.labels.names[at] for at in chosen.values() if runs.per_class(lead).support[at] <= 4]
    asked = (context.declared or {}).get("classes", "")
    found.answer(
        "w5.s2.e3",
        f"Hits of each class's rows, {_order(groups)}. {'. '.join(said)}.",
        exhibits=tuple(table.id for table in tables),
        caveats=[
            f"Classes: {how}.",
            f"{listing(few)}: four rows or fewer, one row is a quarter or more." if few else None,
            f"Your front matter names {asked!r}: separate names of the label list by semicolons."
            if asked and how != "named by the author"
            else None,
        ],
    )


def _order(groups: Sequence[Group]) -> str:
    """The precisions in the order the hits are listed."""
    orders = dict.fromkeys(", ".join(member.precision for member in group.members) for group in groups)
    if len(orders) == 1:
        return f"in the order {next(iter(orders))}"
    return "; ".join(f"{group.name} in {', '.join(member.precision for member in group.members)}" for group in groups)


def _class_table(runs: Runs, group: Group, chosen: Mapping[str, int], how: str, table_id: str) -> Table:
    split, rows = runs.split or "val", []
    names = group.members[0].run.labels.names
    counts = _train_counts(runs, names)
    sure = {member.name: _mean_truth(member.run, split, list(chosen.values())) for member in group.members}
    for at, (tier, label) in enumerate(chosen.items()):
        row: dict[str, Scalar | Value] = {
            "class": names[label],
            "tier": tier.partition("#")[0],
            "train": counts[label] if counts else None,
        }
        for member in group.members:
            found = runs.per_class(member.run)
            row[f"hits-{member.name}"] = f"{int(found.hits[label])}/{int(found.support[label])}"
            means = sure[member.name]
            row[f"p-{member.name}"] = None if means is None else means[at]
        rows.append(row)
    columns = [
        Column("class", "Class", wide=True),
        Column("tier", "Tier"),
        Column("train", "Train rows", "count"),
        *(Column(f"hits-{member.name}", f"Hits, {member.name}") for member in group.members),
        *(
            Column(f"p-{member.name}", f"P(true), {member.precision}", "score", help="mean over its rows")
            for member in group.members
            if sure[member.name] is not None
        ),
    ]
    shown = [column.key for column in columns]
    return Table(
        id=table_id,
        caption=f"{group.name}: one class a tier at each precision, on {split} ({how}). Hits are counts of the class's "
        "own rows; P(true): mean probability of the true class there, before scaling.",
        columns=tuple(columns),
        rows=tuple({key: row[key] for key in shown} for row in rows),
        row_header="class",
    )


def _train_counts(runs: Runs, names: Sequence[str]) -> Sequence[int]:
    """Training rows by label, of any run that stored them: one quantised from files alone did not."""
    stored = (run.labels for run in runs.measured if run.labels.names == names)
    return next((labels.train_counts for labels in stored if any(labels.train_counts)), ())


def _mean_truth(run: Bundle, split: str, labels: Sequence[int]) -> list[float | None] | None:
    rows = run.predictions(split)
    if rows.logits is None:
        return None
    means: list[float | None] = []
    for label in labels:
        own = rows.labels == label
        means.append(float(softmax(rows.logits[own])[:, label].mean()) if own.any() else None)
    return means
