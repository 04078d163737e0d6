"""The served app, once for all tests here."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest


def _serving():
    spec = importlib.util.spec_from_file_location("web_serving", Path(__file__).with_name("serving.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def serving():
    """The helpers that run the app."""
    pytest.importorskip("gradio_client", reason="the app's packages are not installed: pip install -e '.[app]'")
    return _serving()


@pytest.fixture(scope="session")
def served(serving, tmp_path_factory):
    """The running app."""
    with serving.running(tmp_path_factory.mktemp("app") / "log.txt") as app:
        yield app


@pytest.fixture(scope="session")
def examples(tmp_path_factory):
    """The shipped runs."""
    from reportgen.web.examples import Examples

    return Examples(tmp_path_factory.mktemp("memos"))
