"""Tier rules and the two tier scores."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from reportgen.errors import InputError, UsageError
from reportgen.stats import TIER_RULES, per_class, scores, tier_masked_f1, tier_mean_f1, tier_names, tiers


def test_count_rule_at_its_edges():
    assert tiers([5000, 2000, 1999, 100, 99, 0], "count").tolist() == ["head", "head", "mid", "mid", "tail", "tail"]


def test_rank_rule_breaks_ties_by_id():
    counts = np.full(70, 7)
    counts[69] = 8
    tier = tiers(counts, "rank")
    # Label 69 is first; among the equal ones ids 0–18 follow it, 19–58 are mid, 59–68 tail.
    assert tier[69] == "head"
    assert set(tier[:19]) == {"head"}
    assert set(tier[19:59]) == {"mid"}
    assert set(tier[59:69]) == {"tail"}


def test_quartile_rule_by_hand():
    # K // 4 = 2: the third smallest of 1 2 3 3 9 9 9 9 is 3.
    assert tiers([9, 3, 9, 1, 9, 2, 9, 3], "quartile").tolist() == [
        "common", "rare", "common", "rare", "common", "rare", "common", "rare",
    ]  # fmt: skip


def test_the_course_has_29_rare_classes_and_head_mid_tail_of_20_40_53(shared_data):
    k = len(json.loads((shared_data / "course" / "label_list.json").read_text()))
    counts = np.random.default_rng(0).permutation(np.arange(1, k + 1))
    assert [int((tiers(counts, "rank") == name).sum()) for name in tier_names("rank")] == [20, 40, 53]
    assert (tiers(counts, "quartile") == "rare").sum() == 29


@settings(deadline=None)
@given(st.lists(st.integers(0, 5000), min_size=1, max_size=150), st.sampled_from(TIER_RULES))
def test_tiers_partition_the_labels_by_frequency(counts, rule):
    tier = tiers(counts, rule)
    names = tier_names(rule)
    assert tier.shape == (len(counts),)
    assert set(tier.tolist()) <= set(names)
    ordered = names if rule != "quartile" else names[::-1]
    rank = np.array([ordered.index(name) for name in tier])
    by_count = np.argsort(-np.array(counts), kind="stable")
    assert (np.diff(rank[by_count]) >= 0).all()


def test_unknown_rule_and_bad_counts():
    with pytest.raises(UsageError, match="count, rank, quartile"):
        tiers([1, 2], "decile")
    with pytest.raises(InputError):
        tiers([1, -2], "rank")
    with pytest.raises(InputError):
        tiers([], "rank")


def test_tier_mean_recombines_to_macro_f1_and_masked_matches_scikit_learn():
    rng = np.random.default_rng(3)
    k, n = 100, 3000
    labels = np.minimum(rng.geometric(0.05, n) - 1, k - 1)
    predictions = np.where(rng.random(n) < 0.5, labels, rng.integers(0, k, n))
    tier = tiers(np.bincount(labels, minlength=k), "rank")
    means = tier_mean_f1(per_class(labels, predictions, k).f1, tier)
    assert list(means) == ["head", "mid", "tail"]
    sizes = {name: (tier == name).sum() for name in means}
    recombined = sum(means[name] * sizes[name] for name in means) / k
    assert recombined == pytest.approx(scores(labels, predictions, k).macro_f1, abs=1e-12)
    masked = tier_masked_f1(labels, predictions, tier)
    for name, value in masked.items():
        ids = np.flatnonzero(tier == name)
        rows = np.isin(labels, ids)
        expected = f1_score(labels[rows], predictions[rows], labels=ids, average="macro", zero_division=0)
        assert value == pytest.approx(expected)
        assert value >= means[name]


def test_masked_hides_false_positives_from_other_tiers():
    tier = np.array(["head", "tail"])
    labels, predictions = np.array([0, 0, 1]), np.array([0, 1, 1])
    assert tier_mean_f1(per_class(labels, predictions, 2).f1, tier)["tail"] == pytest.approx(2 / 3)
    assert tier_masked_f1(labels, predictions, tier)["tail"] == 1
    assert np.isnan(tier_masked_f1([0], [0], tier)["tail"])
