"""The synthetic corpus: time, memory and its audit facts beside the published ones.

Usage: python benchmarks/bench_synthetic.py [--tfidf]   (--tfidf adds the course's baseline: minutes)
"""

from __future__ import annotations

import argparse
import resource
import sys
import time

import numpy as np
import pandas as pd

from reportgen.data.courses import Course, load_course
from reportgen.data.synthetic import generate

NUMERIC = r"\$\d|(?<!\w)\d{4,}(?!\w)"
OPENS_WITH_I = r"I[ ']"
VAL_BINS = [0, 1, 2, 3, 5, 11, 51, 10**6]


def merged(table: pd.DataFrame, course: Course) -> pd.DataFrame:
    label = table["label"].map(lambda raw: course.merge.get(raw, raw))
    ids = label.map({name: i for i, name in enumerate(course.labels or ())})
    return table.assign(id=ids)[ids.notna()].astype({"id": int})


def facts(raw: dict[str, pd.DataFrame], splits: dict[str, pd.DataFrame]) -> list[tuple[str, object, object]]:
    train, val = (np.bincount(splits[name]["id"], minlength=113) for name in ("train", "val"))
    rank = np.argsort(-train, kind="stable")
    tiers = [int(val[rank[a:b]].sum()) for a, b in ((0, 20), (20, 60), (60, 113))]
    text = splits["train"]["text"]
    words = text.str.split().str.len()
    ordered = np.sort(train)
    return [
        ("rows", "57846/6430/21432", "/".join(str(len(table)) for table in splits.values())),
        ("raw names", 153, pd.concat(raw.values())["label"].nunique()),
        ("largest label, train and val", "13333, 1482", f"{train.max()}, {val.max()}"),
        ("ranks 2 and 3", "≈7750, 3905", f"{ordered[-2]}, {ordered[-3]}"),
        ("smallest label", 4, ordered[0]),
        (
            "labels ≥2000, <50, <20",
            "6, 37, ≈23",
            f"{(train >= 2000).sum()}, {(train < 50).sum()}, {(train < 20).sum()}",
        ),
        ("labels <100", "≈54", (train < 100).sum()),
        ("lower quartile, rare labels", "27, 29", f"{ordered[28]}, {(ordered <= ordered[28]).sum()}"),
        ("val rows of head, mid, tail", "5155, 1065, 210", ", ".join(map(str, tiers))),
        (
            "val support 0/1/2/3-4/5-10/11-50/51+",
            "0/17/7/11/17/38/23",
            "/".join(map(str, np.histogram(val, VAL_BINS)[0])),
        ),
        ("redacted", "63.5 %", f"{text.str.contains('XXXX').mean():.1%}"),
        ("words, median and mean", "≈50, higher", f"{words.median():.0f}, {words.mean():.1f}"),
        ("third quartile of characters", "300-400", f"{text.str.len().quantile(0.75):.0f}"),
        ("opens with I", "-", f"{text.str.match(OPENS_WITH_I).mean():.1%}"),
        ("amount or long number", "-", f"{text.str.contains(NUMERIC).mean():.1%}"),
        ("repeats an earlier text", "-", f"{text.duplicated().mean():.1%}"),
    ]


def baseline(splits: dict[str, pd.DataFrame]) -> list[tuple[str, object, object]]:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score

    vectorizer = TfidfVectorizer(max_features=50_000, ngram_range=(1, 2), sublinear_tf=True, strip_accents="unicode")
    model = LogisticRegression(C=1.0, max_iter=1000, random_state=42)
    model.fit(vectorizer.fit_transform(splits["train"]["text"]), splits["train"]["id"])
    published = {"val": (0.542, 0.1324, 70), "test": (0.5394, 0.1307, 63)}
    rows: list[tuple[str, object, object]] = []
    for split, (accuracy, macro, zero) in published.items():
        truth = splits[split]["id"].to_numpy()
        predicted = model.predict(vectorizer.transform(splits[split]["text"]))
        f1 = f1_score(truth, predicted, labels=range(113), average=None, zero_division=0)
        measured = f"{np.mean(truth == predicted):.4f}, {f1.mean():.4f}, {(f1 == 0).sum()}"
        rows.append((f"TF-IDF {split}: accuracy, macro F1, zero F1", f"{accuracy}, {macro}, {zero}", measured))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tfidf", action="store_true")
    arguments = parser.parse_args()
    start = time.perf_counter()
    raw = generate()
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    start = time.perf_counter()
    generate(limit=2000)
    print(f"full corpus {seconds:.1f} s, peak memory of the process {peak:.0f} MiB")
    print(f"limit 2,000 {time.perf_counter() - start:.2f} s\n")
    course = load_course("ecbs5200")
    splits = {name: merged(table, course) for name, table in raw.items()}
    rows = facts(raw, splits) + (baseline(splits) if arguments.tfidf else [])
    print(f"{'fact':<48}{'published':<24}synthetic")
    for name, published, measured in rows:
        print(f"{name:<48}{published!s:<24}{measured}")


if __name__ == "__main__":
    main()
