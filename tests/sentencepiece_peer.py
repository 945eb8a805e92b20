"""One SentencePiece model in quatrain and in its own library, compared in everything."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from quatrain.tokenizer import Tokenizer


def spans(peer: Any, pieces: Any) -> list[tuple[int, int]]:
    """Where pieces stand, in bytes. The library gives a character to the last of its bytes."""
    found: list[tuple[int, int]] = []
    for index, piece in enumerate(pieces):
        if len(found) > index:
            continue
        size = 1
        if peer.is_byte(piece.id):
            lead = int(piece.piece[3:5], 16)
            size = 1 + (lead >= 0xC0) + (lead >= 0xE0) + (lead >= 0xF0)
        found += [(piece.begin, pieces[index + size - 1].end)] * size
    return found


class SentencePieceBoth:
    """One model in both libraries."""

    def __init__(self, path: Path):
        import sentencepiece  # a third party, which need not be installed to collect the tests

        self.ours = Tokenizer.from_file(path)
        self.peer = sentencepiece.SentencePieceProcessor(model_file=str(path))

    def check(self, text: str) -> None:
        ours = self.ours.encode(text)
        pieces = self.peer.encode(text, return_type="proto").pieces
        assert ours.ids == [piece.id for piece in pieces], text
        assert self.ours.encode_ids(text) == ours.ids, text
        assert ours.tokens == [piece.piece for piece in pieces], text
        assert ours.byte_offsets == spans(self.peer, pieces), text
        self.check_decode(ours.ids)

    def check_decode(self, ids: list[int]) -> None:
        expected = self.peer.DecodeIds(ids)
        assert self.ours.decode(ids) == expected, [self.peer.IdToPiece(i) for i in ids]
        stream = self.ours.stream_decoder()
        assert "".join(map(stream.push, ids)) + stream.flush() == expected

    def check_decode_any(self, rng: random.Random) -> None:
        self.check_decode([rng.randrange(len(self.peer)) for _ in range(rng.randint(0, 12))])
