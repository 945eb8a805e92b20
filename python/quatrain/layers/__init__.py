"""Layers: the parts that families compose."""

from quatrain.layers.attention import (
    FusedRotaryAttention,
    NormedRotaryAttention,
    RotaryAttention,
    RotaryHeads,
)
from quatrain.layers.basic import (
    Conv1d,
    Embedding,
    LayerNorm,
    Linear,
    RMSNorm,
    ScaledEmbedding,
    UnitOffsetRMSNorm,
    optional_row,
)
from quatrain.layers.blocks import PreNormBlock, SandwichBlock
from quatrain.layers.embeddings import Embeddings
from quatrain.layers.encoder_decoder import (
    CrossAttention,
    DecoderBlock,
    DecoderStack,
    EncoderBlock,
    EncoderStack,
    Parts,
    SelfAttention,
)
from quatrain.layers.feed_forward import FusedGatedFeedForward, GatedFeedForward
from quatrain.layers.positions import SINUSOIDS, Learned, RelativeBias, Sinusoidal
from quatrain.layers.residual import post_norm, pre_norm
from quatrain.layers.rotary import (
    DynamicRotary,
    LinearRotary,
    Llama3Rotary,
    LongRotary,
    Rotary,
    YarnRotary,
)

__all__ = [
    "SINUSOIDS",
    "Conv1d",
    "CrossAttention",
    "DecoderBlock",
    "DecoderStack",
    "DynamicRotary",
    "Embedding",
    "Embeddings",
    "EncoderBlock",
    "EncoderStack",
    "FusedGatedFeedForward",
    "FusedRotaryAttention",
    "GatedFeedForward",
    "LayerNorm",
    "Learned",
    "Linear",
    "LinearRotary",
    "Llama3Rotary",
    "LongRotary",
    "NormedRotaryAttention",
    "Parts",
    "PreNormBlock",
    "RMSNorm",
    "RelativeBias",
    "Rotary",
    "RotaryAttention",
    "RotaryHeads",
    "SandwichBlock",
    "ScaledEmbedding",
    "SelfAttention",
    "Sinusoidal",
    "UnitOffsetRMSNorm",
    "YarnRotary",
    "optional_row",
    "post_norm",
    "pre_norm",
]
