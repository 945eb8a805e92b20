"""Layers: the parts that families compose."""

from quatrain.layers.basic import Embedding, LayerNorm, Linear, RMSNorm
from quatrain.layers.feed_forward import GatedFeedForward
from quatrain.layers.positions import Rotary

__all__ = [
    "Embedding",
    "GatedFeedForward",
    "LayerNorm",
    "Linear",
    "RMSNorm",
    "Rotary",
]
