"""A course as data: its labels, merge map, tiers and columns, read from a folder of TOML files."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..errors import UsageError

COURSES = Path(__file__).parents[1] / "courses"

TierRule = Literal["count", "rank", "quartile"]


class LongTail(BaseModel):
    """A cut of the training rows to an exponential tail.

    The class at rank r of K keeps `round(largest * (smallest / largest) ** (r / (K - 1)))` rows, at most what it has;
    ranks are a seeded permutation of the ids (Cui et al. 2019 cut CIFAR this way).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    largest: int = Field(ge=1)
    smallest: int = Field(ge=1)
    seed: int = 42
    val_per_class: int = Field(0, ge=0)
    """Rows of each class, of those the cut left out, that become the validation split."""


class Course(BaseModel):
    """What `course.toml` says. Everything that belongs to one course is here or in the files beside it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str
    folder: Path
    extends: str | None = None
    """Course whose rubrics, stages and scenarios serve where this folder has none."""
    labels: tuple[str, ...] | None = None
    """The fixed label list in plain alphabetical order (id = position); None: the labels the data has."""
    merge: Mapping[str, str] = Field(default_factory=dict)
    """Old label to the label it is counted as."""
    min_class_count: int = Field(1, ge=1)
    """Without a label list, labels with fewer rows are left out; a list is final and was made with this rule."""
    text_column: str | None = None
    label_column: str | None = None
    text_guesses: tuple[str, ...] = ()
    label_guesses: tuple[str, ...] = ()
    """Other column names to look for, best first, compared without case."""
    hub_dataset: str | None = None
    licence: str | None = None
    """Licence of the Hub dataset."""
    tiers: Mapping[str, TierRule] = Field(default_factory=dict)
    """Week number (as text) to the tier rule its memo uses."""
    max_length: int = Field(128, ge=8)
    redaction: str = "X{4}"
    """Regular expression that finds a redaction."""
    named_classes: Mapping[str, str] = Field(default_factory=dict)
    """Tier to the class week 5 follows through the precisions."""
    canonical: Mapping[str, int] = Field(default_factory=dict)
    """Split to its rows in the course's own split."""
    long_tail: LongTail | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Course:
        if self.labels is not None:
            if list(self.labels) != sorted(set(self.labels)):
                raise ValueError("labels must be unique and in plain alphabetical order")
            stray = sorted(set(self.merge.values()) - set(self.labels))
            if stray:
                raise ValueError(f"merge target {stray[0]!r} is not in labels")
        chained = sorted(new for old, new in self.merge.items() if self.merge.get(new, new) != new)
        if chained:
            raise ValueError(f"merge target {chained[0]!r} is merged again")
        return self

    def tier_rule(self, week: int) -> TierRule:
        """The tier rule of a week's memo; 'rank' where the course says nothing."""
        return self.tiers.get(str(week), "rank")

    @cached_property
    def rubrics(self) -> list[dict[str, Any]]:
        """Every `[[week]]` entry of `rubrics.toml`, read once: a memo asks for those of all earlier weeks."""
        found: list[dict[str, Any]] = self._file("rubrics.toml").get("week", [])
        return found

    def rubric(self, week: int) -> dict[str, Any]:
        """The `[[week]]` entry of `rubrics.toml` with that number.

        Raises:
            UsageError: the course has none.
        """
        for entry in self.rubrics:
            if entry.get("number") == week:
                return dict(entry)
        have = ", ".join(str(entry.get("number")) for entry in self.rubrics) or "none"
        raise UsageError(f"course {self.name!r} has no week {week}", remedy=f"its weeks: {have}")

    def stages(self) -> dict[str, Any]:
        """`stages.toml`, empty where there is none."""
        return self._file("stages.toml")

    def stage_runs(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Week and table of every run that a stage asks for; a stage of another shape asks for none."""
        for name, stage in self.stages().items():
            number = name.removeprefix("week")
            entries = stage.get("run") if isinstance(stage, dict) and number.isdecimal() else None
            for entry in entries if isinstance(entries, list) else ():
                if isinstance(entry, dict):
                    yield int(number), entry

    def scenarios(self) -> dict[str, Any]:
        """`scenarios.toml`, empty where there is none."""
        return self._file("scenarios.toml")

    def _file(self, name: str) -> dict[str, Any]:
        for folder in (self.folder, *([COURSES / self.extends] if self.extends else [])):
            if (folder / name).is_file():
                return _read_toml(folder / name)
        return {}


def course_names() -> list[str]:
    """Names of the shipped courses."""
    return sorted(path.parent.name for path in COURSES.glob("*/course.toml"))


def load_course(name: str | Path) -> Course:
    """The shipped course of that name, or the one in that folder.

    Raises:
        UsageError: there is no such course, or its `course.toml` does not have the expected shape.
    """
    known = course_names()
    folder = COURSES / name if str(name) in known else Path(name)
    path = folder / "course.toml"
    if not path.is_file():
        raise UsageError(
            f"no course called {str(name)!r}",
            remedy=f"courses: {', '.join(known)}; or give a folder with a course.toml",
        )
    table = _read_toml(path)
    try:
        return Course(**{"name": folder.resolve().name, **table, "folder": folder})
    except (ValidationError, TypeError) as error:
        raise UsageError(_first(error), where=path, remedy="see the shipped courses for the expected keys") from None


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"cannot be read as TOML: {error}", where=path) from None


def _first(error: ValidationError | TypeError) -> str:
    if isinstance(error, TypeError):
        return str(error)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else str(first["msg"])
