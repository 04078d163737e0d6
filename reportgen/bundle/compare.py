"""Which runs may be compared row by row."""

from __future__ import annotations

from .errors import NotComparable
from .reader import Bundle


def comparable(a: Bundle, b: Bundle, split: str) -> None:
    """Check that two runs scored the same rows of a split with the same labels.

    Raises:
        NotComparable: they did not; says what differs.
    """
    for bundle in (a, b):
        if bundle.manifest.kind == "reported":
            raise NotComparable(
                f"{bundle.run_id} carries reported figures without predictions",
                remedy="run the model, or show its figures beside, never paired",
            )
        if split not in bundle.splits or bundle.manifest.dataset is None:
            raise NotComparable(
                f"{bundle.run_id} has no predictions on {split}",
                remedy=f"it scored {', '.join(bundle.splits) or 'nothing'}",
            )
    first, second = a.manifest.dataset, b.manifest.dataset
    if first is None or second is None:
        raise NotComparable("a run without a dataset")
    differ = []
    if first.labels_sha256 != second.labels_sha256:
        differ.append(f"their label lists ({len(a.labels.names)} and {len(b.labels.names)} labels)")
    one, other = a.predictions(split), b.predictions(split)
    if one.rows_sha256 != other.rows_sha256:
        differ.append(f"their rows of {split} ({len(one):,} and {len(other):,} rows)")
    if differ:
        raise NotComparable(f"{a.run_id} and {b.run_id} differ in {' and '.join(differ)}")
