"""Evidence and prose in, one self-contained HTML memo (and its Markdown and JSON twins) out."""

from __future__ import annotations

from .audit_page import write_audit
from .build import build_memo, start_prose, write_new_prose
from .prose import Prose, new_prose, parse_prose, read_prose
from .render import render, write_memo
from .twins import to_json, to_markdown

__all__ = [
    "Prose",
    "build_memo",
    "new_prose",
    "parse_prose",
    "read_prose",
    "render",
    "start_prose",
    "to_json",
    "to_markdown",
    "write_audit",
    "write_memo",
    "write_new_prose",
]
