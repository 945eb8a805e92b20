"""A language model of antibodies, a real GPT-2: a pickle of an older transformers, converted.

IgLM-S (Shuai et al. 2021), from the package ``iglm``; its licence is academic, for tests alone.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import quatrain
from judge import difference
from quatrain.errors import CheckpointError

pytestmark = [pytest.mark.oracle("torch", "transformers"), pytest.mark.data("iglm")]

#: A nanobody as the model reads it: the chain, the species, and a residue at a time.
RESIDUES = (
    "QVQLVESGGGLVQAGGSLRLSCAASGRTFSSYAMGWFRQAPGKEREFVAAISWSGGSTYYADSVKGRFTISRDNAKNTVYLQMNSLKPED"
    "TAVYYCAA"
)
TOKENS = ["[HEAVY]", "[CAMEL]", *RESIDUES]


@pytest.fixture(scope="module")
def folder(test_data, tmp_path_factory) -> Path:
    """The package's files, with the weights as the refusal says to convert them."""
    path = tmp_path_factory.mktemp("iglm") / "IgLM-S"
    shutil.copytree(test_data / "iglm" / "model", path)
    shutil.copyfile(test_data / "iglm" / "vocab.txt", path / "vocab.txt")
    settings = {"tokenizer_class": "BertTokenizer", "do_lower_case": False}
    (path / "tokenizer_config.json").write_text(json.dumps(settings))
    with pytest.raises(CheckpointError, match="pickled weights can run code") as refused:
        quatrain.load(path)
    command = str(refused.value).partition("convert them there with python -c ")[2].strip('"')
    subprocess.run([sys.executable, "-c", command], cwd=path, check=True)
    return path


@pytest.fixture(scope="module")
def judge(folder):
    import torch
    import transformers

    model = transformers.GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float64)
    vocabulary = (folder / "vocab.txt").read_text().split()
    ids = [vocabulary.index(token) for token in TOKENS]

    def logits(ids: list[int]) -> np.ndarray:
        with torch.no_grad():
            return model.eval()(torch.tensor([ids])).logits[0].numpy()

    return ids, logits


@pytest.mark.parametrize("engine", ["reference", "native", "onnx"])
def test_logits_are_those_of_transformers(engine, folder, judge):
    ids, logits = judge
    model = quatrain.load(folder, engine=engine)
    residues = model.tokenizer.encode_ids(" ".join(RESIDUES), add_special_tokens=False)
    assert residues == ids[2:]
    assert difference(model.logits(ids), logits(ids)) <= 1e-4


def test_it_knows_antibodies(folder, judge):
    """The likeliest residue is mostly the one that stands there; of a shuffled text it is not."""
    ids, _ = judge
    model = quatrain.load(folder)

    def found(ids: list[int]) -> float:
        return float((model.logits(ids).argmax(-1)[1:-1] == ids[2:]).mean())

    shuffled = [*ids[:2], *np.random.default_rng(1).permutation(ids[2:])]
    assert found(ids) > 0.6 > 0.3 > found(shuffled)


@pytest.mark.parametrize(
    ("dtype", "loss"), [("float16", 1e-4), ("bfloat16", 3e-3), ("int8", 0.01), ("int4", 0.1)]
)
def test_weights_of_fewer_bits_read_the_same(dtype, loss, folder, judge):
    ids, logits = judge
    got = quatrain.load(folder, dtype=dtype).logits(ids)
    assert perplexity(got, ids) == pytest.approx(perplexity(logits(ids), ids), rel=loss)


def perplexity(logits: np.ndarray, ids: list[int]) -> float:
    """Of the residues, given the chain and the species."""
    logits = logits[1:-1].astype(np.float64)
    logits -= logits.max(-1, keepdims=True)
    chosen = logits[np.arange(len(logits)), ids[2:]] - np.log(np.exp(logits).sum(-1))
    return float(np.exp(-chosen.mean()))


def test_it_writes_antibodies(folder, judge):
    """The ids of transformers' logits, one by one."""
    ids, logits = judge
    found = quatrain.load(folder).generate(ids[:12], max_new_tokens=20)
    want = ids[:12]
    for _ in found.ids:
        want.append(int(logits(want)[-1].argmax()))
    assert found.ids == want[12:] and len(found.ids) == 20
    assert found.text == "S V Q A G G S L R L S C A A S G Y T Y S"
