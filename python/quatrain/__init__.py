"""Transformers in the open, without a framework: one definition, four engines, the same numbers.

>>> import quatrain
>>> m = quatrain.load()
>>> m.generate("Humpty Dumpty sat on a").text
"""

from quatrain import errors
from quatrain.export import export
from quatrain.loader import load
from quatrain.model import Model
from quatrain.parity import Diff, diff
from quatrain.tasks.generate import Generation
from quatrain.tokenizer import Encoding, Tokenizer
from quatrain.trace import Trace
from quatrain.verify import Report, verify

__version__ = "0.1.0"

__all__ = [
    "Diff",
    "Encoding",
    "Generation",
    "Model",
    "Report",
    "Tokenizer",
    "Trace",
    "diff",
    "errors",
    "export",
    "load",
    "verify",
]
