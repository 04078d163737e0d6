"""Errors in the app's words: a visitor has controls where the command line has options."""

from __future__ import annotations

import re

from reportgen.errors import ReportgenError

_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
_CONTROLS = {
    "--text": "Text",
    "--label": "Label",
    "--course": "Course",
    "--limit": "Rows",
    "--due": "Due",
    "--worksheet": "Moodle’s worksheet",
    "--labels": "Your true labels",
    "--why": "Why",
    "--only": "One submission",
}


def said(error: ReportgenError) -> str:
    """The error as one line; a remedy that needs an option the app does not have is left out."""
    parts = [_in_controls(part) for part in (error.what, error.remedy or "")]
    what, remedy = (part if not _OPTION.search(part) else "" for part in parts)
    place = f" ({error.where})" if error.where else ""
    return f"{what or _OPTION.sub('that option', error.what)}{place}" + (f": {remedy}" if remedy else "")


def _in_controls(text: str) -> str:
    return _OPTION.sub(lambda found: f"‘{_CONTROLS[found[0]]}’" if found[0] in _CONTROLS else found[0], text)
