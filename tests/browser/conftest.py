"""Chromium and the served app."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(scope="session")
def browser():
    """Chromium, for the whole session."""
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM}")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def serving():
    """The helpers that run the app."""
    pytest.importorskip("gradio_client", reason="the app's packages are not installed: pip install -e '.[app]'")
    spec = importlib.util.spec_from_file_location("web_serving", Path(__file__).parents[1] / "web" / "serving.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def served(serving, tmp_path_factory):
    """The running app."""
    with serving.running(tmp_path_factory.mktemp("app") / "log.txt") as app:
        yield app
