"""NumPy archives from strangers: plain arrays only, sizes checked before anything is allocated, never a pickle."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reportgen.bundle import BundleError
from reportgen.bundle.sources import Archive
from reportgen.errors import InputError

from .reading import FileId, file_id, read_bytes, shown

MAX_BYTES = 1_000_000_000
MAX_ARRAYS = 256
_REMEDY = "save plain arrays with numpy.savez"


def read_npz(path: Path) -> tuple[dict[str, NDArray[Any]], FileId]:
    """The arrays of an .npz file by name.

    Raises:
        InputError: no zip, damaged, too large, or an array of objects (a pickle, which is never loaded).
    """
    name = file_id(path, read_bytes(path, MAX_BYTES))
    try:
        with Archive(path) as archive:
            sizes = archive.sizes("")
            if len(sizes) > MAX_ARRAYS or sum(sizes.values()) > MAX_BYTES:
                raise InputError(f"{len(sizes)} arrays of {sum(sizes.values()):,} B", where=shown(path), remedy=_REMEDY)
            found = {}
            for entry in sorted(sizes):
                if not entry.endswith(".npy"):
                    raise InputError(f"{entry!r} is no array", where=shown(path), remedy=_REMEDY)
                found[entry.removesuffix(".npy")] = _array(b"".join(archive.chunks(entry)), f"{shown(path)}, {entry}")
    except BundleError as error:
        raise InputError(f"not a sound .npz file: {error.what}", where=shown(path), remedy=_REMEDY) from None
    if not found:
        raise InputError("there are no arrays", where=shown(path), remedy=_REMEDY)
    return found, name


def _array(data: bytes, where: str) -> NDArray[Any]:
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"format version {version}")
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read_header(stream)
        if dtype.hasobject or dtype.kind not in "biufUS":
            raise InputError(
                f"an array of {dtype}", where=where, remedy="save numbers or strings; pickled objects are never loaded"
            )
        # The header is checked against the bytes that are there before NumPy allocates what it promises.
        if any(size < 0 for size in shape) or math.prod(shape) * dtype.itemsize != len(data) - stream.tell():
            raise ValueError(f"shape {shape} does not fit the file's length")
        stream.seek(0)
        return np.lib.format.read_array(stream, allow_pickle=False)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"damaged array: {error}", where=where, remedy=_REMEDY) from None
