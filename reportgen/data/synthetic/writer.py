"""One complaint at a time: how much of the label shows in a text, how long it is and how its writer spells."""

from __future__ import annotations

import math
from bisect import bisect
from collections import defaultdict
from itertools import accumulate

from .plan import Label, labels
from .sentences import Template, Vocabulary, compile_templates, read_sentences, vocabulary
from .stream import Stream

MEDIAN_WORDS = 47.5
SPREAD = 0.62
"""Standard deviation of the logarithm of the words of a text."""
REDACTED = 0.637
"""Share of texts with blanked-out details; long texts more than short ones."""
REDACTED_SLOPE = 0.2

CLEAR = (0.24, 0.49)
"""Share of texts about their own label, for labels with up to 100 training rows and for the largest; between them it
grows with the logarithm of the rows. Narrow labels are the ones people mix up with the obvious box on the form."""
VAGUE = 0.35
"""Share of the other texts that only tell the product; the rest are about another label of the family."""
MISROUTED = 0.06
"""Share of texts that seem to be about another product."""
CONFUSION = 0.7
"""Labels are mistaken for one of their family in proportion to this power of its rows."""
SIDE_CUE = 0.35
"""Share of texts that also mention another label of the family."""

EMPTY, SPANISH, COPY, CONFLICTING_COPY, LETTER = 0.002, 0.001, 0.012, 0.002, 0.05
MISSPELT, UPPER, LOWER, SHOUTED = 0.15, 0.02, 0.02, 0.05
_NARROW, _WIDE = 100, 13_333
_MIN_WORDS, _MAX_WORDS = 2, 900
_MANY = 30
"""Sentences of a text after which they may repeat; fewer than there are to choose from."""
_YEARS = range(2015, 2019)


class Writer:
    """Writes texts for labels; each one follows the vocabulary of its year and depends on those written before."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        sentences = read_sentences()
        generic = sentences["generic"]
        self._words = {
            (year, redacted): vocabulary(year, redacted=redacted, stream=stream)
            for year in _YEARS
            for redacted in (False, True)
        }
        self._family = {name: compile_templates(texts) for name, texts in sentences["families"].items()}
        self._letters = {name: compile_templates(texts) for name, texts in generic["letters"].items()}
        self._middle, self._opener_i, self._opener_other, self._closer, self._lead = (
            compile_templates(generic[key]) for key in ("middle", "opener_i", "opener_other", "closer", "redacted_lead")
        )
        self._empty: list[str] = generic["empty"]
        self._spanish: list[str] = generic["spanish"]
        self._misspellings = [(f" {right} ", f" {wrong} ") for right, wrong in sentences["style"]["misspellings"]]
        self._cues = {label.name: compile_templates(label.cues) for label in labels() if label.kept}
        members = defaultdict(list)
        for label in labels():
            if label.kept:
                members[label.family].append(label)
        self._members = dict(members)
        self._weights = {name: list(accumulate(m.train**CONFUSION for m in group)) for name, group in members.items()}
        self._clear = {label.name: _clear(label) for label in labels()}
        self._written: defaultdict[str, list[str]] = defaultdict(list)

    def write(self, label: Label, year: int) -> str:
        """A complaint of that label."""
        stream = self._stream
        chance = stream.uniform()
        if chance < EMPTY:
            return stream.pick(self._empty)
        chance -= EMPTY
        if chance < SPANISH:
            return " ".join(stream.pick(self._spanish) for _ in range(3))
        chance -= SPANISH
        source = label.name if chance < COPY else self._sibling(label.family).name
        if chance < COPY + CONFLICTING_COPY and self._written[source]:
            return stream.pick(self._written[source])
        text = self._style(self._compose(label, year))
        self._written[label.name].append(text)
        return text

    def _compose(self, label: Label, year: int) -> str:
        stream = self._stream
        z = stream.normal()
        target = min(max(round(MEDIAN_WORDS * math.exp(SPREAD * z)), _MIN_WORDS), _MAX_WORDS)
        redacted = stream.uniform() < REDACTED + REDACTED_SLOPE * math.tanh(z)
        words = self._words[year, redacted]
        family = label.family if stream.uniform() >= MISROUTED else stream.pick(list(self._members))
        letters = self._letters.get(family)
        if letters and target > MEDIAN_WORDS * 0.6 and stream.uniform() < LETTER:
            parts = [stream.pick(letters).fill(words, stream)]
        else:
            parts = self._sentences(self._choose(label, family, target), target, family, words)
        text = " ".join(parts)
        if redacted and "XXXX" not in text:
            lead = stream.pick(self._lead).fill(words, stream)
            body = (
                text
                if text.startswith(("I ", "I'")) or not lead.startswith(("On", "Ar", "Ba", "As"))
                else _lower_first(text)
            )
            text = (lead if "XXXX" in lead else "On XX/XX/XXXX ") + body
        return text

    def _choose(self, label: Label, family: str, target: int) -> list[Template]:
        """The sentences that carry the label, possibly another label's or none."""
        stream = self._stream
        if family == label.family and stream.uniform() < self._clear[label.name]:
            pool = self._cues[label.name]
        elif stream.uniform() < VAGUE:
            return []
        else:
            pool = self._cues[self._sibling(family).name]
        if target < 14:
            return [min(stream.pick(pool), stream.pick(pool), key=lambda template: template.words)]
        cues = [stream.pick(pool) for _ in range(1 + (target > 60) + (target > 140))]
        if stream.uniform() < SIDE_CUE:
            cues.append(stream.pick(self._cues[self._sibling(family).name]))
        return list(dict.fromkeys(cues))

    def _sentences(self, cues: list[Template], target: int, family: str, words: Vocabulary) -> list[str]:
        stream = self._stream
        opener = closer = None
        if target > 22 and stream.uniform() < 0.5:
            opener = stream.pick(self._opener_i if stream.uniform() < 0.5 else self._opener_other)
        if target > 30 and stream.uniform() < 0.5:
            closer = stream.pick(self._closer)
        body = list(cues)
        count = sum(template.words for template in (*cues, opener, closer) if template)
        about_product = self._family[family]
        used = set(cues)
        while count < target - 5 or not body:
            template = stream.pick(about_product if stream.uniform() < 0.5 else self._middle)
            # Only a long text says things again, with other particulars.
            if template in used and len(used) < _MANY:
                continue
            used.add(template)
            body.insert(stream.integer() % (len(body) + 1) if stream.uniform() < 0.4 else len(body), template)
            count += template.words
        return [template.fill(words, stream) for template in (opener, *body, closer) if template]

    def _sibling(self, family: str) -> Label:
        weights = self._weights[family]
        return self._members[family][bisect(weights, self._stream.uniform() * weights[-1])]

    def _style(self, text: str) -> str:
        stream = self._stream
        chance = stream.uniform()
        if chance < MISSPELT:
            for _ in range(3):
                right, wrong = stream.pick(self._misspellings)
                text = text.replace(right, wrong)
        chance = stream.uniform()
        if chance < UPPER:
            return text.upper()
        if chance < UPPER + LOWER:
            return "XXXX".join(part.lower() for part in text.split("XXXX"))
        if chance < UPPER + LOWER + SHOUTED:
            sentences = text.split(". ")
            loud = stream.integer() % len(sentences)
            sentences[loud] = sentences[loud].upper()
            return ". ".join(sentences)
        return text


def _clear(label: Label) -> float:
    if not label.kept:
        return 0.0
    size = math.log(max(label.train, _NARROW) / _NARROW) / math.log(_WIDE / _NARROW)
    return CLEAR[0] + (CLEAR[1] - CLEAR[0]) * min(size, 1.0)


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
