"""Sequence classifiers from pretrained weights: built, saved and loaded again, always with tokenizer and labels."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from reportgen.errors import InputError, UsageError

from .adapters import check_adapter, peft_quiet
from .heads import Pooling, pooled_classifier
from .weights import Weights, resolve, without_pooler

CARD = "classifier.json"


@dataclass(frozen=True)
class Card:
    """What is needed, beside the weights, to build a saved classifier again."""

    family: Literal["encoder", "decoder"]
    base: str
    base_revision: str
    labels: tuple[str, ...]
    max_length: int
    pooling: str
    """stock: the architecture's own head; mean, cls, last: a linear head on that pooling."""
    side: Literal["left", "right"]
    head: str
    """Name of the module of class scores."""
    fresh: tuple[str, ...] = ()
    """Modules that the pretrained weights did not hold, the head among them: an adapter must bring them."""
    own_head: bool = False
    """Whether the head is ours (heads.py) and not the architecture's."""
    adapter: bool = False


@dataclass(frozen=True)
class Classifier:
    """A model, its tokenizer and its card."""

    model: Any
    tokenizer: Any
    card: Card


def build(
    weights: Weights,
    labels: Sequence[str],
    *,
    family: Literal["encoder", "decoder"],
    pooling: Pooling | Literal["auto", "stock"] = "auto",
    side: Literal["left", "right"] = "right",
    max_length: int = 128,
) -> Classifier:
    """Pretrained weights with a new head for `labels`.

    Pooling auto: sentence encoders (a 1_Pooling folder beside the weights) keep the pooling they were trained with,
    because the pooler of their stock head was not trained; all others get their architecture's own head.
    """
    from transformers import AutoModelForSequenceClassification

    tokenizer = weights.tokenizer()
    config = weights.config()
    longest = getattr(config, "max_position_embeddings", None)
    if longest and max_length > longest:
        raise UsageError(f"max_length {max_length} is more than the {longest} positions of {weights.name}")
    if pooling == "auto":
        pooling = "stock" if family == "decoder" else trained_pooling(weights) or "stock"
    options: dict[str, Any] = {}
    if hasattr(config, "classifier_pooling"):  # ModernBERT: its own head can do both
        if pooling in ("mean", "cls"):
            options["classifier_pooling"] = pooling
        pooling = "stock" if pooling != "last" else pooling
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    if pooling == "stock":
        model, loaded = weights.load(
            AutoModelForSequenceClassification, num_labels=len(labels), output_loading_info=True, **options
        )
        missing = loaded["missing_keys"]
        model.config.pad_token_id = tokenizer.pad_token_id
    else:
        model = pooled_classifier(weights.load_backbone(), len(labels), pooling)
        missing = []
    if hasattr(model.config, "use_cache"):
        model.config.use_cache = False
    tokenizer.padding_side = side
    return Classifier(
        model,
        tokenizer,
        Card(
            family=family,
            base=weights.name,
            base_revision=weights.revision,
            labels=tuple(labels),
            max_length=max_length,
            pooling=options.get("classifier_pooling", pooling),
            side=side,
            head=_head_name(model),
            fresh=tuple(sorted({_head_name(model), *_modules_of(missing, _head_name(model))})),
            own_head=pooling != "stock",
        ),
    )


def trained_pooling(weights: Weights) -> Pooling | None:
    """The pooling a sentence encoder says it was trained with; None where the folder says nothing."""
    file = weights.path / "1_Pooling" / "config.json"
    if not file.is_file():
        return None
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        raise InputError("not JSON", where=file) from None
    keys: dict[str, Pooling] = {
        "pooling_mode_mean_tokens": "mean",
        "pooling_mode_cls_token": "cls",
        "pooling_mode_lasttoken": "last",
    }
    return next((how for key, how in keys.items() if said.get(key)), None)


def save(classifier: Classifier, folder: Path, *, adapter: bool) -> None:
    """Write safetensors, tokenizer and card; an adapter without the base weights where `adapter`."""
    from safetensors.torch import save_file

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model = classifier.model
    if adapter:
        # The embeddings are frozen; "auto" would look at the Hub to find that out.
        model.save_pretrained(folder, save_embedding_layers=False, safe_serialization=True)
        (folder / "README.md").unlink(missing_ok=True)
    else:
        if hasattr(model, "merge_and_unload"):
            model = model.merge_and_unload()
        tensors = {name: tensor.detach().contiguous().cpu() for name, tensor in unshared(model).items()}
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        model.config.save_pretrained(folder)
    classifier.tokenizer.save_pretrained(folder)
    card = replace(classifier.card, adapter=adapter)
    (folder / CARD).write_text(json.dumps(asdict(card), ensure_ascii=False, indent=1), encoding="utf-8")


def load(folder: Path, labels: Sequence[str] | None = None) -> Classifier:
    """A classifier written by `save`.

    Args:
        labels: the labels of the data it is to score.

    Raises:
        InputError: no classifier there, its labels differ from the data's, or an adapter lacks its head.
    """
    card = read_card(folder)
    if labels is not None and tuple(labels) != card.labels:
        raise InputError(
            _label_difference(card.labels, tuple(labels)), where=folder, remedy="score the data it was trained on"
        )
    if card.adapter:
        from peft import PeftModel

        check_adapter(folder, card.fresh)
        weights = resolve(card.base)
        if weights.revision != card.base_revision:
            raise InputError(
                f"adapter of {card.base} {card.base_revision}, found {weights.revision}",
                where=folder,
                remedy="an adapter fits only the weights it was trained on",
            )
        base = _rebuild(weights, card)
        with peft_quiet():
            model = PeftModel.from_pretrained(base.model, str(folder))
        return Classifier(model, base.tokenizer, card)
    from safetensors.torch import load_file

    weights = Weights(str(folder), folder, "safetensors", "", "local")
    model = _empty(weights, card)
    tensors = load_file(folder / "model.safetensors")
    _, unexpected = model.load_state_dict(tensors, strict=False)
    missing = set(unshared(model)) - set(tensors)
    if missing or unexpected:
        raise InputError(f"tensors do not fit the model: {sorted(missing | set(unexpected))[:3]}", where=folder)
    tokenizer = weights.tokenizer()
    tokenizer.padding_side = card.side
    return Classifier(model, tokenizer, card)


def read_card(folder: Path) -> Card:
    """The card of a saved classifier.

    Raises:
        InputError: there is none, or it is not one.
    """
    file = folder / CARD
    if not file.is_file():
        raise InputError(
            f"no {CARD}: not a saved classifier", where=folder, remedy="train one with save=full or adapter"
        )
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        return Card(**{**said, "labels": tuple(said["labels"]), "fresh": tuple(said["fresh"])})
    except (ValueError, TypeError, KeyError):
        raise InputError("not the card of a saved classifier", where=file) from None


def _rebuild(weights: Weights, card: Card) -> Classifier:
    return build(
        weights,
        card.labels,
        family=card.family,
        pooling=card.pooling,  # type: ignore[arg-type]
        side=card.side,
        max_length=card.max_length,
    )


def _empty(weights: Weights, card: Card) -> Any:
    """The architecture of a saved classifier, with weights that are about to be replaced."""
    from transformers import AutoModel, AutoModelForSequenceClassification

    config = weights.config()
    if card.own_head:
        backbone = AutoModel.from_config(config, **without_pooler(config))
        return pooled_classifier(backbone, len(card.labels), card.pooling)  # type: ignore[arg-type]
    config.num_labels = len(card.labels)
    return AutoModelForSequenceClassification.from_config(config)


def unshared(model: Any) -> dict[str, Any]:
    """The state dict without tensors that are another name for one already there (tied embeddings)."""
    seen: set[int] = set()
    kept = {}
    for name, tensor in model.state_dict().items():
        if tensor.data_ptr() not in seen or tensor.numel() == 0:
            kept[name] = tensor
            seen.add(tensor.data_ptr())
    return kept


def _modules_of(keys: Iterable[str], head: str) -> set[str]:
    """The modules of parameters, those inside the head left out."""
    modules = {key.rpartition(".")[0] for key in keys}
    return {name for name in modules if name and name.split(".")[0] != head}


def _head_name(model: Any) -> str:
    """`classifier` or `score`: the top-level module that makes the class scores."""
    for name in ("classifier", "score"):
        if hasattr(model, name):
            return name
    raise InputError(f"{type(model).__name__} has no head called classifier or score", remedy="choose another model")


def _label_difference(model: tuple[str, ...], data: tuple[str, ...]) -> str:
    if len(model) != len(data):
        return f"the model knows {len(model)} labels, the data has {len(data)}"
    first = next(i for i, (a, b) in enumerate(zip(model, data, strict=True)) if a != b)
    return f"label {first} is {model[first]!r} in the model and {data[first]!r} in the data"
