"""A visitor with Chromium runs a table, cancels another, and goes away in the middle of a third."""

from __future__ import annotations

import csv
import random
import subprocess
import time
from pathlib import Path

import pytest

from reportgen.bundle import find_bundles

pytestmark = pytest.mark.browser


def write_table(path: Path, rows: int, words: int = 8) -> Path:
    draw = random.Random(rows)
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["message", "topic"])
        for _ in range(rows):
            topic = draw.choice(["card", "loan", "fraud"])
            noise = " ".join(f"word{draw.randint(1, 40_000)}" for _ in range(words))
            table.writerow([f"my {topic} went wrong {noise}", topic])
    return path


def workers(pid: int) -> list[str]:
    """Worker processes of a server."""
    found = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [line for line in found.stdout.splitlines() if "reportgen.web.work" in line and "defunct" not in line]


def gone(pid: int, seconds: float = 30) -> bool:
    until = time.monotonic() + seconds
    while workers(pid) and time.monotonic() < until:
        time.sleep(0.2)
    return not workers(pid)


@pytest.fixture
def visitor(browser, served):
    """Opens the tab, with a table uploaded."""
    contexts = []

    def visit(table: Path):
        context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(served.url)
        page.wait_for_selector("#tabs")
        page.get_by_role("tab", name="Run", exact=True).click()
        with page.expect_file_chooser() as chooser:
            page.locator("#run-upload").click()
        chooser.value.set_files(str(table))
        page.wait_for_selector("#run-table table")
        return page

    yield visit
    for context in contexts:
        context.close()


# Slow: fits models and opens two tabs, 55 s beside other work; test_jobs runs the worker.
@pytest.mark.slow
def test_a_table_of_500_rows_becomes_bundles_and_a_draft(visitor, tmp_path) -> None:
    page = visitor(write_table(tmp_path / "messages.csv", 500))
    assert page.locator("#run-text input").input_value() == "message"
    assert page.locator("#run-label input").input_value() == "topic"
    page.locator("#run-start").click()
    page.wait_for_selector("#run-results a", timeout=120_000)
    with page.expect_download() as got:
        page.locator("#run-results a[download='tfidf.zip']").click()
    got.value.save_as(tmp_path / "tfidf.zip")
    bundle = find_bundles(tmp_path / "tfidf.zip")[0]
    assert sum(part.n_rows for part in bundle.manifest.dataset.splits.values()) == 100  # val and test
    assert page.frame_locator("#run-results iframe").locator("h1").inner_text()
    page.locator("#run-onward").click()
    page.wait_for_selector("#draft-files table")
    assert {"majority", "tfidf"} <= set(page.locator("#draft-files tbody th").all_inner_texts())


# Slow: two pages at once, 50 s beside other work; test_jobs has the line and the cancelling.
@pytest.mark.slow
def test_a_run_is_cancelled_and_the_next_visitor_served(visitor, served, tmp_path) -> None:
    page = visitor(write_table(tmp_path / "long.csv", 12_000, 60))
    page.locator("#run-limit input").click()
    page.get_by_role("option", name="10,000").click()
    page.locator("#run-start").click()
    page.wait_for_selector("#run-progress [data-state=running]")
    assert workers(served.pid)

    broken = tmp_path / "broken.csv"
    broken.write_text("message,topic\n" + "hello,a\n" * 30)
    second = visitor(broken)
    second.locator("#run-start").click()
    second.get_by_text("1 run comes first").wait_for()

    page.locator("#run-cancel").click()
    page.get_by_text("Cancelled. Nothing was kept").wait_for()
    second.wait_for_selector("#run-progress .rg-notice")
    assert "\n" not in second.locator("#run-progress .rg-notice").inner_text()
    assert gone(served.pid)


def test_closing_the_page_ends_the_run(visitor, served, tmp_path) -> None:
    page = visitor(write_table(tmp_path / "long.csv", 12_000, 60))
    page.locator("#run-limit input").click()
    page.get_by_role("option", name="10,000").click()
    page.locator("#run-start").click()
    page.wait_for_selector("#run-progress [data-state=running]")
    assert workers(served.pid)
    page.close()
    assert gone(served.pid)
