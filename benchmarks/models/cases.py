"""The models' work: encoding of batches, prefill and decoding, and curves of both.

Ids are given, so that no tokenizer is timed. A peer that does not know GPT-2 runs a Llama of the
same size.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from benchmarks.cases import Case
from benchmarks.models.material import GPT2, MINILM, SENTENCES

#: New tokens of a decoding; its prompt is one token, so that every step does the same work.
NEW = 16
#: Operations of a matrix product per weight and row.
FLOPS = 2.0


@dataclass(frozen=True, kw_only=True)
class Task(Case):
    """``task``: "encode", "prefill" or "decode" of ``batch`` sentences of ``tokens`` ids, or of
    the real sentences (``tokens`` 0)."""

    task: str
    batch: int
    tokens: int = 0

    @property
    def model(self) -> str:
        return "minilm" if self.task == "encode" else "gpt2"

    @cached_property
    def ids(self) -> list[list[int]]:
        """Token ids: random ones are below any vocabulary's size, and above special ids."""
        if not self.tokens:
            return json.loads(SENTENCES.read_text(encoding="utf-8"))[: self.batch]
        random = np.random.default_rng(2)
        return random.integers(1000, 30000, (self.batch, self.tokens)).tolist()


def encoder_flops(batch: int, tokens: int) -> float:
    width, inner = MINILM["hidden_size"], MINILM["intermediate_size"]
    row = 4 * width * width + 2 * width * inner + 2 * tokens * width
    return FLOPS * MINILM["num_hidden_layers"] * batch * tokens * row


def decoder_weights() -> tuple[int, int]:
    """Of GPT-2's shape: values in the blocks, and in the tied embedding that makes the logits."""
    return 12 * GPT2["n_layer"] * GPT2["n_embd"] ** 2, GPT2["vocab_size"] * GPT2["n_embd"]


def encode(batch: int, tokens: int, dtype: str = "float32", *, memory: bool = False) -> Task:
    return Task(
        name=f"MiniLM {dtype} {batch}x{tokens}", task="encode", batch=batch, tokens=tokens,
        amount=batch, unit="sentences/s", bound="fma" if dtype == "float32" else "int8",
        work=encoder_flops(batch, tokens), dtype=dtype, memory=memory,
    )  # fmt: skip


def sentences(count: int, dtype: str = "float32") -> Task:
    """Real ones, of about 26 tokens: the work is that of their average length."""
    return Task(
        name=f"MiniLM {dtype} {count} real sentences", task="encode", batch=count,
        amount=count, unit="sentences/s", bound="fma" if dtype == "float32" else "int8",
        work=encoder_flops(count, 26), dtype=dtype,
    )  # fmt: skip


def prefill(tokens: int, dtype: str = "float32") -> Task:
    blocks, head = decoder_weights()
    seen = GPT2["n_layer"] * GPT2["n_embd"] * tokens  # products with half of the keys and values
    return Task(
        name=f"GPT-2 {dtype} prefill {tokens}", task="prefill", batch=1, tokens=tokens,
        amount=tokens, unit="tokens/s", bound="fma" if dtype == "float32" else "int8",
        work=FLOPS * (tokens * (blocks + seen) + head), dtype=dtype,
    )  # fmt: skip


def decode(batch: int, dtype: str = "float32", *, memory: bool = False) -> Task:
    size = {"float32": 4.0, "int8": 1.0, "int4": 0.5}[dtype]
    return Task(
        name=f"GPT-2 {dtype} decode, batch {batch}", task="decode", batch=batch, tokens=1,
        amount=batch * NEW, unit="tokens/s", bound="read",
        work=NEW * size * sum(decoder_weights()), dtype=dtype, memory=memory,
    )  # fmt: skip


TABLE = (
    encode(32, 128, memory=True),
    encode(32, 16),
    encode(1, 16),
    encode(32, 128, "int8"),
    *(sentences(4000, dtype) for dtype in ("float32", "int8")),
    *(prefill(512, dtype) for dtype in ("float32", "int8")),
    decode(1, memory=True),
    decode(1, "int8"),
    decode(1, "int4"),
    decode(8),
    decode(8, "int8"),
)
#: What the plot shows: name of the horizontal axis -> cases in its order.
CURVES: dict[str, list[Task]] = {
    "tokens of a sentence": [encode(8, t) for t in (8, 16, 32, 64, 128, 256, 512)],
    "sentences in a batch": [encode(b, 32) for b in (1, 2, 4, 8, 16, 32)],
    "continued at once": [decode(b) for b in (1, 2, 4, 8)],
}
CASES = {case.name: case for case in (*TABLE, *(c for curve in CURVES.values() for c in curve))}
CASES |= {case.name: case for case in TABLE}
