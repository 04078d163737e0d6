"""What a file is, by its bytes: the name a student gave it says nothing."""

from __future__ import annotations

import mmap
import re
from pathlib import Path

from ..model import Kind

_HEAD = 65_536
_MEMO = re.compile(
    rb"""<script[^<>]{0,200}\bid=["']?reportgen-record["'\s>]|<meta name="generator" content="reportgen">"""
)
_NOTEBOOK = re.compile(
    rb"""<(?:body|main|div|section)[^<>]{0,200}\b(?:class=["'][^"'<>]{0,200}\b(?:jp-Notebook|jp-Cell|text_cell_render|output_wrapper)\b"""
    rb"""|id=["']notebook-container["'])"""
)
_HTML = re.compile(
    rb"<!doctype\s+html|<html[\s>]|<head[\s>]|<body[\s>]|<h[1-6][\s>]|<p[\s>]|<div[\s>]|<table[\s>]", re.I
)


def classify(path: Path) -> Kind:
    """Whether a file is a memo, a notebook export, another page or no page; an unreadable one is no page.

    The file is mapped, never loaded: its size does not matter.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
            if not head:
                return "other"
            if head.startswith((b"\xff\xfe", b"\xfe\xff")):
                text = head.decode("utf-16", "replace").encode("utf-8", "replace")
                return "html" if _HTML.search(text) else "other"
            if not _HTML.search(head.replace(b"\0", b"")):
                return "other"
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                if _MEMO.search(content):
                    return "memo"
                return "notebook" if _NOTEBOOK.search(content) else "html"
    except (OSError, ValueError):
        return "other"
