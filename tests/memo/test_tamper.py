"""Memos changed after building are all found; honest ones are never called wrong. Thirty of each by default."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from itertools import combinations

import pytest

from reportgen.evidence import build
from reportgen.memo import parse_prose, render
from reportgen.memo.check import check_memo

FEW, ALL = 30, 200
RECORD = re.compile(r'<script type="application/json" id="reportgen-record">(.*?)</script>', re.DOTALL)

# ------------------------------------------------------------------------------------------------------- honest memos


@pytest.fixture(scope="module")
def worlds(simulated, tmp_path_factory) -> list[list]:
    """Three data sets with five runs each."""
    sets = []
    for seed in range(3):
        world = simulated.World(k=14 + 4 * seed, train=2_000, n=260 + 60 * seed, seed=seed)
        out = tmp_path_factory.mktemp(f"world{seed}")
        log = simulated.history(2, 20, (0.1, 0.2), seed)
        sets.append(
            [
                simulated.write_run(out, world, "majority", "majority"),
                simulated.write_run(out, world, "tfidf", "linear", skill=0.55, floor=30, draw=seed),
                simulated.write_run(out, world, "embed", "embed", skill=0.6, floor=10, draw=seed + 4),
                simulated.write_run(
                    out, world, "minilm-ft", "encoder", skill=0.7, floor=3, draw=seed + 8, training=log
                ),
                simulated.write_run(out, world, "minilm-s7", "encoder", skill=0.7, floor=3, draw=seed + 9, seed=7),
            ]
        )
    return sets


def facts(evidence) -> dict[tuple[str, str], float]:
    """Scores by run and metric."""
    values = [value for section in evidence.sections for item in section.items for value in item.values]
    return {
        (value.run, value.metric): value.value
        for value in values
        if value.run and not value.baseline and value.metric in ("accuracy", "macro_f1", "weighted_f1", "zero_f1")
    }


def honest_sentence(rng: random.Random, known: dict[tuple[str, str], float], rows: int) -> str:
    """A true sentence: typed at some rounding, cited, hedged, about something else, or without figures."""
    run, metric = rng.choice(sorted(key for key in known if key[1] != "zero_f1"))
    value, name = known[run, metric], {"macro_f1": "macro F1", "weighted_f1": "weighted F1"}.get(metric, metric)
    places = rng.choice((1, 2, 3, 4))
    other = rng.choice(sorted({key[0] for key in known if (key[0], metric) in known}))
    zero = next((int(found) for (who, what), found in sorted(known.items()) if what == "zero_f1"), 0)
    return rng.choice(
        [
            f"{run} reaches a {name} of {value:.{places}f}.",
            f"The {name} of {run} is {100 * value:.{places - 1}f} %.",
            f"With {100 * value:.1f} percent {name}, {run} is not the end of it.",
            f"{run} has a {name} of {value:.3f} (n = {rows:,}).",
            f"From {known[other, metric]:.3f} to {value:.2f}: that is the {name} of {other} and {run}.",
            f"Between {other} and {run} lie {100 * abs(value - known[other, metric]):.1f} points of {name}.",
            f"The {name} of {run} is [@{run}.{metric}].",
            f"In week 3, as Table 2 shows, {run} would need a {name} of 0.9 to be useful.",
            f"On the rare classes the {name} of {run} is only {value / 2:.2f}.",
            f"{zero or 'No'} zero-F1 classes remain, and 95 % intervals are wide.",
            "It took 14 hours on 2 GPUs, with a learning rate of 2e-5 and 3 epochs, in 2025.",
            f"A published model has 71.3 % accuracy; {run} was trained on other data.",
            "Rows 17–23 were read by hand: 4 of 7 are ambiguous.",
            "Redaction hides names, so a model may learn the mask instead of the text.",
        ]
    )


def honest_memo(rng: random.Random, worlds, course) -> str:
    runs = rng.choice(worlds)
    chosen = rng.choice([runs, *(list(pair) for size in (2, 3, 4) for pair in combinations(runs, size))])
    evidence = build(1, chosen, course)
    known = facts(evidence)
    rows = len(evidence.scored[0].labels)
    parts = [
        f"## {number}\n" + " ".join(honest_sentence(rng, known, rows) for _ in range(rng.randint(1, 6)))
        for number in rng.sample(range(1, 6), rng.randint(1, 5))
    ]
    return render(evidence, parse_prose("---\nauthor: A\ndata: x\n---\n" + "\n\n".join(parts), evidence))


def check_honest(count: int, worlds, course, path) -> None:
    wrong = []
    for seed in range(count):
        path.write_text(honest_memo(random.Random(seed), worlds, course), encoding="utf-8")
        wrong += [(seed, finding) for finding in check_memo(path).findings if finding.severity == "red"]
    assert not wrong


def test_honest_memos_have_no_red_finding(worlds, course, tmp_path) -> None:
    check_honest(FEW, worlds, course, tmp_path / "memo.html")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_hundred_honest_memos_have_no_red_finding(worlds, course, tmp_path) -> None:
    check_honest(ALL, worlds, course, tmp_path / "memo.html")


# ----------------------------------------------------------------------------------------------------- tampered memos

PROSE = """---
author: Ada
data: simulated
---
Opening: the encoders were worth 14.5 hours.
## 1
Half of the text is masked.
## 2
tfidf reaches a macro F1 of {macro:.3f} and an accuracy of {accuracy:.1f} %.
"""


@pytest.fixture(scope="module")
def built(worlds, course) -> list[str]:
    """One memo a world."""
    pages = []
    for runs in worlds:
        evidence = build(1, runs, course)
        known = facts(evidence)
        text = PROSE.format(macro=known["tfidf", "macro_f1"], accuracy=100 * known["tfidf", "accuracy"])
        pages.append(render(evidence, parse_prose(text, evidence)))
    return pages


def _at(rng: random.Random, pattern: str, page: str) -> re.Match[str]:
    """Some match of a pattern in the body, the record left out."""
    body = page.index("<main")
    end = page.index('<script type="application/json"')
    return rng.choice([match for match in re.finditer(pattern, page) if body < match.start() and match.end() < end])


def _put(page: str, match: re.Match[str], group: int, text: str) -> str:
    return page[: match.start(group)] + text + page[match.end(group) :]


def visible_number(rng: random.Random, page: str, pages: list[str]) -> str:
    match = _at(rng, r"<data [^>]*>[^<]*?(\d)[^<]*</data>|<td class=\"num\">[^<]*?(\d)[^<]*</td>", page)
    group = 1 if match[1] else 2
    return _put(page, match, group, str((int(match[group]) + rng.randint(1, 9)) % 10))


def record_byte(rng: random.Random, page: str, pages: list[str]) -> str:
    match = RECORD.search(page)
    at = rng.randrange(match.start(1), match.end(1))
    other = rng.choice([char for char in "0123456789abcdefXYZ_{" if char != page[at]])
    return page[:at] + other + page[at + 1 :]


def swapped_run(rng: random.Random, page: str, pages: list[str]) -> str:
    match = _at(rng, r"[> ](tfidf|embed|majority|minilm-ft|minilm-s7)[ ,<]", page)
    return _put(page, match, 1, rng.choice([name for name in ("tfidf", "embed", "minilm-s7") if name != match[1]]))


def moved_decimal(rng: random.Random, page: str, pages: list[str]) -> str:
    match = _at(rng, r"(?:hours|macro F1 of|accuracy of|worth) (\d+\.\d+)", page)
    return _put(page, match, 1, match[1].replace(".", "")[:1] + "." + match[1].replace(".", "")[1:] + "1")


def removed_n(rng: random.Random, page: str, pages: list[str]) -> str:
    match = _at(rng, r"(,? ?\(?n = [\d,]+\)?)", page)
    return _put(page, match, 1, "")


def foreign_record(rng: random.Random, page: str, pages: list[str]) -> str:
    other = RECORD.search(rng.choice([one for one in pages if one != page]))
    return _put(page, RECORD.search(page), 1, other[1])


def edited_heading(rng: random.Random, page: str, pages: list[str]) -> str:
    match = _at(rng, r"<h[23][^>]*>([^<]+)</h[23]>", page)
    return _put(page, match, 1, match[1] + " (excellent)")


TAMPERS: list[Callable[[random.Random, str, list[str]], str]] = [
    visible_number,
    record_byte,
    swapped_run,
    moved_decimal,
    removed_n,
    foreign_record,
    edited_heading,
]


def check_tampered(count: int, built: list[str], path) -> None:
    missed = []
    for seed in range(count):
        rng = random.Random(seed)
        page, tamper = rng.choice(built), TAMPERS[seed % len(TAMPERS)]
        changed = tamper(rng, page, built)
        assert changed != page
        path.write_text(changed, encoding="utf-8")
        if check_memo(path).ok:
            missed.append((seed, tamper.__name__))
    assert not missed


def test_what_is_tampered_with_is_sound_before(built, tmp_path) -> None:
    for page in built:
        (tmp_path / "memo.html").write_text(page, encoding="utf-8")
        assert check_memo(tmp_path / "memo.html").ok


def test_tampered_memos_are_all_found(built, tmp_path) -> None:
    check_tampered(FEW, built, tmp_path / "memo.html")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_hundred_tampered_memos_are_all_found(built, tmp_path) -> None:
    check_tampered(ALL, built, tmp_path / "memo.html")
