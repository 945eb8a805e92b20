"""Gemma 3 (Kamath et al. 2025): Gemma 2 without soft caps on scores, with normalised queries and
keys, and with rotary positions of their own in the blocks that look back on a window. Of a model
that also sees, the part that reads text."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from quatrain.errors import ConfigError
from quatrain.layers import NormedRotaryAttention, RotaryHeads, SandwichBlock, UnitOffsetRMSNorm
from quatrain.models.config import between, one_of, positive
from quatrain.models.gemma2 import Gemma2, Gemma2Config
from quatrain.models.rope import Rope, read_rope
from quatrain.models.rotary_decoder import FULL, SLIDING


@dataclass(frozen=True)
class Gemma3TextConfig(Gemma2Config):
    """``model_type`` "gemma3_text". Without ``layer_types``, one block in
    ``sliding_window_pattern`` looks back on all tokens.

    ``rope_parameters`` has an object for each kind of block. Older files describe those of full
    attention in ``rope_scaling``, and say ``rope_local_base_freq`` for the others.
    """

    vocab_size: int = 262208
    max_position_embeddings: int = 131072
    rope_theta: float = 1e6
    rope_local_base_freq: float = 10000.0
    sliding_window_pattern: int = 6
    attn_logit_softcapping: float | None = None
    final_logit_softcapping: float | None = None

    sees_ahead: ClassVar[bool] = True

    @property
    def kinds(self) -> list[str]:
        if self.layer_types is not None:
            return self.layer_types
        every = self.sliding_window_pattern
        return [SLIDING if (i + 1) % every else FULL for i in range(self.num_hidden_layers)]

    @property
    def rope(self) -> Rope:
        given, field = self._given(FULL), f"rope_parameters: {FULL}"
        if self.rope_scaling:
            given, field = given | self.rope_scaling, "rope_scaling"
        return read_rope(given, field, self.rope_defaults)

    @property
    def local_rope(self) -> Rope:
        fallback = self.rope_defaults | {"rope_theta": self.rope_local_base_freq}
        return read_rope(self._given(SLIDING), f"rope_parameters: {SLIDING}", fallback)

    def heads(self, index: int) -> RotaryHeads:
        heads = super().heads(index)
        if not self.use_bidirectional_attention:
            return heads
        # Half of the window lies to either side.
        window = None if heads.window is None else heads.window // 2 + 1
        return replace(heads, causal=False, window=window)

    def _given(self, kind: str) -> dict[str, Any]:
        return (self.rope_parameters or {}).get(kind) or {}

    def check(self) -> None:
        positive(self, "sliding_window_pattern")
        between(self, "rope_local_base_freq", 1.001, 1e30)
        for kind, given in (self.rope_parameters or {}).items():
            if kind not in (FULL, SLIDING) or not isinstance(given, dict | None):
                raise ConfigError(
                    f"rope_parameters: expected an object each for {FULL} and {SLIDING}, found"
                    f" {kind}: {given!r}"
                )
        super().check()
        # Reading them is checking them.
        _ = self.local_rope
        # The checkpoints' own code reads it and does nothing with it.
        one_of(self, "attn_logit_softcapping", None)


@dataclass(frozen=True)
class Gemma3Config(Gemma3TextConfig):
    """``model_type`` "gemma3": the fields of its ``text_config``."""

    sees_ahead: ClassVar[bool] = False

    @classmethod
    def from_dict(cls, fields: dict[str, Any], file: str) -> Self:
        text = fields.get("text_config")
        if not isinstance(text, dict):
            raise ConfigError(f"{file}: text_config: expected an object, found {text!r}")
        tied = {k: v for k, v in fields.items() if k == "tie_word_embeddings"}
        return super().from_dict(text | tied, f"{file}: text_config")


class Gemma3Text(Gemma2):
    """The language model; its weights have the names of ``Gemma3ForCausalLM``."""

    config: Gemma3TextConfig
    config_class = Gemma3TextConfig

    def __init__(self, config: Gemma3TextConfig):
        super().__init__(config)
        self.bidirectional = bool(config.use_bidirectional_attention)
        # The files say how long a text may be once it is stretched.
        self.context = config.max_position_embeddings
        self.rotary_emb_local = config.local_rope.rotary()

    def block(self, index: int) -> SandwichBlock:
        config = self.config
        attention = NormedRotaryAttention(
            config.hidden_size,
            config.heads(index),
            norm=lambda size: UnitOffsetRMSNorm(size, config.rms_norm_eps),
            bias=config.attention_bias,
        )
        return SandwichBlock(attention, config.feed_forward(), config.norm)

    def restarts(self, past: int, length: int) -> bool:
        return super().restarts(past, length) or self.rotary_emb_local.moves(past, length)

    def angles(self, op: Any, layout: Any) -> list[Any]:
        turned = {FULL: self.rotary_emb(op, layout), SLIDING: self.rotary_emb_local(op, layout)}
        return [turned[kind] for kind in self.config.kinds]


class Gemma3(Gemma3Text):
    """The text part of ``Gemma3ForConditionalGeneration``."""

    config: Gemma3Config
    config_class = Gemma3Config
    prefixes = ("model.language_model.", "language_model.model.", "language_model.", "model.")
    ignored = (r"(vision_tower|multi_modal_projector)\..*",)
