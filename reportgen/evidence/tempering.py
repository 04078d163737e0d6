"""How much of distillation's gain a temperature alone gives: fitted on one fold, reported on the other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from reportgen.bundle.kept import kept
from reportgen.errors import InputError
from reportgen.stats import fit_temperature, folds, interval, scores

from .calibrated import fold_name
from .model import Column, Interval, Scalar, Table, Value
from .numbers import show, show_interval
from .outcomes import Outcomes, outcomes
from .runs import PAIRED

if TYPE_CHECKING:
    from reportgen.bundle import Bundle
    from reportgen.stats import Difference, Temperature

    from .board import Board
    from .runs import Runs

NAMES = {"ece": "calibration error", "nll": "log loss"}


def share_of_gain(before: float, scaled: float, distilled: float) -> float | None:
    """(before − scaled) / (before − distilled): 1 where a temperature gives all that distilling gave.

    More than 1 where it gives more; None where distilling changed nothing.
    """
    gain = before - distilled
    return (before - scaled) / gain if gain else None


@dataclass(frozen=True, eq=False)
class Recipe:
    """One recipe on the evaluation fold; `name` is what the board calls it."""

    name: str
    run: Bundle
    temperature: Temperature | None
    rows: Outcomes


@dataclass(frozen=True, eq=False)
class Share:
    """The share of one metric's gain; None with the reason where there is no gain to share."""

    metric: str
    gain: Difference
    """Distilled − vanilla: negative is better."""
    by_scaling: Difference
    """Vanilla with its temperature − vanilla."""
    rest: Difference
    """Distilled − vanilla with its temperature."""
    share: float | None
    bounds: Interval | None
    undefined: str | None


@dataclass(frozen=True, eq=False)
class Tempering:
    """Vanilla and distilled, each as it is and with its own temperature."""

    recipes: dict[str, Recipe]
    """vanilla, vanilla+T, distilled, distilled+T."""
    fitted_on: int
    n: int
    """Rows of the evaluation fold."""

    @property
    def scaled(self) -> dict[str, Outcomes]:
        """The recipes that are no run of their own, by name."""
        return {one.name: one.rows for one in self.recipes.values() if one.temperature}


def temper(runs: Runs, vanilla: Bundle, distilled: Bundle) -> Tempering | None:
    """Fit T of both students on the calibration fold; None where logits are missing or T cannot be applied."""
    recipes = {}
    fit, test = folds(len(outcomes(runs, vanilla).labels))
    for name, run in (("vanilla", vanilla), ("distilled", distilled)):
        rows = outcomes(runs, run)
        if rows.logits is None or len(rows.labels) < 4:
            return None
        fitted = kept("temperature", (run,), partial(fit_temperature, rows.logits[fit], rows.labels[fit]), runs.split)
        try:
            scaled = rows.scaled(fitted.t)
        except InputError:
            # So sharp or so flat that rounding would change predictions.
            return None
        recipes[name] = Recipe(run.run_id, run, None, rows)
        recipes[f"{name}+T"] = Recipe(scaled.name, run, fitted, scaled)
    return Tempering(recipes, len(fit), len(test))


def share(board: Board, found: Tempering, metric: str) -> Share:
    """The share of distillation's gain in a metric that vanilla's temperature alone gives, with its interval."""
    before, scaled, after = (found.recipes[name].name for name in ("vanilla", "vanilla+T", "distilled"))
    whole = board.tiers[-1]
    gain, by_scaling, rest = (
        board.change(metric, a, b, whole, held=True) for a, b in ((before, after), (before, scaled), (scaled, after))
    )
    undefined = None
    if gain.low <= 0 <= gain.high:
        span = show_interval(Interval(gain.low, gain.high, PAIRED), "score", signed=True)
        undefined = f"the interval of distillation's own effect, {span}, includes zero: there is no gain to share"
    elif gain.delta > 0:
        undefined = f"distilling made the {NAMES[metric]} worse: there is no gain to share"
    if undefined:
        return Share(metric, gain, by_scaling, rest, None, None, undefined)
    first, second, third = (board.samples(metric, name, whole, held=True) for name in (before, scaled, after))
    ratios = np.full(first.shape, np.nan)
    np.divide(first - second, first - third, out=ratios, where=first != third)
    value = share_of_gain(gain.a, by_scaling.b, gain.b)
    return Share(metric, gain, by_scaling, rest, value, Interval(*interval(ratios), method=PAIRED), None)


def share_value(runs: Runs, found: Tempering, one: Share) -> Value:
    """The share as a figure of vanilla's temperature against distilling."""
    vanilla, distilled = found.recipes["vanilla"].run, found.recipes["distilled"].run
    return Value(
        f"{one.metric}_gain_by_temperature",
        one.share,
        "fraction",
        run=distilled.run_id,
        split=fold_name(runs),
        n=found.n,
        interval=one.bounds,
        field=f"predictions.parquet, {vanilla.run_id}",
    )


def effect_value(runs: Runs, found: Tempering, one: Share) -> Value:
    """Distilled − vanilla on the evaluation fold."""
    return Value(
        one.metric,
        one.gain.delta,
        "score",
        run=found.recipes["distilled"].run.run_id,
        baseline=found.recipes["vanilla"].run.run_id,
        split=fold_name(runs),
        n=found.n,
        interval=Interval(one.gain.low, one.gain.high, method=PAIRED),
        field="predictions.parquet",
    )


def share_sentence(one: Share) -> str:
    """The share in words, by sign and size."""
    name, scaling = NAMES[one.metric], _effect(one.by_scaling)
    if one.undefined:
        return f"Undefined for the {name}: {one.undefined}. A temperature alone moves it by {scaling}."
    assert one.share is not None and one.bounds is not None  # noqa: S101, PT018 - for the type checker
    span = show_interval(one.bounds, "fraction")
    lead = f"Distilling moves the {name} by {_effect(one.gain)}, vanilla's temperature alone by {scaling}"
    if one.share < 0:
        return f"{lead}: in the wrong direction, a share of {show(one.share, 'fraction')} {span}."
    more = " A share above 100 % means that scaling alone goes further." if one.share > 1 else ""
    if one.rest.verdict == "null":
        more += " The rows do not tell the scaled student from the distilled one."
    return f"{lead}: {show(one.share, 'fraction')} {span} of distillation's gain.{more}"


def _effect(found: Difference) -> str:
    span = show_interval(Interval(found.low, found.high, PAIRED), "score", signed=True)
    return f"{show(found.delta, 'score', signed=True)} {span}"


def tempering_table(board: Board, found: Tempering, table_id: str) -> Table:
    """The four recipes side by side."""
    runs, whole = board.runs, board.tiers[-1]
    k = len(board.counts)
    rows: list[dict[str, Scalar | Value]] = []
    for key, recipe in found.recipes.items():
        fitted = recipe.temperature
        rows.append(
            {
                "recipe": recipe.name,
                "t": f"{fitted.t:.3f}" if fitted else "1 (none)",
                "gradient": f"{abs(fitted.gradient):.0e}".replace("e-", "e−") if fitted else None,
                **{
                    metric: Value(
                        metric if not fitted else f"{metric}_scaled",
                        board.point(metric, recipe.name, whole, held=True),
                        "score",
                        run=recipe.run.run_id,
                        split=fold_name(runs),
                        n=found.n,
                        field="predictions.parquet",
                    )
                    for metric in ("ece", "nll")
                },
                "macro_f1": scores(board.labels[board.held], recipe.rows.predictions[board.held], k).macro_f1,
                "trains": "no" if key == "vanilla+T" else None if key == "vanilla" else "yes",
            }
        )
    return Table(
        id=table_id,
        caption=f"Each student with and without its own temperature. T is fitted to convergence on the calibration "
        f"fold ({found.fitted_on:,} rows of {runs.split}); everything shown is measured on the evaluation fold "
        f"(n = {found.n:,}), so it differs from figures of the whole split. Scaling changes no prediction: macro F1 "
        "stays.",
        columns=(
            Column("recipe", "Recipe"),
            Column("t", "T", "number"),
            Column("gradient", "|gradient|", "number", help="at T"),
            Column("ece", "ECE", "score"),
            Column("nll", "NLL", "score"),
            Column("macro_f1", "Macro F1", "score", help="whole label list"),
            Column("trains", "Needs a teacher"),
        ),
        rows=tuple(rows),
        row_header="recipe",
    )
