"""TF-IDF and multinomial logistic regression: the baseline every fine-tune has to beat."""

from __future__ import annotations

import time
import warnings
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from reportgen.bundle.schema import MemoryRecord, ModelInfo
from reportgen.errors import InputError

from .registry import RunContext, RunnerConfig, RunResult, runner
from .timing import time_model

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sklearn.feature_extraction.text import TfidfVectorizer


class TfidfConfig(RunnerConfig):
    """The course's recipe; every key is one lever."""

    max_features: int = Field(50_000, ge=1)
    ngram_max: int = Field(2, ge=1, le=5)
    sublinear_tf: bool = True
    strip_accents: Literal["unicode", "ascii"] | None = "unicode"
    C: float = Field(1.0, gt=0, description="Inverse strength of the L2 penalty.")
    class_weight: Literal["balanced"] | None = None
    solver: Literal["sag", "lbfgs"] = Field(
        "sag",
        description="One optimum; sag gets there several times sooner (benchmarks/bench_tfidf.py).",
    )
    max_iter: int = Field(1_000, ge=1)
    tol: float = Field(1e-4, gt=0)


@runner("tfidf", TfidfConfig, family="linear")
def tfidf(ctx: RunContext) -> RunResult:
    """TF-IDF of word 1–2-grams and logistic regression (L2), fitted on train only."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    cfg: TfidfConfig = ctx.config
    train = ctx.data.splits["train"]
    if len(np.unique(train.labels)) < 2:
        raise InputError("the training split has one label only", remedy="a classifier needs at least two")

    counter = vectoriser(cfg)
    started = time.perf_counter()
    try:
        features = counter.fit_transform(train.texts)
    except ValueError as error:
        raise InputError(
            f"no words to count: {error}", where="the training texts", remedy="check the text column"
        ) from None
    vectorised = time.perf_counter()
    ctx.say(f"{features.shape[0]:,} texts → {features.shape[1]:,} features in {vectorised - started:.1f} s")
    classifier = LogisticRegression(
        C=cfg.C,
        solver=cfg.solver,
        max_iter=cfg.max_iter,
        tol=cfg.tol,
        class_weight=cfg.class_weight,
        random_state=ctx.seed,
    )
    with warnings.catch_warnings():
        # Reported as `converged` in the bundle instead, where the memo can see it.
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier.fit(features, train.labels)
    fitted = time.perf_counter()
    iterations = int(np.max(classifier.n_iter_))
    ctx.say(f"logistic regression in {fitted - vectorised:.1f} s, {iterations} iterations")

    n_labels = len(ctx.data.labels)
    weights, bias = _binary_as_two(classifier.coef_, classifier.intercept_)

    def score(texts: NDArray[np.object_]) -> NDArray[np.float32]:
        seen = counter.transform(texts) @ weights.T + bias
        # A label without a training row was never learnt: the lowest seen score minus 20 nats keeps it finite and last.
        logits = np.repeat(seen.min(axis=1, keepdims=True) - 20, n_labels, axis=1).astype(np.float32)
        logits[:, classifier.classes_] = seen
        return logits

    scored = {name: split for name, split in ctx.data.splits.items() if name != "train"}
    logits = {name: score(split.texts) for name, split in scored.items()}
    done = time.perf_counter()
    sample = next((split.texts for split in scored.values()), train.texts)
    return RunResult(
        model=ModelInfo(
            name="TF-IDF + logistic regression",
            family="linear",
            parameters=weights.size + bias.size,
            trainable_parameters=weights.size + bias.size,
            precision="fp32",
        ),
        logits=logits,
        trained_on=("train",),
        latency=time_model(score, sample, timed="vectorise + score", dtype="fp32", tokenisation=True),
        memory=(MemoryRecord(bytes=weights.nbytes + bias.nbytes, kind="weights_on_disk"),),
        timings={"vectorise": vectorised - started, "train": fitted - vectorised, "score": done - fitted},
        decided={
            "features": int(features.shape[1]),
            "iterations": iterations,
            "converged": iterations < cfg.max_iter,
            "labels_in_train": len(classifier.classes_),
        },
    )


def vectoriser(cfg: Any) -> TfidfVectorizer:
    """The TF-IDF of a config with max_features, ngram_max, sublinear_tf and strip_accents."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(
        max_features=cfg.max_features,
        ngram_range=(1, cfg.ngram_max),
        sublinear_tf=cfg.sublinear_tf,
        strip_accents=cfg.strip_accents,
        dtype=np.float32,
    )


def _binary_as_two(
    coef: NDArray[np.floating], intercept: NDArray[np.floating]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """One row of weights a label; scikit-learn keeps a single row where there are two labels."""
    if len(intercept) == 1:
        coef, intercept = np.vstack([-coef / 2, coef / 2]), np.concatenate([-intercept / 2, intercept / 2])
    return coef.astype(np.float32), intercept.astype(np.float32)
