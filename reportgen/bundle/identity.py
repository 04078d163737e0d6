"""What makes two starts the same run."""

from __future__ import annotations

from .digests import canonical_json
from .reader import Bundle
from .schema import Config, DatasetInfo


def differences(
    there: Bundle, config: Config, runner: str | None, dataset: DatasetInfo | None, seed: int | None
) -> list[str]:
    """Names of what a finished run was started with otherwise; arguments that are None are not asked about."""
    differ = _differing_arguments(there.config, config)
    if runner is not None and runner != there.manifest.runner:
        differ.append("runner")
    if seed is not None and seed != there.manifest.seed:
        differ.append("seed")
    return differ if dataset is None else differ + _differing_data(there.manifest.dataset, dataset)


def _differing_arguments(there: Config, here: Config) -> list[str]:
    old, new = there.resolved, here.model_dump(mode="json")["resolved"]
    missing = object()
    names = sorted(old.keys() | new.keys())
    pairs = ((name, old.get(name, missing), new.get(name, missing)) for name in names)
    return [name for name, a, b in pairs if a is missing or b is missing or canonical_json(a) != canonical_json(b)]


def _differing_data(there: DatasetInfo | None, here: DatasetInfo) -> list[str]:
    if there is None:
        return ["dataset"]
    differ = [name for name in ("name", "labels_sha256") if getattr(there, name) != getattr(here, name)]
    for split in there.splits.keys() & here.splits.keys():
        old, new = there.splits[split], here.splits[split]
        if old.sampled_of is None and new.sampled_of is None and old.rows_sha256 != new.rows_sha256:
            differ.append(f"{split} rows")
    return [f"dataset ({', '.join(differ)})"] if differ else []
