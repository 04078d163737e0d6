"""Figures drawn by matplotlib: the only module that imports it.

Text stays text, colours are the page's own variables, ids carry the figure's, and the same data give the same bytes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

    from reportgen.evidence import Figure

# Placeholders no figure uses for anything else; replaced by the page's variables once the SVG is written.
INK, SOFT, LINE, PAPER, ACCENT, SECOND, THIRD = (f"#0101{number:02x}" for number in range(16, 23))
_VARIABLES = dict(
    zip(
        (INK, SOFT, LINE, PAPER, ACCENT, SECOND, THIRD),
        ("ink", "soft", "line", "paper", "accent", "second", "third"),
        strict=True,
    )
)
_WIDTH = 13.3
"""Inches at 72 dots: as many points as the page is wide in pixels, so text keeps its size."""
_SERIES = ((ACCENT, "-"), (SECOND, "--"), (THIRD, "-."), (SOFT, ":"))
"""Colour and line style: told apart in grey as well."""
_LOOKS = ("first", "second", "third", "fourth")
"""The same in the page's stylesheet."""
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 12,
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": LINE,
    "axes.labelcolor": SOFT,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": SOFT,
    "ytick.labelcolor": SOFT,
    "ytick.left": False,
    "figure.facecolor": "none",
    "legend.frameon": False,
}
_ID = re.compile(r'(\bid="|\bxlink:href="#|\bhref="#|url\(#)([^"\)]+)')


def plot(figure: Figure) -> Markup:
    """SVG of a figure.

    Raises:
        KeyError: nothing plots this kind of figure.
    """
    import matplotlib as mpl

    with mpl.rc_context({**_STYLE, "svg.hashsalt": figure.id}):
        return _svg(_PLOTTERS[figure.kind](figure.data), figure)


def _learning_curve(data: Mapping[str, Any]) -> Canvas:
    from matplotlib.figure import Figure as Canvas
    from matplotlib.ticker import MaxNLocator

    curves = data["curves"]
    marked = any(curve["marks"] for curve in curves)
    canvas = Canvas(figsize=(_WIDTH, 5.4 if marked else 3.6), layout="constrained")
    if marked:
        loss, score = canvas.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    else:
        loss, score = canvas.subplots(), None
    for curve, (colour, dash) in zip(curves, _SERIES * len(curves), strict=False):
        loss.plot(curve["step"], curve["loss"], color=colour, linestyle=dash, linewidth=1.6, label=curve["run"])
        if curve["warmup_end"] is not None:
            loss.axvline(curve["warmup_end"], color=colour, linewidth=1, linestyle=":")
        if score is not None and curve["marks"]:
            steps = [mark["step"] for mark in curve["marks"]]
            values = [mark["macro_f1"] for mark in curve["marks"]]
            fill = [colour if mark["scored"] else PAPER for mark in curve["marks"]]
            score.plot(steps, values, color=colour, linestyle=dash, linewidth=1)
            score.scatter(steps, values, s=46, c=fill, edgecolors=colour, linewidths=1.4, zorder=3, clip_on=False)
    ends = {curve["warmup_end"] for curve in curves if curve["warmup_end"] is not None}
    if ends:
        said = f"end{'s' if len(ends) > 1 else ''} of warm-up"
        loss.annotate(
            said, (max(ends), 1), xycoords=("data", "axes fraction"), xytext=(4, -2),
            textcoords="offset points", va="top", color=SOFT,
        )  # fmt: skip
    loss.set_ylabel("training loss")
    loss.yaxis.set_major_locator(MaxNLocator(5))
    if score is not None:
        score.set_ylabel("val macro F1")
        score.yaxis.set_major_locator(MaxNLocator(4))
        score.margins(y=0.25)
    (score if score is not None else loss).set_xlabel("optimiser step")
    return canvas


def legend(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Look and words of each run, and what the curves cannot say: a legend inside would scroll away on a telephone."""
    curves = data["curves"]
    keys = []
    for curve, look in zip(curves, _LOOKS * len(curves), strict=False):
        end = curve["warmup_end"]
        keys.append((look, f"{curve['run']}{f', warm-up to step {end:,.0f}' if end is not None else ''}"))
    if len({curve.get("objective") for curve in curves} - {None}) > 1:
        keys.append(("", "Losses of different objectives are not comparable."))
    return keys


_PLOTTERS: dict[str, Callable[[Mapping[str, Any]], Canvas]] = {"learning-curve": _learning_curve}


def _svg(canvas: Canvas, figure: Figure) -> Markup:
    """The canvas as one `<svg>` element, fit to stand in a page beside others."""
    out = io.StringIO()
    canvas.savefig(
        out, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
    )
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    # Its style sheet speaks of every element of the page; ours says the same of plots only.
    text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", text, flags=re.DOTALL)
    text = re.sub(r' xmlns(?::xlink)?="[^"]*"', "", text).replace("xlink:href", "href")
    text = _ID.sub(lambda match: f"{match[1]}{figure.id}-{match[2]}", text)
    text = re.sub(r"font: ([\d.]+)px[^;\"]*", r"font-size: \1px", text)
    for placeholder, name in _VARIABLES.items():
        text = text.replace(placeholder, f"var(--{name})")
    opening, rest = text.split(">", 1)
    opening = re.sub(r' (?:width|height|version)="[^"]*"', "", opening)
    name = escape(figure.finding)
    head = f'{opening} class="plot" role="img" aria-labelledby="{figure.id}-name">'
    head += f'<title id="{figure.id}-name">{name}</title>'
    return Markup(re.sub(r"\n\s*", "\n", head + rest).strip())  # noqa: S704 - drawn here, texts escaped by matplotlib
