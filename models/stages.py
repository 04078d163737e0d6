"""Stages: the runs a week of the course asks for, read from the course's `stages.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reportgen.data import Course
from reportgen.errors import UsageError


class StageRun(BaseModel):
    """One run of a stage: a runner, the keys it changes and the runs it builds on."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    name: str
    runner: str
    overrides: dict[str, Any] = Field(default_factory=dict, alias="set")
    seed: int | None = None
    audit: bool = False
    weights: bool = False
    """Later runs need its weights: where its bundle outlived them it is trained again."""
    reference: str | None = None
    """The run it is to be compared with: it differs from it in the keys of `set` and nothing else."""


class Stage(BaseModel):
    """The runs of one week, in order."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    week: int
    run: tuple[StageRun, ...]


def stages(course: Course) -> dict[str, Stage]:
    """The course's stages by name (week1, week2, …).

    Raises:
        UsageError: `stages.toml` does not have the expected shape.
    """
    table = {key: value for key, value in course.stages().items() if key.startswith("week")}
    try:
        return {name: Stage(name=name, week=int(name.removeprefix("week")), **body) for name, body in table.items()}
    except (ValidationError, TypeError, ValueError) as error:
        raise UsageError(f"stages.toml cannot be read: {error}", where=course.folder / "stages.toml") from None


class Restated(BaseModel):
    """What a profile changes in one run of a stage."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    runner: str | None = None
    overrides: dict[str, Any] = Field(default_factory=dict, alias="set")


def restated(course: Course, name: str | None, run: StageRun) -> StageRun:
    """A run of a stage as profile `name` wants it; another runner starts from its own defaults.

    Raises:
        UsageError: the profile's table of runs does not have the expected shape.
    """
    told = _profile(course, name).get("run", {})
    if run.name not in told:
        return run
    try:
        new = Restated.model_validate(told[run.name])
    except ValidationError as error:
        raise UsageError(
            f"profile.{name}.run.{run.name} cannot be read: {error}", where=course.folder / "stages.toml"
        ) from None
    kept = {} if new.runner not in (None, run.runner) else run.overrides
    return run.model_copy(update={"runner": new.runner or run.runner, "overrides": kept | new.overrides})


def profile(course: Course, name: str | None, runner: str) -> Mapping[str, Any]:
    """What profile `name` sets for `runner`; empty without a profile.

    Raises:
        UsageError: the course has no such profile.
    """
    found: Mapping[str, Any] = _profile(course, name).get(runner, {})
    return found


def _profile(course: Course, name: str | None) -> Mapping[str, Any]:
    if name is None:
        return {}
    profiles = course.stages().get("profile", {})
    if name not in profiles:
        raise UsageError(f"no profile called {name!r}", remedy=f"profiles: {', '.join(sorted(profiles)) or 'none'}")
    found: Mapping[str, Any] = profiles[name]
    return found
