"""Models whose ids are ranks (tiktoken's form) equal tiktoken, whatever the order of the ranks."""

from __future__ import annotations

import random
from typing import Any

import pytest

from quatrain import _core
from quatrain.errors import TokenizerError
from quatrain.tokenizer.calls import calls
from tokenizer_data import GPT2_PATTERN, HOSTILE, spell

_c = _core.tokenizer


def core(vocab: list[tuple[str, int]]) -> Any:
    """A tokenizer of GPT-2's pattern over a vocabulary of ranks."""
    spec = _c.TokenizerSpec()
    step = _c.PreTokenizerSpec()
    step.kind = _c.PreTokenizerSpec.Kind.BYTE_LEVEL
    spec.pre_tokenizers = [step]
    spec.model.kind = _c.ModelSpec.Kind.BPE
    spec.model.vocab = vocab
    spec.model.ranks = True
    return _c.Tokenizer(spec)


def random_ranks(seed: int) -> dict[bytes, int]:
    """All bytes and random strings of few letters, numbered in random order."""
    rng = random.Random(seed)
    words = {bytes([byte]) for byte in range(256)}
    for _ in range(rng.choice((5, 40, 300))):
        words.add(bytes(rng.choices(b"ab e\xcc\x81", k=rng.randrange(2, 7))))
    ids = rng.sample(range(len(words) + 50), len(words))
    return dict(zip(sorted(words), ids, strict=True))


@pytest.mark.oracle("tiktoken")
@pytest.mark.parametrize("seed", range(30))
def test_random_ranks_equal_tiktoken(seed: int) -> None:
    import tiktoken

    ranks = random_ranks(seed)
    peer = tiktoken.Encoding("r", pat_str=GPT2_PATTERN, mergeable_ranks=ranks, special_tokens={})
    ours = core([(spell(word), rank) for word, rank in ranks.items()])
    made = calls(ours, _c.LengthSpec(), _c.SpecialRule())
    rng = random.Random(seed)
    texts = ["".join(rng.choices(["a", "b", " ", "e\u0301", "\u0301"], k=200)) for _ in range(20)]
    for text in HOSTILE + texts + ["ab" * 500, "aab" * 100]:
        expected = peer.encode_ordinary(text)
        assert made.encode(text, None, False).ids == expected, text
        assert made.encode_ids(text, False) == expected, text


def test_refusals() -> None:
    vocab = [(spell(bytes([byte])), byte) for byte in range(256)]
    with pytest.raises(TokenizerError, match=r"\[model.vocab\] byte 65 has no token"):
        core([pair for pair in vocab if pair[0] != "A"])
    with pytest.raises(TokenizerError, match=r"token 'a b' is not spelled in the byte-level"):
        core([*vocab, ("a b", 256)])
