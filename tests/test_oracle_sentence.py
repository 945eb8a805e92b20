"""Folders that sentence-transformers made: their vectors are ours, prompts and all."""

from __future__ import annotations

import json
import string
from pathlib import Path
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


def transformer(folder: Path, family: str) -> Path:
    """A family's tiny checkpoint with a tokenizer, as transformers writes them."""
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertTokenizerFast

    # A text may hold any id, but of RoBERTa's not its padding's.
    oracle.write(folder, family, "every switch" if family == "roberta" else "")
    if family == "gemma3_text":
        # As EmbeddingGemma; such a model gives no logits, and is no variant of the others.
        config = json.loads((folder / "config.json").read_text())
        config |= {"use_bidirectional_attention": True, "sliding_window": 6}
        (folder / "config.json").write_text(json.dumps(config))
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
def made(tmp_path_factory):
    """A function: modules, family -> (the folder, what sentence-transformers makes of texts)."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Transformer

    root, known = tmp_path_factory.mktemp("sentence"), {}

    def make(kind: str, family: str = "bert"):
        if (kind, family) not in known:
            folder = root / str(len(known))
            first = Transformer(str(transformer(folder / "first", family)), max_seq_length=32)
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
            judge.save(str(folder / "all"))
            known[kind, family] = folder / "all", judge.double().eval()
        return known[kind, family]

    return make


@pytest.mark.parametrize(
    ("kind", "engine"),
    [
        *((mode, "native") for mode in MODES),
        *((kind, engine) for kind in ("all side by side", "every module") for engine in ENGINES),
    ],
)
def test_vectors(kind, engine, made):
    folder, judge = made(kind)
    model = quatrain.load(folder, engine=engine)
    want = judge.encode(TEXTS, show_progress_bar=False)
    got = model.encode(TEXTS)
    assert got.shape == want.shape and want.dtype == np.float64
    for vector, right in zip(got, want, strict=True):
        assert difference(vector, right) <= 1e-5


@pytest.mark.parametrize("engine", ["native", "onnx"])
@pytest.mark.parametrize("family", ["roberta", "modernbert", "qwen2", "gemma3_text"])
def test_families(family, engine, made):
    """Decoders too: of their rows, often the last one, vectors are made as well."""
    folder, judge = made("all side by side", family)
    model = quatrain.load(folder, engine=engine)
    want = judge.encode(TEXTS, batch_size=1, show_progress_bar=False)
    assert difference(model.encode(TEXTS), want) <= 1e-5


@pytest.mark.parametrize(
    ("kind", "family"),
    [("all side by side", "bert"), ("every module", "bert"), ("all side by side", "qwen2")],
)
def test_the_exported_graph(kind, family, made, tmp_path):
    folder, judge = made(kind, family)
    model = quatrain.load(folder)
    want = judge.encode(TEXTS[:3], prompt="", batch_size=1, show_progress_bar=False)
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
