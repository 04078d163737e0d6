"""Bootstrap of macro F1: shared row counts against two row loops, in one run: `python -m benchmarks bench_bootstrap`.

The loops resample the rows and score them with scikit-learn, one by hand and one inside scipy.stats.bootstrap.
"""

from __future__ import annotations

import time
import warnings

import numpy as np
from scipy.stats import bootstrap
from sklearn.metrics import f1_score

from reportgen.stats import boot_models, row_counts

from .report import save

N, K, MODELS, RESAMPLES = 6430, 113, 8, 2000
LOOPED = 100
"""Resamples the loops are timed on."""


def main() -> None:
    rng = np.random.default_rng(0)
    share = 1 / np.arange(1, K + 1) ** 1.3
    share /= share.sum()
    labels = rng.choice(K, N, p=share)
    models = [np.where(rng.random(N) < 0.55, labels, rng.choice(K, N, p=share)) for _ in range(MODELS)]
    boot_models(row_counts(100, 10), labels[:100], [models[0][:100]], K)  # imports scipy.sparse

    ours = []
    for _ in range(3):
        start = time.process_time()
        counts = row_counts(N, RESAMPLES)
        boots = boot_models(counts, labels, models, K)
        ours.append(time.process_time() - start)
    fast = sorted(ours)[1]

    def score(truth: np.ndarray, predictions: np.ndarray) -> float:
        return float(f1_score(truth, predictions, labels=range(K), zero_division=0, average="macro"))

    start = time.process_time()
    for _ in range(LOOPED):
        rows = rng.integers(0, N, N)
        score(labels[rows], models[0][rows])
    slow = (time.process_time() - start) / LOOPED * MODELS * RESAMPLES

    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scipy says that so few resamples are few
        bootstrap((labels, models[0]), score, n_resamples=LOOPED, paired=True, vectorized=False, method="percentile")
    theirs = (time.process_time() - start) / LOOPED * MODELS * RESAMPLES

    error = max(
        abs(
            boot.macro_f1[r]
            - f1_score(labels, p, labels=range(K), zero_division=0, average="macro", sample_weight=counts.matrix[:, r])
        )
        for boot, p in zip(boots, models, strict=True)
        for r in (0, RESAMPLES - 1)
    )
    save(
        "bench_bootstrap",
        "Bootstrap of macro F1",
        ("how", f"{MODELS} models × {RESAMPLES:,} resamples, s", "times slower"),
        [
            ("row counts, drawing included: accuracy, macro, present and weighted F1", f"{fast:.2f}", "1"),
            ("rows drawn and scored by scikit-learn, macro F1 alone", f"{slow:.0f}", f"{slow / fast:.0f}"),
            ("scipy.stats.bootstrap on the same score", f"{theirs:.0f}", f"{theirs / fast:.0f}"),
        ],
        [
            f"{N:,} rows × {K} labels; processor seconds of one thread. Ours: the median of 3.",
            f"The loops are extrapolated from {LOOPED} resamples of one model.",
            f"Largest difference between ours and scikit-learn on the same counts: {error:.1e}.",
        ],
    )
    assert error < 1e-12


if __name__ == "__main__":
    main()
