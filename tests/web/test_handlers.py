"""Handlers as plain functions."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
import time

import numpy as np
import pytest
from selectolax.lexbor import LexborHTMLParser as HTMLParser

from reportgen.errors import InputError, ReportgenError, UsageError
from reportgen.web import classify, desk, explore
from reportgen.web.pages import memo_frame, notice, page
from reportgen.web.wording import said

HOSTILE = '"><img src=x onerror="window.__pwn=1"><script>window.__pwn=1</script>${alert(1)}{{7*7}}\u202e'


def classes(html: str) -> list[str]:
    return [node.text(strip=True) for node in HTMLParser(html).css("tbody th")]


def rescue(examples, order="Largest gain first", only="All classes", search="", pair=explore.FIRST) -> str:
    return explore.rescue_view(examples, *pair, "val", order, only, search)


def test_orders_sort_the_chart(examples) -> None:
    report = examples.rescue(*explore.FIRST, "val")
    by_gain = sorted(report["per_class"], key=lambda row: (-row["delta"], row["label"]))
    assert classes(rescue(examples)) == [row["label"] for row in by_gain]
    by_training = classes(rescue(examples, "Rarest in training first"))
    train = {row["label"]: row["train"] for row in report["per_class"]}
    assert [train[name] for name in by_training] == sorted(train.values())


def test_filters_and_search_narrow_the_chart(examples) -> None:
    report = examples.rescue(*explore.FIRST, "val")
    assert set(classes(rescue(examples, only="Back from zero"))) == set(report["rescued"])
    assert all("card" in name for name in classes(rescue(examples, search="CARD")))
    empty = rescue(examples, search="no such class")
    assert "No class fits" in empty
    assert "<table" not in empty


def test_the_headline_is_the_reports(examples) -> None:
    report = examples.rescue(*explore.FIRST, "val")
    said = HTMLParser(rescue(examples)).css_first(".rg-big").text()
    assert str(len(report["rescued"])) in said
    assert str(len(report["confirmed"])) in said


@pytest.mark.parametrize(
    "values",
    [
        ("../../etc/passwd", "embed", "val", "By name", "All classes", ""),
        ("tfidf", "embed", "train", "By name", "All classes", ""),
        ("tfidf", "embed", "val", "__class__", "All classes", ""),
        ("tfidf", None, "val", "By name", "All classes", ""),
    ],
)
def test_a_visitor_names_only_what_is_offered(examples, values) -> None:
    with pytest.raises(UsageError):
        explore.rescue_view(examples, *values)


def test_compare_says_what_the_report_says(examples) -> None:
    report = examples.compare("tfidf", "embed", "val")
    text = HTMLParser(explore.compare_view(examples, "tfidf", "embed", "val")).text()
    assert f"{report['metrics']['macro_f1']['b']:.3f}" in text
    assert f"n = {report['n']:,}" in text
    with pytest.raises(UsageError, match="itself"):
        explore.compare_view(examples, "embed", "embed", "val")


def test_every_week_offered_has_a_memo(examples) -> None:
    assert {1, 2, 3, 4} <= set(examples.weeks)
    html = explore.memo_view(examples, 4)
    frame = HTMLParser(html).css_first("iframe")
    assert frame.attributes["sandbox"] == ""
    assert "reportgen-record" in frame.attributes["srcdoc"]
    memo = HTMLParser(frame.attributes["srcdoc"]).text()
    assert "Example student" in memo
    assert "was found (looked in" not in memo, "a memo quotes the weeks before it"
    with pytest.raises(UsageError, match="no example memo"):
        examples.memo(99)


def test_every_run_says_what_it_is(examples) -> None:
    assert [name for name in examples.names if not examples.words(name)] == []


def test_a_tighter_limit_flips_the_choice_where_the_desk_says(examples) -> None:
    wishes = desk.Wishes()
    found = desk.decide(examples, wishes)
    flip = next(flip for flip in found.flip_points if flip.constraint == "latency_ms" and flip.choice)
    inside = dataclasses.replace(wishes, max_latency_ms=float(flip.at) * 0.999)
    assert desk.decide(examples, inside).choice == flip.choice != found.choice


@pytest.mark.parametrize("source", desk.SOURCES)
@pytest.mark.parametrize("name", desk.PRESETS)
def test_every_start_gives_a_page(examples, source, name) -> None:
    html = desk.decision_view(examples, source, *desk.preset(name, source))
    tree = HTMLParser(html)
    assert tree.css_first("#choice").text(strip=True)
    assert len(tree.css("tbody tr")) == len(desk.candidates(examples, source))
    assert ("cannot be recomputed" in html) == (source != "runs")


def test_where_nobody_stands_the_nearest_is_named(examples) -> None:
    html = desk.decision_view(examples, *dataclasses.astuple(desk.Wishes(max_latency_ms=0.1, min_macro_f1=0.7)))
    assert "none of them" in html
    assert "could stand if" in html


def test_a_move_takes_less_than_a_tenth_of_a_second(examples) -> None:
    desk.decision_view(examples, *dataclasses.astuple(desk.Wishes()))
    times = []
    for limit in np.linspace(1, 90, 15):
        started = time.thread_time()
        desk.decision_view(examples, *dataclasses.astuple(desk.Wishes(max_latency_ms=float(limit), min_macro_f1=0.1)))
        times.append(time.thread_time() - started)
    assert np.median(times) < 0.1


@pytest.mark.parametrize("change", [{"mode": "x"}, {"wish": "x"}, {"source": "../x"}, {"monthly_volume": -1}])
def test_values_no_slider_has_are_refused(examples, change) -> None:
    with pytest.raises(ReportgenError):
        desk.decide(examples, dataclasses.replace(desk.Wishes(), **change))


@pytest.fixture(scope="module")
def models():
    return classify.Models()


def test_the_models_answer_side_by_side(models) -> None:
    found = classify.classify(models, classify.SAMPLES[0])["models"]
    assert [model["model"] for model in found] == ["Baseline", "Tuned for rare labels", "Majority"]
    for model in found:
        shown = [row["confidence"] for row in model["top"]]
        assert shown == sorted(shown, reverse=True)
        assert 0 < sum(shown) <= 1 + 1e-9
        assert model["latency_ms"] > 0
    majority = found[2]["top"][0]
    assert majority["training_rows"] == max(models.small.train_counts)


def test_what_the_baseline_never_says_is_said(models) -> None:
    never = {label for label, times in zip(models.small.labels, models.small.said, strict=True) if not times}
    for row in classify.classify(models, classify.SAMPLES[3])["models"][1]["top"]:
        assert (row["baseline_predictions"] == 0) == (row["label"] in never)


@pytest.mark.parametrize("text", ["", "   ", None, "x" * 5_001])
def test_no_text_or_too_much_is_refused(models, text) -> None:
    with pytest.raises(InputError):
        classify.classify(models, text)


@pytest.mark.parametrize("text", ["12345", "\x00\x01", "漢字", HOSTILE, "🙂" * 2000])
def test_any_text_gets_an_answer(models, text) -> None:
    html = classify.classify_view(models, text)
    assert "<script" not in html
    assert len(HTMLParser(html).css(".rg-voice")) == 3


def test_the_record_of_the_model_is_on_the_page(models) -> None:
    text = re.sub(r"\s+", " ", HTMLParser(classify.about_view(models)).text())
    card = models.small.card
    assert "public domain" in text
    assert f"rows for {len(models.small.seen)} of them" in text
    assert f"{100 * card['plain']['accuracy']:.1f} %" in text


def test_a_hostile_memo_stays_inside_its_frame() -> None:
    html = memo_frame(f"<p>{HOSTILE}</p></iframe>", HOSTILE)
    tree = HTMLParser(html)
    frames = tree.css("iframe")
    assert len(frames) == 1
    assert not tree.css("img, script")
    assert frames[0].attributes["sandbox"] == ""
    assert HOSTILE in frames[0].attributes["srcdoc"]


@pytest.mark.parametrize("template", ["heading.html", "waiting.html"])
def test_templates_escape(template) -> None:
    html = page(template, title=HOSTILE, text=HOSTILE)
    assert "<img" not in html
    assert "\u202e" not in html


def test_notices_escape() -> None:
    assert "<img" not in notice(InputError(HOSTILE))


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (InputError("no column looks like text", where="a.csv", remedy="name it with --text"), "name it with ‘Text’"),
        (UsageError("a file is there", remedy="choose another --out"), "a file is there"),
        (UsageError("--data is compared with nothing"), "that option is compared with nothing"),
        (InputError("no end -->", remedy="close it with a line of ---"), "no end -->: close it with a line of ---"),
    ],
)
def test_errors_name_controls_not_options(error, line) -> None:
    assert said(error).removeprefix("no column looks like text (a.csv): ") == line


def hostile_report(examples, monkeypatch) -> None:
    report = dict(examples.rescue(*explore.FIRST, "val"))
    report["per_class"] = [{**row, "label": HOSTILE, "verdict": HOSTILE} for row in report["per_class"][:3]]
    report |= {"baseline": HOSTILE, "candidate": HOSTILE}
    compared = dict(examples.compare(*explore.FIRST, "val")) | {"a": HOSTILE, "b": HOSTILE}
    monkeypatch.setattr(examples, "rescue", lambda *_: report)
    monkeypatch.setattr(examples, "compare", lambda *_: compared)


def test_hostile_labels_and_names_are_text(examples, monkeypatch) -> None:
    hostile_report(examples, monkeypatch)
    for html in (rescue(examples), explore.compare_view(examples, HOSTILE, "b", "val")):
        tree = HTMLParser(html)
        assert not tree.css("img, script, [onerror]")
        assert "window.__pwn=1" in tree.text()


def test_handlers_know_no_gradio() -> None:
    code = (
        "import sys, reportgen.web.explore, reportgen.web.desk, reportgen.web.classify, reportgen.web.examples\n"
        "assert not {'gradio', 'torch', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
