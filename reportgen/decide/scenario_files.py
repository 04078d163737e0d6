"""Scenarios from TOML: the shipped ones by name, a user's own by path."""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

from reportgen.errors import InputError, UsageError

from .quantities import MODES, STATISTICS, Quantity, metric_info
from .scenarios import Constraint, Load, Objective, Operator, Period, Price, Scenario

COURSES = Path(__file__).parents[1] / "courses"
MAX_BYTES = 64 * 1024
_MONEY = re.compile(r"(\d+(?:\.\d+)?) ?([A-Z]{3})", re.ASCII)
_T = TypeVar("_T")


def scenario_names() -> list[str]:
    """Names of the shipped scenarios, in the order they are shown."""
    return list(_shipped())


def load_scenario(source: str | Path) -> Scenario:
    """A shipped scenario by name, or the one scenario of a TOML file.

    Raises:
        UsageError: no such scenario or file.
        InputError: a file that is not TOML or does not describe a scenario; says which key and what to do.
    """
    shipped = _shipped()
    if str(source) in shipped:
        return parse_scenario(shipped[str(source)], str(source))
    path = Path(source)
    if _is_file(path):
        return _only(_read(path), path)
    if path.suffix == ".toml" or len(path.parts) > 1:
        raise UsageError(f"no scenario file {source}", remedy=f"give a TOML file or one of {', '.join(shipped)}")
    near = difflib.get_close_matches(str(source), shipped, n=1)
    raise UsageError(
        f"no scenario called {str(source)!r}",
        remedy=(f"did you mean {near[0]!r}? " if near else "") + f"scenarios: {', '.join(shipped)}; or a TOML file",
    )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name longer than the file system allows
        return False


def _shipped() -> dict[str, Mapping[str, Any]]:
    files = sorted(COURSES.glob("*/scenarios.toml"))
    return {table["name"]: table for file in files for table in _read(file)["scenario"]}


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"the file cannot be read ({error.strerror})", where=path) from None
    if len(data) > MAX_BYTES:
        raise InputError(f"more than {MAX_BYTES // 1024} KiB", where=path, remedy="a scenario file is a page of TOML")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"not TOML ({error})", where=path, remedy="see docs/decide.md for an example") from None


def _only(document: dict[str, Any], path: Path) -> Scenario:
    if "scenario" not in document:
        return parse_scenario(document, str(path))
    tables = document["scenario"]
    if not isinstance(tables, list) or len(tables) != 1 or not isinstance(tables[0], dict):
        count = len(tables) if isinstance(tables, list) else "no"
        raise InputError(f"{count} scenarios", where=path, remedy="keep one [[scenario]] in the file")
    return parse_scenario(tables[0], str(path))


def parse_scenario(table: Mapping[str, Any], where: str) -> Scenario:
    """The scenario a TOML table describes.

    Raises:
        InputError: a key that is unknown, missing or of the wrong type, or a scenario that contradicts itself.
    """
    read = _Table(table, where)
    mode = read.choice("mode", MODES, "offline")
    secondary = read.table("secondary")
    price, currency = _price(read.table("price"), where)
    frontier = read.strings("frontier", ("macro_f1", "latency_ms", "memory_bytes"))
    epsilon = read.table("epsilon") or {}
    for metric in (*frontier, *epsilon):
        metric_info(metric, where)
    constraints = tuple(_constraint(entry, mode, currency, where) for entry in read.tables("constraints"))
    scenario = Scenario(
        name=read.text("name"),
        title=read.text("title", ""),
        primary=_objective(read.table("primary", required=True), mode, where),
        secondary=None if secondary is None else _objective(secondary, mode, where),
        constraints=constraints,
        mode=mode,
        load=_load(read.table("load"), where),
        price=price,
        hardware=read.text("hardware", "") or None,
        frontier=frontier,
        epsilon=tuple(sorted((metric, _Table(epsilon, where).number(metric)) for metric in epsilon)),
        scaled_variants=read.flag("scaled_variants"),
        note=read.text("note", ""),
    )
    read.done()
    return scenario


def _constraint(entry: Mapping[str, Any], mode: Any, currency: str, where: str) -> Constraint:
    read = _Table(entry, where)
    metric = read.text("metric")
    info = metric_info(metric, where)
    if metric == "needs_gpu":
        if entry.get("limit") is not False or entry.get("operator", "==") != "==":
            raise InputError(
                "needs_gpu can only be ruled out", where=where, remedy='write operator = "==", limit = false'
            )
        return Constraint(Quantity(metric), "<=", 0.0)
    operator: Operator = read.choice("operator", get_args(Operator), ">=" if info.higher_is_better else "<=")
    if metric == "latency_ms" and "mode" not in entry:
        raise InputError("a latency limit without a mode", where=where, remedy=f"add mode = one of {', '.join(MODES)}")
    quantity = _quantity(read, metric, mode)
    if metric in ("monthly_cost", "cost_per_1000"):
        limit, unit = _money(read.text("limit"), where)
        _same_currency(currency, unit, where)
    else:
        limit = read.number("limit")
    read.done()
    return Constraint(quantity, operator, limit)


def _objective(entry: Mapping[str, Any] | None, mode: Any, where: str) -> Objective:
    read = _Table(entry or {}, where)
    metric = read.text("metric")
    info = metric_info(metric, where)
    direction = read.choice("direction", ("max", "min"), "max" if info.higher_is_better else "min")
    tolerance = read.number("tolerance", 0.0)
    if tolerance < 0:
        raise InputError(f"a tolerance of {tolerance:g}", where=where, remedy="give 0 or more")
    objective = Objective(_quantity(read, metric, mode), direction == "max", tolerance)
    read.done()
    return objective


def _quantity(read: _Table, metric: str, mode: Any) -> Quantity:
    if metric != "latency_ms":
        return Quantity(metric)
    chosen = read.choice("mode", MODES, mode)
    batch = read.number("batch_size", 0.0)
    if batch and (chosen != "offline" or batch < 1 or batch != int(batch)):
        raise InputError(f"batch size {batch:g} with mode {chosen}", where=read.where, remedy="only offline has one")
    return Quantity(metric, chosen, read.choice("statistic", STATISTICS, "p50"), int(batch) or None)


def _load(entry: Mapping[str, Any] | None, where: str) -> Load:
    read = _Table(entry or {}, where)
    volume, peak = read.number("volume", 0.0), read.number("peak_per_second", 0.0)
    load = Load(volume or None, read.choice("per", get_args(Period), "month"), peak or None)
    read.done()
    return load


def _price(entry: Mapping[str, Any] | None, where: str) -> tuple[Price, str]:
    read = _Table(entry or {}, where)
    found = {name: _money(read.text(name), where) for name in ("gpu_hour", "cpu_hour") if name in read.entries}
    read.done()
    currency = ""
    for _, unit in found.values():
        currency = _same_currency(currency, unit, where)
    amounts = {name: amount for name, (amount, _) in found.items()}
    return Price(amounts.get("gpu_hour"), amounts.get("cpu_hour"), currency), currency


def _money(text: str, where: str) -> tuple[float, str]:
    match = _MONEY.fullmatch(text.strip())
    if match is None:
        raise InputError(
            f"{text!r} is no price", where=where, remedy='write an amount and a currency, as in "0.35 USD"'
        )
    return float(match[1]), match[2]


def _same_currency(one: str, other: str, where: str) -> str:
    if one and one != other:
        raise InputError(f"prices in {one} and in {other}", where=where, remedy="convert them to one currency")
    return other


class _Table:
    """Typed access to one TOML table; `done` refuses keys nobody asked for."""

    def __init__(self, entries: Mapping[str, Any], where: str) -> None:
        self.entries = entries
        self.where = where
        self._asked: set[str] = set()

    def _get(self, key: str, kind: tuple[type, ...], words: str, default: _T | None) -> Any | _T:
        self._asked.add(key)
        if key not in self.entries:
            if default is None:
                raise InputError(f"{key} is missing", where=self.where, remedy=f"add {words}")
            return default
        value = self.entries[key]
        if not isinstance(value, kind) or (isinstance(value, bool) and bool not in kind):
            raise InputError(f"{key} is {value!r}", where=self.where, remedy=f"give {words}")
        return value

    def text(self, key: str, default: str | None = None) -> str:
        return str(self._get(key, (str,), "a text in quotes", default))

    def number(self, key: str, default: float | None = None) -> float:
        value = float(self._get(key, (int, float), "a number", default))
        if not math.isfinite(value):
            raise InputError(f"{key} is {value}", where=self.where, remedy="give a number")
        return value

    def flag(self, key: str) -> bool:
        return bool(self._get(key, (bool,), "true or false", False))

    def choice(self, key: str, allowed: Sequence[Any], default: Any) -> Any:
        value = self._get(key, (str,), f"one of {', '.join(allowed)}", default)
        if value not in allowed:
            raise InputError(f"{key} is {value!r}", where=self.where, remedy=f"give one of {', '.join(allowed)}")
        return value

    def strings(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        values = self._get(key, (list,), "a list of texts", list(default))
        if not values or not all(isinstance(value, str) for value in values):
            raise InputError(f"{key} is {values!r}", where=self.where, remedy="give a list of texts")
        return tuple(values)

    def table(self, key: str, *, required: bool = False) -> Mapping[str, Any] | None:
        if key not in self.entries and not required:
            self._asked.add(key)
            return None
        found: Mapping[str, Any] = self._get(key, (dict,), "a table", None)
        return found

    def tables(self, key: str) -> list[Mapping[str, Any]]:
        values: list[Any] = self._get(key, (list,), "a list of tables", [])
        if not all(isinstance(value, dict) for value in values):
            raise InputError(f"{key} is {values!r}", where=self.where, remedy="give a list of tables")
        return list(values)

    def done(self) -> None:
        if unknown := sorted(set(self.entries) - self._asked):
            near = difflib.get_close_matches(unknown[0], self._asked, n=1)
            remedy = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(sorted(self._asked))}"
            raise InputError(f"unknown key {unknown[0]!r}", where=self.where, remedy=remedy)
