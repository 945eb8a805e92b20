"""The same Transformer of torch's own parts (``nn.TransformerEncoderLayer`` and the decoder's)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from oracle import Oracle

Array = np.ndarray


class TorchTransformer(Oracle):
    """A folder of ``model_type`` "transformer", in float64.

    What stands before a stack's blocks is another value in every variant; block 0 is given for it.
    """

    def __init__(self, folder: Path) -> None:
        import torch

        torch.set_num_threads(1)
        torch.backends.mha.set_fastpath_enabled(False)
        self.torch, self.paired = torch, True
        self.config = json.loads((folder / "config.json").read_text())
        self.start = self.config["decoder_start_token_id"]
        weights = load_file(folder / "model.safetensors")
        self.weights = {k: torch.tensor(v).double() for k, v in weights.items()}
        self.blocks = {side: self._blocks(side) for side in ("encoder", "decoder")}

    def _blocks(self, side: str) -> list[Any]:
        nn, config = self.torch.nn, self.config
        kind = nn.TransformerEncoderLayer if side == "encoder" else nn.TransformerDecoderLayer
        activation = config["activation_function"]
        found = []
        for i in range(config[f"{side}_layers"]):
            block = kind(
                config["d_model"],
                config[f"{side}_attention_heads"],
                config[f"{side}_ffn_dim"],
                dropout=0.0,
                activation=nn.functional.silu if activation == "silu" else activation,
                layer_norm_eps=config["layer_norm_eps"],
                batch_first=True,
                norm_first=config["normalize_before"],
                dtype=self.torch.float64,
            )
            block.load_state_dict(dict(self._renamed(f"model.{side}.layers.{i}.", block)))
            found.append(block.eval())
        return found

    def _renamed(self, prefix: str, block: Any) -> Any:
        """A block's weights by torch's names; of those that were left out, zeros."""
        norms = ["self_attn_layer_norm", "final_layer_norm"]
        names = {"self_attn": "self_attn", "linear1": "fc1", "linear2": "fc2"}
        if hasattr(block, "multihead_attn"):
            norms.insert(1, "encoder_attn_layer_norm")
            names["multihead_attn"] = "encoder_attn"
        names |= {f"norm{i}": name for i, name in enumerate(norms, 1)}
        for key, value in block.state_dict().items():
            module, rest = key.split(".", 1)
            if rest.startswith("in_proj"):
                kind = rest.removeprefix("in_proj_")
                parts = [f"{prefix}{names[module]}.{x}_proj.{kind}" for x in "qkv"]
            else:
                parts = [f"{prefix}{names[module]}.{rest}"]
            missing = parts[0] not in self.weights
            yield key, value * 0 if missing else self.torch.cat([self.weights[p] for p in parts])

    def _embed(self, side: str, ids: Array) -> Any:
        torch, config, weights = self.torch, self.config, self.weights
        x = self._table(side)[torch.tensor(np.array(ids))]
        if config["scale_embedding"]:
            x = x * config["d_model"] ** 0.5
        start = config["position_offset"]
        if config["position_embedding_type"] == "learned":
            x = x + weights[f"model.{side}.embed_positions.weight"][start : start + len(ids)]
        elif config["position_embedding_type"] == "sinusoidal":
            x = x + torch.tensor([self._sines(start + i) for i in range(len(ids))])
        return self._norm(f"model.{side}.layernorm_embedding", x)[None]

    def _table(self, side: str) -> Any:
        """A side's embeddings: its own, or those of both."""
        own = f"model.{side}.embed_tokens.weight"
        return self.weights[own if own in self.weights else "model.shared.weight"]

    def _sines(self, position: int) -> list[float]:
        """One position's row, spelled out."""
        pairs = self.config["d_model"] // 2
        tensor2tensor = self.config["sinusoids"] == "tensor2tensor"
        steps = pairs - 1 if tensor2tensor else pairs
        angles = [position / 10000 ** (i / steps) for i in range(pairs)]
        if self.config["sinusoids"] == "paper":
            row = [f(a) for a in angles for f in (np.sin, np.cos)]
        else:
            row = [f(a) for f in (np.sin, np.cos) for a in angles]
        return [float(np.float32(x)) for x in row]

    def _norm(self, name: str, x: Any) -> Any:
        """The norm of that name, where there is one."""
        if f"{name}.weight" not in self.weights:
            return x
        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        eps = self.config["layer_norm_eps"]
        return self.torch.nn.functional.layer_norm(x, weight.shape, weight, bias, eps)

    def run(self, ids: Array, source: Array | None = None, **more: Array) -> dict[str, Any]:
        """``logits`` ``[T, V]``, and both stacks' hidden states ``[T, D]``."""
        weights, torch = self.weights, self.torch
        with torch.no_grad():
            memory, encoded = self._stack("encoder", self._embed("encoder", source))
            mask = torch.triu(torch.full((len(ids),) * 2, -np.inf, dtype=torch.float64), 1)
            x = self._embed("decoder", ids)
            x, decoded = self._stack("decoder", x, memory=memory, tgt_mask=mask)
            head = weights.get("lm_head.weight", self._table("decoder"))
            logits = (x[0] @ head.T + weights.get("final_logits_bias", torch.zeros(1))).numpy()
        return {
            "logits": logits,
            "encoder_hidden_states": encoded,
            "decoder_hidden_states": decoded,
        }

    def _stack(self, side: str, x: Any, **more: Any) -> tuple[Any, list[Array]]:
        states = []
        for block in self.blocks[side]:
            x = block(x, **more)
            states.append(x[0].numpy())
        x = self._norm(f"model.{side}.layer_norm", x)
        return x, [states[0], *states[:-1], x[0].numpy()]
