"""GPT-2 in torch, as small as it can be, with the parameter names of its checkpoints.

quatrain's own engine runs the model; this is only what trains it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CONFIG = {
    "architectures": ["GPT2LMHeadModel"],
    "model_type": "gpt2",
    "vocab_size": 2048,
    "n_positions": 256,
    "n_embd": 160,
    "n_layer": 5,
    "n_head": 5,
    "n_inner": None,
    "activation_function": "gelu_new",
    "layer_norm_epsilon": 1e-05,
    "initializer_range": 0.02,
    "attn_pdrop": 0.1,
    "embd_pdrop": 0.1,
    "resid_pdrop": 0.1,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "scale_attn_weights": True,
    "tie_word_embeddings": True,
    "use_cache": True,
    "torch_dtype": "float16",
}


class Linear(nn.Module):
    """A linear layer whose weight is stored [in, out], as GPT-2's checkpoints store it."""

    def __init__(self, inputs: int, outputs: int, deviation: float = 0.02) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs) * deviation)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight.t(), self.bias)


class Attention(nn.Module):
    def __init__(self, width: int, heads: int, deviation: float) -> None:
        super().__init__()
        self.heads = heads
        self.c_attn = Linear(width, 3 * width)
        self.c_proj = Linear(width, width, deviation)

    def forward(self, x: Tensor, past: list[Tensor] | None = None) -> Tensor:
        """`past` holds the keys and values of earlier tokens, and is added to in place."""
        batch, length, width = x.shape
        head = width // self.heads
        parts = self.c_attn(x).view(batch, length, 3, self.heads, head).permute(2, 0, 3, 1, 4)
        query, key, value = (part.reshape(-1, length, head) for part in parts)
        if past is not None:
            if past:
                key, value = torch.cat([past[0], key], 1), torch.cat([past[1], value], 1)
            past[:] = [key, value]
        # Spelled out: on one CPU thread torch's fused attention has the slower backward pass.
        future = torch.full((length, key.shape[1]), float("-inf"), dtype=query.dtype)
        future = future.triu(1 + key.shape[1] - length)
        scores = torch.baddbmm(future[None], query * head**-0.5, key.transpose(1, 2))
        with torch.autocast("cpu", enabled=False):
            weights = scores.softmax(-1)
        mixed = torch.bmm(weights, value).view(batch, self.heads, length, head)
        return self.c_proj(mixed.transpose(1, 2).reshape(batch, length, width))


class FeedForward(nn.Module):
    def __init__(self, width: int, deviation: float) -> None:
        super().__init__()
        self.c_fc = Linear(width, 4 * width)
        self.c_proj = Linear(4 * width, width, deviation)

    def forward(self, x: Tensor) -> Tensor:
        return self.c_proj(F.gelu(self.c_fc(x), approximate="tanh"))


class Block(nn.Module):
    def __init__(self, width: int, heads: int, layers: int, dropout: float) -> None:
        super().__init__()
        # GPT-2 shrinks what enters the residual stream by its depth.
        deviation = 0.02 / (2 * layers) ** 0.5
        self.ln_1 = nn.LayerNorm(width)
        self.attn = Attention(width, heads, deviation)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = FeedForward(width, deviation)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, past: list[Tensor] | None = None) -> Tensor:
        x = x + self.dropout(self.attn(self.ln_1(x), past))
        return x + self.dropout(self.mlp(self.ln_2(x)))


class GPT2(nn.Module):
    def __init__(self, dropout: float = 0.1) -> None:
        super().__init__()
        width, heads, layers = CONFIG["n_embd"], CONFIG["n_head"], CONFIG["n_layer"]
        self.wte = nn.Embedding(CONFIG["vocab_size"], width)
        self.wpe = nn.Embedding(CONFIG["n_positions"], width)
        for table in (self.wte, self.wpe):
            nn.init.normal_(table.weight, std=0.02)
        self.h = nn.ModuleList(Block(width, heads, layers, dropout) for _ in range(layers))
        self.ln_f = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, ids: Tensor, past: list[list[Tensor]] | None = None) -> Tensor:
        done = past[0][0].shape[1] if past and past[0] else 0
        x = self.dropout(self.wte(ids) + self.wpe.weight[done : done + ids.shape[1]])
        for index, block in enumerate(self.h):
            x = block(x, past[index] if past else None)
        return F.linear(self.ln_f(x), self.wte.weight)

    @torch.no_grad()
    def greedy(self, ids: Tensor, count: int) -> Tensor:
        """`ids` and the `count` likeliest tokens after them, one by one."""
        past: list[list[Tensor]] = [[] for _ in self.h]
        new = ids
        for _ in range(count):
            new = self(new, past)[:, -1:].argmax(-1)
            ids = torch.cat([ids, new], 1)
        return ids
