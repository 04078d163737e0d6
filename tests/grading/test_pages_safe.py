"""Overview and feedback in Chromium: nothing a student wrote runs, nothing is fetched or too wide."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from selectolax.lexbor import LexborHTMLParser

from reportgen.grading import Request, grade_class

CHROMIUM = Path("/usr/bin/chromium")
browser_only = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no Chromium at {CHROMIUM}"),
]


@pytest.fixture(scope="module")
def pages(moodle, classroom, memos, simulated, tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("hostile")
    names = simulated.HOSTILE
    prose = "## 1\n" + " ".join(f"<img src=x onerror=alert(9)> word{n} {{{{7*7}}}}" for n in range(60))
    hostile = classroom.memo(simulated, folder / "runs", 5, text=prose)
    students = [moodle.Student(name, 100 + n, {f"{name}.html": classroom.HOSTILE}) for n, name in enumerate(names)]
    students += [moodle.Student(f"Copy {n}", 200 + n, {"memo.html": hostile}) for n in range(2)]
    students += [moodle.Student("Honest", 300, {"memo.html": memos[0]})]
    archive = moodle.download(folder / "class.zip", students)
    sheet = folder / "sheet.csv"
    sheet.write_bytes(moodle.worksheet(students))
    out = folder / "out"
    grade_class(
        Request(
            archive,
            1,
            out,
            worksheet=sheet,
            jobs=0,
            only="Honest",
            changes=("comment=<script>alert(8)</script>",),
            why="<script>alert(8)</script>",
        )
    )
    grade_class(Request(archive, 1, out, worksheet=sheet, jobs=0))
    return [out / "overview.html", *sorted(out.glob("feedback/*/feedback.html"))]


def test_only_our_one_script_and_nothing_of_theirs(pages) -> None:
    assert len(pages) == 10
    for page in pages:
        html = page.read_text(encoding="utf-8")
        assert html.count("<script") == (page.name == "overview.html")
        nodes = LexborHTMLParser(html).css("*")
        assert not [name for node in nodes for name in node.attributes if name.startswith("on")]
        assert not re.search(r'(?:src|href|content|action)="(?:https?:|//|javascript:)', html)
        assert "<img" not in html
        assert "\u202e" not in html


def test_worksheet_text_is_escaped(pages) -> None:
    sheet = (pages[0].parent / "sheet.csv").read_text()
    assert "&lt;script&gt;alert(8)&lt;/script&gt;" in sheet


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
class TestInChromium:
    pytestmark = browser_only

    def test_quiet_local_and_never_wider_than_the_screen(self, browser, pages, width, scheme) -> None:
        context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)
        for path in pages:
            page = context.new_page()
            said, asked = [], []
            page.on("console", lambda message, said=said: said.append(message.text))
            page.on("pageerror", lambda error, said=said: said.append(str(error)))
            page.on("dialog", lambda dialog, said=said: said.append(dialog.message))
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            page.goto(path.as_uri())
            page.evaluate("document.querySelectorAll('details').forEach(fold => fold.open = true)")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
            assert said == []
            assert asked == [path.as_uri()]
            page.close()
        context.close()

    def test_the_table_sorts(self, browser, pages, width, scheme) -> None:
        page = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
        page.goto(pages[0].as_uri())
        column = "[...document.querySelectorAll('.sortable tbody tr')].map(row => row.cells[3].dataset.sort)"
        page.get_by_role("button", name="§ 2").click()
        down = [float(text) for text in page.evaluate(column) if text]
        assert down == sorted(down, reverse=True)
        page.get_by_role("button", name="§ 2").click()
        up = [float(text) for text in page.evaluate(column) if text]
        assert up == sorted(up)
        assert len(set(up)) > 1
        page.close()
