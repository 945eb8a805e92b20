"""Files of packed weights that lie: an error names the file, and nothing is read outside of it."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.random import Generator

import quatrain
from quatrain.engines import DTYPES
from quatrain.errors import CheckpointError, InputError, WeightError

WEIGHTS = "model.safetensors"
IDS = [3, 1, 4, 1, 5]
Header = dict[str, Any]


@pytest.fixture(scope="module")
def saved(tiny, tmp_path_factory) -> Callable[[str], Path]:
    root = tmp_path_factory.mktemp("packed")

    def folder(dtype: str) -> Path:
        path = root / dtype
        return path if path.exists() else quatrain.load(tiny("gpt2"), dtype=dtype).save(path)

    return folder


@pytest.fixture
def spoil(saved, tmp_path) -> Callable[[str, bytes], Path]:
    """A function: dtype and the bytes of another file -> a folder with that file."""

    def folder(dtype: str, data: bytes) -> Path:
        path = tmp_path / "spoiled"
        path.mkdir(exist_ok=True)
        (path / "config.json").write_bytes((saved(dtype) / "config.json").read_bytes())
        (path / WEIGHTS).write_bytes(data)
        return path

    return folder


def parts_of(folder: Path) -> tuple[Header, bytes]:
    data = (folder / WEIGHTS).read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    return json.loads(data[8:begin]), data[begin:]


def joined(header: Any, tensors: bytes, length: int | None = None) -> bytes:
    text = json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + tensors


def check(folder: Path) -> str | None:
    """A model that answers, or an error that begins with the file; -> what it says."""
    try:
        model = quatrain.load(folder)
    except (CheckpointError, WeightError) as error:
        message = str(error)
        if not message.startswith(str(folder)) or "\n" in message:
            raise
        return message
    assert model.logits(IDS).shape[0] == len(IDS)
    return None


NUMBERS = [-1, 0, 1, 2**31, 2**32 - 1, 2**53, 2**62, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 1.5, 1e300]
VALUES = [*NUMBERS, None, True, "", "F32", [], [0], [2**63, 2], [[1]], {}, {"shape": [1]}]
FIELDS = [
    "",
    "0",
    "1",
    "32 ",
    "-32",
    "٣٢",
    "int8",
    "int4",
    "float16",
    "\0",
    "[1]",
    '{"a":',
    "9" * 99,
]


def changed(random: Generator, header: Header) -> Header:
    """One thing of a header is another."""
    header = json.loads(json.dumps(header))
    names = [name for name in header if name != "__metadata__"]
    name = str(random.choice(names))
    entry, metadata = header[name], header["__metadata__"]
    way = random.integers(9)
    if way == 0:
        entry["dtype"] = str(
            random.choice(["F32", "F16", "BF16", "I8", "U8", "I32", "F64", "X", ""])
        )
    elif way == 1:
        entry["data_offsets"][random.integers(2)] = NUMBERS[random.integers(len(NUMBERS))]
    elif way == 2:
        entry["data_offsets"] = header[str(random.choice(names))]["data_offsets"]
    elif way == 3:
        shape = entry["shape"]
        shape[random.integers(len(shape))] = NUMBERS[random.integers(len(NUMBERS))]
    elif way == 4:
        entry["shape"] = [[], [1], [0, *entry["shape"]], [1, *entry["shape"]]][random.integers(4)]
    elif way == 5:
        key = str(random.choice(["dtype", "shape", "data_offsets"]))
        entry[key] = VALUES[random.integers(len(VALUES))]
    elif way == 6:
        other = str(random.choice(names))
        header[name], header[other] = header[other], entry
    elif way == 7:
        header[name] = VALUES[random.integers(len(VALUES))]
    else:
        key = str(random.choice(list(metadata)))
        if key == "shapes" and random.random() < 0.7:
            shapes = json.loads(metadata[key])
            shapes[str(random.choice(list(shapes)))] = VALUES[random.integers(len(VALUES))]
            metadata[key] = json.dumps(shapes)
        else:
            metadata[key] = str(random.choice(FIELDS))
    return header


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_header_that_lies_is_refused(saved, spoil, dtype):
    header, tensors = parts_of(saved(dtype))
    random = np.random.default_rng(DTYPES.index(dtype))
    refused = 0
    for _ in range(150):
        data = joined(changed(random, header), tensors)
        refused += check(spoil(dtype, data)) is not None
    assert refused > 100


def test_a_length_that_lies_is_refused(saved, spoil):
    header, tensors = parts_of(saved("int8"))
    text = len(json.dumps(header))
    for length in (0, 1, text - 1, text + 1, text + len(tensors), 2**31, 2**63, 2**64 - 1):
        assert check(spoil("int8", joined(header, tensors, length))) is not None
    for other in ([], 3, "x", None, {"__metadata__": header["__metadata__"]}, {}):
        assert check(spoil("int8", joined(other, tensors))) is not None


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_file_that_was_cut_or_has_grown_is_refused(saved, spoil, dtype):
    whole = (saved(dtype) / WEIGHTS).read_bytes()
    random = np.random.default_rng(DTYPES.index(dtype))
    for size in [0, 7, 8, 9, len(whole) - 1, *random.integers(0, len(whole), 30)]:
        assert check(spoil(dtype, whole[: int(size)])) is not None
    assert check(spoil(dtype, whole + b"\0")) is not None


@pytest.mark.parametrize("dtype", DTYPES)
def test_any_values_are_computed_with(saved, spoil, dtype):
    """Numbers may be wrong, NaN among them, as in any checkpoint: the results are then, too."""
    header, tensors = parts_of(saved(dtype))
    random = np.random.default_rng(DTYPES.index(dtype))
    for _ in range(20):
        wrong = np.frombuffer(tensors, np.uint8).copy()
        first, last = np.sort(random.integers(0, len(wrong), 2))
        wrong[first:last] = random.integers(0, 256, last - first)
        folder = spoil(dtype, joined(header, wrong.tobytes()))
        assert check(folder) is None
        model = quatrain.load(folder, threads=2)
        try:
            model.generate(IDS, max_new_tokens=3, temperature=0.7)
        except InputError as error:  # logits that hold NaN
            if not str(error).startswith("[sampler]"):
                raise


def test_bytes_that_change_anywhere_do_no_harm(saved, spoil):
    whole = (saved("int4") / WEIGHTS).read_bytes()
    begin = 8 + int.from_bytes(whole[:8], "little")
    random = np.random.default_rng(7)
    for _ in range(300):
        data = bytearray(whole)
        for at in random.integers(0, begin, random.integers(1, 4)):
            data[at] = random.integers(256)
        check(spoil("int4", bytes(data)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_mapped_outlives_the_model(saved, dtype):
    """The file stays mapped as long as an array of it is held."""
    model = quatrain.load(saved(dtype))
    weights = model.network.weights
    arrays = [weights["wte.weight"], weights["h.0.attn.c_attn.weight"]]
    views = [
        array if isinstance(array, np.ndarray) else array.rows(np.arange(3)) for array in arrays
    ]
    views += [
        part
        for array in arrays
        if not isinstance(array, np.ndarray)
        for part in array.parts.values()
    ]
    before = [view.copy() for view in views]
    del model, weights, arrays
    gc.collect()
    assert all(np.array_equal(a, b) for a, b in zip(views, before, strict=True))
