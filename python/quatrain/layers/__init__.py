"""Layers: the parts that families compose."""

from quatrain.layers.basic import Embedding, LayerNorm, Linear, RMSNorm
from quatrain.layers.embeddings import Embeddings
from quatrain.layers.feed_forward import GatedFeedForward
from quatrain.layers.positions import Learned, RelativeBias, Rotary

__all__ = [
    "Embedding",
    "Embeddings",
    "GatedFeedForward",
    "LayerNorm",
    "Learned",
    "Linear",
    "RMSNorm",
    "RelativeBias",
    "Rotary",
]
