"""Rank files of ``tiktoken``: a token in base64 and its rank (its id) per line.

Such a file says neither how text is cut nor which tokens are special. The names below do, as
https://github.com/openai/tiktoken, https://github.com/meta-llama/llama-models and
https://github.com/QwenLM/Qwen define them; for others both are given.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quatrain import _core
from quatrain.errors import TokenizerError
from quatrain.tokenizer.description import Description, Format, Source
from quatrain.tokenizer.formats import byte_level
from quatrain.tokenizer.formats.expressions import CL100K, GPT2, LLAMA3, O200K, QWEN2
from quatrain.tokenizer.formats.fields import Node
from quatrain.tokenizer.formats.side_files import chat_templates, roles

_c = _core.tokenizer


@dataclass(frozen=True)
class Encoding:
    """What a rank file does not say; ``ranks`` is how many it must have."""

    ranks: int
    pattern: str
    special_tokens: dict[str, int]


def _reserved(name: str, first: int, end: int) -> list[str]:
    return [f"<|{name}reserved_special_token_{i}|>" for i in range(first, end)]


def _numbered(first: int, *tokens: str) -> dict[str, int]:
    return {token: first + i for i, token in enumerate(tokens)}


def _harmony() -> dict[str, int]:
    named = _numbered(199_998, "<|startoftext|>", "<|endoftext|>")
    named |= {"<|return|>": 200_002, "<|constrain|>": 200_003, "<|call|>": 200_012}
    named |= _numbered(200_005, "<|channel|>", "<|start|>", "<|end|>", "<|message|>")
    named["<|endofprompt|>"] = 200_018  # which tiktoken also calls <|reserved_200018|>
    taken = set(named.values())
    return named | {f"<|reserved_{i}|>": i for i in range(200_000, 201_088) if i not in taken}


def _llama3() -> dict[str, int]:
    return _numbered(
        128_000,
        *("<|begin_of_text|>", "<|end_of_text|>", *_reserved("", 0, 2)),
        *("<|finetune_right_pad_id|>", "<|step_id|>", "<|start_header_id|>", "<|end_header_id|>"),
        *("<|eom_id|>", "<|eot_id|>", "<|python_tag|>", "<|image|>", *_reserved("", 2, 246)),
    )


def _llama4() -> dict[str, int]:
    text, vision, thought = "text_post_train_", "vision_", "reasoning_"
    return _numbered(
        200_000,
        *("<|begin_of_text|>", "<|end_of_text|>"),
        *("<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"),
        *("<|header_start|>", "<|header_end|>", "<|eom|>", "<|eot|>", "<|step|>"),
        *_reserved(text, 0, 6),
        *("<|python_start|>", "<|python_end|>", "<|finetune_right_pad|>"),
        *_reserved(text, 8, 69),
        *("<|image_start|>", "<|image_end|>", *_reserved(vision, 0, 2)),
        *("<|tile_x_separator|>", "<|tile_y_separator|>", *_reserved(vision, 2, 6)),
        *("<|image|>", *_reserved(vision, 6, 7), "<|patch|>", *_reserved(vision, 7, 1048)),
        *_reserved(thought, 0, 8),
        *("<|reasoning_thinking_start|>", "<|reasoning_thinking_end|>"),
        *_reserved("", 0, 904),
    )


# What tiktoken's own files have, and what its regular expressions mean as no others do.
_SPELLINGS = {
    r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s": GPT2,
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
    r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s": CL100K,
}
_DIALECT = re.compile(r"(?<!\\)\$|(?<![\\\[])\^|\{\d+,?\d*\}\+|\(\?[a-z]*[msx]")

_END = "<|endoftext|>"
_FILL = ("<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>")
_R50K = Encoding(50_256, GPT2, {_END: 50_256})
ENCODINGS = {
    "gpt2": _R50K,
    "r50k_base": _R50K,
    "p50k_base": Encoding(50_280, GPT2, {_END: 50_256}),
    "p50k_edit": Encoding(50_280, GPT2, {_END: 50_256, **_numbered(50_281, *_FILL)}),
    "cl100k_base": Encoding(
        100_256, CL100K, {**_numbered(100_257, _END, *_FILL), "<|endofprompt|>": 100_276}
    ),
    "o200k_base": Encoding(199_998, O200K, {_END: 199_999, "<|endofprompt|>": 200_018}),
    "o200k_harmony": Encoding(199_998, O200K, _harmony()),
    "llama3": Encoding(128_000, LLAMA3, _llama3()),
    "llama4": Encoding(200_000, O200K, _llama4()),
    "qwen": Encoding(
        151_643,
        QWEN2,
        _numbered(
            151_643,
            *(_END, "<|im_start|>", "<|im_end|>"),
            *(f"<|extra_{i}|>" for i in range(205)),
        ),
    ),
}


def read(source: Source) -> Description:
    """What a rank file and the name of its encoding say.

    Options: ``encoding``, one of `ENCODINGS`; by default the file's name tells. Or ``pattern``, the
    regular expression that cuts text, and ``special_tokens``, their ids.
    """
    ranks = _ranks(source)
    encoding = _encoding(source, len(ranks))
    spec = _c.TokenizerSpec()
    spec.pre_tokenizers = byte_level.cut_by(Node(encoding.pattern, source.name, "pattern"))
    spec.decoders = byte_level.decoders()
    spec.model = _c.ModelSpec()
    spec.model.kind = _c.ModelSpec.Kind.BPE
    spec.model.vocab = [(byte_level.spell(token), rank) for token, rank in ranks.items()]
    spec.model.ranks = True
    spec.added_ids_may_skip = True
    spec.added_tokens = [_special(token, i) for token, i in encoding.special_tokens.items()]
    return Description(
        spec,
        frozenset(encoding.special_tokens.values()),
        roles=roles(source),
        chat_templates=chat_templates(source),
    )


def _encoding(source: Source, ranks: int) -> Encoding:
    options = source.options
    if "pattern" in options:
        if "encoding" in options:
            raise TokenizerError(f"{source.name}: encoding and pattern are given, expected one")
        specials = Node(options.get("special_tokens", {}), source.name, "special_tokens")
        for token in specials.names():
            if not isinstance(token, str):
                specials.fail(f"{token!r} is no text, expected texts and their ids")
        pattern = _pattern(Node(options["pattern"], source.name, "pattern"))
        return Encoding(ranks, pattern, dict(specials.vocabulary()))
    if "special_tokens" in options:
        raise TokenizerError(f"{source.name}: special_tokens are given without a pattern")
    name = options.get("encoding", Path(source.name).name.removesuffix(".tiktoken"))
    found = ENCODINGS.get(name) if isinstance(name, str) else None
    if found is None:
        raise TokenizerError(
            f"{source.name}: encoding {name!r} is not known; known: {', '.join(ENCODINGS)}; or "
            "give pattern and special_tokens"
        )
    if ranks != found.ranks:
        raise TokenizerError(
            f"{source.name}: found {ranks} ranks, expected the {found.ranks} of {name}"
        )
    return found


def _pattern(node: Node) -> str:
    """A given expression, in the spelling of other files."""
    pattern = node.text()
    if pattern in _SPELLINGS:
        return _SPELLINGS[pattern]
    if found := _DIALECT.search(pattern):
        node.fail(
            f"{found[0]!r} is not supported, which regular expressions elsewhere read otherwise; "
            r"\z is the end of a text"
        )
    return pattern


def _ranks(source: Source) -> dict[bytes, int]:
    ranks: dict[bytes, int] = {}
    seen: set[int] = set()
    for number, line in enumerate(source.own.splitlines(), 1):
        if not line or line.startswith(b"= "):  # Whisper's list has an empty token
            continue
        try:
            text, digits = line.split()
            token, rank = base64.b64decode(text, validate=True), int(digits)
        except (ValueError, binascii.Error):
            token, rank = b"", -1
        if not token or not 0 <= rank < 2**31 - 1:
            raise TokenizerError(
                f"{source.name}: line {number}: found {line[:60]!r}, expected a token in base64 "
                "and its rank"
            )
        if token in ranks or rank in seen:
            what = f"token {token!r}" if token in ranks else f"rank {rank}"
            raise TokenizerError(f"{source.name}: line {number}: {what} appears twice")
        ranks[token] = rank
        seen.add(rank)
    return ranks


def _special(content: str, index: int) -> Any:
    token = _c.AddedTokenSpec()
    token.content = content
    token.id = index
    token.special = True
    token.normalized = False
    return token


_LINE = re.compile(rb"[A-Za-z0-9+/]+={0,2} [0-9]+\r?(\n|$)")

FORMAT = Format(
    "tiktoken",
    read,
    names=("tokenizer.model", "*.tiktoken"),
    any_name=("*.model",),
    begins=lambda head: _LINE.match(head) is not None,
    options=("encoding", "pattern", "special_tokens"),
)
