"""A dataset of the Hugging Face Hub, at the revision it has today. Its code is never executed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .sources import ALL, Source

if TYPE_CHECKING:
    import pandas as pd

_TIMEOUT_S = 5.0
_SPLIT = {"validation": "val", "valid": "val", "dev": "val"}


def read_hub(name: str) -> Source:
    """The tables of the Hub dataset `owner/name`; without a network, those of its local cache.

    Raises:
        InputError: the extra is not installed, the dataset does not exist, or it is neither reachable nor cached.
    """
    try:
        import datasets
        import huggingface_hub
    except ImportError:
        raise InputError(
            "reading a Hub dataset needs the package datasets", where=name, remedy="pip install 'reportgen[train]'"
        ) from None

    # One quick question first: load_dataset alone would repeat it for minutes where there is no network.
    revision, licence = None, None
    try:
        info = huggingface_hub.HfApi().dataset_info(name, timeout=_TIMEOUT_S)
        revision = info.sha
        licence = info.card_data.get("license") if info.card_data else None
    except (huggingface_hub.errors.RepositoryNotFoundError, huggingface_hub.errors.HFValidationError):
        raise InputError("the Hub has no such dataset", where=name, remedy="check the name owner/name") from None
    except Exception as error:
        reason = _reason(error)

    cached_only = revision is None
    try:
        with _offline() if cached_only else nullcontext():
            loaded = datasets.load_dataset(name, revision=revision)
    except Exception as error:
        if cached_only:
            raise InputError(
                f"the Hub cannot be reached ({reason}) and there is no cached copy",
                where=name,
                remedy="go online, or download the files and give their folder",
            ) from None
        raise InputError(f"the Hub dataset cannot be loaded: {_reason(error)}", where=name) from None
    notes = (f"{name}: the Hub could not be reached; the cached copy was used.",) if cached_only else ()
    tables = {_SPLIT.get(split, split): _frame(part) for split, part in loaded.items()}
    known = {split: tables[split] for split in ("train", "val", "test") if split in tables}
    if not known:
        if len(tables) != 1:
            raise InputError(f"no train or test split, only {', '.join(tables)}", where=name)
        known = {ALL: next(iter(tables.values()))}
    return Source(name, known, revision=revision, licence=str(licence) if licence else None, notes=notes)


@contextmanager
def _offline() -> Iterator[None]:
    """Make both libraries look at their cache only; they read their environment variable once, at import."""
    import datasets.config
    import huggingface_hub.constants

    switches: tuple[Any, ...] = (datasets.config, huggingface_hub.constants)
    before = [switch.HF_HUB_OFFLINE for switch in switches]
    for switch in switches:
        switch.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        for switch, value in zip(switches, before, strict=True):
            switch.HF_HUB_OFFLINE = value


def _frame(part: Any) -> pd.DataFrame:
    """A split as a frame; label ids become the names the dataset declares."""
    frame: pd.DataFrame = part.to_pandas()
    for column, feature in part.features.items():
        names = getattr(feature, "names", None)
        if names:
            frame[column] = frame[column].map(dict(enumerate(names)))
    return frame


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:160]
