"""A student with Chromium: brings runs, writes, reloads, sees the server restart, takes a memo away."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest

from reportgen.memo.check import check_memo

# Slow: two servers and five loads of the page, a minute when the machine is idle.
pytestmark = [pytest.mark.browser, pytest.mark.slow]
RUNS = Path(__file__).parents[2] / "examples" / "banking77lt"
NAMES = ("majority", "tfidf")
WROTE = "The tail decides: tfidf reaches a macro F1 of "


def open_draft(page, url: str) -> None:
    page.goto(url)
    page.wait_for_selector("#tabs", timeout=60_000)
    page.get_by_role("tab", name="Draft", exact=True).click()
    page.wait_for_selector("#draft-section-1 textarea", timeout=60_000)
    page.wait_for_function("document.querySelector('#draft-files').innerText.length > 30", timeout=60_000)


def send(page, button: str, *files: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.locator(button).click()
    chooser.value.set_files([str(file) for file in files])


def text_of(page, box: str) -> str:
    return page.locator(f"#{box} textarea").input_value()


def test_a_student_writes_reloads_restarts_and_downloads(browser, serving, tmp_path) -> None:
    port = serving.free_port()
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(60_000)
    bundles = [RUNS / f"{name}.zip" for name in NAMES]
    with serving.running(tmp_path / "log.txt", port=port) as app:
        open_draft(page, app.url)
        send(page, "#draft-upload", *bundles)
        page.wait_for_selector("#draft-memo iframe")
        page.locator("#draft-section-1 textarea").click()
        page.keyboard.type(f"{WROTE}[@tfidf.mac")
        page.wait_for_selector("#draft-checks .rg-offer code")
        assert "[@tfidf.macro_f1]" in page.locator("#draft-checks").inner_text()
        page.locator("#draft-cite input").click()
        page.locator("#draft-cite input").fill("tfidf.macro_f1 ")
        page.get_by_role("option", name="tfidf.macro_f1 =").first.click()
        page.wait_for_function("document.querySelector('#draft-section-1 textarea').value.endsWith('macro_f1]')")
        assert text_of(page, "draft-section-1") == f"{WROTE}[@tfidf.macro_f1]"
        memo = page.frame_locator("#draft-memo iframe")
        memo.locator(".reasoning .prose data[data-metric=macro_f1]").wait_for()
        assert memo.locator("[data-section]:visible").count() == 1

        with browser.new_context() as stranger:
            other = stranger.new_page()
            other.set_default_timeout(60_000)
            open_draft(other, app.url)
            assert text_of(other, "draft-section-1") == ""
            assert "No runs yet" in other.locator("#draft-files").inner_text()

        open_draft(page, app.url)
        page.wait_for_function("document.querySelector('#draft-section-1 textarea').value !== ''")
        assert text_of(page, "draft-section-1").startswith(WROTE)
    with serving.running(tmp_path / "again.txt", port=port) as app:
        open_draft(page, app.url)
        page.wait_for_function("document.querySelector('#draft-section-1 textarea').value !== ''")
        assert text_of(page, "draft-section-1").startswith(WROTE)
        page.get_by_text("upload them again").wait_for()
        send(page, "#draft-upload", *bundles)
        page.wait_for_selector("#draft-memo iframe")
        page.locator("#draft-finish").click()
        page.wait_for_selector("#draft-done a")
        for name in ("week1.html", "week1.md", "week1.zip"):
            with page.expect_download() as got:
                page.locator(f"#draft-done a[download='{name}']").click()
            got.value.save_as(tmp_path / name)
        report = check_memo(tmp_path / "week1.html", intervals=False)
        assert report.ok
        assert len(report.recomputed) > 3
        assert WROTE in (tmp_path / "week1.md").read_text()
        inside = zipfile.ZipFile(tmp_path / "week1.zip").namelist()
        assert {"week1.html", "week1.md", "week1.json", "runs/tfidf.zip"} <= set(inside)

        evil = tmp_path / "evil.zip"
        shutil.copy(__file__, evil)
        send(page, "#draft-upload", evil)
        page.get_by_text("evil.zip").first.wait_for()
        page.locator("#draft-forget").click()
        page.wait_for_function("document.querySelector('#draft-section-1 textarea').value === ''")
        open_draft(page, app.url)
        assert text_of(page, "draft-section-1") == ""
        assert "Traceback" not in app.log.read_text()
    context.close()
