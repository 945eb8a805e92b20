"""Text to token ids and back, as a ``tokenizer.json`` says.

`Tokenizer` reads the file into a typed description; the C++ core executes it. A component that is
not known is refused by name, never approximated.
"""

from quatrain.tokenizer.encoding import Encoding
from quatrain.tokenizer.lengths import Padding, Truncation
from quatrain.tokenizer.tokenizer import StreamDecoder, Tokenizer

__all__ = ["Encoding", "Padding", "StreamDecoder", "Tokenizer", "Truncation"]
