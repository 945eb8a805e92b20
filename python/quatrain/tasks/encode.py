"""Sentence vectors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from quatrain.errors import InputError

if TYPE_CHECKING:
    from quatrain.model import Model

#: Tokens in one pass: enough to keep the kernels busy, small enough to stay in cache.
BATCH_TOKENS = 2048
#: Texts from which on a progress bar is worth its space.
LONG_WORK = 512


def encode(
    model: Model,
    texts: Sequence[Any],
    *,
    prompt: str | None = None,
    prompt_name: str | None = None,
    progress: bool | None = None,
) -> np.ndarray:
    """One vector per text, float32 ``[N, D]``; see ``Model.encode``."""
    if isinstance(texts, str):
        raise InputError("[encode] expected a sequence of texts, got one str: wrap it in a list")
    if not isinstance(texts, Iterable):
        kind = type(texts).__name__
        raise InputError(f"[encode] expected a sequence of texts, got {kind}")
    texts = list(texts)
    settings = model.folder.sentence
    before = settings.prompt(prompt, prompt_name)
    limits = [n for n in (settings.max_length, model.network.context) if n is not None]
    limit = min(limits, default=None)
    given = [prepare(text, before, lower_case=settings.lower_case) for text in texts]
    samples = model.samples(given, max_length=limit)
    out = np.zeros((len(texts), model.width), np.float32)
    order = sorted(range(len(texts)), key=lambda i: -len(samples[i].ids))
    for chosen in tracked(
        list(batches(order, [len(s.ids) for s in samples])), progress, len(texts)
    ):
        out[chosen] = model.run("embed", [samples[i] for i in chosen])[0]
    return out


def prepare(text: Any, prompt: str, *, lower_case: bool) -> Any:
    """What sentence-transformers does to a text before the tokenizer sees it."""
    if not isinstance(text, str):
        return text
    text = prompt + text
    return text.lower() if lower_case else text


def batches(order: Sequence[int], lengths: Sequence[int]) -> Iterator[list[int]]:
    """Cut ``order`` into runs of at most BATCH_TOKENS tokens, at least one text each."""
    batch: list[int] = []
    tokens = 0
    for i in order:
        if batch and tokens + lengths[i] > BATCH_TOKENS:
            yield batch
            batch, tokens = [], 0
        batch.append(i)
        tokens += lengths[i]
    if batch:
        yield batch


def tracked(work: list[list[int]], progress: bool | None, total: int) -> Iterator[list[int]]:
    """Go through ``work``, with a progress bar over its texts if one is wanted."""
    if progress is None:
        import sys

        progress = total >= LONG_WORK and sys.stderr.isatty()
    if not progress:
        yield from work
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("encoding", total=total)
        for batch in work:
            yield batch
            bar.advance(task, len(batch))
