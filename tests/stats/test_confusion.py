"""Confused pairs, worst classes, error destinations, pipeline-suspect pairs."""

from __future__ import annotations

import json

import numpy as np
import pytest

from reportgen.errors import InputError
from reportgen.stats import confused_pairs, confusion, destinations, suspect_pairs, worst_classes


def test_confused_pairs_are_ordered_and_directed():
    matrix = np.array([[5, 3, 0], [1, 4, 1], [0, 0, 2]])
    pairs = confused_pairs(matrix)
    assert [(p.true, p.predicted, p.count) for p in pairs] == [(0, 1, 3), (1, 0, 1), (1, 2, 1)]
    assert pairs[0].share == pytest.approx(3 / 8)
    assert len(confused_pairs(matrix, top=2)) == 2
    assert confused_pairs(matrix, top=None) == pairs
    assert confused_pairs(np.eye(3, dtype=int)) == []
    assert matrix[0, 0] == 5
    for bad in (np.ones((2, 3), dtype=int), np.ones((2, 2)), np.ones(4, dtype=int)):
        with pytest.raises(InputError):
            confused_pairs(bad)


def test_worst_classes_need_support_and_name_their_destinations():
    labels = np.array([0] * 6 + [1] * 6 + [2] * 2)
    predictions = np.array([0] * 6 + [1, 0, 0, 2, 2, 2] + [0, 0])
    worst = worst_classes(labels, predictions, 4, top=2)
    assert [w.label for w in worst] == [1, 0]  # label 2 is worse but has two rows
    assert [(p.predicted, p.count) for p in worst[0].mistaken_for] == [(2, 3), (0, 2)]
    assert worst[0].support == 6
    assert worst[1].mistaken_for == ()


def test_destinations_by_hand():
    tier = np.array(["head", "mid", "tail", "tail"])
    labels, predictions = np.array([2, 2, 2, 2, 3, 0, 0]), np.array([0, 1, 3, -1, 3, 2, 0])
    landed = destinations(labels, predictions, tier)
    assert list(landed) == ["head", "mid", "tail"]
    assert landed["tail"].n == 5
    assert landed["tail"].errors == 4
    assert landed["tail"].to == {"head": 1, "mid": 1, "tail": 1}
    assert landed["tail"].unparsed == 1
    assert landed["head"].to == {"head": 0, "mid": 0, "tail": 1}
    assert (landed["mid"].n, landed["mid"].errors) == (0, 0)


def test_destinations_add_up():
    rng = np.random.default_rng(0)
    labels, predictions = rng.integers(0, 12, 500), rng.integers(-1, 12, 500)
    tier = np.array(["head", "mid", "tail"])[np.arange(12) // 4]
    landed = destinations(labels, predictions, tier)
    for one in landed.values():
        assert sum(one.to.values()) + one.unparsed == one.errors
    assert sum(one.errors for one in landed.values()) == (labels != predictions).sum()
    matrix = confusion(labels, predictions, 12)
    assert landed["head"].to["tail"] == matrix[:4, 8:].sum()


def test_suspect_pairs_of_the_courses_labels(shared_data):
    names = json.loads((shared_data / "course" / "label_list.json").read_text())
    merge = json.loads((shared_data / "course" / "label_merge_mapping.json").read_text())
    targets = [target for source, target in merge.items() if source != "_comment"]
    suspects = {(pair.a, pair.b): pair for pair in suspect_pairs(names, targets)}
    advertising = [1, 2, 3, 4, 24]
    for a in advertising:
        for b in advertising:
            if a < b:
                assert "advertising" in suspects[a, b].shared
    fee, fees = names.index("Late fee"), names.index("Excessive fees")
    assert suspects[min(fee, fees), max(fee, fees)].shared == ("fee",)
    closing, loan = names.index("Closing your account"), names.index("Struggling to pay your loan")
    assert suspects[closing, loan].merged
    assert (names.index("Arbitration"), names.index("Bankruptcy")) not in suspects
    assert len(suspects) < len(names) * (len(names) - 1) / 2 / 5


def test_suspect_pairs_of_few_labels():
    assert suspect_pairs(["card lost", "card stolen", "fees"]) == suspect_pairs(
        ["card lost", "card stolen", "fees"], ["fees"]
    )
    assert [(p.a, p.b, p.shared) for p in suspect_pairs(["card lost", "card stolen", "fees"])] == [(0, 1, ("card",))]
    assert suspect_pairs([]) == []
