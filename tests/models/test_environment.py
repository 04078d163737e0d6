"""What is said of the processor."""

from __future__ import annotations

import pytest

from models import environment


@pytest.mark.parametrize(
    ("flags", "half", "said"),
    [
        ({"avx2", "sse2"}, False, "avx2"),
        ({"avx2", "avx512_bf16", "amx_bf16"}, True, "amx_bf16 avx2 avx512_bf16"),
        ({"bf16", "asimddp"}, True, "asimddp bf16"),
        (set(), False, None),
    ],
)
def test_instruction_sets_that_decide_are_recorded(
    flags: set[str], half: bool, said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "cpu_flags", lambda: frozenset(flags))
    assert environment.native_bf16() is half
    assert environment.versions().get("processor_has") == said
