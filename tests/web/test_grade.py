"""Grade's handlers: a held grade waits for the instructor's own points."""

from __future__ import annotations

import pytest

from reportgen.errors import UsageError
from reportgen.web import grade

HELD = "Data <Audit>"
REPORT = {
    "sections": [{"id": "w1.s1", "number": 1, "title": HELD, "points": 20}],
    "students": [
        {
            "id": "104", "name": "Student", "held": [HELD], "edited": [], "comment": "", "flags": [],
            "points": {"w1.s1": 8.0},
            "sections": [
                {
                    "id": "w1.s1", "title": HELD, "draft": 8.0, "band": (0, 4), "points": 20, "reasoning_words": 0,
                    "items": [], "findings": [],
                }
            ],
        }
    ],
}  # fmt: skip


def test_a_held_section_says_so_and_its_draft_is_a_decision_too() -> None:
    html = grade.student_view(REPORT, "104")
    assert "Grade held back" in html
    assert "<Audit>" not in html
    score = grade.scores(REPORT, "104")[0]
    assert score.points is None
    assert "held" in score.hint
    assert grade.edits_of(REPORT, "104", [8.0], "") == [{"student": "104", "field": "w1.s1", "value": "8"}]
    with pytest.raises(UsageError, match="nothing was changed"):
        grade.edits_of(REPORT, "104", [None], "")
