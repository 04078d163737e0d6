"""Hostile names and labels in every field the app renders, served for real and opened in Chromium."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser

# Runs in the server's process before the app starts: whatever the shipped runs say is replaced.
PRELUDE = """
HOSTILE = '"><img src=x onerror="window.__pwn=1"><script>window.__pwn=2</script>${window.__pwn=3}{{constructor}}'
from reportgen.web import examples
_rescue, _compare, _memo = examples.Examples.rescue, examples.Examples.compare, examples.Examples.memo
def rescue(self, *names):
    report = dict(_rescue(self, *names))
    rows = [{**row, "label": HOSTILE + str(i), "verdict": HOSTILE} for i, row in enumerate(report["per_class"])]
    return report | {"per_class": rows, "baseline": HOSTILE, "candidate": HOSTILE}
def compare(self, *names):
    return dict(_compare(self, *names)) | {"a": HOSTILE, "b": HOSTILE}
def memo(self, week):
    attack = HOSTILE + "<script>parent.__pwn=4; top.__pwn=5</script></iframe><img src=x onerror=window.__pwn=6>"
    return _memo(self, week).replace("<h1", attack + "<h1", 1)
examples.Examples.rescue, examples.Examples.compare, examples.Examples.memo = rescue, compare, memo
examples.Examples.words = lambda self, name: HOSTILE
examples.Examples.titles = property(lambda self: {week: HOSTILE for week in self.weeks})
from dataclasses import replace
_candidates = examples.Examples.candidates
examples.Examples.candidates = lambda self, split="val": [
    replace(candidate, model=HOSTILE + candidate.model) for candidate in _candidates(self, split)
]
"""


def test_nothing_executes_anywhere(browser, serving, tmp_path) -> None:
    with serving.running(tmp_path / "log.txt", prelude=PRELUDE) as app:
        page = browser.new_context().new_page()
        said, asked = [], []
        page.on("dialog", lambda dialog: said.append(dialog.message))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(app.url)
        for selector in ("#memo iframe", "#rescue tbody tr", "#comparison tbody tr"):
            page.wait_for_selector(selector, timeout=90_000)
        page.locator("#rescue-baseline input").click()
        page.wait_for_selector('[role="option"]')
        page.keyboard.press("Escape")
        assert "window.__pwn" in page.locator("#rescue tbody th").first.inner_text()
        page.get_by_role("tab", name="Decide").click()
        page.wait_for_selector("#choice", timeout=90_000)
        assert "window.__pwn" in page.locator("#choice").inner_text()
        page.wait_for_timeout(500)
        assert [page.evaluate("window.__pwn"), said] == [None, []]
        assert all(frame.evaluate("window.__pwn") is None for frame in page.frames[:1])
        assert not page.locator("#rescue img, #decision img, #comparison img, #memo > img").count()
        page.goto(f"{app.url}memo/4")
        page.wait_for_selector("h1")
        assert said == []
        assert all(url.startswith((app.url, "data:", "about:")) for url in asked)
