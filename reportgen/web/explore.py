"""Explore: the example's memos, its rare classes, one run against another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reportgen.errors import UsageError
from reportgen.evidence.numbers import plural, show

from .pages import memo_frame, page

if TYPE_CHECKING:
    from .examples import Examples

FIRST = ("tfidf", "embed")
"""Baseline and candidate a visitor meets first."""
SPLIT_WORDS = {"val": "validation", "test": "test"}

ORDERS = {
    "Largest gain first": lambda row: (-row["delta"], row["label"]),
    "Largest loss first": lambda row: (row["delta"], row["label"]),
    "Rarest in training first": lambda row: (row["train"] or 0, row["label"]),
    "Best after first": lambda row: (-row["f1"], row["label"]),
    "By name": lambda row: row["label"].casefold(),
}
FILTERS = {
    "All classes": lambda row: True,
    "Back from zero": lambda row: row["baseline_f1"] == 0 < row["f1"],
    "Fallen to zero": lambda row: row["f1"] == 0 < row["baseline_f1"],
    "Still at zero": lambda row: row["f1"] == row["baseline_f1"] == 0,
    "Under 10 training rows": lambda row: row["train"] is not None and row["train"] < 10,
}
_CALLED = {
    "confirmed": "gain",
    "rescued": "gain",
    "lost": "loss",
    "lost, confirmed": "loss",
}
_SAID = {"above zero": "was not at zero", "no support": "no rows to judge by"}
_LEFT, _WIDTH = 10.0, 220.0
_MEASURES = {
    "accuracy": ("Accuracy", "fraction", True, ""),
    "macro_f1": ("Macro F1", "score", True, "every class counts alike"),
    "weighted_f1": ("Weighted F1", "score", True, "classes count by their rows"),
    "ece": ("Calibration error (ECE)", "score", False, "lower is better"),
    "nll": ("Negative log-likelihood", "score", False, "lower is better"),
}


def memo_view(examples: Examples, week: int) -> str:
    """A week's memo in a frame, with what it was built from."""
    title = examples.titles.get(week, "")
    frame = memo_frame(examples.memo(week), f"Memo of week {week}: {title}")
    return page("memo.html", week=week, title=title, runs=examples.runs_of(week), frame=_trusted(frame))


def rescue_view(
    examples: Examples, baseline: str, candidate: str, split: str, order: str, only: str, search: str
) -> str:
    """The rescue chart: which classes a candidate brings back, sorted and filtered."""
    report = examples.rescue(baseline, candidate, split)
    if order not in ORDERS or only not in FILTERS:
        raise UsageError("no such order or filter", remedy="choose one of those offered")
    wanted = str(search or "").strip().casefold()[:100]
    rows = [row for row in report["per_class"] if FILTERS[only](row) and wanted in row["label"].casefold()]
    rows.sort(key=ORDERS[order])
    return page(
        "rescue.html",
        rows=[_rescue_row(row) for row in rows],
        caption=f"{plural(len(rows), 'class', 'classes')} of {len(report['per_class'])}, {order.lower()}.",
        reading="The whisker is the interval of the change. p values are exact McNemar, adjusted after Holm.",
        split_word=SPLIT_WORDS[split],
        **_rescue_words(report),
    )


def compare_view(examples: Examples, a: str, b: str, split: str) -> str:
    """Every measure of two runs with the paired interval of their difference."""
    if a == b:
        raise UsageError("a run compared with itself", remedy="choose two different runs")
    report = examples.compare(a, b, split)
    rows = [_compare_row(name, report["metrics"][name]) for name in _MEASURES if name in report["metrics"]]
    zero = report["zero_f1"]
    rows.append(
        {
            "name": "Classes at zero F1",
            "note": "lower is better",
            "unit": "count",
            "low": None,
            "high": None,
            "x1": None,
            "whisker": None,
            "verdict": "",
            "kind": "",
            "said": "",
            **zero,
        }
    )
    return page(
        "compare.html", a=a, b=b, n=report["n"], split_word=SPLIT_WORDS[split], rows=rows, **_compare_words(report)
    )


def _rescue_words(report: dict[str, Any]) -> dict[str, str]:
    low, high = report["expected_by_chance_interval"]
    rescued, lost, confirmed = (len(report[name]) for name in ("rescued", "lost", "confirmed"))
    return {
        "headline": (
            f"{report['candidate']} brings {plural(rescued, 'class', 'classes')} back from zero and loses "
            f"{lost}; {confirmed} of the rescues {'is' if confirmed == 1 else 'are'} confirmed."
        ),
        "detail": (
            f"Against {report['baseline']} on {report['n']:,} {SPLIT_WORDS[report['split']]} rows. "
            "Two equally good models would show "
            f"{report['expected_by_chance']:.1f} rescues by chance (95 %: {low} to {high}). "
            f"Accuracy goes from {show(report['accuracy']['baseline'], 'fraction')} "
            f"to {show(report['accuracy']['candidate'], 'fraction')}."
        ),
    }


def _rescue_row(row: dict[str, Any]) -> dict[str, Any]:
    before, after = row["baseline_f1"], row["f1"]
    low, high = (min(1.0, max(0.0, before + row[end])) for end in ("low", "high"))
    return {
        **row,
        "x0": _x(before),
        "x1": _x(after),
        "whisker": (_x(low), _x(high)) if high > low else None,
        "kind": "gain" if row["delta"] > 0 else "loss" if row["delta"] < 0 else "same",
        "called": _CALLED.get(row["verdict"], ""),
        "verdict": _SAID.get(row["verdict"], row["verdict"]),
    }


def _compare_row(metric: str, found: dict[str, Any]) -> dict[str, Any]:
    name, unit, higher, note = _MEASURES[metric]
    sign = 1 if higher else -1
    # Half the axis is the larger end of the interval, or a tenth, so that a hair's breadth does not look like a mile.
    reach = max(abs(found["low"]), abs(found["high"]), 0.1)
    ends = sorted(sign * found[end] / reach for end in ("low", "high"))
    verdict = {"real": "real", "directional": "directional", "null": "no difference shown"}[found["verdict"]]
    better = sign * found["delta"] > 0
    return {
        **found,
        "name": name,
        "note": note,
        "unit": unit,
        "x1": _middle(sign * found["delta"] / reach),
        "whisker": tuple(_middle(end) for end in ends),
        "kind": "same" if found["verdict"] == "null" else "gain" if better else "loss",
        "verdict": verdict,
        "said": f"{name}: {'better' if better else 'worse'}, {verdict}",
    }


def _compare_words(report: dict[str, Any]) -> dict[str, str]:
    a, b, f1 = report["a"], report["b"], report["metrics"]["macro_f1"]
    better, worse = (b, a) if f1["delta"] > 0 else (a, b)
    said = {
        "real": f"{better} finds the classes better than {worse}, and the data can tell.",
        "directional": f"{better} looks better than {worse}, on too few changed answers to call it real.",
        "null": f"The data cannot tell {a} and {b} apart on macro F1.",
    }
    return {
        "headline": said[f1["verdict"]],
        "detail": f"{plural(report['changed'], 'prediction')} of {report['n']:,} differ between the two.",
    }


def _trusted(html: str) -> Any:
    from markupsafe import Markup

    return Markup(html)  # noqa: S704 - made by memo_frame, which escapes the memo


def _x(f1: float) -> float:
    return round(_LEFT + _WIDTH * f1, 1)


def _middle(share: float) -> float:
    return round(_LEFT + _WIDTH * (1 + max(-1.0, min(1.0, share))) / 2, 1)
