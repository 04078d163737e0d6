"""Visitors at once on explore and decide, and one with Chromium: how long each answer takes.

Each of the many opens the page, then moves a slider, changes the chart, opens another memo or compares two runs, with
the pauses a person makes. What is timed is the request until its answer is complete, over the events the page uses.
"""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import httpx

CHROMIUM = "/usr/bin/chromium"
WHAT = {
    "page": "the page itself",
    "decision": "decide: a limit moved",
    "rescue": "explore: another chart",
    "comparison": "explore: another pair",
    "memo": "explore: another memo",
}
"""What a visitor asks for; the events by the element that shows their answer."""
_SHARES = ("decision", "decision", "decision", "rescue", "rescue", "comparison", "memo")


@dataclass
class Answers:
    """Seconds of every answer by what was asked, and what went wrong."""

    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: list[str] = field(default_factory=list)

    @property
    def every(self) -> list[float]:
        """All of them together."""
        return [seconds for some in self.times.values() for seconds in some]


def visit(url: str, visitors: int, seconds: float) -> Answers:
    """Send the visitors, all for as long as said, and note what they saw."""
    events, answers = _events(url), Answers()
    stop = time.monotonic() + seconds
    threads = [threading.Thread(target=_one, args=(url, events, n, stop, answers)) for n in range(visitors)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def draw(url: str, times: int) -> tuple[list[float], list[float], list[str]]:
    """Open the page in Chromium, each time as a stranger with an empty cache.

    Returns:
        Seconds from navigation until the first tab's controls are drawn, and until its memo and charts are; requests
        to other hosts.
    """
    from playwright.sync_api import sync_playwright

    tab, whole, outside = [], [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for _ in range(times):
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.on("request", lambda request: outside.append(request.url) if _leaves(request.url, url) else None)
            begun = time.perf_counter()
            page.goto(url, wait_until="commit")
            page.wait_for_selector("#week label")
            tab.append(time.perf_counter() - begun)
            for part in ("#memo iframe", "#rescue tbody tr", "#comparison table"):
                page.wait_for_selector(part, timeout=60_000)
            whole.append(time.perf_counter() - begun)
            page.close()
        browser.close()
    return tab, whole, outside


def _leaves(asked: str, url: str) -> bool:
    return not asked.startswith((url, "data:", "blob:", "about:"))


def _events(url: str) -> dict[str, tuple[int, list[Any]]]:
    """The page's events by what they answer: their number, and the values they start with."""
    config = httpx.get(f"{url}config", timeout=60).json()
    values = {part["id"]: part["props"].get("value") for part in config["components"]}
    ids = {part["id"]: part["props"].get("elem_id") for part in config["components"]}
    found = {}
    for event in config["dependencies"]:
        outputs = [ids.get(out) for out in event["outputs"]]
        if len(outputs) == 1 and outputs[0] in WHAT:
            found[outputs[0]] = (event["id"], [values[part] for part in event["inputs"]])
    if missing := WHAT.keys() - found.keys() - {"page"}:
        raise RuntimeError(f"the page has no event for {missing}")
    return found


def _one(url: str, events: dict[str, tuple[int, list[Any]]], number: int, stop: float, answers: Answers) -> None:
    chance = random.Random(number)  # noqa: S311 - which button a pretended visitor presses
    time.sleep(chance.random() * 2)
    with httpx.Client(timeout=60) as client:
        _timed("page", lambda: client.get(url), answers)
        while time.monotonic() < stop:
            name = chance.choice(_SHARES)
            event, values = events[name]
            body = {"data": _moved(name, values, chance), "fn_index": event, "session_hash": f"visitor{number}"}
            _timed(name, lambda body=body: client.post(f"{url}gradio_api/run/predict", json=body), answers)
            time.sleep(chance.uniform(0.5, 2.5))


def _moved(name: str, values: list[Any], chance: random.Random) -> list[Any]:
    moved = list(values)
    if name == "decision":
        moved[3], moved[4] = round(chance.uniform(1, 99), 1), round(chance.uniform(0, 0.6), 3)
    elif name == "rescue":
        moved[1] = chance.choice(("embed", "encoder", "encoder-weighted", "decoder-lora"))
        moved[3] = chance.choice(("Largest gain first", "Largest loss first", "By name"))
    elif name == "comparison":
        moved[1] = chance.choice(("embed", "encoder", "decoder-lora"))
    else:
        moved[0] = chance.choice((1, 2, 3, 4, 5, 6))
    return moved


def _timed(name: str, ask: Any, answers: Answers) -> None:
    started = time.perf_counter()
    try:
        answer = ask()
        if answer.status_code != 200 or b'"error"' in answer.content[:200]:
            answers.errors.append(f"{name}: {answer.status_code} {answer.text[:200]}")
    except httpx.HTTPError as error:
        answers.errors.append(f"{name}: {error!r}")
    answers.times[name].append(time.perf_counter() - started)
