"""What the blocks of an encoder begin with."""

from __future__ import annotations

from typing import Any

from quatrain.layers.basic import Embedding, LayerNorm
from quatrain.layers.positions import Learned
from quatrain.module import Module


class Embeddings(Module):
    """The rows of a token and of its position, added and normalised, with BERT's names."""

    def __init__(self, vocab: int, positions: int, width: int, eps: float, *, start: int = 0):
        self.word_embeddings = Embedding(vocab, width)
        self.position_embeddings = Learned(positions, width, start=start)
        self.LayerNorm = LayerNorm(width, eps)

    def forward(self, op: Any, ids: Any, layout: Any) -> Any:
        x = op.add(self.word_embeddings(op, ids), self.position_embeddings(op, layout))
        return self.LayerNorm(op, x)
