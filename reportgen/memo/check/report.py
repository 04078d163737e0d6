"""What a check found, as JSON and as text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from reportgen.errors import one_line

Severity = Literal["red", "amber"]
MAX_FINDINGS = 200


@dataclass(frozen=True)
class Finding:
    """One thing wrong (red: the memo contradicts itself or its bundles) or worth a look (amber)."""

    id: str
    severity: Severity
    where: str
    message: str
    said: str | None = None
    recomputed: str | None = None


@dataclass(frozen=True)
class TypedNumber:
    """A number the author typed: green where traced, amber where not, red where contradicted."""

    severity: Literal["green", "amber", "red"]
    where: str
    number: str
    sentence: str
    traced_to: str | None = None


@dataclass
class SectionState:
    """A section of the rubric as the check saw it: ids of items."""

    id: str
    title: str
    answered: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


@dataclass
class Report:
    """The result of a check.

    Attributes:
        recomputed: ids of items whose every figure was recomputed from the memo.
        bound: ids of items that only the bundles can confirm.
        declared: ids of items that rest on someone's word.
        rebuilt: ids of items that were built again from bundles and agree.
    """

    findings: list[Finding] = field(default_factory=list)
    recomputed: list[str] = field(default_factory=list)
    bound: list[str] = field(default_factory=list)
    declared: list[str] = field(default_factory=list)
    rebuilt: list[str] = field(default_factory=list)
    sections: list[SectionState] = field(default_factory=list)
    numbers: list[TypedNumber] = field(default_factory=list)
    words: int = 0
    recommendation: str | None = None
    """What the text recommends, beside what the decision rule chooses."""
    _contradicted: bool = False

    @property
    def ok(self) -> bool:
        """Whether nothing is red."""
        return not self._contradicted

    def add(
        self,
        name: str,
        severity: Severity,
        where: object,
        message: str,
        said: object = None,
        recomputed: object = None,
    ) -> None:
        """Note a finding; after two hundred of a severity there is nothing more to learn."""
        self._contradicted |= severity == "red"
        if sum(finding.severity == severity for finding in self.findings) >= MAX_FINDINGS:
            return
        shown = [None if part is None else one_line(_said(part)) for part in (said, recomputed)]
        finding = Finding(name, severity, one_line(where, 200), one_line(message), shown[0], shown[1])
        if finding not in self.findings:
            self.findings.append(finding)

    def to_json(self) -> dict[str, Any]:
        """The document `check --json` prints."""
        return {
            "ok": self.ok,
            "items": {
                "recomputed": len(self.recomputed),
                "bound": len(self.bound),
                "declared": len(self.declared),
            },
            "findings": [asdict(finding) for finding in self.findings],
        }

    def to_text(self) -> str:
        """Section by section: what is answered, missing, contradicted, and where."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        red = sum(finding.severity == "red" for finding in self.findings)
        amber = len(self.findings) - red
        yield f"{'nothing contradicted' if self.ok else 'CONTRADICTED'}: {red} red, {amber} amber"
        rebuilt = f"; {len(self.rebuilt)} rebuilt from bundles" if self.rebuilt else ""
        yield (
            f"items: {len(self.recomputed)} recomputed, {len(self.bound)} bound, {len(self.declared)} declared{rebuilt}"
        )
        told = set()
        for section in self.sections:
            yield ""
            yield f"{section.id}  {section.title}"
            yield f"  answered: {', '.join(map(self._mark, section.answered)) or 'nothing'}"
            if section.missing:
                yield f"  missing:  {', '.join(section.missing)}"
            for finding in self.findings:
                if finding.where.startswith(section.id) and finding not in told:
                    told.add(finding)
                    yield from _told(finding)
        rest = [finding for finding in self.findings if finding not in told]
        if rest:
            yield from ("", "the memo as a whole") if self.sections else ("",)
            for finding in rest:
                yield from _told(finding)
        if self.sections:
            traced = sum(number.severity == "green" for number in self.numbers)
            yield ""
            if self.recommendation:
                yield f"recommendation: {self.recommendation}"
            yield f"prose: {self.words:,} words; {traced} of {len(self.numbers)} typed numbers traced"
            yield "A memo built again from forged predictions passes; only the labels and the bundles can tell."

    def _mark(self, item: str) -> str:
        kind = "r" if item in self.recomputed else "d" if item in self.declared else "b"
        return f"{item} ({kind})"


def _said(part: object) -> object:
    """A list as a person would write it."""
    return (", ".join(map(str, part)) or "nothing") if isinstance(part, list) else part


def _told(finding: Finding) -> Iterator[str]:
    yield f"  {finding.severity:5}  {finding.where}: {finding.message}"
    if finding.said is not None:
        yield f"         said: {finding.said}"
    if finding.recomputed is not None:
        yield f"         recomputed: {finding.recomputed}"
