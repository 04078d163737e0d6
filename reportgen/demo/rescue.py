"""The rescue story: plain fine-tune, frozen encoder and rescue recipe on the test rows, over three seeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from models.demo import bundle
from reportgen.bundle import comparable, read_bundle
from reportgen.evidence.model import Column, Interval, Table, Value
from reportgen.evidence.numbers import show, show_interval
from reportgen.evidence.wording import DATA_NOISE
from reportgen.memo.exhibits_page import Part, write_exhibits
from reportgen.memo.index_page import Page
from reportgen.stats import boot_models, interval, row_counts, scores
from reportgen.stats import compare as difference
from reportgen.stats import rescue as rescued
from reportgen.stats.difference import MIN_CHANGED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reportgen.bundle import Bundle
    from reportgen.stats.bootstrap import BootScores
    from reportgen.stats.difference import Difference
    from reportgen.stats.rescue import Rescue

SPLIT = "test"
PLAIN = ("plain-s42", "plain-s123", "plain-s7")
TUNED = ("rescue-finetuned", "rescue-finetuned-s123", "rescue-finetuned-s7")
FROZEN = "rescue"
WORDS = "tfidf"


class Study:
    """Eight runs scored on the same rows, in the same resamples."""

    def __init__(self) -> None:
        self.runs: dict[str, Bundle] = {name: read_bundle(bundle(name)) for name in (WORDS, *PLAIN, *TUNED, FROZEN)}
        first = self.runs[PLAIN[0]]
        for run in self.runs.values():
            comparable(first, run, SPLIT)
        self.names = first.labels.names
        self.labels = first.predictions(SPLIT).labels
        self.predictions = {name: run.predictions(SPLIT).predictions for name, run in self.runs.items()}
        counts = row_counts(len(self.labels))
        booted = boot_models(counts, self.labels, list(self.predictions.values()), len(self.names))
        self.boot: dict[str, BootScores] = dict(zip(self.predictions, booted, strict=True))

    @property
    def n(self) -> int:
        """Rows scored."""
        return len(self.labels)

    def score(self, name: str) -> Value:
        """Macro F1 of a run with its interval."""
        low, high = self.boot[name].interval("macro_f1")
        found = self.boot[name].point["macro_f1"]
        return Value("macro_f1", found, "score", name, None, SPLIT, self.n, Interval(low, high, "bootstrap"))

    def gain(self, name: str, baseline: str) -> Difference:
        """Paired difference in macro F1."""
        return difference(self.boot[baseline], self.boot[name])

    def mean_gain(self, pairs: Sequence[tuple[str, str]]) -> tuple[float, float, float, list[float]]:
        """Mean difference over pairs (run, baseline), its interval over the rows, and each pair's difference."""
        samples: NDArray[np.float64] = np.mean(
            [self.boot[run].macro_f1 - self.boot[base].macro_f1 for run, base in pairs], axis=0
        )
        single = [self.gain(run, base).delta for run, base in pairs]
        return (float(np.mean(single)), *interval(samples), single)

    def seconds(self, name: str) -> float:
        """Wall clock of the whole run: tokenise or embed, train, score."""
        return float(self.runs[name].manifest.timings["total"])

    def machine(self, name: str) -> str:
        """Where it ran."""
        hardware = self.runs[name].manifest.hardware
        if hardware is None:
            return "unknown"
        return f"{hardware.name}, {hardware.threads} threads" if hardware.device == "cpu" else str(hardware.name)


def write_rescue(out: Path) -> Page:
    """Write the page and say where it is."""
    study = Study()
    frozen = [(FROZEN, name) for name in PLAIN]
    tuned = list(zip(TUNED, PLAIN, strict=True))
    beside = [(name, FROZEN) for name in TUNED]
    words = [(name, WORDS) for name in (*PLAIN, *TUNED, FROZEN)]
    parts = [
        Part(
            "Where word counts leave off",
            (
                (
                    f"TF-IDF leaves {_zero(study, WORDS)} of {len(study.names)} classes at F1 = 0, the plain "
                    f"fine-tunes "
                    f"{_each(_zero(study, name) for name in PLAIN)}, the rescue recipe "
                    f"{_each(_zero(study, name) for name in TUNED)}, the frozen encoder {_zero(study, FROZEN)}. "
                    "Against word counts all of them rescue most classes; macro F1 tells them apart, rescues hardly do."
                ),
            ),
            tables=(_words(study, words),),
        ),
        Part(
            "The rescue recipe against a plain fine-tune",
            (_gain(study, tuned), _rescues(study, tuned)),
            tables=(_table(study, tuned, "rescue-tuned", "The rescue recipe"), _classes(study, *tuned[0])),
        ),
        Part(
            "The frozen encoder with a linear head",
            (_gain(study, frozen), _rescues(study, frozen)),
            tables=(_table(study, frozen, "rescue-frozen", "The frozen encoder"),),
        ),
        Part("What fine-tuning adds to it, and what it costs", _close(study, beside), tables=(_cost(study),)),
    ]
    page = write_exhibits(
        out / "rescue.html",
        f"reportgen demo · Banking77-LT · {SPLIT}, n = {study.n:,}",
        "What a recipe for rare classes is worth",
        "Word counts, three plain fine-tunes, three runs of the rescue recipe with the same seeds, a frozen encoder "
        "with a logistic regression: eight runs on the same rows, which no setting was chosen on.",
        parts,
        "Banking77: PolyAI, CC BY 4.0. Verdicts: real where the paired 95 % interval excludes 0 and "
        f"{MIN_CHANGED} predictions or more changed; confirmed: exact McNemar test on the class's own rows, "
        "Holm-adjusted, p < .05, five rows or more.",
    )
    return Page(page.name, "The rescue story", "Rescued, lost, confirmed, expected by chance, and the cost in seconds")


def _gain(study: Study, pairs: Sequence[tuple[str, str]]) -> str:
    mean, low, high, single = study.mean_gain(pairs)
    sure = sum(study.gain(*pair).verdict == "real" and study.gain(*pair).delta > 0 for pair in pairs)
    spread = f"{show(min(single), 'score')} to {show(max(single), 'score')}"
    return (
        f"Macro F1 moves by {mean:+.3f} on average over the {len(pairs)} seeds, "
        f"{show_interval(Interval(low, high, 'bootstrap'), 'score', signed=True)}; by seed from {spread}. "
        f"The gain is real in {sure} of {len(pairs)} comparisons. {DATA_NOISE}"
    )


def _rescues(study: Study, pairs: Sequence[tuple[str, str]]) -> str:
    found = [_rescue(study, *pair) for pair in pairs]
    return (
        f"Classes at F1 = 0 under the plain run that leave it: {_each(len(one.rescued) for one in found)}, of which "
        f"{_each(len(one.confirmed) for one in found)} are confirmed; classes that fall to zero: "
        f"{_each(len(one.lost) for one in found)}. Two equally good models would show "
        f"{' / '.join(f'{one.expected_by_chance:.1f}' for one in found)}."
    )


def _each(counts: Iterable[int]) -> str:
    return " / ".join(str(count) for count in counts)


def _rescue(study: Study, run: str, baseline: str) -> Rescue:
    before, after = study.predictions[baseline], study.predictions[run]
    return rescued(study.labels, before, after, len(study.names), intervals=False)


def _zero(study: Study, run: str) -> int:
    return scores(study.labels, study.predictions[run], len(study.names)).zero_f1


def _words(study: Study, pairs: Sequence[tuple[str, str]]) -> Table:
    rows = []
    for run, base in pairs:
        found = _rescue(study, run, base)
        low, high = found.chance_interval
        rows.append(
            {
                "run": run,
                "macro_f1": study.score(run),
                "rescued": len(found.rescued),
                "confirmed": len(found.confirmed),
                "chance": f"{found.expected_by_chance:.1f} [{low}, {high}]",
                "lost": len(found.lost),
                "zero": _zero(study, run),
            }
        )
    return Table(
        id="rescue-words",
        caption=f"Every run against {WORDS} (macro F1 {show(study.score(WORDS).value, 'score')}) on {SPLIT}, "
        f"n = {study.n:,}. By chance: rescues two equally good models would show.",
        columns=(
            Column("run", "Run"),
            Column("macro_f1", "Macro F1", "score"),
            Column("rescued", "Rescued", "count"),
            Column("confirmed", "Confirmed", "count"),
            Column("chance", "By chance"),
            Column("lost", "Lost", "count"),
            Column("zero", "Still at zero", "count"),
        ),
        rows=tuple(rows),
        row_header="run",
    )


def _table(study: Study, pairs: Sequence[tuple[str, str]], table_id: str, who: str) -> Table:
    rows = []
    for run, base in pairs:
        gain, found = study.gain(run, base), _rescue(study, run, base)
        low, high = found.chance_interval
        span = Interval(gain.low, gain.high, "paired bootstrap")
        rows.append(
            {
                "seed": study.runs[base].manifest.seed,
                "plain": study.score(base),
                "run": study.score(run),
                "gain": Value("macro_f1", gain.delta, "score", run, base, SPLIT, study.n, span),
                "verdict": gain.verdict,
                "rescued": len(found.rescued),
                "confirmed": len(found.confirmed),
                "chance": f"{found.expected_by_chance:.1f} [{low}, {high}]",
                "lost": len(found.lost),
            }
        )
    return Table(
        id=table_id,
        caption=f"{who} against the plain fine-tune, seed by seed, on {SPLIT}, n = {study.n:,}. Brackets: 95 % "
        f"intervals, those of differences paired. By chance: rescues two equally good models would show. {DATA_NOISE}",
        columns=(
            Column("seed", "Seed"),
            Column("plain", "Macro F1, plain", "score"),
            Column("run", "Macro F1", "score"),
            Column("gain", "Difference", "score"),
            Column("verdict", "Verdict"),
            Column("rescued", "Rescued", "count"),
            Column("confirmed", "Confirmed", "count"),
            Column("chance", "By chance"),
            Column("lost", "Lost", "count"),
        ),
        rows=tuple(rows),
        row_header="seed",
    )


def _classes(study: Study, run: str, baseline: str) -> Table:
    """The classes that left zero or fell to it, of one seed."""
    found = _rescue(study, run, baseline)
    rows, counts = found.per_class, study.runs[run].labels.train_counts
    moved = sorted((*found.rescued, *found.lost), key=lambda at: -float(rows.delta[at]))
    return Table(
        id="rescue-classes",
        caption=f"Classes that {run} brings back from F1 = 0 under {baseline}, and classes it loses, on {SPLIT}.",
        columns=(
            Column("class", "Class", wide=True),
            Column("train", "Train rows", "count"),
            Column("before", f"Hits, {baseline}"),
            Column("after", f"Hits, {run}"),
            Column("p", "p", "number"),
            Column("verdict", "Verdict"),
        ),
        rows=tuple(
            {
                "class": study.names[at],
                "train": counts[at] if counts else None,
                "before": f"{int(rows.baseline_hits[at])}/{int(rows.support[at])}",
                "after": f"{int(rows.hits[at])}/{int(rows.support[at])}",
                "p": None if np.isnan(rows.p[at]) else float(f"{rows.p[at]:.2g}"),
                "verdict": str(rows.verdict[at]),
            }
            for at in moved
        ),
        row_header="class",
    )


def _close(study: Study, pairs: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    mean, low, high, _ = study.mean_gain(pairs)
    frozen, tuned = study.score(FROZEN).value, [float(study.score(name).value or 0) for name in TUNED]
    gains = [study.gain(*pair) for pair in pairs]
    apart = sum(one.verdict == "real" and one.delta > 0 for one in gains)
    plain = float(np.mean([float(study.score(name).value or 0) for name in PLAIN]))
    share = (float(frozen or 0) - plain) / (float(np.mean(tuned)) - plain)
    scored = (
        f"The frozen encoder reaches {show(frozen, 'score')}, the fine-tuned recipe "
        f"{' / '.join(show(one, 'score') for one in tuned)}: a difference of {mean:+.3f} on average, "
        f"{show_interval(Interval(low, high, 'bootstrap'), 'score', signed=True)}, real in {apart} of {len(pairs)} "
        f"seeds. Fine-tuning is {'better here' if apart == len(pairs) else 'not told apart in every seed'}, and "
        f"{share:.0%} of the recipe's gain over the plain fine-tune is there without training the encoder at all."
    )
    spent = (
        f"It took {study.seconds(FROZEN):.0f} s on {study.machine(FROZEN)}; the fine-tuned recipe "
        f"{' / '.join(f'{study.seconds(name):.0f}' for name in TUNED)} s on {study.machine(TUNED[0])}. "
        "The machines are not alike, so the ratio of these times is no ratio of costs: the first is an ordinary "
        "computer's, the second needs an accelerator."
    )
    return scored, spent


def _cost(study: Study) -> Table:
    return Table(
        id="rescue-cost",
        caption="What each run took, wall clock from start to scores, and what it scored.",
        columns=(
            Column("run", "Run"),
            Column("seed", "Seed"),
            Column("seconds", "Total", "seconds"),
            Column("machine", "Machine", wide=True),
            Column("macro_f1", "Macro F1", "score"),
        ),
        rows=tuple(
            {
                "run": name,
                "seed": run.manifest.seed,
                "seconds": study.seconds(name),
                "machine": study.machine(name),
                "macro_f1": study.score(name),
            }
            for name, run in study.runs.items()
        ),
        row_header="run",
    )
