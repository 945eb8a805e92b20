"""The models' work: encoding of batches, prefill and decoding, and curves of both.

Ids are given, so that no tokenizer is timed. A peer that does not know GPT-2 runs a Llama of the
same size.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np

from benchmarks.cases import Case
from benchmarks.models.material import GPT2, MARIAN, MINILM, SENTENCES, SMOLLM2

#: New tokens of a decoding.
NEW = 16
#: New tokens of a search with so many beams.
FOUND, BEAMS = 32, 4
#: Real sentences are timed in so many parts, dealt from groups of neighbours in length: padded
#: batches of a part are as full as those of the whole.
PARTS, GROUP = 8, 20
#: Bytes of a block of 32 weights.
BLOCK_BYTES = {"Q8_0": 34, "Q4_1": 20}
#: Operations of a matrix product per weight and row.
FLOPS = 2.0


@dataclass(frozen=True, kw_only=True)
class Task(Case):
    """``task``: "encode", "prefill", "decode" or "search" of ``batch`` sentences of ``tokens`` ids,
    or of real sentences (``tokens`` 0). To decode is to continue them; all ids but the last are
    read before that is timed. To search is to translate one with ``BEAMS`` beams."""

    task: str
    batch: int
    tokens: int = 0
    model: str = "gpt2"

    @property
    def parts(self) -> int:
        return 1 if self.tokens else PARTS

    @property
    def ids(self) -> list[list[int]]:
        """Token ids of the first part."""
        return self._ids[0]

    def given(self, number: int) -> tuple[list[list[int]]]:
        return (self._ids[number % self.parts],)

    @cached_property
    def _ids(self) -> list[list[list[int]]]:
        """Token ids of every part: random ones are below any vocabulary's size, and above
        special ids."""
        if self.tokens:
            random = np.random.default_rng(2)
            return [random.integers(1000, 30000, (self.batch, self.tokens)).tolist()]
        found = json.loads(SENTENCES.read_text(encoding="utf-8"))[: self.batch]
        found.sort(key=len, reverse=True)
        groups = [found[first : first + GROUP] for first in range(0, len(found), GROUP)]
        return [list(chain(*groups[part::PARTS])) for part in range(PARTS)]


def encoder_flops(batch: int, tokens: int) -> float:
    width, inner = MINILM["hidden_size"], MINILM["intermediate_size"]
    row = 4 * width * width + 2 * width * inner + 2 * tokens * width
    return FLOPS * MINILM["num_hidden_layers"] * batch * tokens * row


def decoder_weights() -> tuple[int, int]:
    """Of GPT-2's shape: values in the blocks, and in the tied embedding that makes the logits."""
    return 12 * GPT2["n_layer"] * GPT2["n_embd"] ** 2, GPT2["vocab_size"] * GPT2["n_embd"]


def encode(batch: int, tokens: int, dtype: str = "float32") -> Task:
    return Task(
        name=f"MiniLM {dtype} {batch}x{tokens}", task="encode", batch=batch, tokens=tokens,
        model="minilm",
        amount=batch, unit="sentences/s", bound="fma" if dtype == "float32" else "int8",
        work=encoder_flops(batch, tokens), dtype=dtype,
    )  # fmt: skip


def sentences(count: int, dtype: str = "float32") -> Task:
    """Real ones, of 31 tokens on average, which is what the work is that of."""
    part = count // PARTS
    return Task(
        name=f"MiniLM {dtype} {count} real sentences", task="encode", batch=count, model="minilm",
        amount=part, unit="sentences/s", bound="fma" if dtype == "float32" else "int8",
        work=encoder_flops(part, 31), dtype=dtype,
    )  # fmt: skip


def prefill(tokens: int, dtype: str = "float32") -> Task:
    blocks, head = decoder_weights()
    seen = GPT2["n_layer"] * GPT2["n_embd"] * tokens  # products with half of the keys and values
    return Task(
        name=f"GPT-2 {dtype} prefill {tokens}", task="prefill", batch=1, tokens=tokens,
        amount=tokens, unit="tokens/s", bound="fma" if dtype == "float32" else "int8",
        work=FLOPS * (tokens * (blocks + seen) + head), dtype=dtype,
    )  # fmt: skip


def decode(batch: int, dtype: str = "float32", *, context: int = 1) -> Task:
    """Behind ``context`` tokens. Every step reads the weights, and the keys and values so far."""
    size = {"float32": 4.0, "int8": 1.0, "int4": 0.5}[dtype]
    cache = 2 * 4.0 * GPT2["n_layer"] * GPT2["n_embd"] * batch * (context + NEW / 2)
    behind = f" behind {context}" if context > 1 else ""
    return Task(
        name=f"GPT-2 {dtype} decode, batch {batch}{behind}", task="decode", batch=batch,
        tokens=context, amount=batch * NEW, unit="tokens/s", bound="read",
        work=NEW * (size * sum(decoder_weights()) + cache), dtype=dtype,
    )  # fmt: skip


def search(dtype: str = "float32") -> Task:
    """The translation of a sentence of 20 tokens. Every step reads the decoder's weights."""
    width, inner = MARIAN["d_model"], MARIAN["decoder_ffn_dim"]
    block = 6 * width * width + 2 * width * inner
    weights = MARIAN["decoder_layers"] * block + MARIAN["vocab_size"] * width
    return Task(
        name=f"Marian {dtype} {BEAMS} beams", task="search", batch=1, tokens=20, model="marian",
        amount=FOUND, unit="tokens/s", bound="read",
        work=FOUND * (4.0 if dtype == "float32" else 1.0) * weights, dtype=dtype,
    )  # fmt: skip


def blocks(batch: int, kind: str) -> Task:
    """Decoding with a GGUF file of SmolLM2-135M's shape, whose embedding has 8 bits."""
    width, inner = SMOLLM2["hidden_size"], SMOLLM2["intermediate_size"]
    kv = width * SMOLLM2["num_key_value_heads"] // SMOLLM2["num_attention_heads"]
    layers = SMOLLM2["num_hidden_layers"]
    weights = layers * (2 * width * (width + kv) + 3 * width * inner)
    head = SMOLLM2["vocab_size"] * width
    cache = 2 * 4.0 * layers * kv * batch * (1 + NEW / 2)
    size = BLOCK_BYTES[kind] / 32 * weights + BLOCK_BYTES["Q8_0"] / 32 * head
    return Task(
        name=f"SmolLM2 {kind} decode, batch {batch}", task="decode", batch=batch, tokens=1,
        model="smollm2", amount=batch * NEW, unit="tokens/s", bound="read",
        work=NEW * (size + cache), dtype=kind,
    )  # fmt: skip


TABLE = (
    encode(32, 128),
    encode(32, 16),
    encode(1, 16),
    encode(32, 128, "int8"),
    *(sentences(4000, dtype) for dtype in ("float32", "int8")),
    *(prefill(512, dtype) for dtype in ("float32", "int8")),
    decode(1),
    decode(1, "int8"),
    decode(1, "int4"),
    decode(8),
    decode(8, "int8"),
    search(),
    search("int8"),
)
#: What the pictures show: name of the horizontal axis -> cases in its order.
CURVES: dict[str, list[Task]] = {
    "tokens of a sentence": [encode(8, t) for t in (16, 32, 64, 128, 256, 512)],
    "sentences in a batch": [encode(b, 32) for b in (1, 2, 4, 8, 16, 32)],
    "tokens so far": [decode(1, context=t) for t in (16, 64, 256, 1008)],
    "sentences at once": [decode(b) for b in (1, 2, 4, 8)],
}
#: Files of quantised blocks.
BLOCKS = tuple(blocks(batch, kind) for kind in BLOCK_BYTES for batch in (1, 8))
CASES = {
    case.name: case for case in (*TABLE, *BLOCKS, *(c for curve in CURVES.values() for c in curve))
}
