"""Row values summed by group in every resample, for many models in one pass over the counts.

Every row belongs to one group of each model (a tier, a calibration bin of a tier), so the indicators are sparse: one
pass serves all models, tiers and bins, where `boot_ece` and `boot_mean` take one each.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from reportgen.errors import InputError
from reportgen.stats import _check
from reportgen.stats._check import Floats
from reportgen.stats.resamples import RowCounts


def boot_sums(counts: RowCounts, groups: ArrayLike, values: ArrayLike, k: int) -> Floats:
    """Sums of row values by group in every resample, (m, k, R).

    Args:
        counts: the memo's resamples of these n rows.
        groups: (m, n) group of each row, in [0, k), a line a model.
        values: (m, n) what is summed.
        k: number of groups.

    Raises:
        InputError: arrays that do not fit each other or `counts`, or a group outside [0, k).
    """
    from scipy.sparse import csr_array

    x = _check.floats(values, "row values", ndim=2)
    index = np.asarray(groups)
    if index.shape != x.shape or x.shape[1] != counts.n or not np.issubdtype(index.dtype, np.integer):
        raise InputError(f"groups of shape {index.shape} and values of shape {x.shape} for {counts.n:,} rows")
    if index.size and (index.min() < 0 or index.max() >= k):
        raise InputError(f"groups must lie in 0…{k - 1}")
    m, n = x.shape
    lines = (index + k * np.arange(m)[:, None]).ravel()
    weights = csr_array((x.ravel(), (lines, np.tile(np.arange(n), m))), shape=(m * k, n))
    sums = np.empty((m * k, counts.resamples))
    for columns, block in counts.blocks(np.dtype(np.float64), None):
        sums[:, columns] = weights @ block
    return sums.reshape(m, k, counts.resamples)
