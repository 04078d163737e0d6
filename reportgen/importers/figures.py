"""Published figures: each checked by itself, then against the others. What contradicts is flagged, not hidden."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeGuard

from pydantic import ValidationError

from reportgen.bundle import Config, Labels, ModelInfo, Reported
from reportgen.bundle.jsonio import wrong_types
from reportgen.errors import InputError, one_line

from .draft import Draft
from .reading import FileId

SHARES = ("accuracy", "macro_f1", "weighted_f1", "ece", "ece_post")
COUNTS = {"zero_f1_classes": 0, "batch_size": 1, "memory_bytes": 0, "n": 1}
"""Whole numbers and their smallest value."""
AMOUNTS = ("latency_ms", "minutes_per_64k")
CHOICES = {
    "latency_mode": ("single-stream", "offline"),
    "memory_kind": ("weights_on_disk", "allocated_peak", "process_peak"),
}
TEXTS = ("hardware", "precision", "source")
FIELDS = tuple(name for name in Reported.model_fields if name != "extra")
"""Columns of a table of published figures, after `model`."""

_YES = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_SLACK = 0.05
_MAX_COUNT = 2**53


def figure(name: str, value: Any, where: str) -> Any:
    """One figure of that name from a cell or a JSON value; None where it is unknown.

    Raises:
        InputError: not such a figure; `where` names the cell.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    text = one_line(value, 60)
    if name in TEXTS:
        return one_line(value)
    if name in CHOICES:
        if text.casefold() in ("unknown", "-", "–"):
            return None
        if text not in CHOICES[name]:
            raise InputError(f"{name} {text!r}", where=where, remedy=f"one of {', '.join(CHOICES[name])}, or empty")
        return text
    if name == "needs_gpu":
        if text.casefold() not in _YES:
            raise InputError(f"needs_gpu {text!r}", where=where, remedy="true, false, or empty")
        return _YES[text.casefold()]
    number = _number(name, value, where)
    if name in SHARES and not 0 <= number <= 1:
        example = f"write {number / 100:g}" if 1 < number <= 100 else "it lies between 0 and 1"
        raise InputError(f"{name} {text} is no share", where=where, remedy=example)
    if name in AMOUNTS and number <= 0:
        raise InputError(f"{name} {text} is not above 0", where=where, remedy="leave it empty if it is unknown")
    if name in COUNTS:
        if number != int(number) or not COUNTS[name] <= number <= _MAX_COUNT:
            raise InputError(f"{name} {text} is no count", where=where, remedy=f"a whole number from {COUNTS[name]}")
        return int(number)
    return number


def _number(name: str, value: Any, where: str) -> float:
    text = one_line(value, 60)
    if isinstance(value, str) and value.strip().endswith("%"):
        raise InputError(f"{name} {text} is in percent", where=where, remedy="write a share between 0 and 1")
    try:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError
        number = float(value)
    except (ValueError, OverflowError):
        raise InputError(
            f"{name} {text!r} is no number", where=where, remedy="plain digits with a decimal point, or empty"
        ) from None
    if not math.isfinite(number):
        raise InputError(f"{name} {text} is not finite", where=where, remedy="leave it empty if it is unknown")
    return number


def flags(figures: Mapping[str, Any], extra: Mapping[str, Any]) -> list[str]:
    """Sentences on figures that contradict each other or lack what makes them comparable."""
    found = []
    latency, minutes, mode = (figures.get(name) for name in ("latency_ms", "minutes_per_64k", "latency_mode"))
    detail = extra.get("latency")
    throughput = detail.get("throughput_per_sec") if isinstance(detail, dict) else None
    if minutes and _is_amount(throughput):
        if not _agree(1000 / throughput, minutes):
            implied = 64_000 / throughput / 60
            found.append(
                f"{throughput:g} examples a second make {implied:.1f} min for 64,000, not the {minutes:g} stated."
            )
    elif latency and minutes and not _agree(latency, minutes):
        implied = latency * 64_000 / 60_000
        why = (
            "the minutes must come from batches, and the two modes are not comparable"
            if mode == "single-stream"
            else "the two figures come from different modes"
        )
        found.append(
            f"{latency:g} ms × 64,000 examples = {implied:.1f} min, not the {minutes:g} min stated beside it "
            f"({minutes:g} min are {minutes * 60_000 / 64_000:.2g} ms an example): {why}."
        )
    if latency and mode is None:
        found.append("The latency's mode (single-stream or offline) is not stated, so it answers for neither.")
    if mode == "single-stream" and (figures.get("batch_size") or 1) != 1:
        found.append(f"Single-stream latency with batch size {figures['batch_size']}: one of the two is wrong.")
    if figures.get("memory_bytes") is not None and figures.get("memory_kind") is None:
        found.append("The kind of memory (weights on disk, allocated or process peak) is not stated.")
    return found + _class_flags(figures, extra)


def _class_flags(figures: Mapping[str, Any], extra: Mapping[str, Any]) -> list[str]:
    per_class = extra.get("per_class_f1")
    if not isinstance(per_class, list) or not per_class or not all(_is_share(value) for value in per_class):
        return []
    found, mean = [], sum(per_class) / len(per_class)
    if (stated := figures.get("macro_f1")) is not None and abs(mean - stated) > 0.001:
        found.append(f"The per-class F1 values average {mean:.4f}, not the macro F1 of {stated:g} stated beside them.")
    zero = sum(value == 0 for value in per_class)
    if (count := figures.get("zero_f1_classes")) is not None and zero != count:
        found.append(f"{zero} per-class F1 values are zero, not the {count} stated beside them.")
    return found


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _is_amount(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and 1e-9 < value < 1e12


def _agree(latency_ms: float, minutes: float) -> bool:
    """Whether 64,000 examples at this latency take these minutes, given how both were rounded."""
    low, high = (64_000 * edge / 60_000 for edge in _rounded(latency_ms))
    stated_low, stated_high = _rounded(minutes)
    return low * (1 - _SLACK) <= stated_high and high * (1 + _SLACK) >= stated_low


def _rounded(value: float) -> tuple[float, float]:
    """The interval a figure was rounded from, by its last digit as written."""
    exponent = Decimal(f"{value:g}").as_tuple().exponent
    half = 0.5 * 10.0 ** min(int(exponent), 0)
    return value - half, value + half


def reported(
    run_id: str,
    model: ModelInfo,
    figures: Mapping[str, Any],
    *,
    course: str,
    files: list[FileId],
    form: str,
    extra: Mapping[str, Any] | None = None,
    said: list[str] | None = None,
    labels: Labels | None = None,
    week: int | None = None,
) -> Draft:
    """A draft of a reported bundle; contradictions go to `Reported.extra["flags"]`, a list of sentences.

    Raises:
        BundleError: figures the schema refuses.
    """
    more = {"flags (in the file)" if name == "flags" else name: value for name, value in (extra or {}).items()}
    found = list(dict.fromkeys([*(said or []), *flags(figures, more)]))
    if found:
        more["flags"] = found
    try:
        record = Reported.model_validate({**figures, "extra": more})
    except ValidationError as error:
        raise wrong_types(error, run_id) from None
    resolved = {
        "format": form,
        "files": {file.name: file.sha256 for file in files},
        "figures": record.model_dump(mode="json"),
    }
    return Draft(
        run_id=run_id,
        model=model,
        course=course,
        config=Config(passed={"files": [file.name for file in files]}, resolved=resolved),
        labels=labels or Labels(names=(), train_counts=()),
        kind="reported",
        reported=record,
        week=week,
        notes=[f"{model.name}: {flag}" for flag in found],
    )
