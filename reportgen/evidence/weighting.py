"""Class weights: which pair of runs shows their effect, and how far the weights range."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .experiments import Experiment, compare_facts, experiments

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reportgen.bundle import Bundle

    from .context import Context

KEYS = ("class_weights", "class_weight", "weighting")
_OFF = (None, "none", "", False)


def scheme(run: Bundle) -> str | None:
    """How a run weights its classes, or None if it does not."""
    found = next((run.config.resolved[key] for key in KEYS if run.config.resolved.get(key) not in _OFF), None)
    return None if found is None else str(found)[:40]


def weighting_pair(context: Context, *families: str) -> Experiment | None:
    """Weighted against unweighted in these families: a controlled pair if there is one, else the least confounded.

    The course's stage compares later runs with the weighted one, so pairs are sought among all runs, not only among
    the experiments with a named reference.
    """
    runs = context.runs
    named = [one for one in experiments(context) if one.run.manifest.model.family in families]
    pairs = [one for one in named if scheme(one.run) and not scheme(one.reference)]
    if not any(len(one.changes) == 1 for one in pairs):
        pool = [run for run in runs.of_family(*families) if not run.manifest.parents]
        for run in pool:
            for other in pool:
                beside = scheme(run) and not scheme(other) and run.manifest.runner == other.manifest.runner
                if beside and not runs.why_not(run, other):
                    changes, follows, held = compare_facts(other, run)
                    chosen = "chosen here: the unweighted run with the fewest differing keys"
                    pairs.append(Experiment(run, other, chosen, changes, follows, held, None))
    return min(pairs, key=lambda one: (len(one.changes), one.run.run_id, one.reference.run_id), default=None)


def class_weights(train_counts: NDArray[np.int64], how: str) -> NDArray[np.float64] | None:
    """Weight of each label, shape (K,), mean 1; None for a scheme with another name.

    sqrt: √(max count / count), normalised (equal to the root of scikit-learn's balanced weights once the mean is 1);
    balanced: 1 / count, normalised. A label without training rows counts as one row.
    """
    counts = np.maximum(np.asarray(train_counts, dtype=np.float64), 1)
    if how.startswith("sqrt"):
        raw = np.sqrt(counts.max() / counts)
    elif how == "balanced":
        raw = 1 / counts
    else:
        return None
    return np.asarray(raw / raw.mean(), dtype=np.float64)
