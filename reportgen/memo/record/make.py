"""From evidence and a finished page to the record inside it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from reportgen import __version__
from reportgen.bundle import canonical_json, sha256
from reportgen.evidence.model import Value

from .packing import pack_confidence, pack_ids, pack_predictions
from .page import ELEMENT_ID, digests, parse
from .schema import SCHEMA

if TYPE_CHECKING:
    from reportgen.evidence import WeekEvidence
    from reportgen.evidence.model import Scored

GLANCE = "glance"
_EMPTY = f'id="{ELEMENT_ID}"></script>'


def embed(html: str, evidence: WeekEvidence) -> str:
    """The page with its record in the empty element the template left for it."""
    record = make(html, evidence)
    # Text inside a script element ends at the first `</`: no angle bracket may stand in it. ASCII, because names may
    # hold characters that reorder what an editor shows.
    text = json.dumps(record, allow_nan=False, separators=(",", ":"))
    safe = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    head, _, tail = html.rpartition(_EMPTY)
    return f"{head}{_EMPTY.removesuffix('</script>')}{safe}</script>{tail}"


def make(html: str, evidence: WeekEvidence) -> dict[str, Any]:
    """The record of a page without one."""
    page, sections = digests(parse(html))
    label_lists, row_sets, outcomes = _outcomes(evidence.scored)
    record: dict[str, Any] = {
        "schema": SCHEMA,
        "tool": __version__,
        "week": evidence.week,
        "course": evidence.course,
        "split": evidence.split,
        "label_lists": label_lists,
        "row_sets": row_sets,
        "runs": [
            {
                **{key: getattr(run, key) for key in ("run_id", "root", "kind", "model", "family", "seed")},
                **outcomes.get(run.run_id, {}),
            }
            for run in evidence.runs
        ],
        "groups": list(_groups(evidence)),
        "sections": [{"id": name, "sha256": digest} for name, digest in sections],
        "page": page,
        **({"choices": dict(evidence.choices)} if evidence.choices else {}),
    }
    return {**record, "digest": record_digest(record)}


def record_digest(record: dict[str, Any]) -> str:
    """sha256 of the canonical record without its own digest."""
    return sha256(canonical_json({key: value for key, value in record.items() if key != "digest"}))


def _outcomes(scored: Sequence[Scored]) -> tuple[list[Any], list[Any], dict[str, Any]]:
    """Label lists and true labels once each; outcomes by run."""
    lists: dict[tuple[Any, ...], int] = {}
    sets: dict[tuple[Any, ...], int] = {}
    label_lists: list[dict[str, Any]] = []
    row_sets: list[dict[str, Any]] = []
    runs: dict[str, Any] = {}
    for run in scored:
        k, key = len(run.names), (run.names, run.train_counts)
        if key not in lists:
            lists[key] = len(label_lists)
            label_lists.append({"names": list(run.names), "train_counts": list(run.train_counts)})
        rows = (run.split, run.rows_sha256, lists[key])
        if rows not in sets:
            sets[rows] = len(row_sets)
            row_sets.append(
                {
                    "split": run.split,
                    "n": len(run.labels),
                    "rows_sha256": run.rows_sha256,
                    "label_list": lists[key],
                    "labels": pack_ids(run.labels, k),
                }
            )
        runs[run.run_id] = {
            "rows": sets[rows],
            "predictions": pack_predictions(run.predictions, run.labels, k),
            "confidence": None if run.confidence is None else pack_confidence(run.confidence),
        }
    return label_lists, row_sets, runs


def _groups(evidence: WeekEvidence) -> Iterator[dict[str, Any]]:
    if evidence.highlights:
        values = [value_entry(highlight.value) for highlight in evidence.highlights]
        yield {"id": GLANCE, "kind": "glance", "values": values}
    for section in evidence.sections:
        for item in section.items:
            yield {
                "id": item.id,
                "kind": "item",
                "section": section.id,
                "verification": item.verification,
                "verdict": item.verdict,
                "missing": item.missing is not None,
                "exhibits": list(item.exhibits),
                "values": [value_entry(value) for value in item.values],
            }
        for table in section.tables:
            cells = (row[column.key] for row in table.rows for column in table.columns)
            yield {
                "id": table.id,
                "kind": "table",
                "section": section.id,
                "values": [value_entry(cell) for cell in cells if isinstance(cell, Value)],
                "columns": [{"key": col.key, "label": col.label, "unit": col.unit} for col in table.columns],
                "row_header": table.row_header,
            }


def value_entry(value: Value) -> dict[str, Any]:
    """A value as the record holds it: NumPy scalars as Python's own, what is not finite as unknown."""
    entry = {key: _plain(part) for key, part in asdict(value).items() if part is not None}
    if value.interval:
        entry["interval"] = {key: _plain(part) for key, part in asdict(value.interval).items()}
    return {"value": None, **entry}


def _plain(part: Any) -> Any:
    part = part.item() if hasattr(part, "item") else part
    return None if isinstance(part, float) and not math.isfinite(part) else part
