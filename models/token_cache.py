"""Tokens kept as Arrow: the same texts are tokenised once, for all runs, epochs and seeds."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .batching import Tokens, tokenise

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LAYOUT = "1"


def cached_tokens(tokenizer: Any, texts: Sequence[str] | NDArray[np.object_], max_length: int, folder: Path) -> Tokens:
    """`tokenise`, or what an earlier call left in `folder` for the same tokenizer, cap and texts.

    Read back through a memory map: nothing is parsed. A file that cannot be read is made again.
    """
    file = folder / f"{_digest(tokenizer, texts, max_length)}.arrow"
    if (found := _read(file)) is not None:
        return found
    tokens = tokenise(tokenizer, texts, max_length)
    _write(tokens, file)
    return tokens


def _digest(tokenizer: Any, texts: Sequence[str] | NDArray[np.object_], max_length: int) -> str:
    whole = hashlib.sha256(f"{_LAYOUT}\0{max_length}\0".encode())
    whole.update(tokenizer.backend_tokenizer.to_str().encode())
    whole.update(repr(sorted(tokenizer.special_tokens_map.items())).encode())
    for text in texts:
        said = text.encode("utf-8", "surrogatepass")
        whole.update(len(said).to_bytes(8, "little") + said)
    return whole.hexdigest()[:24]


def _write(tokens: Tokens, file: Path) -> None:
    import pyarrow as pa

    rows = pa.LargeListArray.from_arrays(tokens.offsets, pa.array(tokens.flat, pa.int32()))
    table = pa.table({"ids": rows, "full_length": pa.array(tokens.full_lengths, pa.int32())})
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(f".{os.getpid()}")
    with pa.ipc.new_file(str(unfinished), table.schema) as sink:
        sink.write_table(table, max_chunksize=max(1, len(table)))
    unfinished.replace(file)  # processes that train side by side never see half a file


def _read(file: Path) -> Tokens | None:
    import pyarrow as pa

    try:
        with pa.memory_map(str(file)) as source:
            table = pa.ipc.open_file(source).read_all()
        rows = table["ids"].combine_chunks()
        return Tokens(
            flat=rows.values.to_numpy(),
            offsets=rows.offsets.to_numpy(),
            full_lengths=table["full_length"].combine_chunks().to_numpy(),
        )
    except (OSError, KeyError, pa.ArrowException):
        return None
