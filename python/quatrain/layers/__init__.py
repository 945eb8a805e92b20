"""Layers: the parts that families compose."""

from quatrain.layers.attention import CrossAttention, SelfAttention
from quatrain.layers.basic import Embedding, LayerNorm, Linear, RMSNorm, optional_row
from quatrain.layers.encoder_decoder import (
    DecoderBlock,
    DecoderStack,
    EncoderBlock,
    EncoderStack,
    Parts,
)
from quatrain.layers.feed_forward import GatedFeedForward
from quatrain.layers.positions import SINUSOIDS, LearnedPositions, Rotary, SinusoidalPositions
from quatrain.layers.residual import post_norm, pre_norm

__all__ = [
    "SINUSOIDS",
    "CrossAttention",
    "DecoderBlock",
    "DecoderStack",
    "Embedding",
    "EncoderBlock",
    "EncoderStack",
    "GatedFeedForward",
    "LayerNorm",
    "LearnedPositions",
    "Linear",
    "Parts",
    "RMSNorm",
    "Rotary",
    "SelfAttention",
    "SinusoidalPositions",
    "optional_row",
    "post_norm",
    "pre_norm",
]
