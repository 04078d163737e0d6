"""Two runs on the same rows: what `reportgen rescue` and `reportgen compare` print."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reportgen.bundle import comparable, read_bundle
from reportgen.errors import UsageError
from reportgen.stats import (
    BOOT_METRICS,
    MIN_CHANGED,
    boot_models,
    confidence,
    nll_rows,
    paired_ece,
    paired_values,
    rescue,
    row_counts,
)
from reportgen.stats import compare as difference
from reportgen.stats import scores as score_rows

from .numbers import plural, show

if TYPE_CHECKING:
    from reportgen.bundle import Bundle
    from reportgen.bundle.predictions import SplitPredictions


def rescue_report(baseline: Path, candidate: Path, split: str = "val") -> dict[str, Any]:
    """The rare-class-rescue table of a candidate against a baseline, as one JSON document.

    Raises:
        ReportgenError: a bundle that is not sound, or runs that were not scored on the same rows and labels.
    """
    first, second, before, after = _pair(baseline, candidate, split)
    names = first.labels.names
    found = rescue(before.labels, before.predictions, after.predictions, len(names))
    rows = found.per_class
    return {
        "baseline": first.manifest.run_id,
        "candidate": second.manifest.run_id,
        "split": split,
        "n": len(before.labels),
        "rescued": [names[label] for label in found.rescued],
        "lost": [names[label] for label in found.lost],
        "confirmed": [names[label] for label in found.confirmed],
        "lost_confirmed": [names[label] for label in found.lost_confirmed],
        "net": found.net,
        "expected_by_chance": found.expected_by_chance,
        "expected_by_chance_interval": list(found.chance_interval),
        "accuracy": {
            "baseline": float(np.mean(before.predictions == before.labels)),
            "candidate": float(np.mean(after.predictions == after.labels)),
        },
        "per_class": [
            {
                "label": names[i],
                "train": first.labels.train_counts[i] if first.labels.train_counts else None,
                "support": int(rows.support[i]),
                "baseline_hits": int(rows.baseline_hits[i]),
                "hits": int(rows.hits[i]),
                "baseline_f1": float(rows.baseline_f1[i]),
                "f1": float(rows.f1[i]),
                "delta": float(rows.delta[i]),
                "low": float(rows.low[i]),
                "high": float(rows.high[i]),
                "p": None if np.isnan(rows.p[i]) else float(rows.p[i]),
                "verdict": str(rows.verdict[i]),
            }
            for i in range(len(names))
        ],
    }


def rescue_text(report: dict[str, Any]) -> str:
    """The report for a terminal: the summary, then the classes that moved from or to zero."""
    moved = [row for row in report["per_class"] if row["label"] in {*report["rescued"], *report["lost"]}]
    moved.sort(key=lambda row: (row["label"] in report["lost"], -row["delta"]))
    low, high = report["expected_by_chance_interval"]
    lines = [
        f"{report['candidate']} against {report['baseline']} on {report['split']}, n = {report['n']:,}",
        (
            f"rescued {len(report['rescued'])}, lost {len(report['lost'])}, net {report['net']:+d}; confirmed "
            f"{len(report['confirmed'])} (exact McNemar, Holm-adjusted p < .05, 5 rows or more)"
        ),
        f"two equally good models would show {report['expected_by_chance']:.1f} rescues by chance [{low}, {high}]",
        (
            f"accuracy {show(report['accuracy']['baseline'], 'fraction')} → "
            f"{show(report['accuracy']['candidate'], 'fraction')}"
        ),
    ]
    if moved:
        lines += ["", _columns(moved)]
    return "\n".join(lines)


def compare_report(a: Path, b: Path, split: str = "val") -> dict[str, Any]:
    """Every metric of two runs on the same rows, with the paired difference b − a and its 95 % interval.

    Raises:
        ReportgenError: a bundle that is not sound, or runs that were not scored on the same rows and labels.
    """
    first, second, before, after = _pair(a, b, split)
    k = len(first.labels.names)
    counts = row_counts(len(before.labels))
    boot_a, boot_b = boot_models(counts, before.labels, [before.predictions, after.predictions], k)
    found = [difference(boot_a, boot_b, metric) for metric in BOOT_METRICS]
    changed = int((before.predictions != after.predictions).sum())
    if before.logits is not None and after.logits is not None:
        right = before.predictions == before.labels, after.predictions == after.labels
        sure = confidence(before.logits), confidence(after.logits)
        found.append(paired_ece(counts, (sure[0], right[0]), (sure[1], right[1]), changed=changed))
        losses = nll_rows(before.logits, before.labels), nll_rows(after.logits, after.labels)
        found.append(paired_values(counts, *losses, changed=changed, metric="nll"))
    scores_a, scores_b = (score_rows(part.labels, part.predictions, k) for part in (before, after))
    return {
        "a": first.manifest.run_id,
        "b": second.manifest.run_id,
        "split": split,
        "n": len(before.labels),
        "changed": changed,
        "metrics": {
            item.metric: {
                "a": item.a,
                "b": item.b,
                "delta": item.delta,
                "low": item.low,
                "high": item.high,
                "changed": item.changed,
                "verdict": item.verdict,
            }
            for item in found
        },
        "zero_f1": {"a": scores_a.zero_f1, "b": scores_b.zero_f1, "delta": scores_b.zero_f1 - scores_a.zero_f1},
    }


def compare_text(report: dict[str, Any]) -> str:
    """The comparison for a terminal."""
    lines = [
        (
            f"{report['b']} − {report['a']} on {report['split']}, n = {report['n']:,}; "
            f"{plural(report['changed'], 'prediction')} changed"
        ),
        f"{'':18}{'a':>9}{'b':>9}{'b − a':>9}   95 % interval       verdict",
    ]
    for metric, row in report["metrics"].items():
        bounds = f"[{row['low']:+.4f}, {row['high']:+.4f}]"
        lines.append(f"{metric:18}{row['a']:9.4f}{row['b']:9.4f}{row['delta']:+9.4f}   {bounds:20}{row['verdict']}")
    zero = report["zero_f1"]
    lines.append(f"{'zero_f1 labels':18}{zero['a']:9d}{zero['b']:9d}{zero['delta']:+9d}")
    lines.append(
        f"real: the interval excludes 0 and {MIN_CHANGED} predictions or more changed. Data-side noise only, not seeds."
    )
    return "\n".join(lines)


def _pair(a: Path, b: Path, split: str) -> tuple[Bundle, Bundle, SplitPredictions, SplitPredictions]:
    first, second = read_bundle(a), read_bundle(b)
    for bundle in (first, second):
        if bundle.manifest.kind == "reported":
            raise UsageError(
                f"{bundle.manifest.run_id} is reported, not recomputable",
                remedy="published figures have no predictions; they never enter a paired comparison",
            )
        if split not in bundle.splits:
            have = ", ".join(bundle.splits) or "none"
            raise UsageError(f"{bundle.manifest.run_id} has no split {split!r}", remedy=f"it has: {have}; use --split")
    comparable(first, second, split)
    return first, second, first.predictions(split), second.predictions(split)


def _columns(rows: list[dict[str, Any]]) -> str:
    lines = [f"{'class':50} {'train':>6} {'hits':>9} {'F1':>13} {'Δ F1 [95 %]':>22}   p      verdict"]
    for row in rows:
        label = row["label"] if len(row["label"]) <= 50 else row["label"][:49] + "…"
        p = "–" if row["p"] is None else f"{row['p']:.3f}"
        lines.append(
            f"{label:50} {show(row['train'], 'count'):>6} {row['baseline_hits']:>3}→{row['hits']}/{row['support']:<4}"
            f" {row['baseline_f1']:.3f}→{row['f1']:.3f}"
            f" {row['delta']:+.3f} [{row['low']:+.2f}, {row['high']:+.2f}]   {p:6} {row['verdict']}"
        )
    return "\n".join(lines)
