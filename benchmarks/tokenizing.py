"""One tokenizer in a process of its own, as ``benchmarks.worker`` is for one engine.

``python -m benchmarks.tokenizing FILE ENGINE REPEATS [TEXT]``: ``cold`` is a new tokenizer's first
pass over the documents, ``warm`` its second, when whatever it keeps of words is filled. One
document a call, one thread.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.material import documents

Encode = Callable[[str], list[int]]

#: What tiktoken needs to know of GPT-2's pre-tokenizer; it reads no tokenizer.json.
GPT2_PATTERN = (
    r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"""
)


def quatrain(file: str) -> Encode:
    from quatrain import Tokenizer

    tokenizer = Tokenizer.from_file(file).without_padding().without_truncation()
    return lambda text: tokenizer.encode(text, add_special_tokens=False).ids


def tokenizers(file: str) -> Encode:
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(file)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return lambda text: tokenizer.encode(text, add_special_tokens=False).ids


def tiktoken(file: str) -> Encode:
    import tiktoken

    ranks = byte_ranks(file)
    encoding = tiktoken.Encoding(
        "benchmark", pat_str=GPT2_PATTERN, mergeable_ranks=ranks, special_tokens={}
    )
    return encoding.encode_ordinary


ENGINES = {"quatrain": quatrain, "tokenizers": tokenizers, "tiktoken": tiktoken}


def byte_ranks(file: str) -> dict[bytes, int]:
    """A byte-level vocabulary as tiktoken takes it. Sound where ids are in order of merging."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    byte_of = {chr(b): b for b in printable} | {chr(256 + i): b for i, b in enumerate(others)}
    fields = json.loads(Path(file).read_text(encoding="utf-8"))
    added = {token["content"] for token in fields.get("added_tokens", [])}
    vocabulary = fields["model"]["vocab"]
    return {
        bytes(byte_of[c] for c in token): rank
        for token, rank in vocabulary.items()
        if token not in added
    }


def engines_for(file: str) -> list[str]:
    """Which of them can run a tokenizer.json: tiktoken knows GPT-2's byte-level form alone."""
    fields = json.loads(Path(file).read_text(encoding="utf-8"))
    kind = fields["model"].get("type", "BPE")
    plain = (fields.get("pre_tokenizer") or {}).get("type") == "ByteLevel"
    return [name for name in ENGINES if name != "tiktoken" or (kind == "BPE" and plain)]


def timed(encode: Encode, texts: list[str]) -> float:
    start = time.perf_counter()
    for text in texts:
        encode(text)
    return time.perf_counter() - start


def main() -> None:
    file, engine, repeats, *text = sys.argv[1:]
    texts = documents(*text)
    samples: dict[str, list[float]] = {"cold": [], "warm": []}
    ids: list[int] = []
    for _ in range(int(repeats)):
        encode = ENGINES[engine](file)
        for figure in samples:
            samples[figure].append(timed(encode, texts))
        ids = [i for text in texts for i in encode(text)]
    # Equal ids, or the times are of different work.
    digest = hashlib.sha256(repr(ids).encode()).digest()
    print(json.dumps({"samples": samples, "answer": [len(ids), *digest]}))


if __name__ == "__main__":
    main()
