"""Modelling questions that an audit raises. Each needs its figure to be there and is asked, never answered."""

from __future__ import annotations

from collections.abc import Iterator

from ..wording import count
from .model import Audit, LabelAudit, Question, TextAudit


def questions(audit: Audit) -> Iterator[Question]:
    """The questions this audit raises."""
    yield from _about_labels(audit.labels)
    yield from _about_duplicates(audit)
    yield from _about_texts(audit.texts.get("train") or next(iter(audit.texts.values())))
    yield from _about_pipeline(audit)


def _ask(name: str, figure: str, value: float, fact: str, question: str) -> Question:
    return Question(id=name, figure=figure, value=float(value), text=f"{fact}: {question}?")


def _about_labels(labels: LabelAudit) -> Iterator[Question]:
    ratio = labels.imbalance_ratio
    if ratio >= 10:
        fact = f"The largest label has {ratio:,.0f} times the rows of the smallest one that has any"
        question = "which metric notices a model that never predicts the small ones, and should the loss weigh labels"
        yield _ask("imbalance", "labels.imbalance_ratio", ratio, fact, question)
    if labels.top_share >= 0.1:
        fact = f"Always answering “{labels.top}” is right in {labels.top_share:.1%} of the training rows"
        question = "how far above this floor must an accuracy be before it says anything"
        yield _ask("floor", "labels.top_share", labels.top_share, fact, question)
    if labels.rare_labels >= 0.1 * labels.listed:
        fact = (
            f"{labels.rare_labels} of {labels.listed} labels hold less than {labels.rare_below:.1%} of the rows each, "
            f"{labels.rare_share:.1%} together"
        )
        question = "can they be learnt from so few rows, or do they need another remedy"
        yield _ask("rare", "labels.rare_labels", labels.rare_labels, fact, question)
    sparse = sum(number for name, number in labels.val_support.items() if name in ("1", "2", "3-4"))
    if sparse >= 0.1 * labels.listed:
        fact = f"{count(sparse, 'label')} with one to four validation rows"
        question = "how much of a difference in macro F1 is one lucky row"
        yield _ask("support", "labels.val_support", sparse, fact, question)


def _about_duplicates(audit: Audit) -> Iterator[Question]:
    for split, rows in audit.near.leaked.items():
        if rows:
            share = audit.near.leaked_shares[split]
            fact = f"{count(rows, 'row')} of {split} ({share:.1%}) nearly the same as a training row"
            question = "what is the score without them, and is remembering them what the task is about"
            yield _ask(f"leak-{split}", f"near.leaked.{split}", rows, fact, question)
    exact, near = audit.exact.conflicting, audit.near.conflicting
    if exact:
        fact = f"{count(exact, 'group')} of identical texts with different labels"
        yield _ask("conflict", "exact.conflicting", exact, fact, "what is the most any model could reach on them")
    if near > exact:
        fact = f"{count(near, 'group')} of nearly identical texts with different labels"
        question = "how sure is the label of a template letter, and how sure should a model be"
        yield _ask("near-conflict", "near.conflicting", near, fact, question)


def _about_texts(text: TextAudit) -> Iterator[Question]:
    place = f"texts.{text.split}"
    if text.within_max_length < 0.95:
        fact = f"{1 - text.within_max_length:.1%} of the texts exceed {text.max_length} tokens ({text.tokens_source})"
        question = "is what decides the label in the part that is cut off"
        yield _ask("truncation", f"{place}.within_max_length", text.within_max_length, fact, question)
    if text.redacted_share >= 0.1:
        fact = f"{text.redacted_share:.1%} of the texts hold redactions"
        question = "are models worse on them, and would a deployed model see redacted text at all"
        yield _ask("redaction", f"{place}.redacted_share", text.redacted_share, fact, question)
    if text.not_english_looking:
        number = text.not_english_looking
        fact = f"{count(number, 'text')} without the usual share of common English words (a heuristic)"
        question = "another language, lists, lost spaces, and does the encoder know them"
        yield _ask("language", f"{place}.not_english_looking", number, fact, question)


def _about_pipeline(audit: Audit) -> Iterator[Question]:
    forms = [pair for pair in audit.old_labels if not pair.merged]
    if forms:
        fact = (
            f"{count(len(forms), 'pair')} of labels with shared words where one follows the other in time, "
            f"for example “{forms[0].old}” and “{forms[0].new}”"
        )
        yield _ask("forms", "old_labels", len(forms), fact, "are these two labels or one question asked twice")
    alike = [pair for pair in audit.suspects if len(pair.shared) > 1]
    if alike:
        fact = (
            f"{count(len(alike), 'pair')} of labels with two or more distinctive words in common, "
            f"for example “{alike[0].a}” and “{alike[0].b}”"
        )
        question = "will confusion between them be the model's error or the label list's"
        yield _ask("suspects", "suspects", len(alike), fact, question)
    merge = audit.merge
    if merge.dropped_rows:
        fact = f"{count(merge.dropped_rows, 'row')} of {count(len(merge.dropped), 'label')} left out"
        question = "what should a deployed model answer when such a text arrives"
        yield _ask("dropped", "merge.dropped_rows", merge.dropped_rows, fact, question)
