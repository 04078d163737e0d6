"""Strangers' text with the markup that reading it needs: where it may break, where it must not, what is code."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

from .text import visible

_INTERVAL = re.compile(r"\[[-−+]?\d[^\[\]]{0,20}, [-−+]?\d[^\[\]]{0,20}\]")
_CODE = re.compile(r"`([^`\n]+)`")
_JOINT = re.compile(r"(?<=_)(?=[^\W_])|(?<=[^\W\d_][,/])(?=[^\W\d_])")


def breaking(text: object) -> Markup:
    """A cell's text: snake_case and words joined by commas or slashes may break, an interval may not."""
    return _whole(Markup("<wbr>").join(_JOINT.split(visible(str(text)))))


def said(text: object) -> Markup:
    """A sentence: what stands between backticks is code, an interval does not break."""
    parts = _CODE.split(visible(str(text)))
    marked = [Markup("<code>{}</code>").format(part) if at % 2 else escape(part) for at, part in enumerate(parts)]
    return _whole(Markup("").join(marked))


def _whole(text: Markup) -> Markup:
    kept = _INTERVAL.sub(lambda match: match[0].replace(" ", "\N{NO-BREAK SPACE}"), text)
    return Markup(kept)  # noqa: S704 - spaces of escaped text replaced
