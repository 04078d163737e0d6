"""Visitors at once on explore and decide: how long each answer takes.

    python -m benchmarks.bench_app --visitors 30 --seconds 120

Each visitor opens the page, then moves a slider, changes the chart, opens another memo or compares two runs, with the
pauses a person makes. What is timed is the request until its answer is complete, over the events the page uses.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[1]
PORT = 7899


def bench(visitors: int, seconds: float, url: str) -> dict[str, Any]:
    """Median, p95 and maximum of the answer times in seconds, in all and by what was asked; and the errors."""
    events = _events(url)
    times: dict[str, list[float]] = defaultdict(list)
    errors: list[str] = []
    stop = time.monotonic() + seconds
    threads = [
        threading.Thread(target=_visit, args=(url, events, number, stop, times, errors)) for number in range(visitors)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    every = [value for values in times.values() for value in values]
    return {
        "visitors": visitors,
        "seconds": seconds,
        "errors": errors[:5],
        "n_errors": len(errors),
        "all": _summary(every),
        **{name: _summary(values) for name, values in sorted(times.items())},
    }


def _summary(values: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(values, n=20) if len(values) > 1 else [*values] * 19
    return {"n": len(values), "p50": round(cuts[9], 3), "p95": round(cuts[18], 3), "max": round(max(values), 3)}


def _events(url: str) -> dict[str, tuple[int, list[Any]]]:
    """The page's events by what they answer: their number, and the values they start with."""
    config = httpx.get(f"{url}config", timeout=60).json()
    values = {part["id"]: part["props"].get("value") for part in config["components"]}
    ids = {part["id"]: part["props"].get("elem_id") for part in config["components"]}
    wanted = {"memo", "rescue", "comparison", "decision"}
    found = {}
    for event in config["dependencies"]:
        outputs = [ids.get(out) for out in event["outputs"]]
        if len(outputs) == 1 and outputs[0] in wanted:
            found[outputs[0]] = (event["id"], [values[part] for part in event["inputs"]])
    if missing := wanted - set(found):
        raise RuntimeError(f"the page has no event for {missing}")
    return found


def _visit(
    url: str,
    events: dict[str, tuple[int, list[Any]]],
    number: int,
    stop: float,
    times: dict[str, list[float]],
    errors: list[str],
) -> None:
    chance = random.Random(number)  # noqa: S311 - which button a pretended visitor presses
    time.sleep(chance.random() * 2)
    with httpx.Client(timeout=60) as client:
        _timed("page", lambda: client.get(url), times, errors)
        while time.monotonic() < stop:
            name = chance.choice(("decision", "decision", "decision", "rescue", "rescue", "comparison", "memo"))
            event, values = events[name]
            body = {"data": _moved(name, values, chance), "fn_index": event, "session_hash": f"visitor{number}"}
            _timed(name, lambda body=body: client.post(f"{url}gradio_api/run/predict", json=body), times, errors)
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
        moved[0] = chance.choice((1, 2, 3, 4))
    return moved


def _timed(name: str, ask: Any, times: dict[str, list[float]], errors: list[str]) -> None:
    started = time.perf_counter()
    try:
        answer = ask()
        if answer.status_code != 200 or b'"error"' in answer.content[:200]:
            errors.append(f"{name}: {answer.status_code} {answer.text[:200]}")
    except httpx.HTTPError as error:
        errors.append(f"{name}: {error!r}")
    times[name].append(time.perf_counter() - started)


def main() -> None:
    """Serve the app, wait until it answers, send the visitors, print what they saw."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_app", description=__doc__.partition("\n")[0])
    parser.add_argument("--visitors", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--url", help="a running app, with a slash at its end; by default one is started")
    said = parser.parse_args()
    if said.url:
        print(json.dumps(bench(said.visitors, said.seconds, said.url), indent=2))
        return
    url = f"http://127.0.0.1:{PORT}/"
    server = subprocess.Popen([sys.executable, "-m", "reportgen", "app", "--port", str(PORT)], cwd=ROOT)
    try:
        while True:
            try:
                httpx.get(url, timeout=5)
                break
            except httpx.HTTPError:
                if server.poll() is not None:
                    sys.exit("the app did not start")
                time.sleep(0.1)
        print(json.dumps(bench(said.visitors, said.seconds, url), indent=2))
    finally:
        server.terminate()
        server.wait(20)


if __name__ == "__main__":
    main()
