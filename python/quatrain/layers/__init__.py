"""Layers: the parts that families compose."""

from quatrain.layers.attention import (
    FusedRotaryAttention,
    NormedRotaryAttention,
    RotaryAttention,
    RotaryHeads,
)
from quatrain.layers.basic import Embedding, LayerNorm, Linear, RMSNorm
from quatrain.layers.blocks import PreNormBlock, SandwichBlock
from quatrain.layers.feed_forward import GatedFeedForward
from quatrain.layers.rotary import (
    LinearRotary,
    Llama3Rotary,
    Rotary,
    YarnRotary,
)

__all__ = [
    "Embedding",
    "FusedRotaryAttention",
    "GatedFeedForward",
    "LayerNorm",
    "Linear",
    "LinearRotary",
    "Llama3Rotary",
    "NormedRotaryAttention",
    "PreNormBlock",
    "RMSNorm",
    "Rotary",
    "RotaryAttention",
    "RotaryHeads",
    "SandwichBlock",
    "YarnRotary",
]
