"""Real encoder-decoders, converted as docs/conversion.md says: their own examples and texts."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import quatrain
from judge import difference
from torch_transformer import TorchTransformer

pytestmark = [
    pytest.mark.oracle("torch"),
    pytest.mark.data("detransliterator", "tg2fa"),
]
TOOLS = Path(__file__).parents[1] / "tools" / "conversion"
#: Models from Latin letters to N'Ko, and what their README expects of both.
MODELS = ("latin2nqo_001.35", "latin2nqo_001.38")
LATIN, NKO = "musa dunbuya", "ߡߎߛߊ߫ ߘߎ߲ߓߎߦߊ"
#: Parallel lines that are scored here, and the errors per character that they may have.
LINES, ERRORS = 24, 0.03


def convert(script: str, *arguments: object) -> None:
    command = [sys.executable, TOOLS / script, *map(str, arguments)]
    subprocess.run(command, check=True, timeout=60)


def module(path: Path, name: str = "") -> ModuleType:
    """The Python file there, as a module."""
    spec = importlib.util.spec_from_file_location(name or path.stem, path)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.fixture(scope="module", params=MODELS)
def fairseq(request, test_data, tmp_path_factory) -> Path:
    """fairseq's checkpoint as a folder."""
    packed, out = test_data / "detransliterator" / request.param, tmp_path_factory.mktemp("fairseq")
    languages = ("--source", "roman", "--target", "nqo", "--codes", packed / "data/bpe.code")
    checkpoint = packed / "checkpoints/checkpoint_best.pt"
    convert("fairseq.py", checkpoint, packed / "data", out, *languages, "--lowercase")
    return out


def test_fairseqs_own_example(fairseq):
    """Found greedily, and as its README has it, with five beams."""
    for engine in ("native", "onnx"):
        model = quatrain.load(fairseq, engine=engine)
        for beams in (1, 5):
            found = model.generate(LATIN, num_beams=beams)
            assert (found.text, found.finish_reason) == (NKO, "eos")


def test_fairseqs_logits(fairseq):
    model, judge = quatrain.load(fairseq), TorchTransformer(fairseq)
    source, target = model.sample("Ala tɔgɔ la, mahinala le hinala le.").ids, np.arange(2, 32)
    want = judge.run(target, source)
    assert difference(model.hidden(source), want["encoder_hidden_states"][-1]) <= 1e-4
    assert difference(model.logits(source, decoder_ids=target), want["logits"]) <= 1e-4


def test_fairseqs_parallel_lines(fairseq, test_data):
    """Of lines with tones marked, what is written differs from the book in few characters."""
    tool = module(TOOLS / "score.py")
    texts = test_data / "detransliterator" / "test_data"
    pairs = tool.pairs_of(*(texts / f"diane_parallel_002.{n}" for n in ("emk-tonal", "nqo")))
    wrong, total = tool.score(quatrain.load(fairseq), pairs[1 : LINES + 1])
    assert total > 20 * LINES
    assert wrong <= ERRORS * total


@pytest.mark.oracle("subword_nmt")
def test_subwords_are_those_of_subword_nmt(fairseq, test_data):
    from subword_nmt.apply_bpe import BPE

    data = test_data / "detransliterator" / MODELS[0] / "data"
    entries = (data / "dict.roman.txt").read_text("utf-8").splitlines()
    words = ["<s>", "<pad>", "</s>", "<unk>", *(line.split(" ")[0] for line in entries)]
    ids = {word: i for i, word in enumerate(words)}
    tokenizer = quatrain.load(fairseq).tokenizer
    with (data / "bpe.code").open(encoding="utf-8") as codes:
        peer = BPE(codes)
    unknown = 0
    for path in sorted(test_data.glob("detransliterator/test_data/diane_parallel_002.*")):
        for line in path.read_text("utf-8").lower().split("\n")[:100]:
            want = [ids.get(word, 3) for word in peer.process_line(line).split()]
            got = [min(i, len(words)) for i in tokenizer.encode(line).ids]
            assert [3 if i == len(words) else i for i in got] == [*want, 2]
            unknown += 3 in want
    assert unknown > 0


@pytest.fixture(scope="module")
def persian(test_data, tmp_path_factory) -> quatrain.Model:
    """A model around nn.Transformer."""
    out = tmp_path_factory.mktemp("persian")
    ids = ("--heads", 8, "--start", 2, "--end", 3, "--state", "model_state_dict")
    convert("pytorch.py", test_data / "tg2fa" / "model_2.9.zip", out, *ids)
    return quatrain.load(out)


@pytest.fixture
def package(test_data, monkeypatch):
    """A function: a module of the package -> that module, with its other modules as they are."""
    parent = ModuleType("tg2fa_translit")
    parent.__path__ = [str(test_data / "tg2fa")]
    monkeypatch.setitem(sys.modules, parent.__name__, parent)

    def load(name: str) -> ModuleType:
        full = f"{parent.__name__}.{name}"
        found = module(test_data / "tg2fa" / f"{name}.py", full)
        monkeypatch.setitem(sys.modules, full, found)
        return found

    return load


def test_the_persian_packages_own_example_and_ids(persian, package):
    """Its README's example; and for other texts the letters that it finds itself with torch."""
    import torch

    torch.set_num_threads(1)
    theirs, torch_model = package("decode"), package("transformer").transformer

    def decode(_, text: str) -> str:
        ids = [2, *(theirs.tg_voc[letter] for letter in text), 3]
        found = persian.generate(ids, max_new_tokens=len(ids) + 9).ids
        return "".join(theirs.fa_voc[i] for i in found)

    texts = ["ҳамаи одамон озод ба дунё меоянд", "онҳо соҳиби ақлу виҷдонанд", "-", "ӯ рафт"]  # noqa: RUF001
    for text in texts:
        assert decode(None, text) == theirs.decode(torch_model, text)
    ours = package("convert")
    ours.decode = decode
    tajik, expected = "То ғами фардо нахӯрем!", "تا غم فردا نخوریم!"  # noqa: RUF001
    assert ours.convert(tajik) == expected
