"""Damaged real files are refused in one line or read: never a crash, a hang or another error."""

from __future__ import annotations

import copy
import functools
import json
import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quatrain.errors import TokenizerError
from quatrain.tokenizer import Tokenizer
from real_tokenizers import REAL, real
from tokenizer_hostile import PROFILE, survives

pytestmark = [
    pytest.mark.data("tokenizers", "minilm", "gpt2", "llama.cpp"),
    pytest.mark.filterwarnings("ignore:.*as tokenizers reads it"),
]

NAMES = ["minilm", "gpt2", "llama3", "qwen2", "deepseek", "gemma2", "llama2", "claude"]
NAMES += ["t5", "xlm-roberta"]
KEPT = 600  # tokens of a vocabulary: enough to be real, few enough to be read a thousand times

JUNK: list[Any] = [
    None, True, False, 0, -1, 1, 2**31, 2**32, 2**63, 2**80, -(2**63), 0.5, -0.0, 1e300, math.nan,
    math.inf, "", " ", "x", "x" * 100_000, "\ud800", "\0", "Ġ", "▁", "(", "\\", "(a+)+$", "[",
    "a{9999}", [], {}, [[]], [None], ["a", "b"], ["a", "b", "c"], [0, 0], {"type": "Sequence"},
    {"type": "NFC"},
    {"type": "BPE"}, {"String": ""}, {"Regex": "(?<a>x)\\k<a>"}, {"a": {"a": {"a": {}}}},
]  # fmt: skip


@functools.cache
def small(name: str, folder: Path) -> str:
    """A real file with the first of its tokens and the merges among them."""
    file = json.loads(real(name, folder))
    model = file["model"]
    if isinstance(model["vocab"], list):
        model["vocab"] = model["vocab"][:KEPT]
    else:
        special = {token["content"] for token in file["added_tokens"]}
        items = sorted(model["vocab"].items(), key=lambda item: item[1])
        vocab = [token for i, (token, _) in enumerate(items) if i < KEPT or token in special]
        model["vocab"] = {token: index for index, token in enumerate(vocab)}
    if "merges" in model:
        pairs = (m.split(" ") if isinstance(m, str) else m for m in model["merges"])
        known = set(model["vocab"])
        model["merges"] = [p for p in pairs if known.issuperset([*p, "".join(p)])]
    pieces = list(model["vocab"])
    ids = {(p if isinstance(p, str) else p[0]): index for index, p in enumerate(pieces)}
    file["added_tokens"] = file["added_tokens"][:40]
    for token in file["added_tokens"]:
        token["id"] = ids.setdefault(token["content"], len(ids))
    processor = file["post_processor"] or {}
    for part in processor.get("processors", [processor]):
        for name, token in part.get("special_tokens", {}).items():
            token["ids"] = [ids[name]]
    return json.dumps(file)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) of a document, but of a vocabulary only some."""
    if isinstance(value, dict):
        keys: list[Any] = list(value)
    elif isinstance(value, list):
        keys = list(range(len(value)))
    else:
        return
    for key in keys if len(keys) < 50 else [*keys[:4], *keys[-4:]]:
        yield value, key
        yield from places(value[key])


def damage(text: str, rng: random.Random) -> bytes:
    """One to three things of the document are dropped, renamed, doubled or replaced."""
    file = json.loads(text)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        container, key = rng.choice(list(places(file)))
        change = rng.randrange(5)
        if change == 0:
            del container[key]
        elif change == 1 and isinstance(container, dict):
            container[f"{key}x"] = container.pop(key)
        elif change == 2 and isinstance(container, list):
            container.insert(rng.randrange(len(container) + 1), copy.deepcopy(container[key]))
        elif change == 3:
            container[key] = copy.deepcopy(rng.choice(list(places(file)))[0])
        else:
            container[key] = rng.choice(JUNK)
        if not file:
            break
    data = bytearray(json.dumps(file).encode())
    if rng.random() < 0.15:
        del data[rng.randrange(len(data)) :]
    for _ in range(rng.choice([0, 0, 0, 1, 5])):
        if data:
            data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


@pytest.mark.parametrize("name", NAMES)
def test_damaged_tokenizer_json(name: str, test_data: Path) -> None:
    text = small(name, test_data)
    assert survives(lambda: Tokenizer(text.encode(), name="damaged"))

    @PROFILE
    @given(st.integers(0, 2**32))
    def check(seed: int) -> None:
        data = damage(text, random.Random(seed))
        survives(lambda: Tokenizer(data, name="damaged"))

    check()


DEPTH = 100_000


@pytest.mark.parametrize(
    "value",
    [
        "[" * DEPTH,
        "[" * DEPTH + "]" * DEPTH,
        '{"a":' * DEPTH,
        '{"type":"Sequence","normalizers":[' * DEPTH,
        '{"type":"Sequence","normalizers":[' * 900 + '{"type":"NFC"}' + "]}" * 900,
        '{"type":"Sequence","normalizers":[' * DEPTH + '{"type":"NFC"}' + "]}" * DEPTH,
    ],
    ids=["open", "lists", "objects", "cut sequences", "900 sequences", "sequences"],
)
def test_nesting_is_bounded(value: str, test_data: Path) -> None:
    text = small("gpt2", test_data).replace('"normalizer": null', f'"normalizer": {value}')
    assert value in text
    survives(lambda: Tokenizer(text.encode(), name="damaged"))
    survives(lambda: Tokenizer(value.encode(), name="damaged"))


@pytest.mark.parametrize("field", ["merges", "vocab", "added_tokens", "unk_token"])
def test_huge_strings(field: str, test_data: Path) -> None:
    file = json.loads(small("gpt2", test_data))
    huge = "x" * 5_000_000
    if field == "merges":
        file["model"]["merges"][0] = [huge, huge]
    elif field == "vocab":
        file["model"]["vocab"][huge] = len(file["model"]["vocab"])
    elif field == "unk_token":
        file["model"]["unk_token"] = huge
    else:
        file["added_tokens"][0]["content"] = huge
    survives(lambda: Tokenizer(json.dumps(file).encode(), name="damaged"))


def test_duplicate_keys(test_data: Path) -> None:
    text = small("gpt2", test_data)
    for key in ("model", "vocab", "merges", "normalizer"):
        twice = text.replace(f'"{key}": ', f'"{key}": null, "{key}": ', 1)
        with pytest.raises(TokenizerError, match=f"{key}.*twice"):
            Tokenizer(twice.encode(), name="damaged")


def test_every_real_file_was_considered() -> None:
    assert set(NAMES) <= set(REAL)
