"""From bundles to a week's evidence: every item of the rubric is answered, or says what to run."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reportgen.errors import InputError, UsageError

from .context import Context, SectionEvidence, WeekAnswers
from .disclosure import disclosure
from .model import Item, Reasoning, Section, WeekEvidence
from .rubric import RubricSection, load_rubric
from .runs import Runs

if TYPE_CHECKING:
    from reportgen.bundle import Bundle
    from reportgen.data import Course
    from reportgen.data.audit import Audit

    from .memory import Memory
    from .texts import Texts

CHOICES = ("scenario", "teacher", "vanilla", "distilled", "classes", "gate")
"""Front matter that decides what is measured; the record keeps it, so that a check can build the same again."""
_BUILT = (1, 2, 3, 4, 5, 6)
"""Weeks with a module `week<n>` that has a function `answer(context) -> WeekAnswers`."""


def weeks_built() -> tuple[int, ...]:
    """The weeks whose memo can be built."""
    return _BUILT


def build(
    week: int,
    bundles: Iterable[Bundle],
    course: Course,
    *,
    audit: Mapping[str, Any] | None = None,
    memory: Memory | None = None,
    declared: Mapping[str, str] | None = None,
    texts: Texts | None = None,
) -> WeekEvidence:
    """The evidence of one week's memo.

    Args:
        week: 1 to 6.
        bundles: runs of any kind and number.
        course: whose rubric is answered.
        audit: the dataset audit as JSON; by default the first one a bundle carries.
        memory: what the author's memos of earlier weeks said.
        declared: the front matter of the author's text.
        texts: of the rows that were scored, to be shown beside the rows to read by hand.

    Raises:
        UsageError: no such week, or nothing builds it.
        InputError: two bundles share a run_id, or the rubric or the audit is malformed.
    """
    rubric = load_rubric(course, week)
    runs = Runs(bundles)
    kept = None if audit else next((run for run in runs.measured if run.audit), None)
    given = audit or (kept.audit if kept else None)
    audited_by = kept.run_id if kept else None
    context = Context(week, course, rubric, runs, _audit(given), audited_by, memory, declared, texts)
    answers = _builder(week)(context)
    datasets = {run.manifest.dataset.name for run in runs.measured if run.manifest.dataset}
    datasets |= {context.audit.dataset} if context.audit else set()
    return WeekEvidence(
        week=week,
        course=course.title,
        title=rubric.title,
        dataset=", ".join(sorted(datasets)) or "not stated",
        synthetic=runs.synthetic or bool(context.audit and context.audit.synthetic),
        runs=runs.summaries(),
        sections=tuple(
            _section(section, answers.sections.get(section.id, SectionEvidence())) for section in rubric.sections
        ),
        notices=(*answers.notices, *runs.notices()),
        disclosure=disclosure(context),
        split=runs.split,
        highlights=answers.highlights,
        choices={key: said[:500] for key in CHOICES if (said := (declared or {}).get(key))},
        opening=rubric.opening,
        scored=runs.outcomes(),
    )


def _audit(given: Mapping[str, Any] | None) -> Audit | None:
    from pydantic import ValidationError

    from reportgen.data.audit import Audit

    if given is None:
        return None
    try:
        return Audit.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise InputError(
            f"{place}: {first['msg']}", where="the dataset audit", remedy="make it with `reportgen data audit`"
        ) from None


def _builder(week: int) -> Callable[[Context], WeekAnswers]:
    if week not in _BUILT:
        weeks = ", ".join(map(str, _BUILT))
        raise UsageError(f"no memo can be built for week {week}", remedy=f"weeks that can: {weeks}")
    answer: Callable[[Context], WeekAnswers] = importlib.import_module(f"{__package__}.week{week}").answer
    return answer


def _section(rubric: RubricSection, found: SectionEvidence) -> Section:
    return Section(
        id=rubric.id,
        number=rubric.number,
        title=rubric.title,
        points=rubric.points,
        items=tuple(
            replace(found.items.get(item.id) or _unknown(item.id), label=item.label, fields=item.fields)
            for item in rubric.evidence
        ),
        reasoning=tuple(Reasoning(item.id, item.prompt) for item in rubric.reasoning),
        tables=tuple(found.tables),
        figures=tuple(found.figures),
    )


def _unknown(item: str) -> Item:
    """An item a course added to its rubric: only the author can answer it."""
    return Item(id=item, label="", sentence="Nothing measures this; answer it in your text.", verification="declared")
