"""Who is who in a distillation: teacher, vanilla and distilled student, the grid around it, and the runs of scale."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .experiments import compare_facts
from .numbers import as_number, listing

if TYPE_CHECKING:
    from reportgen.bundle import Bundle

    from .runs import Runs

RUNNER = "distill"
DEFAULT = (4.0, 0.7)
"""The course's temperature and weight of the teacher (alpha)."""
ROLES = ("teacher", "vanilla", "distilled")
_KNOBS = ("teacher", "alpha", "temperature")
_RECIPE = frozenset({"runner", "trained on", "total_steps"})
_FRACTION = "train_fraction"
_HINTS = {"teacher": r"teacher", "vanilla": r"vanilla", "distilled": r"distil|student"}
_NOT = {"teacher": r"distil|student|small", "vanilla": r"half|temper|scaled", "distilled": r"vanilla|half|small|temper"}
_GRID = re.compile(r"(?:^|[_-])t_?d?_?(\d+(?:\.\d+)?)[_-]+a(?:lpha)?_?(\d+(?:\.\d+)?)", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Students:
    """The runs of a distillation on the reporting split; what is not there is None or empty."""

    teacher: Bundle | None
    vanilla: Bundle | None
    distilled: Bundle | None
    tempered: Bundle | None
    """The vanilla student with its temperature, as a runner stored it."""
    grid: tuple[Bundle, ...]
    """Distilled runs that differ in temperature and alpha only, the distilled student among them."""
    seeds: tuple[Bundle, ...]
    """The distilled student under every seed there is."""
    half: tuple[Bundle, Bundle] | None
    """A student on part of the training rows, and its twin on all of them."""
    small: Bundle | None
    """The student of a smaller teacher."""
    small_teacher: Bundle | None
    notes: tuple[str, ...] = ()

    @property
    def pair(self) -> tuple[Bundle, Bundle] | None:
        """Vanilla, then distilled."""
        return (self.vanilla, self.distilled) if self.vanilla and self.distilled else None


def setting(run: Bundle) -> tuple[float, float] | None:
    """Temperature and alpha of a distilled run: from its configuration, else from its name."""
    resolved = run.config.resolved
    temperature, alpha = resolved.get("temperature"), resolved.get("alpha")
    if isinstance(temperature, int | float) and isinstance(alpha, int | float):
        return float(temperature), float(alpha)
    found = _GRID.search(run.run_id)
    if found is None:
        return None
    share = float(found[2])
    return float(found[1]), share / 100 if share > 1 else share


def is_distilled(run: Bundle) -> bool:
    """Whether a run learnt from a teacher."""
    return run.manifest.runner == RUNNER and run.config.resolved.get("alpha") != 0


def differing(a: Bundle, b: Bundle, besides: Sequence[str] = ()) -> list[str]:
    """Settings in which two runs differ, apart from what distilling itself adds and the keys of `besides`."""
    keys = [change.key for change in compare_facts(a, b)[0]]
    known = {*_RECIPE, *besides}
    return [key for key in keys if key not in known and not key.startswith(_KNOBS)]


def find_students(runs: Runs, declared: Mapping[str, str] | None = None) -> Students:
    """Roles by the author's word, else by runner, configuration and parents, else by hints in the names."""
    by_id = {run.run_id: run for run in runs.scored}
    told = {role: by_id[name] for role in ROLES if (name := (declared or {}).get(role, "")) in by_id}
    notes = [f"{run.run_id} is the {role} by the author's word." for role, run in told.items()]
    learnt = [run for run in runs.scored if is_distilled(run)]
    distilled = told.get("distilled") or _main(runs, learnt) or _hinted(runs, "distilled", notes)
    teacher = told.get("teacher") or _teacher_of(runs, distilled, notes) or _hinted(runs, "teacher", notes)
    if teacher is not None and distilled is not None and (why := runs.why_not(teacher, distilled)):
        notes.append(f"The teacher is left out: {why}.")
        teacher = None
    vanilla = told.get("vanilla") or _vanilla(runs, distilled, notes)
    small = _small(learnt, distilled)
    return Students(
        teacher=teacher,
        vanilla=vanilla,
        distilled=distilled,
        tempered=_tempered(runs, vanilla),
        grid=_grid(runs, distilled),
        seeds=tuple(
            run
            for run in learnt
            if distilled and setting(run) == setting(distilled) and set(_all_changes(run, distilled)) <= {"seed"}
        ),
        half=_half(runs, [run for run in (vanilla, distilled) if run]),
        small=small,
        small_teacher=_teacher_of(runs, small, []) if small else None,
        notes=tuple(notes),
    )


def _main(runs: Runs, learnt: Sequence[Bundle]) -> Bundle | None:
    """The distilled student: complete, on all rows, from the teacher most runs share, at the course's default."""
    teachers = Counter(name for run in learnt if (name := _parent(run)))
    seeds = Counter(run.manifest.seed for run in learnt)
    names = {run.run_id: run for run in runs.measured}

    def rank(run: Bundle) -> tuple[object, ...]:
        name = _parent(run)
        teacher = names.get(name or "")
        size = (teacher.manifest.model.parameters or 0) if teacher else 0
        return (
            bool(runs.partial(run)),
            _part(run) is not None,
            -teachers[name or ""],
            -size,
            setting(run) != DEFAULT,
            bool(_GRID.search(run.run_id)),
            -seeds[run.manifest.seed],
            run.manifest.seed or 0,
            run.run_id,
        )

    return min(learnt, key=rank, default=None)


def _parent(run: Bundle) -> str | None:
    return next((parent.run_id for parent in run.manifest.parents if parent.role == "teacher"), None)


def _teacher_of(runs: Runs, run: Bundle | None, notes: list[str]) -> Bundle | None:
    parent = next((one for one in run.manifest.parents if one.role == "teacher"), None) if run else None
    if run is None or parent is None:
        return None
    found = next((one for one in runs.scored if one.run_id == parent.run_id), None)
    if found is None:
        notes.append(f"{parent.run_id}, the teacher of {run.run_id}, is not among the runs scored here.")
    elif found.root != parent.root:
        notes.append(f"{found.run_id} is not the very bundle {run.run_id} learnt from: its digest differs.")
    return found


def _hinted(runs: Runs, role: str, notes: list[str]) -> Bundle | None:
    """The run whose name says so, for bundles that came without a configuration or parents."""

    def says(run: Bundle) -> bool:
        name = f"{run.run_id} {run.manifest.model.name}"
        wanted, other = re.search(_HINTS[role], name, re.IGNORECASE), re.search(_NOT[role], name, re.IGNORECASE)
        return bool(wanted) and not other and not _GRID.search(run.run_id)

    found = next((run for run in runs.scored if says(run)), None)
    if found is not None:
        notes.append(f"{found.run_id} is taken for the {role} by its name: its bundle does not say.")
    return found


def _vanilla(runs: Runs, distilled: Bundle | None, notes: list[str]) -> Bundle | None:
    """The student without a teacher: the same model, trained here, in the fewest other settings different."""
    if distilled is None:
        return _hinted(runs, "vanilla", notes)
    pool = [
        run
        for run in runs.scored
        if run is not distilled
        and is_distilled(distilled)
        and not is_distilled(run)
        and not run.manifest.parents
        and _part(run) is None
        and run.manifest.model.name == distilled.manifest.model.name
        and not runs.why_not(run, distilled)
    ]
    if not pool:
        return _hinted(runs, "vanilla", notes)
    found = min(pool, key=lambda run: (len(differing(run, distilled)), "vanilla" not in run.run_id, run.run_id))
    if others := differing(found, distilled):
        notes.append(
            f"Confounded: {found.run_id} and {distilled.run_id} differ in {listing(others)} besides the teacher."
        )
    return found


def _tempered(runs: Runs, vanilla: Bundle | None) -> Bundle | None:
    if vanilla is None:
        return None
    return next(
        (
            run
            for run in runs.scored
            if run.manifest.runner == "temper" and vanilla.run_id in [parent.run_id for parent in run.manifest.parents]
        ),
        None,
    )


def _grid(runs: Runs, distilled: Bundle | None) -> tuple[Bundle, ...]:
    """One run a setting, by temperature and alpha; the distilled student stands for its own."""
    if distilled is None:
        return ()
    found: dict[tuple[float, float], Bundle] = {setting(distilled) or DEFAULT: distilled}
    for run in runs.scored:
        here = setting(run)
        alike = not _all_changes(run, distilled) if is_distilled(run) else bool(_GRID.search(run.run_id))
        if here is not None and alike and not runs.why_not(run, distilled):
            found.setdefault(here, run)
    return tuple(found[key] for key in sorted(found))


def _all_changes(a: Bundle, b: Bundle) -> list[str]:
    """Settings in which two distilled runs differ, the teacher among them."""
    keys = differing(a, b)
    return [*keys, "teacher"] if _parent(a) != _parent(b) else keys


def _half(runs: Runs, twins: Sequence[Bundle]) -> tuple[Bundle, Bundle] | None:
    found = []
    for run in runs.scored:
        if _part(run) is None:
            continue
        for twin in twins:
            same = is_distilled(run) == is_distilled(twin) and run.manifest.model.name == twin.manifest.model.name
            if same and not runs.why_not(run, twin):
                changes = differing(run, twin, (_FRACTION, "training rows"))
                found.append((len(changes), abs((_part(run) or 0) - 0.5), run.run_id, run, twin))
    best = min(found, key=lambda one: one[:3], default=None)
    return (best[3], best[4]) if best and best[0] == 0 else None


def _part(run: Bundle) -> float | None:
    """The share of the training rows a run was given, None where it got all of them."""
    share = as_number(run.config.resolved.get(_FRACTION))
    return share if share is not None and share < 1 else None


def train_fraction(run: Bundle) -> float:
    """The share of the training rows a run was given."""
    return _part(run) or 1.0


def _small(learnt: Sequence[Bundle], distilled: Bundle | None) -> Bundle | None:
    if distilled is None:
        return None
    others = [
        run
        for run in learnt
        if _parent(run) not in (None, _parent(distilled))
        and not differing(run, distilled)
        and setting(run) == setting(distilled)
    ]
    return min(others, key=lambda run: run.run_id, default=None)
