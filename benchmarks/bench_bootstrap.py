"""Bootstrap of macro F1: shared row counts against resampling the rows with scikit-learn, in one run.

python benchmarks/bench_bootstrap.py
"""

from __future__ import annotations

import time

import numpy as np
from sklearn.metrics import f1_score

from reportgen.stats import boot_models, row_counts

N, K, MODELS, RESAMPLES = 6430, 113, 8, 2000
SKLEARN_RESAMPLES = 40


def main() -> None:
    rng = np.random.default_rng(0)
    share = 1 / np.arange(1, K + 1) ** 1.3
    share /= share.sum()
    labels = rng.choice(K, N, p=share)
    models = [np.where(rng.random(N) < 0.55, labels, rng.choice(K, N, p=share)) for _ in range(MODELS)]
    boot_models(row_counts(100, 10), labels[:100], [models[0][:100]], K)  # imports scipy.sparse

    ours = []
    for _ in range(3):
        start = time.perf_counter()
        counts = row_counts(N, RESAMPLES)
        boots = boot_models(counts, labels, models, K)
        ours.append(time.perf_counter() - start)
    fast = sorted(ours)[1]

    start = time.perf_counter()
    for i in range(SKLEARN_RESAMPLES):
        rows = rng.integers(0, N, N)
        predictions = models[i % MODELS][rows]
        f1_score(labels[rows], predictions, labels=range(K), zero_division=0, average="macro")
    per_call = (time.perf_counter() - start) / SKLEARN_RESAMPLES
    slow = per_call * MODELS * RESAMPLES

    error = max(
        abs(
            boot.macro_f1[r]
            - f1_score(labels, p, labels=range(K), zero_division=0, average="macro", sample_weight=counts.matrix[:, r])
        )
        for boot, p in zip(boots, models, strict=True)
        for r in (0, RESAMPLES - 1)
    )
    print(f"{MODELS} models × {RESAMPLES:,} resamples, n = {N:,}, K = {K}")
    print(f"row counts (drawing included; accuracy, macro, present and weighted F1): {fast:.3f} s, median of 3")
    print(
        f"scikit-learn on resampled rows (macro F1 only): {slow:.1f} s, extrapolated from {SKLEARN_RESAMPLES} calls "
        f"of {1000 * per_call:.2f} ms"
    )
    print(f"ratio: {slow / fast:.0f}×")
    print(f"largest difference on the same counts: {error:.1e}")
    assert error < 1e-12


if __name__ == "__main__":
    main()
