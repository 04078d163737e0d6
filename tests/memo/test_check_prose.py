"""Numbers and words of the author: traced, open, contradicted."""

from __future__ import annotations

import pytest

from reportgen.memo import parse_prose, render
from reportgen.memo.check import check_memo
from reportgen.memo.check.numbers import sentences, typed_numbers


@pytest.fixture
def check(evidence, tmp_path):
    def run(text: str):
        path = tmp_path / "memo.html"
        path.write_text(render(evidence, parse_prose(text, evidence)), encoding="utf-8")
        return check_memo(path)

    return run


def score(evidence, run: str, metric: str) -> float:
    values = [value for section in evidence.sections for item in section.items for value in item.values]
    return next(v.value for v in values if (v.run, v.metric, v.baseline) == (run, metric, None))


def ids(report, severity: str) -> list[str]:
    return [finding.id for finding in report.findings if finding.severity == severity]


def numbers(text: str) -> list[tuple[str, float]]:
    return [(number.text, number.value) for number in typed_numbers(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is 0.31.", [("0.31", 0.31)]),
        ("It is .31, or 31 %.", [(".31", 0.31), ("31 %", 31.0)]),
        ("n = 6,430 and 6 430 rows", [("6,430", 6430.0), ("6 430", 6430.0)]),
        ("from 0.25–0.31", [("0.25", 0.25), ("0.31", 0.31)]),
        ("from 25-31 %", [("25", 25.0), ("31 %", 31.0)]),
        ("a change of −2.5 points", [("−2.5 points", -2.5)]),
        ("Week 3, Table 12, § 14, in 2025, Qwen2.5-0.5B, F1, 2e-5, 3 epochs, seed 42, p < .05", []),
        ("a 95 % confidence interval, 2.1 times, 12 ms", []),
        ("12 of 113 classes", [("12", 12.0), ("113", 113.0)]),
        ("version 1.2.3 of 10.1.2.3", []),
    ],
)
def test_what_counts_as_a_figure(text: str, expected) -> None:
    assert numbers(text) == expected


@pytest.mark.parametrize(
    ("typed", "figure", "fits"),
    [
        ("0.31", 0.3149, True),
        ("0.31", 0.3151, False),
        ("0.315", 0.3149, True),
        ("31 %", 0.3149, True),
        ("31.4 %", 0.3149, False),
        ("31.5 %", 0.3149, True),
        ("31.5", 0.3149, True),
        ("−0.02", -0.0201, True),
        ("0.02", -0.0201, True),
        ("−0.02", 0.0201, False),
        ("6,430", 6430, True),
        ("6,431", 6430, False),
        ("2.5 points", 0.025, True),
    ],
)
def test_rounding(typed: str, figure: float, fits: bool) -> None:
    (number,) = typed_numbers(f"It is {typed} here")
    assert number.fits(figure) is fits


def test_sentences_end_where_they_end() -> None:
    assert sentences("F1 is 0.31. It is low! “Why?” asks p. 3") == ["F1 is 0.31.", "It is low!", "“Why?” asks p. 3"]
    assert sentences("It is 0.31. tfidf has 0.2. then.", ["tfidf"]) == ["It is 0.31.", "tfidf has 0.2. then."]


def test_a_run_may_be_called_by_its_model(evidence, check) -> None:
    wrong = check("## 2.\n\nTF-IDF reaches a macro F1 of 0.912.")
    assert ids(wrong, "red") == ["number.contradicted"]
    assert not wrong.ok
    right = score(evidence, "tfidf", "macro_f1")
    assert not ids(check(f"## 2.\n\nTF-IDF reaches a macro F1 of {right:.3f}."), "red")


def test_a_name_of_several_runs_contradicts_nothing(evidence, check) -> None:
    """MiniLM is a frozen encoder and two fine-tuned ones here: which of them is meant, a person decides."""
    assert not ids(check("## 3.\n\nMiniLM reaches a macro F1 of 0.912."), "red")


def test_a_sentence_may_begin_with_a_run(evidence, check) -> None:
    right, other = score(evidence, "encoder", "macro_f1"), score(evidence, "tfidf", "macro_f1")
    said = f"The encoder has a macro F1 of {right:.3f}. tfidf has a macro F1 of {other + 0.2:.3f}."
    (found,) = [one for one in check(f"## 3.\n\n{said}").findings if one.severity == "red"]
    assert found.said == f"{other + 0.2:.3f}"
    assert sentences("The gain is 0.3. The loss is 0.2.") == ["The gain is 0.3.", "The loss is 0.2."]


def test_green_amber_and_red(check, evidence) -> None:
    macro, accuracy = score(evidence, "tfidf", "macro_f1"), score(evidence, "tfidf", "accuracy")
    report = check(
        f"## 2\nThe macro F1 of tfidf is {macro:.2f}. The accuracy of tfidf is {accuracy + 0.11:.3f}. "
        f"We read 37 texts. tfidf is right on {100 * accuracy:.1f} % of n = 900 rows."
    )
    assert [(number.severity, number.number) for number in report.numbers] == [
        ("green", f"{macro:.2f}"),
        ("red", f"{accuracy + 0.11:.3f}"),
        ("amber", "37"),
        ("green", f"{100 * accuracy:.1f} %"),
        ("green", "900"),
    ]
    red = next(finding for finding in report.findings if finding.severity == "red")
    assert red.id == "number.contradicted"
    assert red.where == "w1.s2"
    assert f"{100 * accuracy:.1f} %" in red.recomputed
    assert report.numbers[0].traced_to == "macro_f1 of tfidf"


def test_another_runs_figure_is_a_contradiction(check, evidence) -> None:
    other = score(evidence, "encoder", "macro_f1")
    assert ids(check(f"## 3\nThe macro F1 of tfidf is {other:.3f}."), "red") == ["number.contradicted"]
    assert ids(check(f"## 3\nThe macro F1 of encoder is {other:.3f}."), "red") == []


def test_a_wrong_n_beside_a_run_is_a_contradiction(check) -> None:
    assert ids(check("## 3\nThe accuracy of tfidf was measured on n = 7,000 rows."), "red") == ["number.contradicted"]


def test_citations_that_nothing_measures(check) -> None:
    report = check("## 2\nIt has [@nobody.macro_f1] and [@tfidf.macro_f1].")
    assert ids(report, "red") == ["citation.unknown"]


def test_gaps_length_and_disclosure(check) -> None:
    report = check("---\ndata: mine\nlicences: none\ncode: none\n---\n## 1\nText.")
    amber = ids(report, "amber")
    assert amber.count("reasoning.empty") == 4
    assert amber.count("disclosure.empty") == 1
    assert "prose.length" in amber
    full = "---\ndata: a\nlicences: b\ncode: c\nai_use: d\n---\n" + "\n".join(
        f"## {n}\n" + "Words are written here. " * 30 for n in range(1, 6)
    )
    assert check(full).findings == []


def test_strong_words_beside_a_null_verdict(check, evidence, tmp_path, simulated, course) -> None:
    from reportgen.evidence import build

    world = simulated.World(k=10, train=800, n=120)
    runs = [
        simulated.write_run(tmp_path, world, "tfidf", "linear", skill=0.6, floor=5, draw=1),
        simulated.write_run(tmp_path, world, "minilm", "encoder", skill=0.6, floor=5, draw=2),
    ]
    alike = build(1, runs, course)
    item = next(item for section in alike.sections for item in section.items if item.id == "w1.s3.e6")
    assert item.verdict == "null"
    for text, expected in (
        ("minilm clearly outperforms tfidf.", True),
        ("minilm is not clearly better than tfidf.", False),
        ("minilm and tfidf cannot be told apart.", False),
        ("Long texts are clearly harder.", False),
    ):
        (tmp_path / "memo.html").write_text(render(alike, parse_prose(f"## 3\n{text}", alike)), encoding="utf-8")
        assert ("claim.overstated" in ids(check_memo(tmp_path / "memo.html"), "amber")) is expected
