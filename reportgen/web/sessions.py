"""A folder a session: nobody else's, unguessable, and gone when the session ends or grows old."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reportgen.errors import InputError

_STEP_S = 30.0


class Sessions:
    """Folders of sessions under one root, each named by a keyed digest of the session's id."""

    def __init__(self, root: Path, keep_s: float) -> None:
        self.root = root
        self.keep_s = keep_s
        self._key = secrets.token_bytes(32)
        root.mkdir(parents=True, exist_ok=True, mode=0o700)

    def folder(self, session: str | None) -> Path:
        """The folder of a session, made on first use.

        Args:
            session: what gradio calls `request.session_hash`.

        Raises:
            InputError: there is no session, so nothing can be kept apart.
        """
        if not session:
            raise InputError("this request belongs to no session", remedy="reload the page")
        place = self.root / hmac.new(self._key, session.encode(), hashlib.sha256).hexdigest()
        place.mkdir(exist_ok=True, mode=0o700)
        return place

    def forget(self, session: str | None) -> None:
        """Delete what a session left."""
        if session:
            shutil.rmtree(self.folder(session), ignore_errors=True)

    def sweep(self, now: float | None = None) -> int:
        """Delete folders in which nothing has changed for `keep_s` seconds; how many there were."""
        limit = (time.time() if now is None else now) - self.keep_s
        old = [place for place in self.root.iterdir() if _last_change(place) < limit]
        for place in old:
            shutil.rmtree(place, ignore_errors=True)
        return len(old)


def _last_change(folder: Path) -> float:
    def times() -> Iterator[float]:
        for place in (folder, *folder.rglob("*")):
            try:
                yield place.lstat().st_mtime
            except OSError:  # deleted meanwhile
                continue

    return max(times(), default=0.0)


@dataclass(frozen=True)
class Download:
    """A finished file, kept in memory until it is fetched."""

    name: str
    media_type: str
    data: bytes
    made: float


class Downloads:
    """Files behind unguessable links, each served once, as an attachment."""

    def __init__(self, keep_s: float, most_bytes: int = 200_000_000) -> None:
        self._keep_s = keep_s
        self._most = most_bytes
        self._held: dict[str, Download] = {}
        self._lock = threading.Lock()

    def offer(self, name: str, data: bytes, media_type: str = "application/octet-stream") -> str:
        """Keep a file and return the link's path, relative to the app's root.

        Raises:
            InputError: too much is waiting to be fetched.
        """
        with self._lock:
            self._drop_old()
            if sum(len(held.data) for held in self._held.values()) + len(data) > self._most:
                raise InputError("too many downloads are waiting", remedy="fetch yours or try again in some minutes")
            token = secrets.token_urlsafe(24)
            self._held[token] = Download(name, media_type, data, time.monotonic())
        return f"download/{token}"

    def take(self, token: str) -> Download | None:
        """The file behind a link, once."""
        with self._lock:
            self._drop_old()
            return self._held.pop(token, None)

    def _drop_old(self) -> None:
        limit = time.monotonic() - self._keep_s
        for token in [token for token, held in self._held.items() if held.made < limit]:
            del self._held[token]


def sweep_forever(sessions: Sessions, stop: threading.Event) -> None:
    """Delete what is old, over and over, until told to stop."""
    while not stop.wait(min(_STEP_S, sessions.keep_s)):
        sessions.sweep()
