"""A page as a reader sees it: headings, prose, printed lines, tables and figures in order."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from reportgen.memo.check.numbers import sentences

from .tables import Grid, html_table, printed_tables

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

BlockKind = Literal["heading", "prose", "output", "table", "figure"]

_BREAKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "br",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "figcaption",
        "figure",
        "footer",
        "form",
        "header",
        "hr",
        "html",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "summary",
        "ul",
    ]
)
_SKIPPED = frozenset(
    [
        "script",
        "style",
        "template",
        "noscript",
        "head",
        "iframe",
        "object",
        "embed",
        "applet",
        "audio",
        "video",
        "textarea",
        "select",
        "button",
        "math",
    ]
)
_INPUT = frozenset({"jp-InputArea", "input", "jp-Cell-inputWrapper"})
_PROMPTS = frozenset({"input_prompt", "prompt", "anchor-link", "jp-OutputPrompt", "jp-InputPrompt"})
_OUTPUT = frozenset({"jp-OutputArea-output", "output_subarea"})
_ERRORS = frozenset({"output_stderr"})
_NO_ALT = re.compile(r"no description has been provided|^image$|^png$", re.IGNORECASE)
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
MAX_BLOCKS = 20_000
MAX_SIZE = 500_000
"""Characters of lines and cells that are searched; a notebook has a fifth of it."""
MAX_LINE = 2_000
MAX_END = 300
MAX_CODE = 2_000
"""Characters of a cell's code that may name the figure it drew."""


@dataclass(frozen=True)
class Block:
    """One piece of the page. `headings` are the titles it stands under, outermost first."""

    kind: BlockKind
    text: str
    headings: tuple[str, ...]
    level: int = 0
    lines: tuple[str, ...] = ()
    """Printed lines, or the sentences of prose."""
    grids: tuple[Grid, ...] = ()


@dataclass
class Reader:
    """Walks the tree once, without recursion."""

    blocks: list[Block] = field(default_factory=list)
    _trail: list[tuple[int, str]] = field(default_factory=list)
    _text: list[str] = field(default_factory=list)
    _code: str = ""
    _size: int = 0

    @property
    def full(self) -> bool:
        """Whether the page went on after all that is searched."""
        return self._size > MAX_SIZE or len(self.blocks) >= MAX_BLOCKS

    def read(self, root: LexborNode) -> list[Block]:
        """The blocks of an element."""
        # (node, leaving): an element is seen again when it ends, to close its paragraph.
        stack: list[tuple[LexborNode, bool, bool]] = [(root, False, False)]
        while stack and not self.full:
            node, leaving, printed = stack.pop()
            if leaving:
                self._flush()
                continue
            if node.tag == "-text":
                self._text.append(node.text_content or "")
                continue
            if node.tag is None or node.tag.startswith("-") or node.tag in _SKIPPED or self._special(node, printed):
                continue
            classes = set((node.attributes.get("class") or "").split()) if node.attributes else set()
            if classes & _INPUT and not (classes & {"jp-MarkdownCell", "text_cell"}) and self._is_code(node):
                self._code = clean(node.text(separator=" "))[:MAX_CODE]
                continue
            mime = (node.attributes or {}).get("data-mime-type") or ""
            if classes & (_ERRORS | _PROMPTS) or mime.endswith("stderr"):
                continue
            if node.tag in _BREAKS:
                self._flush()
                stack.append((node, True, printed))
            children, child = [], node.child
            while child is not None:
                children.append((child, False, printed or bool(classes & _OUTPUT)))
                child = child.next
            stack.extend(reversed(children))
        self._flush()
        return self.blocks

    def _is_code(self, node: LexborNode) -> bool:
        """Prompts and code; Markdown cells of the lab template have an input area too."""
        return node.css_first(".jp-MarkdownOutput, .text_cell_render") is None

    def _special(self, node: LexborNode, printed: bool) -> bool:
        """Elements that are one block as a whole."""
        tag = node.tag or ""
        if len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
            self._flush()
            for anchor in node.css("a.anchor-link"):
                anchor.decompose()
            level, title = int(tag[1]), clean(node.text(separator=" ")).strip("¶ ")
            self._trail = [one for one in self._trail if one[0] < level]
            self._add(Block("heading", title, self._headings(), level))
            self._trail.append((level, title))
            self._code = ""
            return True
        if tag == "table":
            self._flush()
            grid = html_table(node)
            self._add(Block("table", grid.caption, self._headings(), grids=(grid,)))
            return True
        if tag == "pre":
            self._flush()
            lines = _ends([line for raw in node.text().splitlines() if (line := _line(raw))])
            kind: BlockKind = "output" if printed else "prose"
            grids = tuple(grid for _, _, grid in printed_tables(lines)) if len(lines) > 1 else ()
            self._add(Block(kind, " ".join(" ".join(lines).split()), self._headings(), lines=lines, grids=grids))
            return True
        if tag in {"img", "svg", "canvas", "picture"}:
            self._flush()
            alt = clean((node.attributes or {}).get("alt") or (node.attributes or {}).get("aria-label") or "")
            alt = "" if _NO_ALT.search(alt) else alt
            self._add(Block("figure", f"{alt} {self._code}".strip(), self._headings()))
            return True
        return False

    def _headings(self) -> tuple[str, ...]:
        return tuple(title for _, title in self._trail)

    def _flush(self) -> None:
        text = clean("".join(self._text))
        self._text.clear()
        if text:
            lines = tuple(sentence[:MAX_LINE] for sentence in sentences(text))
            self._add(Block("prose", text, self._headings(), lines=lines))

    def _add(self, block: Block) -> None:
        cells = sum(len(cell) + 1 for grid in block.grids for row in grid.rows for cell in row)
        self._size += len(block.text) + cells
        # A block that does not fit is left out whole: half a table could name another best row.
        if self._size <= MAX_SIZE:
            self.blocks.append(block)


def clean(text: str) -> str:
    """White space normalised, invisible characters taken out."""
    return " ".join(_INVISIBLE.sub("", text).split())


def _ends(lines: list[str]) -> tuple[str, ...]:
    """Long output without its middle: a training log must not crowd out the memo below it."""
    if len(lines) <= 2 * MAX_END:
        return tuple(lines)
    return (*lines[:MAX_END], "", *lines[-MAX_END:])


def _line(raw: str) -> str:
    return _INVISIBLE.sub("", raw).rstrip()[:MAX_LINE]
