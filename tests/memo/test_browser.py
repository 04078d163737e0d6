"""The page in Chromium: silent console, no sideways scroll, printed whole."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

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
    assert text.count("All 30 classes on val") == 2  # in the fold's own line and above the table inside it
    assert all(name in text for name in world.names)
