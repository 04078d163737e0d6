"""Models in several precisions: which runs belong together, and what each is compared with."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .runs import FOREIGN

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reportgen.bundle import Bundle

    from .runs import Runs

PRECISIONS = ("fp32", "bf16", "fp16", "int8", "int4")
"""Widest first: the order they are shown in."""
REFERENCES = ("fp16", "bf16", "fp32")
"""What a compressed run is compared with: the first of these its model has."""
COMPRESSED = ("int8", "int4")
_RUNNER = "quantize"
_WORD = re.compile(rf"[\W_]*(?<![a-z0-9])({'|'.join(PRECISIONS)}|nf4)(?![a-z0-9])", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Configuration:
    """One model in one precision on one kind of backend."""

    run: Bundle
    precision: str

    @property
    def name(self) -> str:
        """The run's id."""
        return self.run.run_id


@dataclass(frozen=True, eq=False)
class Group:
    """One model: its configurations, widest precision first, and the one the others are compared with."""

    name: str
    family: str
    source: str
    members: tuple[Configuration, ...]
    reference: Bundle | None
    extra: bool = False
    """Beside the course's six: another path to deployment, such as ONNX Runtime on a CPU."""

    @property
    def compressed(self) -> tuple[Configuration, ...]:
        """Configurations that are compared with the reference."""
        return tuple(one for one in self.members if self.reference is not None and one.run is not self.reference)


def find_groups(runs: Runs) -> tuple[Group, ...]:
    """The models that were run in more than one precision, encoders first, other paths to deployment last.

    Runs belong together by the run they were derived from, or by family and model name where no one recorded it; by
    whether ONNX Runtime ran them; and by device. Names of runs mean nothing.
    """
    found: dict[tuple[str, str, str, str], dict[str, Configuration]] = {}
    lead: Bundle | None = None
    for run in _first_the_widest(runs.of_family("encoder", "decoder", "linear", "embed")):
        if not _is_configuration(run) or (lead is not None and runs.why_not(run, lead)):
            continue
        lead = lead or run
        hardware = run.manifest.hardware
        family: str = run.manifest.model.family
        key = (family, _source(run), _backend(run), hardware.device if hardware else "")
        found.setdefault(key, {}).setdefault(_precision(run), Configuration(run, _precision(run)))
    order = sorted(found, key=lambda key: (key[2] != "", key[0] != "encoder", key[0], key[1], key[3] == "cpu", key))
    groups = []
    for key in order:
        family, source = key[:2]
        members = tuple(found[key].values())
        reference = _reference(members) or _reference(
            [one for other, some in found.items() if other[:2] == key[:2] for one in some.values()]
        )
        if reference is None:
            reference = next((run for run in runs.scored if run.run_id == source and not runs.why_not(run, lead)), None)  # type: ignore[arg-type]
        if len(members) > 1 or (reference is not None and reference is not members[0].run):
            name = _name(key, list(found))
            groups.append(Group(name, family, source, members, reference, extra=bool(key[2])))
    return tuple(groups)


def configurations(groups: Iterable[Group]) -> list[Configuration]:
    """Every configuration in the order shown."""
    return [one for group in groups for one in group.members]


def lacking(groups: Sequence[Group]) -> list[str]:
    """Configurations of the course's six that nobody ran: encoder and decoder, in 16 bits, int8 and int4."""
    gaps = []
    for family in ("encoder", "decoder"):
        have = {one.precision for group in groups if group.family == family for one in group.members}
        if not have & set(REFERENCES):
            gaps.append(f"{family} in 16 bits")
        gaps += [f"{family} {precision}" for precision in COMPRESSED if precision not in have]
    return gaps


def _first_the_widest(some: list[Bundle]) -> list[Bundle]:
    def rank(run: Bundle) -> tuple[int, str]:
        name = _precision(run)
        return (PRECISIONS.index(name) if name in PRECISIONS else len(PRECISIONS), run.run_id)

    return sorted(some, key=rank)


def _is_configuration(run: Bundle) -> bool:
    manifest = run.manifest
    if not _precision(run):
        return False
    return manifest.runner == _RUNNER or _precision(run) in COMPRESSED or manifest.runner in FOREIGN


def _precision(run: Bundle) -> str:
    said = (run.manifest.model.precision or str(run.config.resolved.get("precision") or "")).casefold()
    return "int4" if said == "nf4" else said


def _source(run: Bundle) -> str:
    parent = next((one.run_id for one in run.manifest.parents if one.role == "source"), None)
    return parent or _WORD.sub("", run.manifest.model.name).strip() or run.manifest.model.name


def _backend(run: Bundle) -> str:
    said = str(run.config.decided.get("backend") or run.config.resolved.get("backend") or "")
    return "ONNX" if "onnx" in said.casefold() else ""


def _reference(members: Iterable[Configuration]) -> Bundle | None:
    by_precision = {one.precision: one.run for one in members}
    return next((by_precision[name] for name in REFERENCES if name in by_precision), None)


def _name(key: tuple[str, str, str, str], keys: list[tuple[str, str, str, str]]) -> str:
    """The family where it has one source, else the source; with what tells two groups of one source apart."""
    family, source, backend, device = key
    alone = {other[1] for other in keys if other[0] == family} == {source}
    parts = [family if alone else source]
    if any(other[2] != backend for other in keys if other[:2] == key[:2]) and backend:
        parts.append(f"by {backend}")
    elif any(other[3] != device for other in keys if other[:3] == key[:3]) and device == "cpu":
        parts.append("on the CPU")
    return " ".join(parts)
