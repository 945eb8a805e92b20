"""What decoders with rotary positions share: their config's fields, and the model around their
blocks. A family says which blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from quatrain.errors import ConfigError
from quatrain.layers import Embedding, GatedFeedForward, Linear, RMSNorm, RotaryHeads
from quatrain.models.config import Config, activation, between, layers, one_of, positive
from quatrain.models.rope import Rope, read_rope
from quatrain.models.shapes import Decoder, slot_of
from quatrain.module import Module
from quatrain.state import SlotSpec

#: What ``layer_types`` may hold.
SLIDING, FULL = "sliding_attention", "full_attention"


@dataclass(frozen=True)
class RotaryConfig(Config):
    """The fields that all of these families have; Llama's defaults."""

    vocab_size: int = 32000
    hidden_size: int = 4096
    intermediate_size: int = 11008
    num_hidden_layers: int = 32
    num_attention_heads: int = 32
    num_key_value_heads: int | None = None
    head_dim: int | None = None
    hidden_act: str = "silu"
    max_position_embeddings: int = 2048
    original_max_position_embeddings: int | None = None
    rms_norm_eps: float = 1e-6
    rope_theta: float = 10000.0
    rope_scaling: dict | None = None
    rope_parameters: dict | None = None
    partial_rotary_factor: float = 1.0
    is_causal: bool | None = None
    tie_word_embeddings: bool = False

    #: Whether a part of each head may stay as it is.
    turns_partly: ClassVar[bool] = False
    #: The field that names the feed-forward's activation.
    activation_field: ClassVar[str] = "hidden_act"

    @property
    def kv_heads(self) -> int:
        return self.num_key_value_heads or self.num_attention_heads

    @property
    def head_size(self) -> int:
        return self.head_dim or self.hidden_size // self.num_attention_heads

    @property
    def rope_fields(self) -> tuple[dict[str, Any], str]:
        """The object that describes the rotary positions, and the name of its field."""
        field = "rope_scaling" if self.rope_scaling else "rope_parameters"
        return getattr(self, field) or {}, field

    @property
    def rope(self) -> Rope:
        return read_rope(*self.rope_fields, self.rope_defaults)

    @property
    def rope_defaults(self) -> dict[str, Any]:
        """What the object that describes the rotary positions may leave out."""
        original = self.original_max_position_embeddings or self.max_position_embeddings
        return {
            "head_dim": self.head_size,
            "rope_theta": self.rope_theta,
            "partial_rotary_factor": self.partial_rotary_factor,
            "max_position_embeddings": self.max_position_embeddings,
            "original_max_position_embeddings": original,
        }

    def window(self, index: int) -> int | None:
        """How many tokens block ``index`` looks back on, its own one included; None for all."""
        return None

    def heads(self, index: int) -> RotaryHeads:
        """What the heads of block ``index`` are."""
        size = self.head_size
        return RotaryHeads(
            self.num_attention_heads, self.kv_heads, size, size**-0.5, self.window(index)
        )

    def norm(self) -> RMSNorm:
        return RMSNorm(self.hidden_size, self.rms_norm_eps)

    def feed_forward(self, *, bias: bool = False) -> GatedFeedForward:
        return GatedFeedForward(
            self.hidden_size,
            self.intermediate_size,
            activation=activation(self, self.activation_field),
            bias=bias,
        )

    def check(self) -> None:
        layers(self, "num_hidden_layers")
        positive(self, "vocab_size", "hidden_size", "intermediate_size")
        positive(self, "num_attention_heads", "num_key_value_heads", "head_dim")
        positive(self, "max_position_embeddings", "original_max_position_embeddings")
        if self.head_dim is None and self.hidden_size % self.num_attention_heads:
            raise ConfigError(
                f"hidden_size: expected a multiple of num_attention_heads"
                f" ({self.num_attention_heads}), or a head_dim, found {self.hidden_size}"
            )
        if self.num_attention_heads % self.kv_heads:
            raise ConfigError(
                f"num_attention_heads: expected a multiple of num_key_value_heads "
                f"({self.kv_heads}), found {self.num_attention_heads}"
            )
        between(self, "rms_norm_eps", 0, 1)
        one_of(self, "is_causal", None, True)
        activation(self, self.activation_field)
        part = self.rope.partial_rotary_factor
        if part != 1 and not self.turns_partly:
            raise ConfigError(f"partial_rotary_factor: expected 1.0, found {part}")
        if (turned := self.rope.turned) % 2 or not turned:
            sizes = f"{self.hidden_size}, num_attention_heads: {self.num_attention_heads}"
            raise ConfigError(
                f"head_dim: expected an even number of values that turn, found {turned} of"
                f" {self.head_size} (hidden_size: {sizes}, partial_rotary_factor: {part})"
            )


@dataclass(frozen=True)
class LayeredConfig(RotaryConfig):
    """Of families in which some blocks look back on a window, as ``layer_types`` says."""

    sliding_window: int | None = 4096
    layer_types: list | None = None

    @property
    def kinds(self) -> list[str]:
        """What each block is, ``SLIDING`` or ``FULL``."""
        raise NotImplementedError

    def window(self, index: int) -> int | None:
        return self.sliding_window if self.kinds[index] == SLIDING else None

    def check(self) -> None:
        super().check()
        positive(self, "sliding_window")
        count, known = self.num_hidden_layers, (SLIDING, FULL)
        if len(self.kinds) != count or any(kind not in known for kind in self.kinds):
            raise ConfigError(
                f"layer_types: expected num_hidden_layers ({count}) times one of"
                f" {', '.join(known)}, found {self.layer_types}"
            )
        if SLIDING in self.kinds and self.sliding_window is None:
            raise ConfigError(f"sliding_window: expected a size for {SLIDING}, found None")


class RotaryDecoder(Decoder):
    """An embedding, blocks, a norm and a head, with the names of Llama's files."""

    config: RotaryConfig
    prefixes: tuple[str, ...] = ("model.",)
    ignored: tuple[str, ...] = (r"layers\.\d+\.self_attn\.rotary_emb\.inv_freq",)
    duplicates = {"lm_head.weight": "embed_tokens.weight"}  # noqa: RUF012

    def __init__(self, config: RotaryConfig):
        self.config = config
        self.vocab_size, self.context = config.vocab_size, config.rope.context
        self.width, tied = config.hidden_size, config.tie_word_embeddings
        self.embed_tokens: Embedding = self.embedding()
        self.rotary_emb = config.rope.rotary()
        self.layers = [self.block(i) for i in range(config.num_hidden_layers)]
        self.norm = config.norm()
        self.lm_head = Linear(self.width, config.vocab_size, bias=False)
        if tied:
            self.lm_head.weight = self.embed_tokens.weight

    def embedding(self) -> Embedding:
        """The table of tokens."""
        config = self.config
        return Embedding(config.vocab_size, config.hidden_size, tied=config.tie_word_embeddings)

    def block(self, index: int) -> Module:
        """Block ``index``; called with (op, x, rotary, layout, slot)."""
        raise NotImplementedError

    def slots(self) -> list[SlotSpec]:
        config = self.config
        size = config.head_size
        return [SlotSpec(i, config.kv_heads, size, size) for i in range(config.num_hidden_layers)]

    def restarts(self, past: int, length: int) -> bool:
        return self.rotary_emb.moves(past, length)

    def angles(self, op: Any, layout: Any) -> list[Any]:
        """What turns the heads of each block."""
        return [self.rotary_emb(op, layout)] * len(self.layers)

    def hidden(self, op: Any, ids: Any, layout: Any, state: Any = None) -> Any:
        x, angles = self.embed_tokens(op, ids), self.angles(op, layout)
        for i, block in enumerate(self.layers):
            x = block(op, x, angles[i], layout, slot_of(state, i))
        return self.norm(op, x)

    def head(self, op: Any, x: Any) -> Any:
        return self.lm_head(op, x)
