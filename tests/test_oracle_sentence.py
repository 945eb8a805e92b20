"""Folders that sentence-transformers made: their vectors are ours, prompts and all."""

from __future__ import annotations

import json
import string
from typing import Any

import numpy as np
import pytest

import oracle
import quatrain
from exported import Runner, padded
from families import VOCAB
from judge import difference

pytestmark = [
    pytest.mark.oracle("torch", "transformers", "tokenizers", "sentence_transformers"),
    # Its own and scikit-learn's are no warnings of ours.
    pytest.mark.filterwarnings("default"),
]

TEXTS = ["a cat sat on the mat.", "A", "no; 12 dogs and a Fish", "x y z " * 60]
WORDS = ["cat", "sat", "on", "the", "mat", "dog", "fish", "query", "no", "and", "x"]
MODES = ("cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")
ENGINES = ("reference", "native", "onnx")


def vocabulary() -> list[str]:
    letters = [*string.ascii_lowercase, *string.digits, *".,:;"]
    found = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *letters]
    return list(dict.fromkeys([*found, *("##" + letter for letter in letters)]))[:VOCAB]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """A folder of the tiny BERT with a tokenizer, as transformers writes them."""
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertTokenizerFast

    folder = oracle.write(tmp_path_factory.mktemp("made") / "bert", "bert", "")
    made = BertWordPieceTokenizer({word: i for i, word in enumerate(vocabulary())})
    made.save(str(folder / "tokenizer.json"))
    tokenizer = BertTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
    tokenizer.save_pretrained(folder)
    return folder


def modules(kind: str, width: int) -> list[Any]:
    """What stands behind the encoder in a case."""
    import torch
    from sentence_transformers.sentence_transformer import modules as parts

    def dense(*sizes: int, activation: str, **options: bool) -> Any:
        function = getattr(torch.nn, activation)()
        return parts.Dense(*sizes, activation_function=function, **options)

    if kind in MODES:
        return [parts.Pooling(width, pooling_mode=kind)]
    if kind == "all side by side":
        return [parts.Pooling(width, pooling_mode=MODES[::-1]), parts.Normalize()]
    assert kind == "every module"
    return [
        parts.Pooling(width, pooling_mode=("max", "cls")),
        dense(2 * width, 17, activation="GELU", bias=False),
        parts.Dropout(0.3),
        dense(17, 19, activation="Identity"),
        dense(19, 19, activation="Tanh", use_residual=True),
        dense(19, 7, activation="SiLU", use_residual=True),
        parts.LayerNorm(7),
        parts.Normalize(),
    ]


@pytest.fixture(scope="module")
def made(encoder, tmp_path_factory):
    """A function: case -> (the folder, what sentence-transformers makes of texts)."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Transformer

    root, known = tmp_path_factory.mktemp("sentence"), {}

    def make(kind: str):
        if kind not in known:
            first = Transformer(str(encoder), max_seq_length=32)
            torch.manual_seed(5)
            judge = SentenceTransformer(
                modules=[first, *modules(kind, first.get_embedding_dimension())],
                prompts={"query": "query: ", "passage": "the "},
                default_prompt_name="passage",
                device="cpu",
            )
            with torch.no_grad():
                for module in list(judge)[1:]:
                    for name, weight in module.named_parameters():
                        torch.nn.init.normal_(weight, mean=float("norm.weight" in name), std=0.3)
            judge.save(str(root / str(len(known))))
            known[kind] = root / str(len(known)), judge.double().eval()
        return known[kind]

    return make


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", [*MODES, "all side by side", "every module"])
def test_vectors(kind, engine, made):
    folder, judge = made(kind)
    model = quatrain.load(folder, engine=engine)
    want = judge.encode(TEXTS, show_progress_bar=False)
    got = model.encode(TEXTS)
    assert got.shape == want.shape and want.dtype == np.float64
    for vector, right in zip(got, want, strict=True):
        assert difference(vector, right) <= 1e-5


@pytest.mark.parametrize("kind", ["all side by side", "every module"])
def test_the_exported_graph(kind, made, tmp_path):
    folder, judge = made(kind)
    model = quatrain.load(folder)
    want = judge.encode(TEXTS[:3], prompt="", show_progress_bar=False)
    ids = [model.sample(text).ids for text in TEXTS[:3]]
    runner = Runner(model.export(tmp_path / "out"))
    for left in (False, True):
        vectors = runner.run(*padded(ids, left=left))["sentence_embedding"]
        assert difference(vectors, want) <= 1e-5


@pytest.mark.parametrize(
    "asked", [{}, {"prompt": ""}, {"prompt": "dog: "}, {"prompt_name": "query"}], ids=str
)
def test_prompts(asked, made):
    folder, judge = made("mean")
    model = quatrain.load(folder)
    want = judge.encode(TEXTS, show_progress_bar=False, **asked)
    assert difference(model.encode(TEXTS, **asked), want) <= 1e-5
    plain = model.encode(TEXTS[:3], prompt="")
    assert (difference(model.encode(TEXTS[:3], **asked), plain) > 0.01) == (asked != {"prompt": ""})


def test_older_files_say_the_same(made):
    """A switch for each mode, and the limit among the encoder's settings."""
    from sentence_transformers import SentenceTransformer

    folder, _ = made("all side by side")
    switches = {"lasttoken": "lasttoken", "weightedmean": "weightedmean_tokens"}
    modes = ["cls_token", "max_tokens", "mean_tokens", "mean_sqrt_len_tokens"]
    fields = {f"pooling_mode_{mode}": True for mode in [*switches.values(), *modes]}
    (folder / "1_Pooling" / "config.json").write_text(
        json.dumps(fields | {"word_embedding_dimension": 24})
    )
    config = folder / "tokenizer_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"model_max_length": 10**30}))
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 32}')
    judge = SentenceTransformer(str(folder), device="cpu").double()
    want = judge.encode(TEXTS, show_progress_bar=False)
    assert difference(quatrain.load(folder).encode(TEXTS), want) <= 1e-5
