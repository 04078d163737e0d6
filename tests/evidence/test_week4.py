"""Week 4's evidence: slices, calibration, destinations, noise; each number against an oracle or a property."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from sklearn.metrics import f1_score

from reportgen.bundle import read_bundle, write_bundle
from reportgen.bundle.schema import Reported
from reportgen.evidence import build
from reportgen.evidence.memory import Earlier, Memory
from reportgen.evidence.noise import support_histogram
from reportgen.evidence.slices import two_sided
from reportgen.stats import ece, fit_temperature, folds, rescue, scores

LORA = {"lora": {"r": 16}, "lr": 2e-4, "epochs": 3}
WEEK3 = "I recommend the encoder for routing."


def items(evidence) -> dict:
    return {item.id: item for section in evidence.sections for item in section.items}


def tables(evidence) -> dict:
    return {table.id: table for section in evidence.sections for table in section.tables}


def figures(evidence) -> dict:
    return {figure.id: figure for section in evidence.sections for figure in section.figures}


def numbers(evidence) -> dict:
    """Every value with its interval, by item."""
    found = {}
    for item in items(evidence).values():
        for at, value in enumerate(item.values):
            span = (value.interval.low, value.interval.high) if value.interval else ()
            if isinstance(value.value, int | float):
                found[item.id, at, value.metric] = (float(value.value), *span)
    return found


@pytest.fixture(scope="module")
def names(course):
    return course.labels[:70]


@pytest.fixture(scope="module")
def wide(simulated, names):
    """Seventy labels of the course, so that there is a tail by rank."""
    return simulated.World(k=70, n=1_200, train=20_000, names=names)


@pytest.fixture(scope="module")
def lab(simulated, wide, tmp_path_factory):
    """TF-IDF, an encoder, a decoder under two seeds."""
    out = tmp_path_factory.mktemp("week4")
    write = simulated.write_run
    return [
        write(out, wide, "tfidf", "linear", skill=0.55, floor=40),
        write(out, wide, "encoder", "encoder", skill=0.6, floor=6, draw=2, settings=LORA),
        write(out, wide, "decoder", "decoder", skill=0.7, floor=3, draw=3, settings=LORA),
        write(out, wide, "decoder-seed7", "decoder", skill=0.7, floor=3, draw=5, seed=7, settings=LORA),
    ]


@pytest.fixture(scope="module")
def memory():
    title = "Latency and the Deployment Recommendation"
    return Memory({3: Earlier(3, {"w3.s4": WEEK3}, {"w3.s4": title}, {}, "memos/week3.md")})


@pytest.fixture(scope="module")
def week4(lab, course, memory):
    return build(4, lab, course, memory=memory, declared={"direction": "Sideways"})


@pytest.fixture(scope="module")
def pair(week4, lab):
    """Reference and candidate rows of the memo's difference."""
    value = items(week4)["w4.s4.e1"].values[0]
    runs = {run.run_id: run.predictions("val") for run in lab}
    assert value.baseline == "encoder"
    assert value.run.startswith("decoder")
    return runs[value.baseline], runs[value.run]


def test_every_item_is_answered_from_a_full_set_of_runs(week4, course) -> None:
    found = items(week4)
    assert list(found) == [item["id"] for section in course.rubric(4)["section"] for item in section["evidence"]]
    assert [name for name, item in found.items() if item.missing or not item.sentence] == []
    exhibits = tables(week4).keys() | figures(week4).keys()
    assert {name for item in found.values() for name in item.exhibits} <= exhibits
    assert all(len(figure.finding) > 30 and any(map(str.isdigit, figure.finding)) for figure in figures(week4).values())


@pytest.mark.parametrize("kept", [(), ("tfidf",), ("decoder",), ("tfidf", "encoder"), ("decoder", "decoder-seed7")])
def test_every_item_is_answered_or_says_what_to_run(lab, course, kept) -> None:
    found = items(build(4, [run for run in lab if run.run_id in kept], course))
    for item in found.values():
        assert item.missing or item.sentence
        assert not (item.missing and item.values)
        if item.missing:
            assert item.missing.startswith("reportgen ")
    assert bool(found["w4.s4.e1"].missing) == (len(kept) < 2)


def test_slices_are_scored_as_scikit_learn_would(week4, wide, pair) -> None:
    rows, (a, b) = wide.rows(), pair
    table = {row["slice"]: row for row in tables(week4)["w4-slices"].rows}
    assert len({name.partition(":")[0] for name in table}) == 6
    quarters = np.percentile(rows["chars"], (25, 50, 75))
    masks = {
        "redaction: redacted": rows["redacted"].to_numpy(),
        "char_length: q1_shortest": (rows["chars"] <= quarters[0]).to_numpy(),
        "tok_length: truncated_128": (rows["tokens"] >= 128).to_numpy(),
        "allcaps: caps_high": (rows["caps_share"] > rows["caps_share"].median()).to_numpy(),
    }
    for name, mask in masks.items():
        row = table[name]
        first, second = (
            f1_score(x.labels[mask], x.predictions[mask], average="macro", zero_division=0) for x in (a, b)
        )
        assert (row["a"].value, row["b"].value) == (pytest.approx(first), pytest.approx(second))
        assert row["difference"].value == pytest.approx(second - first)
        assert row["difference"].interval.low <= row["difference"].interval.high
        assert row["n"] == row["difference"].n == int(mask.sum())
        assert row["reading"].startswith("exploratory")
    for axis in ("redaction", "numeric", "char_length"):
        assert sum(row["n"] for name, row in table.items() if name.startswith(axis)) == len(rows)


def test_signal_and_null_axis_follow_their_rules(week4) -> None:
    rows = [row for row in tables(week4)["w4-slices"].rows if row["n"] >= 30]
    widest = max(rows, key=lambda row: abs(row["difference"].value))
    signal, null = items(week4)["w4.s1.e5"], items(week4)["w4.s1.e6"]
    assert signal.sentence.startswith(widest["slice"].partition(":")[0])
    assert signal.verdict in ("exploratory", "null")
    axis = null.sentence.partition(":")[0]
    spans = [row["difference"].interval for row in rows if row["slice"].startswith(axis)]
    if "every interval on it includes zero" in null.sentence:
        assert all(span.low <= 0 <= span.high for span in spans)
    else:
        assert "interval of the contrast includes zero" in null.sentence


def test_p_values_of_the_slices() -> None:
    assert two_sided(np.ones(1999)) == pytest.approx(2 / 2000)
    assert two_sided(np.zeros(99)) == 1
    assert two_sided(np.array([np.nan])) == 1
    assert two_sided(np.r_[np.ones(90), -np.ones(9)]) == pytest.approx(2 * 10 / 100)


def test_calibration_is_fitted_on_one_fold_and_reported_on_the_other(week4, pair) -> None:
    found = items(week4)
    fit, test = folds(len(pair[0].labels))
    for at, rows in enumerate(pair):
        logits = rows.logits.astype(np.float64)
        t = fit_temperature(logits[fit], rows.labels[fit]).t
        for item, scale in (("w4.s2.e1", 1.0), ("w4.s2.e2", t)):
            z = logits[test] / scale
            p = np.exp(z - z.max(axis=1, keepdims=True))
            conf = (p / p.sum(axis=1, keepdims=True)).max(axis=1)
            value = found[item].values[at]
            assert value.value == pytest.approx(ece(conf, z.argmax(axis=1) == rows.labels[test]))
            assert (value.split, value.n) == ("val/eval", len(test))
        assert found["w4.s2.e3"].values[at].value == pytest.approx(t)
        assert found["w4.s2.e3"].values[at].split == "val/cal"
        macro = f1_score(rows.labels[test], rows.predictions[test], labels=range(70), average="macro", zero_division=0)
        assert found["w4.s2.e4"].values[at].value == pytest.approx(macro)
    assert "0 predictions changed" in found["w4.s2.e4"].sentence
    more = tables(week4)["w4-calibration-more"].rows
    shown = tables(week4)["w4-calibration"].rows
    assert [float(row["course_t"]) for row in more] == pytest.approx([float(row["t"]) for row in shown], rel=1e-3)


def test_reliability_bins_hold_the_fold(week4) -> None:
    for panel in figures(week4)["w4-reliability"].data["panels"]:
        for series in panel["series"]:
            assert sum(point["n"] for point in series["points"]) == 600
            assert all(point["low"] <= point["x"] <= point["high"] for point in series["points"])
    rows = tables(week4)["w4-tail-bins"].rows
    assert all((row["accuracy"] is None) == (row["n"] < 20) for row in rows)


def test_tail_errors_are_all_accounted_for(week4, wide, pair) -> None:
    rank = np.empty(70, int)
    rank[np.argsort(-wide.counts, kind="stable")] = np.arange(70)
    values = items(week4)["w4.s3.e1"].values
    for rows in pair:
        wrong = (rank[rows.labels] >= 60) & (rows.predictions != rows.labels)
        landed = np.bincount(np.searchsorted((20, 60), rank[rows.predictions[wrong]], side="right"), minlength=3)
        mine, values = values[:3], values[3:]
        assert [value.value for value in mine] == pytest.approx(landed / wrong.sum())
        assert {value.n for value in mine} == {wrong.sum()}
    assert values == ()


def test_worst_classes_and_their_confusions(week4, pair, names) -> None:
    rows = tables(week4)["w4-worst"].rows
    assert len(rows) == 6
    for row, part in zip(rows[:3], [pair[0]] * 3, strict=True):
        label = names.index(row["class"])
        mine = part.labels == label
        assert row["n"] == mine.sum() >= 5
        name, _, count = row["mistaken"].partition("; ")[0].rpartition(" ×")
        wrong = part.predictions[mine & (part.predictions != label)]
        counted = np.bincount(wrong, minlength=70)
        assert (counted.max(), counted[names.index(name)]) == (int(count), int(count))


def test_suspect_pairs_count_both_models(week4, pair, names) -> None:
    table = tables(week4)["w4-suspects"]
    keys = [column.key for column in table.columns if column.key.startswith("rows.")]
    for row in table.rows:
        true, predicted = names.index(row["true"]), names.index(row["predicted"])
        assert true != predicted
        counts = [int(((x.labels == true) & (x.predictions == predicted)).sum()) for x in pair]
        assert [row[key] for key in keys] == counts
        assert row["why"]


def test_noise_floor(week4, pair, wide) -> None:
    found, (a, b) = items(week4), pair
    first, second = a.predictions == a.labels, b.predictions == b.labels
    only = int((first & ~second).sum()), int((second & ~first).sum())
    assert found["w4.s4.e2"].values[1].value == pytest.approx(binomtest(only[0], sum(only)).pvalue)
    value, margin = found["w4.s4.e1"].values[0], found["w4.s4.e4"].values[0].value
    assert margin == pytest.approx(max(value.interval.low, -value.interval.high, 0))
    assert "standard deviation" in " ".join(found["w4.s4.e1"].caveats)
    support = np.bincount(wide.labels, minlength=70)
    assert found["w4.s4.e3"].values[0].value == (support <= 4).sum() == len(tables(week4)["w4-few"].rows)
    bars = figures(week4)["w4-support"].data["bars"]
    assert sum(bar["classes"] for bar in bars) == 70


def test_support_histogram_of_the_course() -> None:
    """Classes by validation rows, as published: 0, 17, 7, 11, 17, 38, 23."""
    support = np.repeat([1, 2, 3, 4, 5, 10, 11, 50, 51, 1482], [17, 7, 5, 6, 9, 8, 20, 18, 22, 1])
    assert [count for _, count in support_histogram(support)] == [0, 17, 7, 11, 17, 38, 23]
    assert (support <= 4).sum() == 35


@pytest.mark.parametrize(("before", "after", "net"), [(70, 46, 24), (70, 37, 33), (46, 37, 9)])
def test_published_zero_counts_give_the_published_net(before, after, net) -> None:
    """Zero-F1 classes of the course: 70 (TF-IDF), 46 (fine-tuned), 37 (decoder); gross rescues exceed net."""
    labels = np.repeat(np.arange(113), 3)
    lost = 4
    at_zero = np.r_[np.arange(before)], np.r_[np.arange(after - lost), np.arange(113 - lost, 113)]
    answers = [np.where(np.isin(labels, zeros), -1, labels) for zeros in at_zero]
    found = rescue(labels, *answers, 113)
    assert [scores(labels, part, 113).zero_f1 for part in answers] == [before, after]
    assert (found.net, len(found.rescued), len(found.lost)) == (net, net + lost, lost)


def test_disagreements_are_forty_rows_one_model_got_right(week4, pair) -> None:
    rows = tables(week4)["w4-disagreements"].rows
    assert len(rows) == len({row["row"] for row in rows}) == 40
    at = {name: i for i, name in enumerate(pair[0].row_ids)}
    for row in rows[:20]:
        i = at[row["row"]]
        assert pair[0].predictions[i] == pair[0].labels[i] != pair[1].predictions[i]
    pool = np.flatnonzero((pair[0].predictions == pair[0].labels) & (pair[1].predictions != pair[1].labels))
    assert [row["row"] for row in rows[:20]] == list(
        pair[0].row_ids[np.random.RandomState(153).choice(pool, 20, replace=False)]
    )


def test_a_run_against_itself_shows_nothing(simulated, wide, course, tmp_path) -> None:
    runs = [
        simulated.write_run(tmp_path, wide, family, family, skill=0.6, floor=6, draw=2)
        for family in ("encoder", "decoder")
    ]
    evidence = build(4, runs, course)
    found = items(evidence)
    differences = [value for item in found.values() for value in item.values if value.baseline]
    assert len(differences) >= 7
    assert {value.value for value in differences} == {0.0}
    assert {(value.interval.low, value.interval.high) for value in differences} == {(0.0, 0.0)}
    assert found["w4.s4.e1"].verdict == found["w4.s4.e4"].verdict == found["w4.s1.e5"].verdict == "null"
    assert all(row["difference"].value == 0 and row["p"] == 1 for row in tables(evidence)["w4-slices"].rows)
    assert found["w4.s4.e2"].values[1].value == 1
    assert "w4-disagreements" not in tables(evidence)


def _written(out, world, order, relabel, course) -> dict:
    """The pair's bundles with rows written in some order and classes renumbered."""
    names = [""] * 70
    for old, new in enumerate(relabel):
        names[new] = world.names[old]
    runs = []
    for family, draw in (("encoder", 2), ("decoder", 3)):
        logits = np.empty((len(order), 70))
        logits[:, relabel] = world.logits(0.65, 4, draw)[order]
        path = write_bundle(
            out,
            relabel[world.labels][order],
            logits,
            names=names,
            row_ids=world.row_ids[order],
            model=family,
            run_id=family,
        )
        runs.append(read_bundle(path))
    return build(4, runs, course)


def test_order_and_numbering_change_no_number(wide, course, tmp_path) -> None:
    rng, n = np.random.default_rng(1), len(wide.labels)
    plain = _written(tmp_path / "a", wide, np.arange(n), np.arange(70), course)
    mixed = _written(tmp_path / "b", wide, rng.permutation(n), rng.permutation(70), course)
    first, second = numbers(plain), numbers(mixed)
    assert first.keys() == second.keys()
    assert len(first) > 10
    for name, value in first.items():
        assert second[name] == pytest.approx(value, abs=2e-4 if "temp" in name[2] else 1e-6), name


def test_bundles_without_features_or_counts_still_make_a_memo(wide, course, tmp_path) -> None:
    found = items(_written(tmp_path, wide, np.arange(len(wide.labels)), np.arange(70), course))
    assert all(found[f"w4.s1.e{i}"].missing for i in range(1, 7))
    assert "kept the features" in found["w4.s1.e1"].sentence
    assert found["w4.s3.e1"].missing
    assert found["w4.s4.e1"].values
    assert found["w4.s2.e3"].values


def test_predictions_without_logits_have_no_temperature(simulated, wide, lab, course, tmp_path) -> None:
    from reportgen.bundle import BundleWriter
    from reportgen.bundle.schema import Config, DatasetInfo, Labels, ModelInfo

    source = next(run for run in lab if run.run_id == "encoder")
    rows = source.predictions("val")
    with BundleWriter.start(
        tmp_path,
        run_id="imported",
        config=Config(passed={}, resolved={}),
        labels=Labels(names=source.labels.names, train_counts=()),
        runner="import",
        course="ecbs5200",
        model=ModelInfo(name="from elsewhere", family="decoder"),
        dataset=DatasetInfo(name="x", labels_sha256=source.manifest.dataset.labels_sha256, splits={}),
    ) as writer:
        writer.write_predictions("val", rows.row_ids, rows.text_sha256, rows.labels, predictions=rows.predictions)
        path = writer.finish()
    found = items(build(4, [source, read_bundle(path)], course))
    assert len(found["w4.s2.e1"].values) == 1
    assert any("imported stored no logits" in caveat for caveat in found["w4.s2.e1"].caveats)
    assert found["w4.s2.e5"].missing
    assert found["w4.s4.e1"].values[0].value == 0


def test_a_slipped_label_frame_is_announced_and_left_out(simulated, wide, lab, course, tmp_path) -> None:
    source = next(run for run in lab if run.run_id == "decoder").predictions("val")
    path = write_bundle(
        tmp_path, source.labels, np.roll(source.logits, 17, axis=1), names=wide.names, row_ids=source.row_ids,
        model="flawed", run_id="flawed",
    )  # fmt: skip
    evidence = build(4, [*lab, read_bundle(path)], course)
    notice = next(notice for notice in evidence.notices if "label frame" in notice)
    assert notice.startswith("flawed ")
    assert "moved back by 17" in notice
    assert "flawed" not in {value.run for item in items(evidence).values() for value in item.values}
    assert not [notice for notice in build(4, lab, course).notices if "label frame" in notice]


def test_seeds_of_another_recipe_are_no_seed_noise(simulated, wide, course, tmp_path) -> None:
    """T24: rank and share of the rows are part of a recipe, whether a log shows them or not."""
    half = {"lora": {"r": 4, "alpha": 32}, "train_fraction": 0.5}
    runs = [
        simulated.write_run(tmp_path, wide, "encoder", "encoder", skill=0.6, floor=6, draw=2, settings=LORA),
        simulated.write_run(tmp_path, wide, "decoder", "decoder", skill=0.7, floor=3, draw=3, settings=LORA),
        simulated.write_run(tmp_path, wide, "half", "decoder", skill=0.4, floor=9, draw=4, seed=7, settings=half),
    ]
    caveats = items(build(4, runs, course))["w4.s4.e1"].caveats
    assert any(caveat.startswith("One seed each") for caveat in caveats)
    assert not any("seeds of the same settings" in caveat for caveat in caveats)


def test_each_model_has_its_own_interval(week4) -> None:
    own = [value for value in items(week4)["w4.s4.e1"].values if value.metric == "macro_f1" and not value.baseline]
    assert len(own) == 2
    assert all(value.interval.low <= value.value <= value.interval.high for value in own)


def test_the_pair_is_week_3s_where_its_runs_are_here(simulated, wide, course, tmp_path) -> None:
    runs = [
        simulated.write_run(tmp_path, wide, "encoder-lora", "encoder", skill=0.4, floor=9, settings=LORA),
        simulated.write_run(tmp_path, wide, "encoder-full", "encoder", skill=0.8, floor=2, draw=2, settings=LORA),
        simulated.write_run(tmp_path, wide, "decoder-lora", "decoder", skill=0.5, floor=9, draw=3, settings=LORA),
    ]
    value = items(build(4, runs, course))["w4.s4.e1"].values[0]
    assert (value.baseline, value.run) == ("encoder-lora", "decoder-lora")
    best = items(build(4, runs[1:], course))["w4.s4.e1"].values[0]
    assert best.baseline == "encoder-full"


def test_reported_figures_never_enter(simulated, lab, course, tmp_path) -> None:
    said = simulated.write_reported(tmp_path, "opus", Reported(accuracy=0.44, macro_f1=0.174, n=500))
    evidence = build(4, [*lab, said], course)
    assert "opus" not in {value.run for item in items(evidence).values() for value in item.values}


def test_week3_is_quoted_and_the_direction_taken_over(week4, lab, course) -> None:
    found = items(week4)
    assert WEEK3 in found["w4.s5.e1"].sentence
    assert "memos/week3.md" in found["w4.s5.e1"].sentence
    assert found["w4.s5.e3"].values[0].value == "sideways"
    alone = items(build(4, lab, course, declared={"direction": "north"}))
    assert alone["w4.s5.e1"].missing == "reportgen new 3 --course ecbs5200 --out memos/week3.md"
    assert "week3.md" in alone["w4.s5.e1"].sentence
    assert alone["w4.s5.e3"].missing
    assert "'north'" in alone["w4.s5.e3"].sentence


def test_regimes_are_told_apart(week4) -> None:
    rows = tables(week4)["w4-regimes"].rows
    assert {row["run"]: row["regime"] for row in rows}["tfidf"] == "linear model"
    assert {row["regime"] for row in rows} == {"LoRA", "linear model"}


def test_partial_features_give_the_axes_they_can(simulated, wide, lab, course, monkeypatch, tmp_path) -> None:
    whole = simulated.World.rows
    monkeypatch.setattr(simulated.World, "rows", lambda self: whole(self)[["split", "row_id", "redacted", "words"]])
    runs = [simulated.write_run(tmp_path, wide, f, f, draw=d) for d, f in enumerate(("encoder", "decoder"))]
    item = items(build(4, runs, course))["w4.s1.e1"]
    assert item.values[0].value == 1
    assert "char_length" in item.caveats[0]
    assert isinstance(whole(wide), pd.DataFrame)


def test_a_slipped_label_frame_is_drawn_and_named(simulated, wide, course, tmp_path) -> None:
    """T8: the counts of the most predicted classes tell a run trained on another label list from a weak one."""
    sound = simulated.write_run(tmp_path, wide, "encoder", "encoder", skill=0.7, floor=4, draw=2)
    slipped = simulated.write_run(tmp_path, wide, "decoder-old", "decoder", skill=0.7, floor=4, draw=3, slipped=17)
    figure = figures(build(4, [sound, slipped], course))["w4-frames"]
    assert figure.finding.startswith("decoder-old answers in another label frame: moved back by 17 ids")
    assert [run["shifted"] for run in figure.data["runs"]] == [True]
    rows, names = slipped.predictions("val"), list(wide.names)
    for entry in figure.data["classes"]:
        label = names.index(entry["name"])
        assert entry["true"] == (rows.labels == label).sum()
        assert entry["said"] == [(rows.predictions == label).sum()]
    alone = figures(build(4, [sound, simulated.write_run(tmp_path, wide, "b", "decoder", skill=0.7)], course))
    assert alone["w4-frames"].finding.startswith("No label shift in ")


def test_a_slice_of_one_row_is_listed_and_not_tested() -> None:
    from models.demo import bundle
    from reportgen.data import load_course

    runs = [read_bundle(bundle(name)) for name in ("encoder-lora", "decoder-lora")]
    found = build(4, runs, load_course("banking77lt"))
    section = found.sections[0]
    listed = {row["n"]: row for table in section.tables for row in table.rows if "reading" in row}
    assert listed[1]["reading"] == "fewer than 30 rows"
    assert (listed[1]["p"], listed[1]["holm"]) == (None, None)
    # Redaction has one slice, the other two all but a few of their rows in one: no second slice, no further test.
    alone = [row["slice"] for row in listed.values() if row["reading"] == "no second slice"]
    assert "redaction: clean" in alone
    assert all(row["p"] is None for row in listed.values() if row["slice"] in alone)
    item = items(found)["w4.s1.e1"]
    assert item.values[0].value < 6
    assert "redaction" in item.caveats[0]
    drawn = [part["n"] for figure in section.figures for axis in figure.data["axes"] for part in axis["slices"]]
    assert min(drawn) >= 30
    item = next(item for item in section.items if item.id == "w4.s1.e4")
    assert any(note.startswith("Fewer than 30 rows, not tested:") for note in item.caveats)
    assert item.values[0].value <= len(drawn)


def test_the_most_predicted_class_of_each_class(simulated, wide, course, tmp_path) -> None:
    sound = simulated.write_run(tmp_path, wide, "encoder", "encoder", skill=0.7, floor=4, draw=2)
    slipped = simulated.write_run(tmp_path, wide, "old", "decoder", skill=0.7, floor=4, draw=3, slipped=17)
    figure = figures(build(4, [sound, slipped], course))["w4-most-predicted"]
    first = figure.data["runs"][0]
    assert first["run"] == "old"
    rows, k = slipped.predictions("val"), len(wide.names)
    for label, said in first["points"]:
        assert said == np.bincount(rows.predictions[rows.labels == label], minlength=k).argmax()
    moved = sum((said - label) % k == 17 for label, said in first["points"])
    assert moved > k / 2
    assert f"and {moved} as the class 17 ids on" in figure.finding


def test_an_interval_without_width_is_said_without_its_share(simulated, course, tmp_path) -> None:
    world = simulated.World(k=2, n=10)
    right = np.where(np.arange(2) == world.labels[:, None], 5.0, -5.0)
    runs = []
    for name, logits in (("encoder", right), ("decoder", -right)):
        world.logits = lambda *given, logits=logits: logits
        runs.append(simulated.write_run(tmp_path, world, name, name))
    item = items(build(4, runs, course))["w4.s4.e4"]
    assert item.sentence
