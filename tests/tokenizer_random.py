# ruff: noqa: RUF001 (ambiguous characters are what these texts are for)
"""Random tokenizer files over all components, and random texts."""

from __future__ import annotations

import functools
import json
import random
from typing import Any

from tokenizer_data import (
    CL100K_PATTERN,
    GPT2_PATTERN,
    LLAMA3_PATTERN,
    QWEN2_PATTERN,
    added_token,
    plain_bpe,
    plain_word_piece,
)

NASTY = [
    *"abcxyzABZ0123 .,'!?-_",
    *(" ", "  ", "\t", "\n", "\r\n", "\u00a0", "\u3000", "\u0085", "\u200b", "\ufeff", "\0"),
    *("é", "ß", "İ", "ı", "ſ", "Å", "ﬁ", "½", "²", "١", "中", "文", "한", "カ", "豈", "Σ", "ǆ"),
    *("\u0301", "\u0323", "\u0307", "\u0344", "\u0345", "\u093c", "\u1161", "\u11a8", "\u1112"),
    *("\u0f73", "\u0958", "\u2126", "\u1e9b", "\u0b47", "\u0b56", "\U0001d15e", "\ufb2c"),
    *("👩", "\u200d", "🏽", "️", "🇺", "\u202e", "\ufffd", "\ue000", "\u0378", "\U0010ffff"),
    *("'s", "'LL", "'ſ", "hello", "world", "<x>", "<Yé>", "tok", "[MASK]", "the", " the", "ing"),
]


# Of these some have a scanner, some are runs, and some need the engine.
EXPRESSIONS = [
    *(
        " {2,}",
        r"\s+",
        " +",
        r"[\n\r]",
        r"\n",
        r"\p{N}{1,3}",
        "[0-9]",
        r"[\p{L}\p{N}]+",
        "[a-z]{2}",
    ),
    *(
        r"\s+(?!\S)",
        r"[^\s\w]+",
        r"(?i)the|'S",
        r"[\r\n]+|\p{L}+",
        r"\w{2,3}?",
        "[[:punct:]]",
        "a*b",
    ),
    *(r"(?<=[a-z])\s", r" ?[^(\s|[.,!?…])]+", r"\p{P}|\p{S}", r"\d|(?<=\d)x?", GPT2_PATTERN),
]


def random_text(rng: random.Random) -> str:
    return "".join(rng.choices(NASTY, k=rng.choice([1, 3, 8, 20, 60])))


def random_normalizer(rng: random.Random) -> dict[str, Any] | None:
    def flag() -> bool:
        return rng.random() < 0.5

    kinds: list[dict[str, Any]] = [
        {
            "type": "BertNormalizer",
            "clean_text": flag(),
            "handle_chinese_chars": flag(),
            "strip_accents": rng.choice([None, True, False]),
            "lowercase": flag(),
        },
        *({"type": kind} for kind in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents")),
        {"type": "Nmt"},
        {"type": "ByteLevel"},
        {"type": "Strip", "strip_left": flag(), "strip_right": flag()},
        {"type": "Prepend", "prepend": rng.choice(["▁", "é ", "ab"])},
        *({"type": "Replace", **random_replacement(rng)} for _ in range(3)),
    ]
    choice = rng.randrange(4)
    if choice == 0:
        return None
    if choice == 1:
        return rng.choice(kinds)
    return {"type": "Sequence", "normalizers": rng.choices(kinds, k=rng.randrange(4))}


def random_pattern(rng: random.Random) -> dict[str, str]:
    if rng.random() < 0.4:
        return {"String": rng.choice([" ", "a", "'s", "ab", "中", "▁", "a+", "  "])}
    return {"Regex": rng.choice(EXPRESSIONS)}


def random_replacement(rng: random.Random) -> dict[str, Any]:
    """Never an empty match at the front: what is written there has no origin in the peer, and the
    next normalizer may then panic there."""
    content = rng.choice(["", " ", "▁", "xé", "<x>", "Aa"])
    return {"pattern": random_pattern(rng), "content": content}


def random_pre_tokenizer(rng: random.Random, byte_level: bool) -> dict[str, Any] | None:
    behavior = rng.choice(
        ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]
    )
    kinds: list[dict[str, Any]] = [
        {"type": "BertPreTokenizer"},
        {"type": "Whitespace"},
        {"type": "WhitespaceSplit"},
        {"type": "Digits", "individual_digits": rng.random() < 0.5},
        {"type": "Punctuation", "behavior": behavior},
        *(
            {
                "type": "Split",
                "pattern": random_pattern(rng),
                "behavior": behavior,
                "invert": rng.random() < 0.5,
            }
            for _ in range(2)
        ),
        {"type": "CharDelimiterSplit", "delimiter": rng.choice(" a中")},
        {"type": "UnicodeScripts"},
        {"type": "FixedLength", "length": rng.choice([1, 2, 7])},
        *(
            {
                "type": "Metaspace",
                "replacement": rng.choice("▁▁_a"),
                "prepend_scheme": rng.choice(["first", "always", "never"]),
                "split": rng.random() < 0.7,
            }
            for _ in range(2)
        ),
        {
            "type": "Split",
            "pattern": {
                "Regex": rng.choice([GPT2_PATTERN, LLAMA3_PATTERN, QWEN2_PATTERN, CL100K_PATTERN])
            },
            **rng.choice(
                [{"behavior": "Isolated", "invert": False}, {"behavior": "Removed", "invert": True}]
            ),
        },
    ]
    steps = rng.choices(kinds, k=rng.randrange(3))
    if byte_level:
        steps.insert(
            len(steps) if rng.random() < 0.8 else 0,
            {
                "type": "ByteLevel",
                "add_prefix_space": rng.random() < 0.4,
                "trim_offsets": True,
                "use_regex": rng.random() < 0.7,
            },
        )
    if len(steps) == 1 and rng.random() < 0.5:
        return steps[0]
    return {"type": "Sequence", "pretokenizers": steps} if steps else None


def random_post_processor(rng: random.Random, cls: int, sep: int) -> dict[str, Any] | None:
    trim = {"add_prefix_space": rng.random() < 0.5, "trim_offsets": rng.random() < 0.7}
    frame = {"sep": ["<x>", sep], "cls": ["<Yé>", cls]}
    kinds: list[dict[str, Any]] = [
        {"type": "ByteLevel", **trim, "use_regex": True},
        {"type": "BertProcessing", **frame},
        {"type": "RobertaProcessing", **frame, **trim},
    ]
    # Behind a template of other than one or two parts, the peer runs no other.
    small = template("A", cls, sep) | {
        "single": [part("A", 2)],
        "pair": [part("B", 1), part("A", 5)],
    }
    last = template(rng.choice(["cAs", "A", "cAAs"]), cls, sep)
    choice = rng.randrange(5)
    if choice == 0:
        return None
    if choice == 1:
        return rng.choice([*kinds, last])
    steps = rng.choices([*kinds, small], k=rng.randrange(4))
    if rng.random() < 0.5:
        steps = [*steps, last, *rng.choices(kinds, k=rng.randrange(2))]
    return {"type": "Sequence", "processors": steps}


def repeats_text(post_processor: dict[str, Any] | None) -> bool:
    """Whether a template has its text twice."""
    steps = (post_processor or {}).get("processors", [post_processor or {}])
    return any(sum("Sequence" in part for part in step.get("single", ())) > 1 for step in steps)


def part(name: str, type_id: int) -> dict[str, Any]:
    kind = "Sequence" if name in "AB" else "SpecialToken"
    return {kind: {"id": name, "type_id": type_id}}


def template(single: str, cls: int, sep: int) -> dict[str, Any]:
    """A template, with "c" and "s" for the special tokens; the second has two ids."""
    return {
        "type": "TemplateProcessing",
        "single": [part(name, i % 2) for i, name in enumerate(single)],
        "pair": [part(name, i // 2) for i, name in enumerate(single + "Bs")],
        "special_tokens": {
            "c": {"id": "c", "ids": [cls], "tokens": ["[CLS]"]},
            "s": {"id": "s", "ids": [sep, cls], "tokens": ["<x>", "<x>"]},
        },
    }


def random_decoder(rng: random.Random) -> dict[str, Any] | None:
    def flag() -> bool:
        return rng.random() < 0.5

    kinds: list[dict[str, Any]] = [
        {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True},
        {"type": "WordPiece", "prefix": rng.choice(["##", "", "@@"]), "cleanup": flag()},
        {
            "type": "Metaspace",
            "replacement": rng.choice("▁Ġa"),
            "prepend_scheme": rng.choice(["first", "always", "never"]),
            "split": flag(),
        },
        {"type": "BPEDecoder", "suffix": rng.choice(["</w>", "s", ""])},
        {"type": "ByteFallback"},
        {
            "type": "CTC",
            "pad_token": rng.choice(["<unk>", "a", ""]),
            "word_delimiter_token": rng.choice(["|", "Ġ", ""]),
            "cleanup": flag(),
        },
        *({"type": "Replace", **random_replacement(rng)} for _ in range(2)),
        # The peer panics where it strips a token's end and no other character is in it.
        {"type": "Strip", "content": rng.choice(" aĠ▁"), "start": rng.randrange(4), "stop": 0},
        {"type": "Fuse"},
    ]
    if rng.random() < 0.1:
        return None
    if rng.random() < 0.4:
        return rng.choice(kinds)
    return {"type": "Sequence", "decoders": rng.choices(kinds, k=rng.randrange(6))}


def random_added_tokens(rng: random.Random, first: int) -> list[dict[str, Any]]:
    contents = ["<x>", "<Yé>", "tok", "[MASK]", "'s", "中", "a b", "<x><x>"]
    names = ("single_word", "lstrip", "rstrip", "normalized", "special")
    return [
        added_token(first + i, content, **{name: rng.random() < 0.4 for name in names})
        for i, content in enumerate(contents[: rng.randrange(2, 9)])
    ]


def keep_apart(file: dict[str, Any]) -> None:
    """Leaves added tokens alone that would be normalized to nothing, or to what another is: of two
    such the peer finds one by chance."""
    import tokenizers

    plain = json.loads(tokenizers.Tokenizer(tokenizers.models.WordLevel()).to_str())
    normalizer = tokenizers.Tokenizer.from_str(
        json.dumps(plain | {"normalizer": file["normalizer"]})
    ).normalizer
    seen = {""}
    for token in file["added_tokens"]:
        if token["normalized"] and normalizer is not None:
            form = normalizer.normalize_str(token["content"])
            token["normalized"] = form not in seen
            seen.add(form)


@functools.cache
def trained(prefix: str, suffix: str, byte_level: bool) -> str:
    """A small BPE trained by the peer on the nasty alphabet; not every character is in it."""
    rng = random.Random(f"{prefix}|{suffix}|{byte_level}")
    options: dict[str, Any] = {}
    if prefix:
        options["continuing_subword_prefix"] = prefix
    if suffix:
        options["end_of_word_suffix"] = suffix
    import tokenizers

    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token="<unk>"))
    if byte_level:
        tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=300, show_progress=False, special_tokens=["<unk>"], **options
    )
    tokenizer.train_from_iterator((random_text(rng) for _ in range(120)), trainer)
    model: str = json.dumps(json.loads(tokenizer.to_str())["model"])
    return model


def random_file(rng: random.Random) -> dict[str, Any]:
    if rng.random() < 0.15:
        file = plain_word_piece()
        vocab = {text: i for i, text in enumerate(dict.fromkeys(["<unk>", *NASTY]))}
        file["model"] = {"type": "WordLevel", "vocab": vocab, "unk_token": "<unk>"}
        byte_level = rng.random() < 0.1
    elif rng.random() < 0.3:
        file = plain_word_piece()
        file["model"]["max_input_chars_per_word"] = rng.choice([3, 100])
        file["model"]["continuing_subword_prefix"] = rng.choice(["##", "", "@@"])
        byte_level = rng.random() < 0.1
    else:
        file = plain_bpe()
        byte_level = rng.random() < 0.7
        prefix, suffix = rng.choice(["", "", "##"]), rng.choice(["", "", "</w>"])
        file["model"] = json.loads(trained(prefix, suffix, byte_level))
        file["model"]["fuse_unk"] = rng.random() < 0.5
        file["model"]["ignore_merges"] = rng.random() < 0.3
        if rng.random() < 0.4:
            file["model"]["unk_token"] = None
        if rng.random() < 0.3:
            file["model"]["byte_fallback"] = True
            vocab = file["model"]["vocab"]
            for byte in range(rng.choice([0xC0, 0x100])):
                vocab[f"<0x{byte:02X}>"] = len(vocab)
    first = len(file["model"]["vocab"])
    vocab = file["model"]["vocab"]
    file["added_tokens"] = []
    for token in random_added_tokens(rng, first):
        token["id"] = vocab.get(token["content"], first)
        first += token["content"] not in vocab
        file["added_tokens"].append(token)
    file["normalizer"] = random_normalizer(rng)
    keep_apart(file)
    file["pre_tokenizer"] = random_pre_tokenizer(rng, byte_level)
    cls, sep = (token["id"] for token in file["added_tokens"][:2])
    file["post_processor"] = random_post_processor(rng, cls, sep)
    file["decoder"] = random_decoder(rng)
    # Of a text that a template has twice, the peer makes each window with each window.
    if rng.random() < 0.3 and not repeats_text(file["post_processor"]):
        file["truncation"] = {
            "max_length": rng.randrange(20, 40),
            "strategy": "LongestFirst",
            "stride": 0,
            "direction": rng.choice(["Left", "Right"]),
        }
    if rng.random() < 0.3:
        file["padding"] = {
            "strategy": rng.choice(["BatchLongest", {"Fixed": 12}]),
            "direction": rng.choice(["Left", "Right"]),
            "pad_to_multiple_of": rng.choice([None, 7]),
            "pad_id": 0,
            "pad_type_id": 3,
            "pad_token": rng.choice(["[PAD]", "other"]),
        }
    return file
