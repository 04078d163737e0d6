"""The author's text: citations, typed numbers, length, gaps, disclosure, and words stronger than the evidence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from reportgen.evidence.numbers import show_value
from reportgen.evidence.wording import metric_name

from ..environment import machine
from ..record.page import MemoPage, text_of
from .numbers import Typed, sentences, typed_numbers
from .report import TypedNumber
from .shown import as_value

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

    from reportgen.evidence import Value

    from ..record import Record
    from .recompute import Recomputer
    from .report import Report

WORDS = (300, 1_800)
"""Two to three printed pages, tables and figures apart: what fits, generously."""
MAX_SENTENCES = 5_000
SHORTEST_NAME = 3
"""Shorter names of models would be found in ordinary words."""
_SYNONYMS = {
    "accuracy": ("accuracy", "accurate"),
    "macro_f1": ("macro f1", "macro-f1", "macro averaged f1"),
    "weighted_f1": ("weighted f1", "weighted-f1"),
    "zero_f1": ("zero-f1", "zero f1", "f1 of zero", "f1 = 0"),
    "ece": ("ece", "calibration error"),
    "rescued": ("rescued", "rescues"),
    "lost": ("lost",),
    "top_class_share": ("largest class", "top class"),
    "redaction_rate": ("redacted", "redaction"),
}
_SCALED = frozenset({"accuracy", "macro_f1", "macro_f1_present", "weighted_f1", "ece"})
"""Metrics between 0 and 1 of which a run has one value: the only ones a typed number can contradict."""
_HEDGE = re.compile(
    r"\b(?:threshold|target|need|needs|would|could|should|expect\w*|hypothes\w*|if|published|paper|et al|literature|"
    r"goal|at least|at most|more than|less than|over|under|above|below|roughly|about|around|almost|nearly|improv\w*|"
    r"gain\w*|"
    r"increas\w*|drop\w*|fell|falls|rise\w*|rose|difference|gap|higher|lower|better|worse|relative|interval|between|"
    r"class|classes|label|tail|head|mid|tiers?|slices?|subset|redacted|rare|common|frequent|short\w*|long\w*|train\w*|"
    r"test|folds?|epochs?|seeds?|other|another|elsewhere|chance|random|human|times|ratio|split)\b",
    re.IGNORECASE,
)
"""Words beside which a number may be about something else than the run's own score: then it is never called wrong."""
_STRONG = re.compile(
    r"\b(?:significant(?:ly)?|clear(?:ly)?|prove[sdn]?|proof|substantial(?:ly)?|dramatic(?:ally)?|undoubtedly|"
    r"definitely|obvious(?:ly)?|outperform(?:s|ed)?|superior|far better|much better|strictly better|beats)\b",
    re.IGNORECASE,
)
_NEGATED = re.compile(r"\b(?:not|no|never|neither|cannot|isn['’]t|doesn['’]t|without|nor)\b", re.IGNORECASE)
_UNKNOWN = re.compile(r"\[@[^\]\s]{1,200}\]")
_NOT_STATED = "not stated by the author"
_PREDICTED = "prediction"
"""What a run was expected to bring is no claim about what it brought."""


@dataclass(frozen=True)
class Sentence:
    """A sentence of the author's, with the metric and run of each figure it cites."""

    section: str
    text: str
    cited: tuple[tuple[str, str | None], ...]


def check_prose(page: MemoPage, recomputer: Recomputer, report: Report) -> list[Sentence]:
    """Everything the author is answerable for; returns the sentences it read."""
    values = [as_value(value) for group in recomputer.record.groups for value in group.values]
    blocks = list(_blocks(page))
    _check_citations(blocks, values, report)
    _check_gaps(page, report)
    _check_names(page, report)
    runs = [run.run_id for run in recomputer.record.runs]
    claims = [(section, block) for section, block in blocks if block.attributes.get("data-said") != _PREDICTED]
    said = [sentence for section, block in claims for sentence in _sentences(section, block, runs)][:MAX_SENTENCES]
    report.words = sum(len(text_of(block).split()) for _, block in blocks)
    if report.words and not WORDS[0] <= report.words <= WORDS[1]:
        report.add(
            "prose.length",
            "amber",
            "the prose",
            f"two to three pages hold about {WORDS[0]:,} to {WORDS[1]:,} words",
            f"{report.words:,} words",
        )
    _check_numbers(said, values, recomputer, report)
    _check_claims(said, recomputer, report)
    return said


def _blocks(page: MemoPage) -> Iterator[tuple[str, LexborNode]]:
    """The author's blocks, by section."""
    for block in page.tree.css(".prose.opening"):
        yield "opening", block
    for name, section in page.sections.items():
        for block in section.css(".reasoning .prose, .authored:has(p)"):
            yield name, block


def _check_citations(blocks: list[tuple[str, LexborNode]], values: list[Value], report: Report) -> None:
    known = {(value.metric, value.run, value.baseline, value.split, machine(value.value)): value for value in values}
    for section, block in blocks:
        for mark in block.css("mark"):
            if name := _UNKNOWN.fullmatch(text_of(mark)):
                report.add("citation.unknown", "red", section, "cites what nothing measured", name[0])
        for data in block.css("data"):
            said = {key: text or None for key, text in data.attributes.items()}
            names = (
                said.get("data-metric"),
                said.get("data-run"),
                said.get("data-baseline"),
                said.get("data-split"),
                said.get("value") or "",
            )
            value = known.get(names)  # type: ignore[arg-type]
            if value is None:
                report.add("citation.unknown", "red", section, "cites a figure the memo does not hold", text_of(data))
            elif text_of(data) != " ".join(show_value(value).split()):
                report.add(
                    "citation.contradicted",
                    "red",
                    section,
                    f"cites {value.metric} of {value.run} otherwise",
                    text_of(data),
                    show_value(value),
                )


def _check_gaps(page: MemoPage, report: Report) -> None:
    for name, section in page.sections.items():
        for block in section.css(".reasoning"):
            if not block.css(".prose") or not any(text_of(prose) for prose in block.css(".prose")):
                report.add("reasoning.empty", "amber", name, "its reasoning is not written yet")
    disclosure = page.tree.css_first("#disclosure")
    if disclosure is None:
        report.add("disclosure.missing", "red", "the page", "it has no disclosure")
        return
    for entry in disclosure.css(".declared"):
        if _NOT_STATED in text_of(entry):
            who = entry.css_first(".who")
            name = text_of(entry.css_first("dt") or entry).removesuffix(text_of(who) if who is not None else "")
            report.add("disclosure.empty", "amber", "disclosure", f"{name.strip()}: not stated")


def _check_names(page: MemoPage, report: Report) -> None:
    for name, section in page.sections.items():
        for line in section.css(".fields .unknown"):
            report.add("said.unknown", "amber", name, text_of(line))


def _sentences(section: str, block: LexborNode, runs: list[str]) -> Iterator[Sentence]:
    """Sentences of a block without the figures it cites; code and tables of the author are read too.

    Those of a cell are about the run of its row.
    """
    run = _row(block)
    for node in block.css("p, li, td, h3, h4, h5, h6"):
        if node.tag == "li" and node.css("p"):
            continue
        text = text_of(node)
        names = []
        for data in node.css("data"):
            names.append((data.attributes.get("data-metric") or "", data.attributes.get("data-run")))
            text = text.replace(text_of(data), "⟨cited⟩", 1)
        for sentence in sentences(text, runs):
            sentence = f"{run}: {sentence}" if run else sentence
            yield Sentence(section, sentence, tuple(names))


def _row(block: LexborNode) -> str:
    """The name of the row that a cell stands in."""
    line = block.parent.parent if "data-said" in block.attributes and block.parent is not None else None
    head = line.css_first("th") if line is not None else None
    return text_of(head) if head is not None else ""


def _check_numbers(said: list[Sentence], values: list[Value], recomputer: Recomputer, report: Report) -> None:
    runs, known = names_of(recomputer.record), _metric_names(values)
    sizes = {value.n for value in values if value.n} | {len(rows.labels) for rows in recomputer.rows.values()}
    for sentence in said:
        metrics, named = _metrics(sentence.text, known), runs_named(sentence.text, runs)
        near = [value for value in values if value.metric in metrics or value.run in named]
        both = [value for value in near if value.metric in metrics and value.run in named]
        for number in typed_numbers(sentence.text):
            traced = _trace(number, near, sizes)
            own = _trace(number, both, sizes) if both else traced
            red = (
                not own
                and not number.counted
                and _contradicts(number, sentence, metrics, named, both)
                and not _trace(number, [value for value in near if value.run in named], sizes)
            )
            if number.counted and not traced:
                red = bool(named) and all(name in recomputer.rows for name in named)
                red = red and not _is_support(number, named, recomputer)
            level = "red" if red else "green" if traced else "amber"
            report.numbers.append(
                TypedNumber(level, sentence.section, number.text, sentence.text, traced if not red else None)  # type: ignore[arg-type]
            )
            if level == "red":
                truth = ", ".join(
                    dict.fromkeys(f"{v.metric} of {v.run} {show_value(v)}" for v in both if not v.baseline)
                )
                report.add(
                    "number.contradicted",
                    "red",
                    sentence.section,
                    f"the text says otherwise than the figures: “{sentence.text[:200]}”",
                    number.text,
                    truth or None,
                )
            elif level == "amber":
                report.add(
                    "number.untraced", "amber", sentence.section, f"not traced: “{sentence.text[:200]}”", number.text
                )


def _metric_names(values: list[Value]) -> list[tuple[str, str]]:
    """What a text may call each metric, with the metric."""
    return [
        (name, metric)
        for metric in {value.metric for value in values}
        for name in {*_SYNONYMS.get(metric, ()), metric_name(metric).casefold(), metric.replace("_", " ")}
    ]


def _metrics(text: str, names: list[tuple[str, str]]) -> set[str]:
    """Metrics named in a sentence; a name inside a longer one does not count: F1 is not named by macro F1."""
    return _named(" ".join(text.casefold().replace("_", " ").split()), names)


def names_of(record: Record, *, shared: bool = True) -> list[tuple[str, str]]:
    """What a text may call each run, with its id: the id, and its model's name, whole or up to a "+" or bracket.

    Several runs may share a model's name; `shared` keeps such names.
    """
    found: dict[str, set[str]] = {}
    for run in record.runs:
        short = re.split(r"\s[+(,]|\s-\s", run.model)[0]
        for name in {run.run_id, run.run_id.replace("-", " "), run.model, short}:
            if len(name.strip()) >= SHORTEST_NAME:
                found.setdefault(" ".join(name.casefold().split()), set()).add(run.run_id)
    for run in record.runs:
        found[run.run_id.casefold()] = {run.run_id}
    return [(name, run) for name, runs in found.items() if shared or len(runs) == 1 for run in sorted(runs)]


def runs_named(text: str, names: list[tuple[str, str]]) -> set[str]:
    """Runs named in a sentence; a name inside a longer one does not count."""
    return _named(" ".join(text.casefold().split()), names)


def _named(text: str, names: list[tuple[str, str]]) -> set[str]:
    found, lengths = set(), sorted(names, key=lambda pair: -len(pair[0]))
    for name, meant in lengths:
        pattern = rf"(?<![\w-]){re.escape(name)}(?![\w-])"
        if name in text and re.search(pattern, text):  # most names are nowhere in it, which is cheap to see
            found.add(meant)
            # Two metrics may share a name, so it is taken out only once all of them had their turn.
            if not any(other == name and metric not in found for other, metric in names):
                text = re.sub(pattern, " ", text)
    return found


def _trace(number: Typed, values: list[Value], sizes: set[int]) -> str | None:
    """The first figure a number could be: a value, an end of its interval, its n, or the distance of two values."""
    if number.counted:
        return next((f"n = {size:,}" for size in sizes if number.fits(size)), None)
    figures = [(value, value.value) for value in values if isinstance(value.value, float | int)]
    for value, figure in figures:
        name = f"{value.metric} of {value.run}" if value.run else value.metric
        if number.fits(figure):
            return name
        if value.interval and (number.fits(value.interval.low) or number.fits(value.interval.high)):
            return f"interval of {name}"
        if value.n and not number.decimals and number.kind == "plain" and number.fits(value.n):
            return f"n of {name}"
    for (one, a), (two, b) in combinations(figures[:60], 2):
        if one.metric == two.metric and not one.baseline and not two.baseline:
            derived = [a - b, *(((a - b) / d) for d in (a, b) if d)]
            if any(number.fits(figure) for figure in derived):
                return f"{one.metric} of {one.run} against {two.run}"
    return None


def _contradicts(number: Typed, sentence: Sentence, metrics: set[str], named: set[str], both: list[Value]) -> bool:
    """Whether a number can only be meant as the one figure its sentence names, and is not."""
    if len(metrics) != 1 or len(named) != 1 or not metrics <= _SCALED or _HEDGE.search(sentence.text):
        return False
    plain = [value for value in both if not value.baseline]
    sized = number.kind == "percent" or (number.decimals and abs(number.value) <= 1)
    return bool(plain) and sized and sum(1 for _ in typed_numbers(sentence.text)) == 1


def _is_support(number: Typed, named: set[str], recomputer: Recomputer) -> bool:
    """Whether an `n = …` is the number of rows of some class."""
    return any(number.fits(int(rows)) for name in named for rows in set(recomputer.per_class(name).support.tolist()))


def _check_claims(said: list[Sentence], recomputer: Recomputer, report: Report) -> None:
    """Strong words beside a difference whose interval includes zero."""
    null = {
        (value.run, value.baseline)
        for group in recomputer.record.groups
        if group.verdict == "null"
        for value in group.values
        if value.run and value.baseline
    }
    runs = names_of(recomputer.record, shared=False)
    for sentence in said:
        word = _STRONG.search(sentence.text)
        if word is None or _NEGATED.search(sentence.text):
            continue
        named = runs_named(sentence.text, runs) | {run for _, run in sentence.cited if run}
        for run, baseline in null:
            if run in named and (baseline in named or len(named) == 1):
                report.add(
                    "claim.overstated",
                    "amber",
                    sentence.section,
                    f"{word[0]!r} beside a null verdict ({run} against {baseline}): “{sentence.text[:200]}”",
                )
                break
