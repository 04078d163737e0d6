"""The data audit as a page: `audit.html` for a reader, `audit.json` for programs."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from reportgen.errors import InputError

from . import audit_labels, audit_tail, audit_texts
from .draw import draw
from .environment import environment
from .lengths import lengths

if TYPE_CHECKING:
    from reportgen.data import Dataset
    from reportgen.data.audit import Audit
    from reportgen.evidence import Figure

_PAGE, _DATA = "audit.html", "audit.json"
_WEEK = 1
"""The week whose memo holds the data audit: its tier rule colours the chart."""
_TOPICS = {
    "imbalance": ("Imbalance", "tail"),
    "floor": ("The floor", "tail"),
    "rare": ("Rare classes", "tail"),
    "support": ("Thin validation", "val"),
    "leak": ("Leakage", "duplicates"),
    "conflict": ("Conflicting labels", "duplicates"),
    "near-conflict": ("Template letters", "duplicates"),
    "truncation": ("Cut texts", "texts"),
    "redaction": ("Redaction", "texts"),
    "language": ("Language", "texts"),
    "forms": ("Old and new forms", "pipeline"),
    "suspects": ("Labels that may be one", "alike"),
    "dropped": ("What was left out", "pipeline"),
}


@dataclass(frozen=True)
class Asked:
    """A question of the audit: the fact it rests on, and the section (id and name) that holds it."""

    topic: str
    target: str
    section: str
    fact: str
    question: str


def write_audit(dataset: Dataset, out: str | Path) -> Path:
    """Audit a dataset and write `audit.html` and `audit.json` into a folder; nothing is written unless both can be.

    Args:
        dataset: with at least one row.
        out: the folder; it is made if need be.

    Returns:
        The page.

    Raises:
        InputError: the dataset has no rows, or the folder cannot be written to.
    """
    from reportgen.data.audit import audit

    folder = Path(out)
    found = audit(dataset)
    document = json.dumps(found.to_json(), ensure_ascii=False, allow_nan=False, indent=2) + "\n"
    files = {_PAGE: audit_html(found, dataset), _DATA: document}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in files:
            if (folder / name).is_dir():
                raise IsADirectoryError(None, f"{name} is a folder")
        with tempfile.TemporaryDirectory(dir=folder, prefix=".audit-") as draft:
            for name, text in files.items():
                (Path(draft) / name).write_text(text, encoding="utf-8", errors="replace")
            for name in files:
                (Path(draft) / name).replace(folder / name)
    except OSError as error:
        why = error.strerror or str(error)
        raise InputError(f"cannot write the audit: {why}", where=folder, remedy="choose a folder with --out") from None
    return folder / _PAGE


def audit_html(audit: Audit, dataset: Dataset) -> str:
    """The page of an audit of this dataset."""
    parts = [
        audit_labels.size(audit),
        audit_labels.pipeline(audit, dataset.provenance),
        audit_tail.tail(audit, dataset.course.tier_rule(_WEEK)),
        audit_tail.support(audit),
        audit_texts.texts(audit),
        audit_texts.duplicates(audit),
        audit_labels.alike(audit),
    ]
    figures = [figure for part in parts for figure in part.figures]
    exhibits: dict[str, list[Any]] = {"Figure": figures, "Table": [table for part in parts for table in part.tables]}
    return (
        environment()
        .get_template("audit.html")
        .render(
            audit=audit,
            course=dataset.course.title,
            glance=_glance(parts),
            questions=_asked(audit, {part.id: part.title for part in parts}),
            parts=parts,
            drawings={figure.id: _draw(figure) for figure in figures},
            numbers={
                one.id: f"{kind} {number}" for kind, found in exhibits.items() for number, one in enumerate(found, 1)
            },
        )
    )


def _asked(audit: Audit, titles: Mapping[str, str]) -> list[Asked]:
    asked = []
    for question in audit.questions:
        topic, target = _TOPICS.get(question.id) or _TOPICS[question.id.partition("-")[0]]
        if question.id.startswith("leak-"):
            topic = f"{topic}, {question.id.removeprefix('leak-')}"
        # No question holds a colon, while a label named in its fact may.
        fact, _, text = question.text.rpartition(": ")
        asked.append(Asked(topic, target, titles[target], fact, text[:1].upper() + text[1:]))
    return asked


def _glance(parts: list[audit_labels.Part]) -> list[tuple[str, audit_labels.Fact]]:
    wanted = {
        "rows": "Rows",
        "labels.top_share": "Largest class",
        "labels.rare_labels": None,
        "within_max_length": None,
    }
    facts = [fact for part in parts for fact in part.facts]
    return [
        (label or fact.label, fact)
        for path, label in wanted.items()
        for fact in facts
        if fact.path == path or fact.path.endswith("." + path)
    ]


def _draw(figure: Figure) -> Markup:
    if figure.kind != "lengths":
        return draw(figure)
    page = environment().get_template("figures/lengths.svg")
    return Markup(page.render(figure=figure, plot=lengths(figure.data)))  # noqa: S704 - an autoescaped template
