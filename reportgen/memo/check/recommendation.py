"""The author's recommendation beside the decision rule's: whether they agree is for a person to judge, claims are not.

A recommendation is a sentence that says so and names one run; its deployment is one whose name the text or the page's
scenario holds. Another choice is amber. Red is only a claim that a limit is kept which the memo's figures break.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from reportgen.evidence.deployment import CHOICE

from ..record.page import MemoPage, text_of
from .prose import Sentence, names_of, runs_named

if TYPE_CHECKING:
    from ..record import Record
    from .report import Report

_SAYS_SO = re.compile(r"\b(?:recommend\w*|deploy\w*|choose|chose|chosen|ship|pick|go with|goes live)\b", re.IGNORECASE)
_DENIES = re.compile(
    r"\b(?:not|no|never|neither|nor|cannot|can['’]t|isn['’]t|doesn['’]t|don['’]t|without|against|"
    r"instead of|rather than|if|would|could|should|unless|until|were|had|other|otherwise|nearly|almost|fails?|misses|"
    r"breaks?)\b",
    re.IGNORECASE,
)
_KEEPS = re.compile(
    r"\b(?:meets?|passes|satisf(?:y|ies)|keeps?|clears?|within|fits?|under|below|stays?)\b.*"
    r"\b(?:limit|constraint|budget|requirement|ceiling|floor|envelope|target|\d+(?:\.\d+)? ?ms)\b",
    re.IGNORECASE,
)
_ABOUT = (
    ("latency", re.compile(r"\b(?:latency|ms|milliseconds?|response time|real[- ]time)\b", re.IGNORECASE)),
    ("ECE", re.compile(r"\b(?:ECE|calibration)\b", re.IGNORECASE)),
    ("macro F1", re.compile(r"\bmacro[- ]F1\b", re.IGNORECASE)),
    ("GPU", re.compile(r"\bGPU\b", re.IGNORECASE)),
)
_RULED_OUT = re.compile(r"(?P<scenario>[\w-]+), ruled out by (?P<limit>.+?): (?P<runs>[^:]+)\.")


def check_recommendation(page: MemoPage, record: Record, said: Sequence[Sentence], report: Report) -> None:
    """Compare what the text recommends with what the memo's decision rule chose."""
    choices, section = _choices(record)
    if not choices:
        return
    names = names_of(record, shared=False)
    own = [sentence for sentence in said if sentence.section in (section, "opening")]
    telling = [sentence for sentence in own if _SAYS_SO.search(sentence.text)]
    stated = text_of(head) if (head := page.tree.css_first(".byline")) is not None else ""
    deployment = _deployment([sentence.text for sentence in (*telling, *own)], stated, choices)
    ruled = _ruled_out(page)
    _check_claims(own, names, deployment, ruled, report)
    runs = {run for one in telling if not _DENIES.search(one.text) for run in _only(runs_named(one.text, names))}
    if deployment is None or len(runs) != 1:
        return
    run, chosen = runs.pop(), choices[deployment]
    if run == chosen:
        report.recommendation = f"{run} for {deployment}: the decision rule chooses it too"
        return
    broken = [limit for scenario, limit, out in ruled if scenario == deployment and run in out]
    why = f"ruled out by {' and '.join(broken)}" if broken else "it keeps the limits and ranks behind"
    report.recommendation = f"{run} for {deployment}: the decision rule chooses {chosen} ({run}: {why})"
    report.add(
        "recommendation.differs",
        "amber",
        section,
        f"the decision rule chooses otherwise for {deployment} ({run}: {why}); say why you do",
        run,
        chosen,
    )


def _choices(record: Record) -> tuple[dict[str, str], str]:
    """Deployment to the run chosen, and the section that says so."""
    for group in record.groups:
        found = {
            value.metric.removeprefix(CHOICE).replace("_", "-"): value.value
            for value in group.values
            if value.metric.startswith(CHOICE) and isinstance(value.value, str)
        }
        if found:
            return found, group.section or ""
    return {}, ""


def _deployment(texts: Sequence[str], stated: str, choices: dict[str, str]) -> str | None:
    """The one deployment named in the page's head, else in the text; hyphens and spaces do not count."""
    for place in (stated, *texts, " ".join(texts)):
        squeezed = re.sub(r"[\W_]+", "", place.casefold())
        found = [name for name in choices if name.replace("-", "") in squeezed]
        if len(found) == 1:
            return found[0]
    return None


def _ruled_out(page: MemoPage) -> list[tuple[str, str, set[str]]]:
    """Deployment, limit and the runs that break it, as the memo's table of deployments notes them."""
    matches = (_RULED_OUT.fullmatch(text_of(note)) for note in page.tree.css(".exhibit .note"))
    return [(one["scenario"], one["limit"], set(one["runs"].split(", "))) for one in matches if one]


def _only(runs: set[str]) -> set[str]:
    return runs if len(runs) == 1 else set()


def _check_claims(
    said: Sequence[Sentence],
    names: list[tuple[str, str]],
    deployment: str | None,
    ruled: list[tuple[str, str, set[str]]],
    report: Report,
) -> None:
    for sentence in said:
        if deployment is None or not _KEEPS.search(sentence.text) or _DENIES.search(sentence.text):
            continue
        about = [limit for limit, pattern in _ABOUT if pattern.search(sentence.text)]
        for run in _only(runs_named(sentence.text, names)):
            for scenario, limit, out in ruled:
                if len(about) == 1 and scenario == deployment and run in out and about[0] in limit:
                    report.add(
                        "recommendation.contradicted",
                        "red",
                        sentence.section,
                        f"the text says {run} keeps a limit that its figures break: “{sentence.text[:200]}”",
                        f"{run} keeps it",
                        f"{run} is ruled out by {limit}",
                    )
