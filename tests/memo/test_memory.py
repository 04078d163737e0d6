"""Earlier weeks are found by their files, quoted with their place, and never stop a memo."""

from __future__ import annotations

import json

import pytest

from reportgen.errors import UsageError
from reportgen.evidence import build
from reportgen.memo import build_memo, parse_prose, to_json, to_markdown
from reportgen.memo.memory import find_memory

PROSE = """---
author: Ada
---
## 4. Latency
The encoder answers in 3 ms.

I recommend the **encoder** for routing, at [@encoder.macro_f1].

## 2
Class weighting raised macro F1 by .008 on the decoder. It cost time.
"""


def test_prose_in_memos_is_quoted_with_its_place(course, tmp_path) -> None:
    (tmp_path / "memos").mkdir()
    (tmp_path / "memos" / "week3.md").write_text(PROSE, encoding="utf-8")
    memory = find_memory(4, [tmp_path], course)
    quote = memory.recommendation()
    assert quote.text == "I recommend the encoder for routing, at [encoder.macro_f1]."
    assert quote.source.startswith("memos/week3.md, “")
    assert memory.said(3, "weighting").text == "Class weighting raised macro F1 by .008 on the decoder."
    assert memory.said(2, "weighting") is None


def test_front_matter_wins(course, tmp_path) -> None:
    text = PROSE.replace("author: Ada", "author: Ada\nrecommendation: Ship the encoder.")
    (tmp_path / "week3.md").write_text(text, encoding="utf-8")
    assert find_memory(4, [tmp_path], course).recommendation().text == "Ship the encoder."


def test_figures_come_from_the_json_twin(evidence, course, tmp_path) -> None:
    (tmp_path / "week1.json").write_text(to_json(evidence), encoding="utf-8")
    memory = find_memory(4, [tmp_path], course)
    found = memory.values(1, "macro_f1", section="w1.s2", run="tfidf", difference=False)
    item = next(item for section in evidence.sections for item in section.items if item.id == "w1.s2.e2")
    assert found[0].value.value == item.values[0].value
    assert found[0].value.interval.low == item.values[0].interval.low
    assert (found[0].item, found[0].week) == ("w1.s2.e2", 1)
    assert memory.values(1, "macro_f1", difference=True)[0].value.baseline == "tfidf"
    assert memory.values(2, "macro_f1") == []


def test_the_json_twin_gives_the_text_back(evidence, course, tmp_path) -> None:
    text = to_json(evidence, parse_prose("## 2\nThe bar is 3 points.\n", evidence))
    (tmp_path / "week1.json").write_text(text, encoding="utf-8")
    found = find_memory(2, [tmp_path], course).weeks[1]
    assert found.sections == {"w1.s2": "The bar is 3 points."}
    assert found.prose_source.endswith("week1.json")


def test_the_markdown_twin_gives_the_text_back(evidence, course, tmp_path) -> None:
    text = "The bar is low.\n\nIt is 3 points."
    twin = to_markdown(evidence, parse_prose(f"## 2\n{text}\n", evidence))
    (tmp_path / "week1.md").write_text(twin, encoding="utf-8")
    assert dict(find_memory(2, [tmp_path], course).weeks[1].sections) == {"w1.s2": text}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("week3.md", b"## 99. Nothing like it\nx"),
        ("week3.md", b"\xff\xfe\x00"),
        ("week3.json", b"{"),
        ("week3.json", b"[" * 5_000),
        ("week3.json", json.dumps({"schema": "reportgen/evidence/1", "week": 2}).encode()),
        ("week3.json", json.dumps({"schema": "other", "week": 3}).encode()),
    ],
)
def test_a_bad_file_is_named_and_stops_nothing(course, tmp_path, name, content) -> None:
    (tmp_path / name).write_bytes(content)
    memory = find_memory(4, [tmp_path], course)
    assert memory.recommendation() is None
    assert len(memory.unreadable) == 1
    assert name in memory.unreadable[0]


def test_hostile_twins_are_read_over(course, tmp_path) -> None:
    values = [{"metric": 3}, {"metric": "t", "value": "<b>"}, {"metric": "t", "value": 1.5, "unit": "evil", "n": "x"}]
    raw = {"schema": "reportgen/evidence/1", "week": 3, "prose": {"w3.s4": 7}}
    raw["sections"] = ["x", {"items": [{"id": "w3.s1.e1", "values": values}, None]}]
    (tmp_path / "week3.json").write_text(json.dumps(raw), encoding="utf-8")
    memory = find_memory(4, [tmp_path], course)
    assert [(one.value.value, one.value.unit, one.value.n) for one in memory.values(3, "t")] == [(1.5, "number", None)]


def test_later_weeks_and_the_own_one_are_no_memory(course, tmp_path) -> None:
    (tmp_path / "week4.md").write_text("---\nrecommendation: no\n---\n", encoding="utf-8")
    assert find_memory(4, [tmp_path], course).weeks == {}


def test_build_memo_finds_them_beside_the_text(runs, tmp_path) -> None:
    (tmp_path / "week3.md").write_text(PROSE, encoding="utf-8")
    text = tmp_path / "week4.md"
    text.write_text("---\ndirection: up\n---\n## 5\nUp it goes.\n", encoding="utf-8")
    paths = [run.path for run in runs]
    page = build_memo(4, paths, tmp_path / "out" / "w4.html", prose=text)[0].read_text(encoding="utf-8")
    assert "I recommend the encoder for routing" in page
    assert "confidence in it moved up" in page
    with pytest.raises(UsageError, match="overwrite your text"):
        build_memo(4, paths, tmp_path / "week4.html", prose=text, twins=True)
    assert "Up it goes" in text.read_text(encoding="utf-8")


def test_nothing_found_says_where_to_put_it(course, runs, tmp_path) -> None:
    memory = find_memory(4, [tmp_path], course)
    evidence = build(4, runs, course, memory=memory)
    item = next(item for section in evidence.sections for item in section.items if item.id == "w4.s5.e1")
    assert tmp_path.name in item.sentence
    assert "week3.md" in item.sentence


def test_files_may_be_called_memo_too(course, tmp_path) -> None:
    (tmp_path / "memo3.md").write_text(PROSE, encoding="utf-8")
    assert (
        find_memory(4, [tmp_path], course)
        .recommendation()
        .source.endswith("memo3.md, “Latency and the Deployment Recommendation”")
    )


def test_a_twin_without_text_is_not_called_missing(evidence, course, tmp_path) -> None:
    (tmp_path / "week1.json").write_text(to_json(evidence), encoding="utf-8")
    memory = find_memory(4, [tmp_path], course)
    assert memory.recommendation(1) is None
    assert "week1.json holds figures and no text" in memory.where_to_put(1)
    assert memory.where_to_put(2).startswith("Nothing of week 2 was found")
