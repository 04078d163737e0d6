"""A linear student of a teacher, for machines that cannot carry a transformer: TF-IDF and one matrix of weights."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from reportgen.bundle.schema import MemoryRecord, ModelInfo

from .derive import as_parent
from .registry import RunContext, RunnerConfig, RunResult, runner
from .teacher import teacher_logits
from .tfidf import vectoriser
from .timing import time_model

if TYPE_CHECKING:
    from numpy.typing import NDArray


class LinearStudentConfig(RunnerConfig):
    """The features of the `tfidf` runner and the loss of `distill`."""

    teacher: str = Field(description="run_id of the teacher.")
    alpha: float = Field(0.7, ge=0, le=1, description="Weight of the teacher's term.")
    temperature: float = Field(4.0, gt=0, description="T of both distributions in the teacher's term.")
    max_features: int = Field(50_000, ge=1)
    ngram_max: int = Field(2, ge=1, le=5)
    sublinear_tf: bool = True
    strip_accents: str | None = "unicode"
    C: float = Field(10.0, gt=0, description="Inverse strength of the L2 penalty, as in scikit-learn.")
    max_iter: int = Field(500, ge=1)


@dataclass(frozen=True)
class SoftFit:
    """A linear softmax: weights (F, K), bias (K,)."""

    weights: NDArray[np.float64]
    bias: NDArray[np.float64]
    iterations: int
    converged: bool


@runner("distill-linear", LinearStudentConfig, family="linear")
def distill_linear(ctx: RunContext) -> RunResult:
    """Distil a teacher into TF-IDF and a linear softmax that scores on any CPU."""
    cfg: LinearStudentConfig = ctx.config
    teacher, bundle = teacher_logits(ctx, cfg.teacher)
    train = ctx.data.splits["train"]
    started = time.perf_counter()
    counter = vectoriser(cfg)
    features = counter.fit_transform(train.texts)
    fit = fit_soft(features, train.labels, teacher, cfg.alpha, cfg.temperature, cfg.C, cfg.max_iter)
    fitted = time.perf_counter()
    ctx.say(f"{features.shape[1]:,} features, {fit.iterations} iterations in {fitted - started:.1f} s")
    weights, bias = fit.weights.astype(np.float32), fit.bias.astype(np.float32)

    def score(texts: NDArray[np.object_]) -> NDArray[np.float32]:
        return np.asarray(counter.transform(texts) @ weights + bias, np.float32)

    scored = {name: split for name, split in ctx.data.splits.items() if name != "train"}
    logits = {name: score(split.texts) for name, split in scored.items()}
    sample = next((split.texts for split in scored.values()), train.texts)
    size = weights.size + bias.size
    return RunResult(
        model=ModelInfo(
            name="TF-IDF + linear softmax",
            family="linear",
            parameters=size,
            trainable_parameters=size,
            precision="fp32",
        ),
        logits=logits,
        trained_on=("train",),
        latency=time_model(score, sample, timed="vectorise + score", dtype="fp32", tokenisation=True),
        memory=(MemoryRecord(bytes=weights.nbytes + bias.nbytes, kind="weights_on_disk"),),
        parents=(as_parent(bundle, "teacher"),),
        timings={"train": fitted - started, "score": time.perf_counter() - fitted},
        decided={
            "features": int(features.shape[1]),
            "iterations": fit.iterations,
            "converged": fit.converged,
            "teacher_temperature": cfg.temperature,
        },
    )


def fit_soft(
    features: Any,
    labels: NDArray[np.integer],
    teacher: NDArray[np.floating],
    alpha: float,
    temperature: float,
    c: float,
    max_iter: int,
) -> SoftFit:
    """Minimise the mean of α T² KL(teacher ‖ student) + (1 − α) CE, plus ‖W‖² / (2 C n); the bias is not penalised.

    Own gradient and L-BFGS because scikit-learn's logistic regression takes no soft targets; at α = 0 it is the same
    problem.

    Args:
        features: (n, F), sparse or dense.
        labels: (n,) ids.
        teacher: (n, K) logits.
        alpha: weight of the soft term.
        temperature: T > 0.
        c: inverse strength of the penalty.
        max_iter: steps at most.
    """
    from scipy.optimize import minimize
    from scipy.special import log_softmax

    n, width = features.shape
    k = teacher.shape[1]
    rows = np.arange(n)
    target = log_softmax(np.asarray(teacher, np.float64) / temperature, axis=1)
    p = np.exp(target)

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        w, b = flat[: width * k].reshape(width, k), flat[width * k :]
        z = features @ w + b
        soft, hard = log_softmax(z / temperature, axis=1), log_softmax(z, axis=1)
        value = alpha * temperature**2 * (p * (target - soft)).sum() - (1 - alpha) * hard[rows, labels].sum()
        slope = (1 - alpha) * np.exp(hard) + alpha * temperature * (np.exp(soft) - p)
        slope[rows, labels] -= 1 - alpha
        whole = np.concatenate([(features.T @ slope + w / c).ravel(), slope.sum(axis=0)])
        return (value + (w**2).sum() / (2 * c)) / n, whole / n

    found = minimize(loss, np.zeros((width + 1) * k), jac=True, method="L-BFGS-B", options={"maxiter": max_iter})
    w, b = found.x[: width * k].reshape(width, k), found.x[width * k :]
    return SoftFit(w, b, int(found.nit), bool(found.success))
