"""Real tokenizers against the libraries that they were made with, on texts of every kind."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz import PAIRS, Pair
from fuzz_texts import AFFIXES, CONTROLS, EMOJI, MARKS, SPACES
from quatrain.errors import InputError
from quatrain.tokenizer import Tokenizer
from real_tokenizers import LOSSLESS, real
from tokenizer_data import HOSTILE
from worst_texts import WORST

pytestmark = [
    pytest.mark.oracle("tokenizers", "tiktoken", "sentencepiece"),
    pytest.mark.data("tokenizers", "text", "minilm", "gpt2", "llama.cpp", "gpt-tokenizer"),
    pytest.mark.data("sentencepiece"),
]
TEXTS = 1000

TEXT = st.lists(
    st.one_of(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
        st.sampled_from(AFFIXES + EMOJI + SPACES + MARKS[:20] + CONTROLS),
        st.sampled_from([text for text in HOSTILE if len(text) < 100]),
    ),
    max_size=8,
).map("".join)


@pytest.fixture(scope="module", params=list(PAIRS))
def both(request: pytest.FixtureRequest, test_data: Path) -> Pair:
    return PAIRS[request.param](request.param, test_data)


def test_equal(both: Pair) -> None:
    both.check(0, TEXTS)


def test_equal_on_any_text(both: Pair) -> None:
    @settings(
        max_examples=30,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(TEXT)
    def equal(text: str) -> None:
        assert both.difference(text) is None

    equal()


def test_equal_on_the_worst_texts(both: Pair) -> None:
    for size in (100, 1000, 4001):
        for make in WORST.values():
            text = make(size)
            for whole in (text, f"A {text}b", f"{text[: size // 2]} {text}"):
                assert both.difference(whole) is None


@pytest.mark.parametrize("name", LOSSLESS)
def test_lone_surrogates_are_refused(name: str, test_data: Path) -> None:
    tokenizer = Tokenizer(real(name, test_data))
    for text in ("\ud800", "a\udfff", "\ud83d \ude00"):
        with pytest.raises(InputError, match="lone surrogate"):
            tokenizer.encode(text)
