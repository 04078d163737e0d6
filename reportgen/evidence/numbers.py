"""How figures are written: one rule a unit, used by sentences, tables and templates alike."""

from __future__ import annotations

import math

from .model import Interval, Scalar, Unit, Value

MINUS = "−"
DASH = "–"
_BYTES = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


def show(value: Scalar, unit: Unit = "number", *, signed: bool = False) -> str:
    """A figure as text.

    `fraction` is a share of rows and is written in per cent (a difference of two: percentage points); `score` is an
    F1 or its kin and keeps three decimals, or four where a difference of two would look like zero. Negative numbers
    take a true minus sign; None and NaN are an en dash.
    """
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    text = _magnitude(abs(value), unit, signed)
    if value < 0 and any(digit in text for digit in "123456789"):
        return MINUS + text
    return "+" + text if signed and value > 0 and any(digit in text for digit in "123456789") else text


def show_size(difference: float, unit: Unit = "number") -> str:
    """How large a difference is, without its sign and as exact as `show` writes it with one."""
    return _magnitude(abs(difference), unit, signed=True)


def as_number(stated: object) -> float | None:
    """A number that a file states; None for anything else, NaN and infinity too."""
    if isinstance(stated, bool) or not isinstance(stated, int | float):
        return None
    return float(stated) if math.isfinite(stated) else None


def show_points(share: float) -> str:
    """The size of a difference of two shares: `6.8 points`."""
    return f"{100 * abs(share):.1f} points"


def _magnitude(size: float, unit: Unit, signed: bool) -> str:
    match unit:
        case "fraction":
            digits = 2 if 0 < size < 0.001 else 1
            return f"{100 * size:.{digits}f} " + ("pp" if signed else "%")
        case "score":
            # A bound of a difference that only looks like zero would contradict its verdict.
            return f"{size:.4f}" if signed and 0 < size < 0.0005 else f"{size:.3f}"
        case "count" | "tokens" | "words":
            return f"{size:,.0f}" if float(size).is_integer() or size >= 100 else f"{size:,.1f}"
        case "seconds":
            return _duration(size)
        case "ms":
            return f"{size:,.2f} ms" if size < 10 else f"{size:,.1f} ms" if size < 100 else f"{size:,.0f} ms"
        case "bytes":
            return next((f"{size / scale:.2f} {name}" for name, scale in _BYTES if size >= scale), f"{size:.0f} B")
        case "ratio":
            return f"{size:.2f}×" if size < 100 else f"{size:,.0f}×"
        case "p":
            return "< .001" if size < 0.001 else f"{size:.3f}".lstrip("0") if size < 0.9995 else "1"
        case _:
            return f"{size:,.0f}" if float(size).is_integer() else f"{size:,.4g}"


def _duration(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def show_value(value: Value) -> str:
    """A value as text, signed when it is a difference."""
    return show(value.value, value.unit, signed=value.baseline is not None)


def percent_change(delta: float, before: float) -> str:
    """A difference in per cent of what it started from."""
    if not before:
        return "from zero, no percentage"
    return show(delta / before, "fraction", signed=True).replace(" pp", " %")


def show_interval(interval: Interval, unit: Unit = "number", *, signed: bool = False) -> str:
    """An interval as text, `[low, high]`; the unit is written once, after the upper end."""
    low, high = show(interval.low, unit, signed=signed), show(interval.high, unit, signed=signed)
    head, gap, tail = low.rpartition(" ")
    return f"[{head if gap and high.endswith(' ' + tail) else low}, {high}]"


def plural(count: int, one: str, many: str | None = None) -> str:
    """`1 class`, `3 classes`: the count with the right form of the noun."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def listing(names: list[str], limit: int = 5) -> str:
    """Names in a sentence: `a, b and c`, or the first `limit` and how many more."""
    if len(names) > limit:
        return f"{', '.join(names[:limit])} and {len(names) - limit} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""
