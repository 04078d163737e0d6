"""What the audit page says about texts: lengths, tokens, redaction, odd ones, duplicates. Row ids, never texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reportgen.evidence.model import Column, Figure, Scalar, Table, Value
from reportgen.evidence.numbers import listing, plural, show

from .audit_labels import Fact, Part, capped, name

if TYPE_CHECKING:
    from reportgen.data.audit import Audit
    from reportgen.data.audit.model import Duplicates, TextAudit

_BIN = 3
"""Words a bin of `TextAudit.words_histogram`."""
_SPECIAL = 2
"""Tokens a tokenizer adds to each text."""


def texts(audit: Audit) -> Part:
    """Length, what is cut, redaction, and texts that look odd."""
    split = "train" if "train" in audit.texts else next(iter(audit.texts))
    text, place = audit.texts[split], f"texts.{split}"
    cut = 1 - text.within_max_length
    facts = (
        Fact(
            f"{place}.words_median",
            "Length in words",
            f"Half of the texts have at most {show(text.words_median, 'words')} words, nine in ten at most "
            f"{show(text.words_p90, 'words')}, the longest {text.words_max:,}; "
            f"{show(text.within_50_words, 'fraction')} have 50 or fewer.",
            tuple(
                Value(metric, number, "words", split=split, n=text.rows)
                for metric, number in (
                    ("words_median", text.words_median),
                    ("words_mean", text.words_mean),
                    ("words_p90", text.words_p90),
                )
            ),
            exhibits=("lengths", "by-split"),
        ),
        Fact(
            f"{place}.within_max_length",
            f"Cut at {text.max_length} tokens",
            f"{show(cut, 'fraction')} of the texts are longer than the limit and lose their end."
            if cut > 0
            else f"Every text fits into {text.max_length} tokens.",
            (Value("share_cut", cut, "fraction", split=split, n=text.tokens_n or text.rows),),
            (_counted(text),),
        ),
        Fact(
            f"{place}.redacted_share",
            "Redaction",
            f"{show(text.redacted_share, 'fraction')} of the texts hold a redaction, "
            f"{show(text.numeric_share, 'fraction')} a number.",
            (Value("redaction_rate", text.redacted_share, "fraction", split=split, n=text.rows),),
        ),
        Fact(
            f"{place}.short_texts",
            "Nearly empty",
            f"{plural(sum(t.short_texts for t in audit.texts.values()), 'text')} of all splits with fewer than three "
            f"words; {plural(audit.merge.empty_rows, 'row')} without text or label left out before.",
            tuple(Value("short_texts", t.short_texts, "count", split=t.split, n=t.rows) for t in audit.texts.values()),
        ),
        Fact(
            f"{place}.not_english_looking",
            "Not English-looking",
            "Texts of eight words or more with less than a tenth common English words, redactions aside. "
            + _row_ids(audit),
            tuple(
                Value("not_english_looking", t.not_english_looking, "count", split=t.split, n=t.rows)
                for t in audit.texts.values()
            ),
            ("A heuristic: lists of accounts and texts that lost their spaces are caught as well.",),
        ),
    )
    return Part("texts", "Texts", facts, (_lengths(text),), (_table(audit),))


def duplicates(audit: Audit) -> Part:
    """Alike texts within and across splits."""
    both = (audit.exact, audit.near)
    facts = [_alike_texts(found, sum(audit.rows.values())) for found in both]
    leaks = [
        Value(f"{found.kind}_{split}", rows, "count", split=split, n=audit.rows[split])
        for found in both
        for split, rows in found.leaked.items()
    ]
    if "train" in audit.rows and leaks:
        leaked = sum(audit.near.leaked.values())
        facts.append(
            Fact(
                "near.leaked",
                "Leakage",
                f"{plural(leaked, 'row')} outside train {'is' if leaked == 1 else 'are'} nearly the same as a training "
                "row: a score on them rewards memory."
                if leaked
                else "No row outside train is the same or nearly the same as a training row.",
                tuple(leaks),
                exhibits=("kinds",),
            )
        )
    tables = [_kinds(audit), *(table for found in both if (table := _largest(found)))]
    return Part("duplicates", "Duplicates and leakage", tuple(facts), tables=tuple(tables))


def _alike_texts(found: Duplicates, n: int) -> Fact:
    sentence = (
        f"{plural(found.rows, 'row')} in {plural(found.groups, 'group')} of alike texts, {found.surplus:,} beyond the "
        f"first of each. {plural(found.conflicting, 'group')} {'has' if found.conflicting == 1 else 'have'} rows with "
        "different labels."
    )
    return Fact(
        found.kind,
        f"{found.kind.capitalize()} duplicates",
        sentence if found.groups else "No two texts are alike.",
        (Value("rows", found.rows, "count", n=n),),
        (found.rule[0].upper() + found.rule[1:] + ".",),
        ("kinds",),
    )


def _counted(text: TextAudit) -> str:
    if text.tokens_source == "estimate":
        return (
            f"Estimated, not counted: words × {text.tokens_per_word:.2f} + {_SPECIAL}, as no tokenizer is installed. "
            "Other languages and spellings take more tokens a word."
        )
    return (
        f"Counted by {text.tokens_source} on {text.tokens_n:,} of {plural(text.rows, 'text')}: median "
        f"{show(text.tokens_median, 'tokens')} tokens, {text.tokens_per_word:.2f} a word."
    )


def _row_ids(audit: Audit) -> str:
    found = [name(row) for text in audit.texts.values() for row in text.not_english_rows]
    return f"Rows {listing(found, 30)}." if found else "None found."


def _lengths(text: TextAudit) -> Figure:
    limit = max(1, round((text.max_length - _SPECIAL) / max(text.tokens_per_word, 0.01)))
    n, over = text.rows, text.words_over_300
    return Figure(
        "lengths",
        "lengths",
        f"Texts on {text.split} by their number of words (n = {n:,}). Light: longer than about {limit:,} words, what "
        f"{text.max_length} tokens hold at {text.tokens_per_word:.2f} tokens a word.",
        f"The median text on {text.split} has {show(text.words_median, 'words')} words; {over:,} of {n:,} have 300 or "
        "more.",
        {"bins": text.words_histogram, "step": _BIN, "over": over, "limit": limit},
    )


def _table(audit: Audit) -> Table:
    rows: tuple[dict[str, Scalar], ...] = tuple(
        {
            "split": text.split,
            "rows": text.rows,
            "median": text.words_median,
            "mean": text.words_mean,
            "p90": text.words_p90,
            "tokens": text.tokens_median,
            "cut": 1 - text.within_max_length,
            "redacted": text.redacted_share,
            "numeric": text.numeric_share,
        }
        for text in audit.texts.values()
    )
    limit = next(iter(audit.texts.values())).max_length
    return Table(
        "by-split",
        f"Texts of each split (n = {sum(audit.rows.values()):,}). Splits that differ here show a model "
        "different texts.",
        (
            Column("split", "Split"),
            Column("rows", "Texts", "count"),
            Column("median", "Words", "words", help="median"),
            Column("mean", "Words", "words", help="mean"),
            Column("p90", "Words", "words", help="90th percentile"),
            Column("tokens", "Tokens", "tokens", help="median"),
            Column("cut", "Cut", "fraction", help=f"at {limit} tokens"),
            Column("redacted", "Redacted", "fraction"),
            Column("numeric", "With numbers", "fraction"),
        ),
        rows,
        "split",
    )


def _kinds(audit: Audit) -> Table:
    others = list(audit.near.leaked) if "train" in audit.rows else []
    rows = tuple(
        {
            "kind": found.kind,
            "groups": found.groups,
            "rows": found.rows,
            "surplus": found.surplus,
            "conflicting": found.conflicting,
        }
        | {split: found.leaked[split] for split in others}
        | {f"{split}.share": found.leaked_shares[split] for split in others}
        for found in (audit.exact, audit.near)
    )
    columns = [
        Column("kind", "Kind"),
        Column("groups", "Groups", "count"),
        Column("rows", "Rows", "count"),
        Column("surplus", "Surplus", "count", help="beyond the first"),
        Column("conflicting", "Conflicting", "count", help="groups with several labels"),
    ]
    for split in others:
        columns.append(Column(split, f"{split}, in train", "count", help="rows"))
        columns.append(Column(f"{split}.share", f"{split}, in train", "fraction", help="share"))
    caption = f"Alike texts over all splits (n = {sum(audit.rows.values()):,}). Near ones include the exact ones."
    return Table("kinds", caption, tuple(columns), rows, "kind")


def _largest(found: Duplicates) -> Table | None:
    if not found.largest:
        return None
    rows, notes = capped(
        [
            {
                "group": number,
                "rows": group.rows,
                "splits": ", ".join(f"{split} {count:,}" for split, count in group.splits.items()),
                "labels": listing([name(label) for label in group.labels], 5),
                "ids": ", ".join(name(row) for row in group.row_ids)
                + (", …" if group.rows > len(group.row_ids) else ""),
            }
            for number, group in enumerate(found.largest, start=1)
        ]
    )
    return Table(
        f"{found.kind}-groups",
        f"The largest groups of {found.kind} duplicates by row id. {plural(found.groups, 'group')} in all; at most "
        "five ids a group.",
        (
            Column("group", "Group", "count"),
            Column("rows", "Rows", "count"),
            Column("splits", "Splits"),
            Column("labels", "Labels", wide=True),
            Column("ids", "Row ids", wide=True),
        ),
        rows,
        "group",
        notes,
        folded_after=0,
    )
