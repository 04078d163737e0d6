"""Facts for the disclosure every memo carries: data, licence, splits, software. What only the author knows is prose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .numbers import listing

if TYPE_CHECKING:
    from .context import Context

_SOFTWARE = ("python", "torch", "transformers", "scikit-learn", "numpy")


def disclosure(context: Context) -> tuple[tuple[str, str], ...]:
    """Pairs of heading and fact."""
    measured = context.runs.measured
    datasets = {run.manifest.dataset.name: run.manifest.dataset for run in measured if run.manifest.dataset}
    facts: list[tuple[str, str]] = []
    for name, dataset in sorted(datasets.items()):
        revision = f", revision {dataset.revision}" if dataset.revision else ""
        kind = " (synthetic: generated text)" if dataset.synthetic else ""
        facts.append(("Data", f"{name}{revision}{kind}"))
        facts.append(("Licence of the data", dataset.licence or "not stated by the source"))
        rows = [f"{split} {info.n_rows:,}" for split, info in dataset.splits.items()]
        if measured[0].labels.train_counts:
            rows.insert(0, f"train {sum(measured[0].labels.train_counts):,}")
        facts.append(("Rows", listing(list(dict.fromkeys(rows)))))
        facts.extend(("Preprocessing", note) for note in dataset.notes)
    if context.audit is not None:
        merge = context.audit.merge
        steps = [f"{merge.raw_labels:,} labels as found, {merge.kept_labels:,} kept"]
        if merge.merged_rows:
            steps.append(f"{len(merge.merged)} merged into others ({merge.merged_rows:,} rows)")
        if merge.dropped_rows:
            steps.append(f"{merge.dropped_rows:,} rows dropped with labels outside the list")
        facts.append(("Labels", "; ".join(steps)))
    models = sorted({run.manifest.model.name for run in measured})
    if models:
        facts.append(("Models", "; ".join(models)))
    versions = {key: version for run in measured for key, version in run.manifest.environment.items()}
    software = [f"{name} {versions[name]}" for name in _SOFTWARE if name in versions]
    built = "reportgen: tables, figures, sentences of fact and the prompts. Not the reasoning."
    if software:
        facts.append(("Software", listing(software, limit=len(software))))
    facts.append(("Written by software", built))
    return tuple(facts)
