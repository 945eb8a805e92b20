"""Fixtures, and what happens to tests whose third party is missing."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

import pytest

import checkpoints
import speaker

#: Third parties that judge us, and never ship with us.
ORACLES = (
    *("torch", "transformers", "tokenizers", "tiktoken", "sentencepiece"),
    "sentence_transformers",
)
#: Set in CI: a test that cannot run is then a failure, not a skip.
REQUIRED = os.environ.get("QUATRAIN_REQUIRE_ORACLES") == "1"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "oracle(*modules): needs these third parties to judge us")
    config.addinivalue_line("markers", "data(name): needs this folder under QUATRAIN_TEST_DATA")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("oracle"):
        missing = [name for name in mark.args if importlib.util.find_spec(name) is None]
        if missing:
            absent(f"{', '.join(missing)} missing: pip install '.[cpu,test,oracle]'")
    for mark in item.iter_markers("data"):
        for name in mark.args:
            if data_folder(name) is None:
                absent(f"no folder {name} under QUATRAIN_TEST_DATA (see .ci/run)")


def absent(reason: str) -> None:
    (pytest.fail if REQUIRED else pytest.skip)(reason)


def data_folder(name: str) -> Path | None:
    """A folder of fetched test material, or None."""
    root = os.environ.get("QUATRAIN_TEST_DATA")
    path = Path(root or "") / name
    return path if root and path.exists() else None


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of fetched test material; tests that use it are marked ``data``."""
    return Path(os.environ["QUATRAIN_TEST_DATA"])


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory):
    """A function: family -> its tiny random checkpoint's folder."""
    root = tmp_path_factory.mktemp("tiny")

    def folder(family: str) -> Path:
        path = root / family
        return path if path.exists() else checkpoints.write(path, family)

    return folder


@pytest.fixture
def copied(tiny, tmp_path: Path):
    """A function: family -> a copy of its tiny checkpoint, to be changed or spoiled."""

    def folder(family: str) -> Path:
        return Path(shutil.copytree(tiny(family), tmp_path / family))

    return folder


@pytest.fixture(scope="session")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tiny decoder with a tokenizer, as a command line's argument."""
    return str(speaker.write(tmp_path_factory.mktemp("speaker") / "decoder"))


@pytest.fixture
def working_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch):
    """A new working folder, for commands that write into it."""
    monkeypatch.chdir(tmp_path_factory.mktemp("working"))
