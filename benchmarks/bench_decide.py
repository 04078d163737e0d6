"""Time of one recommendation, all flip points included, for 50 candidates: `python benchmarks/bench_decide.py`.

The claim: under half a second in every shipped scenario, after the interpreter has started. CPU time is taken, which
whatever else runs on the machine does not change.
"""

from __future__ import annotations

import time

import numpy as np

from reportgen.decide import (
    Candidate,
    LatencyFigure,
    MemoryFigure,
    Metric,
    Resamples,
    load_scenario,
    recommend,
    scenario_names,
)

CANDIDATES, RESAMPLES, LIMIT_S = 50, 2000, 0.5


def candidates(rng: np.random.Generator) -> list[Candidate]:
    """Measured candidates that share their resamples' noise, half of them on a GPU, a fifth without a latency mode."""
    shared = rng.normal(0, 0.01, RESAMPLES)
    found = []
    for index in range(CANDIDATES):
        f1 = float(rng.uniform(0.1, 0.3))
        noise = f1 + shared + rng.normal(0, 0.004, RESAMPLES)
        metrics = {"macro_f1": Metric(f1, f1 - 0.012, f1 + 0.012, 6430, Resamples("rows", noise))}
        for name, high in (("accuracy", 0.7), ("ece", 0.2), ("ece_post", 0.1), ("tail_f1", 0.2), ("tail_ece", 0.4)):
            metrics[name] = Metric(float(rng.uniform(0, high)))
        ms = float(rng.uniform(1, 60))
        single = LatencyFigure(None if index % 5 == 0 else "single-stream", {"p50": ms, "p90": ms * 1.3})
        offline = LatencyFigure("offline", {"p50": ms / 4, "p90": ms / 3}, {}, 32)
        found.append(
            Candidate(
                model=f"m{index:02d}",
                metrics=metrics,
                latency=(single,) if index % 5 == 0 else (single, offline),
                memory=(MemoryFigure(int(rng.integers(10**8, 10**10)), "process_peak"),),
                needs_gpu=bool(index % 2),
            )
        )
    return found


def main() -> None:
    found = candidates(np.random.default_rng(42))
    print(f"{CANDIDATES} candidates, {RESAMPLES:,} paired resamples each")
    for name in scenario_names():
        scenario = load_scenario(name)
        samples = []
        for _ in range(5):
            started = time.process_time()
            result = recommend(found, scenario)
            samples.append(time.process_time() - started)
        first, best = samples[0], min(samples)
        flips = len(result.flip_points)
        print(
            f"{name:16} first {first * 1e3:6.1f} CPU ms  best {best * 1e3:6.1f}  {flips} flip points: {result.choice}"
        )
        assert first < LIMIT_S, f"{name} took {first:.2f} s"


if __name__ == "__main__":
    main()
