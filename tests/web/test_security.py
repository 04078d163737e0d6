"""What the guard lets through, and what every answer carries."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from reportgen.web.security import Guard, allowed


def _run(work):
    """In a thread of its own: a browser test of the same worker may have left its event loop running here."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


REFUSED = [
    "/gradio_api/file=/etc/passwd",
    "/gradio_api/file=app.py",
    "/gradio_api/file=.git/config",
    "/gradio_api/file=../pyproject.toml",
    "/gradio_api/file/app.py",
    "/file=/etc/passwd",
    "/gradio_api/proxy=https://example.org/x",
    "/gradio_api/runs",
    "/gradio_api/openapi.json",
    "/gradio_api/stream/a/1/2/playlist.m3u8",
    "/gradio_api/custom_component/1/client/component/index.js",
    "/gradio_api/process_recording",
    "/gradio_api/component_server",
    "/gradio_api/deep_link",
    "/gradio_api/dev/reload",
    "/gradio_api/vibe-edit",
    "/gradio_api/run/../file=/etc/passwd",
    "/gradio_api//file=/etc/passwd",
    "/monitoring",
    "/monitoring/summary",
    "/login",
    "/svelte/../../x",
    "/assets/../../../../etc/passwd",
    "/own/..%2f..\\app.py",
    "/docs",
    "/openapi.json",
]
SERVED = [
    "/",
    "/config",
    "/theme.css",
    "/assets/index.js",
    "/static/js/x.js",
    "/own/app.css",
    "/memo/4",
    "/download/abc",
    "/gradio_api/info",
    "/gradio_api/queue/join",
    "/gradio_api/queue/data",
    "/gradio_api/run/predict",
    "/gradio_api/call/recommend",
    "/gradio_api/call/recommend/0a1b",
    "/gradio_api/heartbeat/abc123",
    "/gradio_api/upload",
]


@pytest.mark.parametrize("path", REFUSED)
def test_routes_nobody_needs_are_refused(path) -> None:
    assert not allowed(path)


@pytest.mark.parametrize("path", SERVED)
def test_routes_the_page_needs_are_served(path) -> None:
    assert allowed(path)


def answer(path: str, headers: list[tuple[bytes, bytes]] | None = None, page: bytes = b"ok"):
    async def app(scope, receive, send) -> None:
        kind = b"text/html" if path == "/" else b"text/plain"
        start = [(b"content-type", kind), (b"content-length", str(len(page)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": start})
        await send({"type": "http.response.body", "body": page[:3], "more_body": True})
        await send({"type": "http.response.body", "body": page[3:]})

    said = []

    async def send(message) -> None:
        said.append(message)

    scope = {"type": "http", "path": path, "headers": headers or []}
    _run(Guard(app, upload_bytes=1_000_000)(scope, None, send))
    return said[0]["status"], dict(said[0]["headers"]), b"".join(part["body"] for part in said[1:])


def test_each_page_has_its_own_nonce_on_every_script() -> None:
    page = b"<head><script>a()</script><script src='x'></script></head><p>&lt;script></p>"
    nonces = set()
    for _ in range(3):
        status, headers, body = answer("/", page=page)
        policy = headers[b"content-security-policy"].decode()
        nonce = policy.partition("'nonce-")[2].partition("'")[0]
        assert status == 200
        assert len(nonce) > 20
        assert body.count(f'<script nonce="{nonce}"'.encode()) == 2
        assert int(headers[b"content-length"]) == len(body)
        script = next(part for part in policy.split("; ") if part.startswith("script-src"))
        assert "'unsafe-inline'" not in script
        nonces.add(nonce)
    assert len(nonces) == 3


@pytest.mark.parametrize("path", ["/", "/config", "/gradio_api/file=x"])
def test_every_answer_carries_the_headers(path) -> None:
    _, headers, _ = answer(path)
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert headers[b"referrer-policy"] == b"same-origin"
    assert b"camera=()" in headers[b"permissions-policy"]
    assert b"default-src 'none'" in headers[b"content-security-policy"]


def test_a_space_may_frame_the_page_and_nobody_else() -> None:
    policy = answer("/")[1][b"content-security-policy"].decode()
    assert policy.endswith("frame-ancestors 'self' https://huggingface.co")


@pytest.mark.parametrize("size", [b"2000001", b"-1", b"1e3", b"\xc2\xb2"])
def test_too_much_is_refused_before_it_is_read(size) -> None:
    assert answer("/gradio_api/upload", [(b"content-length", size)])[0] == 413
