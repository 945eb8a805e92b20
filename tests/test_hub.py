"""Models by their id on the hub: from its local cache, without a network."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import huggingface_hub
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
        ("someone/../tiny", "expected a model folder or a .gguf file, found none there"),
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
    with pytest.raises(
        CheckpointError, match=r"expected a model folder or a \.gguf file, found none there"
    ):
        resolve(name)


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A function: names of files -> a hub whose one repository has these."""

    def hub(*names: str) -> None:
        folder = tmp_path / "snapshot"
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()

        def snapshot_download(id, *, allow_patterns, **where):
            return str(folder)

        def hf_hub_download(id, name, **where):
            assert id == "someone/model"
            return str(folder / name)

        monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
        monkeypatch.setattr(huggingface_hub, "hf_hub_download", hf_hub_download)
        monkeypatch.setattr(huggingface_hub.HfApi, "list_repo_files", lambda *a, **k: list(names))

    return hub


def test_a_repository_of_one_gguf_file_is_that_file(served, tmp_path):
    served("config.json", "model-Q8_0.gguf")
    assert resolve("someone/model") == tmp_path / "snapshot" / "model-Q8_0.gguf"


def test_weights_of_the_usual_kind_come_first(served, tmp_path):
    served("config.json", "model.safetensors", "model-Q8_0.gguf")
    assert resolve("someone/model") == tmp_path / "snapshot"


def test_a_gguf_file_of_several_has_to_be_named(served, tmp_path):
    served("small.gguf", "large/large.gguf")
    with pytest.raises(
        CheckpointError, match=r"name one of them, such as someone/model/small\.gguf"
    ):
        resolve("someone/model")
    for name in ("small.gguf", "large/large.gguf"):
        assert resolve(f"someone/model/{name}") == tmp_path / "snapshot" / name
