"""Chat templates, rendered so that what messages say stays text."""

from quatrain.tokenizer.chat.chat import Chat
from quatrain.tokenizer.chat.conversing import Conversing

__all__ = ["Chat", "Conversing"]
