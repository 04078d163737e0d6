"""The data audit's section of week 1: labels and their long tail, redaction, text length."""

from __future__ import annotations

from . import classes
from .context import Context, SectionEvidence
from .datafacts import label_counts, text_facts
from .model import Verification
from .numbers import plural, show

RARE_SHARE = 0.001


def data_section(context: Context, any_run: str, tokenising_run: str) -> SectionEvidence:
    """Section w1.s1.

    Args:
        context: the memo's bundles and audit.
        any_run: runner to name where no run kept label counts and text features.
        tokenising_run: runner to name where none counted tokens.
    """
    found = SectionEvidence()
    labels = label_counts(context)
    if labels is None or not labels.total:
        for item in (1, 2, 3, 6):
            found.missing(f"w1.s1.e{item}", context.command(any_run))
    else:
        counts, k = labels.counts, len(labels.names)
        unseen = int((counts == 0).sum())
        found.answer(
            "w1.s1.e1",
            f"In the label list, {f'{unseen} without a training row' if unseen else 'each with training rows'}.",
            labels.value("classes", k),
            verification="bound",
        )
        top = int(counts.argmax())
        ratio = f"{counts.max() / counts[counts > 0].min():,.0f}"
        found.answer(
            "w1.s1.e2",
            f"“{labels.names[top]}” holds {counts[top]:,} of {labels.total:,} training rows, "
            f"{ratio} times as many as the smallest class.",
            labels.value("top_class_share", counts[top] / labels.total, rows=int(counts[top])),
            verification="bound",
        )
        rare = counts < RARE_SHARE * labels.total
        held = int(counts[rare].sum())
        found.answer(
            "w1.s1.e3",
            f"{plural(int(rare.sum()), 'class', 'classes')} of {k} {'has' if rare.sum() == 1 else 'have'} less than "
            f"{show(RARE_SHARE, 'fraction')} of the training rows each, "
            f"{show(held / labels.total, 'fraction')} together.",
            labels.value("classes_below_0.1_percent", int(rare.sum())),
            labels.value("rows_in_classes_below_0.1_percent", held / labels.total, rows=held),
            verification="bound",
        )
        rule = context.course.tier_rule(context.week)
        found.figures.append(classes.long_tail(labels, rule, "w1-long-tail"))
        found.answer("w1.s1.e6", found.figures[-1].finding, verification="bound", exhibits=("w1-long-tail",))
    _texts(context, found, any_run, tokenising_run)
    return found


def _texts(context: Context, found: SectionEvidence, any_run: str, tokenising_run: str) -> None:
    texts = text_facts(context)
    if texts is None:
        for item in ("w1.s1.e4", "w1.s1.e5"):
            found.missing(item, context.command(any_run))
        return
    trust: Verification = "declared" if texts.source == "audit.json" and texts.run is None else "bound"
    stand_in = (
        None
        if texts.split == "train"
        else f"Measured on {texts.split}: no run kept an audit, which tells it of train too. "
        f"This adds one: {context.command('week1')}"
    )
    hits, n = texts.redacted
    found.answer(
        "w1.s1.e4",
        f"{hits:,} of {n:,} texts on {texts.split} contain a redaction.",
        texts.value("redaction_rate", hits / n, "fraction", texts.redacted),
        verification=trust,
        caveats=[stand_in],
    )
    values = [
        texts.value("words_median", texts.words_median, "words"),
        texts.value("words_p90", texts.words_p90, "words"),
        texts.value("words_mean", texts.words_mean, "words"),
    ]
    lengths = (
        f"On {texts.split} the median text has {show(texts.words_median, 'words')} words, "
        f"nine in ten have at most {show(texts.words_p90, 'words')}"
    )
    if texts.within:
        short, of = texts.within
        values.append(texts.value("within_max_length", short / of, "fraction", texts.within))
        fit = "all" if short == of else show(short / of, "fraction")
        lengths += f"; {fit} fit in {texts.max_length} tokens{'' if short == of else ', the rest are cut'}."
        uncounted = texts.counted_by
    else:
        lengths += "."
        uncounted = f"Share within {texts.max_length} tokens not measured: run {context.command(tokenising_run)}"
    found.answer("w1.s1.e5", lengths, *values, verification=trust, caveats=[stand_in, uncounted])
