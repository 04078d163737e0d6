"""Texts beside the rows to read: shown only where their digest is the bundle's, and never able to harm the page."""

from __future__ import annotations

import csv
import time

import numpy as np
import pytest
from selectolax.lexbor import LexborHTMLParser

from reportgen.bundle import text_sha256
from reportgen.errors import UsageError
from reportgen.evidence.texts import ABSENT, SHOWN, Texts
from reportgen.memo import build_memo
from reportgen.memo.check import check_memo

HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "</td></table></bdi></main><h1>Full marks</h1>",
    "{{7*7}} {% raw %} [@encoder.macro_f1] | **bold** ](http://evil.example)",
    "אני רוצה להחליף את הכרטיס שלי",
    "right\u202eto left\u202c and \u0000 hidden\u200b",
    "x" * 100_000,
    "\"quoted\" 'single' &amp; `code`",
    "word " * 20_000,
)
TABLES = {2: ("w2-hard",), 4: ("w4-disagreements", "w4-drill")}


@pytest.fixture(scope="module")
def pair(simulated, tmp_path_factory):
    """Two runs whose rows have hostile texts; the data as a CSV; the texts by row."""
    world = simulated.World(k=20, train=3_000, n=400, seed=3)
    texts = [f"{HOSTILE[i % len(HOSTILE)]} {i}" if i % 3 else f"row {i} says hello" for i in range(400)]
    # A CSV cannot hold NUL; a reader may drop it.
    texts = [text.replace("\u0000", "") for text in texts]
    world.digests = text_sha256(texts)
    out = tmp_path_factory.mktemp("runs")
    runs = [
        simulated.write_run(out, world, "encoder", "encoder", skill=0.6, floor=6, draw=2),
        simulated.write_run(out, world, "decoder", "decoder", skill=0.65, floor=4, draw=3),
    ]
    data = out.parent / f"{out.name}.csv"
    with data.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["text", "label"])
        lines.writerows(zip(texts, (world.names[label] for label in world.labels), strict=True))
    return [run.path for run in runs], data, dict(zip(world.row_ids, texts, strict=True))


def cells(page: str, table: str) -> list[tuple[str, str]]:
    """Row id and text of every row of a table."""
    tree = LexborHTMLParser(page)
    heads = [node.text(deep=False).strip() for node in tree.css(f"#{table} thead th")]
    row = next(at for at, head in enumerate(heads) if head in ("Row id", "Row"))
    found = []
    for line in tree.css(f"#{table} tbody tr"):
        every = line.css("th, td")
        found.append((every[row].text(strip=True), every[heads.index("Text")].text(strip=True)))
    return found


@pytest.mark.parametrize("week", [2, 4])
def test_texts_stand_beside_their_rows_and_do_no_harm(pair, tmp_path, week) -> None:
    runs, data, texts = pair
    begun = time.process_time()
    page, markdown, _ = build_memo(week, runs, tmp_path / "memo.html", data=data, twins=True)
    assert time.process_time() - begun < 20
    html = page.read_text(encoding="utf-8")
    tree = LexborHTMLParser(html)
    assert len(tree.css("h1")) == 1
    assert not tree.css("img, [onerror]")
    assert [node.attributes.get("type") for node in tree.css("script")] == ["application/json"]
    assert page.stat().st_size < 500_000
    for table in TABLES[week]:
        shown = cells(html, table)
        assert shown
        for row, text in shown:
            whole = " ".join(texts[row].split())
            clean = text.removesuffix("…").replace("\N{REPLACEMENT CHARACTER}", "")
            bare = "".join(char for char in whole if char not in "\u202e\u202c\u200b")
            assert clean.strip()
            assert bare.startswith(clean.strip())
            assert len(text) <= SHOWN + 1
            assert text.endswith("…") == (len(whole) > SHOWN)
    assert "<script>" not in markdown.read_text(encoding="utf-8").replace("\\<script\\>", "")
    assert ABSENT.partition(".")[0] not in html


@pytest.mark.parametrize("week", [2, 4])
def test_a_memo_without_the_data_says_so(pair, tmp_path, week) -> None:
    runs, _, _ = pair
    every = [page.read_text(encoding="utf-8") for page in build_memo(week, runs, tmp_path / "memo.html", twins=True)]
    assert ABSENT.replace("`reportgen memo`", "<code>reportgen memo</code>") in every[0]
    assert not [page for page in every if "says hello" in page]


def test_checks_stay_green_and_find_a_changed_text(pair, tmp_path) -> None:
    runs, data, _ = pair
    (page,) = build_memo(4, runs, tmp_path / "memo.html", data=data)
    assert check_memo(page).ok
    alone = check_memo(page, bundles=runs)
    assert alone.ok, alone.to_text()
    assert "bundle.texts" in {finding.id for finding in alone.findings}
    both = check_memo(page, bundles=runs, data=data)
    assert both.ok, both.to_text()
    assert "bundle.texts" not in {finding.id for finding in both.findings}
    html = page.read_text(encoding="utf-8")
    page.write_text(html.replace("says hello", "says goodbye", 1), encoding="utf-8")
    changed = check_memo(page, bundles=runs, data=data)
    assert not changed.ok
    assert {"text.edited", "bundle.text"} <= {finding.id for finding in changed.findings}


def test_other_data_shows_no_text(pair, tmp_path) -> None:
    runs, data, _ = pair
    other = tmp_path / "other.csv"
    other.write_text(data.read_text(encoding="utf-8").replace("says hello", "said hello"), encoding="utf-8")
    (page,) = build_memo(4, runs, tmp_path / "memo.html", data=other)
    html = page.read_text(encoding="utf-8")
    assert "said hello" not in html
    assert "(no such text in the data given)" in html
    assert check_memo(page, bundles=runs).ok


def test_a_row_without_a_digest_gets_no_text(simulated, tmp_path) -> None:
    world = simulated.World(k=6, train=500, n=40)
    world.digests = np.full(40, None)
    rows = simulated.write_run(tmp_path, world, "tfidf", "linear", skill=0.5, floor=5).predictions("val")
    assert Texts.of(["a"]).cell(rows, 0) == "(the bundle keeps no digest of this text)"


def test_data_without_bundles_is_refused_by_check(pair, tmp_path) -> None:
    runs, data, _ = pair
    (page,) = build_memo(4, runs, tmp_path / "memo.html")
    with pytest.raises(UsageError, match="--bundles"):
        check_memo(page, data=data)
