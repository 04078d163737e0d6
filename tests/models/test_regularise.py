"""Hidden tokens, agreement of views and contrast, against hand-worked cases."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from models.regularise import TokenMask, contrast, disagreement
from reportgen.errors import UsageError

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.train


def test_masking_hides_its_share_and_never_a_special_token() -> None:
    mask = TokenMask.of(SimpleNamespace(mask_token_id=103, all_special_ids=[0, 101, 102, 103]), 0.15)
    ids = torch.full((200, 50), 2000)
    ids[:, 0], ids[:, -1], ids[100:, 40:] = 101, 102, 0
    torch.manual_seed(0)
    hidden = mask(ids)
    ordinary = ids == 2000
    assert (hidden[~ordinary] == ids[~ordinary]).all()
    assert float((hidden[ordinary] == 103).float().mean()) == pytest.approx(0.15, abs=0.01)
    assert set(hidden[ordinary].unique().tolist()) == {103, 2000}


def test_a_tokenizer_without_a_mask_is_refused() -> None:
    with pytest.raises(UsageError, match="mask token"):
        TokenMask.of(SimpleNamespace(mask_token_id=None, all_special_ids=[]), 0.1)


def test_disagreement_by_hand() -> None:
    p, q = np.array([0.5, 0.5]), np.array([0.9, 0.1])
    expected = (np.sum(p * np.log(p / q)) + np.sum(q * np.log(q / p))) / 2
    views = [torch.tensor(np.log(np.stack([x, p]))) for x in (p, q)]
    found = disagreement(*views)
    assert found.tolist() == pytest.approx([expected, 0], abs=1e-6)


def test_contrast_by_hand() -> None:
    """Three unit vectors, two of one label at a right angle, the third between them."""
    features = torch.tensor([[2.0, 0.0], [0.0, 3.0], [1.0, 1.0]])
    labels = torch.tensor([0, 0, 1])
    near, far = np.exp(np.sqrt(0.5) / 0.5), np.exp(0.0)
    expected = -np.log(far / (far + near))
    assert contrast(features, labels, 0.5).tolist() == pytest.approx([expected, expected, 0], rel=1e-5)


def test_contrast_falls_as_labels_part() -> None:
    labels = torch.tensor([0, 0, 1, 1])
    mixed = torch.eye(2)[[0, 1, 0, 1]]
    parted = torch.eye(2)[[0, 0, 1, 1]]
    assert contrast(parted, labels, 0.1).mean() < contrast(mixed, labels, 0.1).mean()
