from __future__ import annotations

import json

import numpy as np
import pytest

from .conftest import predictions_csv

STATE = {
    "best_metric": 0.31,
    "best_model_checkpoint": "/kaggle/working/out/checkpoint-20",
    "epoch": 3.0,
    "global_step": 30,
    "log_history": [
        {"epoch": 0.5, "grad_norm": 2.5, "learning_rate": 1e-4, "loss": 1.5, "step": 5},
        {"epoch": 1.0, "learning_rate": 9e-5, "loss": 1.2, "step": 10},
        {"epoch": 1.0, "eval_loss": 1.3, "eval_accuracy": 0.4, "eval_macro_f1": 0.2, "eval_runtime": 1.0, "step": 10},
        {"epoch": 2.0, "learning_rate": 5e-5, "loss": 1.0, "step": 20},
        {"epoch": 2.0, "eval_loss": 1.1, "eval_accuracy": 0.5, "eval_macro_f1": 0.31, "step": 20},
        {"epoch": 3.0, "learning_rate": 0.0, "loss": 0.8, "step": 30},
        {"epoch": 3.0, "eval_loss": 1.2, "eval_accuracy": 0.5, "eval_macro_f1": 0.3, "step": 30},
        {"epoch": 3.0, "step": 30, "total_flos": 1e12, "train_loss": 1.1, "train_runtime": 12.5},
    ],
}


@pytest.fixture
def folder(place, data, logits):
    """A Trainer's output folder, with a pickle that must never be opened."""
    state = place("decoder-lora/trainer_state.json", STATE)
    place("decoder-lora/train_results.json", {"epoch": 3.0, "train_loss": 1.1, "train_runtime": 12.5})
    place("decoder-lora/eval_results.json", {"eval_accuracy": 0.5, "eval_macro_f1": 0.3, "eval_samples": 60})
    place("decoder-lora/training_args.json", {"seed": 7, "learning_rate": 1e-4, "hub_token": "<HUB_TOKEN>", "fsdp": []})
    place("decoder-lora/config.json", {"architectures": ["Qwen2ForSequenceClassification"], "torch_dtype": "float32"})
    place(
        "decoder-lora/adapter_config.json",
        {"base_model_name_or_path": "Qwen/Qwen2.5-0.5B", "r": 16, "lora_alpha": 32, "target_modules": ["q_proj"]},
    )
    place("decoder-lora/training_args.bin", b"cos\nsystem\n(S'touch /tmp/reportgen-was-here'\ntR.")
    place("decoder-lora/predictions.csv", predictions_csv(data, logits))
    return state.parent


def test_folder_with_predictions_is_a_measured_run_with_its_log(bring, folder, data) -> None:
    [bundle] = bring(folder, data=data)
    manifest = bundle.manifest
    assert bundle.run_id == "decoder-lora"
    assert (manifest.kind, manifest.runner, manifest.trained_on) == ("measured", "import", ("train",))
    assert (manifest.model.name, manifest.model.family, manifest.model.precision) == (
        "Qwen/Qwen2.5-0.5B",
        "decoder",
        "fp32",
    )
    assert manifest.seed == 7
    assert manifest.timings == {"train": 12.5}
    log = bundle.training
    assert log["step"].tolist() == [5, 10, 20, 30]
    assert list(log.columns[:4]) == ["step", "epoch", "loss", "lr"]
    assert log["loss"].tolist() == [1.5, 1.2, 1.0, 0.8]
    assert log["val_macro_f1"].tolist()[1:] == [0.2, 0.31, 0.3]
    assert np.isnan(log["val_macro_f1"][0])
    resolved, decided = bundle.config.resolved, bundle.config.decided
    assert (resolved["learning_rate"], resolved["lora_r"], resolved["target_modules"]) == (1e-4, 16, ["q_proj"])
    assert "hub_token" not in resolved
    assert decided == {
        "best_checkpoint": "checkpoint-20",
        "best_metric": 0.31,
        "best_step": 20,
        "best_epoch": 2.0,
        "selection_rule": "the Trainer's best checkpoint",
    }
    assert any("states eval_macro_f1 0.3000" in note for note in manifest.dataset.notes)


def test_folder_with_an_archive_of_predictions(bring, folder, data, logits, place) -> None:
    (folder / "predictions.csv").unlink()
    arrays = {"labels": data.splits["val"].labels, "logits": logits}
    place("decoder-lora/predictions.npz", npz=arrays)
    [bundle] = bring(folder, data=data)
    assert bundle.run_id == "decoder-lora"
    assert len(bundle.predictions("val")) == 60
    assert bundle.training is not None
    assert set(bundle.config.resolved["files"]) >= {"trainer_state.json", "predictions.npz"}
    place("decoder-lora/predictions.csv", "x")
    assert "both predictions.npz and predictions.csv" in bring.refused(folder, data=data)


def test_folder_without_predictions_is_reported_only(bring, folder) -> None:
    (folder / "predictions.csv").unlink()
    [bundle] = bring(folder)
    assert bundle.manifest.kind == "reported"
    assert (bundle.reported.accuracy, bundle.reported.macro_f1, bundle.reported.n) == (0.5, 0.3, 60)
    assert len(bundle.training) == 4
    assert any("not recomputable" in line for line in bring.said)


def test_the_last_checkpoint_s_state_serves_where_the_folder_has_none(bring, folder) -> None:
    (folder / "trainer_state.json").unlink()
    for step in (10, 30):
        (folder / f"checkpoint-{step}").mkdir()
        state = {**STATE, "log_history": [record for record in STATE["log_history"] if record["step"] <= step]}
        (folder / f"checkpoint-{step}" / "trainer_state.json").write_text(json.dumps(state))
    [bundle] = bring(folder)
    assert bundle.training["step"].max() == 30


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("trainer_state.json", {"log_history": [{"loss": 1}]}, "without a step"),
        ("trainer_state.json", {"log_history": "x"}, "no list of records"),
        ("trainer_state.json", {"log_history": [{"step": 1, **{f"m{i}": 1 for i in range(80)}}]}, "log fewer"),
        ("trainer_state.json", "[1, 2", "not JSON"),
        ("trainer_state.json", "[1, 2]", "not a JSON object"),
        ("trainer_state.json", '{"a": 1, "a": 2}', "occurs twice"),
        ("trainer_state.json", "[" * 100_000, "not JSON"),
    ],
)
def test_damaged_folders(bring, folder, place, name, content, said) -> None:
    place(f"decoder-lora/{name}", content)
    assert said in bring.refused(folder)


def test_links_out_of_the_folder_are_not_followed(bring, folder, tmp_path, data, logits) -> None:
    secret = tmp_path / "secret.csv"
    (folder / "predictions.csv").rename(secret)
    (folder / "predictions.csv").symlink_to(secret)
    [bundle] = bring(folder, data=data)
    assert bundle.manifest.kind == "reported"


def test_other_folders_and_pickles_are_refused(bring, tmp_path, place) -> None:
    assert "without trainer_state.json" in bring.refused(tmp_path)
    assert "pickles" in bring.refused(place("model.bin", b"x"))
    assert "no such file" in bring.refused(tmp_path / "nothing.csv")


def test_diverged_losses_do_not_stop_the_import(bring, folder, place) -> None:
    text = json.dumps(STATE).replace("1.5", "NaN", 1)
    place("decoder-lora/trainer_state.json", text)
    [bundle] = bring(folder)
    assert np.isnan(bundle.training["loss"][0])
