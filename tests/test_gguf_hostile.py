"""GGUF files that lie, in whole or in part: refused with the reason, in a bounded memory."""

from __future__ import annotations

import random
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

import checkpoints
import gguf_files
import quatrain
from gguf_bytes import Entry, string, write
from quatrain.errors import CheckpointError, ConfigError, QuatrainError
from quatrain.gguf.folder import GgufFile

ROW = Entry("a", (8,))
LLAMA = {"general.architecture": "llama"}


def refused(folder: Path, data: bytes, message: str) -> None:
    """A file of these bytes is refused in one line that names it, and costs nothing."""
    path = folder / "model.gguf"
    path.write_bytes(data)
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError, match=message) as caught:
            GgufFile(path)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([ROW, ROW], "tensor 'a' appears twice"),
        ([Entry("a", ())], "tensor 'a' has 0 dimensions, expected 1 to 4"),
        ([Entry("a", (1,) * 5)], "tensor 'a' has 5 dimensions"),
        ([Entry("a", (8, 0))], r"tensor 'a' has the shape \[0, 8\], expected sizes of at least 1"),
        ([Entry("a", (8,), type=99)], "tensor 'a' has the unknown type 99"),
        ([Entry("a", (8,), type=4)], "tensor 'a' has the unknown type 4"),
        ([Entry("a", (40,), type=8)], "tensor 'a' of Q8_0 has rows of 40 values"),
        ([Entry("a", (32,), type=12)], "Q4_K has rows of 32 values, expected a multiple of 256"),
        ([Entry("a", (8,), offset=4)], "tensor 'a' is at byte 4 of the data, expected a multiple"),
        ([Entry("a", (8,), offset=2**63)], "ends at byte 9223372036854775968, but the file at"),
        ([Entry("a", (2**62, 2**62, 2**62, 2**62))], "it is truncated, or says so wrongly"),
        ([Entry("a", (2**64 - 1,))], "it is truncated, or says so wrongly"),
        ([Entry("a", (16,)), Entry("b", (8,), offset=32)], "tensors 'a' and 'b' share bytes"),
        ([Entry("b", (8,)), Entry("a", (8,))], "tensors 'b' and 'a' share bytes"),
        ([Entry("a", (24,))], "tensor 'a' of F32 and shape .24. ends at byte"),
    ],
)
def test_a_directory_that_lies(entries: list[Entry], message: str, tmp_path: Path) -> None:
    refused(tmp_path, write(LLAMA, entries, bytes(64)), message)


@pytest.mark.parametrize("alignment", [0, 1, 4, 24, 2**21, "32", True, -8, [32]])
def test_an_alignment_that_is_none(alignment: Any, tmp_path: Path) -> None:
    given = 2**31 if alignment == -8 else alignment
    fields = LLAMA | {"general.alignment": given}
    refused(tmp_path, write(fields, [ROW], bytes(32)), "general.alignment: expected a power of two")


@pytest.mark.parametrize("alignment", [8, 64, 4096])
def test_other_alignments(alignment: int, tmp_path: Path) -> None:
    fields = LLAMA | {"general.alignment": alignment}
    entries = [ROW, Entry("b", (8,), offset=max(32, alignment))]
    data = bytes(max(32, alignment) + 32)
    path = tmp_path / "model.gguf"
    path.write_bytes(write(fields, entries, data, alignment=alignment))
    assert list(GgufFile(path).file.tensors) == ["a", "b"]


def test_counts_that_no_file_can_hold(tmp_path: Path) -> None:
    for count in (3, 2**20, 2**32, 2**64 - 1):
        refused(tmp_path, write(LLAMA, [ROW], tensors=count), "tensors, which .* bytes cannot hold")
    refused(tmp_path, struct.pack("<4sIQQ", b"GGUF", 3, 0, 2**64 - 1), "ends within the name")


@pytest.mark.parametrize(
    ("field", "message"),
    [
        (struct.pack("<IIQ", 9, 8, 2**60), "x says that it has 1152921504606846976 elements"),
        (struct.pack("<IIQ", 9, 0, 2**25) + bytes(2**10), "x says that it has 33554432 elements"),
        (struct.pack("<IIQ", 9, 4, 2**24), "ends within x"),
        (struct.pack("<IIQ", 9, 9, 2), "x has the unknown or nested type 9"),
        (struct.pack("<IQ", 8, 2**64 - 1), "x says that it has 18446744073709551615 bytes"),
        (struct.pack("<IQ", 8, 2**23), "ends within x"),
        (struct.pack("<IQ", 8, 2) + b"\xff\xfe", "x holds .* which is not UTF-8"),
        (struct.pack("<I", 13), "x has the unknown or nested type 13"),
    ],
)
def test_fields_that_lie(field: bytes, message: str, tmp_path: Path) -> None:
    header = struct.pack("<4sIQQ", b"GGUF", 3, 0, 1)
    refused(tmp_path, header + string("x") + field, message)


def test_other_files(tmp_path: Path) -> None:
    refused(tmp_path, b"", "empty, expected a GGUF file")
    refused(tmp_path, b"GGML" + bytes(40), "begins with b'GGML', expected b'GGUF'")
    refused(
        tmp_path, struct.pack(">4sIQQ", b"GGUF", 3, 1, 1), r"not supported; .* \(little-endian\)"
    )
    refused(tmp_path, write(LLAMA), "expected a model's tensors, found a vocabulary alone")


# A whole model, damaged


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("whole")
    checkpoints.write(folder / "folder", "llama", num_hidden_layers=1)
    return gguf_files.write(folder / "folder", folder / "model.gguf").read_bytes()


def survives(path: Path) -> bool:
    """Whether a file loads; it is refused otherwise."""
    try:
        quatrain.load(path, engine="reference").logits([1, 2, 3])
    except QuatrainError as error:
        if "\n" in str(error):
            raise
        return False
    return True


@pytest.mark.oracle("gguf")
def test_every_truncation_is_refused(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    for size in [*range(0, len(whole), 211), len(whole) - 1]:
        path.write_bytes(whole[:size])
        assert not survives(path)
    path.write_bytes(whole)
    assert survives(path)


@pytest.mark.oracle("gguf")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # damaged numbers may be large
def test_damage_is_refused_or_harmless(whole: bytes, tmp_path: Path) -> None:
    path, header = tmp_path / "model.gguf", whole.rindex(b".weight") + 40
    rng = random.Random(3)
    loaded = 0
    for _ in range(1000):
        damaged = bytearray(whole)
        for _ in range(rng.choice((1, 1, 3))):
            at = rng.randrange(header)
            width = rng.choice((1, 1, 4, 8))
            damaged[at : at + width] = rng.choice(
                (rng.randbytes(width), b"\xff" * width, bytes(width))
            )
        path.write_bytes(damaged)
        loaded += survives(path)
    assert 0 < loaded < 1000


@pytest.mark.oracle("gguf")
def test_a_file_that_changes_while_it_is_read_is_refused(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(whole)
    checkpoint = GgufFile(path).checkpoint()
    name = checkpoint.names()[0]
    checkpoint.load(name)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match="changed while it was read"):
        checkpoint.load(name)


def test_two_tensors_of_one_name_here_are_refused(tmp_path: Path) -> None:
    names = ("token_embd.weight", "embed_tokens.weight")
    entries = [Entry(name, (8, 3), offset=96 * i) for i, name in enumerate(names)]
    fields: dict[str, Any] = {
        "block_count": 1,
        "context_length": 8,
        "embedding_length": 8,
        "feed_forward_length": 8,
        "attention.head_count": 2,
        "attention.layer_norm_rms_epsilon": 1e-5,
    }
    path = tmp_path / "model.gguf"
    named = {f"llama.{name}": value for name, value in fields.items()}
    path.write_bytes(write(LLAMA | named, entries, bytes(192)))
    with pytest.raises(CheckpointError, match=r"are one weight, embed_tokens\.weight"):
        GgufFile(path).checkpoint()


def test_a_config_error_is_one_of_a_checkpoint() -> None:
    assert issubclass(ConfigError, CheckpointError)
