"""Markdown to HTML that is safe to put on a page: parsed without raw HTML, then sanitised; never a template."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from . import citations
from .text import visible

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_TAGS = {
    *(
        "a",
        "blockquote",
        "br",
        "code",
        "data",
        "del",
        "em",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "img",
        "li",
        "mark",
        "ol",
        "p",
    ),
    *("pre", "s", "strong", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}
_ATTRIBUTES = {
    "a": {"href", "title", "class"},
    "data": {"value"},
    "img": {"src", "alt", "title"},
    "ol": {"start"},
    "th": {"scope"},
}
_INLINE_IMAGE = re.compile(r"data:image/(?:png|webp|jpeg|gif);base64,[A-Za-z0-9+/=]+")
_TOP_HEADING = 3
"""Section titles are level 2: the author's own headings start below."""


def to_html(text: str, known: Mapping[str, citations.Cited], unknown: list[str]) -> Markup:
    """Render Markdown.

    Args:
        text: the author's Markdown; raw HTML in it is shown as text.
        known: what `[@run.metric]` may cite.
        unknown: receives citations that nothing measures.
    """
    import nh3

    html = _parser(known, unknown).render(visible(text))
    return Markup(  # noqa: S704 - sanitised
        nh3.clean(
            html,
            tags=_TAGS,
            clean_content_tags={"script", "style"},
            attributes=_ATTRIBUTES,
            attribute_filter=_filter,
            generic_attribute_prefixes={"data-"},
            url_schemes={"https", "http", "mailto", "data"},
            link_rel="noopener noreferrer nofollow",
        )
    )


def _filter(tag: str, name: str, value: str) -> str | None:
    if tag == "img" and name == "src":
        return value if _INLINE_IMAGE.fullmatch(value) else None
    if tag == "a" and name == "href" and value.lower().startswith("data:"):
        return None
    if tag == "a" and name == "class":
        return value if value == "cite" else None
    return value


def _parser(known: Mapping[str, citations.Cited], unknown: list[str]) -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("js-default")
    citations.install(parser, known, unknown)
    parser.core.ruler.push("memo", _adapt)
    renderer: Any = parser.renderer
    default_image = renderer.rules["image"]

    def image(self: Any, tokens: Any, at: int, options: Any, env: Any) -> str:
        if _INLINE_IMAGE.fullmatch(str(tokens[at].attrs.get("src", ""))):
            return str(default_image(tokens, at, options, env))
        return f"<mark>[image left out, a memo loads nothing from elsewhere: {_escaped(tokens[at].content)}]</mark>"

    parser.add_render_rule("image", image)
    return parser


def _escaped(text: str) -> str:
    from html import escape

    return escape(text)


def _adapt(state: Any) -> None:
    """Keep one h1 and the page's h2s: lower the author's headings; give table heads their scope."""
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{max(int(token.tag[1]), _TOP_HEADING)}"
        elif token.type == "th_open":
            token.attrs = {"scope": "col"}
