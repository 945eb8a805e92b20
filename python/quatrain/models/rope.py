"""How a config says which rotary positions a model has: ``rope_scaling`` in older files,
``rope_parameters`` in newer ones, each an object whose ``rope_type`` is one of ``ROPES``."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Any

from quatrain.errors import ConfigError
from quatrain.layers import (
    DynamicRotary,
    LinearRotary,
    Llama3Rotary,
    LongRotary,
    Rotary,
    YarnRotary,
)
from quatrain.models.config import LARGEST, Config, between, matches, positive

#: No text is stretched further.
MOST_STRETCHED = 1e6
#: Fields that are no rotary position's own to say.
OF_THE_MODEL = ("head_dim", "max_position_embeddings")


@dataclass(frozen=True, kw_only=True)
class Rope(Config):
    """``rope_type`` "default": frequencies as they are."""

    head_dim: int
    rope_theta: float = 10000.0
    max_position_embeddings: int = 2048
    partial_rotary_factor: float = 1.0

    @property
    def context(self) -> int:
        """How many tokens the positions are good for."""
        return self.max_position_embeddings

    def check(self) -> None:
        between(self, "rope_theta", 1.001, 1e30)
        between(self, "partial_rotary_factor", 0, 1)

    @property
    def turned(self) -> int:
        """How many of a head's values turn."""
        return int(self.head_dim * self.partial_rotary_factor)

    def rotary(self) -> Rotary:
        """The layer."""
        return Rotary(self.turned, self.rope_theta)


@dataclass(frozen=True, kw_only=True)
class LinearRope(Rope):
    """``rope_type`` "linear"."""

    factor: float

    @property
    def context(self) -> int:
        return int(self.factor * self.max_position_embeddings)

    def check(self) -> None:
        super().check()
        between(self, "factor", 1, MOST_STRETCHED)

    def rotary(self) -> Rotary:
        return LinearRotary(self.turned, self.rope_theta, factor=self.factor)


@dataclass(frozen=True, kw_only=True)
class Llama3Rope(Rope):
    """``rope_type`` "llama3"."""

    factor: float
    low_freq_factor: float
    high_freq_factor: float
    original_max_position_embeddings: int

    def check(self) -> None:
        super().check()
        between(self, "factor", 1, MOST_STRETCHED)
        positive(self, "original_max_position_embeddings")
        between(self, "low_freq_factor", 1e-6, 1e6)
        if not self.low_freq_factor < self.high_freq_factor <= 1e6:
            raise ConfigError(
                f"high_freq_factor: expected more than low_freq_factor ({self.low_freq_factor}),"
                f" and at most 1e6, found {self.high_freq_factor}"
            )

    def rotary(self) -> Rotary:
        return Llama3Rotary(
            self.turned,
            self.rope_theta,
            factor=self.factor,
            low=self.low_freq_factor,
            high=self.high_freq_factor,
            original=self.original_max_position_embeddings,
        )


@dataclass(frozen=True, kw_only=True)
class YarnRope(Rope):
    """``rope_type`` "yarn". Without a ``factor``: the ratio of both numbers of positions."""

    original_max_position_embeddings: int
    factor: float | None = None
    attention_factor: float | None = None
    beta_fast: float = 32.0
    beta_slow: float = 1.0
    mscale: float | None = None
    mscale_all_dim: float | None = None
    truncate: bool = True

    @property
    def stretch(self) -> float:
        return self.factor or self.max_position_embeddings / self.original_max_position_embeddings

    @property
    def context(self) -> int:
        stretched = int(self.stretch * self.original_max_position_embeddings)
        return max(self.max_position_embeddings, stretched)

    @property
    def scale(self) -> float:
        """Of cos and sin: what ``attention_factor`` says, else what the paper found."""
        if self.attention_factor is not None:
            return self.attention_factor

        def scale(m: float) -> float:
            return 0.1 * m * math.log(self.stretch) + 1 if self.stretch > 1 else 1.0

        if self.mscale and self.mscale_all_dim:
            return scale(self.mscale) / scale(self.mscale_all_dim)
        return scale(1.0)

    def check(self) -> None:
        super().check()
        positive(self, "original_max_position_embeddings")
        between(self, "factor", 1, MOST_STRETCHED)
        between(self, "attention_factor", 0, MOST_STRETCHED)
        between(self, "mscale", 0, MOST_STRETCHED)
        between(self, "mscale_all_dim", 0, MOST_STRETCHED)
        between(self, "beta_slow", 1e-6, 1e6)
        between(self, "beta_fast", self.beta_slow, 1e6)

    def rotary(self) -> Rotary:
        return YarnRotary(
            self.turned,
            self.rope_theta,
            factor=self.stretch,
            original=self.original_max_position_embeddings,
            fast=self.beta_fast,
            slow=self.beta_slow,
            truncate=self.truncate,
            scale=self.scale,
        )


@dataclass(frozen=True, kw_only=True)
class DynamicRope(Rope):
    """``rope_type`` "dynamic": ``max_position_embeddings`` is what the model was trained on."""

    factor: float

    @property
    def context(self) -> int:
        return int(self.factor * self.max_position_embeddings)

    def check(self) -> None:
        super().check()
        # There is a row of frequencies for each length beyond that: LARGEST numbers at most.
        row = max(self.turned // 2, 1)
        between(self, "factor", 1, 1 + LARGEST / (row * self.max_position_embeddings))
        between(self, "head_dim", 4, LARGEST)
        between(self, "rope_theta", 1.001, 1e20)  # and the longest text's is a float32 yet

    def rotary(self) -> Rotary:
        return DynamicRotary(
            self.turned,
            self.rope_theta,
            factor=self.factor,
            original=self.max_position_embeddings,
            longest=self.context,
        )


@dataclass(frozen=True, kw_only=True)
class LongRope(Rope):
    """``rope_type`` "longrope". Without a ``factor``: the ratio of both numbers of positions."""

    short_factor: list
    long_factor: list
    original_max_position_embeddings: int
    factor: float | None = None
    attention_factor: float | None = None

    @property
    def scale(self) -> float:
        """Of cos and sin: what ``attention_factor`` says, else what the paper found."""
        if self.attention_factor is not None:
            return self.attention_factor
        original = self.original_max_position_embeddings
        stretch = self.factor or self.max_position_embeddings / original
        return math.sqrt(1 + math.log(stretch) / math.log(original)) if stretch > 1 else 1.0

    def check(self) -> None:
        super().check()
        between(self, "factor", 1e-6, MOST_STRETCHED)
        between(self, "attention_factor", 0, MOST_STRETCHED)
        # Without an attention_factor, the logarithm of this divides.
        least = 2 if self.attention_factor is None else 1
        between(self, "original_max_position_embeddings", least, LARGEST)
        for field in ("short_factor", "long_factor"):
            divisors, pairs = getattr(self, field), self.turned // 2
            known = all(matches(x, float) and 1e-6 <= x <= 1e6 for x in divisors)
            if not known or len(divisors) != pairs:
                part = f"partial_rotary_factor {self.partial_rotary_factor}"
                raise ConfigError(
                    f"{field}: expected {pairs} numbers from 1e-6 to 1e6 (head_dim {self.head_dim},"
                    f" {part}), found {divisors!r}"
                )

    def rotary(self) -> Rotary:
        return LongRotary(
            self.turned,
            self.rope_theta,
            short=self.short_factor,
            long=self.long_factor,
            original=self.original_max_position_embeddings,
            scale=self.scale,
        )


ROPES: dict[str, type[Rope]] = {
    "default": Rope,
    "linear": LinearRope,
    "dynamic": DynamicRope,
    "yarn": YarnRope,
    "llama3": Llama3Rope,
    "longrope": LongRope,
}


def read_rope(
    given: dict[str, Any], field: str, fallback: dict[str, Any], kinds: Collection[str] = ROPES
) -> Rope:
    """The rotary positions that an object says; what it leaves out comes from ``fallback``.

    Raises ConfigError, naming ``field`` and the key in it.
    """
    given = {k: v for k, v in given.items() if v is not None and k not in OF_THE_MODEL}
    # Older files call it "type".
    kind = given.get("rope_type", given.get("type", "default"))
    if not isinstance(kind, str) or kind not in kinds:
        raise ConfigError(f"{field}: rope_type: expected one of {', '.join(kinds)}, found {kind!r}")
    known = {one.name for one in fields(ROPES[kind])}
    return ROPES[kind].from_dict({k: v for k, v in (fallback | given).items() if k in known}, field)
