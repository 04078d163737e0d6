"""The types of evidence: what a week's memo states, where it came from and how it can be verified.

Evidence holds no HTML; templates hold no arithmetic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Verification = Literal["recomputed", "bound", "declared"]
"""recomputed: from the memo alone; bound: from the bundles; declared: time, memory, a dataset nobody handed in."""

Unit = Literal[
    "fraction", "score", "count", "seconds", "ms", "bytes", "words", "tokens", "ratio", "p", "number", "text"
]
"""fraction: a share of rows, written in per cent; score: an F1 or its kin, with three decimals; p: a p-value."""

Scalar = float | int | str | bool | None


@dataclass(frozen=True)
class Interval:
    """A two-sided interval of a value, in the value's own unit."""

    low: float
    high: float
    method: str
    level: float = 0.95


@dataclass(frozen=True)
class Value:
    """One figure. `metric`, `run`, `baseline` and `split` identify it for citations and for recomputation."""

    metric: str
    value: Scalar
    unit: Unit = "number"
    run: str | None = None
    baseline: str | None = None
    """Set when the value is a difference `run` − `baseline`."""
    split: str | None = None
    n: int | None = None
    interval: Interval | None = None
    field: str | None = None
    """File and field of the bundle it was computed from, e.g. 'predictions.parquet'."""

    @property
    def number(self) -> float:
        """The value of a figure.

        Raises:
            TypeError: it is a text, or nothing.
        """
        if self.value is None or isinstance(self.value, str):
            raise TypeError(f"{self.metric} is {self.value!r}, no number")
        return float(self.value)


@dataclass(frozen=True)
class Item:
    """The answer to one evidence item of the rubric, e.g. w1.s2.e3."""

    id: str
    label: str
    values: tuple[Value, ...] = ()
    sentence: str = ""
    """The fact in words, chosen by the measured sign; never stronger than the interval."""
    verification: Verification = "recomputed"
    verdict: str | None = None
    """Where the course defines one: real, directional, null, confirmed, too few to call, …"""
    missing: str | None = None
    """The command that would measure it, when it was not measured; then `values` is empty."""
    exhibits: tuple[str, ...] = ()
    """Ids of the tables and figures of the section that carry the detail."""
    fields: tuple[str, ...] = ()
    """Lines the author's text has to hold, such as `**Prediction:** …`: nothing measures them."""
    about: tuple[str, ...] = ()
    """The runs each of these lines is asked for, `**Prediction (run):** …`; none: one for the section."""
    caveats: tuple[str, ...] = ()
    """What limits this answer: few rows a class, a sample, one seed, a partial run."""


@dataclass(frozen=True)
class Column:
    """A table column. `unit` decides how its cells are written."""

    key: str
    label: str
    unit: Unit = "text"
    help: str | None = None
    wide: bool = False
    """Running text that needs room."""
    author: str | None = None
    """Set where the author's text fills the cells, which evidence leaves empty: what stands in one it does not fill."""


@dataclass(frozen=True)
class Table:
    """Rows of scalars (or `Value`s) by column key. `caption` says n, split, tier rule and interval method."""

    id: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Mapping[str, Scalar | Value], ...]
    row_header: str | None = None
    """Key of the column that names the row (scope=row)."""
    notes: tuple[str, ...] = ()
    folded_after: int | None = None
    """Show so many rows, the rest in <details>."""
    reported: bool = False
    """Published figures without predictions: shown visibly apart, never recomputable."""


@dataclass(frozen=True)
class Figure:
    """Data of a figure. `finding` is its accessible name: what a reader should see in it."""

    id: str
    kind: str
    caption: str
    finding: str
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Reasoning:
    """A block the student fills: the prompt is shown until prose replaces it."""

    id: str
    prompt: str


@dataclass(frozen=True)
class Section:
    """One rubric section."""

    id: str
    number: int
    title: str
    points: int
    items: tuple[Item, ...]
    reasoning: tuple[Reasoning, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True)
class Opening:
    """A block before the first section that the author fills, such as a summary for stakeholders; never scored."""

    title: str
    prompts: tuple[str, ...]


@dataclass(frozen=True)
class RunSummary:
    """How a run is named and identified in the memo."""

    run_id: str
    root: str
    kind: Literal["measured", "reported"]
    model: str
    family: str
    seed: int | None
    hardware: str | None
    splits: Mapping[str, int] = field(default_factory=dict)
    """Split name to rows scored."""


@dataclass(frozen=True)
class Highlight:
    """One figure of the summary at the head of a memo, and the item that carries its detail."""

    label: str
    value: Value
    item: str
    note: str = ""
    """What keeps the figure from being overread, in a few words."""


@dataclass(frozen=True, eq=False)
class Scored:
    """A run's outcomes on the reporting split, for the record: int16 ids, −1 unparsed, float32 confidences or None."""

    run_id: str
    split: str
    rows_sha256: str
    names: tuple[str, ...]
    train_counts: tuple[int, ...]
    labels: NDArray[np.int16] = field(repr=False)
    predictions: NDArray[np.int16] = field(repr=False)
    confidence: NDArray[np.float32] | None = field(repr=False)


@dataclass(frozen=True)
class WeekEvidence:
    """Everything one memo states."""

    week: int
    course: str
    title: str
    dataset: str
    synthetic: bool
    runs: tuple[RunSummary, ...]
    sections: tuple[Section, ...]
    notices: tuple[str, ...] = ()
    """Page-wide warnings: synthetic data, small samples, test used for decisions, partial runs, …"""
    disclosure: tuple[tuple[str, str], ...] = ()
    """Facts for the disclosure block: data source, licence, splits, preprocessing, software."""
    split: str | None = None
    """The split the memo reports on."""
    highlights: tuple[Highlight, ...] = ()
    choices: Mapping[str, str] = field(default_factory=dict)
    """What the author's front matter chose that the evidence depends on: a scenario, the role of a run."""
    opening: Opening | None = None
    """What stands before the first section, where the course asks for something."""
    scored: tuple[Scored, ...] = ()
    """What the numbers can be recomputed from; it goes into the memo's record, not into the twins."""
