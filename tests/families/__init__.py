"""Every family's tiny checkpoint and its variants: one file each, named as its ``model_type``."""

from __future__ import annotations

import importlib
import pkgutil

from families.family import VOCAB, Family
from quatrain import models

__all__ = ["DECODERS", "ENCODERS", "FAMILIES", "PAIRED", "VARIANTS", "VOCAB", "Family"]

FAMILIES: dict[str, Family] = {
    module.name: importlib.import_module(f"families.{module.name}").FAMILY
    for module in pkgutil.iter_modules(__path__)
    if module.name != "family"
}


def of_shape(shape: type) -> list[str]:
    return [name for name in FAMILIES if issubclass(models.FAMILIES[name], shape)]


#: Names of families by shape; those of ``PAIRED``, encoders with decoders, are decoders as well.
ENCODERS, DECODERS = of_shape(models.Encoder), of_shape(models.Decoder)
PAIRED = of_shape(models.EncoderDecoder)

#: Every checkpoint that transformers makes: (family, variant); "" is the tiny config itself.
VARIANTS = [(name, variant) for name, one in FAMILIES.items() for variant in ("", *one.variants)]
