"""JSON is parsed fast and then, where anything is unclear, again and strictly: with one outcome."""

import json
import math
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quatrain import _core, files
from quatrain.errors import CheckpointError

ODD = [
    *("", " ", "[", "]", "{", "[1,]", '{"a":1,}', "{} x", "[1 2]", "{1:2}", "[/**/]", "'a'"),
    *("-0", "-0.0", "0e0", "1e5", "1E+5", "1e400", "-1e-400", "01", "1.", ".5", "-", "+1", "--1"),
    *("1_0", "0x10", "1e", "0.1e", str(2**63), str(-(2**63) - 1), str(2**64), "1" * 5000),
    *("1." + "1" * 5000, "NaN", "-Infinity", "[Infinity]", "nul", "tru", "null", "true"),
    *('"\\ud800"', '"\\ude00\\ud83d"', '"\\ud83d\\ude00"', '"\\u0000"', '"\\x"', '"\\u12g4"'),
    *('"a\tb"', '"\x00"', '"\x1f"', '"\x7f"', '"\u2028"', '"\\/"', "1\x00", "\x0b1", "\u00a01"),
    *(" \n\t\r1 ", "\ufeff1", "[" * 100 + "]" * 100, "[" * 5000 + "]" * 5000, "[" * 100_000),
    *('{"":0}', '{"a" \n: 1}', '{"a":1,"a":2}', '{"a":{"b":1,"b":1}}', '[{"a":1,"\\u0061":1}]'),
    *('{"a":"\\u003a","a":"\\u003A"}', '{"\\u003a":0}', '{":":":","::":":"}', '{"a":{},"a":{}}'),
    *('{"a":1,"a":":"}', '{"a":":","a":1}', '{"\\":":1,"\\":":1}', '{"\\\\":1,"\\\\":1}'),
]


def outcome(parse: Any, data: bytes, read: Any) -> str:
    """The value, with the types of all it holds, or the error."""
    try:
        return repr(parse(data, "doc", CheckpointError, read))
    except CheckpointError as error:
        return f"{type(error).__name__}: {error}"


def check(data: bytes) -> None:
    for read in (float, _core.json.read_decimal):
        fast, strict = (outcome(p, data, read) for p in (files.parse_json, files._parse_strictly))
        assert fast == strict


@pytest.mark.parametrize("text", ODD, ids=lambda text: repr(text[:20]))
def test_odd_documents(text: str) -> None:
    check(text.encode())


@pytest.mark.parametrize(
    "data", [b'"\xff"', b'"\xed\xa0\x80"', b'{"\xc0\x80":1}', b"\xff", b'"\xe2']
)
def test_what_is_not_utf8(data: bytes) -> None:
    check(data)
    assert "not UTF-8 at byte" in outcome(files.parse_json, data, float)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(alphabet=':"\\aé中👩 \n\x7f'),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(alphabet=':"\\aé'), inner),
    max_leaves=20,
)


@settings(max_examples=500)
@given(VALUES, st.booleans(), st.sampled_from([None, 1]), st.data())
def test_damaged_documents(value: Any, is_ascii: bool, indent: int | None, data: Any) -> None:
    text = json.dumps(value, ensure_ascii=is_ascii, indent=indent)
    assert files.parse_json(text.encode(), "doc") == value
    check(text.encode())
    at = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(at, min(len(text), at + 4)))
    put = data.draw(st.sampled_from(["", *':,"\\{}[]0e-', '"a":1,', "\\u003a", text[at:end] * 2]))
    check((text[:at] + put + text[end:]).encode())


def test_a_key_that_comes_twice_is_found_anywhere() -> None:
    rng = random.Random(1)
    for _ in range(300):
        keys = [rng.choice(["a", ":", '":', "\\", "é:", "::"]) for _ in range(rng.randint(0, 6))]
        members = ",".join(f"{json.dumps(key)}:{json.dumps(rng.choice(keys))}" for key in keys)
        text = f'[{{"x":{{{members}}}}},1]'
        found = outcome(files.parse_json, text.encode(), float)
        assert ("appears twice" in found) == (len(set(keys)) < len(keys))


def test_an_escaped_colon_is_seen_wherever_it_stands() -> None:
    for length in range(150):
        text = f'{{"{"x" * length}\\u003a":1,"{"x" * length}:":2,"{"y" * length}":":"}}'
        assert "appears twice" in outcome(files.parse_json, text.encode(), float)
        check(text.encode())


def test_numbers_are_near_those_of_python() -> None:
    rng = random.Random(2)
    for _ in range(3000):
        text = f"{rng.uniform(-1, 1) * 10.0 ** rng.randint(-300, 300)!r}"
        assert math.isclose(_core.json.read_decimal(text), float(text), rel_tol=1e-14)
    assert _core.json.read_decimal("1e99999999999999999999") == math.inf
    assert _core.json.read_decimal("0e99999999999999999999") == 0
    assert _core.json.read_decimal("1e-99999999999999999999") == 0
    assert str(_core.json.read_decimal("-0.0")) == "-0.0"
    assert _core.json.read_decimal("1" + "0" * 5000 + "e-5000") == 1


def test_collection_of_cycles_goes_on() -> None:
    import gc

    assert gc.isenabled()
    with pytest.raises(CheckpointError):
        files.parse_json(b"[", "doc")
    assert gc.isenabled()
    gc.disable()
    try:
        files.parse_json(b"[]", "doc")
        assert not gc.isenabled()
    finally:
        gc.enable()
