"""Differential fuzzing of real tokenizers: ``python tests/fuzz.py FOLDER FIRST LAST [NAME...]``.

Text number n of a tokenizer is always the same, so that a difference can be found again by name and
number. Texts go to both sides in batches: the peer's calls are what takes the time.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fuzz_texts import Texts, reduced
from quatrain.tokenizer import Tokenizer
from real_tokenizers import LOSSLESS, REAL, real
from sentencepiece_peer import SentencePieceBoth, spans
from tokenizer_data import tiktoken_ranks

BATCH = 500


class Pair:
    """One real tokenizer in quatrain, and in the library that it was made with."""

    fields: Sequence[str]
    lossless: bool

    def __init__(self, name: str, folder: Path, ours: Tokenizer, special_tokens: list[str]):
        self.name = name
        self.ours = ours
        self.texts = Texts(folder, special_tokens)

    def answers(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """What the peer makes of each text: ``fields``, and ``text``, the ids decoded."""
        raise NotImplementedError

    def text(self, number: int) -> str:
        return self.texts.draw(random.Random(f"{self.name} {number}"))

    def difference(self, text: str) -> str | None:
        return self._difference(text, self.ours.encode(text), self.answers([text])[0])

    def _difference(self, text: str, ours: Any, peer: dict[str, Any]) -> str | None:
        for field in self.fields:
            mine, theirs = getattr(ours, field), peer[field]
            if mine != theirs:
                return f"{field}: {mine} is not {theirs}"
        if (mine := self.ours.encode_ids(text)) != ours.ids:
            return f"encode_ids: {mine} is not {ours.ids}"
        if (mine := self.ours.decode(ours.ids)) != peer["text"]:
            return f"decode: {mine!r} is not {peer['text']!r}"
        if self.lossless:
            ids = self.ours.encode(text, add_special_tokens=False).ids
            if (back := self.ours.decode(ids, skip_special_tokens=False)) != text:
                return f"round trip: {back!r}"
        return None

    def check(self, first: int, last: int) -> None:
        """Compare texts number ``first`` to ``last``, and fail with the smallest that differs."""
        for begin in range(first, last, BATCH):
            texts = [self.text(number) for number in range(begin, min(last, begin + BATCH))]
            both = zip(texts, self.ours.encode_batch(texts), self.answers(texts), strict=True)
            for number, (text, ours, peer) in enumerate(both, begin):
                if self._difference(text, ours, peer):
                    text = reduced(text, lambda text: self.difference(text) is not None)
                    raise AssertionError(
                        f"{self.name}, text {number}: {text!r}: {self.difference(text)}"
                    )


class WithTokenizers(Pair):
    """A ``tokenizer.json`` in the ``tokenizers`` library."""

    fields = ("ids", "offsets", "word_ids", "type_ids", "special_tokens_mask")

    def __init__(self, name: str, folder: Path):
        import tokenizers  # a third party, which need not be installed to collect the tests

        data = real(name, folder)
        added = [token["content"] for token in json.loads(data)["added_tokens"]]
        super().__init__(name, folder, Tokenizer(data), added[:300])
        self.peer = tokenizers.Tokenizer.from_str(data.decode())
        self.lossless = name in LOSSLESS

    def answers(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        batch = self.peer.encode_batch(texts)
        decoded = self.peer.decode_batch([encoding.ids for encoding in batch])
        return [
            {"text": text} | {field: getattr(encoding, field) for field in self.fields}
            for encoding, text in zip(batch, decoded, strict=True)
        ]


class WithTiktoken(Pair):
    """A rank file in ``tiktoken``, which gives no offsets and skips no special tokens."""

    fields = ("ids",)
    lossless = True

    def __init__(self, name: str, folder: Path):
        import tiktoken
        from tiktoken_ext import openai_public

        file = folder / "gpt-tokenizer" / f"{name}.tiktoken"
        # The library knows pattern and special tokens, and would fetch the ranks.
        openai_public.load_tiktoken_bpe = lambda *_, **__: tiktoken_ranks(file)
        self.peer = tiktoken.Encoding(**openai_public.ENCODING_CONSTRUCTORS[name]())
        super().__init__(
            name, folder, Tokenizer.from_file(file), sorted(self.peer.special_tokens_set)
        )

    def answers(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        batch = self.peer.encode_batch(list(texts), allowed_special="all")
        specials = self.ours.special_ids
        return [
            {"ids": ids, "text": self.peer.decode([i for i in ids if i not in specials])}
            for ids in batch
        ]


class WithSentencePiece(Pair):
    """A SentencePiece ``.model`` in its own library."""

    fields = ("ids", "tokens", "byte_offsets")
    lossless = False

    def __init__(self, name: str, folder: Path):
        both = SentencePieceBoth(folder / "sentencepiece" / f"{name}.model")
        self.peer = both.peer
        # Control pieces, and those that stand for bytes, are not read from a text.
        odd = [self.peer.id_to_piece(index) for index in range(3, 300)]
        super().__init__(name, folder, both.ours, odd)

    def answers(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        batch = [message.pieces for message in self.peer.encode(texts, return_type="proto")]
        decoded = self.peer.decode([[piece.id for piece in pieces] for pieces in batch])
        return [
            {
                "ids": [piece.id for piece in pieces],
                "tokens": [piece.piece for piece in pieces],
                "byte_offsets": spans(self.peer, pieces),
                "text": text,
            }
            for pieces, text in zip(batch, decoded, strict=True)
        ]


PAIRS: dict[str, type[Pair]] = {
    **dict.fromkeys(REAL, WithTokenizers),
    **dict.fromkeys(("r50k_base", "p50k_base", "cl100k_base", "o200k_base"), WithTiktoken),
    **dict.fromkeys(
        ("botchan-bpe", "botchan-unigram", "kyoto", "mistral-v1", "mistral-v3"), WithSentencePiece
    ),
}


def main() -> None:
    folder, first, last, *names = sys.argv[1:]
    total = 0
    for name in names or PAIRS:
        PAIRS[name](name, Path(folder)).check(int(first), int(last))
        total += int(last) - int(first)
        print(f"{name}: {int(last) - int(first)} texts, all equal", flush=True)
    print(f"{total} texts on {len(names or PAIRS)} tokenizers: all equal")


if __name__ == "__main__":
    main()
