"""What the tests know of a family."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

VOCAB = 97
LOUDER = 5


@dataclass(frozen=True)
class Family:
    """A family's tiny checkpoint, and the changes to it in which transformers judges us.

    config: the fields of the tiny ``config.json``; sizes are odd and unequal on purpose.
    states: transformers' name of a list of hidden states -> our traced names of its first, of
    each block's but the last ("{}" is the block's number), and of the last one.
    prefix: what the file's keys carry before ours. variants: name -> changes to the config; with
    "" they throw every switch that the family reads. exact: how close two float64 computations
    come (what transformers rounds to float32 when it makes a model costs 1e-6). scale: of random
    weights; loud: how the key ends of a weight that is drawn LOUDER times larger; both so that the
    best two next tokens are clearly apart.
    rows: of a family that hears, the shape of what its encoder takes instead of ids.
    remade: variant -> what is done to transformers' model before its weights are drawn.
    rewritten: variant -> fields of ``config.json`` that transformers does not write itself.
    """

    config: dict[str, Any]
    states: dict[str, tuple[str, str, str]]
    prefix: str = ""
    variants: dict[str, dict[str, Any]] = field(default_factory=dict)
    exact: float = 1e-12
    scale: float = 0.3
    loud: str | None = None
    rows: tuple[int, int] | None = None
    remade: dict[str, Callable[[Any], None]] = field(default_factory=dict)
    rewritten: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.config["model_type"])

    def sources(self, random: Any, *lengths: int) -> list[Any]:
        """What the encoder takes, with NumPy's generator: ids of those lengths, or rows."""
        if self.rows is not None:
            return [random.standard_normal(self.rows).astype("float32") for _ in lengths]
        return [random.integers(0, VOCAB, length) for length in lengths]

    def drawn(self, key: str, noise: Any) -> Any:
        """A weight of standard normal noise, an array of NumPy's or of torch's."""
        is_norm = noise.ndim == 1 and key.endswith("weight")
        weight = 1 + 0.1 * noise if is_norm else self.scale * noise
        return LOUDER * weight if self.loud and key.endswith(self.loud) else weight

    def names(self, kind: str, count: int) -> list[str]:
        """Our names of the ``count`` hidden states of one kind."""
        first, block, last = self.states[kind]
        return [first, *(block.format(i) for i in range(count - 2)), last]
