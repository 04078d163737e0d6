"""What the memo knows about the data: from the dataset audit, else from what bundles keep of their rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .model import Interval, Value
from .runs import wilson_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reportgen.bundle import Bundle
    from reportgen.data.audit import Audit

    from .context import Context


@dataclass(frozen=True, eq=False)
class LabelCounts:
    """Training rows of each label; `counts` has shape (K,) and may be all zero where a run did not say."""

    names: tuple[str, ...]
    counts: NDArray[np.int64]
    run: str | None
    source: str = "labels.json"

    @property
    def total(self) -> int:
        """Training rows."""
        return int(self.counts.sum())

    def value(self, metric: str, number: float, *, rows: int | None = None) -> Value:
        """A count, or a share of the training rows if `rows` is given."""
        bounds: Interval | None = None if rows is None else wilson_interval(rows, self.total)
        return Value(
            metric=metric,
            value=number,
            unit="count" if rows is None else "fraction",
            run=self.run,
            split="train",
            n=self.total,
            interval=bounds,
            field=self.source,
        )


def label_counts(context: Context) -> LabelCounts | None:
    """Training counts of the run the memo leads with, or of any bundle of its label list that stored them."""
    runs = context.runs
    if not runs.measured:
        if context.audit is None:
            return None
        listed = context.audit.labels.counts
        counts = np.array([label.train for label in listed], dtype=np.int64)
        return LabelCounts(tuple(label.name for label in listed), counts, None, "audit.json")
    names = runs.labels.names
    # A notebook's file of figures may count the rows that its file of predictions leaves out.
    for run in [*filter(None, (runs.baseline, runs.candidate, runs.majority)), *runs.measured, *runs.reported]:
        if run.labels.names == names and any(run.labels.train_counts):
            return LabelCounts(names, np.asarray(run.labels.train_counts, dtype=np.int64), run.run_id)
    return None


def counts_or_support(context: Context, run: Bundle) -> NDArray[np.int64]:
    """Training rows of the run's labels; where nobody stored them, its rows on the reporting split stand in."""
    labels = label_counts(context)
    if labels is not None and labels.names == run.labels.names:
        return labels.counts
    return context.runs.per_class(run).support


@dataclass(frozen=True)
class TextFacts:
    """Lengths and redaction of one split's texts. Shares come as (rows, of)."""

    split: str
    n: int
    source: str
    """File and field the facts were read from."""
    run: str | None
    redacted: tuple[int, int]
    words_median: float
    words_p90: float
    words_mean: float
    within: tuple[int, int] | None
    """Texts of at most `max_length` tokens; None where nobody counted tokens."""
    max_length: int
    counted_by: str = ""
    """Who counted the tokens, where that limits the figure."""

    def value(self, metric: str, number: float, unit: Any, rows: tuple[int, int] | None = None) -> Value:
        """A figure of these texts; a share of rows gets its interval."""
        return Value(
            metric=metric,
            value=number,
            unit=unit,
            run=self.run,
            split=self.split,
            n=rows[1] if rows else self.n,
            interval=wilson_interval(*rows) if rows else None,
            field=self.source,
        )


def text_facts(context: Context) -> TextFacts | None:
    """Facts about the texts: of the training split if anyone looked at it, else of the reporting split."""
    limit = context.course.max_length
    if context.audit and context.audit.texts:
        return _audited(context.audit, context.audit_run)
    for split in filter(None, ("train", context.runs.split)):
        for run in context.runs.measured:
            rows = run.rows(split)
            if rows is None or not {"words", "redacted"} <= set(rows.columns):
                continue
            words = rows["words"].to_numpy(dtype=np.float64)
            counted = next(
                (
                    other["tokens"].to_numpy(dtype=np.float64)
                    for one in context.runs.measured
                    if (other := one.rows(split)) is not None and "tokens" in other and other["tokens"].notna().all()
                ),
                None,
            )
            return TextFacts(
                split=split,
                n=len(rows),
                source="rows.parquet",
                run=run.run_id,
                redacted=(int(rows["redacted"].sum()), len(rows)),
                words_median=float(np.median(words)),
                words_p90=float(np.percentile(words, 90)),
                words_mean=float(words.mean()),
                within=None if counted is None else (int((counted <= limit).sum()), len(counted)),
                max_length=limit,
            )
    return None


def _audited(audit: Audit, run: str | None) -> TextFacts:
    texts = audit.texts.get("train") or next(iter(audit.texts.values()))
    counted = texts.tokens_n or texts.rows
    if not texts.tokens_n:
        how = f"Tokens estimated from words, {texts.tokens_per_word:.2f} a word: no tokenizer was at hand."
    else:
        how = f"Tokens counted by {texts.tokens_source} on {counted:,} of {texts.rows:,} texts."
    return TextFacts(
        split=texts.split,
        n=texts.rows,
        source="audit.json",
        run=run,
        redacted=(round(texts.redacted_share * texts.rows), texts.rows),
        words_median=texts.words_median,
        words_p90=texts.words_p90,
        words_mean=texts.words_mean,
        within=(round(texts.within_max_length * counted), counted),
        max_length=texts.max_length,
        counted_by=how,
    )
