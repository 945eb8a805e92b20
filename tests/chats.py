"""Conversations, a small tokenizer with a chat template, and how to render without encoding."""

from __future__ import annotations

import json
from typing import Any

from quatrain.tokenizer import Tokenizer
from quatrain.tokenizer.chat.templates import render
from tokenizer_data import added_token, plain_bpe, to_bytes

MESSAGES = [
    {"role": "system", "content": "You are kind."},
    {"role": "user", "content": "  Hello, wörld! \n"},
    {"role": "assistant", "content": "Hi there.", "reasoning_content": "hm", "tool_calls": None},
    {"role": "user", "content": "1,234 + 5 = ? {{ no }} <b>'quoted' & \"such\"</b> 😀"},
]
CALL = {"type": "function", "function": {"name": "add", "arguments": {"a": 1, "b": [2.5, None]}}}
CALLING = [
    {"role": "user", "content": "Add these."},
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
    {"role": "tool", "name": "add", "content": "3.5"},
]
PARAMETERS = {
    "type": "object",
    "properties": {"a": {"type": "integer", "description": "one"}, "b": {"type": "array"}},
    "required": ["a"],
}
FUNCTION = {"name": "add", "description": "Adds.", "parameters": PARAMETERS}
TOOLS = [{"type": "function", "function": FUNCTION}]
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}
TEMPLATES = "llama.cpp/templates"
DEEPSEEK = ("<\uff5cbegin\u2581of\u2581sentence\uff5c>", "<\uff5cend\u2581of\u2581sentence\uff5c>")

CHAT = (
    "{{ bos_token }}{% for m in messages %}{{ '<|start|>' + m.role + '<|is|>' }}"
    "{{ m.content | trim }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant<|is|>{% endif %}"
)
MARKERS = ["<|start|>", "<|is|>", "<|end|>", "<s>"]


def tokenizer(template: str = CHAT, side: dict[str, bytes] | None = None) -> Tokenizer:
    file = plain_bpe()
    first = len(file["model"]["vocab"])
    file["added_tokens"] = [
        added_token(first + i, token, special=token != "<|is|>") for i, token in enumerate(MARKERS)
    ]
    config = {"bos_token": "<s>", "chat_template": template}
    files = {"tokenizer_config.json": json.dumps(config).encode(), **(side or {})}
    return Tokenizer(to_bytes(file), files)


def rendered(source: str, messages: Any = MESSAGES, **variables: Any) -> str:
    return str.__str__(render(source, "it", messages, TOKENS, variables))
