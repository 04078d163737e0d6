"""A bundle in formats other tools read: metrics as JSON, predictions as CSV, the adapter's own files."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reportgen.bundle import AlreadyExists, Bundle, MissingFile
from reportgen.bundle.files import disk_errors, write_file
from reportgen.stats import ece, nll, per_class, scores, tier_masked_f1, tier_mean_f1

if TYPE_CHECKING:
    from reportgen.bundle import SplitPredictions

SCHEMA = "reportgen/metrics/1"

DEFINITIONS: dict[str, tuple[bool, str]] = {
    "accuracy": (True, "share of rows predicted right; an unparsed answer is wrong"),
    "macro_f1": (True, "mean F1 over the whole label list, zero_division 0"),
    "macro_f1_present": (True, "mean F1 over the labels that occur in truth or predictions"),
    "weighted_f1": (True, "F1 weighted by support"),
    "zero_f1": (False, "labels with F1 = 0, of the whole label list"),
    "zero_f1_supported": (False, "labels with F1 = 0, of those with at least one row"),
    "unparsed": (False, "answers that name no label"),
    "ece": (False, "expected calibration error, 15 equal-width bins, uncalibrated confidences"),
    "nll": (False, "mean negative log-likelihood in nats, uncalibrated logits"),
    "tier_mean_f1": (True, "mean of the tier's per-class F1 on all rows"),
    "tier_masked_f1": (True, "macro F1 over the tier's labels on only the rows whose true label is in the tier"),
}
"""Metric to (higher is better, definition)."""

_SCORES = ("accuracy", "macro_f1", "macro_f1_present", "weighted_f1", "zero_f1", "zero_f1_supported")
_COLUMNS = ("row_id", "split", "label", "prediction", "confidence")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)
# Spreadsheets also take the full-width forms for the start of a formula.
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")


def export_bundle(bundle: Bundle, out: str | Path) -> list[Path]:
    """Write metrics.json (recomputed from the predictions), predictions.csv and, where there is one, adapter/.

    Returns:
        The files written.

    Raises:
        MissingFile: the bundle has no predictions.
        AlreadyExists: one of the files is there already; nothing is overwritten.
        NotWritable: the disk said no; nothing is left behind.
    """
    if not bundle.splits:
        raise MissingFile(
            f"run {bundle.run_id} has no predictions to export",
            remedy="reported figures and audits lie in the bundle as JSON already",
        )
    folder = Path(out)
    contents: dict[str, bytes | Iterable[bytes]] = {
        "metrics.json": (json.dumps(metrics(bundle), ensure_ascii=False, allow_nan=False, indent=1) + "\n").encode(),
        "predictions.csv": _predictions_csv(bundle).encode("utf-8"),
        **{name: bundle.read_file(name) for name in bundle.adapter_files},
    }
    written: list[Path] = []
    with disk_errors(folder):
        for name in contents:
            if (folder / name).exists():
                raise AlreadyExists(f"{name} exists already", where=folder, remedy="choose another --out")
        try:
            for name, data in contents.items():
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                write_file(path, data)
                written.append(path)
        except BaseException:
            for path in written:
                with contextlib.suppress(OSError):
                    path.unlink()
            raise
    return written


def metrics(bundle: Bundle) -> dict[str, Any]:
    """Every metric of every split as plain values; one without a value on a split is null."""
    return {
        "schema": SCHEMA,
        "run_id": bundle.run_id,
        "root": bundle.root,
        "model": bundle.manifest.model.name,
        "family": bundle.manifest.model.family,
        "synthetic": bundle.manifest.dataset is not None and bundle.manifest.dataset.synthetic,
        "labels": len(bundle.labels.names),
        "splits": {split: _split_metrics(bundle, bundle.predictions(split)) for split in bundle.splits},
    }


def _split_metrics(bundle: Bundle, part: SplitPredictions) -> dict[str, Any]:
    k = len(bundle.labels.names)
    overall = scores(part.labels, part.predictions, k)
    found = [_metric(name, getattr(overall, name)) for name in _SCORES]
    found.append(_metric("unparsed", int((part.predictions < 0).sum())))
    if part.confidence is not None:
        found.append(_metric("ece", ece(part.confidence, part.predictions == part.labels)))
    if part.logits is not None:
        found.append(_metric("nll", nll(part.logits, part.labels)))
    f1 = per_class(part.labels, part.predictions, k).f1
    for rule, tiers in bundle.labels.tiers.items():
        by_metric = {
            "tier_mean_f1": tier_mean_f1(f1, tiers),
            "tier_masked_f1": tier_masked_f1(part.labels, part.predictions, tiers),
        }
        found += [
            _metric(name, value, rule=rule, tier=tier)
            for name, values in by_metric.items()
            for tier, value in values.items()
        ]
    return {"n": len(part), "classes_present": overall.classes_present, "metrics": found}


def _metric(name: str, value: float, **where: str) -> dict[str, Any]:
    higher, definition = DEFINITIONS[name]
    known = value if np.isfinite(value) else None
    return {"name": name, **where, "value": known, "higher_is_better": higher, "definition": definition}


def _predictions_csv(bundle: Bundle) -> str:
    names = np.array([*map(guard, bundle.labels.names), ""], dtype=object)  # the last one, −1: unparsed
    sink = io.StringIO()
    table = csv.writer(sink, lineterminator="\n")
    table.writerow(_COLUMNS)
    for split in bundle.splits:
        part = bundle.predictions(split)
        table.writerows(_rows(split, part, names))
    return sink.getvalue()


def _rows(split: str, part: SplitPredictions, names: Any) -> Iterator[tuple[str, ...]]:
    ids = map(guard, part.row_ids.tolist())
    sure = ("",) * len(part) if part.confidence is None else (f"{c:.6g}" for c in part.confidence.tolist())
    truth, answers = names[part.labels].tolist(), names[part.predictions].tolist()
    return zip(ids, (split,) * len(part), truth, answers, sure, strict=True)


def guard(cell: str) -> str:
    """A cell no spreadsheet takes for a formula: an apostrophe goes before the signs one starts with."""
    return f"'{cell}" if cell.lstrip(" ").startswith(_FORMULA) and not _NUMBER.fullmatch(cell) else cell
