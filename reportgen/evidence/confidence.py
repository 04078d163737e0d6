"""Week 3's recommendation in the author's words, and the findings that could move the confidence in it."""

from __future__ import annotations

from dataclasses import replace

from .context import Context, SectionEvidence
from .memory import DIRECTIONS, Memory
from .model import Column, Scalar, Table, Value
from .numbers import show_value

RECALLED = "w4-recalled"


def confidence_section(context: Context, sections: dict[str, SectionEvidence]) -> SectionEvidence:
    """Week 4's last section; `sections` are those before it."""
    found, memory = SectionEvidence(), context.memory or Memory()
    quote = memory.recommendation(3)
    if quote is None:
        found.missing(
            "w4.s5.e1",
            f"reportgen new 3 --course {context.course.name} --out memos/week3.md",
            " ".join((memory.where_to_put(3), *(f"{line}." for line in memory.unreadable))),
            verification="declared",
        )
    else:
        found.answer("w4.s5.e1", f"“{quote.text}” ({quote.source})", verification="declared")
    _findings(sections, found)
    _recalled(memory, found)
    recalled = tuple(table.id for table in found.tables if table.id == RECALLED)
    found.items["w4.s5.e1"] = replace(found.items["w4.s5.e1"], exhibits=recalled)
    direction = (context.declared or {}).get("direction", "").strip().casefold()
    if direction in DIRECTIONS:
        found.answer(
            "w4.s5.e3",
            f"The author's confidence in it moved {direction}.",
            Value("direction", direction, "text"),
            verification="declared",
        )
    else:
        wrong = f"It says {direction!r}. " if direction else ""
        found.missing(
            "w4.s5.e3",
            f"reportgen new 4 --course {context.course.name} --out week4.md",
            f"{wrong}Write `direction: up`, `down` or `sideways` into the front matter of your text, and pass it with "
            "`--prose`. To start such a text:",
            verification="declared",
        )
    return found


_OFFERED = (
    ("Gap in macro F1", "w4.s4.e1", 0),
    ("Resamples in which the candidate leads", "w4.s4.e2", 0),
    ("Largest gap on a slice", "w4.s1.e5", 0),
    ("Slices that hold after Holm", "w4.s1.e4", 1),
    ("Gap on the axis without signal", "w4.s1.e6", 0),
    ("Difference in calibration error before scaling", "w4.s2.e5", 0),
    ("Difference in calibration error after scaling", "w4.s2.e5", 1),
    ("Classes with four rows or fewer", "w4.s4.e3", 0),
)


def _findings(sections: dict[str, SectionEvidence], found: SectionEvidence) -> None:
    """Numbers of sections 1 to 4 that the author's text can rest on."""
    rows: list[dict[str, Scalar | Value]] = []
    for about, name, position in _OFFERED:
        item = sections[name.rpartition(".")[0]].items.get(name)
        if item is not None and len(item.values) > position:
            value = item.values[position]
            rows.append({"about": about, "value": value, "verdict": item.verdict or "", "item": name})
    landed = sections["w4.s3"].items.get("w4.s3.e1")
    rows += [
        {
            "about": f"Rare-class errors that land in the head, {value.run}",
            "value": value,
            "verdict": "",
            "item": "w4.s3.e1",
        }
        for value in (landed.values if landed else ())
        if value.metric.endswith("_to_head")
    ]
    # Findings that rest on files' figures alone are somebody's word here too.
    items = {name: item for part in sections.values() for name, item in part.items.items()}
    declared = all(items[str(row["item"])].verification == "declared" for row in rows)
    if len(rows) < 2:
        some = next((item for part in sections.values() for item in part.items.values() if item.missing), None)
        found.missing(
            "w4.s5.e2", some.missing if some and some.missing else "reportgen run week3", "Nothing was measured above."
        )
        return
    table = Table(
        id="w4-findings",
        caption="Findings of sections 1 to 4 that could move the confidence in week 3's recommendation. Which of them "
        "do, and why, is the author's to say.",
        columns=(
            Column("about", "Finding", wide=True),
            Column("value", "Value", "number"),
            Column("verdict", "Verdict"),
            Column("item", "Where"),
        ),
        rows=tuple(rows),
        row_header="about",
    )
    found.tables.append(table)
    found.answer(
        "w4.s5.e2",
        f"{len(rows)} findings to choose from; the text below should rest on two at least.",
        verification="declared" if declared else "bound",
        exhibits=(table.id,),
    )


def _recalled(memory: Memory, found: SectionEvidence) -> None:
    """Figures of earlier weeks the argument may need, with the file each was found in."""
    rows: list[dict[str, Scalar]] = []
    for week, about in ((2, "What class weighting did to the encoder"), (3, "What class weighting did to the decoder")):
        # The first item of both weeks; week 3's next one repeats the encoder's figure.
        figures = memory.values(week, "macro_f1", section=f"w{week}.s2.e1", difference=True)
        rows += [
            {
                "about": about,
                "said": f"macro F1 {show_value(one.value)} ({one.value.run} − {one.value.baseline})",
                "source": f"{one.source}, {one.item}",
            }
            for one in figures
        ]
        quote = None if figures else memory.said(week, r"class[- ]weight|weighted|weighting")
        if quote is not None:
            rows.append({"about": about, "said": f"“{quote.text}”", "source": quote.source})
    if not rows:
        return
    found.tables.append(
        Table(
            id=RECALLED,
            caption="From the author's earlier memos, as they stand in the files named.",
            columns=(
                Column("about", "About", wide=True),
                Column("said", "It says", wide=True),
                Column("source", "Found in"),
            ),
            rows=tuple(rows),
            row_header="about",
        )
    )
