"""Pages that are not ours: sections by heading, figures by label, and nothing where a figure could be another's."""

from __future__ import annotations

import time

import pytest

from reportgen.evidence.rubric import load_rubric
from reportgen.grading.pages import classify, read_page
from reportgen.grading.pages.numbers import of_cell
from reportgen.grading.pages.sections import section_of


@pytest.fixture
def read(tmp_path, course):
    def reading(html: str | bytes, week: int = 1):
        path = tmp_path / "page.data"
        content = html.encode() if isinstance(html, str) else html
        path.write_bytes(b"<!doctype html><html><body>" + content)
        return read_page(path, load_rubric(course, week), course)

    return reading


@pytest.fixture
def values(read):
    def found(html: str, week: int = 1) -> dict[str, tuple]:
        return {item.id: item.values for item in read(html, week).items}

    return found


@pytest.mark.parametrize(
    ("heading", "week", "section"),
    [
        ("Data Audit", 1, "w1.s1"),
        ("1. DATA AUDIT", 1, "w1.s1"),
        ("Section 2: Baseline results & interpretation", 1, "w1.s2"),
        ("Memo Section 2", 1, "w1.s2"),
        ("3) Fine-tuning results¶", 1, "w1.s3"),
        ("Risks and Open Questions", 1, "w1.s5"),
        ("Experiment Log", 1, "w1.s4"),
        ("What you tried and what happened", 2, "w2.s1"),
        ("Error Analysis", 2, "w2.s4"),
        ("Is the gap real?", 4, "w4.s4"),
        ("Latency and the deployment question", 3, "w3.s4"),
        ("What Didn't It Fix?", 6, "w6.s2"),
        ("Conclusion", 1, None),
        ("2", 1, None),
        ("Setup and imports", 1, None),
        ("The data", 5, None),
        ("", 1, None),
    ],
)
def test_headings(course, heading, week, section):
    assert section_of(heading, load_rubric(course, week).sections) == section


def test_a_section_ends_at_the_next_heading_as_high(read):
    page = read("<h2>Data Audit</h2><p>mine</p><h3>Detail</h3><p>inside</p><h2>Appendix</h2><p>after</p>")
    assert page.sections == {"w1.s1": "mine\n\ninside"}
    assert page.headings == ("Data Audit", "Detail", "Appendix")
    assert page.words == 3


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.542", 0.542),
        ("54.2 %", 0.542),
        ("−.028*", -0.028),
        ("13,333", 13333.0),
        (".21 [.19, .23]", 0.21),
        ("3.2e-3", 0.0032),
    ],
)
def test_numbers_of_cells(text, value):
    assert of_cell(text).value == pytest.approx(value)


@pytest.mark.parametrize("text", ["int8", "fp16", "3 epochs of 5", "2026-11-23", "v1.2.3", "", "–", "nan"])
def test_cells_that_are_no_number(text):
    assert of_cell(text) is None


def test_figures_in_prose_and_tables(values):
    assert values("<p>Baseline accuracy is 54.2 %, while fine-tuned accuracy is 56.6 %.</p>") == {
        "w1.s2.e1": (pytest.approx(0.542),),
        "w1.s3.e1": (pytest.approx(0.566),),
    }
    table = (
        "<table><tr><th>metric</th><th>TF-IDF</th><th>ModernBERT</th></tr>"
        "<tr><td>accuracy</td><td>.542</td><td>.566</td></tr>"
        "<tr><td>macro F1</td><td>.132</td><td>.209</td></tr>"
        "<tr><td>zero-F1 classes</td><td>70</td><td>46</td></tr></table>"
    )
    assert values(table) == {
        "w1.s2.e1": (0.542,), "w1.s2.e2": (0.132,), "w1.s2.e3": (70.0,), "w1.s3.e1": (0.566,), "w1.s3.e2": (0.209,)
    }  # fmt: skip
    assert values("<pre>TF-IDF: zero-F1 classes 70/113</pre>") == {"w1.s2.e3": (70.0, 113.0)}


@pytest.mark.parametrize(
    "html",
    [
        "<p>TF-IDF accuracy improved by 2.4 points to 56.6 %.</p>",
        "<p>Baseline test accuracy: 0.5394</p><p>Baseline val accuracy: 0.5420</p>",
        "<p>I expect the baseline accuracy to be 0.9.</p>",
        "<p>The published baseline accuracy was 0.542.</p>",
        "<p>Unlike ModernBERT, accuracy was 0.54 for TF-IDF.</p>",
        "<p>Accuracy 0.54 and macro F1 0.13.</p>",
        "<p>Baseline accuracy: 54.2</p>",
        "<p>Baseline accuracy @ 3 epochs</p>",
        "<p>We fine-tuned for 3 epochs; macro F1 is in Table 2.</p>",
        "<pre>model            accuracy\nModernBERT 1e-5  0.56\nModernBERT 5e-5  0.58</pre>",
    ],
)
def test_what_could_be_another_figure_is_left_out(values, html):
    assert not set(values(html)) & {"w1.s2.e1", "w1.s2.e2", "w1.s3.e1", "w1.s3.e2"}


def test_printed_figures_come_before_prose_and_roundings_agree(values, read):
    assert values("<p>Baseline accuracy: 54 %</p><p>The TF-IDF accuracy of 0.5420 is high.</p>")["w1.s2.e1"] == (0.542,)


def test_hidden_text_does_not_count_and_is_reported(read):
    for style in (
        "display:none",
        "visibility: hidden",
        "opacity:0",
        "font-size:0px",
        "color:white",
        "position:absolute;left:-9999px",
    ):
        page = read(f'<p>seen</p><p style="{style}">Baseline accuracy: 0.99</p>')
        assert page.items == (), style
        assert page.words == 1
        assert page.problems == ("3 hidden words, not counted",)
    page = read("<style>.x{display:none}</style><div class=x>Baseline accuracy: 0.99</div><p hidden>more</p>")
    assert page.items == ()
    assert page.problems == ("4 hidden words, not counted",)
    assert read('<p style="color:white;background:#000">Baseline accuracy: 0.9</p>').problems == ()


def test_what_a_browser_would_run_or_fetch_is_reported_only(read, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    page = read(
        '<meta http-equiv="refresh" content="0;url=http://evil.example">'
        '<img src="//evil.example/x.png" onerror="alert(1)">'
        '<script>document.write("<p>Baseline accuracy: 0.9</p>")</script><iframe src="http://evil.example"></iframe>'
        '<svg onload="alert(1)"><text>Baseline accuracy: 0.8</text></svg><noscript>Baseline accuracy: 0.7</noscript>'
        '<style>@import "http://evil.example/x.css"; p::after{content:"Baseline accuracy: 0.6"}</style><p>text</p>'
    )
    assert page.items == ()
    assert page.words == 1
    assert page.problems == (
        "a redirect (meta refresh), not followed",
        "1 remote images, not loaded",
        "1 embedded pages or objects, not loaded",
        "2 event handlers, not run",
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<p>caf\xe9 \xff\xfe\xfa</p>", "not UTF-8"),
        (b"<p>a\x00b</p>", "NUL"),
        (b'<p title="' + b"x" * 3_000_000 + b'">seen</p>', "100,000 characters"),
        (b"<div>" * 100_000 + b"seen", "was not read"),
        (b"<b><i>" * 50_000 + b"seen", "was not read"),
        (b"<p>" + b"word " * 5_000_000, "was not read"),
    ],
    ids=["encoding", "nul", "attribute", "nesting", "formatting", "long"],
)
@pytest.mark.timeout(60)
def test_damaged_and_costly_pages(read, content, said):
    page = read(content)
    assert any(said in problem for problem in page.problems), page.problems


@pytest.mark.timeout(120)
def test_large_pages_are_read_in_bounded_time(read):
    prose = "<p>" + "Baseline accuracy is macro F1 of TF-IDF (((( is is is " * 40_000 + "</p>"
    rows = "<tr>" + "<td>ModernBERT accuracy 0.5</td>" * 20 + "</tr>"
    lines = "<pre>" + "accuracy (val) = = = of the the\n" * 14_000 + "</pre>"
    for html in (prose, "<table>" + rows * 2_000 + "</table>", lines):
        start = time.process_time()
        page = read("<p>Baseline accuracy: 0.54</p>" + html)
        assert time.process_time() - start < 15
        assert [item.id for item in page.items] == ["w1.s2.e1"]
    assert "was not read" in read(prose).problems[0]


def test_a_page_of_200_mb_is_refused(tmp_path, course):
    path = tmp_path / "huge.data"
    with path.open("wb") as file:
        file.write(b"<!doctype html><html>")
        file.truncate(200_000_000)
    page = read_page(path, load_rubric(course, 1), course)
    assert "200,000,000 bytes" in page.problems[0]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "other"),
        (b"%PDF-1.7", "other"),
        (b'{"cells": [], "nbformat": 4}', "other"),
        (b"<!DOCTYPE html><html><p>x", "html"),
        ("<html><body>é".encode("utf-16"), "html"),
        (b'<html><body class="jp-Notebook" data-jp-theme-light="true">', "notebook"),
        (b'<html><div class="cell"><div class="text_cell_render">', "notebook"),
        (b'<html><script type="application/json" id="reportgen-record">{}</script>', "memo"),
        (b"<html><p>&lt;script id=&quot;reportgen-record&quot;&gt; jp-Notebook</p>", "html"),
    ],
)
def test_kinds(tmp_path, content, kind):
    path = tmp_path / "f.data"
    path.write_bytes(content)
    assert classify(path) == kind


def test_a_missing_file_is_no_page(tmp_path, course):
    assert classify(tmp_path / "none") == "other"
    assert "was not read" in read_page(tmp_path / "none", load_rubric(course, 1), course).problems[0]
