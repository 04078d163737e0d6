"""Figures without predictions, gathered by model: what several files say about one model becomes one bundle."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from reportgen.bundle import Labels, slug

from .draft import Draft
from .figures import reported
from .naming import model_info
from .reading import FileId

PRECISIONS = ("fp32", "fp16", "bf16", "int8", "int4")


@dataclass
class Aggregate:
    """What one file says about one model."""

    model: str
    week: int | None
    file: FileId
    form: str
    figures: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    labels: Labels | None = None
    repeat: int = 1
    """2, 3 … for a re-run of the same name with other figures."""

    @property
    def run_id(self) -> str:
        """Name of the bundle; apart from a measured run of the same model."""
        week = f"week{self.week}-" if self.week else ""
        again = f"-{self.repeat}" if self.repeat > 1 else ""
        return f"{slug(f'{week}{self.model}')[:66]}{again}-reported"


def drafts_of(found: Iterable[Aggregate], course: str) -> list[Draft]:
    """One draft a model; where two files state the same figure differently, the first is kept and the draft says so."""
    merged: dict[str, list[Aggregate]] = {}
    for item in found:
        merged.setdefault(item.run_id, []).append(item)
    drafts = []
    for run_id, items in merged.items():
        first = items[0]
        figures: dict[str, Any] = {}
        extra: dict[str, Any] = {}
        said: list[str] = []
        origin: dict[str, str] = {}
        for item in items:
            said += item.said
            for name, value in item.figures.items():
                if value is None:
                    continue
                if figures.setdefault(name, value) != value:
                    said.append(f"{name} is {figures[name]} in {origin[name]}, {value} in {item.file.name}.")
                origin.setdefault(name, item.file.name)
            for name, value in item.extra.items():
                if extra.setdefault(name, value) != value:
                    extra[f"{name} ({item.file.name})"] = value
        model, _ = model_info(first.model.replace("_", " "), precision=figures.get("precision"))
        files = list({item.file.name: item.file for item in items}.values())
        drafts.append(
            reported(
                run_id,
                model,
                figures,
                course=course,
                files=files,
                form=", ".join(dict.fromkeys(item.form for item in items)),
                extra=extra,
                said=said,
                labels=next((item.labels for item in items if item.labels is not None), None),
                week=first.week,
            )
        )
    return drafts
