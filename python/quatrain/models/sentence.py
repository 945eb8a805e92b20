"""The settings of the modules that sentence-transformers puts behind an encoder."""

from __future__ import annotations

from dataclasses import dataclass

from quatrain.errors import ConfigError
from quatrain.layers.sentence import Dense, Norm, Normalize, Pooling, ResidualDense, SentenceModule
from quatrain.models.config import Config, one_of, positive

#: A pooling's mode, and older files' switch for it -> what ``op.pool`` calls it, in the order in
#: which older files put vectors side by side.
MODES = {
    "cls": ("pooling_mode_cls_token", "cls"),
    "max": ("pooling_mode_max_tokens", "max"),
    "mean": ("pooling_mode_mean_tokens", "mean"),
    "mean_sqrt_len_tokens": ("pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len"),
    "weightedmean": ("pooling_mode_weightedmean_tokens", "weightedmean"),
    "lasttoken": ("pooling_mode_lasttoken", "last"),
}
#: A class of torch's -> the operation.
TORCH_ACTIVATIONS = {
    "Tanh": "tanh",
    "ReLU": "relu",
    "GELU": "gelu",
    "SiLU": "silu",
    "Sigmoid": "sigmoid",
    "Identity": None,
}


@dataclass(frozen=True, kw_only=True)
class ModuleConfig(Config):
    """The settings of one module."""

    def module(self, width: int) -> SentenceModule:
        """The module, for what has ``width`` values. Raises ConfigError if it expects others."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class VectorConfig(ModuleConfig):
    """Of a module that says what it reads and writes: here, the sentence's vector."""

    module_input_name: str = "sentence_embedding"
    module_output_name: str | None = None

    def check(self) -> None:
        one_of(self, "module_input_name", "sentence_embedding")
        one_of(self, "module_output_name", "sentence_embedding", None)


@dataclass(frozen=True, kw_only=True)
class PoolingConfig(ModuleConfig):
    """Newer files name one or several modes; older ones have a switch for each."""

    embedding_dimension: int | None = None
    word_embedding_dimension: int | None = None
    pooling_mode: str | list | None = None
    pooling_mode_cls_token: bool = False
    pooling_mode_max_tokens: bool = False
    pooling_mode_mean_tokens: bool = False
    pooling_mode_mean_sqrt_len_tokens: bool = False
    pooling_mode_weightedmean_tokens: bool = False
    pooling_mode_lasttoken: bool = False
    include_prompt: bool = True

    @property
    def modes(self) -> list[str]:
        """The modes, in the order of their vectors."""
        if self.pooling_mode is not None:
            return self.pooling_mode if isinstance(self.pooling_mode, list) else [self.pooling_mode]
        return [mode for mode, (switch, _) in MODES.items() if getattr(self, switch)]

    def check(self) -> None:
        one_of(self, "include_prompt", True)
        if not self.modes or any(mode not in list(MODES) for mode in self.modes):
            raise ConfigError(
                f"pooling_mode: expected one or several of {', '.join(MODES)}, found"
                f" {self.pooling_mode!r}"
            )

    def module(self, width: int) -> Pooling:
        for name in ("embedding_dimension", "word_embedding_dimension"):
            if getattr(self, name) is not None:
                one_of(self, name, width)
        return Pooling(width, tuple(MODES[mode][1] for mode in self.modes))


@dataclass(frozen=True, kw_only=True)
class DenseConfig(VectorConfig):
    """A linear layer and what follows it."""

    in_features: int
    out_features: int
    bias: bool = True
    activation_function: str = "torch.nn.modules.activation.Tanh"
    use_residual: bool = False

    def check(self) -> None:
        super().check()
        positive(self, "in_features", "out_features")
        package, _, name = self.activation_function.rpartition(".")
        if package.split(".")[:2] != ["torch", "nn"] or name not in TORCH_ACTIVATIONS:
            raise ConfigError(
                f"activation_function: expected one of torch.nn's {', '.join(TORCH_ACTIVATIONS)},"
                f" found {self.activation_function!r}"
            )

    def module(self, width: int) -> Dense:
        one_of(self, "in_features", width)
        activation = TORCH_ACTIVATIONS[self.activation_function.rpartition(".")[2]]
        kind = ResidualDense if self.use_residual else Dense
        return kind(width, self.out_features, bias=self.bias, activation=activation)


@dataclass(frozen=True, kw_only=True)
class LayerNormConfig(ModuleConfig):
    """A layer norm."""

    dimension: int

    def module(self, width: int) -> Norm:
        one_of(self, "dimension", width)
        return Norm(width)


@dataclass(frozen=True, kw_only=True)
class NormalizeConfig(VectorConfig):
    """Vectors of length 1."""

    def module(self, width: int) -> Normalize:
        return Normalize(width)


KINDS: dict[str, type[ModuleConfig]] = {
    "Pooling": PoolingConfig,
    "Dense": DenseConfig,
    "LayerNorm": LayerNormConfig,
    "Normalize": NormalizeConfig,
}
#: Modules that have weights in their folders.
WEIGHTED = (DenseConfig, LayerNormConfig)
