"""The shipped linear model: as scikit-learn scores it, small, and honest about what it has seen."""

from __future__ import annotations

import numpy as np
import pytest

from models.small import MOST_BYTES, SmallModel, load_small, save, train
from reportgen.data import Dataset, load_dataset
from reportgen.errors import InputError


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Dataset:
    rng = np.random.default_rng(0)
    words = {
        "fees": "fee charged café account",
        "loans": "loan payment servicer late",
        "cards": "card stolen fraud PIN",
    }
    rows = ["text,label"]
    for i in range(300):
        label = list(words)[i % 3]
        said = rng.permutation([*words[label].split(), *rng.choice(["the", "bank", "my", "and"], 6)])
        rows.append(f"{' '.join(said)} {i},{label}")
    path = tmp_path_factory.mktemp("small") / "data.csv"
    path.write_text("\n".join(rows))
    return load_dataset(path)


@pytest.fixture(scope="module")
def model(data) -> SmallModel:
    return train(data, provenance="made up")


def test_it_learns_and_scores_as_scikit_learn_does(data, model) -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [*data.splits["test"].texts, "", "CAFÉ fee", "unknown words only", "fee fee fee"]
    oracle = TfidfVectorizer(
        ngram_range=(1, 2), sublinear_tf=True, strip_accents="unicode", min_df=2, max_features=12_000
    )
    x = oracle.fit(data.splits["train"].texts).transform(texts)
    expected = x @ model.weights.T + model.bias
    np.testing.assert_allclose(np.stack([model.logits(text) for text in texts]), expected, rtol=1e-5, atol=1e-5)
    assert model.card["plain"]["accuracy"] == 1.0


def test_adjusting_is_logits_minus_tau_log_prior(data, model) -> None:
    from reportgen.stats import adjust, log_prior

    logits = model.logits("my loan")
    expected = adjust(logits[None], log_prior(model.train_counts[model.seen]), model.card["tau"])[0]
    np.testing.assert_allclose(model.adjusted(logits), expected)


def test_it_survives_being_saved(model, tmp_path) -> None:
    again = load_small(save(model, tmp_path / "m.safetensors"))
    assert again.labels == model.labels
    assert again.card == model.card
    np.testing.assert_allclose(again.logits("card stolen"), model.logits("card stolen"), rtol=1e-6)


@pytest.mark.parametrize("content", [b"", b"{}", b"\x00" * 64, b"\xff" * 200])
def test_what_is_no_model_is_refused(tmp_path, content) -> None:
    file = tmp_path / "m.safetensors"
    file.write_bytes(content)
    with pytest.raises(InputError):
        load_small(file)


def test_the_shipped_model_is_small_and_says_where_it_is_from() -> None:
    from reportgen.data import load_course
    from reportgen.web.classify import _SHIPPED

    assert _SHIPPED.stat().st_size <= MOST_BYTES
    shipped = load_small(_SHIPPED)
    assert shipped.labels == tuple(load_course("ecbs5200").labels)
    assert "public domain" in shipped.card["provenance"]
    assert shipped.said.sum() == shipped.card["rows"]["test"]
    assert (shipped.train_counts[shipped.seen] > 0).all()
    assert np.isfinite(shipped.weights).all()


@pytest.mark.slow
def test_the_shipped_scores_come_from_the_command(shared_data) -> None:
    from reportgen.web.classify import _SHIPPED

    again = train(
        load_dataset(shared_data / "cfpb_sample.parquet", text="narrative", label="issue", course="ecbs5200"),
        provenance=load_small(_SHIPPED).card["provenance"],
    )
    shipped = load_small(_SHIPPED)
    assert again.card["plain"]["accuracy"] == pytest.approx(shipped.card["plain"]["accuracy"], abs=0.01)
    assert again.card["plain"]["macro_f1"] == pytest.approx(shipped.card["plain"]["macro_f1"], abs=0.01)


def test_the_shipped_model_scores_what_its_card_says(shared_data) -> None:
    from reportgen.data import load_dataset
    from reportgen.web.classify import _SHIPPED

    model = load_small(_SHIPPED)
    rows = load_dataset(shared_data / "cfpb_sample.parquet", text="narrative", label="issue", course="ecbs5200")
    test = rows.splits["test"]
    answers = np.array([model.seen[model.logits(text).argmax()] for text in test.texts])
    assert (answers == test.labels).mean() == pytest.approx(model.card["plain"]["accuracy"])
