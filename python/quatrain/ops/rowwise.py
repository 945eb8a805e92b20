"""Row-wise operations: one row in, one row out. A body in primitives is the specification;
an engine overrides it where it can do better."""

from __future__ import annotations

import math

from quatrain.ops.operation import operation, required
from quatrain.ops.primitives import Primitives, Tensor

#: Activations by the names that Hugging Face configs use.
ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_fast": "gelu_tanh",
    "gelu_new": "gelu_tanh",
    "gelu_python": "gelu",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
    "tanh": "tanh",
}


class RowWise(Primitives):
    """Operations in which no row sees another."""

    @required
    @operation("rows")
    def embedding(self, ids: Tensor, weight: Tensor) -> Tensor:
        """Rows of a table: ``out[i] = weight[ids[i]]``.

        ids int64 ``[N]`` (or padded ``[B, T]``), weight ``[V, D]`` -> ``[N, D]``.
        Raises InputError for an id outside ``[0, V)``. Source: ONNX Gather, axis 0.
        """
        raise NotImplementedError

    @required
    @operation()
    def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """``x @ weight.T + bias``.

        x ``[..., K]``, weight ``[N, K]`` (always [out, in], however the file stores it),
        bias ``[N]`` -> ``[..., N]``. Source: ONNX Gemm.
        """
        raise NotImplementedError

    @operation()
    def layer_norm(self, x: Tensor, weight: Tensor, bias: Tensor | None, *, eps: float) -> Tensor:
        """``(x - mean) / sqrt(var + eps) * weight + bias`` over the last axis.

        The variance is the biased one (divided by D). weight, bias ``[D]``.
        Source: Ba et al. 2016; ONNX LayerNormalization, axis -1.
        """
        centred = self.add(x, self.mul(self.mean(x), -1.0))
        variance = self.mean(self.mul(centred, centred))
        normed = self.mul(self.mul(centred, self.rsqrt(self.add(variance, eps))), weight)
        return normed if bias is None else self.add(normed, bias)

    @operation()
    def rms_norm(self, x: Tensor, weight: Tensor, *, eps: float, heads: int = 1) -> Tensor:
        """``x / sqrt(mean(x^2) + eps) * weight`` over each head of the last axis.

        x ``[..., H*D]``, weight ``[D]``: all heads have the same one.
        Source: Zhang and Sennrich 2019; ONNX RMSNormalization, axis -1.
        """
        if heads != 1:
            return self.merge_heads(self.rms_norm(self.split_heads(x, heads), weight, eps=eps))
        square = self.mean(self.mul(x, x))
        return self.mul(self.mul(x, self.rsqrt(self.add(square, eps))), weight)

    @required
    @operation()
    def l2_normalize(self, x: Tensor) -> Tensor:
        """``x / max(||x||, 1e-12)`` over the last axis (sentence-transformers Normalize)."""
        raise NotImplementedError

    @operation()
    def gelu(self, x: Tensor) -> Tensor:
        """``x/2 * (1 + erf(x / sqrt 2))``. Source: Hendrycks and Gimpel 2016; ONNX Gelu."""
        return self.mul(self.mul(x, 0.5), self.add(self.erf(self.mul(x, math.sqrt(0.5))), 1.0))

    @operation()
    def gelu_tanh(self, x: Tensor) -> Tensor:
        """``x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3)))`` (GPT-2; ONNX Gelu "tanh")."""
        cubic = self.mul(self.mul(self.mul(x, x), x), 0.044715)
        inner = self.mul(self.add(x, cubic), math.sqrt(2 / math.pi))
        return self.mul(self.mul(x, 0.5), self.add(self.tanh(inner), 1.0))

    @operation()
    def silu(self, x: Tensor) -> Tensor:
        """``x * sigmoid(x)``. Source: Elfwing et al. 2017; also called swish."""
        return self.mul(x, self.sigmoid(x))

    @operation()
    def gated(self, gate: Tensor, up: Tensor, *, activation: str) -> Tensor:
        """``activation(gate) * up``: the gated feed-forward of Shazeer 2020 (SwiGLU, GEGLU)."""
        return self.mul(self.activation(gate, activation), up)

    def activation(self, x: Tensor, name: str) -> Tensor:
        """Apply the operation called ``name`` (a value of ``ACTIVATIONS``)."""
        return getattr(self, name)(x)

    @required
    @operation()
    def rope(
        self, x: Tensor, cos: Tensor, sin: Tensor, *, heads: int, interleaved: bool = False
    ) -> Tensor:
        """Rotate pairs of each head's first R values by the angle of the row's position.

        x ``[..., H*D]``, cos and sin ``[..., R/2]`` (R <= D; the rest passes through). A pair is
        (i, i + R/2), or (2i, 2i + 1) when interleaved:
        ``(a, b) -> (a cos - b sin, b cos + a sin)``.
        Source: Su et al. 2021; ONNX RotaryEmbedding.
        """
        raise NotImplementedError
