"""M2M-100 (Fan et al. 2021) and NLLB (Costa-jussa et al. 2022): fairseq's pre-norm Transformer."""

from __future__ import annotations

from dataclasses import dataclass

from quatrain.models.config import between, one_of
from quatrain.models.transformer import Transformer, TransformerConfig


@dataclass(frozen=True)
class M2M100Config(TransformerConfig):
    """``model_type`` "m2m_100"."""

    vocab_size: int = 128112
    d_model: int = 1024
    encoder_layers: int = 12
    encoder_attention_heads: int = 16
    encoder_ffn_dim: int = 4096
    decoder_layers: int = 12
    decoder_attention_heads: int = 16
    decoder_ffn_dim: int = 4096
    normalize_before: bool = True
    sinusoids: str = "tensor2tensor"
    decoder_start_token_id: int = 2
    pad_token_id: int = 1

    def check(self) -> None:
        super().check()
        one_of(self, "normalize_before", True)
        one_of(self, "sinusoids", "tensor2tensor")
        between(self, "pad_token_id", 0, 2**16)

    @property
    def first_position(self) -> int:
        """Positions count from the row behind that of the padding."""
        return self.pad_token_id + 1


class M2M100(Transformer):
    """The translation model; its weights have the names of ``M2M100ForConditionalGeneration``."""

    config_class = M2M100Config
    biased_logits = False
