"""What stands between the network and gradio: an allow-list of routes, a size limit, and headers gradio lacks."""

from __future__ import annotations

import re
import secrets
from typing import Any

_PAGES = frozenset({"/", "/config", "/theme.css", "/favicon.ico", "/robots.txt", "/manifest.json"})
_API = "/gradio_api/"
_ASSETS = ("/assets/", "/static/")
_OWN = ("/own/", "/memo/", "/download/")
_CALLS = re.compile(
    r"(info|startup-events|theme\.css|login_check|token|app_id|user"
    r"|queue/(join|data)|(run|api)/[\w-]+|call/(v2/)?[\w-]+(/[\w-]+)?"
    r"|heartbeat/[\w-]+|upload|upload_progress|cancel|reset)/?"
)

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# Gradio compiles its templates in the browser (unsafe-eval). Inline scripts and handlers, what an injection would need,
# run only with the page's nonce. A Space is shown inside a frame of huggingface.co.
POLICY = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
    "frame-src 'self'; media-src 'none'; object-src 'none'; manifest-src 'self'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'self' https://huggingface.co"
)
MEMO_POLICY = (
    "sandbox allow-same-origin; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self' https://huggingface.co"
)
"""Of a memo on a page of its own: no script runs. Its origin is kept for links into itself."""

_HEAD = b'<link rel="stylesheet" href="own/app.css"><link rel="icon" href="own/icon.svg" type="image/svg+xml">'
_SCRIPT = re.compile(rb"<script(?=[\s>])")


def allowed(path: str) -> bool:
    """Whether a route is served. Files are not: what a visitor fetches goes through one-time links."""
    if ".." in path or "\\" in path or "\x00" in path or "//" in path:
        return False
    if path in _PAGES or path.startswith((*_ASSETS, *_OWN)):
        return True
    return path.startswith(_API) and _CALLS.fullmatch(path[len(_API) :]) is not None


class Guard:
    """ASGI middleware around the whole app."""

    def __init__(self, app: Any, upload_bytes: int) -> None:
        self.app = app
        self.most_bytes = upload_bytes + 1_000_000  # one file and the wrapping around it

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve, refuse or amend one request."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        path = scope["path"]
        if not allowed(path):
            await _refuse(send, 404, "not found")
            return
        size = dict(scope["headers"]).get(b"content-length", b"0")
        if not size.isdigit() or int(size) > self.most_bytes:
            await _refuse(send, 413, f"more than {self.most_bytes // 1_000_000} MB")
            return
        if path == "/":
            # Our nonce has to be written into it, so it must not be compressed yet.
            scope = {**scope, "headers": [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]}
            await self.app(scope, receive, _Nonced(send))
            return
        await self.app(scope, receive, _with_headers(send))


def _with_headers(send: Any) -> Any:
    async def amended(message: Any) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": _headers(message["headers"], POLICY.replace(" 'nonce-{nonce}'", ""))}
        await send(message)

    return amended


def _headers(given: Any, policy: str) -> list[tuple[bytes, bytes]]:
    there = {name.lower() for name, _ in given}
    added = {**HEADERS, "Content-Security-Policy": policy}
    fresh = [(n.lower().encode(), v.encode()) for n, v in added.items() if n.lower().encode() not in there]
    return [*given, *fresh]


class _Nonced:
    """Sends a page with one nonce in its header and on each of its scripts."""

    def __init__(self, send: Any) -> None:
        self._send = send
        self._start: Any = None
        self._body: list[bytes] = []

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body.append(message.get("body", b""))
        if message.get("more_body"):
            return
        nonce = secrets.token_urlsafe(18)
        body = _SCRIPT.sub(f'<script nonce="{nonce}"'.encode(), b"".join(self._body))
        body = body.replace(b"</head>", _HEAD + b"</head>", 1)
        kept = [pair for pair in self._start["headers"] if pair[0].lower() != b"content-length"]
        size = (b"content-length", str(len(body)).encode())
        headers = _headers([*kept, size, (b"cache-control", b"no-store")], POLICY.format(nonce=nonce))
        await self._send({**self._start, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})


async def _refuse(send: Any, status: int, why: str) -> None:
    body = f"{why}\n".encode()
    start = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    headers = _headers(start, "default-src 'none'; frame-ancestors 'none'")
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
