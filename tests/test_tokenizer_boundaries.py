"""BPE of whole texts, which are cut where no merge can cross: it must not show."""

from __future__ import annotations

import random
from typing import Any

import pytest

from quatrain.tokenizer import Tokenizer
from tokenizer_data import HOSTILE, plain_bpe, to_bytes
from tokenizer_peer import Both


def whole_text_bpe(merges: list[str], alphabet: str, **options: Any) -> dict[str, Any]:
    """A BPE file without pre-tokenizer, in Llama 2's form."""
    file = plain_bpe([])
    vocab = {"<unk>": 0, **{c: i + 1 for i, c in enumerate(alphabet)}}
    if options.get("byte_fallback"):
        vocab |= {f"<0x{byte:02X}>": len(vocab) + byte for byte in range(256)}
    for merge in merges:
        vocab.setdefault(merge.replace(" ", ""), len(vocab))
    file["model"] |= {"vocab": vocab, "merges": merges, "unk_token": "<unk>", **options}
    space = {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}
    parts = dict.fromkeys(("pre_tokenizer", "post_processor", "decoder"))
    return file | parts | {"normalizer": space, "added_tokens": []}


def test_by_hand() -> None:
    file = whole_text_bpe(["a b", "\u2581 a", "\u2581 \u2581"], "ab\u2581", fuse_unk=True)
    encoding = Tokenizer(to_bytes(file)).encode("ab  ab éé!b")
    assert encoding.tokens == ["ab", "\u2581\u2581", "ab", "\u2581", "<unk>", "b"]
    assert encoding.offsets == [(0, 2), (2, 4), (4, 6), (6, 7), (7, 10), (10, 11)]


@pytest.mark.oracle("tokenizers")
@pytest.mark.parametrize("seed", range(30))
def test_random_models(seed: int) -> None:
    rng = random.Random(seed)
    alphabet = rng.choice(["ab\u2581", "abc\u2581é中", "a<\u2581nuk>"])
    known, merges = list(alphabet), []
    for _ in range(rng.randint(0, 25)):
        left, right = rng.choices(known, k=2)
        if f"{left} {right}" not in merges and len(left + right) < 8:
            merges.append(f"{left} {right}")
            known.append(left + right)
    rng.shuffle(merges)  # a token may be made before its parts can be
    options = {"byte_fallback": rng.random() < 0.5, "fuse_unk": rng.random() < 0.5}
    both = Both(to_bytes(whole_text_bpe(merges, alphabet, **options)))
    for size in (1, 2, 5, 30, 300):
        for _ in range(10):
            both.check("".join(rng.choices([*alphabet, " ", "x", "👩"], k=size)))
    for text in HOSTILE:
        both.check(text)
