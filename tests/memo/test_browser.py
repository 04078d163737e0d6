"""The page in Chromium: silent console, no sideways scroll, printed whole."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import zlib
from pathlib import Path

import pytest

from reportgen.evidence import build
from reportgen.memo import parse_prose, render

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no Chromium at {CHROMIUM}"),
]


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def memo(evidence, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("memo") / "memo.html"
    hostile = "## 1\n<img src=x onerror=alert(1)> ![p](https://tracker.example/p.png)\n\n" + "unbreakable" * 60
    path.write_text(render(evidence, parse_prose(hostile, evidence)), encoding="utf-8")
    return path


A4 = 673
"""Pixels between the margins of the printed page: 178 mm."""


@pytest.fixture(scope="module")
def wide_memos(simulated, course, tmp_path_factory) -> list[Path]:
    """Weeks 2 to 4 with the course's number of labels, their names long, in snake_case or hostile."""
    spec = importlib.util.spec_from_file_location("weeks", Path(__file__).parents[1] / "simulated_weeks.py")
    weeks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(weeks)
    out = tmp_path_factory.mktemp("wide")
    names = (*simulated.HOSTILE, *(f"wrong_amount_charged_or_received_{n:03d}" for n in range(90)))
    world = simulated.World(k=113, train=57_846, n=1_500, names=names)
    runs = weeks.week3(simulated, out, world)
    pages = []
    for week in (2, 3, 4):
        pages.append(out / f"week{week}.html")
        pages[-1].write_text(render(build(week, runs, course)), encoding="utf-8")
    return pages


def test_nothing_is_wider_than_the_printed_page(browser, wide_memos) -> None:
    """Chromium shrinks a whole document to the widest thing in it."""
    for memo in wide_memos:
        page = browser.new_page(viewport={"width": A4, "height": 950})
        page.emulate_media(media="print")
        page.goto(memo.as_uri())
        assert page.locator("table").count() > 5
        assert page.evaluate("document.documentElement.scrollWidth") <= A4
        assert page.locator("summary:has(strong):visible").count() == 0
        page.close()


def test_on_paper_text_has_its_full_size(browser, wide_memos) -> None:
    """The scale of every page of the PDF is that of a page nothing has shrunk."""
    page = browser.new_page()
    style = "<style>@page { size: A4; margin: 17mm 16mm 19mm } body { margin: 0 }</style>"
    page.set_content(style + "<p>small</p>")
    (whole,) = _scales(page.pdf(prefer_css_page_size=True))
    page.set_content(style + '<p style="width: 900px; border: 1px solid">wide</p>')
    assert _scales(page.pdf(prefer_css_page_size=True)) != {whole}
    for memo in wide_memos:
        page.goto(memo.as_uri())
        assert _scales(page.pdf(prefer_css_page_size=True)) == {whole}
    page.close()


def _scales(pdf: bytes) -> set[str]:
    """The scale of each page: a page's drawing begins with the device's matrix and then the document's."""
    found = set()
    for stream in re.finditer(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL):
        try:
            drawing = zlib.decompress(stream[1])
        except zlib.error:
            continue
        matrices = re.findall(rb"([\d.-]+) 0 0 ([\d.-]+) [\d.-]+ [\d.-]+ cm", drawing)[:2]
        if len(matrices) == 2 and matrices[0][1].startswith(b"-"):
            found.add(matrices[1][0].decode())
    return found


def test_captions_and_tables_of_snake_case_fit_the_desk(browser, wide_memos) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(wide_memos[0].as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(fold => fold.open = true)")
    over = "box => box.scrollWidth - box.clientWidth"
    assert [page.locator(f"#{name} .scroll").first.evaluate(over) for name in ("w2-pairs", "w2-hard")] == [0, 0]
    page.set_viewport_size({"width": 390, "height": 844})
    widths = page.locator("caption > span").evaluate_all(
        "spans => spans.map(span => span.getBoundingClientRect().width)"
    )
    assert max(widths) <= 390
    page.close()


def test_what_scrolls_on_a_telephone_can_be_focused_and_keeps_its_legend(browser, wide_memos) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(wide_memos[0].as_uri())
    boxes = page.locator("figure .scroll:has(> .plot)")
    assert boxes.count() > 1
    for box in boxes.all():
        assert box.get_attribute("tabindex") == "0"
        assert box.evaluate("box => box.scrollWidth > box.clientWidth")
        assert "gradient" in box.evaluate("box => getComputedStyle(box).backgroundImage")
    assert page.locator("figure .scroll .legend").count() == 0
    curve = page.locator("#w2-learning-curve .legend")
    assert curve.locator("li").count() > 0
    assert all(entry.bounding_box()["x"] + entry.bounding_box()["width"] <= 390 for entry in curve.locator("li").all())
    page.close()


@pytest.mark.parametrize("width", [390, 768, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_quiet_and_never_wider_than_the_screen(browser, memo, width, scheme) -> None:
    context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)
    page = context.new_page()
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(memo.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(fold => fold.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert said == []
    assert asked == [memo.as_uri()]
    context.close()


def test_text_stands_out_from_the_page(browser, memo) -> None:
    """WCAG AA, 4.5:1, for every colour text is set in, light and dark."""
    for scheme in ("light", "dark"):
        context = browser.new_context(color_scheme=scheme)
        page = context.new_page()
        page.goto(memo.as_uri())
        ratios = page.evaluate(
            """() => {
              const style = getComputedStyle(document.documentElement), probe = document.createElement('i');
              document.body.append(probe);
              const light = name => {
                probe.style.color = style.getPropertyValue('--' + name);
                return getComputedStyle(probe).color.match(/[\\d.]+/g).slice(0, 3)
                  .map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
                  .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
              };
              const ratio = (a, b) => (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
              const pairs = ['ink', 'soft', 'accent', 'gain', 'loss', 'warn'].map(n => [n, 'paper']);
              return [...pairs, ['warn', 'warn-tint'], ['ink', 'warn-tint']]
                .map(([a, b]) => [a + ' on ' + b, ratio(light(a), light(b))]);
            }"""
        )
        assert [name for name, ratio in ratios if ratio < 4.5] == []
        context.close()


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="no pdftotext")
def test_print_opens_what_is_folded(browser, memo, world, tmp_path) -> None:
    page = browser.new_page()
    page.goto(memo.as_uri())
    assert page.evaluate("document.querySelectorAll('details[open]').length") == 0
    page.pdf(path=tmp_path / "memo.pdf", prefer_css_page_size=True)
    text = subprocess.run(["pdftotext", tmp_path / "memo.pdf", "-"], check=True, capture_output=True, text=True).stdout
    assert text.count("All 30 classes on val") == 1  # the fold's own line repeats the table's caption
    assert all(name in text for name in world.names)
