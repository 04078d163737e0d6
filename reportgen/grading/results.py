"""What grading one submission gives: plain, frozen, and the same through a process, a cluster or a cache file."""

from __future__ import annotations

import json
from typing import Literal

from pydantic import BaseModel, ConfigDict

from .model import Kind

FEWEST_WORDS = 10
"""Words that count as reasoning; whether they are any good is for a person to say."""

State = Literal["present", "unverifiable", "wrong", "absent"]
"""present: recomputed from the memo's own rows; unverifiable: answered, but only bundles or a person can tell;
wrong: contradicted; absent: not answered."""

Status = Literal["graded", "empty", "unreadable", "timeout", "failed"]
Severity = Literal["red", "amber", "note"]


TITLES = {
    "impossible": "figures that do not follow from predictions",
    "edited": "changed after building",
    "contradicted": "text or citations contradict the figures",
    "record": "record missing or damaged",
    "labels": "other true labels",
    "rows": "scored on other rows",
    "predictions": "same predictions as another student",
    "published": "published figures as own",
    "prose": "prose like another student's",
    "test": "decides on test data",
    "leak": "trained on validation or test data",
    "week": "memo of another week",
    "late": "late",
    "missing": "nothing handed in",
    "empty": "nothing to grade",
    "unreadable": "cannot be read",
    "timeout": "took too long",
    "failed": "grading failed",
    "reasoning": "reasoning not written",
    "sections": "sections not found",
    "split": "scored on another split",
    "intake": "files refused",
    "reading": "page read with difficulty",
    "pending": "not graded yet",
    "files": "several files",
    "unverified": "not by reportgen",
    "partial": "incomplete run",
    "overstated": "strong words",
}


class Part(BaseModel):
    """Base of the results: frozen, nothing unknown."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Flag(Part):
    """Something the instructor should know. `with_` names other students: such a flag never reaches a feedback page."""

    code: str
    severity: Severity
    text: str
    with_: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What it is about, in a few words."""
        return TITLES.get(self.code, self.code).capitalize()

    @property
    def told(self) -> str:
        """The flag as one line."""
        return f"{self.title}: {self.text}" if self.text else self.title


class ItemResult(Part):
    """One evidence item of the rubric."""

    id: str
    label: str
    state: State
    how: str = ""
    """How far it can be trusted: recomputed, bound, declared, or found on a page that is not ours."""
    value: str = ""
    place: str = ""
    finding: str = ""
    """What contradicts it."""


class SectionResult(Part):
    """One section of the rubric with its draft score."""

    id: str
    title: str
    points: int
    items: tuple[ItemResult, ...]
    draft: float
    band: tuple[int, int]
    """Suggested band; the weakest where the reasoning is empty."""
    reasoning_words: int = 0
    findings: tuple[str, ...] = ()
    """What contradicts the section as a whole or its text."""

    @property
    def reasoned(self) -> bool:
        """Whether its author wrote anything: "n/a" is no reasoning."""
        return self.reasoning_words >= FEWEST_WORDS


class RowsFacts(Part):
    """One set of scored rows: its claimed digest and digests of what is really in the record."""

    split: str
    n: int
    rows_sha256: str
    names: str
    """Digest of the label list."""
    truth: str
    """Digest of how often each label occurs."""


class RunFacts(Part):
    """One run: who it says it is, and what its predictions give."""

    run_id: str
    root: str
    kind: Literal["measured", "reported"]
    family: str
    model: str
    split: str | None = None
    n: int | None = None
    predictions: str | None = None
    """Digest of the predictions, None where the memo carries none."""
    accuracy: float | None = None
    macro_f1: float | None = None
    zero_f1: int | None = None


class Graded(Part):
    """Everything grading says about one submission, without its author's name."""

    key: str
    status: Status
    reason: str = ""
    """Why it could not be graded."""
    file: str = ""
    kind: Kind = "other"
    sections: tuple[SectionResult, ...] = ()
    flags: tuple[Flag, ...] = ()
    rows: tuple[RowsFacts, ...] = ()
    runs: tuple[RunFacts, ...] = ()
    prose: str = ""
    """The author's text, for comparison across the class."""
    untraced: int = 0
    """Typed numbers no figure of the memo explains."""

    @property
    def draft(self) -> float:
        """Draft points of all sections together."""
        return round(sum(section.draft for section in self.sections), 2)

    def to_json(self) -> bytes:
        """As plain ASCII: names of files may hold lone surrogates, which UTF-8 cannot."""
        return json.dumps(self.model_dump()).encode("ascii")

    @classmethod
    def from_json(cls, content: bytes) -> Graded:
        """Back from `to_json`.

        Raises:
            ValueError: something else.
        """
        return cls.model_validate(json.loads(content))
