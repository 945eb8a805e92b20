"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "oracle: compares with another library")


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real models and texts that ``.ci/run`` fetches."""
    folder = os.environ.get("QUATRAIN_TEST_DATA")
    if not folder:
        pytest.skip("QUATRAIN_TEST_DATA names no folder of test data")
    return Path(folder)
