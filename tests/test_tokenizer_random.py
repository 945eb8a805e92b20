"""Equality with the ``tokenizers`` library on random files and random texts."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import pytest

from quatrain.tokenizer.formats.decoders import DECODERS
from quatrain.tokenizer.formats.post_processors import POST_PROCESSORS
from quatrain.tokenizer.formats.text_parts import NORMALIZERS, PRE_TOKENIZERS
from tokenizer_data import to_bytes
from tokenizer_peer import Both
from tokenizer_random import random_file, random_text

pytestmark = pytest.mark.oracle("tokenizers", "onigurumacffi")

SEEDS = range(250)


def test_the_seeds_cover_every_component_and_flag() -> None:
    seen: dict[str, dict[str, set[str]]] = {}

    def visit(part: str, node: Any) -> None:
        for name, value in node.items():
            if name not in ("vocab", "merges", "special_tokens"):
                key = value if isinstance(value, (str, bool)) else type(value).__name__
                seen.setdefault(f"{part} {node['type']}", {}).setdefault(name, set()).add(str(key))
            if name in ("normalizers", "pretokenizers", "processors", "decoders"):
                for child in value:
                    visit(part, child)

    for seed in SEEDS:
        file = random_file(random.Random(seed))
        for part in ("normalizer", "pre_tokenizer", "post_processor", "decoder", "model"):
            if file[part] is not None:
                visit(part, file[part])
    expected = {
        *(f"normalizer {name}" for name in NORMALIZERS if name != "Precompiled"),
        *(f"pre_tokenizer {name}" for name in PRE_TOKENIZERS),
        *(f"post_processor {name}" for name in POST_PROCESSORS),
        *(f"decoder {name}" for name in DECODERS),
        *(f"model {name}" for name in ("BPE", "WordPiece", "WordLevel")),
    }
    assert seen.keys() == expected  # charsmaps and Unigram have files of their own
    for component, fields in seen.items():
        for name, values in fields.items():
            # These two may stand in each ByteLevel, but only one kind of it heeds them.
            is_idle = name in ("trim_offsets", "use_regex") or component == "decoder ByteLevel"
            if values & {"True", "False"} and not is_idle:
                assert values >= {"True", "False"}, (component, name)
    behaviors = {"Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"}
    assert seen["pre_tokenizer Split"]["behavior"] == behaviors
    assert seen["pre_tokenizer Punctuation"]["behavior"] == behaviors
    assert seen["pre_tokenizer Metaspace"]["prepend_scheme"] == {"first", "always", "never"}


@pytest.mark.parametrize("seed", SEEDS)
def test_random(seed: int) -> None:
    rng = random.Random(seed)
    data = to_bytes(random_file(rng))
    both = Both(data)
    # Where the bytes of a prefix or suffix fall back, the peer's offsets are outside of the text.
    model = json.loads(data)["model"]
    affixes = (model.get("continuing_subword_prefix"), model.get("end_of_word_suffix"))
    both.has_offsets = not (model.get("byte_fallback") and any(affixes))
    for _ in range(30):
        text = random_text(rng)
        pair = random_text(rng) if rng.random() < 0.3 else None
        try:
            both.check(text, pair, rng.random() < 0.7)
            both.check_decode(rng.choices(both.ids, k=rng.choice([1, 3, 20])))
        except BaseException:
            print(re.sub(r'"(vocab|merges)": [{\[].*?[}\]]', "", data.decode()))
            raise
