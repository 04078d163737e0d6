"""The record, version 1: strict types, and caps that no honest memo comes near."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from reportgen.errors import ReportgenError
from reportgen.evidence.model import Unit, Verification

SCHEMA = "reportgen/record/1"
MAX_JSON = 2_000_000
"""Characters of the element: six runs of 6,430 rows take about 0.1 million."""
MAX_INFLATED = 8_000_000
"""Bytes of all packed arrays together."""
MAX_ROWS, MAX_LABELS, MAX_RUNS, MAX_VALUES, MAX_GROUPS = 200_000, 2_000, 64, 5_000, 500

Name = Annotated[str, Field(max_length=2_000)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Packed = Annotated[str, Field(max_length=MAX_JSON, pattern=r"^[A-Za-z0-9_=-]*$")]
Count = Annotated[int, Field(ge=0, le=2**53)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class RecordError(ReportgenError):
    """A record that is absent, doubled, damaged or of another version."""


class Part(BaseModel):
    """Base of the record's parts: nothing is coerced, nothing unknown is let in."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class RecordInterval(Part):
    """A two-sided interval in the value's unit."""

    low: Number | None
    high: Number | None
    method: Name
    level: Number


class RecordValue(Part):
    """One figure as `reportgen.evidence.Value` has it."""

    metric: Name
    value: bool | int | Number | Name | None
    unit: Unit
    run: Name | None = None
    baseline: Name | None = None
    split: Name | None = None
    n: Count | None = None
    interval: RecordInterval | None = None
    field: Name | None = None


class RecordColumn(Part):
    """A table's column."""

    key: Name
    label: Name
    unit: Unit


class Group(Part):
    """The values of one element of the page, in its order: an item, a table, or the head's highlights."""

    id: Name
    kind: Literal["item", "table", "glance"]
    section: Name | None = None
    verification: Verification | None = None
    verdict: Name | None = None
    missing: bool = False
    exhibits: Annotated[list[Name], Field(max_length=100)] = []
    values: Annotated[list[RecordValue], Field(max_length=MAX_VALUES)] = []
    columns: Annotated[list[RecordColumn], Field(max_length=200)] = []
    row_header: Name | None = None


class LabelList(Part):
    """Label names in id order and their training rows, from which tiers follow; counts may be unknown (empty)."""

    names: Annotated[list[Name], Field(max_length=MAX_LABELS, min_length=1)]
    train_counts: Annotated[list[Count], Field(max_length=MAX_LABELS)] = []


class RowSet(Part):
    """True labels, kept once for all runs scored on the same rows."""

    split: Name
    n: Annotated[int, Field(ge=1, le=MAX_ROWS)]
    rows_sha256: Digest
    label_list: Count
    labels: Packed


class RecordRun(Part):
    """One run: who it is and, where it was scored, its outcomes."""

    run_id: Name
    root: Digest
    kind: Literal["measured", "reported"]
    model: Name
    family: Name
    seed: int | None
    rows: Count | None = None
    predictions: Packed | None = None
    confidence: Packed | None = None


class SectionText(Part):
    """Digest of a section's visible text."""

    id: Name
    sha256: Digest


class Record(Part):
    """Everything a memo says about itself. `digest` covers the rest."""

    schema_: Literal["reportgen/record/1"] = Field(alias="schema")
    tool: Name
    week: Annotated[int, Field(ge=1, le=99)]
    course: Name
    split: Name | None
    label_lists: Annotated[list[LabelList], Field(max_length=MAX_RUNS)]
    row_sets: Annotated[list[RowSet], Field(max_length=MAX_RUNS)]
    runs: Annotated[list[RecordRun], Field(max_length=MAX_RUNS)]
    groups: Annotated[list[Group], Field(max_length=MAX_GROUPS)]
    sections: Annotated[list[SectionText], Field(max_length=100)]
    page: Digest
    choices: Annotated[dict[Name, Name], Field(max_length=20)] = {}
    """Front matter the evidence depends on: a scenario, the role of a run."""
    digest: Digest
