"""SmolLM2-135M-Instruct, a real model in a GGUF file: what it says, and what llama.cpp says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import quatrain

pytestmark = [pytest.mark.data("smollm2"), pytest.mark.oracle("gguf")]
FILE = Path("smollm2") / "SmolLM2-135M-Instruct.Q4_1.gguf"
QUESTION = "What is the capital of France?"
#: Prompts, their tokens, and the tokens that llama.cpp (llama-cpp-python 0.3.36, its keys and
#: values float32) finds likeliest after them, one after another.
LLAMA_CPP = [
    (
        "The capital of France is",
        [504, 3575, 282, 4649, 314],
        [7042, 30, 198, 198, 504, 2988, 314, 42, 216, 34, 32, 33, 40, 29, 32, 33, 29, 34, 34, 216],
    ),
    (
        "Once upon a time",
        [6403, 1980, 253, 655],
        [28, 260, 2240, 282, 1315, 27108, 436, 253, 15114, 39228, 28, 351, 25854, 41658, 284],
    ),
    (
        "def fibonacci(n):",
        [1604, 3987, 46477, 24, 94, 727],
        [472, 585, 304, 1758, 216, 32, 42, 448, 1003, 216, 33, 472, 1003, 304, 1672, 3987, 46477],
    ),
    (
        "Water boils at",
        [12615, 36411, 418],
        [216, 33, 32, 32, 4742, 51, 28, 527, 314, 253, 3468, 20590, 30, 198, 198, 504, 6714, 282],
    ),
]


@pytest.fixture(scope="module")
def model(test_data: Path) -> quatrain.Model:
    return quatrain.load(test_data / FILE)


def test_it_knows_the_capital_of_france(model):
    assert model.generate("The capital of France is", max_new_tokens=2).text == " Paris."


def test_it_answers_in_its_template_and_stops(model):
    turn = {"role": "user", "content": QUESTION}
    chat = model.tokenizer.apply_chat_template([turn], add_generation_prompt=True)
    assert chat.text.endswith(f"<|im_start|>user\n{QUESTION}<|im_end|>\n<|im_start|>assistant\n")
    answer = model.generate(chat.ids, max_new_tokens=40)
    assert answer.text == "The capital of France is Paris."
    assert answer.finish_reason == "eos"


def test_the_likeliest_tokens_are_those_of_llama_cpp(model):
    """Its activations have 8 bits, so that the likeliest of two close ones may be the other."""
    agreed = compared = 0
    for prompt, ids, new in LLAMA_CPP:
        assert model.tokenizer.encode(prompt, add_special_tokens=False).ids == ids
        logits = model.logits(ids + new)[len(ids) - 1 : -1]
        second, first = np.sort(logits, axis=1)[:, -2:].T
        clear = first - second > 0.2
        agreed += int((logits.argmax(1) == new)[clear].sum())
        compared += int(clear.sum())
    assert agreed == compared
    assert compared >= 0.9 * sum(len(new) for *_, new in LLAMA_CPP)
