"""How much a bundle may hold. Each cap lies well above honest use and below what hurts a small server."""

from __future__ import annotations

MAX_ROWS = 1_000_000
"""Rows of a table, all splits together: ten times the course's whole corpus (85,708)."""

MAX_LABELS = 2_000
"""The memo's record has the same cap; the course has 113."""

MAX_CELLS = 250_000_000
"""Rows × labels: 500 MB of float16 logits, all splits of the course set (10 million) twenty-five times."""

MAX_COLUMNS = 64
"""Columns of rows.parquet and training.parquet."""

MAX_STRING = 256
"""Bytes of one string in a table: a row id, a digest. Dictionary encoding would let a long one repeat for free."""

MAX_JSON_BYTES = 32_000_000
"""One JSON file: a million latency samples with room to spare."""

MAX_JSON_DEPTH = 64
"""Nesting: our own records stay under ten."""

MAX_TABLE_BYTES = 1_000_000_000
"""One Parquet file, and the inflated size its footer declares."""

MAX_LOG_BYTES = 32_000_000
"""log.txt and edits.jsonl."""

MAX_ADAPTER_BYTES = 20_000_000_000
"""One safetensors file: a 7B model in bf16 is 15 GB. Never read into memory, only hashed."""

MAX_FILES = 256
"""Files in one bundle: sharded weights, beside nine of ours."""

MAX_ZIP_ENTRIES = 8_192
"""Entries of a zip, which may hold a class's worth of runs."""

MAX_ZIP_DIRECTORY = 4_000_000
"""Bytes of a zip's table of contents: Python reads it whole before anything can be counted."""

MAX_ZIP_INFLATED = 4_000_000_000
"""All entries of a zip together, below what needs zip64."""

MAX_RATIO = 200
"""Inflated to packed size of one entry above a megabyte: Parquet is near 1, long JSON near 10, a bomb above 1,000."""

RATIO_FROM = 1_000_000
"""Below this size no ratio can do harm."""
