"""Zero-shot classification by a causal language model: it names a label, or every label's likelihood is scored.

The instructions and the label list come first and are the same for every text: their keys and values are computed
once. transformers' generate() has no stable interface for such a prefix, hence the short greedy loop.
"""

from __future__ import annotations

import copy
import difflib
import inspect
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from reportgen.bundle.schema import ModelInfo
from reportgen.errors import InputError

from . import device
from .adapters import count_parameters
from .batching import halved
from .finetune import memory, readable
from .registry import RunContext, RunnerConfig, RunResult, runner
from .timing import time_model
from .weights import resolve

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

UNPARSED = -1
INSTRUCTION = (
    "You sort messages into categories. Answer with the name of one category and nothing else: "
    "no explanation, no punctuation.\n\nCategories:\n{labels}"
)
QUESTION = "Message: {text}"
ANSWER = "Category:"
"""Begins the model's turn, so that what follows is a category and no politeness."""

_NO_TEXT = "N/A"

_TEXT_MARK = "@@the-text@@"
_MIN_SIMILARITY = 0.8


class PromptConfig(RunnerConfig):
    """Levers of the zero-shot prompt."""

    model: str = "HuggingFaceTB/SmolLM2-135M-Instruct"
    revision: str | None = None
    mode: Literal["generate", "score"] = "generate"
    sample: int | None = Field(300, ge=1, description="Rows of each split, stratified by label; null: all.")
    max_length: int = Field(128, ge=4, description="Tokens of the text; the instructions are not counted.")
    eval_batch_size: int = Field(8, ge=1)
    contextual_calibration: bool = Field(
        True, description="mode=score: less what each label gets for an empty message (Zhao et al. 2021)."
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    score_train: bool = False
    latency: bool = True


@runner("prompt", PromptConfig, family="prompted")
def prompt(ctx: RunContext) -> RunResult:
    """Ask an instruction-tuned language model for the label, without any training (zero-shot)."""
    from transformers import AutoModelForCausalLM

    cfg: PromptConfig = ctx.config
    accelerator, precision = device.accelerator(cfg.precision)
    weights = resolve(cfg.model, cfg.revision)
    model = weights.load(AutoModelForCausalLM, dtype=_dtype(precision)).to(accelerator.device)
    prompted = Prompted(model, weights.tokenizer(), ctx.data.labels, cfg.max_length, cfg.eval_batch_size)
    ctx.say(
        f"{weights.name} ({weights.source}, {weights.revision}), {precision}, {prompted.prefix_length} tokens of prefix"
    )

    names = [name for name in ctx.data.splits if name != "train" or cfg.score_train]
    if not names:
        raise InputError("there is no val or test split to ask about", where=ctx.data.name, remedy="give more rows")
    rows = {name: stratified(ctx.data.splits[name].labels, cfg.sample, ctx.seed) for name in names}
    found: dict[str, NDArray[Any]] = {}
    outcomes: dict[str, dict[str, int]] = {}
    started = time.perf_counter()
    for name in names:
        texts = ctx.data.splits[name].texts[rows[name]]

        def progress(done: int, split: str = name, of: int = len(texts)) -> None:
            ctx.say(f"{split}: {done} of {of} texts")

        if cfg.mode == "score":
            found[name] = prompted.likelihoods(texts, progress)
            if cfg.contextual_calibration:
                found[name] -= prompted.likelihoods([_NO_TEXT])
        else:
            parsed = [parse(answer, ctx.data.labels) for answer in prompted.answers(texts, progress)]
            found[name] = np.array([label for label, _ in parsed], np.int16)
            outcomes[name] = dict(Counter(how for _, how in parsed))
            ctx.say(f"{name}: " + ", ".join(f"{count} {how}" for how, count in outcomes[name].items()))
    scoring = time.perf_counter() - started
    latency = ()
    if cfg.latency:
        latency = time_model(
            prompted.likelihoods if cfg.mode == "score" else prompted.answers,
            ctx.data.splits[names[0]].texts,
            timed=f"tokenise + {cfg.mode}, prefix cached",
            dtype=precision,
            tokenisation=True,
            device=accelerator.device.type,
            padding="dynamic",
            batch_size=prompted.batch_size,
            synchronise=lambda: device.synchronise(accelerator.device),
        )
    return RunResult(
        model=ModelInfo(
            name=weights.name,
            family="prompted",
            revision=weights.revision,
            parameters=count_parameters(model),
            trainable_parameters=0,
            precision=precision,
        ),
        logits=found if cfg.mode == "score" else None,
        predictions=found if cfg.mode == "generate" else None,
        rows=rows,
        latency=latency,
        memory=memory(model, accelerator.device),
        hardware=device.hardware(accelerator),
        timings={"score": scoring},
        decided={
            "instruction": INSTRUCTION,
            "question": QUESTION,
            "answer": ANSWER,
            "chat_template": prompted.chat,
            "prefix_tokens": prompted.prefix_length,
            "outcomes": outcomes,
            "eval_batch_size_used": prompted.batch_size,
            "precision_used": precision,
            "weights_source": weights.source,
        },
    )


def stratified(labels: NDArray[np.integer], n: int | None, seed: int) -> NDArray[np.int64]:
    """Sorted positions of n rows, every label in proportion (largest remainders); all rows where n is None."""
    total = len(labels)
    if n is None or n >= total:
        return np.arange(total)
    ids, counts = np.unique(labels, return_counts=True)
    share = counts * n / total
    quota = np.floor(share).astype(int)
    quota[np.argsort(quota - share, kind="stable")[: n - quota.sum()]] += 1
    rng = np.random.default_rng(seed)
    chosen = [
        rng.choice(np.flatnonzero(labels == label), k, replace=False) for label, k in zip(ids, quota, strict=True)
    ]
    return np.sort(np.concatenate(chosen))


def parse(answer: str, labels: Sequence[str]) -> tuple[int, str]:
    """The label an answer means and how it was found: exact, normalised, contained, closest, or −1 and unparsed."""
    first = next((line.strip() for line in answer.splitlines() if line.strip()), "")
    if first in labels:
        return list(labels).index(first), "exact"
    said, plain = _normal(first), [_normal(label) for label in labels]
    if not said:
        return UNPARSED, "unparsed"
    if plain.count(said) == 1:
        return plain.index(said), "normalised"
    inside = [i for i, label in enumerate(plain) if label and f" {label} " in f" {said} "]
    longest = max((len(plain[i]) for i in inside), default=0)
    # Of nested names ("card" in "card arrival") the longest is meant; two separate names are no answer.
    if inside and all(plain[i] in max((plain[j] for j in inside), key=len) for i in inside):
        return next(i for i in inside if len(plain[i]) == longest), "contained"
    ratios = [difflib.SequenceMatcher(None, said, label).ratio() for label in plain]
    best = int(np.argmax(ratios))
    if ratios[best] >= _MIN_SIMILARITY and sum(r == ratios[best] for r in ratios) == 1:
        return best, "closest"
    return UNPARSED, "unparsed"


def _normal(text: str) -> str:
    return " ".join(re.sub(r"[\W_]+", " ", text.casefold()).split())


@dataclass
class _State:
    """A batch after its texts were read: where the next token is decided."""

    cache: Any
    mask: torch.Tensor
    logits: torch.Tensor
    position: torch.Tensor


class Prompted:
    """A language model behind one fixed prompt.

    Args:
        model: a causal language model on its device.
        labels: the allowed answers.
        max_length: tokens kept of each text.
        batch_size: texts at a time; halves when memory runs out.
    """

    def __init__(self, model: Any, tokenizer: Any, labels: Sequence[str], max_length: int, batch_size: int) -> None:
        self.model, self.tokenizer, self.labels = model.eval(), tokenizer, tuple(labels)
        self.max_length, self.batch_size = max_length, batch_size
        self.chat = bool(tokenizer.chat_template)
        before, after = self._split_prompt()
        self._prefix, self._suffix = self._ids(before, special=not self.chat), self._ids(after)
        self._answers = [self._ids(" " + readable(label)) for label in labels]
        self._ends = {t for t in (tokenizer.eos_token_id, model.generation_config.eos_token_id) if isinstance(t, int)}
        self._end = tokenizer.eos_token_id
        self._options = {"logits_to_keep": 1} if "logits_to_keep" in inspect.signature(model.forward).parameters else {}
        self._prefix_cache: Any = None

    @property
    def prefix_length(self) -> int:
        """Tokens every prompt begins with."""
        return len(self._prefix)

    def answers(self, texts: Sequence[str], progress: Callable[[int], None] = lambda done: None) -> list[str]:
        """What the model answers to each text, greedily, on one line."""
        return self._over(texts, self._greedy, progress)

    def likelihoods(
        self, texts: Sequence[str], progress: Callable[[int], None] = lambda done: None
    ) -> NDArray[np.float32]:
        """Log-likelihood of each label, end mark included, as the whole answer; shape (n, K)."""
        return np.stack(self._over(texts, self._label_scores, progress))

    def _over(
        self, texts: Sequence[str], answer: Callable[[list[str]], list[Any]], progress: Callable[[int], None]
    ) -> Any:
        """Run over batches of texts of like length and put the results back in order."""
        import torch

        order = sorted(range(len(texts)), key=lambda i: -len(texts[i]))
        found: dict[int, Any] = {}
        said = start = 0
        with torch.inference_mode():
            while start < len(order):
                part = order[start : start + self.batch_size]
                try:
                    results = answer([texts[i] for i in part])
                except RuntimeError as error:
                    self.batch_size = halved(len(part), error, "prompting")
                    continue
                found.update(zip(part, results, strict=True))
                start += len(part)
                if start - said >= max(50, self.batch_size) or (said and start == len(order)):
                    said = start
                    progress(start)
        return [found[i] for i in range(len(texts))]

    def _read(self, texts: list[str]) -> _State:
        """Feed prefix (from the cache), texts and suffix, padded on the left."""
        import torch

        if self._prefix_cache is None:
            ids = torch.tensor([self._prefix], device=self.model.device)
            self._prefix_cache = self.model(input_ids=ids, use_cache=True, **self._options).past_key_values
        cache = copy.deepcopy(self._prefix_cache)
        cache.batch_repeat_interleave(len(texts))
        rows = [self._ids(_defused(text))[: self.max_length] + self._suffix for text in texts]
        width = max(map(len, rows))
        ids = torch.full((len(rows), width), self._end or 0)
        own = torch.zeros((len(rows), width), dtype=torch.long)
        for i, row in enumerate(rows):
            ids[i, width - len(row) :] = torch.tensor(row)
            own[i, width - len(row) :] = 1
        ids, own = ids.to(self.model.device), own.to(self.model.device)
        mask = torch.cat([own.new_ones((len(rows), self.prefix_length)), own], dim=1)
        positions = (mask.cumsum(1) - 1).clamp(min=0)[:, self.prefix_length :]
        out = self.model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            **self._options,
        )
        return _State(out.past_key_values, mask, out.logits[:, -1].float(), positions[:, -1] + 1)

    def _greedy(self, texts: list[str]) -> list[str]:
        import torch

        state = self._read(texts)
        longest = max(map(len, self._answers)) + 4
        chosen: list[torch.Tensor] = []
        done = torch.zeros(len(texts), dtype=torch.bool, device=self.model.device)
        ends = torch.tensor(sorted(self._ends), device=self.model.device)
        logits, mask, position = state.logits, state.mask, state.position
        for step in range(longest):
            token = logits.argmax(-1)
            done |= torch.isin(token, ends)
            chosen.append(torch.where(done, self._end, token))
            if step + 1 == longest or bool(done.all()):
                break
            mask = torch.cat([mask, mask.new_ones((len(texts), 1))], dim=1)
            out = self.model(
                input_ids=token[:, None],
                attention_mask=mask,
                position_ids=position[:, None],
                past_key_values=state.cache,
                use_cache=True,
            )
            logits, position = out.logits[:, -1].float(), position + 1
        ids = torch.stack(chosen, 1).tolist()
        return [self.tokenizer.decode([t for t in row if t not in self._ends], skip_special_tokens=True) for row in ids]

    def _label_scores(self, texts: list[str]) -> list[NDArray[np.float32]]:
        """All labels in one pass: packed behind the text, each seeing the prompt and its own tokens only."""
        import torch

        state = self._read(texts)
        where = self.model.device
        flat = torch.tensor([t for answer in self._answers for t in answer], device=where)
        owner = torch.tensor([k for k, answer in enumerate(self._answers) for _ in answer], device=where)
        place = torch.tensor([j for answer in self._answers for j in range(len(answer))], device=where)
        n, size = len(texts), len(flat)
        own = (owner[:, None] == owner[None, :]) & (place[:, None] >= place[None, :])
        seen = torch.cat([state.mask.bool()[:, None, :].expand(n, size, -1), own.expand(n, size, size)], dim=2)
        dtype = self.model.dtype
        mask = torch.zeros(seen.shape, dtype=dtype, device=where).masked_fill(~seen, torch.finfo(dtype).min)
        out = self.model(
            input_ids=flat.expand(n, size),
            attention_mask=mask[:, None],
            position_ids=state.position[:, None] + place,
            past_key_values=state.cache,
            use_cache=True,
        )
        # The first token of a label is decided by the prompt's last position, the others and the end by the one before.
        begins = place == 0
        followed = torch.full_like(flat, self._end)
        followed[:-1] = torch.where(begins[1:], self._end, flat[1:])
        logits = out.logits.float()
        after = logits.gather(2, followed.expand(n, size)[..., None]).squeeze(2) - logits.logsumexp(2)
        first = state.logits[:, flat[begins]] - state.logits.logsumexp(1, keepdim=True)
        totals = first.index_add(1, owner, after)
        return list(totals.cpu().numpy().astype(np.float32))

    def _split_prompt(self) -> tuple[str, str]:
        """The prompt before and after the text."""
        listed = "\n".join(f"- {readable(label)}" for label in self.labels)
        instruction, question = INSTRUCTION.format(labels=listed), QUESTION.format(text=_TEXT_MARK)
        if self.chat:
            turns = [{"role": "system", "content": instruction}, {"role": "user", "content": question}]
            whole = self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True) + ANSWER
        else:
            whole = f"{instruction}\n\n{question}\n\n{ANSWER}"
        before, _, after = whole.rpartition(_TEXT_MARK)
        return before, after

    def _ids(self, text: str, *, special: bool = False) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=special)["input_ids"])


def _defused(text: str) -> str:
    """A text cannot end its own turn: marks such as <|im_end|> lose their meaning."""
    return text.replace("<|", "< |").replace("|>", "| >")


def _dtype(precision: device.Precision) -> Any:
    import torch

    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
