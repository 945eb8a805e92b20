"""mT5 (Xue et al. 2021) and umT5 (Chung et al. 2023): T5 in many languages."""

from __future__ import annotations

from dataclasses import dataclass

from quatrain.models.t5 import T5, T5Config


@dataclass(frozen=True)
class MT5Config(T5Config):
    """``model_type`` "mt5". Its head's input is never scaled."""

    vocab_size: int = 250112
    d_ff: int = 1024
    num_layers: int = 8
    num_heads: int = 6
    feed_forward_proj: str = "gated-gelu"

    @property
    def scaled(self) -> bool:
        return bool(self.scale_decoder_outputs)


class MT5(T5):
    config_class = MT5Config


@dataclass(frozen=True)
class UMT5Config(T5Config):
    """``model_type`` "umt5": every block has a relative bias of its own."""

    vocab_size: int = 250112
    d_ff: int = 1024
    num_layers: int = 8
    num_heads: int = 6
    feed_forward_proj: str = "gated-gelu"

    def biased(self, index: int) -> bool:
        return True


class UMT5(T5):
    config_class = UMT5Config
