"""Week 3's evidence: two systems side by side, what may be divided by what, and what the rows cannot tell apart."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from reportgen.bundle.schema import Hardware
from reportgen.evidence import build
from reportgen.evidence.memory import Earlier, Memory, Recalled
from reportgen.evidence.model import Interval, Value
from reportgen.evidence.rarecommon import class_scatter
from reportgen.evidence.runs import Runs
from reportgen.evidence.systems import find_roles
from reportgen.evidence.timings import ratios, timings
from reportgen.stats import tiers


def _weeks():
    path = Path(__file__).parents[1] / "simulated_weeks.py"
    spec = importlib.util.spec_from_file_location("simulated_weeks", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


WEEKS = _weeks()


def items(evidence) -> dict:
    return {item.id: item for section in evidence.sections for item in section.items}


def tables(evidence) -> dict:
    return {table.id: table for section in evidence.sections for table in section.tables}


@pytest.fixture(scope="module")
def stage(simulated, world, tmp_path_factory):
    return WEEKS.week3(simulated, tmp_path_factory.mktemp("week3"), world)


@pytest.fixture(scope="module")
def memo(stage, course):
    return build(3, stage, course)


def test_every_item_is_answered_from_the_stage(memo, course) -> None:
    found = items(memo)
    assert list(found) == [item["id"] for section in course.rubric(3)["section"] for item in section["evidence"]]
    assert {name: item.missing for name, item in found.items() if item.missing} == {}
    assert all(item.sentence for item in found.values())
    exhibits = {one.id for section in memo.sections for one in (*section.tables, *section.figures)}
    assert {name for item in found.values() for name in item.exhibits} <= exhibits
    assert found["w3.s5.e1"].fields == ("Hypothesis", "Prediction")
    assert found["w3.s5.e1"].verification == "declared"


@pytest.mark.parametrize(
    "kept", [(), ("tfidf",), ("encoder",), ("encoder-lora",), ("decoder-lora",), ("encoder", "decoder-lora")]
)
def test_every_item_is_answered_or_says_what_to_run(stage, course, kept) -> None:
    found = items(build(3, [run for run in stage if run.run_id in kept], course))
    for item in found.values():
        assert item.sentence or item.missing
        assert item.missing is None or item.missing.startswith(
            ("reportgen run week3 --data", "reportgen run week2 --data")
        )
        assert item.missing is None or item.values == ()
    assert found["w3.s2.e1"].missing
    assert found["w3.s1.e3"].missing
    assert bool(found["w3.s1.e1"].missing) == (len(kept) < 2)


def test_roles_go_by_what_a_run_is(stage) -> None:
    roles = find_roles(Runs(stage))
    assert [run.run_id for run in (roles.encoder, roles.decoder, roles.full)] == [
        "encoder-lora",
        "decoder-lora",
        "encoder",
    ]
    without = find_roles(Runs([run for run in stage if run.run_id != "encoder-lora"]))
    assert without.encoder.run_id == "encoder"
    assert "stands in for it" in without.notes[0]


def test_what_differs_beside_the_architecture_is_said(memo, simulated, world, course, tmp_path) -> None:
    assert any(
        caveat.startswith("Confounded: beside the architecture lora.dropout differs")
        for caveat in items(memo)["w3.s1.e1"].caveats
    )
    rows = {row["key"]: row for row in tables(memo)["w3-unlike"].rows}
    assert rows["lora.dropout"]["why"] is False
    assert rows["model"]["why"] is True
    alike = {"lr": 2e-4, "lora": WEEKS.LORA}
    runs = [
        WEEKS.add(simulated, tmp_path, world, "encoder-lora", changes=alike),
        WEEKS.add(simulated, tmp_path, world, "decoder-lora", "decoder", changes=alike),
    ]
    caveats = items(build(3, runs, course))["w3.s1.e1"].caveats
    assert any("trained alike" in caveat for caveat in caveats)


def test_trainable_shares_by_hand(memo) -> None:
    shares = [value.value for value in items(memo)["w3.s1.e2"].values]
    assert shares == pytest.approx([3_466_097 / 153_157_858, 2_263_936 / 496_397_952])
    assert [round(100 * share, 2) for share in shares] == [2.26, 0.46]


def test_the_two_weighting_effects_stand_side_by_side(memo, stage) -> None:
    runs = {run.run_id: run for run in stage}
    scored = Runs(stage)
    decoder = scored.scores(runs["decoder-lora-weighted"]).macro_f1 - scored.scores(runs["decoder-lora"]).macro_f1
    encoder = scored.scores(runs["encoder-weighted"]).macro_f1 - scored.scores(runs["encoder"]).macro_f1
    item = items(memo)["w3.s2.e2"]
    assert [value.value for value in item.values] == pytest.approx([decoder, encoder])
    share = 100 * decoder / scored.scores(runs["decoder-lora"]).macro_f1
    assert f"{abs(share):.1f} %" in tables(memo)["w3-transfer"].rows[1]["percent"]
    assert "The difference of the two effects has the 95 % interval" in item.sentence


def test_rare_and_common_recombine_to_macro_f1(memo, stage, world) -> None:
    tier = tiers(world.counts, "quartile")
    share = {name: (tier == name).mean() for name in ("rare", "common")}
    for run in ("encoder-lora", "decoder-lora"):
        means = {row["tier"]: row["f1"].value for row in tables(memo)["w3-tiers"].rows if row["run"] == run}
        whole = Runs(stage).scores(next(one for one in stage if one.run_id == run)).macro_f1
        assert sum(means[name] * share[name] for name in means) == pytest.approx(whole)
    assert all("quarter of classes" in table.caption for name, table in tables(memo).items() if name == "w3-tiers")


def test_ties_win_nothing_for_either(stage, world) -> None:
    runs = Runs(stage)
    roles = find_roles(runs)
    figure = class_scatter(runs, roles.encoder, roles.decoder, world.counts, "quartile", "x")
    first, second = runs.per_class(roles.encoder).f1, runs.per_class(roles.decoder).f1
    assert (
        f"higher F1 in {(second > first).sum()} of 30 classes, encoder-lora in {(first > second).sum()}"
        in figure.finding
    )
    assert f"{(first == second).sum()} tie, {((first == 0) & (second == 0)).sum()} of them at zero" in figure.finding
    itself = class_scatter(runs, roles.encoder, roles.encoder, world.counts, "quartile", "x")
    assert "higher F1 in 0 of 30" in itself.finding
    assert "30 tie" in itself.finding


def test_one_model_twice_shows_no_difference(simulated, world, course, tmp_path) -> None:
    alike = {"lr": 2e-4, "lora": WEEKS.LORA}
    runs = [
        WEEKS.add(simulated, tmp_path, world, "encoder-lora", changes=alike),
        WEEKS.add(simulated, tmp_path, world, "decoder-lora", "decoder", changes=alike),
    ]
    found = items(build(3, runs, course))
    assert found["w3.s1.e1"].verdict == "null"
    assert found["w3.s1.e1"].values[6].value == 0
    assert "No interval excludes zero" in found["w3.s3.e1"].sentence


def test_a_whole_tier_at_zero_is_named(simulated, world, course, tmp_path) -> None:
    alike = {"lr": 2e-4, "lora": WEEKS.LORA}
    runs = [
        WEEKS.add(simulated, tmp_path, world, "encoder-lora", changes=alike, floor=200, skill=0.9),
        WEEKS.add(simulated, tmp_path, world, "decoder-lora", "decoder", changes=alike),
    ]
    scored = Runs(runs)
    rare = tiers(world.counts, "quartile") == "rare"
    item = items(build(3, runs, course))["w3.s3.e4"]
    expected = [run.run_id for run in runs if (scored.per_class(run).f1[rare] == 0).all()]
    assert item.values[0].value == len(expected)
    assert all(f"{name} has F1 = 0 in every rare class" in item.sentence for name in expected)


@pytest.fixture
def two(simulated, world, tmp_path):
    def make(first, second):
        return [
            WEEKS.add(simulated, tmp_path, world, "encoder-lora", changes={"lora": WEEKS.LORA}, timed=first),
            WEEKS.add(simulated, tmp_path, world, "decoder-lora", "decoder", timed=second),
        ]

    return make


def test_times_by_hand(two, course) -> None:
    """The course's arithmetic: 8.33 ms an example are 120 a second and 8.9 minutes for 64,000."""
    runs = two(WEEKS.latency(20, 3), WEEKS.latency(53.2, 8.33))
    single, offline = timings(runs[1:])
    assert single.median == pytest.approx(53.2)
    assert offline.median == pytest.approx(8.33)
    assert round(offline.throughput) == 120
    values = {(value.metric, value.run): value.value for value in items(build(3, runs, course))["w3.s4.e2"].values}
    assert values["time_for_64000_offline", "decoder-lora"] / 60 == pytest.approx(8.9, abs=0.05)
    assert values["time_for_64000_offline", "encoder-lora"] / 60 == pytest.approx(3.2, abs=0.01)
    assert values["latency_ratio_single_stream", "decoder-lora"] == pytest.approx(2.66)


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"batch_size": 16}, "batch size"),
        ({"merged": True}, "adapter left unmerged"),
        ({"device": "cuda"}, "device"),
    ],
)
def test_unlike_records_are_never_divided(two, course, other, why) -> None:
    runs = two(WEEKS.latency(20, 3), WEEKS.latency(50, 8, **other))
    item = items(build(3, runs, course))["w3.s4.e2"]
    assert not any(value.metric == "latency_ratio_offline" for value in item.values)
    assert any(why in caveat for caveat in item.caveats)


def test_single_stream_and_offline_are_never_divided(two) -> None:
    both = WEEKS.latency(20, 3)
    runs = two(
        both.model_copy(update={"records": both.records[:1]}), both.model_copy(update={"records": both.records[1:]})
    )
    assert ratios(*runs) == []


def test_what_a_user_waits_for_speaks_and_a_disturbed_record_says_so(two, course) -> None:
    whole, share = WEEKS.latency(20, 3), WEEKS.latency(15, 2)
    inner = tuple(one.model_copy(update={"includes_tokenisation": False}) for one in share.records)
    loud = whole.records[0].model_copy(update={"others_busy": 0.5, "interference": 0.3})
    mixed = whole.model_copy(update={"records": (*inner, loud, *whole.records[1:])})
    runs = two(mixed, WEEKS.latency(50, 8))
    assert [round(one.median) for one in timings(runs[:1])] == [20, 3]
    assert [round(one.median) for one in timings(runs[:1], parts=True)] == [15, 2, 20, 3]
    evidence = build(3, runs, course)
    values = {(value.metric, value.run): value.value for value in items(evidence)["w3.s4.e2"].values}
    assert values["latency_ratio_single_stream", "decoder-lora"] == pytest.approx(2.5)
    table = tables(evidence)["w3-latency"]
    assert len(table.rows) == 6
    (note,) = table.notes
    assert note.startswith("encoder-lora, single-stream: a reference kernel changed by +30 %")
    assert "other processes took 50 % of the processors" in note


def test_a_spoilt_record_is_not_divided(two, course) -> None:
    whole = WEEKS.latency(20, 3)
    spoilt = whole.records[1].model_copy(update={"interference": 50.3})
    runs = two(whole.model_copy(update={"records": (whole.records[0], spoilt)}), WEEKS.latency(50, 8))
    item = items(build(3, runs, course))["w3.s4.e2"]
    ratios_shown = {value.metric for value in item.values if value.metric.startswith("latency_ratio")}
    assert ratios_shown == {"latency_ratio_single_stream"}
    assert item.caveats[0] == (
        "No ratio for offline: the machine changed its pace by more than half while encoder-lora was timed."
    )
    note = tables(build(3, runs, course))["w3-latency"].notes[0]
    assert "a reference kernel took 51 times as long" in note


def test_a_model_share_alone_still_counts_where_nothing_else_was_timed(two) -> None:
    share = WEEKS.latency(15, 2)
    inner = tuple(one.model_copy(update={"includes_tokenisation": False}) for one in share.records)
    runs = two(share.model_copy(update={"records": inner}), WEEKS.latency(50, 8))
    assert [round(one.median) for one in timings(runs[:1])] == [15, 2]


def test_other_hardware_forbids_a_ratio(two) -> None:
    runs = two(WEEKS.latency(20, 3), WEEKS.latency(50, 8))
    moved = runs[1].manifest.model_copy(update={"hardware": Hardware(device="cuda", name="Some GPU")})
    runs[1].__dict__["manifest"] = moved
    assert all("hardware" in pair.why_not for pair in ratios(*runs))


def test_other_rows_are_never_compared(simulated, world, course, tmp_path) -> None:
    runs = [
        WEEKS.add(simulated, tmp_path, world, "encoder-lora", changes={"lora": WEEKS.LORA}),
        WEEKS.add(simulated, tmp_path, world, "decoder-lora", "decoder", rows=slice(0, 450), sampled_of=900),
    ]
    found = items(build(3, runs, course))
    assert found["w3.s1.e1"].sentence.startswith("Not compared")
    assert found["w3.s1.e1"].verdict is None
    assert found["w3.s3.e1"].missing


def test_deployments_name_their_price(memo) -> None:
    table = tables(memo)["w3-deployment"]
    assert len(table.rows) == 3
    assert "0.35 USD a GPU hour and 0.04 USD a CPU hour" in table.caption
    assert all(row["choice"] for row in table.rows)


def test_week_2s_effect_is_recalled_with_its_file(stage, course) -> None:
    decoders = [run for run in stage if run.manifest.model.family == "decoder"]
    assert items(build(3, decoders, course))["w3.s2.e2"].missing
    effect = Value("macro_f1", 0.031, "score", run="enc-w", baseline="enc", interval=Interval(0.01, 0.05, method="x"))
    memory = Memory({2: Earlier(2, values=(Recalled(effect, 2, "w2.s2.e1", "memos/week2.json"),))})
    found = items(build(3, decoders, course, memory=memory))["w3.s2.e2"]
    assert found.missing is None
    assert found.verification == "declared"
    assert "+0.031 in week 2 (enc-w − enc, 95 % [+0.010, +0.050]; memos/week2.json, w2.s2.e1)" in found.sentence
    assert [value.run for value in found.values] == ["decoder-lora-weighted"]
    quoted = Memory(
        {2: Earlier(2, {"w2.s2": "Class weighting gave .02. It cost time."}, prose_source="memos/week2.md")}
    )
    said = items(build(3, decoders, course, memory=quoted))["w3.s2.e2"].sentence
    assert said.endswith("Week 2 on the encoder: “Class weighting gave .02.” (memos/week2.md).")
