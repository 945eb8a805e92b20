"""GPT-2's ``vocab.json`` with ``merges.txt``, and BERT's ``vocab.txt``.

These files hold the model alone; the rest is what ``transformers`` takes for granted of the class
that ``tokenizer_config.json`` names, written here as a ``tokenizer.json`` would have it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from quatrain.errors import TokenizerError
from quatrain.tokenizer.description import Description, Format, Source
from quatrain.tokenizer.formats import tokenizer_json
from quatrain.tokenizer.formats.classes import Tokens, class_of, ends, settings_of
from quatrain.tokenizer.formats.expressions import QWEN2
from quatrain.tokenizer.formats.fields import Node, parse
from quatrain.tokenizer.formats.templates import Fields, template, text_part, token_part

_BYTE_LEVEL = {"type": "ByteLevel", "trim_offsets": True}
_BPE_OPTIONS = ("tokenizer_class", "add_prefix_space", "add_bos_token", "add_eos_token")
_BERT_OPTIONS = ("tokenizer_class", "do_lower_case", "strip_accents", "tokenize_chinese_chars")


def _read_byte_level(source: Source) -> Description:
    """A ``vocab.json`` and the ``merges.txt`` beside it."""
    merges = list(source.files)[1]
    model = {
        "type": "BPE",
        "vocab": parse(source.own, source.name).value,
        "merges": _merges(source.files[merges], source.path_of(merges)),
    }
    return _describe(source, model, _BYTE_LEVEL_FAMILIES, "GPT2")


def _read_bert(source: Source) -> Description:
    """A ``vocab.txt``."""
    vocab: dict[str, int] = {}
    for number, token in enumerate(_lines(source.own, source.name)):
        if token in vocab:
            raise TokenizerError(f"{source.name}: line {number + 1}: {token!r} appears twice")
        vocab[token] = number
    model = {
        "type": "WordPiece",
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
        "vocab": vocab,
    }
    return _describe(source, model, _BERT_FAMILIES, "Bert")


def _describe(
    source: Source, model: Fields, families: dict[str, Callable[..., Any]], default: str
) -> Description:
    settings = settings_of(source)
    family = class_of(settings, families, families[default])
    tokens = Tokens(source, settings, Node(model["vocab"], source.name, "").table())
    fields = family(tokens, settings)
    fields["model"] = {**model, **fields.get("model", {})}
    tokens.add_listed()
    fields["added_tokens"] = tokens.added()
    return replace(
        tokenizer_json.describe(Node(fields, source.name, ""), source), roles=tokens.named
    )


# Families


def _gpt2(tokens: Tokens, settings: Node) -> Fields:
    bos, eos = (tokens.role(role, "<|endoftext|>") for role in ("bos_token", "eos_token"))
    tokens.role("unk_token", "<|endoftext|>")
    tokens.role("pad_token")
    space = settings.flag_or("add_prefix_space", False)
    cut = {**_BYTE_LEVEL, "add_prefix_space": space, "use_regex": True}
    return {"pre_tokenizer": cut, "decoder": cut, **ends(tokens, settings, bos, eos)}


def _qwen2(tokens: Tokens, settings: Node) -> Fields:
    bos = tokens.role("bos_token")
    eos, _, _ = (
        tokens.role(role, "<|endoftext|>") for role in ("eos_token", "unk_token", "pad_token")
    )
    space = settings.flag_or("add_prefix_space", False)
    cut = {**_BYTE_LEVEL, "add_prefix_space": space, "use_regex": False}
    split = {"pattern": {"Regex": QWEN2}, "behavior": "Isolated", "invert": False}
    return {
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Split", **split}, cut]},
        "decoder": cut,
        **ends(tokens, settings, bos, eos),
    }


def _roberta(tokens: Tokens, settings: Node) -> Fields:
    tokens.role("bos_token", "<s>")
    tokens.role("eos_token", "</s>")
    tokens.role("unk_token", "<unk>")
    sep, _ = tokens.role("sep_token", "</s>"), tokens.role("pad_token", "<pad>")
    cls, _ = tokens.role("cls_token", "<s>"), tokens.role("mask_token", "<mask>")
    assert sep is not None and cls is not None
    space = settings.flag_or("add_prefix_space", False)
    trim = settings.flag_or("trim_offsets", True)
    cut = {**_BYTE_LEVEL, "add_prefix_space": space, "use_regex": True}
    ends = {"sep": [sep, tokens.id_of(sep)], "cls": [cls, tokens.id_of(cls)]}
    kind = {"type": "RobertaProcessing", "trim_offsets": trim, "add_prefix_space": space}
    return {"pre_tokenizer": cut, "decoder": cut, "post_processor": {**kind, **ends}}


def _bert(tokens: Tokens, settings: Node) -> Fields:
    unknown, sep = tokens.role("unk_token", "[UNK]"), tokens.role("sep_token", "[SEP]")
    tokens.role("pad_token", "[PAD]")
    cls, _ = tokens.role("cls_token", "[CLS]"), tokens.role("mask_token", "[MASK]")
    assert sep is not None and cls is not None
    accents = settings.optional("strip_accents")
    single = [token_part(cls, 0), text_part("A", 0), token_part(sep, 0)]
    pair = [*single, text_part("B", 1), token_part(sep, 1)]
    return {
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": settings.flag_or("tokenize_chinese_chars", True),
            "strip_accents": None if accents is None else accents.flag(),
            "lowercase": settings.flag_or("do_lower_case", True),
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "model": {"unk_token": unknown},
        "post_processor": template(single, pair, tokens.id_of),
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
    }


_BYTE_LEVEL_FAMILIES = {
    "GPT2": _gpt2,
    "CodeGen": _gpt2,
    "Qwen2": _qwen2,
    **dict.fromkeys(("Roberta", "Bart", "Longformer", "LED"), _roberta),
}
_BERT_FAMILIES = dict.fromkeys(("Bert", "DistilBert", "Electra"), _bert)


# Files


def _lines(data: bytes, file: str) -> list[str]:
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise TokenizerError(f"{file}: not UTF-8 at byte {error.start}") from None
    lines = text.replace("\r\n", "\n").split("\n")
    return lines if lines[-1] else lines[:-1]


def _merges(data: bytes, file: str) -> list[list[str]]:
    found = []
    for number, line in enumerate(_lines(data, file), 1):
        if not line or line.startswith("#version"):
            continue
        pair = line.split(" ")
        if len(pair) != 2 or not all(pair):
            raise TokenizerError(f"{file}: line {number}: found {line[:60]!r}, expected two tokens")
        found.append(pair)
    return found


def _merges_of(vocab: str) -> str:
    """The name of the merges beside a vocabulary."""
    before, named, _ = vocab.rpartition("vocab.json")
    return f"{before}merges.txt" if named else "merges.txt"


VOCAB_JSON = Format(
    "vocab.json",
    _read_byte_level,
    names=("vocab.json", "*-vocab.json"),
    begins=lambda head: head.lstrip().startswith(b"{"),
    options=_BPE_OPTIONS,
    companion=_merges_of,
    saved_as="vocab.json",
)
VOCAB_TXT = Format(
    "vocab.txt",
    _read_bert,
    names=("vocab.txt", "*-vocab.txt"),
    begins=lambda head: bool(head) and b"\0" not in head,
    options=_BERT_OPTIONS,
    saved_as="vocab.txt",
)
