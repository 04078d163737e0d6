"""The bundle, version 1: what one model run leaves behind.

The JSON Schema published in `docs/schema/` is generated from these models.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA: Final = "reportgen/bundle/1"

Family = Literal["majority", "linear", "embed", "encoder", "decoder", "prompted"]
SplitName = Literal["train", "val", "test"]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,79}$")]


class Record(BaseModel):
    """Base of every record: finite numbers only; fields of a newer minor version are read over."""

    # constants: NaN in a free-form field must reach the JSON writer, which refuses it, instead of becoming null.
    model_config = ConfigDict(
        extra="ignore", frozen=True, allow_inf_nan=False, ser_json_inf_nan="constants", protected_namespaces=()
    )


class ModelInfo(Record):
    """What produced the predictions."""

    name: str = Field(description="Hub name, weights package or the runner's own name for the model.")
    family: Family
    revision: str | None = None
    parameters: int | None = Field(None, ge=0)
    trainable_parameters: int | None = Field(None, ge=0)
    precision: str | None = Field(None, description="fp32, fp16, bf16, int8, int4, …")
    merged: bool | None = Field(None, description="Whether adapters were merged into the base before scoring.")


class SplitInfo(Record):
    """One split as it was scored."""

    n_rows: int = Field(ge=0)
    rows_sha256: Sha256 = Field(description="Digest of the sorted (row_id, text_sha256, label) triples.")
    sampled_of: int | None = Field(None, description="N when the split is a sample of N rows, else null.")


class DatasetInfo(Record):
    """Where the rows came from."""

    name: str
    revision: str | None = None
    labels_sha256: Sha256
    splits: dict[SplitName, SplitInfo]
    synthetic: bool = False
    licence: str | None = None
    notes: tuple[str, ...] = ()


class Parent(Record):
    """A run this one was derived from."""

    role: Literal["baseline", "teacher", "source", "member", "reference"]
    run_id: Slug
    root: Sha256


class FileInfo(Record):
    """Size and digest of one file in the bundle."""

    bytes: int = Field(ge=0)
    sha256: Sha256


class Hardware(Record):
    """The device that really ran it."""

    device: str = Field(description="cpu, cuda, mps")
    name: str | None = None
    count: int = 1
    capability: str | None = Field(None, description="CUDA compute capability such as 9.0.")
    threads: int | None = None
    memory_bytes: int | None = None


class Git(Record):
    """The commit of the working tree the run was started in."""

    commit: str
    dirty: bool


class Manifest(Record):
    """`manifest.json`. `root` is the sha256 of the canonical manifest without `root`."""

    schema_: Literal["reportgen/bundle/1"] = Field(SCHEMA, alias="schema")
    kind: Literal["measured", "reported"]
    status: Literal["started", "success", "failed", "interrupted"]
    run_id: Slug
    week: int | None = Field(None, ge=1, le=6)
    runner: str
    course: str
    created_utc: str
    tool_version: str
    model: ModelInfo
    dataset: DatasetInfo | None = Field(None, description="Null only in reported bundles.")
    trained_on: tuple[SplitName, ...] = ()
    parents: tuple[Parent, ...] = ()
    seed: int | None = None
    hardware: Hardware | None = None
    environment: dict[str, str] = Field(default_factory=dict, description="Package or interpreter name to version.")
    git: Git | None = None
    timings: dict[str, float] = Field(default_factory=dict, description="Phase to seconds.")
    error: str | None = Field(None, description="One line, when status is failed.")
    files: dict[str, FileInfo] = Field(default_factory=dict)
    root: Sha256 | None = Field(None, description="Null while the run is going on.")


class Labels(Record):
    """`labels.json`: names in id order, with the training count and tier of each."""

    names: tuple[str, ...]
    train_counts: tuple[int, ...] = Field(description="Training rows of each label; empty when they are unknown.")
    tiers: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Tier rule (count, rank, quartile) to the tier name of each label."
    )


class Config(Record):
    """`config.json`: the arguments as passed and as resolved."""

    passed: dict[str, Any]
    resolved: dict[str, Any]
    decided: dict[str, Any] = Field(
        default_factory=dict,
        description="What was decided while running (batch size after running out of memory, best epoch); two starts "
        "with the same resolved arguments are the same run, whatever was decided.",
    )


class LatencyRecord(Record):
    """One timed scenario, raw samples kept. Records of different scenarios are never divided by one another."""

    scenario: Literal["single-stream", "offline"] = Field(description="One example a call, or batches.")
    timed: str = Field(description="What lies between the two clock readings, e.g. 'vectorise + predict'.")
    includes_tokenisation: bool
    batch_size: int = Field(ge=1)
    examples: int = Field(ge=1, description="Distinct examples the samples were drawn from.")
    padding: Literal["none", "dynamic", "bucketed", "max_length"]
    token_lengths: tuple[int, ...] = Field((), description="Real lengths of the timed examples, before padding.")
    dtype: str
    device: str
    threads: int | None = None
    merged: bool | None = None
    warmup: int = Field(ge=0, description="Calls made and thrown away first.")
    samples_s: tuple[float, ...] = Field(description="Seconds of each timed call.")
    examples_per_call: tuple[int, ...] = Field((), description="Examples in each call; empty: batch_size in all.")
    interference: float | None = Field(None, description="Relative change of a reference kernel, after/before − 1.")
    others_busy: float | None = Field(
        None, description="Share of the machine's processors that other processes kept busy meanwhile."
    )


class MemoryRecord(Record):
    """One memory figure with its kind."""

    bytes: int = Field(ge=0)
    kind: Literal["weights_on_disk", "allocated_peak", "process_peak"]


class Latency(Record):
    """`latency.json`."""

    records: tuple[LatencyRecord, ...]
    memory: tuple[MemoryRecord, ...] = ()
    cold_start_s: float | None = None


class Reported(Record):
    """`reported.json`: published figures without predictions; null is unknown."""

    accuracy: float | None = None
    macro_f1: float | None = None
    weighted_f1: float | None = None
    zero_f1_classes: int | None = None
    ece: float | None = None
    ece_post: float | None = None
    latency_ms: float | None = None
    latency_mode: Literal["single-stream", "offline"] | None = None
    batch_size: int | None = None
    minutes_per_64k: float | None = None
    memory_bytes: int | None = None
    memory_kind: Literal["weights_on_disk", "allocated_peak", "process_peak"] | None = None
    needs_gpu: bool | None = None
    hardware: str | None = None
    precision: str | None = None
    n: int | None = None
    source: str | None = None
    extra: dict[str, Any] = Field(default_factory=dict, description="Figures the schema has no field for.")


class Edit(Record):
    """One line of `edits.jsonl`; `previous` is the sha256 of the line before it."""

    who: str
    when: str
    why: str
    what: dict[str, Any]
    previous: Sha256 | None
