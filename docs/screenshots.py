"""The documentation's pictures, taken from pages built on the spot: `python -m docs.screenshots` (needs Chromium)."""

from __future__ import annotations

import io
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from models.demo import examples
from reportgen.memo import build_memo

FOLDER = Path(__file__).parent / "images"
LARGEST = 150_000
_RUNS = ("majority", "tfidf", "embed", "encoder")
_SHOTS = {
    "memo": (None, 1180, 900),
    "evidence": ("#w1-s3-e6", 1180, 430),
}
"""Picture to the element at its top (None: the page's start), width and height in CSS pixels."""


def take(folder: Path = FOLDER) -> list[Path]:
    """Build a memo from the shipped runs, photograph it, and keep the pictures as WebP."""
    from playwright.sync_api import sync_playwright

    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        memo = _memo(Path(name))
        browser = playwright.chromium.launch(executable_path=_chromium(), args=["--no-sandbox"])
        try:
            return [
                _picture(browser, memo, element, (width, height), folder / f"{shot}.webp")
                for shot, (element, width, height) in _SHOTS.items()
            ]
        finally:
            browser.close()


def _memo(folder: Path) -> Path:
    return build_memo(1, [examples() / "banking77lt" / f"{run}.zip" for run in _RUNS], folder / "week1.html")[0]


def _picture(browser: Any, page: Path, element: str | None, size: Sequence[int], out: Path) -> Path:
    from PIL import Image

    width, height = size
    tab = browser.new_page(viewport={"width": width, "height": height}, color_scheme="light")
    tab.goto(page.as_uri())
    if element:
        tab.locator(element).evaluate("node => node.scrollIntoView()")
    image = Image.open(io.BytesIO(tab.screenshot()))
    tab.close()
    image.save(out, "WEBP", quality=80, method=6)
    if out.stat().st_size > LARGEST:
        raise SystemExit(f"{out} has {out.stat().st_size:,} bytes; at most {LARGEST:,}")
    return out


def _chromium() -> str | None:
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


if __name__ == "__main__":
    for path in take():
        sys.stdout.write(f"{path}\n")
