"""The memos of weeks 4 to 6, changed after building and honest: a dozen of each by default, two hundred when slow."""

from __future__ import annotations

import importlib.util
import random
from pathlib import Path

import pytest

from reportgen.evidence import build
from reportgen.memo import parse_prose, render
from reportgen.memo.check import check_memo

FEW, ALL = 12, 200
PROSE = "---\nauthor: Ada\ndata: simulated\n---\n## 1\n{sentence} It took 14.5 hours.\n"


def _module(path: Path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


HERE = Path(__file__).parent
early = _module(HERE / "test_tamper.py")


@pytest.fixture(scope="module")
def evidences(simulated, course, tmp_path_factory) -> list:
    """One evidence object for each of the late weeks."""
    tests = HERE.parent
    five, six = (_module(tests / f"simulated_week{week}.py") for week in (5, 6))
    world = simulated.World(k=16, train=2_000, n=240, seed=4)
    fifth = five.week5(simulated, tmp_path_factory.mktemp("five"), world)
    sixth = six.week6(tmp_path_factory.mktemp("six"), world)
    return [
        build(4, fifth, course),
        build(5, fifth, course, declared={"scenario": "week5-envelope"}),
        build(6, sixth, course, declared={"scenario": "week6-b"}),
    ]


def shown(evidence) -> list[tuple[str, str, float]]:
    """Run, metric and value of plain scores in the items."""
    values = [value for section in evidence.sections for item in section.items for value in item.values]
    wanted = ("macro_f1", "accuracy", "ece")
    return [(v.run, v.metric, v.value) for v in values if v.run and not v.baseline and v.metric in wanted]


def sentence(rng: random.Random, evidence) -> str:
    """A true sentence, typed at some rounding or cited, or one without a figure of the memo."""
    words = {"macro_f1": "macro F1", "accuracy": "accuracy", "ece": "ECE"}
    plain = ["Rows 17–23 were read by hand: 4 of 7 are ambiguous.", "In week 3, Table 2 showed the same."]
    if not (known := shown(evidence)):
        return rng.choice(plain)
    run, metric, value = rng.choice(known)
    places = rng.choice((2, 3, 4))
    return rng.choice(
        [
            *plain,
            f"{run} has a {words[metric]} of {value:.{places}f}.",
            f"The {words[metric]} of {run} is [@{run}.{metric}].",
            f"In per cent the {words[metric]} of {run} is {100 * value:.{places - 1}f} %.",
        ]
    )


def check_honest(count: int, evidences, path: Path) -> None:
    wrong = []
    for seed in range(count):
        rng = random.Random(seed)
        evidence = evidences[seed % len(evidences)]
        text = " ".join(sentence(rng, evidence) for _ in range(rng.randint(1, 5)))
        page = render(evidence, parse_prose(PROSE.format(sentence=text), evidence))
        path.write_text(page, encoding="utf-8")
        wrong += [(seed, finding) for finding in check_memo(path).findings if finding.severity == "red"]
    assert not wrong


def swapped_run(rng: random.Random, page: str, pages: list[str]) -> str:
    names = ("encoder-int8", "encoder-fp16", "decoder-int4", "vanilla", "distilled", "teacher")
    match = early._at(rng, rf"[> ]({'|'.join(names)})[ ,<]", page)
    return early._put(page, match, 1, rng.choice([name for name in names if name != match[1]]))


TAMPERS = [swapped_run if tamper is early.swapped_run else tamper for tamper in early.TAMPERS]


def check_tampered(count: int, evidences, path: Path) -> None:
    pages = [render(one, parse_prose(PROSE.format(sentence="It was worth 2.5 hours."), one)) for one in evidences]
    missed = []
    for seed in range(count):
        rng = random.Random(seed)
        page, tamper = pages[seed % len(pages)], TAMPERS[seed % len(TAMPERS)]
        changed = tamper(rng, page, pages)
        assert changed != page
        path.write_text(changed, encoding="utf-8")
        if check_memo(path).ok:
            missed.append((seed, tamper.__name__))
    assert not missed


def test_honest_late_memos_have_no_red_finding(evidences, tmp_path) -> None:
    check_honest(FEW, evidences, tmp_path / "memo.html")


def test_tampered_late_memos_are_all_found(evidences, tmp_path) -> None:
    check_tampered(FEW, evidences, tmp_path / "memo.html")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_hundred_honest_late_memos_have_no_red_finding(evidences, tmp_path) -> None:
    check_honest(ALL, evidences, tmp_path / "memo.html")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_hundred_tampered_late_memos_are_all_found(evidences, tmp_path) -> None:
    check_tampered(ALL, evidences, tmp_path / "memo.html")
