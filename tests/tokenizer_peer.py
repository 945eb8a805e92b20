"""One ``tokenizer.json`` in quatrain and in the ``tokenizers`` library, compared in everything."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from quatrain.tokenizer import Tokenizer

FIELDS = (
    "ids",
    "tokens",
    "offsets",
    "type_ids",
    "attention_mask",
    "special_tokens_mask",
    "word_ids",
)

# Code points whose neighbours are alike: of these a sample will do, unless QUATRAIN_EXHAUSTIVE.
UNIFORM = [
    range(0x3500, 0x4D80),
    range(0x4E80, 0x9F80),
    range(0xAC80, 0xD700),
    range(0xD800, 0xF880),
    range(0x20100, 0x2F700),
    range(0x2FB00, 0x110000),
]
SAMPLED = {
    c
    for uniform in UNIFORM
    for c in uniform[1:-1]
    if c % 61 and "QUATRAIN_EXHAUSTIVE" not in os.environ
}
ALL = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000 and c not in SAMPLED]


class Both:
    """One file in both libraries."""

    def __init__(self, data: bytes):
        self.ours = Tokenizer(data)
        import tokenizers  # a third party, which need not be installed to collect this

        self.peer = tokenizers.Tokenizer.from_str(data.decode())
        self.has_offsets = True  # that are comparable
        self.ids = sorted(self.peer.get_vocab().values())
        # The peer skips a token that it decodes as some special token's content: not those which
        # are normalized to something else, but others that are normalized to that. We skip those
        # that are special.
        added = json.loads(data)["added_tokens"]
        specials = {token["content"] for token in added if token["special"]}
        self.skips_alike = all(
            (self.peer.id_to_token(self.peer.token_to_id(token["content"])) in specials)
            == token["special"]
            for token in added
        )

    def check(self, text: str, pair: str | None = None, special: bool = True) -> None:
        ours = self.ours.encode(text, pair, special)
        peer = self.peer.encode(text, pair, add_special_tokens=special)
        compare(ours, peer, (text, pair, special), () if self.has_offsets else ("offsets",))
        if pair is None and self.ours.padding is None:
            assert self.ours.encode_ids(text, special) == peer.ids, (text, special)
        self.check_decode(peer.ids)

    def check_decode(self, ids: list[int]) -> None:
        for skip in (True, False) if self.skips_alike else (False,):
            expected = self.peer.decode(ids, skip_special_tokens=skip)
            assert self.ours.decode(ids, skip) == expected, (ids, skip)
            stream = self.ours.stream_decoder(skip)
            assert "".join(map(stream.push, ids)) + stream.flush() == expected, (ids, skip)


def compare(ours: Any, peer: Any, what: Any, ignored: tuple[str, ...] = ()) -> None:
    for field in FIELDS:
        if field in ignored:
            continue
        mine, theirs = getattr(ours, field), getattr(peer, field)
        if mine != theirs:
            assert len(mine) == len(theirs), (field, what, mine[:50], theirs[:50])
            at = next(i for i in range(len(mine)) if mine[i] != theirs[i])
            context = slice(max(0, at - 3), at + 4)
            pytest.fail(
                f"{field} differ at {at}: {mine[context]} != {theirs[context]} "
                f"({ours.tokens[context]}) in {what!r:.300}"
            )
