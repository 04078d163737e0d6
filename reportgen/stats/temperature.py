"""Temperature scaling: one number that divides the logits and leaves every prediction as it was (Guo et al., 2017)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from reportgen.errors import InputError, UsageError
from reportgen.stats import _check
from reportgen.stats._check import Floats, Ints

T_MIN, T_MAX = 1e-2, 1e2
TOLERANCE = 1e-6
MAX_STEPS = 100


@dataclass(frozen=True)
class Temperature:
    """A fitted temperature.

    Attributes:
        t: the divisor of the logits.
        gradient: derivative of the mean NLL by ln T at `t`, in nats; 0 at the optimum.
        converged: |gradient| < 1e-6. False when the optimum lies outside 0.01…100 (then `t` is the bound), and for
            the course's recipes, which stop early.
        n: rows it was fitted on.
        iterations: evaluations of the gradient.
    """

    t: float
    gradient: float
    converged: bool
    n: int
    iterations: int


class _Loss:
    """Mean NLL of logits / T: its derivative by the inverse temperature β = 1 / T, which rises with β (convexity)."""

    def __init__(self, logits: ArrayLike, labels: ArrayLike) -> None:
        z = _check.floats(logits, "logits", ndim=2)
        y: Ints = _check.label_rows(labels, z.shape[1])
        _check.same_length("labels", y, len(z))
        if not y.size:
            raise InputError("there are no rows to fit a temperature on")
        # Against the true label's logit; softmax does not see the shift.
        self.z: Floats = z - z[np.arange(y.size), y][:, None]
        self.highest: Floats = self.z.max(axis=1, keepdims=True)
        self.n = y.size
        self.below: Floats = self.z - self.highest
        self.weights: Floats = np.empty_like(self.z)
        self.evaluations = 0
        self._last: tuple[float, float, float] | None = None

    def _at(self, beta: float) -> tuple[float, float]:
        """Value and derivative by β; one pass serves both, as a step of the course's fit asks for both."""
        if self._last is None or self._last[0] != beta:
            # Into one array for all passes: fetching fresh memory takes as long as the exponentials.
            np.exp(np.multiply(self.below, beta, out=self.weights), out=self.weights)
            self.sums: Floats = self.weights.sum(axis=1)
            self.means: Floats = np.einsum("nk,nk->n", self.weights, self.z) / self.sums
            value = float((np.log(self.sums) + beta * self.highest[:, 0]).mean())
            self._last = (beta, value, float(self.means.mean()))
        return self._last[1:]

    def by_beta(self, beta: float) -> float:
        self.evaluations += 1
        return self._at(beta)[1]

    def value(self, t: float) -> float:
        return self._at(1 / t)[0]

    def by_log_t(self, t: float) -> float:
        return -self.by_beta(1 / t) / t

    def curvature(self, beta: float) -> float:
        """Second derivative by β: the mean variance of the logits under the softmax."""
        self._at(beta)
        squares = np.einsum("nk,nk,nk->n", self.weights, self.z, self.z) / self.sums
        return float((squares - self.means**2).mean())

    def root(self, low: float, high: float) -> float:
        """The β between two bounds where the derivative is zero: Newton's steps, halving wherever one leads astray."""
        beta = 1.0
        for _ in range(MAX_STEPS):
            slope = self.by_beta(beta)
            low, high = (beta, high) if slope < 0 else (low, beta)
            curvature = self.curvature(beta)
            step = beta - slope / curvature if curvature > 0 else low
            following = step if low < step < high else math.sqrt(low * high)
            moved, beta = abs(following - beta), following
            # Newton's steps square the error: after one as small as this nothing but rounding is left.
            if moved <= 1e-8 * beta:
                break
        return beta


def fit_temperature(logits: ArrayLike, labels: ArrayLike) -> Temperature:
    """The temperature of least NLL on the rows given: fit on a calibration fold, report on the other.

    The NLL is convex in β = 1 / T, so its derivative has one root; Newton's method finds it within bounds. Own code
    instead of scipy.optimize.brentq: half the passes over the logits, and its import alone takes longer than a fit.

    Args:
        logits: (n, k).
        labels: (n,) true ids.

    Raises:
        InputError: arrays that do not fit each other, or no rows.
    """
    loss = _Loss(logits, labels)
    low, high = 1 / T_MAX, 1 / T_MIN
    if loss.by_beta(high) <= 0:
        # Even the sharpest distribution is not sharp enough: every row is right, and T → 0.
        beta = high
    elif loss.by_beta(low) >= 0:
        # The logits say nothing true about the labels: T → ∞.
        beta = low
    else:
        beta = loss.root(low, high)
    gradient = loss.by_log_t(1 / beta)
    inside = low < beta < high
    return Temperature(1 / beta, gradient, inside and abs(gradient) < TOLERANCE, loss.n, loss.evaluations)


def apply_temperature(logits: ArrayLike, t: float) -> Floats:
    """Logits / T, after making sure that no prediction changes.

    Raises:
        InputError: a T that is not positive and finite, or one that makes distinct logits equal by rounding.
    """
    z = _check.floats(logits, "logits", ndim=2)
    if not (np.isfinite(t) and t > 0):
        raise InputError(f"a temperature must be positive, got {t}")
    scaled = z / t
    if z.size and (not np.isfinite(scaled).all() or (scaled.argmax(axis=1) != z.argmax(axis=1)).any()):
        raise InputError(f"temperature {t:g} changes predictions by rounding", remedy="use a temperature nearer to 1")
    return scaled


Recipe = Literal["week4", "week5"]
_RECIPES: dict[str, tuple[float, float, int, bool]] = {
    # recipe: initial T, learning rate, iterations, whether ln T is the parameter
    "week4": (1.5, 0.1, 200, False),
    "week5": (1.0, 0.01, 50, True),
}


def course_temperature(logits: ArrayLike, labels: ArrayLike, recipe: Recipe = "week5") -> Temperature:
    """What the course's own fit returns, converged or not; shown beside `fit_temperature`, never instead of it.

    PyTorch's L-BFGS without line search, in one dimension: after a first step of lr · min(1, 1/|g|) against the
    gradient g, each step is lr times the secant step, because one curvature pair fixes a 1 × 1 inverse Hessian.
    With lr = .01, 50 such steps cover only some two fifths of the way to the optimum in ln T. The stops are
    PyTorch's: |g| ≤ 1e-7; a step, a change of the loss or a predicted decrease below 1e-9.

    Args:
        logits: (n, k).
        labels: (n,) true ids.
        recipe: "week4" (T from 1.5, lr .1, 200 iterations) or "week5" (ln T from 0, lr .01, 50 iterations).

    Raises:
        UsageError: another recipe.
        InputError: arrays that do not fit each other, or no rows.
    """
    if recipe not in _RECIPES:
        raise UsageError(f"there is no temperature recipe {recipe!r}", remedy=f"choose one of {', '.join(_RECIPES)}")
    start, rate, iterations, logarithmic = _RECIPES[recipe]
    loss = _Loss(logits, labels)

    def temperature(x: float) -> float:
        return float(np.exp(x)) if logarithmic else x

    def gradient(x: float) -> float:
        t = temperature(x)
        return loss.by_log_t(t) / (1.0 if logarithmic else t)

    x = float(np.log(start)) if logarithmic else start
    value, g, inverse_curvature = loss.value(start), gradient(x), 1.0
    for i in range(iterations):
        direction = -g * inverse_curvature
        if abs(g) <= 1e-7 or g * direction > -1e-9:
            break
        step = rate * direction * (min(1.0, 1 / abs(g)) if i == 0 else 1.0)
        if temperature(x + step) <= 0:
            raise InputError(f"the course's {recipe} fit leaves the positive temperatures on these logits")
        x += step
        previous_value, value = value, loss.value(temperature(x))
        previous, g = g, gradient(x)
        if abs(step) <= 1e-9 or abs(value - previous_value) < 1e-9:
            break
        if (g - previous) * step > 1e-10:
            inverse_curvature = step / (g - previous)
    t = temperature(x)
    final = loss.by_log_t(t)
    return Temperature(t, final, abs(final) < TOLERANCE, loss.n, loss.evaluations)
