"""SentencePiece models as classes of ``transformers`` have them, and equal to these."""

from __future__ import annotations

import json
import types
from pathlib import Path
from typing import Any

import pytest

from quatrain.errors import TokenizerError
from quatrain.tokenizer import Tokenizer
from quatrain.tokenizer.formats.sentencepiece_proto import parse
from tokenizer_data import HOSTILE, texts
from tokenizer_peer import Both, compare

SENTENCES = [
    *("the cat sat on the mat", "don't sit there, or I'll tell the cats!", "1234 and 567.89"),
    *("中文字符和日本語のカタカナ", "el niño comió una piña", "straße und Größe", "x  y   z"),
] * 20
MARKERS = [
    *("<s> x<mask>y</s>", "a<pad><unk> </s>", "<extra_id_0>the<extra_id_99> <extra_id_100>"),
    *(" <mask> cats<mask>", "<new> x<new>", "thecats cats", "▁the ▁ cat"),
]
UNIGRAM = {"model_type": "unigram", "vocab_size": 150}
T5 = {**UNIGRAM, "pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1}
BPE = {
    "model_type": "bpe",
    "byte_fallback": True,
    "vocab_size": 420,
    "normalization_rule_name": "identity",
    "remove_extra_whitespaces": False,
}
SYMBOLS = {"user_defined_symbols": ["cats"], "control_symbols": ["<ctl>"]}
NEW = {"67": {"content": "<new>", "lstrip": True, "rstrip": False, "special": True}}


def write(folder: Path, name: str, settings: dict[str, Any], config: Any = None) -> Path:
    """Trains a model, and puts it and a configuration into a folder."""
    import sentencepiece

    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES),
        model_prefix=str(folder / "trained"),
        hard_vocab_limit=False,
        minloglevel=2,
        num_threads=1,
        **settings,
    )
    (folder / "trained.vocab").unlink()
    if config is not None:
        (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    return (folder / "trained.model").rename(folder / name)


def check(ours: Tokenizer, backend: Any) -> None:
    both = Both(backend.to_str().encode())
    both.ours = ours
    assert len(ours) == backend.get_vocab_size()
    for text in [*HOSTILE, *SENTENCES[:7], *MARKERS]:
        both.check(text)
        both.check(text, "the cats", special=False)
        both.check(text, "the cats")


CLASSES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "t5": ("T5Tokenizer", T5, {}),
    "t5-settings": ("T5Tokenizer", {**T5, **SYMBOLS}, {"extra_ids": 3}),
    "t5-normalized": ("T5Tokenizer", {**T5, "normalization_rule_name": "nmt_nfkc_cf"}, {}),
    "t5-plain": ("T5Tokenizer", {**T5, "normalization_rule_name": "identity"}, {"extra_ids": 0}),
    "t5-listed": ("T5Tokenizer", {**T5, **SYMBOLS}, {"additional_special_tokens": ["<new>"]}),
    "t5-usual": (
        "T5Tokenizer",
        T5,
        {"additional_special_tokens": [f"<extra_id_{i}>" for i in range(100)], "extra_ids": 100},
    ),
    "xlm-roberta": ("XLMRobertaTokenizer", UNIGRAM, {}),
    "xlm-roberta-symbols": ("XLMRobertaTokenizer", {**UNIGRAM, **SYMBOLS}, {}),
    "xlm-roberta-roles": (
        "XLMRobertaTokenizer",
        UNIGRAM,
        {
            "mask_token": {"__type": "AddedToken", "content": "<new>", "lstrip": True},
            "cls_token": "<mask>",
            "added_tokens_decoder": NEW,
        },
    ),
    "xlm-roberta-flags": (
        "XLMRobertaTokenizer",
        UNIGRAM,
        {"mask_token": {"__type": "AddedToken", "content": "<mask>", "lstrip": True}},
    ),
    "llama": ("LlamaTokenizer", BPE, {}),
    "llama-symbols": ("LlamaTokenizer", {**BPE, **SYMBOLS}, {"add_bos_token": True}),
    "llama-listed": (
        "LlamaTokenizer",
        {**BPE, **SYMBOLS},
        {"extra_special_tokens": ["<new>", "<extra_id_0>"], "add_bos_token": True},
    ),
    "llama-legacy": ("LlamaTokenizer", BPE, {"legacy": True, "add_eos_token": True}),
    "llama-bare": ("LlamaTokenizer", BPE, {"add_prefix_space": False, "pad_token": "<pad>"}),
    "llama-ends": ("LlamaTokenizer", BPE, {"add_bos_token": True, "add_eos_token": True}),
}


@pytest.mark.oracle("sentencepiece", "transformers")
@pytest.mark.parametrize("case", CLASSES)
def test_classes(case: str, tmp_path: Path) -> None:
    import transformers

    name, settings, config = CLASSES[case]
    peer_class = getattr(transformers, name)
    file = next(iter(peer_class.vocab_files_names.values()))
    path = write(tmp_path, file, settings, config | {"tokenizer_class": name})
    peer = peer_class.from_pretrained(tmp_path)
    ours = Tokenizer.from_pretrained(tmp_path, behavior="tokenizers")
    check(ours, peer.backend_tokenizer)
    assert (ours.eos_id, ours.pad_id) == (peer.eos_token_id, peer.pad_token_id)
    assert ours.bos_id == (None if name == "T5Tokenizer" else peer.bos_token_id)
    again = Tokenizer.from_file(path, behavior="tokenizers", tokenizer_class=name)
    assert again.encode("the cat").ids == ours.encode("the cat").ids


@pytest.mark.oracle("transformers")
@pytest.mark.data("sentencepiece", "text")
@pytest.mark.parametrize("name", ["mistral-v1", "mistral-v3"])
def test_real_llama(test_data: Path, tmp_path: Path, name: str) -> None:
    from transformers import LlamaTokenizer

    model = (test_data / "sentencepiece" / f"{name}.model").read_bytes()
    (tmp_path / "tokenizer.model").write_bytes(model)
    config = {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    ours = Tokenizer.from_pretrained(tmp_path, behavior="tokenizers")
    peer = LlamaTokenizer.from_pretrained(tmp_path).backend_tokenizer
    for text in [*HOSTILE, *MARKERS, *texts(test_data, 20), "<s>[INST] a[/INST] b</s>"]:
        compare(ours.encode(text), peer.encode(text), text)
        ids = peer.encode(text).ids
        assert ours.decode(ids) == peer.decode(ids)


@pytest.mark.oracle("sentencepiece", "transformers")
@pytest.mark.parametrize("settings", [UNIGRAM, {**UNIGRAM, **SYMBOLS}, {**UNIGRAM, "pad_id": 3}])
def test_a_unigram_model_of_no_class(settings: dict[str, Any], tmp_path: Path) -> None:
    from transformers.convert_slow_tokenizer import SpmConverter

    path = write(tmp_path, "x.model", settings)
    backend = SpmConverter(types.SimpleNamespace(vocab_file=str(path))).converted()
    backend.add_special_tokens(["<unk>"])
    check(Tokenizer.from_file(path, behavior="tokenizers"), backend)


@pytest.mark.oracle("sentencepiece", "transformers")
@pytest.mark.parametrize("settings", [BPE, {**BPE, **SYMBOLS}])
def test_a_bpe_model_of_no_class(settings: dict[str, Any], tmp_path: Path) -> None:
    from tokenizers import normalizers
    from transformers import LlamaTokenizer

    path = write(tmp_path, "tokenizer.model", settings)
    backend = LlamaTokenizer.from_pretrained(tmp_path).backend_tokenizer
    steps = [normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")]
    backend.normalizer = normalizers.Sequence(steps)
    backend.pre_tokenizer = None
    backend.model.unk_token = "<unk>"
    ours = Tokenizer.from_file(path, behavior="tokenizers")
    check(ours, backend)
    assert (ours.bos_id, ours.eos_id, ours.pad_id) == (1, 2, None)


def test_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.model"

    def refused(message: str, edit: Any = None, **options: Any) -> None:
        model = parse(b"")
        for piece, kind in {b"<unk>": 2, b"<s>": 3, b"</s>": 3, b"a": 1}.items():
            model.pieces.add(piece=piece, score=0.0, type=kind)
        if edit is not None:
            edit(model)
        path.write_bytes(model.SerializeToString())
        with pytest.raises(TokenizerError, match=message):
            Tokenizer.from_file(path, behavior="tokenizers", **options)

    def rename(model: Any) -> None:
        model.pieces[1].piece = b"<begin>"

    def use_bpe(model: Any) -> None:
        model.trainer_spec.model_type = 2

    def name_an_extra_id(model: Any) -> None:
        for piece, name in zip(model.pieces, (b"<pad>", b"</s>", b"<unk>"), strict=False):
            piece.piece, piece.type = name, 2 if name == b"<unk>" else 3
        model.pieces[3].piece = b"<extra_id_0>"

    refused(r"'Albert' is not supported; supported: Llama, T5, XLM", tokenizer_class="Albert")
    refused("model_type: found Unigram, but the class expects BPE", tokenizer_class="Llama")
    refused("found BPE, but the class expects Unigram", use_bpe, tokenizer_class="T5Tokenizer")
    refused("begin with .'<unk>', '<s>', '</s>'., but the class exp", tokenizer_class="T5Tokenizer")
    refused("begin with .'<unk>', '<begin>'", rename, tokenizer_class="XLMRobertaTokenizer")
    refused("'<extra_id_0>' appears twice", name_an_extra_id, tokenizer_class="T5Tokenizer")
    (tmp_path / "tokenizer_config.json").write_text('{"extra_ids": 65537}')
    refused(
        "extra_ids: found 65537, expected 0 to", name_an_extra_id, tokenizer_class="T5Tokenizer"
    )
