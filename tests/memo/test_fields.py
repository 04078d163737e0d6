"""What the author says of single runs and rows: beside the results, counted, in the twins, and never believed."""

from __future__ import annotations

import json

import pytest
from selectolax.lexbor import LexborHTMLParser

from reportgen.evidence import build, load_rubric
from reportgen.evidence.model import Column, Table
from reportgen.memo import build_memo, new_prose, parse_prose, render, to_json, to_markdown
from reportgen.memo.check import check_memo
from reportgen.memo.fields import field_lines
from reportgen.memo.memory import find_memory
from reportgen.memo.tags import MOST, read_tags

WEEK2 = """## 1
Why I ran these.

**Prediction (encoder-weighted):** up, *because* of
the weights, from [@encoder.macro_f1] <b>on</b>

- **Conclusion (Encoder-Weighted)**: it rose
- **Prediction (encoder-bs16 and encoder-seed123):** no change; macro F1 of encoder-bs16 will be 0.999

**Prediction (encoder-bs61):** a slip

**Meaningful (encoder-bs16):**

```
**Prediction (encoder-early):** no words of mine
```
"""


@pytest.fixture(scope="module")
def stage(simulated, weeks, tmp_path_factory):
    return weeks.week3(simulated, tmp_path_factory.mktemp("stage"), simulated.World(k=30, train=4_000, n=600))


@pytest.fixture(scope="module")
def week2(stage, course):
    return build(2, [run for run in stage if run.run_id.startswith("encoder") and "lora" not in run.run_id], course)


@pytest.fixture(scope="module")
def week4(stage, course):
    return build(4, [run for run in stage if run.run_id in ("encoder-lora", "decoder-lora")], course)


@pytest.fixture(scope="module")
def sample(week4) -> Table:
    return next(table for section in week4.sections for table in section.tables if table.id == "w4-disagreements")


def cells(page: LexborHTMLParser, run: str) -> dict[str, str]:
    row = next(line for line in page.css("#w2-predictions tbody tr") if line.css_first("th").text(strip=True) == run)
    return {cell.attributes["data-said"]: " ".join(cell.text().split()) for cell in row.css("[data-said]")}


def test_lines_name_their_runs_and_end_with_their_paragraph() -> None:
    text = (
        "**Prediction:** all\n**Prediction (a, b and `c`):** one\ntwo\n\nthree\n\n"
        "**Meaningful? (a):** yes\n\n**Meaningful [b]:** no\n\n> **Prediction (q):** quoted\n\n**Predictions (a):** x\n"
    )
    found = [(line.name, line.runs, line.said) for line in field_lines(("Prediction", "Meaningful?"), text)]
    assert found == [
        ("Prediction", (), "all"),
        ("Prediction", ("a", "b", "c"), "one two"),
        ("Meaningful?", ("a",), "yes"),
        ("Meaningful?", ("b",), "no"),
    ]


def test_each_experiment_shows_what_was_said_of_it_or_not_written(week2) -> None:
    said: list[str] = []
    page = LexborHTMLParser(render(week2, parse_prose(WEEK2, week2), said.append))
    weighted = cells(page, "encoder-weighted")
    assert weighted["prediction"].startswith("up, because of the weights, from 0.")
    assert weighted["prediction"].endswith("<b>on</b>")
    assert (weighted["conclusion"], weighted["meaningful"]) == ("it rose", "not written")
    assert cells(page, "encoder-bs16")["prediction"] == cells(page, "encoder-seed123")["prediction"]
    assert cells(page, "encoder-early") == dict.fromkeys(("prediction", "conclusion", "meaningful"), "not written")
    notes = page.css('[data-evidence="w2.s1.e2"] [data-field]')
    assert [note.attributes["data-filled"] for note in notes] == ["false"] * 3
    assert "written for 3 of 4 runs; no prediction for: encoder-early" in notes[0].text()
    assert said == ["Prediction for encoder-bs61: no experiment of this memo."]


def test_nothing_is_printed_twice_and_what_has_no_place_stays(week2) -> None:
    page = LexborHTMLParser(render(week2, parse_prose(WEEK2, week2)))
    assert page.html.count("the weights, from") == 1
    prose = page.css_first('[data-section="w2.s1"] .reasoning .prose')
    assert [node.text() for node in prose.css("p")] == ["Why I ran these.", "Prediction (encoder-bs61): a slip"]
    assert "no words of mine" in prose.css_first("pre").text()


def test_a_line_without_a_run_counts_for_the_section(week2) -> None:
    page = LexborHTMLParser(render(week2, parse_prose("## 1\n**Prediction:** all rise.\n", week2)))
    note = page.css_first('[data-evidence="w2.s1.e2"] [data-field="Prediction"]')
    assert "no prediction for: " in note.text()
    assert "for the section as a whole: all rise" in note.text()
    assert "**Prediction:**" not in render(week2)
    filled = "\n\n".join(f"**Prediction ({run}):** x" for run in week2.sections[0].items[1].about)
    page = LexborHTMLParser(render(week2, parse_prose(f"## 1\n{filled}\n", week2)))
    assert [note.attributes["data-filled"] for note in page.css("#w2-s1-e2 [data-field]")] == ["true", "false", "false"]


def test_the_check_reads_cells_but_takes_no_prediction_for_a_claim(week2, tmp_path) -> None:
    path = tmp_path / "memo.html"
    path.write_text(render(week2, parse_prose(WEEK2, week2)), encoding="utf-8")
    report = check_memo(path)
    assert report.ok
    assert any("encoder-bs61" in finding.message for finding in report.findings if finding.id == "said.unknown")
    claim = "## 1\n**Conclusion (encoder-bs16):** Macro F1 is 0.999.\n\n**Prediction (encoder-bs16):** [@no.such]\n"
    path.write_text(render(week2, parse_prose(claim, week2)), encoding="utf-8")
    assert {"number.contradicted", "citation.unknown"} <= {finding.id for finding in check_memo(path).findings}


def test_the_twins_carry_what_was_said(week2, course, tmp_path) -> None:
    prose = parse_prose(WEEK2, week2)
    text = to_json(week2, prose)
    item = next(item for item in json.loads(text)["sections"][0]["items"] if item["id"] == "w2.s1.e2")
    assert item["fields"] == ["Prediction", "Conclusion", "Meaningful?"]
    assert {"field": "Conclusion", "run": "encoder-weighted", "text": "it rose"} in item["said"]
    assert [one["run"] for one in item["said"] if "no change" in one["text"]] == ["encoder-bs16", "encoder-seed123"]
    markdown = to_markdown(week2, prose)
    assert "no prediction for: encoder-early" in markdown
    assert "| it rose | not written |" in markdown
    for name, written in (("week2.json", text), ("week2.md", markdown)):
        (tmp_path / name).write_text(written, encoding="utf-8")
    earlier = find_memory(3, [tmp_path], course)
    assert not earlier.unreadable
    assert "**Prediction (encoder-bs61):** a slip" in earlier.weeks[2].sections["w2.s1"]


def test_memos_with_words_in_their_tables_agree_with_their_bundles(stage, tmp_path, sample) -> None:
    lines = f"```tags\n{sample.rows[0]['row']}: odd\n```\n"
    for week, text, runs in ((2, WEEK2, stage), (4, f"## 4\n{lines}", [r for r in stage if "-lora" in r.run_id])):
        (tmp_path / "text.md").write_text(text, encoding="utf-8")
        paths = [run.path for run in runs]
        page = build_memo(week, paths, tmp_path / "memo.html", prose=tmp_path / "text.md")[0]
        assert not [one for one in check_memo(page, paths).findings if one.id.startswith("bundle")]


def test_tags_stand_beside_their_rows_and_are_counted(week4, sample) -> None:
    names = [str(row["row"]) for row in sample.rows]
    block = "\n".join(
        (
            *("```tags", "# a remark", f"{names[0]}: Label  overlap", f"{names[1]}: label overlap", f"{names[2]}:"),
            *(f"{names[-1]}: vague <i>", f"{names[-1]}: vague & short", "val:nowhere: lost", "no row at all", "```"),
        )
    )
    said: list[str] = []
    prose = parse_prose(f"## 4\nI read them.\n\n{block}\n", week4)
    page = LexborHTMLParser(render(week4, prose, said.append))
    tags = [node.text(strip=True) for node in page.css("#w4-disagreements [data-said=tag]")]
    assert tags == ["Label overlap", "label overlap", *[""] * (len(names) - 3), "vague & short"]
    notes = [" ".join(node.text().split()) for node in page.css("#w4-s4-e4 [data-field]")]
    assert notes[0].startswith(f"Tags 3 of the {len(names)} rows shown are tagged")
    assert ": Label overlap 2" in notes[1]
    assert ": vague & short 1" in notes[2]
    assert said == ["Tagged, but no row of the sample: val:nowhere and no row at all."]
    assert page.css_first('[data-section="w4.s4"] .reasoning .prose').text(strip=True) == "I read them."
    item = next(one for one in json.loads(to_json(week4, prose))["sections"][3]["items"] if one["id"] == "w4.s4.e4")
    assert (item["tags"]["tagged"], item["tags"]["unknown"]) == (3, ["val:nowhere", "no row at all"])
    assert item["tags"]["counts"][0]["tags"] == {"Label overlap": 2}
    assert "Label overlap 2" in to_markdown(week4, prose)


def test_without_tags_nothing_is_counted_and_the_item_says_how(week4, sample, tmp_path) -> None:
    for text in ("", "## 4\n```tags\n```\n"):
        html = render(week4, parse_prose(text, week4))
        page = LexborHTMLParser(html)
        note = page.css_first("#w4-s4-e4 .fields").text()
        assert "none given" in note
        assert f"{sample.rows[0]['row']}: label overlap" in note
        assert not any(node.text(strip=True) for node in page.css("#w4-disagreements [data-said]"))
        assert page.css('[data-section="w4.s4"] .reasoning.empty')
        (tmp_path / "memo.html").write_text(html, encoding="utf-8")
        assert check_memo(tmp_path / "memo.html").ok


def test_ids_with_colons_and_the_most_frequent_tags() -> None:
    rows = [{"row": f"v:{i}", "right": "a"} for i in range(12)] + [{"row": "v:1: x", "right": "b"}]
    table = Table("t", "", (Column("tag", "Tag", author=""),), tuple(rows))
    tags = read_tags(["\n".join([*(f"v:{i}: tag {i}" for i in range(12)), "v:1: x: y", "v:0: tag 1"])], table)
    assert (tags.given["v:1: x"], tags.given["v:1"], tags.given["v:0"]) == ("y", "tag 1", "tag 1")
    assert tags.counts[0].tags[0] == ("tag 1", 2)
    assert str(tags.counts[0]).count("tag ") == MOST
    assert str(tags.counts[0]).endswith(", and 3 more")


def test_a_new_file_leaves_a_line_a_run_and_a_line_a_row(week2, week4, sample, course) -> None:
    plain, known = (new_prose(load_rubric(course, 2), "x", given) for given in (None, week2))
    assert "in place of RUN" in plain
    assert plain.count("(RUN):**") == 3
    assert "RUN" not in known
    assert all(f"**Meaningful? ({run}):**" in known for run in week2.sections[0].items[1].about)
    text = new_prose(load_rubric(course, 4), "x", week4)
    assert all(f"\n{row['row']}:\n" in text for row in sample.rows)
    assert "```tags\n```" in new_prose(load_rubric(course, 4), "x")
    for written, evidence in ((plain, week2), (known, week2), (text, week4)):
        page = LexborHTMLParser(render(evidence, parse_prose(written, evidence)))
        assert not page.css(".reasoning .prose")
        assert not page.css("[data-filled=true], .unknown")
