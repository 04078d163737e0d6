"""A frozen encoder, normalised embeddings and a linear head: the cheapest model that knows rare labels."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from reportgen.bundle.schema import ModelInfo
from reportgen.errors import InputError

from . import device
from .adapters import count_parameters
from .batching import Scorer, Tokens, tokenise
from .choose import ROWS, Choice, choose, thinned
from .classifiers import trained_pooling
from .finetune import memory, readable
from .heads import Pooling, pool
from .losses import class_weights
from .registry import RunContext, RunnerConfig, RunResult, runner
from .timing import time_model
from .weights import Weights, cache_dir, resolve

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray


C_GRID = (3.0, 10.0, 30.0)
TAU_GRID = tuple(step / 10 for step in range(21))


class EmbedConfig(RunnerConfig):
    """Levers of the frozen encoder and its head."""

    model: str = "minilm"
    revision: str | None = None
    max_length: int = Field(128, ge=4)
    pooling: Literal["auto", "mean", "cls", "last"] = Field("auto", description="auto: as trained, else mean.")
    eval_batch_size: int = Field(64, ge=1)
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    C: Annotated[float, Field(gt=0)] | Literal["auto"] = Field(
        10.0, description="Inverse strength of the L2 penalty; auto: chosen out of fold."
    )
    class_weight: Literal["sqrt", "balanced"] | None = None
    tau: Annotated[float, Field(ge=0)] | Literal["auto"] = Field(
        0.0, description="Post-hoc logit adjustment: logits − τ·log prior; 1 aims at rare labels; auto: out of fold."
    )
    label_names_as_rows: bool = Field(False, description="Add each label's name to the training rows.")
    max_iter: int = Field(1_000, ge=1)
    score_train: bool = False
    latency: bool = True


@runner("embed", EmbedConfig, family="embed")
def embed(ctx: RunContext) -> RunResult:
    """Logistic regression on normalised embeddings of a frozen encoder, with optional logit adjustment."""
    from reportgen.stats import log_prior

    cfg: EmbedConfig = ctx.config
    data = ctx.data
    if "train" not in data.splits:
        raise InputError("there is no training split to learn from", where=data.name)
    encoder = Encoder.load(cfg, ctx)
    clock = [time.perf_counter()]
    tokens = {
        name: tokenise(encoder.scorer.tokenizer, split.texts, cfg.max_length) for name, split in data.splits.items()
    }
    vectors = {name: encoder.vectors(tokens[name], split.texts) for name, split in data.splits.items()}
    features, labels = vectors["train"], data.splits["train"].labels.astype(np.int64)
    if cfg.label_names_as_rows:
        names = np.array([readable(label) for label in data.labels], dtype=object)
        extra = encoder.vectors(tokenise(encoder.scorer.tokenizer, names, cfg.max_length), names)
        features, labels = np.concatenate([features, extra]), np.concatenate([labels, np.arange(len(names))])
    clock.append(time.perf_counter())
    total = sum(map(len, vectors.values()))
    ctx.say(f"{total:,} embeddings in {clock[1] - clock[0]:.1f} s, {encoder.cached:,} of them cached")

    choice = None
    if "auto" in (cfg.C, cfg.tau):
        choice = _chosen(features, labels, len(vectors["train"]), len(data.labels), cfg, ctx.seed)
        cfg = cfg.model_copy(update={"C": choice.C, "tau": choice.tau})
        ctx.say(f"C {choice.C:g}, tau {choice.tau:g}: balanced accuracy {choice.score:.4f} out of fold")
    weight, bias, iterations = fit_linear(features, labels, len(data.labels), cfg)
    # τ shifts by the prior the head was fitted on, label-name rows included.
    shift = cfg.tau * log_prior(np.bincount(labels, minlength=len(data.labels)))
    bias = (bias - shift).astype(np.float32)
    clock.append(time.perf_counter())
    ctx.say(f"logistic regression in {clock[2] - clock[1]:.1f} s, {iterations} iterations")

    scored = [name for name in data.splits if name != "train" or cfg.score_train]
    logits = {name: vectors[name] @ weight.T + bias for name in scored}
    clock.append(time.perf_counter())
    sample = next(name for name in ("test", "val", "train") if name in tokens)
    latency = ()
    if cfg.latency:
        latency = time_model(
            lambda texts: encoder.scorer.texts(texts) @ weight.T + bias,
            data.splits[sample].texts,
            timed="tokenise + embed + score",
            dtype=encoder.precision,
            tokenisation=True,
            device=encoder.scorer.device.type,
            padding="dynamic",
            token_lengths=tokens[sample].full_lengths,
            synchronise=lambda: device.synchronise(encoder.scorer.device),
        )
    head = weight.size + bias.size
    return RunResult(
        model=ModelInfo(
            name=f"{encoder.weights.name} + logistic regression",
            family="embed",
            revision=encoder.weights.revision,
            parameters=count_parameters(encoder.scorer.model) + head,
            trainable_parameters=head,
            precision=encoder.precision,
        ),
        logits=logits,
        trained_on=("train",),
        latency=latency,
        memory=memory(encoder.scorer.model, encoder.scorer.device),
        hardware=encoder.hardware,
        timings=dict(zip(("embed", "train", "score"), np.diff(clock).tolist(), strict=True)),
        decided={
            "pooling_used": encoder.pooling,
            "precision_used": encoder.precision,
            "iterations": iterations,
            "converged": iterations < cfg.max_iter,
            "n_train": len(labels),
            "C_used": cfg.C,
            "tau_used": cfg.tau,
            **(choice.decided() if choice else {}),
            "eval_batch_size_used": encoder.scorer.batch_size,
            "weights_source": encoder.weights.source,
        },
        tokens={name: part.full_lengths for name, part in tokens.items()},
        score=lambda texts: encoder.scorer.texts(texts) @ weight.T + bias,
    )


class Encoder:
    """Texts to unit vectors, with a cache on disk."""

    def __init__(self, weights: Weights, scorer: Scorer, pooling: Pooling, precision: str, hardware: Any) -> None:
        self.weights, self.scorer, self.pooling = weights, scorer, pooling
        self.precision, self.hardware = precision, hardware
        self.cached = 0

    @classmethod
    def load(cls, cfg: EmbedConfig, ctx: RunContext) -> Encoder:
        """The encoder a config names."""
        accelerator, precision = device.accelerator(cfg.precision)
        weights = resolve(cfg.model, cfg.revision)
        pooling = trained_pooling(weights) or "mean" if cfg.pooling == "auto" else cfg.pooling
        tokenizer = weights.tokenizer()
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token

        def unit(out: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
            import torch

            # Pool in float32: half precision would blur the differences the linear head lives on.
            vectors = pool(out.last_hidden_state.float(), batch["attention_mask"], pooling)
            return torch.nn.functional.normalize(vectors, dim=-1)

        scorer = Scorer(
            weights.load_backbone().to(accelerator.device),
            tokenizer,
            cfg.eval_batch_size,
            device=accelerator.device,
            max_length=cfg.max_length,
            autocast=accelerator.autocast,
            output=unit,
        )
        ctx.say(f"{weights.name} ({weights.source}, {weights.revision}), {pooling} pooling, {precision}")
        return cls(weights, scorer, pooling, precision, device.hardware(accelerator))

    def vectors(self, tokens: Tokens, texts: NDArray[np.object_]) -> NDArray[np.float32]:
        """Unit vectors, shape (n, H); computed once for the same weights, settings and texts."""
        file = cache_dir() / "embeddings" / f"{self._key(texts)}.npy"
        if file.is_file():
            try:
                found: NDArray[np.float32] = np.load(file, allow_pickle=False)
            except (OSError, ValueError, EOFError):
                file.unlink(missing_ok=True)
            else:
                if found.shape == (len(texts), self.scorer.model.config.hidden_size):
                    self.cached += len(texts)
                    return found
        computed = self.scorer.tokens(tokens)
        file.parent.mkdir(parents=True, exist_ok=True)
        scratch = file.with_name(f".{file.stem}.{time.monotonic_ns()}.npy")
        np.save(scratch, computed, allow_pickle=False)
        scratch.replace(file)
        return computed

    def _key(self, texts: NDArray[np.object_]) -> str:
        said = [self.weights.name, self.weights.revision, self.pooling, self.precision, self.scorer.max_length]
        whole = hashlib.sha256("\0".join(map(str, said)).encode())
        for text in texts:
            whole.update(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())
        return whole.hexdigest()


def _chosen(
    features: NDArray[np.float32], labels: NDArray[np.int64], rows: int, n_labels: int, cfg: EmbedConfig, seed: int
) -> Choice:
    def fit(
        x: NDArray[np.float32], y: NDArray[np.int64], strength: float
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return fit_linear(x, y, n_labels, cfg.model_copy(update={"C": strength}))[:2]

    strengths = C_GRID if cfg.C == "auto" else (cfg.C,)
    taus = TAU_GRID if cfg.tau == "auto" else (cfg.tau,)
    if rows > ROWS:
        kept = thinned(labels[:rows], ROWS, seed)
        rows, keep = len(kept), np.concatenate([kept, np.arange(rows, len(labels))])
        features, labels = features[keep], labels[keep]
    return choose(features, labels, rows, n_labels, fit, strengths=strengths, taus=taus, seed=seed)


def fit_linear(
    features: NDArray[np.float32], labels: NDArray[np.int64], n_labels: int, cfg: EmbedConfig
) -> tuple[NDArray[np.float32], NDArray[np.float32], int]:
    """Weights (K, H), bias (K,) and iterations of a multinomial logistic regression.

    A label without training rows gets zero weights and the lowest bias less 20 nats: finite, and last.
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    present = np.unique(labels)
    if len(present) < 2:
        raise InputError("the training split has one label only", remedy="a classifier needs at least two")
    weight: str | dict[int, float] | None = cfg.class_weight
    if cfg.class_weight == "sqrt":
        counts = np.bincount(labels, minlength=n_labels)
        by_label = class_weights(counts, "sqrt")
        # Mean 1 over the rows, as scikit-learn's balanced weights have, so that C keeps its meaning.
        by_label = by_label * counts.sum() / (by_label * counts).sum()
        weight = {int(label): float(by_label[label]) for label in present}
    model = LogisticRegression(C=cfg.C, class_weight=weight, max_iter=cfg.max_iter)
    # Products this small wait for their threads: one was 5 times as fast on 2 shared cores (3,000 rows, 77 labels).
    with threadpool_limits(1, "blas"):
        model.fit(features, labels)
    coef, intercept = model.coef_, model.intercept_
    if len(present) == 2:  # scikit-learn keeps one row for two labels
        coef, intercept = np.vstack([-coef / 2, coef / 2]), np.concatenate([-intercept / 2, intercept / 2])
    out = np.zeros((n_labels, features.shape[1]), np.float32)
    bias = np.full(n_labels, intercept.min() - 20, np.float32)
    out[present], bias[present] = coef, intercept
    return out, bias, int(np.max(model.n_iter_))
