"""A visitor with Chromium: reads, sorts, decides, classifies; nothing hostile runs and nothing leaves the machine."""

from __future__ import annotations

import time

import pytest

pytestmark = pytest.mark.browser


class Visit:
    """A page of the app that notes what it says, asks for and breaks."""

    def __init__(self, browser, url: str, width: int = 1280, scheme: str = "light") -> None:
        self.url = url
        self.context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.on("request", lambda request: self.asked.append(request.url))

    def __enter__(self):
        self.started = time.monotonic()
        self.page.goto(self.url)
        self.page.wait_for_selector("#tabs")
        self.drawn = time.monotonic() - self.started
        return self

    def __exit__(self, kind, *_) -> None:
        self.context.close()
        if kind is None:
            assert self.complaints == []
            outside = [url for url in self.asked if not url.startswith((self.url, "data:", "blob:", "about:"))]
            assert outside == []

    def tab(self, name: str) -> None:
        self.page.get_by_role("tab", name=name, exact=True).click()

    def slide(self, name: str, value: float) -> None:
        box = self.page.locator(f"#{name} input[type=number]")
        box.fill(str(value))
        box.press("Enter")

    def choose(self, name: str, option: str) -> None:
        self.page.locator(f"#{name} input[role=combobox]").click()
        self.page.get_by_role("option", name=option).click()


@pytest.fixture
def visit(browser, served):
    """Opens the app."""
    return lambda **options: Visit(browser, served.url, **options)


def test_a_visitor_reads_week_4(visit) -> None:
    with visit() as visitor:
        visitor.page.wait_for_selector("#memo iframe", timeout=60_000)
        visitor.page.locator("#week label", has_text="Week 4").click()
        visitor.page.wait_for_selector('#memo iframe[title^="Memo of week 4"]', timeout=60_000)
        memo = visitor.page.frame_locator("#memo iframe")
        assert memo.locator("h1").inner_text(timeout=30_000)
        assert "Week 4" in memo.locator(".kicker").first.inner_text()


def test_a_visitor_sorts_and_filters_the_rescue_chart(visit) -> None:
    with visit() as visitor:
        visitor.page.wait_for_selector("#rescue tbody tr", timeout=60_000)
        first = visitor.page.locator("#rescue tbody th").first
        before = first.inner_text()
        visitor.choose("rescue-order", "Largest loss first")
        visitor.page.wait_for_function(
            "was => document.querySelector('#rescue tbody th').innerText !== was", arg=before
        )
        visitor.choose("rescue-only", "Back from zero")
        visitor.page.wait_for_function("document.querySelectorAll('#rescue tbody tr').length < 77")
        hits = visitor.page.locator("#rescue tbody tr td:nth-child(3)").all_inner_texts()
        assert hits
        assert all(text.startswith("0 →") for text in hits)
        visitor.page.locator("#rescue-search textarea").fill("no such class")
        visitor.page.wait_for_selector("#rescue .rg-empty")


def test_a_visitor_flips_the_recommendation(visit) -> None:
    with visit() as visitor:
        visitor.tab("Decide")
        visitor.page.wait_for_selector("#choice", timeout=90_000)
        before = visitor.page.locator("#choice").inner_text()
        promised = visitor.page.locator(".rg-flips li strong").all_inner_texts()
        visitor.slide("desk-latency", 5)
        visitor.page.wait_for_function("was => document.querySelector('#choice').innerText !== was", arg=before)
        assert visitor.page.locator("#choice").inner_text() in promised
        visitor.choose("desk-start", "As cheap as F1 of .2 can be")
        visitor.page.wait_for_function("document.querySelector('#desk-floor input[type=number]').value === '0.2'")


def test_a_visitor_classifies(visit) -> None:
    hostile = '"><img src=x onerror="window.__pwn=1">${alert(1)}{{7*7}}'
    with visit() as visitor:
        visitor.tab("Classify")
        visitor.page.wait_for_selector(".rg-voice")
        assert visitor.page.locator(".rg-voice").count() == 3
        was = visitor.page.locator("#classify-answers").inner_text()
        visitor.page.locator("#classify-text textarea").fill("mortgage payment late fee " + hostile)
        visitor.page.wait_for_function("was => document.querySelector('#classify-answers').innerText !== was", arg=was)
        assert visitor.page.evaluate("window.__pwn") is None


def test_no_injected_script_or_handler_would_run(visit) -> None:
    """Were something to slip through the escaping, the page's policy stops it."""
    with visit() as visitor:
        visitor.page.evaluate(
            """() => { const place = document.createElement('div');
                 place.innerHTML = '<img src="data:," onerror="window.__pwn = 1">'; document.body.append(place);
                 const script = document.createElement('script'); script.textContent = 'window.__pwn = 2';
                 document.body.append(script); }"""
        )
        visitor.page.wait_for_timeout(300)
        assert visitor.page.evaluate("window.__pwn") is None
        refused = [said for said in visitor.complaints if "Content Security Policy" in said]
        assert len(refused) == len(visitor.complaints) >= 2
        visitor.complaints.clear()


@pytest.mark.parametrize("tab", ["Explore", "Decide", "Classify"])
@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
def test_never_wider_than_the_screen_and_axe_is_content(visit, tab, width, scheme) -> None:
    playwright_axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    ready = {"Explore": "#rescue tbody tr", "Decide": "#choice", "Classify": ".rg-voice"}[tab]
    with visit(width=width, scheme=scheme) as visitor:
        visitor.tab(tab)
        visitor.page.wait_for_selector(ready, timeout=90_000)
        assert visitor.page.evaluate("document.documentElement.scrollWidth") <= width
        # Our own content; gradio's components and the memo inside its frame are tested by those who make them.
        context = {
            "include": [".rg-masthead", ".rg-heading", ".rg-colophon", ready.split()[0] if "#" in ready else ready]
        }
        found = playwright_axe.Axe().run(visitor.page, context=context)
        assert [
            (bad["id"], [node["html"][:160] for node in bad["nodes"]][:3]) for bad in found.response["violations"]
        ] == []


def test_the_keyboard_is_enough(visit) -> None:
    with visit() as visitor:
        page = visitor.page
        page.wait_for_selector("#memo iframe", timeout=60_000)
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.getAttribute('role')") == "tab":
                break
        else:
            pytest.fail("the tabs cannot be reached with the keyboard")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none"
        page.locator("#week input").first.focus()
        # Gradio gives each radio button a name of its own: one tabs to it and presses space.
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        page.wait_for_selector('#memo iframe[title^="Memo of week 2"]', timeout=60_000)
