"""Distillation: its loss by hand and by torch, who may teach, the twin without a teacher, tempering."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.distill_linear import fit_soft
from models.finetune import fraction_of, training_rows
from models.losses import distillation, make_loss
from models.registry import Runner, RunnerConfig, RunResult, get_runner
from models.run import Runs, execute
from models.temper import scaled
from reportgen.bundle import Bundle, read_bundle
from reportgen.bundle.predictions import store_logits
from reportgen.bundle.schema import ModelInfo
from reportgen.data import Dataset
from reportgen.errors import ReportgenError
from reportgen.stats import fit_temperature, folds

pytestmark = pytest.mark.train

FAST = {"epochs": 2, "lr": 1e-3, "latency": False, "max_length": 32}


def ran(data: Dataset, out: Path, runner: str, name: str, **settings: Any) -> Bundle:
    return read_bundle(execute(get_runner(runner), data, out, name, settings, settings, 42, Runs(out)))


def oracle(
    data: Dataset, out: Path, name: str, splits: tuple[str, ...] = ("train", "val", "test"), shift: int = 0
) -> Bundle:
    """A teacher that knows most answers, or the next label of each, and says how sure it is."""

    def scores(ctx: Any) -> RunResult:
        rng = np.random.default_rng(1)
        k = len(data.labels)
        told = {s: np.eye(k)[(data.splits[s].labels + shift) % k] for s in splits}
        logits = {s: 3.0 * rows + rng.normal(size=rows.shape) for s, rows in told.items()}
        return RunResult(model=ModelInfo(name="oracle", family="linear"), logits=logits, trained_on=("train",))

    return read_bundle(execute(Runner("oracle", RunnerConfig, scores, "linear", ""), data, out, name, {}, {}, 1, {}))


# The loss


def test_loss_by_hand() -> None:
    import torch

    loss = distillation(make_loss("ce", np.array([1, 1])), alpha=0.7, temperature=2.0)
    # Student ½ ½; teacher at T = 2: √3 to 1.
    p = math.sqrt(3) / (1 + math.sqrt(3))
    kl = p * math.log(2 * p) + (1 - p) * math.log(2 * (1 - p))
    found = loss.rows(torch.zeros(1, 2), torch.tensor([0]), torch.tensor([[math.log(3), 0.0]]))
    assert found.item() == pytest.approx(0.7 * 4 * kl + 0.3 * math.log(2), rel=1e-6)


def test_loss_is_torchs_and_not_one_of_the_usual_mistakes() -> None:
    import torch
    import torch.nn.functional as F

    torch.manual_seed(0)
    student, teacher, labels = torch.randn(16, 5), 3 * torch.randn(16, 5), torch.randint(0, 5, (16,))
    alpha, t = 0.9, 4.0
    q, p = F.log_softmax(student / t, 1), F.softmax(teacher / t, 1)
    kl, ce = F.kl_div(q, p, reduction="batchmean"), F.cross_entropy(student, labels)
    found = distillation(make_loss("ce", np.ones(5, int)), alpha=alpha, temperature=t).rows(student, labels, teacher)
    assert found.mean().item() == pytest.approx((alpha * t**2 * kl + (1 - alpha) * ce).item(), rel=1e-5)
    mistakes = {
        "probabilities for log-probabilities": alpha * t**2 * F.kl_div(q.exp(), p, reduction="batchmean"),
        "no T squared": alpha * kl + (1 - alpha) * ce,
        "alpha swapped": (1 - alpha) * t**2 * kl + alpha * ce,
        "KL the other way": alpha * t**2 * F.kl_div(p.log(), q.exp(), reduction="batchmean") + (1 - alpha) * ce,
        "mean over elements": alpha * t**2 * F.kl_div(q, p, reduction="none").mean() + (1 - alpha) * ce,
    }
    for name, value in mistakes.items():
        assert abs(found.mean().item() - value.item()) > 1e-2, name


def test_rows_without_a_teacher_get_the_labels_alone_and_sound_gradients() -> None:
    import torch

    torch.manual_seed(0)
    hard = make_loss("ce", np.array([9, 4, 1]), weighting="sqrt")
    logits, labels = torch.randn(4, 3, requires_grad=True), torch.tensor([0, 1, 2, 2])
    teacher = torch.randn(4, 3)
    teacher[2] = torch.nan
    rows = distillation(hard, alpha=0.7, temperature=4.0).rows(logits, labels, teacher)
    plain = hard.rows(logits, labels)
    assert rows[2].item() == plain[2].item()
    assert all(rows[i].item() != pytest.approx(plain[i].item()) for i in (0, 1, 3))
    rows.sum().backward()
    assert torch.isfinite(logits.grad).all()


def test_temperature_squared_keeps_the_gradient_at_its_size() -> None:
    import torch

    torch.manual_seed(0)
    teacher, labels = torch.randn(8, 6), torch.zeros(8, dtype=torch.long)
    sizes = []
    for t in (10.0, 20.0):
        logits = torch.zeros(8, 6, requires_grad=True)
        loss = distillation(make_loss("ce", np.ones(6, int)), alpha=1.0, temperature=t)
        loss.rows(logits, labels, teacher).mean().backward()
        sizes.append(logits.grad.norm().item())
    assert sizes[0] == pytest.approx(sizes[1], rel=0.05)


# The runner


def test_alpha_0_is_the_encoder_runner_to_the_bit(topics: Dataset, tiny_bert: Path, tmp_path: Path) -> None:
    oracle(topics, tmp_path, "teacher")
    settings = FAST | {"model": str(tiny_bert), "save": "full"}
    vanilla = ran(topics, tmp_path, "encoder", "vanilla", **settings)
    for name, extra in (("taught", {"teacher": "teacher"}), ("alone", {})):
        twin = ran(topics, tmp_path, "distill", name, **settings, alpha=0, **extra)
        for split in vanilla.splits:
            assert (twin.predictions(split).logits == vanilla.predictions(split).logits).all()
        files = [tmp_path / ".work" / run / "model" / "model.safetensors" for run in ("vanilla", name)]
        assert files[0].read_bytes() == files[1].read_bytes()


def test_a_student_believes_its_teacher_and_not_the_labels(topics: Dataset, tiny_bert: Path, tmp_path: Path) -> None:
    oracle(topics, tmp_path, "teacher", shift=1)
    settings = FAST | {"model": str(tiny_bert), "epochs": 12, "lr": 5e-3, "select": "last", "score_train": True}
    taught = ran(
        topics, tmp_path, "distill", "taught", **settings, label_names_as_rows=True, teacher="teacher", alpha=0.95
    )
    k = len(topics.labels)
    alone = ran(topics, tmp_path, "distill", "alone", **settings, label_names_as_rows=True, alpha=0)

    def shares(bundle: Bundle) -> tuple[float, float]:
        """How often it says what the labels say, and what the teacher says."""
        said = bundle.predictions("train")
        return tuple(float((said.predictions == (said.labels + shift) % k).mean()) for shift in (0, 1))

    believes_labels, believes_teacher = shares(taught)
    assert believes_teacher > 0.6
    assert believes_teacher > 2 * believes_labels
    # The twin differs in alpha alone and believes the labels.
    assert shares(alone)[0] > 0.6
    assert shares(alone)[1] < 0.2
    assert [(p.role, p.run_id) for p in taught.manifest.parents] == [("teacher", "teacher")]
    assert taught.config.decided["teacher_temperature"] == 4
    assert taught.config.decided["n_train"] == len(topics.splits["train"]) + k
    assert taught.manifest.runner == "distill"


def test_label_names_have_no_teacher(topics: Dataset, tiny_bert: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    n, k = len(topics.splits["train"]), len(topics.labels)
    soft = np.arange(n * k, dtype=np.float32).reshape(n, k)
    rows = np.array([3, 5])
    found = training_rows(topics, tokenizer, 32, names=True, rows=rows, teacher=soft)
    assert found.teacher is not None
    assert (found.teacher[:2] == soft[rows]).all()
    assert np.isnan(found.teacher[2:]).all()
    assert found.labels[2:].tolist() == list(range(k))


def test_a_fraction_keeps_every_label(topics: Dataset, tiny_bert: Path, tmp_path: Path) -> None:
    labels = np.array([0] * 10 + [1] * 3 + [2])
    rows = fraction_of(labels, 0.5, 42)
    assert np.bincount(labels[rows]).tolist() == [5, 2, 1]
    assert (np.diff(rows) > 0).all()
    assert (rows == fraction_of(labels, 0.5, 42)).all()
    assert fraction_of(labels, 1.0, 42) == slice(None)
    half = ran(topics, tmp_path, "encoder", "half", **FAST, model=str(tiny_bert), train_fraction=0.5)
    counts = np.bincount(topics.splits["train"].labels)
    assert half.config.decided["n_train"] == sum(math.ceil(c / 2) for c in counts)


# Who may teach


def other_rows(data: Dataset, **changes: Callable[[Any], Any]) -> Dataset:
    train = data.splits["train"]
    new = replace(train, **{key: change(getattr(train, key)) for key, change in changes.items()})
    return replace(data, splits={**data.splits, "train": new})


@pytest.mark.parametrize(
    "changes",
    [
        {"texts": lambda texts: np.array([f"{text} edited" for text in texts], dtype=object)},
        {"row_ids": lambda ids: np.array([f"x{i}" for i in ids], dtype=object)},
        {"labels": lambda labels: np.roll(labels, 1)},
    ],
)
def test_a_teacher_of_other_rows_is_refused(
    changes: dict[str, Any], topics: Dataset, tiny_bert: Path, tmp_path: Path
) -> None:
    oracle(other_rows(topics, **changes), tmp_path, "teacher")
    with pytest.raises(ReportgenError, match="the rows of teacher are not those of") as refused:
        ran(topics, tmp_path, "distill", "student", **FAST, model=str(tiny_bert), teacher="teacher")
    assert "\n" not in str(refused.value)


def test_order_of_the_teachers_rows_does_not_matter(topics: Dataset, tmp_path: Path) -> None:
    from models.derive import aligned_logits

    train = topics.splits["train"]
    order = np.random.default_rng(0).permutation(len(train))
    mixed = replace(train, row_ids=train.row_ids[order], texts=train.texts[order], labels=train.labels[order])
    teacher = oracle(replace(topics, splits={**topics.splits, "train": mixed}), tmp_path, "teacher")
    logits = aligned_logits(teacher, topics, "train")
    assert (logits.argmax(1) == train.labels).mean() > 0.9


def test_a_teacher_without_logits_or_weights_is_refused(topics: Dataset, tiny_bert: Path, tmp_path: Path) -> None:
    oracle(topics, tmp_path, "teacher", ("val", "test"))
    with pytest.raises(ReportgenError, match="no logits of the training rows, and its weights were not kept") as no:
        ran(topics, tmp_path, "distill", "student", **FAST, model=str(tiny_bert), teacher="teacher")
    assert "\n" not in str(no.value)
    with pytest.raises(ReportgenError, match="needs a teacher"):
        ran(topics, tmp_path, "distill", "student", **FAST, model=str(tiny_bert))
    with pytest.raises(ReportgenError, match="no run called 'nobody'"):
        ran(topics, tmp_path, "distill", "student", **FAST, model=str(tiny_bert), teacher="nobody")


def test_a_teachers_weights_score_the_rows_once(topics: Dataset, tiny_bert: Path, tmp_path: Path) -> None:
    settings = FAST | {"model": str(tiny_bert)}
    ran(topics, tmp_path, "encoder", "teacher", **settings, save="full")
    first = ran(topics, tmp_path, "distill", "first", **settings, teacher="teacher")
    assert "scoring" in first.log
    shutil.rmtree(tmp_path / ".work" / "teacher" / "checkpoints")
    second = ran(topics, tmp_path, "distill", "second", **settings, teacher="teacher")
    assert "scoring" not in second.log
    assert (first.predictions("test").logits == second.predictions("test").logits).all()
    ran(topics, tmp_path, "encoder", "says", **settings, score_train=True)
    told = ran(topics, tmp_path, "distill", "told", **settings, teacher="says")
    assert np.allclose(told.predictions("test").logits, first.predictions("test").logits, atol=1e-4)


# A linear student


def test_without_a_teacher_the_linear_student_is_logistic_regression() -> None:
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(200, 6)), rng.integers(0, 4, 200)
    features[np.arange(200), labels] += 1.5
    found = fit_soft(features, labels, np.zeros((200, 4)), 0.0, 4.0, 0.5, 500)
    reference = LogisticRegression(C=0.5, max_iter=1000, tol=1e-8).fit(features, labels)
    mine = features @ found.weights + found.bias
    theirs = features @ reference.coef_.T + reference.intercept_
    assert found.converged
    assert np.allclose(mine - mine.mean(1, keepdims=True), theirs - theirs.mean(1, keepdims=True), atol=2e-3)


def test_linear_student_follows_its_teacher_where_it_can() -> None:
    rng = np.random.default_rng(0)
    features, weights = rng.normal(size=(300, 5)), rng.normal(size=(5, 3))
    teacher = features @ weights
    found = fit_soft(features, np.zeros(300, int), teacher, 1.0, 2.0, 1e6, 500)
    mine = features @ found.weights + found.bias
    assert np.allclose(mine - mine.mean(1, keepdims=True), teacher - teacher.mean(1, keepdims=True), atol=0.02)


def test_linear_student_on_texts(topics: Dataset, tmp_path: Path) -> None:
    oracle(topics, tmp_path, "teacher")
    student = ran(topics, tmp_path, "distill-linear", "linear", teacher="teacher")
    seen = student.predictions("test")
    assert (seen.predictions == seen.labels).mean() > 0.9
    assert student.manifest.model.family == "linear"
    assert student.manifest.hardware.device == "cpu"
    assert [p.role for p in student.manifest.parents] == ["teacher"]


# A temperature alone


def test_temper_changes_no_prediction_and_fits_on_half_of_val(topics: Dataset, tmp_path: Path) -> None:
    source = oracle(topics, tmp_path, "vanilla")
    tempered = ran(topics, tmp_path, "temper", "tempered", run="vanilla")
    t = tempered.config.decided["temperature_used"]
    val = topics.splits["val"]
    from models.derive import aligned_logits

    fit = folds(len(val))[0]
    assert t == pytest.approx(fit_temperature(aligned_logits(source, topics, "val")[fit], val.labels[fit]).t)
    for split in source.splits:
        before, after = source.predictions(split), tempered.predictions(split)
        assert (before.predictions == after.predictions).all()
        shifted = [part.logits.astype(float) - part.logits.max(1, keepdims=True) for part in (before, after)]
        assert np.allclose(shifted[0] / t, shifted[1], rtol=1e-2, atol=1e-2)
    assert tempered.config.decided["rows_fitted_on"] == len(val) // 2
    oracle(topics, tmp_path, "blind", ("test",))
    with pytest.raises(ReportgenError, match="no val split"):
        ran(topics, tmp_path, "temper", "no", run="blind")


def test_dividing_neighbours_keeps_the_winner() -> None:
    high = np.float16(1.5)
    logits = np.array([[high, np.nextafter(high, np.float16(2)), 0]], np.float32)
    changed = 0
    for t in np.linspace(1.0, 8.0, 400):
        changed += int(store_logits(logits / np.float32(t)).argmax(1)[0] != 1)
        kept = scaled(logits, float(t))
        assert kept.argmax(1)[0] == 1
        assert (store_logits(kept) == kept).all()
    assert changed  # plain division does lose it
