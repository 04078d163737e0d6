"""Parquet from strangers: the footer first, then only what it promised."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .errors import BadTable, BundleError, TooLarge
from .limits import MAX_COLUMNS, MAX_ROWS, MAX_STRING, MAX_TABLE_BYTES

if TYPE_CHECKING:
    import pandas as pd


@contextlib.contextmanager
def arrow_errors(where: str) -> Iterator[None]:
    """Whatever a damaged Parquet file makes Arrow raise becomes one `BadTable`."""
    import pyarrow as pa

    try:
        yield
    except BundleError:
        raise
    except (pa.ArrowException, ValueError, TypeError, KeyError, OSError, OverflowError, MemoryError) as error:
        raise BadTable(f"unreadable table: {str(error).partition(chr(10))[0]}", where=where) from None


def open_table(data: bytes, where: str, strings: Sequence[str]) -> Any:
    """Open a Parquet file and check what its footer declares; no data is decoded.

    Args:
        data: the file.
        where: its name, for errors.
        strings: columns to keep dictionary-encoded, so that a repeated long string costs nothing.

    Raises:
        BadTable: not Parquet.
        TooLarge: rows, columns or inflated bytes over the caps.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with arrow_errors(where):
        file = pq.ParquetFile(
            pa.BufferReader(data),
            read_dictionary=list(strings),
            thrift_string_size_limit=10_000_000,
            thrift_container_size_limit=1_000_000,
        )
        footer = file.metadata
        groups = [footer.row_group(i) for i in range(footer.num_row_groups)]
    if footer.num_rows > MAX_ROWS or sum(group.num_rows for group in groups) > MAX_ROWS:
        raise TooLarge(f"{footer.num_rows:,} rows, at most {MAX_ROWS:,}", where=where)
    if footer.num_columns > MAX_COLUMNS:
        raise TooLarge(f"{footer.num_columns:,} columns, at most {MAX_COLUMNS}", where=where)
    inflated = sum(group.total_byte_size for group in groups)
    if inflated > MAX_TABLE_BYTES:
        raise TooLarge(f"{inflated:,} bytes when inflated, at most {MAX_TABLE_BYTES:,}", where=where)
    return file


def is_text(kind: Any) -> bool:
    """Whether an Arrow type is text, dictionary-encoded or not."""
    import pyarrow as pa

    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def strings(column: Any, where: str) -> NDArray[np.object_]:
    """A text column as an object array of str and None; equal strings share one object."""
    import pyarrow as pa
    import pyarrow.compute as pc

    with arrow_errors(where):
        array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        if not pa.types.is_dictionary(array.type):
            array = array.dictionary_encode()
        array.validate(full=True)
        dictionary = array.dictionary
        longest = pc.max(pc.binary_length(dictionary)).as_py() or 0
        if longest > MAX_STRING:
            raise TooLarge(f"a string of {longest:,} bytes, at most {MAX_STRING}", where=where)
        values = np.append(dictionary.to_numpy(zero_copy_only=False).astype(object), [None])
        found: NDArray[np.object_] = values[array.indices.fill_null(len(dictionary)).to_numpy(zero_copy_only=False)]
        return found


def read_frame(data: bytes, where: str, text: Sequence[str] | None = None) -> pd.DataFrame:
    """A small table of numbers and short strings as a DataFrame.

    Args:
        data: the Parquet file.
        where: its name, for errors.
        text: the only columns that may hold text; None: any may.

    Raises:
        BadTable: not Parquet, or columns of other types.
        TooLarge: over the caps.
    """
    import pandas as pd

    with arrow_errors(where):
        plain = open_table(data, where, ()).schema_arrow
    check_columns(plain, where, text)
    texts = [field.name for field in plain if is_text(field.type)]
    file = open_table(data, where, texts)
    with arrow_errors(where):
        table = file.read(use_threads=False)
        table.validate(full=True)
        # Built column by column: to_pandas would obey the pandas metadata a stranger put into the footer.
        return pd.DataFrame(
            {
                name: pd.Series(strings(table[name], where), dtype=object) if name in texts else table[name].to_numpy()
                for name in table.column_names
            }
        )


def check_columns(schema: Any, where: str, text: Sequence[str] | None) -> None:
    """Refuse repeated names, nested types, and text where none belongs."""
    import pyarrow as pa

    if len(set(schema.names)) < len(schema.names):
        raise BadTable("two columns have the same name", where=where)
    for field in schema:
        if is_text(field.type):
            if text is not None and field.name not in text:
                raise BadTable(
                    f"column {field.name!r} holds text",
                    where=where,
                    remedy="leave it out: rows carry no text",
                )
        elif not (
            pa.types.is_integer(field.type) or pa.types.is_floating(field.type) or pa.types.is_boolean(field.type)
        ):
            raise BadTable(f"column {field.name!r} is of type {field.type}", where=where, remedy="use numbers")


def frame_bytes(frame: pd.DataFrame, where: str, text: Sequence[str] | None = None) -> bytes:
    """A DataFrame as a Parquet file.

    Raises:
        BadTable: columns that are neither numbers nor permitted text.
    """
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    with arrow_errors(where):
        table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
        check_columns(table.schema, where, text)
        sink = io.BytesIO()
        pq.write_table(table, sink, compression="zstd")
        return sink.getvalue()
