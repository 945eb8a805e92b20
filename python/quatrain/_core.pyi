"""The C++ extension: CPU kernels and the tokenizer's core.

Arrays are float32 unless said otherwise; ``threads`` 0 takes what the process may use. The
contracts, with formulas and shapes, are in ``cpp/ops/*.h``.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray

#: The tokenizer's spec and the core that executes it; ``quatrain.tokenizer.formats`` fills it in.
tokenizer: Any
#: What Python's parsers of JSON leave open; ``quatrain.files`` asks.
json: Any

class PackedWeight:
    """A weight [N, K] laid out in panels for ``linear``."""

    @property
    def shape(self) -> tuple[int, int]: ...
    @property
    def nbytes(self) -> int: ...
    @property
    def dtype(self) -> str: ...
    @property
    def block(self) -> int: ...
    @property
    def parts(self) -> dict[str, Array]: ...
    @staticmethod
    def from_parts(
        shape: tuple[int, int],
        dtype: str,
        parts: dict[str, Array],
        block: int = 32,
        zero_points: bool = True,
    ) -> PackedWeight: ...
    def rows(self, ids: Array) -> Array: ...

class Sampler:
    """Chooses the tokens of one text; ``quatrain.tasks.sampling`` is the specification."""

    def __init__(
        self,
        *,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = 0.0,
        repetition_penalty: float = 1.0,
        presence_penalty: float = 0.0,
        frequency_penalty: float = 0.0,
    ) -> None: ...
    def read(self, ids: Array) -> None: ...
    def wrote(self, id: int) -> None: ...
    def choose(self, logits: Array, uniform: float) -> int: ...
    def likelihood(
        self, logits: Array, id: int, top: int
    ) -> tuple[float, tuple[tuple[int, float], ...]]: ...

def uniform(seed: tuple[int, int], step: int) -> float: ...
def log_sum_exp(logits: Array, threads: int = 0) -> list[float]: ...
def likeliest(
    logits: Array, offsets: list[float], count: int, threads: int = 0
) -> list[tuple[int, int, float]]: ...

class Value:
    """A value of a plan: so many columns for each token ("N") or each sentence ("B")."""

    @property
    def shape(self) -> tuple[str, int]: ...
    @property
    def ndim(self) -> int: ...

class Ids:
    """Whole numbers that a pass is given, one for each token."""

class Bias:
    """A bias of the scores that a pass is given, one for each sentence."""

class CacheSlot:
    """Keys and values that a pass extends."""

class SourceSlot:
    """Keys and values of a source."""

class Arena:
    """The memory of one pass at a time; kept for the next."""

    @property
    def nbytes(self) -> int: ...

class Plan:
    """Operations recorded once, to be run again and again.

    Beside what is declared here it has the operations below, by their names and with their
    arguments (``attention`` by a cache or a source first, if it has one), on values.
    """

    def ids(self) -> Ids: ...
    def rows(self, columns: int) -> Value: ...
    def positions(self, start: int = 0, stride: int = 1) -> Ids: ...
    def cache(self) -> CacheSlot: ...
    def source(self) -> SourceSlot: ...
    def concat(self, parts: Sequence[Value]) -> Value: ...
    def result(self, x: Value) -> int: ...
    def nbytes(self, tokens: int, sentences: int) -> int: ...
    def result_nbytes(self, tokens: int, sentences: int) -> int: ...
    def run(
        self,
        arena: Arena,
        lengths: Array,
        past: Array,
        ids: Sequence[Array],
        caches: Sequence[tuple[Array, Array]],
        sources: Sequence[tuple[Array, Array, Array, Array]],
        rows: Sequence[Array] = (),
        threads: int = 0,
    ) -> list[Array]: ...

def isa() -> str: ...
def default_threads() -> int: ...
def pack(
    weight: Array,
    dtype: str = "float32",
    *,
    bfloat16: bool = False,
    block: int = 32,
    zero_points: bool = True,
    threads: int = 0,
) -> PackedWeight: ...
def pack_blocks(rows: Array, type: str, *, threads: int = 0) -> PackedWeight: ...
def linear(
    x: Array,
    weight: PackedWeight,
    bias: Array | None = None,
    activation: str = "none",
    threads: int = 0,
) -> Array: ...
def add(x: Array, y: Array, threads: int = 0) -> Array: ...
def mul(x: Array, y: Array, threads: int = 0) -> Array: ...
def gelu(x: Array, threads: int = 0) -> Array: ...
def gelu_tanh(x: Array, threads: int = 0) -> Array: ...
def relu(x: Array, threads: int = 0) -> Array: ...
def silu(x: Array, threads: int = 0) -> Array: ...
def tanh(x: Array, threads: int = 0) -> Array: ...
def sigmoid(x: Array, threads: int = 0) -> Array: ...
def erf(x: Array, threads: int = 0) -> Array: ...
def exp(x: Array, threads: int = 0) -> Array: ...
def rsqrt(x: Array, threads: int = 0) -> Array: ...
def softmax(x: Array, threads: int = 0) -> Array: ...
def gated(gate: Array, up: Array, activation: str, threads: int = 0) -> Array: ...
def layer_norm(
    x: Array, weight: Array, bias: Array | None, eps: float, threads: int = 0
) -> Array: ...
def rms_norm(x: Array, weight: Array, eps: float, heads: int = 1, threads: int = 0) -> Array: ...
def add_layer_norm(
    x: Array, y: Array, weight: Array, bias: Array | None, eps: float, threads: int = 0
) -> tuple[Array, Array]: ...
def add_rms_norm(
    x: Array, y: Array, weight: Array, eps: float, threads: int = 0
) -> tuple[Array, Array]: ...
def l2_normalize(x: Array, threads: int = 0) -> Array: ...
def embedding(ids: Array, weight: Array, threads: int = 0) -> Array: ...
def rope(
    x: Array, cos: Array, sin: Array, heads: int, interleaved: bool, threads: int = 0
) -> Array: ...
def rotary(
    positions: Array, inv_freq: Array, scale: float = 1.0, threads: int = 0
) -> tuple[Array, Array]: ...
def windows(x: Array, starts: Array, size: int, stride: int = 1, threads: int = 0) -> Array: ...
def pool(x: Array, starts: Array, kind: str, threads: int = 0) -> Array: ...
def append_rows(
    cache: Array, rows: Array, starts: Array, past: Array, heads: int = 1, threads: int = 0
) -> None: ...
def attention(
    q: Array,
    k_rows: Array,
    v_rows: Array,
    q_start: Array,
    k_start: Array,
    k_length: Array,
    past: Array,
    *,
    heads: int,
    kv_heads: int,
    scale: float,
    causal: bool,
    window: int | None = None,
    softcap: float | None = None,
    bias: Sequence[Array] | None = None,
    sinks: Array | None = None,
    threads: int = 0,
) -> Array: ...
def attention_weights(
    q: Array,
    k_rows: Array,
    q_start: Array,
    k_start: Array,
    k_length: Array,
    past: Array,
    *,
    heads: int,
    kv_heads: int,
    scale: float,
    causal: bool,
    window: int | None = None,
    softcap: float | None = None,
    bias: Sequence[Array] | None = None,
    sinks: Array | None = None,
    threads: int = 0,
) -> tuple[list[Array], list[Array]]: ...
