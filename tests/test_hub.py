"""Models by their id on the hub: from its local cache, without a network."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

import quatrain
from quatrain.errors import CheckpointError
from quatrain.hub import resolve

REVISION = "0123456789abcdef0123456789abcdef01234567"
#: Run in a process of its own: huggingface_hub reads its environment when it is imported.
SCRIPT = """
import json, socket, sys

def refuse(*_):
    raise AssertionError("the network was asked")

socket.socket.connect = socket.getaddrinfo = refuse
import quatrain
arguments = json.loads(sys.argv[1])
try:
    model = quatrain.load(engine="reference", **arguments)
except quatrain.errors.QuatrainError as e:
    print(json.dumps({"error": type(e).__name__, "message": str(e)}))
else:
    found = model.logits([1, 2, 3])
    print(json.dumps({"sum": float(found.sum()), "path": str(model.path)}))
"""


@pytest.fixture(scope="module")
def cache(tiny, tmp_path_factory):
    """A cache as the hub's own client lays it out: blobs, and a snapshot of links to them."""
    root = tmp_path_factory.mktemp("hub")
    repository = root / "models--someone--tiny"
    for folder in ("blobs", "refs", f"snapshots/{REVISION}"):
        (repository / folder).mkdir(parents=True)
    (repository / "refs" / "main").write_text(REVISION)
    for i, file in enumerate(sorted(tiny("gpt2").iterdir())):
        blob = repository / "blobs" / f"{i:040x}"
        blob.write_bytes(file.read_bytes())
        link = repository / "snapshots" / REVISION / file.name
        link.symlink_to(os.path.relpath(blob, link.parent))
    return root


def offline(cache, **arguments) -> dict:
    """What loading from the cache gives, in a process that may not use the network."""
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    if cache is not None:
        environment["HF_HUB_CACHE"] = str(cache)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(arguments)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("revision", [None, "main", REVISION], ids=["default", "branch", "commit"])
def test_a_cached_id_is_loaded_offline(revision, cache, tiny):
    found = offline(None, path_or_id="someone/tiny", revision=revision, cache_dir=str(cache))
    want = quatrain.load(tiny("gpt2"), engine="reference").logits([1, 2, 3])
    assert found["sum"] == pytest.approx(float(want.sum()))
    assert found["path"].endswith(f"snapshots/{REVISION}")


def test_the_clients_own_cache_is_honoured(cache):
    assert "sum" in offline(cache, path_or_id="someone/tiny")


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("someone/other", "the hub's snapshot could not be had"),
        ("some one/tiny", "neither a folder nor a hub id"),
        ("someone/../tiny", "expected a model folder, found none there"),
        ("-", "neither a folder nor a hub id"),
    ],
)
def test_what_the_cache_does_not_hold_is_named(name, part, cache):
    found = offline(cache, path_or_id=name)
    assert found["error"] == "CheckpointError"
    assert found["message"].startswith(f"{name}: ") and part in found["message"]
    assert "\n" not in found["message"]


def test_an_unknown_revision_is_named(cache):
    found = offline(cache, path_or_id="someone/tiny", revision="v9")
    assert found["error"] == "CheckpointError"


def test_an_export_from_the_cache_stands_alone(cache, tmp_path):
    """A snapshot holds links into the cache; an exported folder holds files."""
    model = quatrain.load(cache / "models--someone--tiny" / "snapshots" / REVISION)
    out = model.export(tmp_path / "out")
    assert not any(path.is_symlink() for path in out.rglob("*"))
    assert (out / "config.json").read_bytes() == (model.path / "config.json").read_bytes()


def test_a_folder_is_taken_as_it_is(tiny):
    assert resolve(tiny("gpt2")) == tiny("gpt2")
    assert resolve(str(tiny("gpt2"))) == tiny("gpt2")


@pytest.mark.parametrize("name", ["", "a/b/c", "/nowhere", "./nowhere", "~nobody/x"])
def test_what_looks_like_a_path_is_not_asked_of_the_hub(name):
    with pytest.raises(CheckpointError, match="expected a model folder, found none there"):
        resolve(name)
