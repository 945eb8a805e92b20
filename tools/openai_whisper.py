"""Turn a checkpoint of OpenAI's whisper into a folder in Hugging Face's form.

    python tools/openai_whisper.py tiny.en.pt gpt2.tiktoken OUT

Needs torch and quatrain. The ranks are those of PyPI's openai-whisper (``whisper/assets``):
``gpt2.tiktoken`` for English alone, ``multilingual.tiktoken`` for the others. Writes
``config.json``, ``generation_config.json``, ``model.safetensors`` and the tokenizer's files.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from quatrain.files import new_folder
from quatrain.tokenizer import Tokenizer
from quatrain.tokenizer.formats.expressions import GPT2

LANGUAGES = (
    "en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th"
    " ur hr bg lt la mi ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr"
    " pa si km sn yo so af oc ka be tg sd gu am yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt"
    " haw ln ha ba jw su yue"
)
TIMES = 1501
#: Of a vocabulary that is not of English alone.
MULTILINGUAL = 51865

#: A part of OpenAI's names, in order, and what Hugging Face's names have there.
NAMES = (
    (r"\.blocks\.", ".layers."),
    (r"\.attn_ln\.", ".self_attn_layer_norm."),
    (r"\.cross_attn_ln\.", ".encoder_attn_layer_norm."),
    (r"\.mlp_ln\.", ".final_layer_norm."),
    (r"\.mlp\.0\.", ".fc1."),
    (r"\.mlp\.2\.", ".fc2."),
    (r"\.attn\.", ".self_attn."),
    (r"\.cross_attn\.", ".encoder_attn."),
    (r"\.(query|key|value|out)\.", lambda found: f".{SHORT[found[1]]}_proj."),
    (r"\.ln(_post)?\.", ".layer_norm."),
    (r"\.positional_embedding$", ".embed_positions.weight"),
    (r"\.token_embedding\.", ".embed_tokens."),
)
SHORT = {"query": "q", "key": "k", "value": "v", "out": "out"}

#: What is written in a text but not spoken, alone or behind a space.
SYMBOLS = [
    *'"#()*+/:;<=>@[\\]^_`{|}~「」『』',
    *("<<", ">>", "<<<", ">>>", "--", "---", "-(", "-[", "('", '("', "((", "))", "(((", ")))"),
    *("[[", "]]", "{{", "}}", "♪♪", "♪♪♪"),
]
NOTES = "♩♪♫♬♭♮♯"


def main(checkpoint: str, ranks: str, out: str) -> None:
    loaded = torch.load(checkpoint, map_location="cpu", weights_only=True)
    sizes, weights = loaded["dims"], loaded["model_state_dict"]
    tokenizer, specials = tokenizer_of(Path(ranks), sizes["n_vocab"])
    with new_folder(Path(out)) as folder:
        write(folder / "config.json", config(sizes, specials))
        write(folder / "generation_config.json", generation(tokenizer, specials, sizes))
        tokenizer.save(folder)
        tensors = {renamed(name): tensor.contiguous() for name, tensor in weights.items()}
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def write(file: Path, fields: dict[str, Any]) -> None:
    file.write_text(json.dumps(fields, indent=2) + "\n", encoding="utf-8")


def renamed(name: str) -> str:
    for pattern, replacement in NAMES:
        name = re.sub(pattern, replacement, name)
    return f"model.{name}"


def tokenizer_of(ranks: Path, size: int) -> tuple[Tokenizer, dict[str, int]]:
    """The tokenizer, and the ids of its special tokens: they follow the ranks."""
    lines = [line for line in ranks.read_bytes().splitlines() if line]
    many = size >= MULTILINGUAL
    languages = LANGUAGES.split()[: size - MULTILINGUAL + 99 if many else 99]
    names = [
        *("endoftext", "startoftranscript", *languages, "translate", "transcribe"),
        *("startoflm", "startofprev", "nospeech", "notimestamps"),
        *(f"{0.02 * i:.2f}" for i in range(TIMES)),
    ]
    specials = {f"<|{name}|>": len(lines) + i for i, name in enumerate(names)}
    if len(lines) + len(names) != size:
        raise SystemExit(f"{ranks}: expected {size - len(names)} ranks, found {len(lines)}")
    return Tokenizer.from_file(ranks, pattern=GPT2, special_tokens=specials), specials


def config(sizes: dict[str, int], specials: dict[str, int]) -> dict[str, Any]:
    end = specials["<|endoftext|>"]
    return {
        "model_type": "whisper",
        "architectures": ["WhisperForConditionalGeneration"],
        "vocab_size": sizes["n_vocab"],
        "num_mel_bins": sizes["n_mels"],
        "d_model": sizes["n_audio_state"],
        "encoder_layers": sizes["n_audio_layer"],
        "encoder_attention_heads": sizes["n_audio_head"],
        "encoder_ffn_dim": 4 * sizes["n_audio_state"],
        "decoder_layers": sizes["n_text_layer"],
        "decoder_attention_heads": sizes["n_text_head"],
        "decoder_ffn_dim": 4 * sizes["n_text_state"],
        "max_source_positions": sizes["n_audio_ctx"],
        "max_target_positions": sizes["n_text_ctx"],
        "decoder_start_token_id": specials["<|startoftranscript|>"],
        "bos_token_id": end,
        "eos_token_id": end,
        "pad_token_id": end,
        "torch_dtype": "float16",
    }


def generation(
    tokenizer: Tokenizer, specials: dict[str, int], sizes: dict[str, int]
) -> dict[str, Any]:
    """What OpenAI's decoding does by default, in Hugging Face's fields."""
    many = sizes["n_vocab"] >= MULTILINGUAL
    names = ("transcribe", "translate", "startoftranscript", "startofprev", "startoflm")
    unsaid = unspoken(tokenizer) | {specials[f"<|{name}|>"] for name in (*names, "nospeech")}
    end = specials["<|endoftext|>"]
    fields = {
        "bos_token_id": end,
        "eos_token_id": end,
        "pad_token_id": end,
        "decoder_start_token_id": specials["<|startoftranscript|>"],
        "max_length": sizes["n_text_ctx"],
        "suppress_tokens": sorted(unsaid),
        "begin_suppress_tokens": [*tokenizer.encode(" ").ids, end],
        "no_timestamps_token_id": specials["<|notimestamps|>"],
        "is_multilingual": many,
    }
    if many:
        first = specials["<|startoftranscript|>"] + 1
        codes = list(specials)[first - end : specials["<|translate|>"] - end]
        fields["lang_to_id"] = {code: specials[code] for code in codes}
        fields["task_to_id"] = {task: specials[f"<|{task}|>"] for task in names[:2]}
    return fields


def unspoken(tokenizer: Tokenizer) -> set[int]:
    """The tokens of symbols that nobody says, and of a hyphen or quote that begins a word."""
    found = {tokenizer.encode(text).ids[0] for text in (" -", " '")}
    for symbol in [*SYMBOLS, *NOTES]:
        for text in (symbol, " " + symbol):
            ids = tokenizer.encode(text).ids
            # Of a note that is several tokens, the first is one of notes alone.
            if len(ids) == 1 or symbol in NOTES:
                found.add(ids[0])
    return found


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
