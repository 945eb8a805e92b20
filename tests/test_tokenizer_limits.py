"""Made-up files and texts that would take quadratic time or too much memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from quatrain.errors import InputError, TokenizerError
from quatrain.tokenizer import Tokenizer
from quatrain.tokenizer.formats.sentencepiece_proto import parse
from tokenizer_data import added_token, plain_bpe, plain_word_piece, to_bytes


def with_token(**token: object) -> Tokenizer:
    file = plain_bpe()
    size = len(file["model"]["vocab"])
    file["added_tokens"] = [added_token(size, "QQ") | token]
    return Tokenizer(to_bytes(file))


def seconds(tokenizer: Tokenizer, text: str) -> float:
    begin = time.process_time()
    tokenizer.count(text)
    return time.process_time() - begin


def test_letters_between_tokens() -> None:
    tokenizer = with_token()
    # Of one long run of letters, each token ends a word.
    times = [seconds(tokenizer, "xQQ" * n) for n in (20_000, 160_000)]
    assert times[1] < 24 * times[0] + 0.1


def test_overlapping_tokens() -> None:
    tokenizer = with_token(content="\t", rstrip=True)
    assert tokenizer.encode("\t\t\tx").tokens == ["\t\t\t", "\t\t", "\t", "x"]
    assert tokenizer.count("\t" * 1_000_000) == 1_000_000
    with pytest.raises(InputError, match="tokens that overlap take more than 67108864 bytes"):
        tokenizer.encode("\t" * 20_000)


def test_long_tokens_to_look_for() -> None:
    message = r"of 1025 bytes, expected at most 1024 of what texts are searched for"
    assert with_token(content="a" * 1024).count("a" * 2048) == 2
    with pytest.raises(TokenizerError, match=f"the token with id 265 {message}"):
        with_token(content="a" * 1025)
    words = plain_word_piece()
    words["model"]["vocab"]["a" * 1025] = len(words["model"]["vocab"])
    assert (
        Tokenizer(to_bytes(words)).count("a" * 1025, False) == 1
    )  # unknown, as it has always been
    words["model"]["max_input_chars_per_word"] = 10_000
    pieces = plain_bpe() | {"added_tokens": [], "model": {"type": "Unigram", "unk_id": 0}}
    pieces["model"]["vocab"] = [["<unk>", 0.0], ["a" * 1025, -1.0]]
    for file in (words, pieces):
        with pytest.raises(TokenizerError, match=message):
            Tokenizer(to_bytes(file))


@pytest.mark.parametrize("kind", [1, 2])
def test_long_pieces(kind: int, tmp_path: Path) -> None:
    model = parse(b"")
    for piece, type in {b"<unk>": 2, b"a" * 1025: 4}.items():
        model.pieces.add(piece=piece, score=0.0, type=type)
    model.trainer_spec.model_type = kind
    (tmp_path / "x.model").write_bytes(model.SerializeToString())
    with pytest.raises(TokenizerError, match="of 1025 bytes, expected at most 1024"):
        Tokenizer.from_file(tmp_path / "x.model")


def mixed(a: NDArray[np.uint64]) -> NDArray[np.uint64]:
    a = (a ^ (a >> np.uint64(32))) * np.uint64(0x9E3779B97F4A7C15)
    return a ^ (a >> np.uint64(29))


def colliding(tries: int) -> list[str]:
    """Words of 16 letters for which the hash without a key is in the same state at the end."""
    rng = np.random.default_rng(0)
    first = rng.integers(ord("!"), ord("~") + 1, (tries, 8), dtype=np.uint8).view(np.uint64)[:, 0]
    begin = np.uint64(16 * 0xD6E8FEB86659FD93 % 2**64)
    state = mixed(begin ^ first) * np.uint64(0xA0761D6478BD642F)
    second = (
        (state ^ state[0] ^ np.frombuffer(b"collides", np.uint64)).view(np.uint8).reshape(-1, 8)
    )
    usable = ((second > ord(" ")) & (second < 127)).all(axis=1)
    words = np.concatenate([first.view(np.uint8).reshape(-1, 8)[usable], second[usable]], axis=1)
    return [bytes(word).decode() for word in words]


def test_words_of_one_hash() -> None:
    words = colliding(1 << 23)
    assert len(words) > 2_000
    plain = [word[::-1] for word in words]
    like = {"pre_tokenizer": {"type": "WhitespaceSplit"}}
    tokenizer = Tokenizer.train(iter([" ".join(words)]), "bpe", 100, like=like)

    def seconds(words: list[str], work: Callable[[str], object]) -> float:
        text = " ".join(words * 100)
        begin = time.process_time()
        work(text)
        return time.process_time() - begin

    def train(text: str) -> None:
        Tokenizer.train(iter([text]), "bpe", 100, like=like, threads=1)

    for work in (train, tokenizer.count):
        assert seconds(words, work) < 4 * seconds(plain, work) + 0.1


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_memory_is_given_back() -> None:
    tokenizer = with_token()
    tokenizer.count("a b " * 100)
    text = "a b c d " * (1 << 22)
    before = resident()
    assert tokenizer.count(text) == len(text)
    assert resident() - before < len(text)
