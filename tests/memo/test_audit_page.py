"""The audit as a page: what it holds, what it must never hold, and that both files are written or none."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from selectolax.lexbor import LexborHTMLParser as Page

from reportgen.data import load_dataset
from reportgen.data.audit import Audit
from reportgen.errors import ReportgenError
from reportgen.evidence.numbers import show
from reportgen.memo import write_audit
from reportgen.memo.lengths import HEIGHT, lengths

HOSTILE = ("<script>alert(1)</script>", "{{7*7}}", '"><img src=x onerror=alert(1)>', "a: b, {% raw %}")
SECRET = "zanzibarquux"
CHROMIUM = Path("/usr/bin/chromium")


def write_csv(path: Path, names: tuple[str, ...], dated: bool = False) -> Path:
    """Long-tailed rows: 40, 20, 13, 10, … of the names; every text holds SECRET, the first label's repeat."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label", *(["date"] if dated else [])])
        for rank, name in enumerate(names, start=1):
            for row in range(max(3, 40 // rank)):
                words = " ".join(f"word{rank}x{row // 2 if rank == 1 else row}y{at}" for at in range(5 + rank + row))
                year = ["2015-03-01"] if rank == 1 else ["2019-05-01"]
                writer.writerow([f"{SECRET} {words}", name, *(year if dated else [])])
    return path


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """(folder, dataset) of an audit whose labels are hostile."""
    folder = tmp_path_factory.mktemp("small")
    source = write_csv(folder / "small.csv", (*HOSTILE, "plain billing", "plain lending", "rare"))
    dataset = load_dataset(source, text="text", label="label", course="generic")
    assert write_audit(dataset, folder / "out") == folder / "out" / "audit.html"
    return folder / "out", dataset


@pytest.fixture(scope="module")
def real(shared_data, tmp_path_factory):
    """(folder, dataset) of the audit of 2,077 complaints."""
    source = shared_data / "cfpb_sample.parquet"
    if not source.exists():
        pytest.skip(f"no sample at {source}")
    dataset = load_dataset(source, text="narrative", label="issue", course="ecbs5200")
    folder = tmp_path_factory.mktemp("real")
    write_audit(dataset, folder)
    return folder, dataset


def read(made) -> tuple[str, Page, Audit]:
    html = (made[0] / "audit.html").read_text(encoding="utf-8")
    document = json.loads((made[0] / "audit.json").read_text(encoding="utf-8"))
    return html, Page(html), Audit.model_validate(document)


def table(page: Page, name: str) -> list[list[str]]:
    return [[cell.text(strip=True) for cell in row.css("th, td")] for row in page.css(f"#{name} tbody tr")]


def well_formed(html: str, page: Page) -> None:
    """Rules every page keeps."""
    assert len(html.encode()) < 300_000
    assert len(page.css("h1")) == 1
    assert page.css("script") == []
    assert page.css("img, link, iframe, form") == []
    assert "default-src 'none'" in page.css_first("meta[http-equiv]").attributes["content"]
    ids = [node.attributes["id"] for node in page.css("[id]")]
    assert len(ids) == len(set(ids))
    assert all(link.attributes["href"][1:] in ids for link in page.css("a"))
    for found in page.css("table"):
        assert found.css_first("caption").text(strip=True)
        assert all(head.attributes["scope"] in ("col", "row") for head in found.css("th"))
        assert all(len(row.css("th[scope=row]")) == 1 for row in found.css("tbody tr"))
    for drawing in page.css("svg[role=img]"):
        name = drawing.attributes["aria-labelledby"]
        assert page.css_first(f"title#{name}").text(strip=True)
    for section in page.css("section"):
        assert page.css_first(f"#{section.attributes['aria-labelledby']}").tag == "h2"
    assert all(event not in node.attributes for node in page.css("*") for event in ("onerror", "onload", "onclick"))


def test_small_page(small) -> None:
    html, page, audit = read(small)
    well_formed(html, page)
    rows = {row[0]: row[1] for row in table(page, "splits")}
    assert rows == {split: f"{len(part):,}" for split, part in small[1].splits.items()}
    classes = table(page, "classes")
    assert [row[0] for row in classes] == [str(rank) for rank in range(1, 8)]
    assert classes[0][1] == HOSTILE[0]
    assert sum(int(row[2]) for row in classes) == audit.rows["train"]
    assert "no column is named date" in page.css_first("#old_labels .fact").text()
    assert len(page.css("#long-tail rect[height]:not(.swatch *)")) == 7
    asked = page.css("#questions article")
    assert len(asked) == len(audit.questions) > 2
    assert all(one.css("p")[-1].text().endswith("?") for one in asked)
    for question, one in zip(audit.questions, asked, strict=True):
        fact, text = (paragraph.text() for paragraph in one.css(".answer p"))
        assert f"{fact.removesuffix('.')}: {text}".lower() == question.text.lower()


def test_hostile_names_stay_names_and_no_text_is_shown(small) -> None:
    html, page, _ = read(small)
    assert "<script" not in html
    assert "<img" not in html
    shown = page.body.text()
    assert all(name in shown for name in HOSTILE)
    assert "49" not in re.findall(r"\b\d+\b", " ".join(row[1] for row in table(page, "classes")))
    assert SECRET not in html
    assert SECRET not in (small[0] / "audit.json").read_text(encoding="utf-8")


def test_duplicates_are_named_by_row(small) -> None:
    _, page, audit = read(small)
    assert audit.near.groups
    known = {str(row) for split in small[1].splits.values() for row in split.row_ids}
    listed = [row[-1].removesuffix(", …").split(", ") for row in table(page, "near-groups")]
    assert len(listed) == len(audit.near.largest)
    assert {row for ids in listed for row in ids} <= known
    kinds = {row[0]: row[1:] for row in table(page, "kinds")}
    assert kinds["near"][:4] == [
        str(n) for n in (audit.near.groups, audit.near.rows, audit.near.surplus, audit.near.conflicting)
    ]


def test_years_are_shown_where_there_are_dates(tmp_path) -> None:
    names = ("Closing savings account early", "Closing a savings account", "Late fee")
    dataset = load_dataset(write_csv(tmp_path / "dated.csv", names, dated=True), text="text", label="label")
    page = Page(write_audit(dataset, tmp_path / "out").read_text(encoding="utf-8"))
    assert [head.text(strip=True) for head in page.css("#forms thead th")] == [
        "Pair",
        "Label",
        "Merged",
        "2015",
        "2019",
    ]
    assert table(page, "forms") == [
        ["1 old", names[0], "no", "40", "–"],
        ["1 new", names[1], "", "–", "20"],
    ]


def test_many_long_labels_stay_small(tmp_path) -> None:
    names = [f"label number {at} " + "very long name " * 30 for at in range(900)]
    with (tmp_path / "wide.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows([f"text {row} of {at}", name] for at, name in enumerate(names) for row in range(3))
    dataset = load_dataset(tmp_path / "wide.csv", text="text", label="label")
    html = write_audit(dataset, tmp_path / "out").read_text(encoding="utf-8")
    well_formed(html, Page(html))
    assert "The other 650 rows are in audit.json." in html


@pytest.mark.parametrize("blocked", ["folder", "audit.html", "audit.json"])
def test_nothing_is_written_unless_both_can_be(small, tmp_path, blocked) -> None:
    out = tmp_path / "out"
    if blocked == "folder":
        out.write_text("a file")
    else:
        (out / blocked).mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ReportgenError, match="cannot write the audit") as raised:
        write_audit(small[1], out)
    assert "\n" not in str(raised.value)
    assert sorted(tmp_path.rglob("*")) == before


def test_written_again_without_leftovers(small) -> None:
    before = {path.name: path.read_bytes() for path in small[0].iterdir()}
    write_audit(small[1], small[0])
    assert {path.name: path.read_bytes() for path in small[0].iterdir()} == before
    assert sorted(before) == ["audit.html", "audit.json"]


def test_real_complaints(real) -> None:
    html, page, audit = read(real)
    well_formed(html, page)
    stages = table(page, "stages")
    assert stages == [
        ["as found", "67", "2,077", "0"],
        ["after merging", "59", "2,077", "0"],
        ["kept", "58", "2,071", "6"],
    ]
    assert page.css_first("#labels-top_share data").text() == "23.5 %"
    assert len(table(page, "tiers")) == 8
    bars = [node.text() for node in page.css("#support .strong")]
    assert [int(bar) for bar in bars] == list(audit.labels.val_support.values())
    cut = show(1 - audit.texts["train"].within_max_length, "fraction")
    assert page.css_first("#texts-train-within_max_length data").text() == cut
    assert audit.texts["train"].tokens_source.split()[0].lower() in page.css_first("#texts").text().lower()
    assert len(table(page, "pairs")) == len(audit.suspects)
    folded = page.css("details table")
    assert {fold.css_first("caption").attributes["id"].rpartition("-")[0] for fold in folded} >= {
        "merged",
        "dropped",
        "classes",
    }
    for split in real[1].splits.values():
        for text in split.texts[:200]:
            assert len(text) < 40 or str(text)[:40] not in html


def test_histogram_geometry() -> None:
    plot = lengths({"bins": (4, 2, 0, 1) + (0,) * 96, "step": 3, "over": 0, "limit": 5})
    assert [mark.look for mark in plot.marks] == ["head", "head", "tail", "tail"]
    assert plot.marks[2].height == 0
    assert plot.marks[0].height == pytest.approx(2 * plot.marks[1].height) == pytest.approx(HEIGHT - 8)
    assert plot.marks[3].title == "9 to 11 words: 1 text"
    full = lengths({"bins": (1,) * 100, "step": 3, "over": 7, "limit": 99})
    assert len(full.marks) == 50
    assert full.keys[-1].label == "300 words or more, not drawn: 7 texts"
    empty = lengths({"bins": (0,) * 100, "step": 3, "over": 0, "limit": 99})
    assert [mark.height for mark in empty.marks] == [0]


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no Chromium at {CHROMIUM}")
@pytest.mark.parametrize("width", [390, 1280])
def test_quiet_in_a_browser(small, width) -> None:
    sync_api = pytest.importorskip("playwright.sync_api")
    target, said, asked = (small[0] / "audit.html").as_uri(), [], []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": 844})
        page.on("console", lambda message: said.append(message.text))
        page.on("dialog", lambda dialog: said.append(dialog.message))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(target)
        page.evaluate("document.querySelectorAll('details').forEach(fold => fold.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        browser.close()
    assert (said, asked) == ([], [target])


@pytest.mark.parametrize("kept", ["test", "train"])
def test_a_dataset_of_one_split(small, tmp_path, kept) -> None:
    """No val: said so. No train: the classes of all rows, and no leakage."""
    dataset = replace(small[1], splits={kept: small[1].splits[kept]})
    html = write_audit(dataset, tmp_path).read_text(encoding="utf-8")
    page = Page(html)
    well_formed(html, page)
    assert "There is no val split" in page.css_first("#labels-val_support .fact").text()
    assert page.css_first("#near-leaked") is None
    caption = page.css_first("#long-tail figcaption").text()
    assert ("over all splits" in caption) == (kept == "test")
    assert f"n = {len(dataset.splits[kept]):,}" in caption


def test_balanced_labels(tmp_path) -> None:
    """Nothing to complain about is said as such; a rule's table rows are the rule's own tiers."""
    with (tmp_path / "even.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [["text", "label"], *([f"text {row} {name}", name] for name in "pqr" for row in range(30))]
        )
    dataset = load_dataset(tmp_path / "even.csv", text="text", label="label")
    page = Page(write_audit(dataset, tmp_path / "out").read_text(encoding="utf-8"))
    assert page.css_first("#labels-imbalance_ratio .fact").text().startswith("Every class that has rows has 24.")
    assert (
        page.css_first("#labels-rare_labels .fact").text() == "Each class of the list holds at least 0.1 % of the rows."
    )
    assert page.css_first("#merge .fact").text().startswith("3 labels in the source: none merged, none left out.")
    tiers = [row[0] for row in table(page, "tiers")]
    assert [tier for tier in tiers if tier.startswith("quartile")] == ["quartile: rare"]
