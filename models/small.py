"""The linear model that ships with the app: trained by one command, scored with numpy alone.

    python -m models.small --data complaints.parquet --out reportgen/web/model/complaints.safetensors

Words and pairs of words weighted by TF-IDF, multinomial logistic regression on top: the course's baseline, cut to the
terms that fit in two megabytes. Labels without a training row are not in it, and it says so.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reportgen.errors import InputError

if TYPE_CHECKING:
    from reportgen.data import Dataset

Floats = NDArray[np.float64]

MOST_BYTES = 2_000_000
_FORMAT = "reportgen/small/1"
_WORD = re.compile(r"(?u)\b\w\w+\b")
_MAX_FEATURES = 12_000
_STRENGTHS = (1.0, 3.0, 10.0, 30.0)


@dataclass(frozen=True)
class SmallModel:
    """TF-IDF and a linear layer over the labels that had training rows.

    Shapes: `weights` (S, V), `bias` (S,), `idf` (V,), `seen` (S,) ids in the label list; `train_counts`, `said` and
    `said_adjusted` (K,): training rows of a label, and held-out complaints it was predicted for, plain and adjusted.
    """

    labels: tuple[str, ...]
    terms: tuple[str, ...]
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    idf: NDArray[np.float32]
    seen: NDArray[np.int64]
    train_counts: NDArray[np.int64]
    said: NDArray[np.int64]
    said_adjusted: NDArray[np.int64]
    card: Mapping[str, Any]
    """Temperature, tau and the temperature after it, held-out scores, provenance."""

    @cached_property
    def _position(self) -> dict[str, int]:
        return {term: at for at, term in enumerate(self.terms)}

    def features(self, text: str) -> tuple[NDArray[np.int64], Floats]:
        """Positions and L2-normalised weights of the terms of a text that the model knows."""
        words = _WORD.findall(_plain(text))
        pairs = (f"{a} {b}" for a, b in pairwise(words))
        counts = Counter(self._position[term] for source in (words, pairs) for term in source if term in self._position)
        at = np.fromiter(counts, np.int64, len(counts))
        values = (1 + np.log(np.fromiter(counts.values(), np.float64, len(counts)))) * self.idf[at]
        length = np.linalg.norm(values)
        return at, values / length if length else values

    def logits(self, text: str) -> Floats:
        """Scores of the labels the model has seen, shape (S,), in the order of `seen`."""
        at, values = self.features(text)
        return np.asarray(self.weights[:, at] @ values + self.bias, dtype=np.float64)

    def adjusted(self, logits: Floats) -> Floats:
        """Logits − τ · ln prior: the free remedy for rare labels (Menon et al., 2021), τ chosen on validation rows."""
        share = self.train_counts[self.seen]
        return np.asarray(logits - self.card["tau"] * np.log(share / share.sum()), dtype=np.float64)


def load_small(file: Path) -> SmallModel:
    """The shipped model.

    Raises:
        InputError: it is missing, or not one.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="np") as stored:
            said = stored.metadata() or {}
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 - not a dict
    except (OSError, SafetensorError):
        raise InputError("not a readable model", where=file, remedy="train it with python -m models.small") from None
    if said.get("format") != _FORMAT:
        raise InputError("not a model of this kind", where=file, remedy="train it with python -m models.small")
    counts = {name: tensors[name].astype(np.int64) for name in ("seen", "train_counts", "said", "said_adjusted")}
    return SmallModel(
        labels=tuple(json.loads(said["labels"])),
        terms=tuple(json.loads(said["terms"])),
        weights=tensors["weights"].astype(np.float32),
        bias=tensors["bias"],
        idf=tensors["idf"],
        card=json.loads(said["card"]),
        **counts,
    )


def train(data: Dataset, *, provenance: str) -> SmallModel:
    """Fit on train, choose strength, temperature and τ on val, score once on test.

    Raises:
        InputError: a split is missing or has too few labels.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    from reportgen.stats import adjust, choose_tau, fit_temperature, log_prior, nll

    if missing := [name for name in ("train", "val", "test") if name not in data.splits]:
        raise InputError(f"no split {missing[0]}", where=data.name, remedy="give a source with enough rows")
    fitted, held, final = (data.splits[name] for name in ("train", "val", "test"))
    seen, targets = np.unique(fitted.labels, return_inverse=True)
    if len(seen) < 2:
        raise InputError("one label only in the training rows", where=data.name, remedy="give more rows")
    vectoriser = TfidfVectorizer(
        max_features=_MAX_FEATURES, ngram_range=(1, 2), sublinear_tf=True, strip_accents="unicode", min_df=2
    )
    x = vectoriser.fit_transform(fitted.texts)
    position = {label: at for at, label in enumerate(seen.tolist())}
    known = np.array([label in position for label in held.labels.tolist()])
    held_x, held_y = (
        vectoriser.transform(held.texts[known]),
        np.array([position[y] for y in held.labels[known].tolist()]),
    )
    tried = [LogisticRegression(C=c, max_iter=2_000).fit(x, targets) for c in _STRENGTHS]
    best = min(tried, key=lambda fit: float(nll(_score(fit, held_x), held_y)))
    logits = _score(best, held_x)
    prior = log_prior(np.bincount(targets, minlength=len(seen)))
    tau = choose_tau(logits, held_y, prior).tau
    card = {
        "temperature": fit_temperature(logits, held_y).t,
        "tau": tau,
        "temperature_adjusted": fit_temperature(adjust(logits, prior, tau), held_y).t,
        "strength": best.C,
        "rows": {"train": len(fitted), "val": len(held), "test": len(final)},
        "provenance": provenance,
    }
    model = SmallModel(
        labels=data.labels,
        terms=tuple(vectoriser.get_feature_names_out()),
        weights=best.coef_.astype(np.float16).astype(np.float32),
        bias=best.intercept_.astype(np.float32),
        idf=vectoriser.idf_.astype(np.float32),
        seen=seen.astype(np.int64),
        train_counts=data.train_counts,
        said=np.zeros(len(data.labels), np.int64),
        said_adjusted=np.zeros(len(data.labels), np.int64),
        card=card,
    )
    return _scored(model, final.texts, final.labels)


def save(model: SmallModel, file: Path) -> Path:
    """Write a model as one safetensors file.

    Raises:
        InputError: it would be larger than two megabytes, or cannot be written.
    """
    from safetensors.numpy import save as to_bytes

    tensors = {
        # safetensors writes the buffer as it lies: scikit-learn's coefficients may be in Fortran order.
        "weights": np.ascontiguousarray(model.weights, np.float16),
        "bias": model.bias,
        "idf": model.idf,
        "seen": model.seen.astype(np.int16),
        "train_counts": model.train_counts.astype(np.int32),
        "said": model.said.astype(np.int32),
        "said_adjusted": model.said_adjusted.astype(np.int32),
    }
    texts = {"labels": model.labels, "terms": model.terms, "card": model.card}
    said = {name: json.dumps(value, ensure_ascii=False) for name, value in texts.items()}
    data = to_bytes(tensors, {"format": _FORMAT, **said})
    if len(data) > MOST_BYTES:
        raise InputError(f"the model has {len(data):,} bytes", where=file, remedy="keep fewer terms")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    except OSError as error:
        raise InputError(f"cannot write: {error.strerror}", where=file, remedy="choose another --out") from None
    return file


def _scored(model: SmallModel, texts: Sequence[str], labels: NDArray[np.int16]) -> SmallModel:
    """The model with its scores on rows nothing was chosen on."""
    from dataclasses import replace

    from reportgen.stats import apply_temperature, confidence, ece, scores

    logits = np.stack([model.logits(text) for text in texts])
    adjusted = np.stack([model.adjusted(row) for row in logits])
    card, said = dict(model.card), {}
    for name, values, t in (
        ("plain", logits, card["temperature"]),
        ("adjusted", adjusted, card["temperature_adjusted"]),
    ):
        answers = model.seen[values.argmax(axis=1)]
        found = scores(labels, answers, len(model.labels))
        hits = answers == labels
        card[name] = {
            "accuracy": found.accuracy,
            "macro_f1": found.macro_f1,
            "zero_f1": found.zero_f1,
            "ece": float(ece(confidence(values), hits)),
            "ece_post": float(ece(confidence(apply_temperature(values, t)), hits)),
        }
        said[name] = np.bincount(answers, minlength=len(model.labels))
    majority = int(model.train_counts.argmax())
    card["majority"] = {"label": model.labels[majority], "accuracy": float((labels == majority).mean())}
    return replace(model, said=said["plain"], said_adjusted=said["adjusted"], card=card)


def _score(fit: Any, x: Any) -> Floats:
    """Scores as the stored half-precision weights will give them."""
    return np.asarray(x @ fit.coef_.T.astype(np.float16).astype(np.float64) + fit.intercept_, dtype=np.float64)


def _plain(text: str) -> str:
    """Lower case without accents, as scikit-learn's strip_accents="unicode"."""
    lowered = text.lower()
    if lowered.isascii():
        return lowered
    return "".join(c for c in unicodedata.normalize("NFKD", lowered) if not unicodedata.combining(c))


def main(arguments: Sequence[str] | None = None) -> int:
    """Train and write the model; prints its held-out scores."""
    import argparse

    from reportgen.data import load_dataset

    parser = argparse.ArgumentParser(prog="python -m models.small", description=__doc__.partition("\n")[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--text", default="narrative")
    parser.add_argument("--label", default="issue")
    parser.add_argument("--course", default="ecbs5200")
    parser.add_argument("--provenance", default="CFPB Consumer Complaint Database, US government work, public domain")
    parser.add_argument("--out", type=Path, required=True)
    said = parser.parse_args(arguments)
    data = load_dataset(said.data, text=said.text, label=said.label, course=said.course)
    model = train(data, provenance=said.provenance)
    file = save(model, said.out)
    print(f"{file}: {file.stat().st_size:,} bytes, {len(model.seen)} of {len(model.labels)} labels")  # noqa: T201
    print(json.dumps(model.card, indent=2))  # noqa: T201
    return 0


if __name__ == "__main__":
    import sys

    from reportgen.errors import ReportgenError

    try:
        sys.exit(main())
    except ReportgenError as problem:
        print(f"models.small: {problem}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
