"""The tools that convert checkpoints, on files made here: what is read, refused, and never run."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import checkpoints
import quatrain

pytestmark = pytest.mark.oracle("torch")
TOOLS = Path(__file__).parents[1] / "tools" / "conversion"
WORDS = [f"w{i}" for i in range(90)] + ["a@@", "b@@", "b"]
SOURCE, TARGET = [5, 6, 7, 2], [2, 9, 8, 7]


@pytest.fixture
def tool(monkeypatch):
    """A function: a script's name -> that script as a module."""
    monkeypatch.syspath_prepend(str(TOOLS))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(TOOLS) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def fairseq_checkpoint(folder: Path, ours: Path, **changes: object) -> Path:
    """One of our folders as fairseq's checkpoint and dictionaries, of which all tables are one."""
    import torch

    config = quatrain.load(ours).config
    tensors = {k: torch.tensor(v) for k, v in load_file(ours / "model.safetensors").items()}
    tensors = {k.removeprefix("model."): v for k, v in tensors.items()}
    del tensors["final_logits_bias"]
    shared = tensors.pop("shared.weight")
    for side in ("encoder", "decoder"):
        tensors |= {f"{side}.embed_tokens.weight": shared, f"{side}.version": torch.zeros(1)}
    tensors["decoder.output_projection.weight"] = shared
    args = {"share_all_embeddings": True, "share_decoder_input_output_embed": True}
    for side in ("encoder", "decoder"):
        args |= {
            f"{side}_layers": getattr(config, f"{side}_layers"),
            f"{side}_attention_heads": getattr(config, f"{side}_attention_heads"),
            f"{side}_ffn_embed_dim": getattr(config, f"{side}_ffn_dim"),
            f"{side}_embed_dim": config.d_model,
            f"{side}_learned_pos": True,
            f"{side}_normalize_before": config.normalize_before,
        }
    args |= {
        "max_source_positions": config.max_position_embeddings,
        "max_target_positions": config.max_position_embeddings,
        "activation_fn": config.activation_function,
        "layernorm_embedding": config.normalize_embedding,
        "no_token_positional_embeddings": False,
        "no_scale_embedding": not config.scale_embedding,
    }
    file = folder / "checkpoint.pt"
    torch.save({"args": argparse.Namespace(**args | changes), "model": tensors}, file)
    for language in ("en", "de"):
        (folder / f"dict.{language}.txt").write_text("".join(f"{w} 1\n" for w in WORDS))
    (folder / "codes").write_text("#version: 0.2\na b</w>\na c\n")
    return file


@pytest.fixture
def learned(tmp_path) -> Path:
    return checkpoints.write(
        tmp_path / "ours",
        "transformer",
        position_embedding_type="learned",
        position_offset=2,
        normalize_embedding=True,
        scale_embedding=False,
    )


def run(script, *arguments: object) -> None:
    sys.argv = [script.__name__, *map(str, arguments)]
    script.main()


def test_fairseq_with_one_table(learned, tmp_path, tool, monkeypatch):
    """Learned positions, a table for everything, and subwords that the dictionary lacks."""
    monkeypatch.setattr(sys, "argv", [])
    file = fairseq_checkpoint(tmp_path, learned)
    languages = ("--source", "en", "--target", "de")
    run(tool("fairseq"), file, tmp_path, tmp_path / "out", *languages)
    plain, ours = quatrain.load(tmp_path / "out"), quatrain.load(learned)
    assert plain.tokenizer is None
    bias = load_file(learned / "model.safetensors")["final_logits_bias"]
    got = plain.logits(SOURCE, decoder_ids=TARGET)
    np.testing.assert_allclose(got + bias, ours.logits(SOURCE, decoder_ids=TARGET), atol=2e-5)

    codes = ("--codes", tmp_path / "codes")
    run(tool("fairseq"), file, tmp_path, tmp_path / "words", *languages, *codes)
    model = quatrain.load(tmp_path / "words")
    # "ab" was learned but is no entry: it has an id behind them, and the embedding of <unk>.
    ids = model.sample("b ab x").ids.tolist()
    assert ids == [96, 97, 3, 2] and model.network.vocab_size > 97
    known = [i if i < 97 else 3 for i in ids]
    logits = model.logits(ids, decoder_ids=TARGET)
    np.testing.assert_array_equal(logits[:, :97], plain.logits(known, decoder_ids=TARGET))
    assert (logits[:, 97:] < -1e8).all()


def test_fairseq_of_another_kind_is_refused(learned, tmp_path, tool, monkeypatch):
    monkeypatch.setattr(sys, "argv", [])
    languages = ("--source", "en", "--target", "de")
    for changes, why in (
        ({"adaptive_softmax_cutoff": [5]}, "adaptive_softmax_cutoff"),
        ({"decoder_embed_dim": 8}, "embed_dim: expected one value"),
    ):
        file = fairseq_checkpoint(tmp_path, learned, **changes)
        with pytest.raises(SystemExit, match=why):
            run(tool("fairseq"), file, tmp_path, tmp_path / "out", *languages)
    file = fairseq_checkpoint(tmp_path, learned)
    (tmp_path / "dict.de.txt").write_text("one 1\n")
    with pytest.raises(SystemExit, match="target: expected 97 entries of the dictionary, found 5"):
        run(tool("fairseq"), file, tmp_path, tmp_path / "out", *languages)


class Dangerous:
    def __reduce__(self):
        return os.mkdir, ("ran",)


def test_what_a_pickle_asks_for_is_not_run(tmp_path, tool, monkeypatch):
    import torch

    monkeypatch.chdir(tmp_path)
    torch.save({"danger": Dangerous(), "x": torch.arange(3), "c": Path("a")}, tmp_path / "a.pt")
    found = tool("pickled").load(tmp_path / "a.pt")
    assert found["x"].tolist() == [0, 1, 2]
    assert not (tmp_path / "ran").exists()
