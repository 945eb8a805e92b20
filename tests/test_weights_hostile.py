"""Files of weights that lie, end early or cannot be read: one line says which and why."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.random import Generator
from safetensors.numpy import load_file, save_file

import quatrain
from quatrain.errors import CheckpointError

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
NORM = "transformer.h.0.ln_1.weight"
NUMBERS = [-1, 0, 1, 2**31, 2**32 - 1, 2**53, 2**62, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 1.5, 1e300]
VALUES = [*NUMBERS, None, True, "", "F32", [], [0], [2**63, 2], [[1]], {}, {"shape": [1]}]
DTYPES = ["F64", "F16", "BF16", "F8_E4M3", "F4", "I8", "U8", "I32", "I64", "BOOL", "X", "", "f32"]
Header = dict[str, Any]


@pytest.fixture
def folder(copied) -> Path:
    """A copy of the tiny GPT-2's folder, to be spoiled."""
    return copied("gpt2")


@pytest.fixture
def sharded(folder) -> Path:
    """The same in two shards."""
    tensors = load_file(folder / WEIGHTS)
    where = {name: SHARDS[i % 2] for i, name in enumerate(sorted(tensors))}
    for shard in SHARDS:
        save_file({n: x for n, x in tensors.items() if where[n] == shard}, folder / shard)
    (folder / WEIGHTS).unlink()
    write_index(folder, where)
    return folder


def write_index(folder: Path, where: dict[str, Any]) -> None:
    (folder / INDEX).write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": where}))


def index_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / INDEX).read_text())["weight_map"]


def refused(folder: Path, *parts: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        quatrain.load(folder, engine="reference")
    message = str(caught.value)
    assert message.startswith(str(folder)) and "\n" not in message
    for part in parts:
        assert part in message


def check(folder: Path) -> bool:
    """Whether the folder is refused, in one line that begins with it; else it must answer."""
    try:
        model = quatrain.load(folder, engine="native")
    except CheckpointError as error:
        if not str(error).startswith(str(folder)) or "\n" in str(error):
            raise
        return True
    assert model.logits([3, 1]).shape == (2, 97)
    return False


def joined(header: Any, tensors: bytes, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + tensors


def parts_of(file: Path) -> tuple[Header, bytes]:
    data = file.read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    return json.loads(data[8:begin]), data[begin:]


def changed(random: Generator, header: Header) -> Header:
    """One thing of a header is another."""
    header = json.loads(json.dumps(header))
    names = [name for name in header if name != "__metadata__"]
    name, other = (str(random.choice(names)) for _ in range(2))
    entry = header[name]
    way = random.integers(8)
    if way == 0:
        entry["dtype"] = str(random.choice(DTYPES))
    elif way == 1:
        entry["data_offsets"][random.integers(2)] = NUMBERS[random.integers(len(NUMBERS))]
    elif way == 2:
        entry["data_offsets"] = header[other]["data_offsets"]
    elif way == 3:
        entry["shape"][random.integers(len(entry["shape"]))] = NUMBERS[
            random.integers(len(NUMBERS))
        ]
    elif way == 4:
        entry["shape"] = [[], [1], [0, *entry["shape"]], [1, *entry["shape"]]][random.integers(4)]
    elif way == 5:
        key = str(random.choice(["dtype", "shape", "data_offsets"]))
        entry[key] = VALUES[random.integers(len(VALUES))]
    elif way == 6:
        header[name] = VALUES[random.integers(len(VALUES))]
    else:
        del header[name]
    return header


@pytest.mark.parametrize("form", ["folder", "sharded"])
def test_a_header_that_lies_is_refused(form, request):
    folder = request.getfixturevalue(form)
    file = folder / (WEIGHTS if form == "folder" else SHARDS[1])
    header, tensors = parts_of(file)
    random = np.random.default_rng(len(form))
    count = 0
    for _ in range(300):
        file.write_bytes(joined(changed(random, header), tensors))
        count += check(folder)
    # What was changed into itself, or swapped with its like, is still a checkpoint.
    assert count > 270


def test_a_length_that_lies_is_refused(folder):
    header, tensors = parts_of(folder / WEIGHTS)
    text = len(json.dumps(header))
    for length in (0, 1, text - 1, text + 1, text + len(tensors), 2**31, 2**63, 2**64 - 1):
        (folder / WEIGHTS).write_bytes(joined(header, tensors, length))
        refused(folder, WEIGHTS, "not a whole safetensors file", "fetch or write it again")


ENTRY = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
ENTRY_TEXT = json.dumps(ENTRY).encode()


@pytest.mark.parametrize(
    ("header", "data"),
    [
        (b"", b""),
        (b"\xff\xfe", b""),
        (b"{", b""),
        ([], b""),
        ("x", b""),
        (None, b""),
        (b"[" * 100_000, b""),
        (b'{"a":' * 100_000, b""),
        ({"a": ENTRY, "b": ENTRY}, b"1234"),  # overlap
        ({"a": ENTRY, "b": ENTRY | {"data_offsets": [8, 12]}}, b"123456789012"),  # a hole
        ({"a": ENTRY}, b"12345"),  # more than it says
        ({"a": ENTRY}, b"123"),
        ({"a": ENTRY | {"shape": [2**62, 4], "data_offsets": [0, 0]}}, b""),  # a size that wraps
        ({"a": ENTRY | {"shape": [2**64, 0], "data_offsets": [0, 0]}}, b""),
        ({"a": ENTRY | {"data_offsets": [4, 0]}}, b"1234"),
        ({"__metadata__": {"a": 1}}, b""),
        (b'{"a":' + ENTRY_TEXT + b', "a":' + ENTRY_TEXT + b"}", b"1234"),
        (b'{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}', b"1234"),
        ({str(i): ENTRY | {"data_offsets": [4 * i, 4 * i + 4]} for i in range(50_000)}, b"1" * 9),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_header_that_is_none_is_refused(header, data, folder):
    (folder / WEIGHTS).write_bytes(joined(header, data))
    refused(folder, WEIGHTS)


# Shards


def test_an_index_that_lists_what_its_shard_lacks_is_refused(sharded):
    index = index_of(sharded)
    write_index(sharded, index | {"transformer.extra": SHARDS[1]})
    refused(sharded, INDEX, f"transformer.extra is not in {SHARDS[1]}")
    other = SHARDS[index[NORM] == SHARDS[0]]
    write_index(sharded, index | {NORM: other})
    refused(sharded, INDEX, f"{NORM} is not in {other}")


def test_a_tensor_that_the_index_does_not_list_is_refused(sharded):
    index = index_of(sharded)
    shard = index.pop(NORM)
    write_index(sharded, index)
    refused(sharded, shard, f"{NORM} is not in {INDEX}")


def test_an_index_with_a_key_twice_is_refused(sharded):
    text = (sharded / INDEX).read_text()
    (sharded / INDEX).write_text(text.replace(f'"{NORM}"', f'"{NORM}": "x", "{NORM}"', 1))
    refused(sharded, INDEX, "twice")


def test_a_shard_that_leads_in_a_circle_is_refused(sharded):
    first, second = (sharded / shard for shard in SHARDS)
    for file in (first, second):
        file.unlink()
    first.symlink_to(second.name)
    second.symlink_to(first.name)
    refused(sharded, SHARDS[0], "expected a file of weights, found none")
    (sharded / INDEX).unlink()
    (sharded / INDEX).symlink_to(INDEX)
    refused(sharded, "found neither")


def test_a_hub_snapshot_of_links_is_read(sharded, tmp_path):
    """The hub's cache keeps files by their hashes, elsewhere, and links to them by name."""
    links = tmp_path / "snapshot"
    links.mkdir()
    for file in sharded.iterdir():
        (links / file.name).symlink_to(os.path.relpath(file, links))
    assert not check(links)


# What cannot be read


def test_a_folder_in_the_place_of_a_file_is_refused(folder):
    (folder / WEIGHTS).unlink()
    (folder / WEIGHTS).mkdir()
    refused(folder, "found neither")
    (folder / "config.json").unlink()
    (folder / "config.json").mkdir()
    refused(folder, "config.json: cannot be read: Is a directory")


def test_a_file_that_gives_an_error_when_it_is_read_is_refused(folder, monkeypatch):
    from quatrain import tensor_file

    def fail(*args, **kwargs):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(tensor_file.np, "fromfile", fail)
    refused(folder, WEIGHTS, "cannot be read: Input/output error")


@pytest.mark.parametrize("spoil", ["shorten", "replace"])
def test_a_file_that_changes_while_it_is_read_is_refused(spoil, folder, monkeypatch):
    from quatrain import weights

    def found(checkpoint, name, param, mismatch=weights.mismatch):
        if name == NORM:
            data = (folder / WEIGHTS).read_bytes()
            (folder / WEIGHTS).unlink()
            (folder / WEIGHTS).write_bytes(data if spoil == "replace" else data[:-4])
        return mismatch(checkpoint, name, param)

    monkeypatch.setattr(weights, "mismatch", found)
    refused(folder, WEIGHTS, "changed while it was read")


#: As somebody who may not read them; root may read everything.
UNREADABLE = """
import os, sys
import quatrain, quatrain.tokenizer.of_model
if os.geteuid() == 0:
    os.seteuid(65534)
try:
    quatrain.load(sys.argv[1], engine="reference")
except quatrain.errors.CheckpointError as e:
    print(e)
"""


@pytest.mark.parametrize("name", ["config.json", WEIGHTS, "."])
def test_a_file_that_may_not_be_read_is_refused(name, folder):
    for above in [folder, *folder.parents][:4]:
        above.chmod(0o755)
    (folder / name).chmod(0)
    done = subprocess.run(
        [sys.executable, "-c", UNREADABLE, str(folder)], capture_output=True, text=True
    )
    (folder / name).chmod(0o755)
    assert done.stderr == ""
    assert "Permission denied" in done.stdout
    assert done.stdout.startswith(str(folder))
