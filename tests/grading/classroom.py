"""A class of memos: honest ones, and what students and strangers make of them."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from types import ModuleType

from reportgen.data import load_course
from reportgen.evidence import build
from reportgen.memo import parse_prose, render
from reportgen.memo.record.make import record_digest
from reportgen.memo.record.page import digests, parse

RECORD = re.compile(r'(<script type="application/json" id="reportgen-record">)(.*?)(</script>)', re.DOTALL)
WORDS = [
    "rare",
    "classes",
    "tail",
    "model",
    "encoder",
    "baseline",
    "labels",
    "gradient",
    "frequent",
    "support",
    "macro",
    "accuracy",
    "weights",
    "training",
    "noise",
    "seeds",
    "interval",
    "evidence",
    "complaint",
    "redaction",
    "tokens",
    "budget",
    "shift",
    "majority",
    "deploy",
    "cost",
    "review",
]
HOSTILE = """<!doctype html><html><head><meta http-equiv="refresh" content="0;url=https://evil.example/">
<title>Week 1</title><script>alert(1)</script></head><body onload="alert(2)">
<h1>Data Audit <img src=x onerror=alert(3)></h1><svg onload="alert(4)"><script>alert(5)</script></svg>
<p>Number of classes: 113 <img src="https://evil.example/p.png"> =cmd|'/C calc'!A0</p>
<h2>Baseline Results and Interpretation</h2><p>accuracy 0.5420, macro F1 0.1324 "><script>alert(6)</script></p>
<style>@import url(https://evil.example/x.css); body { background: url(https://evil.example/b.png) }</style>"""


def prose(author: str, seed: int) -> str:
    """Five sections of words nobody else writes in this order."""
    draw = random.Random(seed)
    sections = (f"## {n}\n" + " ".join(draw.choice(WORDS) for _ in range(80)) + ".\n" for n in range(1, 6))
    return f"---\nauthor: {author}\n---\n" + "\n".join(sections)


def memo(simulated: ModuleType, folder: Path, number: int, *, text: str | None = None, world=None) -> str:
    """A week-1 memo from runs of its own; the encoder's predictions follow the number."""
    world = world or simulated.World()
    runs = [
        simulated.write_run(folder, world, "majority", "majority"),
        simulated.write_run(folder, world, "tfidf", "linear", skill=0.62, floor=40),
        simulated.write_run(
            folder,
            world,
            "encoder",
            "encoder",
            skill=0.6 + 0.01 * number,
            floor=3,
            draw=10 + number,
            settings={"lr": 2e-5, "epochs": 3, "batch_size": 32},
            training=simulated.history(3, 190, (0.14, 0.19, 0.21)),
        ),
    ]
    evidence = build(1, runs, load_course("ecbs5200"))
    return render(evidence, parse_prose(text, evidence) if text else None)


def record_of(html: str) -> dict:
    """The memo's record."""
    return json.loads(RECORD.search(html)[2])


def reseal(html: str, change=lambda record: None) -> str:
    """A forger's page: every digest fits its text again."""
    page, sections = digests(parse(html))
    record = record_of(html)
    record["page"] = page
    record["sections"] = [{"id": name, "sha256": digest} for name, digest in sections]
    change(record)
    record["digest"] = record_digest(record)
    return RECORD.sub(lambda match: match[1] + json.dumps(record).replace("<", "\\u003c") + match[3], html)


def inflate(record: dict) -> None:
    """Accuracy of the encoder as its author would like it."""
    for group in record["groups"]:
        for value in group["values"]:
            if value["metric"] == "accuracy" and value.get("run") == "encoder" and not value.get("baseline"):
                value["value"] = 0.95
