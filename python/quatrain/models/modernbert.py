"""ModernBERT (Warner et al. 2024): pre-norm encoder blocks, rotary positions, a gated feed-forward,
and attention that is local in most blocks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from quatrain.errors import ConfigError
from quatrain.layers import Embedding, LayerNorm, Linear
from quatrain.models.config import Config, activation, between, divides, layers, positive
from quatrain.models.rope import Rope, read_rope
from quatrain.models.rotary_decoder import FULL, SLIDING
from quatrain.models.shapes import Encoder
from quatrain.module import Module


@dataclass(frozen=True)
class ModernBertConfig(Config):
    """``model_type`` "modernbert".

    ``local_attention``: how many tokens a local block sees, half of them to either side.
    ``rope_parameters`` are by ``layer_types``; older files have a theta for each, and a number
    of blocks of which one is global.
    """

    vocab_size: int = 50368
    hidden_size: int = 768
    intermediate_size: int = 1152
    num_hidden_layers: int = 22
    num_attention_heads: int = 12
    hidden_activation: str = "gelu"
    max_position_embeddings: int = 8192
    norm_eps: float = 1e-5
    norm_bias: bool = False
    attention_bias: bool = False
    mlp_bias: bool = False
    local_attention: int = 128
    layer_types: list | None = None
    global_attn_every_n_layers: int = 3
    rope_parameters: dict | None = None
    global_rope_theta: float = 160000.0
    local_rope_theta: float | None = 10000.0

    @property
    def kinds(self) -> list[str]:
        """What each block is, ``SLIDING`` or ``FULL``."""
        if self.layer_types is not None:
            return self.layer_types
        blocks = range(self.num_hidden_layers)
        return [SLIDING if i % self.global_attn_every_n_layers else FULL for i in blocks]

    @property
    def head_size(self) -> int:
        return self.hidden_size // self.num_attention_heads

    def rope(self, kind: str) -> Rope:
        """The rotary positions of blocks of a kind."""
        local = self.local_rope_theta or self.global_rope_theta
        given = (self.rope_parameters or {}).get(kind) or {}
        if not isinstance(given, dict):
            raise ConfigError(f"rope_parameters: {kind}: expected an object, found {given!r}")
        fallback = {
            "head_dim": self.head_size,
            "rope_theta": self.global_rope_theta if kind == FULL else local,
            "max_position_embeddings": self.max_position_embeddings,
        }
        return read_rope(given, "rope_parameters", fallback)

    def norm(self) -> LayerNorm:
        return LayerNorm(self.hidden_size, self.norm_eps, bias=self.norm_bias)

    def check(self) -> None:
        layers(self, "num_hidden_layers")
        positive(self, "vocab_size", "hidden_size", "intermediate_size", "num_attention_heads")
        positive(self, "max_position_embeddings", "local_attention", "global_attn_every_n_layers")
        between(self, "norm_eps", 0, 1)
        between(self, "global_rope_theta", 1.001, 1e30)
        between(self, "local_rope_theta", 1.001, 1e30)
        divides(self, "num_attention_heads", "hidden_size")
        if self.head_size % 2:
            raise ConfigError(
                f"hidden_size: expected an even number of values for each of num_attention_heads"
                f" ({self.num_attention_heads}), found {self.head_size}"
            )
        count, known = self.num_hidden_layers, (SLIDING, FULL)
        if len(self.kinds) != count or any(kind not in known for kind in self.kinds):
            raise ConfigError(
                f"layer_types: expected num_hidden_layers ({count}) times one of"
                f" {', '.join(known)}, found {self.layer_types}"
            )
        for kind in known:
            self.rope(kind)
        activation(self, "hidden_activation")


class Embeddings(Module):
    def __init__(self, config: ModernBertConfig):
        self.tok_embeddings = Embedding(config.vocab_size, config.hidden_size)
        self.norm = config.norm()

    def forward(self, op: Any, ids: Any) -> Any:
        return self.norm(op, self.tok_embeddings(op, ids))


class Attention(Module):
    def __init__(self, config: ModernBertConfig, window: int | None):
        self.heads, self.width, self.window = config.num_attention_heads, config.hidden_size, window
        self.scale = 1 / math.sqrt(config.head_size)
        self.Wqkv = Linear(self.width, 3 * self.width, bias=config.attention_bias)
        self.Wo = Linear(self.width, self.width, bias=config.attention_bias)

    def forward(self, op: Any, x: Any, rotary: Any, layout: Any) -> Any:
        q, k, v = op.split(self.Wqkv(op, x), (self.width,) * 3)
        q, k = (op.rope(x, *rotary, heads=self.heads) for x in (q, k))
        x = op.attention(q, k, v, layout, heads=self.heads, scale=self.scale, window=self.window)
        return self.Wo(op, x)


class FeedForward(Module):
    """``Wo(activation(a) * b)``, a and b of one projection."""

    def __init__(self, config: ModernBertConfig):
        self.inner = config.intermediate_size
        self.Wi = Linear(config.hidden_size, 2 * self.inner, bias=config.mlp_bias)
        self.Wo = Linear(self.inner, config.hidden_size, bias=config.mlp_bias)
        self.activation = activation(config, "hidden_activation")

    def forward(self, op: Any, x: Any) -> Any:
        gate, up = op.split(self.Wi(op, x), (self.inner,) * 2)
        return self.Wo(op, op.gated(gate, up, activation=self.activation))


class Layer(Module):
    """The embeddings were normalised: the first block's attention has no norm of its own."""

    def __init__(self, config: ModernBertConfig, index: int):
        self.kind = config.kinds[index]
        # A token sees itself, and half of the window to either side.
        window = config.local_attention // 2 + 1 if self.kind == SLIDING else None
        self.attn_norm = config.norm() if index else None
        self.attn = Attention(config, window)
        self.mlp_norm = config.norm()
        self.mlp = FeedForward(config)

    def forward(self, op: Any, x: Any, rotary: Any, layout: Any) -> Any:
        normed = x if self.attn_norm is None else self.attn_norm(op, x)
        x = op.add(x, self.attn(op, normed, rotary, layout))
        return op.add(x, self.mlp(op, self.mlp_norm(op, x)))


class ModernBert(Encoder):
    """The encoder; its weights have the names of ``ModernBertModel``."""

    config: ModernBertConfig
    config_class = ModernBertConfig
    prefixes = ("model.",)
    ignored = (r"head\..*", r"decoder\..*")

    def __init__(self, config: ModernBertConfig):
        self.config = config
        self.vocab_size, self.width = config.vocab_size, config.hidden_size
        self.context = config.max_position_embeddings
        self.embeddings = Embeddings(config)
        self.global_rotary = config.rope(FULL).rotary()
        self.local_rotary = config.rope(SLIDING).rotary()
        self.layers = [Layer(config, i) for i in range(config.num_hidden_layers)]
        self.final_norm = config.norm()

    def hidden(self, op: Any, ids: Any, layout: Any, state: None = None, **inputs: Any) -> Any:
        x = self.embeddings(op, ids)
        rotary = {FULL: self.global_rotary(op, layout), SLIDING: self.local_rotary(op, layout)}
        for layer in self.layers:
            x = layer(op, x, rotary[layer.kind], layout)
        return self.final_norm(op, x)
