"""Layers: the parts that families compose."""

from quatrain.layers.attention import (
    FusedRotaryAttention,
    NormedRotaryAttention,
    RotaryAttention,
    RotaryHeads,
)
from quatrain.layers.basic import Embedding, LayerNorm, Linear, RMSNorm
from quatrain.layers.blocks import PreNormBlock, SandwichBlock
from quatrain.layers.embeddings import Embeddings
from quatrain.layers.feed_forward import GatedFeedForward
from quatrain.layers.positions import Learned, RelativeBias
from quatrain.layers.rotary import (
    LinearRotary,
    Llama3Rotary,
    Rotary,
    YarnRotary,
)

__all__ = [
    "Embedding",
    "Embeddings",
    "FusedRotaryAttention",
    "GatedFeedForward",
    "LayerNorm",
    "Learned",
    "Linear",
    "LinearRotary",
    "Llama3Rotary",
    "NormedRotaryAttention",
    "PreNormBlock",
    "RMSNorm",
    "RelativeBias",
    "Rotary",
    "RotaryAttention",
    "RotaryHeads",
    "SandwichBlock",
    "YarnRotary",
]
