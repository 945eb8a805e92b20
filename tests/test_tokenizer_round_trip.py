"""Text comes back whole from the ids of byte-level tokenizers, whatever the text."""

from __future__ import annotations

import random
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from fuzz_texts import Texts
from quatrain.tokenizer import Tokenizer
from real_tokenizers import LOSSLESS, real

pytestmark = pytest.mark.data(
    "tokenizers", "text", "gpt2", "llama.cpp", "gpt-tokenizer", "tiktoken"
)

TEXTS = 300
#: Rank files, and what they are opened with.
RANKS: dict[str, dict[str, Any]] = {
    **{f"gpt-tokenizer/{name}.tiktoken": {} for name in ("r50k_base", "cl100k_base")},
    "gpt-tokenizer/p50k_base.tiktoken": {"encoding": "p50k_edit"},
    "gpt-tokenizer/o200k_base.tiktoken": {"encoding": "o200k_harmony"},
    "tiktoken/llama3/tokenizer.model": {"encoding": "llama3"},
    "tiktoken/llama4/tokenizer.model": {"encoding": "llama4"},
    "tiktoken/qwen.tiktoken": {},
}
#: Not falcon, refact and starcoder, whose vocabularies lack bytes; nor the two of deepseek, whose
#: added token "ù" is the byte 0xF9 to the decoder, as it is in `tokenizers`.
GGUF = ["aquila", "command-r", "gpt-2", "gpt-neox", "llama-bpe", "mpt", "qwen2", "qwen35"]
#: Those that normalize a text before they spell its bytes.
NORMALIZING = {"qwen2": "NFC", "claude": "NFKC"}


def texts(folder: Path, tokenizer: Tokenizer) -> list[str]:
    special = sorted(tokenizer.id_to_token(index) for index in tokenizer.special_ids)
    source = Texts(folder, special[:50])
    return [source.draw(random.Random(f"round trip {number}")) for number in range(TEXTS)]


def round_trip(tokenizer: Tokenizer, text: str, special: str) -> str:
    ids = tokenizer.encode_ids(text, add_special_tokens=False, special=special)
    return tokenizer.decode(ids, skip_special_tokens=False)


def check(tokenizer: Tokenizer, folder: Path) -> None:
    for text in texts(folder, tokenizer):
        for special in ("allow", "text"):
            assert round_trip(tokenizer, text, special) == text, special


@pytest.mark.parametrize("name", LOSSLESS)
def test_tokenizer_json(name: str, test_data: Path) -> None:
    check(Tokenizer(real(name, test_data)), test_data)


@pytest.mark.parametrize("name", RANKS)
def test_ranks(name: str, test_data: Path) -> None:
    check(Tokenizer.from_file(test_data / name, **RANKS[name]), test_data)


@pytest.mark.parametrize("name", GGUF)
def test_gguf(name: str, test_data: Path) -> None:
    check(Tokenizer.from_file(test_data / "llama.cpp" / f"ggml-vocab-{name}.gguf"), test_data)


@pytest.mark.parametrize("name", NORMALIZING)
def test_normalized_text(name: str, test_data: Path) -> None:
    tokenizer = Tokenizer(real(name, test_data))

    def form(text: str) -> str:
        return unicodedata.normalize(NORMALIZING[name], text)  # type: ignore[arg-type]  # a form

    for text in texts(test_data, tokenizer):
        back = round_trip(tokenizer, text, "text")
        assert form(back) == form(text)
        assert round_trip(tokenizer, back, "text") == back
