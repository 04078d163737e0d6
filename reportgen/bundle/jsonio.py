"""JSON from strangers: strict, bounded, and every failure one `BundleError`."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError

from .digests import canonical_json
from .errors import BadJson, TooLarge, WrongTypes
from .limits import MAX_JSON_BYTES, MAX_JSON_DEPTH

Model = TypeVar("Model", bound=BaseModel)
_DIGITS = 20
"""Digits of the largest whole number of 64 bits, its sign included."""


def loads(data: bytes, where: str) -> Any:
    """Parse JSON without NaN, Infinity, repeated keys, lone surrogates or deep nesting.

    Raises:
        BadJson: it is something else.
        TooLarge: it is longer than any of our files.
    """
    if len(data) > MAX_JSON_BYTES:
        raise TooLarge(f"{len(data):,} bytes of JSON, at most {MAX_JSON_BYTES:,}", where=where)
    try:
        value = json.loads(
            data.decode("utf-8"),
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_counted,
            object_pairs_hook=_unique,
        )
    except RecursionError:
        raise BadJson("JSON nested too deeply", where=where) from None
    except ValueError as error:
        raise BadJson(f"bad JSON: {error}", where=where) from None
    _check_depth(value, where)
    try:
        canonical_json(value)
    except ValueError as error:
        raise BadJson(f"bad JSON: {error}", where=where) from None
    return value


def parse(model: type[Model], data: bytes, where: str) -> Model:
    """Parse and validate a record; types are not coerced.

    Raises:
        BadJson: not JSON as we want it.
        WrongTypes: JSON that is not such a record.
    """
    loads(data, where)
    try:
        return model.model_validate_json(data, strict=True)
    except ValidationError as error:
        raise wrong_types(error, where) from None


def wrong_types(error: ValidationError, where: str) -> WrongTypes:
    """The first complaint of pydantic as one line; its own text would echo the input."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = ".".join(map(str, first["loc"])) or "document"
    others = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return WrongTypes(f"field {field}: {first['msg']}{others}", where=where)


def pretty(record: BaseModel | Any) -> bytes:
    """A record or plain value as indented JSON with a final newline.

    Raises:
        BadJson: NaN, Infinity or a value JSON has no type for.
    """
    try:
        value = record.model_dump(mode="json", by_alias=True) if isinstance(record, BaseModel) else record
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1)
        return text.encode("utf-8") + b"\n"
    except (TypeError, ValueError) as error:
        raise BadJson(
            f"cannot be written as JSON: {error}", remedy="use plain finite numbers, strings, lists and dicts"
        ) from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is too large for a number")
    return number


def _counted(text: str) -> int:
    if len(text) > _DIGITS:
        raise ValueError(f"{text[:20]}… is too large for a number")
    return int(text)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key occurs twice in one object")
    return found


def _check_depth(value: Any, where: str) -> None:
    level = [value]
    for _ in range(MAX_JSON_DEPTH):
        containers = [v for v in level if isinstance(v, (dict, list))]
        if not containers:
            return
        level = [child for v in containers for child in (v.values() if isinstance(v, dict) else v)]
    raise BadJson(f"JSON nested more than {MAX_JSON_DEPTH} deep", where=where)
