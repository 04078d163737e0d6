"""Published figures in a memo, a page or a text; accuracies that no number of correct rows gives."""

from __future__ import annotations

import pytest

from reportgen.errors import InputError
from reportgen.evidence.rubric import load_rubric
from reportgen.grading.pages import read_page
from reportgen.grading.pages.rules import load_rules
from reportgen.grading.published import matches, named_in, quoted
from reportgen.memo.check.numbers import typed_numbers


def model(found) -> str | None:
    return found.model if found else None


@pytest.mark.parametrize(
    ("figures", "row"),
    [
        ({"accuracy": 0.5659, "macro_f1": 0.2085}, "Encoder, full fine-tune (149M)"),
        ({"accuracy": 0.56594, "macro_f1": 0.20846}, "Encoder, full fine-tune (149M)"),
        ({"accuracy": 0.5661, "macro_f1": 0.2085}, None),
        ({"accuracy": 0.5661, "macro_f1": 0.2085, "weighted_f1": 0.5378}, None),
        ({"macro_f1": 0.2085}, None),
        # Week 5's table names no accuracy.
        ({"macro_f1": 0.2401, "ece": 0.106}, "Decoder int8"),
        ({"accuracy": 0.57, "macro_f1": 0.2401, "ece_scaled": 0.072}, "Decoder int8"),
        ({"macro_f1": 0.2401, "ece": 0.1064}, None),
        ({"ece": 0.106, "ece_scaled": 0.072}, None),
        # Whoever runs the recipe gets these.
        ({"accuracy": 0.542, "macro_f1": 0.1324}, None),
    ],
)
def test_a_run_with_published_scores(course, figures, row) -> None:
    assert model(matches(course, {name: {value} for name, value in figures.items()})) == row


def test_a_page_that_shows_them(course) -> None:
    assert model(named_in(course, [0.1, 0.2095, 0.062])) == "Encoder fp16"
    assert model(named_in(course, [56.97, 0.2398])) == "Decoder 0.5B, LoRA (494M)"
    assert named_in(course, [0.062, 0.04]) is None
    assert named_in(course, [0.2095, 0.5]) is None


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("It reaches an accuracy of 0.5697.", "Decoder 0.5B, LoRA (494M)"),
        ("It reaches an accuracy of 56.97 %.", "Decoder 0.5B, LoRA (494M)"),
        ("Accuracy .587 and macro F1 .250.", "Decoder 3B, LoRA"),
        ("Accuracy .587.", None),
        ("Accuracy 0.57 and macro F1 0.24.", None),
        ("Accuracy 0.5698.", None),
        ("There are 6,430 rows and 113 labels.", None),
    ],
)
def test_a_text_that_quotes_them(course, text, row) -> None:
    assert model(quoted(course, typed_numbers(text))) == row


@pytest.mark.parametrize(
    ("html", "said"),
    [
        # 3,485 / 6,430 = .541991, 3,486 / 6,430 = .542146
        ("<p>Validation set: 6,430 rows. Accuracy: 0.5420</p>", 0),
        ("<p>n = 6430.</p><p>Accuracy: 0.54215</p>", 0),
        ("<p>n = 6430.</p><p>Accuracy: 0.54207</p>", 1),
        ("<p>n = 6430.</p><p>Accuracy: 54.207 %</p>", 1),
        ("<pre>6,430 validation rows\nModel accuracy: 0.5421</pre>", 0),
        ("<p>n = 500</p><table><tr><th>model</th><th>accuracy</th></tr><tr><td>x</td><td>0.4401</td></tr></table>", 1),
        ("<p>n = 500</p><table><tr><th>model</th><th>accuracy</th></tr><tr><td>x</td><td>0.4400</td></tr></table>", 0),
        ("<p>n = 500 and n = 6,430</p><p>Accuracy: 0.5420</p>", 0),
        ("<p>Accuracy: 0.54207</p>", 0),
        ("<p>n = 500</p><p>Accuracy: 0.441</p>", 0),
        ("<p>n = 500</p><p>Mean accuracy over seeds: 0.4407</p><p>Tail accuracy: 0.4407</p>", 0),
        ("<p>n = 500</p><p>Balanced accuracy: 0.4407</p>", 0),
        ("<pre>Classes with &lt;= 5 val examples: 48\nAccuracy: 0.6019</pre>", 0),
        ("<p>I read n = 50 errors.</p><p>Accuracy: 0.6019</p>", 0),
        ("<p>n = 500</p><p>I read n = 50 errors.</p><p>Accuracy: 0.6013</p>", 1),
    ],
)
def test_accuracies_no_count_gives(tmp_path, course, html, said) -> None:
    path = tmp_path / "page.html"
    path.write_text(f"<!doctype html><html><body>{html}")
    assert len(read_page(path, load_rubric(course, 1), course).impossible) == said


def test_a_course_without_rules_for_pages_says_so(course, tmp_path) -> None:
    with pytest.raises(InputError, match="no rules for week 9"):
        load_rules(course, 9)
    bare = course.model_copy(update={"folder": tmp_path, "extends": None})
    with pytest.raises(InputError, match="cannot find evidence in pages"):
        load_rules(bare, 1)
    extending = course.model_copy(update={"folder": tmp_path, "extends": "ecbs5200"})
    assert load_rules(extending, 1) == load_rules(course, 1)
