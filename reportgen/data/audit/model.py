"""What an audit states: figures with the rows or labels they are of. No text of the dataset is in it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Record(BaseModel):
    """Base of the audit's records: finite numbers only."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class LabelRows(Record):
    """One label and its rows in each split (0 where a split is missing)."""

    name: str
    train: int
    val: int
    test: int


class TierSize(Record):
    """One tier under one rule."""

    labels: int
    rows: dict[str, int]
    shares: dict[str, float]
    """Split to the share of its rows whose label is in the tier."""


class LabelAudit(Record):
    """The shape of the label distribution; of the training rows unless a field says otherwise."""

    listed: int
    """Labels in the list, with rows or without."""
    present: dict[str, int]
    """Split to the labels that have rows in it."""
    top: str
    top_rows: int
    top_share: float
    smallest: str
    """The label with the fewest training rows, but at least one."""
    smallest_rows: int
    imbalance_ratio: float
    """Rows of the largest label ÷ rows of the smallest one that has any."""
    rare_labels: int
    """Labels below `rare_below` of the rows, labels without a training row included."""
    rare_share: float
    rare_below: float = 0.001
    head_shares: dict[str, float]
    """'3', '10' → share of the rows in so many largest labels."""
    tail_shares: dict[str, float]
    """'10', '30', '63' → share of the rows in so many smallest labels; only below the number of labels."""
    fewer_than: dict[str, int]
    """'5', '20', '50', '100' → labels with fewer rows."""
    tiers: dict[str, dict[str, TierSize]]
    val_support: dict[str, int]
    """Range of validation rows a label → number of labels; empty without a val split."""
    counts: tuple[LabelRows, ...]


class Merge(Record):
    """One old label and what it became."""

    old: str
    new: str
    rows: int


class Dropped(Record):
    """One label that was left out."""

    name: str
    rows: int


class MergeAudit(Record):
    """What the label pipeline did: raw labels → after merging → kept."""

    raw_rows: int
    raw_labels: int
    merged_labels: int
    kept_labels: int
    merged_rows: int
    dropped_rows: int
    empty_rows: int
    merged: tuple[Merge, ...]
    dropped: tuple[Dropped, ...]


class SuspectPair(Record):
    """Two labels whose confusion may come from the label list rather than from a model."""

    a: str
    b: str
    shared: tuple[str, ...]
    """Distinctive words both names hold in some form, as `a` has them."""
    merge_targets: bool
    """Both took in other raw labels."""
    rows: tuple[int, int]
    """Training rows of a and b."""


class OldLabel(Record):
    """A raw label that ends about when another one with a shared word begins: two forms of one question."""

    old: str
    new: str
    shared: tuple[str, ...]
    old_years: tuple[str, str]
    """First and last year with rows."""
    new_years: tuple[str, str]
    old_rows: int
    new_rows: int
    merged: bool
    """The merge map already joins the two."""


class TextAudit(Record):
    """The texts of one split."""

    split: str
    rows: int
    redacted_share: float
    numeric_share: float
    words_median: float
    words_mean: float
    words_p90: float
    words_max: int
    within_50_words: float
    max_length: int
    within_max_length: float
    """Share of the texts that fit into `max_length` tokens."""
    tokens_source: str
    """The tokenizer, or 'estimate'."""
    tokens_n: int
    """Texts whose tokens were counted; 0 for an estimate."""
    tokens_per_word: float
    """Measured, or the ratio the estimate uses."""
    tokens_median: float | None
    words_histogram: tuple[int, ...]
    """Texts in 100 bins of 3 words from 0 to 300."""
    words_over_300: int
    short_texts: int
    """Fewer than three words."""
    not_english_looking: int
    not_english_rows: tuple[str, ...]
    """row_ids of the first ten."""


class DuplicateGroup(Record):
    """One group of alike texts."""

    rows: int
    splits: dict[str, int]
    labels: tuple[str, ...]
    row_ids: tuple[str, ...]
    """The first five."""


class Duplicates(Record):
    """Groups of two and more alike texts over all splits."""

    kind: Literal["exact", "near"]
    rule: str
    groups: int
    rows: int
    surplus: int
    """Rows beyond the first of each group."""
    conflicting: int
    """Groups whose rows have different labels."""
    leaked: dict[str, int]
    """Split other than train to its rows that are alike to a training row."""
    leaked_shares: dict[str, float]
    largest: tuple[DuplicateGroup, ...]


class Question(Record):
    """A modelling question the data raises, tied to a figure of the audit."""

    id: str
    figure: str
    """Path of the figure in the audit, e.g. labels.top_share."""
    value: float
    text: str


class Audit(Record):
    """`audit.json`."""

    schema_: Literal["reportgen/audit/1"] = Field("reportgen/audit/1", alias="schema")
    dataset: str
    revision: str | None
    course: str
    synthetic: bool
    rows: dict[str, int]
    sampled_of: dict[str, int]
    labels: LabelAudit
    merge: MergeAudit
    suspects: tuple[SuspectPair, ...]
    suspects_found: int
    old_labels: tuple[OldLabel, ...]
    texts: dict[str, TextAudit]
    exact: Duplicates
    near: Duplicates
    questions: tuple[Question, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain types only, without NaN; `Audit.model_validate` reads it back."""
        return self.model_dump(mode="json", by_alias=True)
