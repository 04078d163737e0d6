"""An instructor with Chromium grades a class of twelve, decides one grade and takes the files to Moodle."""

from __future__ import annotations

import csv
import importlib.util
import io
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser
_GRADING = Path(__file__).parents[1] / "grading"


def helper(name: str):
    spec = importlib.util.spec_from_file_location(f"grading_{name}", _GRADING / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def handed_in(simulated, tmp_path_factory) -> tuple[Path, Path]:
    """Moodle's zip of twelve and its worksheet."""
    folder = tmp_path_factory.mktemp("class")
    moodle, classroom = helper("moodle"), helper("classroom")
    world = simulated.World()
    memos = [
        classroom.memo(simulated, folder / str(n), n, text=classroom.prose(f"Student {n}", n), world=world)
        for n in range(3)
    ]
    people = [
        moodle.Student(f"Student Number{n}", 100 + n, {"memo.html": memos[n % 3].replace("</h1>", f" {n}</h1>")})
        for n in range(11)
    ]
    people.append(moodle.Student("<img src=x onerror=alert(7)>", 111, {"page.html": classroom.HOSTILE}))
    sheet = folder / "Grades-ADL-Week 1-77.csv"
    sheet.write_bytes(moodle.worksheet(people))
    return moodle.download(folder / "ADL-Week 1-77.zip", people), sheet


def send(page, button: str, file: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.locator(button).click()
    chooser.value.set_files(str(file))
    page.locator("#grade-files").get_by_text(file.suffix).last.wait_for()


def test_an_instructor_grades_twelve(browser, served, handed_in, tmp_path) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(60_000)
    alerts: list[str] = []
    page.on("dialog", lambda dialog: alerts.append(dialog.message))
    page.goto(served.url)
    page.wait_for_selector("#tabs")
    page.get_by_role("tab", name="Grade", exact=True).click()
    assert "stays on this machine" in page.locator("#grade-banner").inner_text()
    send(page, "#grade-submissions", handed_in[0])
    send(page, "#grade-worksheet", handed_in[1])
    page.locator("#grade-start").click()
    page.wait_for_selector("#grade-overview tbody tr", timeout=180_000)
    assert page.locator("#grade-overview tbody tr").count() == 12
    assert "12 rows" in page.locator("#grade-changes summary").inner_text()

    page.locator("#grade-student input").click()
    page.get_by_role("option", name="Student Number4").click()
    page.wait_for_selector('#grade-memo iframe[title="Submission of Student Number4"]')
    assert page.locator("#grade-memo iframe").get_attribute("sandbox") == ""
    score = page.locator("#grade-score-1 input[type=number]")
    score.fill("7")
    page.locator("#grade-comment textarea").fill("Well argued.")
    page.locator("#grade-decide").click()
    page.locator("#grade-progress").get_by_text("needs its reason").wait_for()
    assert page.locator("#grade-comment textarea").input_value() == "Well argued."
    page.locator("#grade-why input, #grade-why textarea").fill("the argument is weak")
    page.locator("#grade-decide").click()
    page.wait_for_selector("#grade-overview tr[data-student='104'] td:text-is('you')", timeout=120_000)
    assert page.locator("#grade-score-1 input[type=number]").input_value() == "7"

    page.locator("#grade-finish").click()
    page.wait_for_selector("#grade-done a")
    for name in (handed_in[1].name, "feedback.zip"):
        with page.expect_download() as got:
            page.locator(f"#grade-done a[download='{name}']").click()
        got.value.save_as(tmp_path / name)
    rows = list(csv.DictReader(io.StringIO((tmp_path / handed_in[1].name).read_text("utf-8-sig"))))
    row = next(row for row in rows if row["Identifier"] == "Participant 104")
    assert row["Grade"]
    assert "Well argued." in row["Feedback comments"]
    assert len(zipfile.ZipFile(tmp_path / "feedback.zip").namelist()) == 12
    page.locator("#grade-clear").click()
    page.locator("#grade-files").get_by_text("Moodle’s zip").wait_for()
    assert alerts == []
    context.close()
