"""Random calls and random networks against NumPy; longer in ``.ci/long``."""

from __future__ import annotations

import pytest

from kernels_random import check_call, check_wrong_call
from programs_random import check_program

BATCH = 50


@pytest.mark.parametrize("first", range(0, 600, BATCH))
def test_calls(first: int) -> None:
    for number in range(first, first + BATCH):
        check_call(number)


@pytest.mark.parametrize("first", range(0, 1000, BATCH))
def test_wrong_calls(first: int) -> None:
    for number in range(first, first + BATCH):
        check_wrong_call(number)


@pytest.mark.parametrize("number", range(60))
def test_programs(number: int) -> None:
    check_program(number)
