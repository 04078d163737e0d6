"""A figure of the evidence as inline SVG: dense ones by Jinja from geometry, curves by matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from . import charts, classcounts, flipchart, mostpredicted, panels, svg, tradeoff
from .environment import environment

if TYPE_CHECKING:
    from reportgen.evidence import Figure

_DRAWN = {
    "long-tail": (svg.long_tail, "figures/long_tail.svg"),
    "class-f1": (svg.class_f1, "figures/class_f1.svg"),
    "class-pairs": (svg.class_pairs, "figures/class_pairs.svg"),
    "forest": (charts.forest, "figures/forest.svg"),
    "forests": (charts.forests, "figures/forests.svg"),
    "reliability": (charts.reliability, "figures/reliability.svg"),
    "destinations": (charts.destinations, "figures/destinations.svg"),
    "tier-ladder": (panels.tier_ladder, "figures/panel.svg"),
    "f1-scatter": (panels.f1_scatter, "figures/panel.svg"),
    "confusion-block": (panels.confusion_block, "figures/panel.svg"),
    "class-counts": (classcounts.class_counts, "figures/panel.svg"),
    "most-predicted": (mostpredicted.most_predicted, "figures/panel.svg"),
    "tradeoff": (tradeoff.tradeoff, "figures/tradeoff.svg"),
    "flips": (flipchart.flips, "figures/flips.svg"),
    "support": (charts.support, "figures/support.svg"),
}


def draw(figure: Figure) -> Markup:
    """SVG of a figure; its accessible name is the figure's finding, its ids start with the figure's.

    Raises:
        KeyError: nothing draws this kind of figure.
    """
    if figure.kind in _DRAWN:
        geometry, template = _DRAWN[figure.kind]
        page = environment().get_template(template)
        return Markup(page.render(figure=figure, plot=geometry(figure.data)))  # noqa: S704 - an autoescaped template
    from . import figures

    page = environment().get_template("figures/curves.svg")
    drawn, keys = figures.plot(figure), figures.legend(figure.data)
    return Markup(page.render(figure=figure, drawing=drawn, legend=keys))  # noqa: S704 - an autoescaped template
