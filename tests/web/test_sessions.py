"""Folders and downloads that belong to one session."""

from __future__ import annotations

import os
import time

import pytest

from reportgen.errors import InputError
from reportgen.web.sessions import Downloads, Sessions


def test_sessions_never_share_a_folder(tmp_path) -> None:
    sessions = Sessions(tmp_path / "s", keep_s=60)
    one, other = sessions.folder("one"), sessions.folder("other")
    assert one != other
    assert sessions.folder("one") == one
    assert one.stat().st_mode & 0o077 == 0
    assert "one" not in one.name


def test_a_name_is_no_path(tmp_path) -> None:
    sessions = Sessions(tmp_path / "s", keep_s=60)
    assert sessions.folder("../../etc").parent == tmp_path / "s"


def test_names_cannot_be_computed_by_another_process(tmp_path) -> None:
    assert Sessions(tmp_path / "a", 60).folder("x").name != Sessions(tmp_path / "b", 60).folder("x").name


def test_without_a_session_nothing_is_kept(tmp_path) -> None:
    with pytest.raises(InputError, match="no session"):
        Sessions(tmp_path / "s", 60).folder(None)


def test_what_is_forgotten_is_gone(tmp_path) -> None:
    sessions = Sessions(tmp_path / "s", 60)
    folder = sessions.folder("x")
    (folder / "a.txt").write_text("a")
    sessions.forget("x")
    assert not folder.exists()


def test_only_idle_folders_are_swept(tmp_path) -> None:
    sessions = Sessions(tmp_path / "s", keep_s=100)
    old, busy = sessions.folder("old"), sessions.folder("busy")
    (busy / "new.txt").write_text("just written")
    ago = time.time() - 200
    os.utime(old, (ago, ago))
    os.utime(busy, (ago, ago))
    assert sessions.sweep() == 1
    assert not old.exists()
    assert busy.exists()


def test_a_download_is_served_once() -> None:
    downloads = Downloads(keep_s=60)
    link = downloads.offer("memo.html", b"<p>")
    token = link.rpartition("/")[2]
    assert len(token) >= 32
    assert downloads.take(token).data == b"<p>"
    assert downloads.take(token) is None
    assert downloads.take("guess") is None


def test_downloads_expire_and_have_a_limit() -> None:
    token = Downloads(keep_s=-1).offer("a", b"a").rpartition("/")[2]
    assert Downloads(keep_s=-1).take(token) is None
    small = Downloads(keep_s=60, most_bytes=3)
    small.offer("a", b"ab")
    with pytest.raises(InputError, match="too many"):
        small.offer("b", b"ab")
