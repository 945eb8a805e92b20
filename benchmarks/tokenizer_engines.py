"""Ours and every peer behind one interface. Each is imported when it is made, in its own process.

Nothing else is imported here: peers live in an environment that has no quatrain.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

GPT2_PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"


class Engine:
    """A tokenizer read from a ``tokenizer.json``; special tokens are never added.

    Ids come as the engine likes to give them: as lists, or as arrays without a Python object each.
    """

    #: The peer's own, for the engines whose ids are what it encodes.
    tokenizer: Any

    def __init__(self, file: Path):
        self.fields = json.loads(file.read_text(encoding="utf-8"))

    def ids(self, text: str) -> Iterable[int]:
        """One text, ids alone."""
        found: Iterable[int] = self.tokenizer.encode(text)
        return found

    def documents(self, texts: Sequence[str], threads: int) -> Sequence[Iterable[int]]:
        """Many texts. On one thread a call for each, unless the engine has a faster way."""
        return [self.ids(text) for text in texts]

    #: One text with offsets, for the engines that know them.
    full: Callable[[str], Any] | None = None
    #: Whether `documents` uses more than one thread when told to.
    threaded = True


class Quatrain(Engine):
    def __init__(self, file: Path):
        from quatrain import Tokenizer

        self.tokenizer = Tokenizer.from_file(file)

    def ids(self, text: str) -> Iterable[int]:
        return self.tokenizer.encode_ids(text, add_special_tokens=False)

    def documents(self, texts: Sequence[str], threads: int) -> Sequence[Iterable[int]]:
        return self.tokenizer.encode_ids_batch(texts, add_special_tokens=False, threads=threads)

    def full(self, text: str) -> Any:
        encoding = self.tokenizer.encode(text, add_special_tokens=False)
        return encoding.ids, encoding.offsets


class Tokenizers(Engine):
    def __init__(self, file: Path):
        from tokenizers import Tokenizer

        self.tokenizer = Tokenizer.from_file(str(file))

    def ids(self, text: str) -> Iterable[int]:
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def documents(self, texts: Sequence[str], threads: int) -> Sequence[Iterable[int]]:
        batch = self.tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        return [encoding.ids for encoding in batch]

    def full(self, text: str) -> Any:
        encoding = self.tokenizer.encode(text, add_special_tokens=False)
        return encoding.ids, encoding.offsets


class Tiktoken(Engine):
    def __init__(self, file: Path):
        import tiktoken

        super().__init__(file)
        self.encoding = tiktoken.Encoding(
            file.stem,
            pat_str=pattern(self.fields),
            mergeable_ranks=byte_ranks(self.fields),
            special_tokens={},
        )

    def ids(self, text: str) -> Iterable[int]:
        return self.encoding.encode_ordinary(text)

    def documents(self, texts: Sequence[str], threads: int) -> Sequence[Iterable[int]]:
        if threads == 1:
            return super().documents(texts, 1)
        return self.encoding.encode_ordinary_batch(texts, num_threads=threads)


class SentencePiece(Engine):
    def __init__(self, file: Path):
        import sentencepiece

        model = file.read_bytes()
        if file.suffix != ".model":
            super().__init__(file)
            model = sentencepiece_model(self.fields)
        self.processor = sentencepiece.SentencePieceProcessor(model_proto=model)

    def ids(self, text: str) -> Iterable[int]:
        return self.processor.encode(text)

    def documents(self, texts: Sequence[str], threads: int) -> Sequence[Iterable[int]]:
        return self.processor.encode(list(texts), num_threads=threads)


class Gigatoken(Engine):
    def __init__(self, file: Path):
        import gigatoken

        self.tokenizer = gigatoken.Tokenizer(str(file))

    def documents(self, texts: Sequence[str], threads: int) -> Sequence[Iterable[int]]:
        return self.tokenizer.encode_batch(list(texts), parallel=threads > 1)


class Fastokens(Engine):
    def __init__(self, file: Path):
        import fastokens

        if file.stem not in ("cl100k", "o200k"):
            self.tokenizer = fastokens.Tokenizer.from_file(str(file))
            return
        # It refuses their tokenizer.json, but knows the ranks.
        super().__init__(file)
        ranks = file.with_suffix(".tiktoken")
        ranks.write_text(rank_lines(byte_ranks(self.fields)))
        self.tokenizer = fastokens.Tokenizer.from_tiktoken(str(ranks), encoding=f"{file.stem}_base")

    def ids(self, text: str) -> Iterable[int]:
        return self.tokenizer.encode(text).ids

    def documents(self, texts: Sequence[str], threads: int) -> Sequence[Iterable[int]]:
        if threads == 1:
            return super().documents(texts, 1)
        return [encoding.ids for encoding in self.tokenizer.encode_batch(list(texts))]


class Tokie(Engine):
    def __init__(self, file: Path):
        import tokie

        self.tokenizer = tokie.Tokenizer.from_json(str(file))

    def ids(self, text: str) -> Iterable[int]:
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def documents(self, texts: Sequence[str], threads: int) -> Sequence[Iterable[int]]:
        if threads == 1:
            return super().documents(texts, 1)
        batch = self.tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [encoding.ids for encoding in batch]

    def full(self, text: str) -> Any:
        encoding = self.tokenizer.encode_with_offsets(text, add_special_tokens=False)
        return encoding.ids, encoding.offsets


class Batching(Engine):
    """One that takes several threads for several texts, as many as it likes."""

    def documents(self, texts: Sequence[str], threads: int) -> Sequence[Iterable[int]]:
        if threads == 1:
            return super().documents(texts, 1)
        found: Sequence[Iterable[int]] = self.tokenizer.encode_batch(list(texts))
        return found


class Kitoken(Engine):
    threaded = False

    def __init__(self, file: Path):
        import kitoken

        self.tokenizer = kitoken.Kitoken.from_tokenizers_file(str(file))


class Iree(Batching):
    def __init__(self, file: Path):
        from iree.tokenizer import Tokenizer

        self.tokenizer = Tokenizer.from_file(str(file))

    def full(self, text: str) -> Any:
        encoding = self.tokenizer.encode_rich(text)
        return encoding.ids, encoding.offsets


class Splintr(Batching):
    def __init__(self, file: Path):
        import splintr

        self.tokenizer = splintr.from_json(str(file))


class BpeOpenai(Engine):
    threaded = False

    def __init__(self, file: Path):
        import bpe_openai

        self.tokenizer = bpe_openai.get_encoding(f"{file.stem}_base")


class RsBpe(Engine):
    threaded = False

    def __init__(self, file: Path):
        from rs_bpe.bpe import openai

        self.tokenizer = getattr(openai, f"{file.stem}_base")()


class FlashTokenizer(Engine):
    threaded = False

    def __init__(self, file: Path):
        from flash_tokenizer import BertTokenizerFlash

        super().__init__(file)
        words = file.with_suffix(".vocab.txt")
        words.write_text("\n".join(self.fields["model"]["vocab"]) + "\n", encoding="utf-8")
        lowercase = self.fields["normalizer"]["lowercase"]
        self.tokenizer = BertTokenizerFlash(
            str(words), do_lower_case=lowercase, model_max_length=1 << 30
        )

    def ids(self, text: str) -> Iterable[int]:
        # It adds [CLS] and [SEP] whatever it is told.
        found = self.tokenizer(text, padding="longest", max_length=1 << 30).input_ids[0]
        return found[1:-1]


BYTE_LEVEL = ("gpt2", "cl100k", "o200k", "llama3", "qwen2")
WORD_PIECE = ("minilm", "bert-cased", "bert-chinese")
PIECES = ("t5", "xlm-roberta", "llama2", "gemma2")
#: SentencePiece's own files, which quatrain runs as that library does.
MODELS = ("t5.model", "xlm-roberta.model", "llama2.model")
JSON = BYTE_LEVEL + WORD_PIECE + PIECES
EVERY = JSON + MODELS

#: Engine -> how it is made and which vocabularies it reads.
ENGINES: dict[str, tuple[type[Engine], Sequence[str]]] = {
    "quatrain": (Quatrain, EVERY),
    "tokenizers": (Tokenizers, JSON),
    "tiktoken": (Tiktoken, BYTE_LEVEL),
    "sentencepiece": (SentencePiece, PIECES + MODELS),
    "gigatoken": (Gigatoken, (*BYTE_LEVEL, "llama2")),
    "fastokens": (Fastokens, (*BYTE_LEVEL, "llama2")),
    "tokie": (Tokie, JSON),
    "kitoken": (Kitoken, JSON),
    "iree-tokenizer": (Iree, JSON),
    "splintr-rs": (Splintr, BYTE_LEVEL),  # elsewhere it always adds special tokens
    "bpe-openai": (BpeOpenai, ("cl100k", "o200k")),
    "rs-bpe": (RsBpe, ("cl100k", "o200k")),
    "flash-tokenizer": (FlashTokenizer, WORD_PIECE),
}


def pattern(fields: dict[str, Any]) -> str:
    """The expression that a ``tokenizer.json`` splits by."""
    first = fields["pre_tokenizer"]
    if first["type"] == "ByteLevel":
        return GPT2_PATTERN
    found: str = first["pretokenizers"][0]["pattern"]["Regex"]
    return found


def byte_ranks(fields: dict[str, Any]) -> dict[bytes, int]:
    """A byte-level vocabulary as tiktoken takes it. Sound where ids are in order of merging."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    byte_of = {chr(b): b for b in printable} | {chr(256 + i): b for i, b in enumerate(others)}
    added = {token["content"] for token in fields.get("added_tokens", [])}
    return {
        bytes(byte_of[c] for c in token): rank
        for token, rank in fields["model"]["vocab"].items()
        if token not in added
    }


def rank_lines(ranks: dict[bytes, int]) -> str:
    """A ``.tiktoken`` file."""
    return "".join(f"{base64.b64encode(t).decode()} {rank}\n" for t, rank in ranks.items())


def sentencepiece_model(fields: dict[str, Any]) -> bytes:
    """A Unigram or Llama 2's BPE as SentencePiece takes it, under the same ids."""
    from sentencepiece import sentencepiece_model_pb2

    proto = sentencepiece_model_pb2.ModelProto()
    kind = proto.SentencePiece.Type
    model = fields["model"]
    special = {token["content"] for token in fields["added_tokens"]}
    if model["type"] == "Unigram":
        pieces, unknown = model["vocab"], model["vocab"][model["unk_id"]][0]
        proto.trainer_spec.model_type = 1
        steps = fields["normalizer"].get("normalizers", [fields["normalizer"]])
        charsmap = base64.b64decode(steps[0]["precompiled_charsmap"])
        proto.normalizer_spec.precompiled_charsmap = charsmap
    else:
        pieces = [(token, -float(index)) for token, index in model["vocab"].items()]
        unknown = model["unk_token"]
        proto.trainer_spec.model_type = 2
        proto.trainer_spec.byte_fallback = True
        proto.normalizer_spec.remove_extra_whitespaces = False
    for text, score in pieces:
        piece = proto.pieces.add(piece=text, score=score)
        if text == unknown:
            piece.type = kind.UNKNOWN
        elif text in special:
            piece.type = kind.CONTROL
        elif len(text) == 6 and text.startswith("<0x"):
            piece.type = kind.BYTE
    data: bytes = proto.SerializeToString()
    return data
