"""What every template is given, in words; `python -m docs.generate` refuses to describe anything that is not so."""

from __future__ import annotations

from collections.abc import Mapping

_EXHIBITS = {
    "drawings": "figure id to its SVG, as markup",
    "numbers": "id of a figure or table to `Figure 1`, `Table 2`, … in reading order",
}
_FIGURE = {
    "figure": "`Figure`: id, caption and finding, which is the accessible name",
    "plot": "its geometry in units of the drawing; the function that computes it is named below",
}
_GRADING = {"grading_css": "the stylesheet of grading, ready to be inlined", "rubric": "`Rubric` of the week"}

PAGES: Mapping[str, Mapping[str, str]] = {
    "week.html": {
        "evidence": "`WeekEvidence`: everything the memo states",
        "front": "label to text: scenario and date of the author's front matter, where given",
        "author": "the author's name, or None",
        "declared": "(label, text) of what the author discloses: data, licences, code, AI use",
        "opening": "the author's summary as sanitised HTML, or None",
        "written": "section id to the author's text as sanitised HTML",
        "filled": "item id to its `Note`s: what the author's text says there, or how to say it",
        "notices": "warnings that concern the whole page",
        **_EXHIBITS,
    },
    "audit.html": {
        "audit": "`Audit`, the same that audit.json holds",
        "course": "the course's title",
        "glance": "(label, fact) of the figures at the head of the page",
        "questions": "what to look at before training: topic, part, fact, question",
        "parts": "facts, tables and figures of each part of the page",
        **_EXHIBITS,
    },
    "index.html": {
        "title": "the page's title",
        "lead": "the line below it",
        "groups": "`Group`s of links: title, text, pages with href, title, text",
        "credit": "licence line at the foot",
    },
    "exhibits.html": {
        "kicker": "the line above the title",
        "title": "the page's title",
        "lead": "the line below it",
        "parts": "title, text, figures and tables of each part",
        "credit": "licence line at the foot",
        **_EXHIBITS,
    },
    "feedback.html": {
        "student": "`Student`: one participant's result",
        "blocks": "a block a section: points, the state of each item, findings, remarks, band",
        "flags": "what is said about the submission as a whole and is meant for the student",
        **_GRADING,
    },
    "overview.html": {
        "course": "the course's title",
        "students": "`Student`s in alphabetical order",
        "attention": "those who need a person, most findings first",
        "reasons": "why, by kind, with their number",
        "folded_after": "rows shown before the rest is folded",
        "graded": "number of graded submissions",
        "median": "median grade, or None",
        "late": "number of late submissions, none where no date is known",
        "missing": "number of participants without a submission",
        "bars": "spread of the grades, as geometry",
        "height": "height of that drawing",
        "floor": "its base line, in pixels",
        "rates": "share of students who answered each item",
        "hardest": "items to teach again",
        "pairs": "(name, name, per cent, `Pair`) of alike texts",
        "notes": "what the reader should know about this run",
        "links": "participant to the feedback page's address",
        "leading": "function: the finding of a student to show first",
        "script": "the page's one script, which sorts columns",
        "script_hash": "its digest for the content security policy",
        **_GRADING,
    },
}
"""Pages, by the keywords of the call that renders them."""

PARTS: Mapping[str, Mapping[str, str]] = {
    "partials/section.html": {
        "section": "`Section` of the loop that includes it",
        "filled": "as in week.html",
        "parts": "the macros of partials/evidence.html",
        **_EXHIBITS,
    },
    "partials/reasoning.html": {"section": "`Section` of the loop that includes it", "written": "as in week.html"},
    "partials/disclosure.html": {"evidence": "as in week.html", "declared": "as in week.html"},
    "partials/notices.html": {"notices": "lines of text; nothing is shown if there are none"},
    "partials/evidence.html": {},
    "partials/method.html": {},
    "base.html": {},
}
"""Included by pages."""

FIGURE: Mapping[str, str] = _FIGURE
