"""Text from strangers: what must never reach a page, in templates and in prose alike."""

from __future__ import annotations

import re

_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u2069\ufeff]")


def visible(text: str) -> str:
    """Text with control, direction and invisible characters made visible: none may reorder or hide what is read."""
    return _HIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
