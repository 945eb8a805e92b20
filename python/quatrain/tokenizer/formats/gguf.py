"""The vocabulary inside a GGUF file (``tokenizer.ggml.*``), as llama.cpp reads it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from quatrain.gguf.container import MAGIC
from quatrain.tokenizer.description import Description, Format, Source
from quatrain.tokenizer.formats import byte_level, gguf_file, tokenizer_json
from quatrain.tokenizer.formats.fields import Node
from quatrain.tokenizer.formats.gguf_patterns import CUTS
from quatrain.tokenizer.formats.gguf_unigram import run_as_sentencepiece, unigram
from quatrain.tokenizer.formats.gguf_vocabulary import NORMAL, ROLES, USER_DEFINED, Vocabulary
from quatrain.tokenizer.formats.templates import Fields

_SPACE = "\u2581"
#: Cuts of vocabularies that are not byte-level, though the file calls them so: Gemma's.
_OF_LINES = ("gemma4", "granite-embed-multi-311m")


def read(source: Source) -> Description:
    """What a GGUF file says of its tokenizer."""
    vocabulary = Vocabulary(gguf_file.fields(source.own, source.name))
    fields = vocabulary.field("model").choice(_MODELS)(vocabulary)
    fields["added_tokens"] = vocabulary.added_tokens()
    description = tokenizer_json.describe(Node(fields, source.name, ""), source)
    if fields["model"]["type"] == "Unigram":
        run_as_sentencepiece(description.spec, vocabulary)
    return replace(
        description,
        roles={role: node for role in ROLES if (node := vocabulary.role(role)) is not None},
        chat_templates=_chat_templates(vocabulary.root),
    )


def _byte_level(vocabulary: Vocabulary) -> Fields:
    pre = vocabulary.optional("pre")
    if pre is not None and pre.value in _OF_LINES:
        return _of_lines(vocabulary, add_bos=False)
    cut = CUTS["default"] if pre is None else pre.choice(CUTS)
    whole = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    splits = [_isolated(pattern) for pattern in cut.patterns]
    return {
        "pre_tokenizer": _sequence("pretokenizers", *splits, {**whole, "use_regex": False}),
        "decoder": whole,
        "post_processor": vocabulary.ends(cut.add_bos),
        "model": {
            "type": "BPE",
            "vocab": vocabulary.ids,
            "merges": _merges(vocabulary),
            "ignore_merges": cut.ignore_merges,
        },
    }


def _of_lines(vocabulary: Vocabulary, *, add_bos: bool) -> Fields:
    """Merges over characters, of whole lines: only line breaks are cut off."""
    return {
        "normalizer": _replace(" ", _SPACE),
        "pre_tokenizer": _isolated(r"\n+"),
        "decoder": _decoder(),
        "post_processor": vocabulary.ends(add_bos),
        "model": _characters(vocabulary, _merges(vocabulary)),
    }


def _gemma4(vocabulary: Vocabulary) -> Fields:
    return _of_lines(vocabulary, add_bos=True)


def _sentence_piece(vocabulary: Vocabulary) -> Fields:
    """Merges over characters, of whole texts, the best score first."""
    prefix = vocabulary.flag("add_space_prefix", True)
    prepend = [{"type": "Prepend", "prepend": _SPACE}] if prefix else []
    strip = [{"type": "Strip", "content": " ", "start": 1, "stop": 0}] if prefix else []
    return {
        "normalizer": _sequence("normalizers", *prepend, _replace(" ", _SPACE)),
        "decoder": _decoder(*strip),
        "post_processor": vocabulary.ends(True),
        "model": _characters(vocabulary, _merges_by_score(vocabulary)),
    }


def _bert(vocabulary: Vocabulary) -> Fields:
    lower = vocabulary.flag("normalizer.lowercase", True)
    unknown, cls = vocabulary.role("unk_token", 100), vocabulary.role("cls_token")
    cls = cls or vocabulary.role("bos_token", 101)
    sep = vocabulary.role("sep_token", 102)
    assert unknown is not None and cls is not None and sep is not None
    ids = {_word_piece(token): i for token, i in vocabulary.ids.items()}
    if len(ids) < len(vocabulary.ids):
        vocabulary.field("tokens").fail("two tokens differ only in how they are marked")
    return {
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": vocabulary.flag("normalizer.strip_accents", lower),
            "lowercase": lower,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": vocabulary.around(cls.text(), sep.text()),
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": unknown.text(),
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": ids,
        },
    }


def _unigram(vocabulary: Vocabulary) -> Fields:
    """The likeliest pieces; texts are normalized as SentencePiece does."""
    strip = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
    return {
        "decoder": _sequence("decoders", _replace(_SPACE, " "), {"type": "Fuse"}, strip),
        "post_processor": vocabulary.ends(False, True, eos=1),
        "model": unigram(vocabulary),
    }


def _rwkv(vocabulary: Vocabulary) -> Fields:
    """The longest token of bytes at each place, read from the left."""
    whole = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    ids = {byte_level.spell(unescaped(token)): i for token, i in vocabulary.ids.items()}
    node = vocabulary.field("tokens")
    if len(ids) < len(vocabulary.ids):
        node.fail("two tokens stand for the same bytes")
    for byte in range(256):
        if byte_level.spell(bytes([byte])) not in ids:
            node.fail(f"byte {byte} has no token, expected one for every byte")
    return {
        "pre_tokenizer": {**whole, "use_regex": False},
        "decoder": whole,
        "model": {
            "type": "WordPiece",
            "unk_token": next(iter(ids)),  # which stands for nothing: every byte is known
            "continuing_subword_prefix": "",
            "max_input_chars_per_word": 2**31 - 1,
            "vocab": ids,
        },
    }


_MODELS: dict[str, Callable[[Vocabulary], Fields]] = {
    "gpt2": _byte_level,
    "llama": _sentence_piece,
    "bert": _bert,
    "gemma4": _gemma4,
    "t5": _unigram,
    "rwkv": _rwkv,
}


def unescaped(token: str) -> bytes:
    """The bytes that a token of RWKV's stands for."""

    def plain(match: re.Match[bytes]) -> bytes:
        escape = match[1]
        if escape[:1] == b"x" and len(escape) == 3:
            return bytes([int(escape[1:], 16)])
        return {b"t": b"\t", b"n": b"\n", b"r": b"\r"}.get(escape, escape)

    return re.sub(rb"\\(x[0-9a-f]{2}|.)", plain, token.encode(), flags=re.DOTALL)


def _word_piece(token: str) -> str:
    """A token in BERT's spelling; the file's marks the beginnings of words instead."""
    if token.startswith("[") and token.endswith("]"):
        return token
    return token[1:] if token.startswith(_SPACE) else f"##{token}"


def _characters(vocabulary: Vocabulary, merges: list[list[str]]) -> Fields:
    unknown = vocabulary.role("unk_token")
    return {
        "type": "BPE",
        "unk_token": None if unknown is None else unknown.text(),
        "fuse_unk": True,
        "byte_fallback": True,
        "vocab": vocabulary.ids,
        "merges": merges,
    }


def _merges(vocabulary: Vocabulary) -> list[list[str]]:
    node = vocabulary.field("merges")
    pairs = []
    for i, merge in enumerate(node.texts()):
        # A half may be a space, in vocabularies that hold spaces as they are.
        at = merge.find(" ", 1)
        if at < 0 or at == len(merge) - 1:
            node.fail(f"merge {i} is {merge!r:.60}, expected two tokens")
        pairs.append([merge[:at], merge[at + 1 :]])
    return pairs


def _merges_by_score(vocabulary: Vocabulary) -> list[list[str]]:
    """Every way to put a token together from two, the tokens of higher scores first."""
    scores = vocabulary.scores()
    merged = [i for i, kind in enumerate(vocabulary.types) if kind in (NORMAL, USER_DEFINED)]
    merged.sort(key=lambda i: -scores[i])
    return [
        [token[:at], token[at:]]
        for token in (vocabulary.tokens[i] for i in merged)
        for at in range(1, len(token))
        if token[:at] in vocabulary.ids and token[at:] in vocabulary.ids
    ]


def _decoder(*steps: Fields) -> Fields:
    fixed = [_replace(_SPACE, " "), {"type": "ByteFallback"}, {"type": "Fuse"}]
    return _sequence("decoders", *fixed, *steps)


def _replace(old: str, new: str) -> Fields:
    return {"type": "Replace", "pattern": {"String": old}, "content": new}


def _isolated(pattern: str) -> Fields:
    behavior = {"behavior": "Isolated", "invert": False}
    return {"type": "Split", "pattern": {"Regex": pattern}, **behavior}


def _sequence(name: str, *steps: Fields) -> Fields:
    return {"type": "Sequence", name: list(steps)}


def _chat_templates(root: Node) -> dict[str, str]:
    prefix = "tokenizer.chat_template"
    found = {}
    for name in root.names():
        if name == prefix or name.startswith(prefix + "."):
            found[name.removeprefix(prefix).removeprefix(".") or "default"] = root.child(
                name
            ).text()
    return found


FORMAT = Format(
    "gguf",
    read,
    names=("*.gguf",),
    begins=lambda head: head.startswith(MAGIC),
    load=gguf_file.load,
)
