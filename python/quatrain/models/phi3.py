"""Phi-3 (Abdin et al. 2024): Llama with fused projections, of which a part of each head may turn,
and LongRoPE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from quatrain.layers import FusedGatedFeedForward, FusedRotaryAttention, PreNormBlock
from quatrain.models.config import activation, positive
from quatrain.models.rope import Rope, read_rope
from quatrain.models.rotary_decoder import RotaryConfig, RotaryDecoder


@dataclass(frozen=True)
class Phi3Config(RotaryConfig):
    """``model_type`` "phi3": Phi-3, Phi-3.5 and Phi-4. The first files call LongRoPE "su"."""

    vocab_size: int = 32064
    hidden_size: int = 3072
    intermediate_size: int = 8192
    max_position_embeddings: int = 4096
    original_max_position_embeddings: int | None = 4096
    rms_norm_eps: float = 1e-5
    sliding_window: int | None = None

    turns_partly: ClassVar[bool] = True

    @property
    def rope(self) -> Rope:
        given, field = self.rope_fields
        kind = given.get("rope_type", given.get("type"))
        given = given | {"rope_type": "longrope" if kind in ("su", "yarn") else kind}
        if self.original_max_position_embeddings is not None:
            given["original_max_position_embeddings"] = self.original_max_position_embeddings
        return read_rope(given, field, self.rope_defaults, kinds=("default", "longrope"))

    def window(self, index: int) -> int | None:
        return self.sliding_window

    def check(self) -> None:
        super().check()
        positive(self, "sliding_window")


class Phi3(RotaryDecoder):
    """The language model; its weights have the names of ``Phi3ForCausalLM``.

    A text of more than ``original_max_position_embeddings`` tokens is read with other angles from
    its beginning on, so that generating begins anew where it grows longer.
    """

    config: Phi3Config
    config_class = Phi3Config

    def block(self, index: int) -> PreNormBlock:
        config, width = self.config, self.config.hidden_size
        return PreNormBlock(
            FusedRotaryAttention(width, config.heads(index)),
            FusedGatedFeedForward(
                width, config.intermediate_size, activation=activation(config, "hidden_act")
            ),
            config.norm,
        )
