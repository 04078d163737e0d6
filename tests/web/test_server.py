"""The real server: how soon it answers, what it serves, what it keeps to itself."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path

import httpx
import psutil
import pytest

ROOT = Path(__file__).parents[2]
PUBLIC = {"/recommend", "/rescue", "/compare", "/classify"}
NO_TORCH = """
import sys
# What Python itself takes for a package that cannot be imported and is not found.
sys.modules.update(dict.fromkeys(('torch', 'transformers', 'datasets')))
"""


def get(url: str) -> tuple[int, dict[str, str], bytes]:
    answer = httpx.get(url, timeout=60)
    return answer.status_code, dict(answer.headers), answer.content


@pytest.fixture(scope="module")
def client(served):
    """A program that calls the endpoints."""
    from gradio_client import Client

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Client(served.url, verbose=False, analytics_enabled=False)


def test_it_starts_without_torch_and_stays_small(serving, tmp_path) -> None:
    """Seconds of processor time, not of the clock: a machine may be busy with other things."""
    with serving.running(tmp_path / "log.txt", prelude=NO_TORCH) as app:
        process = psutil.Process(app.pid)
        spent = process.cpu_times()
        assert spent.user + spent.system < 16  # two cores, 8 s
        from gradio_client import Client

        caller = Client(app.url, verbose=False, analytics_enabled=False)
        assert caller.predict("tfidf", "embed", "val", api_name="/rescue")["n"] == 1405
        assert caller.predict(api_name="/recommend")["choice"]
        assert get(f"{app.url}memo/4")[0] == 200
        assert process.memory_info().rss < 700e6


def test_it_leaves_nothing_behind(serving, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with serving.running(tmp_path / "log.txt"):
        assert list(tmp_path.glob("reportgen-app-*"))
    assert not list(tmp_path.glob("reportgen-app-*"))


def test_exactly_these_endpoints_are_public(served, client) -> None:
    said = json.loads(get(f"{served.url}gradio_api/info")[2])
    assert set(said["named_endpoints"]) == PUBLIC
    assert said["unnamed_endpoints"] == {}
    assert all(endpoint.get("description") for endpoint in said["named_endpoints"].values())


def test_the_endpoints_answer(client) -> None:
    assert client.predict("tfidf", "embed", api_name="/compare")["metrics"]["macro_f1"]["verdict"] == "real"
    strict = client.predict(max_latency_ms=5.0, api_name="/recommend")
    assert strict["choice"] != client.predict(api_name="/recommend")["choice"]
    assert client.predict("They keep calling about a debt", api_name="/classify")["models"][0]["top"]


@pytest.mark.parametrize(
    ("endpoint", "values"),
    [
        ("/rescue", ("../../pyproject.toml", "embed", "val")),
        ("/rescue", ("/etc/passwd", "embed", "val")),
        ("/compare", ("tfidf", "https://example.org/x", "val")),
        ("/classify", ("",)),
        ("/recommend", ("../secret",)),
    ],
)
def test_no_caller_names_a_path(client, endpoint, values) -> None:
    from gradio_client.exceptions import AppError

    with pytest.raises(AppError) as raised:
        client.predict(*values, api_name=endpoint)
    assert "Traceback" not in str(raised.value)


def test_private_events_are_refused(client) -> None:
    with pytest.raises(ValueError, match=r"(?i)cannot find|api_name|invalid"):
        client.predict(1, api_name="/memo_view")


@pytest.mark.parametrize(
    "path",
    [
        "gradio_api/file=/etc/passwd",
        "gradio_api/file=app.py",
        "gradio_api/file=pyproject.toml",
        f"gradio_api/file={ROOT}/pyproject.toml",
        f"gradio_api/file={ROOT}/.git/config",
        "gradio_api/file=.gitignore",
        "gradio_api/file=%2e%2e/pyproject.toml",
        "gradio_api/file/etc/passwd",
        "gradio_api/runs",
        "monitoring",
        "download/guess",
        "memo/../../etc/passwd",
        "memo/99",
        "own/..%2fserver.py",
        "own/app.py",
    ],
)
def test_files_cannot_be_read(served, path) -> None:
    status, headers, body = get(served.url + path)
    assert status in (404, 422)
    assert b"root:" not in body
    assert b"[project]" not in body
    assert headers["x-content-type-options"] == "nosniff"


def test_uploads_are_never_handed_out(served) -> None:
    """Not even to the one who sent them: another session has no way to a file at all."""
    sent = httpx.post(f"{served.url}gradio_api/upload", files={"files": ("a.txt", b"secret words")}, timeout=30)
    place = sent.json()[0]
    assert "secret" in Path(place).read_text()
    for route in ("gradio_api/file=", "file=", "gradio_api/file/"):
        status, _, body = get(served.url + route + place)
        assert status == 404
        assert b"secret" not in body


def test_too_large_an_upload_is_refused(served) -> None:
    try:
        answer = httpx.post(f"{served.url}gradio_api/upload", content=b"x" * 30_000_000, timeout=30)
    except httpx.WriteError:  # the server hung up before all of it was sent
        return
    assert answer.status_code == 413


def test_pages_carry_the_headers(served) -> None:
    for path in ("", "config", "own/app.css", "memo/4", "assets/none.js"):
        headers = {name.lower(): value for name, value in get(served.url + path)[1].items()}
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "server" not in headers
    assert "sandbox" in {n.lower(): v for n, v in get(f"{served.url}memo/4")[1].items()}["content-security-policy"]


def test_the_page_tells_nothing_of_the_machine(served) -> None:
    page = get(served.url)[2].decode()
    assert str(ROOT) not in page
    config = json.loads(get(f"{served.url}config")[2])
    assert config["analytics_enabled"] is False
    assert not config.get("run_history")
    assert config["footer_links"] == []
    assert not re.search(r"fonts\.googleapis|cdn\.", page)
