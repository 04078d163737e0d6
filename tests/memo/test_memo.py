"""The page: complete, self-contained, accessible, deterministic, and deaf to hostile input."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from itertools import pairwise

import pytest
from selectolax.lexbor import LexborHTMLParser

from reportgen.bundle.schema import Reported
from reportgen.evidence import build
from reportgen.memo import parse_prose, render, to_json, to_markdown
from reportgen.memo.environment import environment

PROSE = """---
author: Ada Okafor
data: public complaints
ai_use: none
---
## 1. Data Audit
The top class holds [@data.top_class_share] and TF-IDF reaches [@tfidf.macro_f1]; the gain is
[@{best}.delta_macro_f1].

| a | b |
|---|---|
| 1 | 2 |

# A heading of mine
[a paper](https://example.org/paper)
"""
CSP = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
RECORD = ("application/json", "reportgen-record")
"""The one script element: data that nothing runs."""


@pytest.fixture(scope="session")
def html(evidence) -> str:
    return render(evidence)


@pytest.fixture(scope="session")
def page(html) -> LexborHTMLParser:
    return LexborHTMLParser(html)


def best(evidence) -> str:
    return evidence.highlights[1].value.run


def test_every_rubric_item_is_on_the_page(page, evidence, course) -> None:
    shown = [node.attributes["data-evidence"] for node in page.css("[data-evidence]")]
    assert shown == [item["id"] for section in course.rubric(1)["section"] for item in section["evidence"]]
    assert all(len(node.text(strip=True)) > 20 for node in page.css("[data-evidence]"))


def test_missing_items_show_the_command(runs, course) -> None:
    page = LexborHTMLParser(render(build(1, [run for run in runs if run.run_id == "majority"], course)))
    item = page.css_first('[data-evidence="w1.s2.e1"]')
    assert item.attributes["data-status"] == "missing"
    assert "Not measured" in item.text()
    assert item.css_first("code").text() == "reportgen run tfidf --data complaints.csv --course ecbs5200 --out RUNS"


def test_values_are_machine_readable(page, evidence) -> None:
    nodes = page.css('[data-evidence="w1.s2.e2"] data')
    values = next(item for section in evidence.sections for item in section.items if item.id == "w1.s2.e2").values
    for node, value in zip(nodes, values, strict=True):
        assert float(node.attributes["value"]) == value.value
        assert node.attributes["data-metric"] == value.metric
        assert node.attributes["data-run"] == "tfidf"
        assert node.attributes["data-split"] == "val"
        assert node.text() == f"{value.value:.3f}"
    difference = page.css_first('[data-evidence="w1.s3.e6"] data')
    assert difference.attributes["data-baseline"] == "tfidf"
    assert difference.text()[0] in "+−"


def test_page_basics_an_accessibility_checker_asks_for(page) -> None:
    assert page.css_first("html").attributes["lang"] == "en"
    assert len(page.css("h1")) == 1
    assert len(page.css("main")) == 1
    assert page.css_first("a.skip").attributes["href"] == "#main"
    ids = [node.attributes["id"] for node in page.css("[id]")]
    assert len(ids) == len(set(ids))
    for node in page.css("[aria-labelledby]"):
        assert node.attributes["aria-labelledby"] in ids
    for node in page.css('a[href^="#"]'):
        assert node.attributes["href"][1:] in ids
    assert page.css("table")
    for table in page.css("table"):
        assert table.css_first("caption").text(strip=True)
        assert all(th.attributes.get("scope") in ("col", "row") for th in table.css("th"))
        widths = {len(row.css("th, td")) for row in table.css("tr")}
        assert len(widths) == 1
    drawings = page.css('svg[role="img"]')
    assert len(drawings) == 4
    for drawing in drawings:
        title = drawing.css_first("title")
        assert title.attributes["id"] == drawing.attributes["aria-labelledby"]
        assert re.search(r"\d", title.text())
        assert len(title.text()) > 30
    levels = [int(node.tag[1]) for node in page.css("h1, h2, h3, h4")]
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_self_contained(html, page) -> None:
    assert page.css_first('meta[http-equiv="Content-Security-Policy"]').attributes["content"] == CSP
    assert not page.css("link, iframe, object, embed, form, base")
    assert [(node.attributes["type"], node.attributes["id"]) for node in page.css("script")] == [RECORD]
    assert not re.findall(r"""(?:https?:)?//[^\s"'<>)]+""", html)
    assert "@import" not in html
    assert "url(http" not in html
    assert len(html.encode()) < 300_000


def test_same_input_same_bytes(html, evidence, runs, course) -> None:
    assert render(evidence) == html
    assert render(build(1, reversed(runs), course)) == html


def test_reasoning_shows_prompts_until_it_is_written(page, evidence) -> None:
    blocks = page.css("[data-reasoning]")
    assert len(blocks) == 5
    prompts = [question.prompt for section in evidence.sections for question in section.reasoning]
    assert [node.text() for node in page.css("[data-prompt]")] == prompts
    written = LexborHTMLParser(render(evidence, parse_prose(PROSE.format(best=best(evidence)), evidence)))
    assert len(written.css("[data-reasoning].empty")) == 4
    assert "The top class holds" in written.css_first('[data-reasoning="w1.s1.r1"]').text()


def test_prose_is_rendered_into_the_page(evidence) -> None:
    page = LexborHTMLParser(render(evidence, parse_prose(PROSE.format(best=best(evidence)), evidence)))
    assert page.css_first(".byline").text().count("Ada Okafor") == 1
    assert len(page.css("h1")) == 1
    prose = page.css_first(".prose")
    assert [node.text() for node in prose.css("h3")] == ["A heading of mine"]
    assert all(th.attributes["scope"] == "col" for th in prose.css("th"))
    cited = prose.css("a.cite data")
    assert [node.attributes["data-metric"] for node in cited] == ["top_class_share", "macro_f1", "macro_f1"]
    assert cited[2].attributes["data-baseline"] == "tfidf"
    ids = {node.attributes["id"] for node in page.css("[id]")}
    assert {node.attributes["href"][1:] for node in prose.css("a.cite")} <= ids
    assert prose.css_first('a[href^="https"]').attributes["rel"] == "noopener noreferrer nofollow"
    disclosure = page.css_first("#disclosure").text()
    assert "public complaints" in disclosure
    assert "not stated by the author" in disclosure


def test_unknown_citations_are_marked_and_announced(evidence) -> None:
    page = LexborHTMLParser(render(evidence, parse_prose("## 1\nIt has [@nobody.macro_f1].", evidence)))
    assert page.css_first(".prose mark").text() == "[@nobody.macro_f1]"
    assert "Cited but not measured: [@nobody.macro_f1]" in page.css_first(".notices").text()


ATTACKS = """## 1
<script>alert(1)</script> <img src=x onerror=alert(1)>

{{7*7}} {% include '/etc/passwd' %}

[x](javascript:alert(1)) [y](data:text/html,<script>alert(1)</script>) [z](vbscript:x)

![pixel](https://tracker.example/p.png) ![relative](//tracker.example/q.png)

![ok](data:image/png;base64,iVBORw0KGgo=) ![svg](data:image/svg+xml;base64,PHN2Zy8+)

`[@x.y]` <style>body{display:none}</style> <iframe src=//evil.example></iframe> a\u202eb\u200bc

<a href="//evil.example" style="position:fixed">over</a> <data value=1 data-metric=accuracy>0.99</data>
"""


def test_hostile_prose_is_text(evidence) -> None:
    html = render(evidence, parse_prose(ATTACKS, evidence))
    page = LexborHTMLParser(html)
    prose = page.css_first(".prose")
    assert len(page.css("script")) == 1
    assert not page.css("iframe, link, form")
    assert len(page.css("style")) == 1
    assert not [name for node in page.css("*") for name in node.attributes if name.startswith("on")]
    assert "<script>alert(1)</script>" in prose.text()
    assert "{{7*7}}" in prose.text()
    assert "49" not in prose.text()
    assert [node.attributes["src"] for node in prose.css("img")] == ["data:image/png;base64,iVBORw0KGgo="]
    assert not prose.css("a[href]")
    assert not prose.css("data")
    assert "\u202e" not in html
    assert "\u200b" not in html
    assert prose.css_first("code").text() == "[@x.y]"


def test_hostile_names_are_text(simulated, course, tmp_path) -> None:
    """Labels, models, datasets, sources and authors are strangers' strings."""
    evil = simulated.HOSTILE
    world = simulated.World(names=evil)
    runs = [
        simulated.write_run(tmp_path, world, f"m-{family}", family, model=evil[2], dataset=evil[0], draw=draw, **extra)
        for draw, (family, extra) in enumerate(
            [
                ("linear", {"floor": 60, "decided": {}}),
                (
                    "encoder",
                    {"floor": 2, "training": simulated.history(2, 30, (0.1, 0.2)), "settings": {"loss": evil[0]}},
                ),
            ]
        )
    ]
    runs.append(simulated.write_reported(tmp_path, "said", Reported(accuracy=0.5, source=evil[1]), name=evil[4]))
    evidence = build(1, runs, course)
    html = render(evidence, parse_prose(f"---\nauthor: {evil[2]}\nscenario: {evil[1]}\n---\n", evidence))
    page = LexborHTMLParser(html)
    assert len(page.css("script")) == 1
    assert not page.css("iframe, img, form")
    assert not [name for node in page.css("*") for name in node.attributes if name.startswith("on")]
    assert "\u202e" not in html
    assert evil[0] in page.body.text()
    assert evil[1] in page.body.text()
    assert page.css_first(".byline dd").text(strip=True) == evil[2]
    assert len(page.css("[data-evidence]")) == 23
    markdown = to_markdown(evidence)
    from markdown_it import MarkdownIt

    kinds = [
        child.type for token in MarkdownIt("commonmark").parse(markdown) for child in (token, *(token.children or ()))
    ]
    assert not {"html_block", "html_inline", "image", "link_open"} & set(kinds)
    assert "\u202e" not in markdown


def test_every_page_template_is_strict_and_escaped() -> None:
    from jinja2 import StrictUndefined, UndefinedError

    env = environment()
    assert env.undefined is StrictUndefined
    assert env.from_string("{{ x }}").render(x="<b>") == "&lt;b&gt;"
    with pytest.raises(UndefinedError):
        env.from_string("{{ nothing }}").render()
    with pytest.raises(UndefinedError):
        env.get_template("week.html").render()


def test_templates_hold_no_arithmetic_and_no_safe_filter() -> None:
    from reportgen.memo.environment import templates

    files = [*templates().rglob("*.html"), *templates().rglob("*.svg")]
    assert len(files) > 8
    for file in files:
        for expression in re.findall(r"\{[{%](.*?)[}%]\}", file.read_text(encoding="utf-8"), re.DOTALL):
            bare = re.sub(r"'[^']*'|\"[^\"]*\"", "", expression).strip("-").replace("loop.", "")
            assert not re.search(r"[*/]|(?<![\w-])-\s*\d|\w\s\+\s\w|\|\s*safe", bare), f"{file.name}: {expression}"


def test_figure_kinds_all_draw(evidence) -> None:
    kinds = {figure.kind for section in evidence.sections for figure in section.figures}
    assert kinds == {"long-tail", "class-f1", "class-pairs", "learning-curve"}


def test_drawings_show_each_class(page, world) -> None:
    assert len(page.css("#w1-long-tail rect.bar > title")) == len(world.names)
    zero = len(page.css("#w1-baseline-f1 svg.dense circle.zero"))
    assert len(page.css("#w1-baseline-f1 svg.dense circle")) == len(world.names)
    said = page.css_first('[data-evidence="w1.s2.e3"] data').attributes["value"]
    assert zero == int(said) > 0


def test_twins_come_from_the_same_evidence(evidence) -> None:
    document = json.loads(to_json(evidence))
    assert document["schema"] == "reportgen/evidence/1"
    assert {field.name for field in fields(evidence)} <= set(document)
    shown = {item["id"]: item for section in document["sections"] for item in section["items"]}
    markdown = to_markdown(evidence, parse_prose("---\nauthor: Ada\n---\n## 1\nMy text.", evidence))
    assert all(f"`{name}`" in markdown for name in shown)
    assert "My text." in markdown
    macro = shown["w1.s2.e2"]["values"][0]["value"]
    assert f"macro F1 {macro:.3f}" in markdown
    for table in (table for section in evidence.sections for table in section.tables):
        assert markdown.count("\n") > len(table.rows)
