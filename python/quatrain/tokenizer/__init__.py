"""Text to token ids and back, as a tokenizer's files say.

`Tokenizer` reads the files into a typed description; the C++ core executes it. A component that is
not known is refused by name, never approximated.
"""

from quatrain.tokenizer.chat import Chat
from quatrain.tokenizer.encoding import Arrays, Encoding
from quatrain.tokenizer.lengths import Padding, Truncation
from quatrain.tokenizer.ragged import Ragged
from quatrain.tokenizer.streaming import StreamDecoder
from quatrain.tokenizer.to_file import Written
from quatrain.tokenizer.tokenizer import Tokenizer

__all__ = [
    "Arrays",
    "Chat",
    "Encoding",
    "Padding",
    "Ragged",
    "StreamDecoder",
    "Tokenizer",
    "Truncation",
    "Written",
]
