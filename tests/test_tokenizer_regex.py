# ruff: noqa: RUF001 (ambiguous characters are what these texts are for)
"""Patterns: the runs of the core, and the engine behind every other regular expression.

The engine must be that of the ``tokenizers`` library in all that it matches. It is compared over
all code points for every class that Oniguruma knows by name, and on random expressions.
"""

from __future__ import annotations

import random
import sys
from time import process_time
from typing import Any

import pytest

from quatrain.errors import TokenizerError
from quatrain.tokenizer import Tokenizer
from quatrain.tokenizer.formats.patterns import read_run
from quatrain.tokenizer.regex import Regex
from tokenizer_data import plain_bpe, to_bytes
from tokenizer_peer import ALL

EVERYTHING = "".join(ALL)
MARK = "\u2e28"

# General categories, POSIX brackets, scripts and properties.
CATEGORIES = "L Lu Ll Lt Lm Lo M Mn Mc Me N Nd Nl No P Pc Pd Ps Pe Pi Pf Po S Sm Sc Sk So Z Zs Zl"
BRACKETS = "alpha digit alnum upper lower punct space blank cntrl graph print xdigit word"
OTHERS = "Zp C Cc Cf Cn Co Han Hiragana Katakana Latin Cyrillic Arabic Thai Emoji Alphabetic"
CLASSES = [
    *(rf"\p{{{name}}}" for name in f"{CATEGORIES} {OTHERS}".split(" ")),
    *(f"[[:{name}:]]" for name in BRACKETS.split(" ")),
    *(r"\s", r"\w", r"\d", r"\h", r"\R", r"\X", r"\b", r"\S", "."),
    *(f"(?i:{c})" for c in ("k", "s", "ß", "å", "ǆ", "σ", "ﬁ", "[a-z]", "[à-þ]", "ss")),
]


def split_file(expression: str) -> dict[str, Any]:
    file = plain_bpe()
    pattern = {"Regex": expression}
    file["pre_tokenizer"] = {
        "type": "Split",
        "pattern": pattern,
        "behavior": "Isolated",
        "invert": False,
    }
    return file


def marked(found: list[tuple[int, int]], text: str) -> str:
    """The text with every match replaced, as the peer's Replace normalizer gives it."""
    data, parts, seen = text.encode(), [], 0
    for begin, end in found:
        parts += [data[seen:begin].decode(), MARK]
        seen = end
    return "".join([*parts, data[seen:].decode()])


def peer_marked(expression: str, text: str) -> str:
    import tokenizers

    replace = tokenizers.normalizers.Replace(tokenizers.Regex(expression), MARK)
    return replace.normalize_str(text)


@pytest.mark.oracle("tokenizers", "onigurumacffi")
@pytest.mark.parametrize("expression", CLASSES)
def test_every_character_in(expression: str) -> None:
    found = Regex(expression)(EVERYTHING)
    assert marked(found, EVERYTHING) == peer_marked(expression, EVERYTHING)


ATOMS = [
    *("a", "b", "é", "中", " ", r"\s", r"\w", r"\d", r"\p{L}", ".", "[ab]", "[^a]", "[a-z&&[^b]]"),
    *("^", "$", r"\b", r"\B", r"\A", r"\z", r"\Z", "(?=a)", "(?!a)", "(?<=a)", r"(?<!\s)", r"\n"),
    *("[[:alpha:]]", r"\K", r"\R", r"\X", "(?i:S)", "", "'s", r"(?<n>a|b)\k<n>", "(?~ab)"),
]
TIMES = ["", "", "", "*", "+", "?", "{2}", "{1,3}", "{,2}", "{2,}", "*?", "+?", "++", "?+", "??"]
LETTERS = [*"aabbbAB12 \n\r\t'sS", "é", "É", "中", "ß", "ſ", "\u0301", "👩", "\u200d", "\u0085"]


def random_expression(rng: random.Random, depth: int = 0) -> str:
    choice = rng.random()
    if depth > 2 or choice < 0.5:
        return rng.choice(ATOMS) + rng.choice(TIMES)
    parts = [random_expression(rng, depth + 1) for _ in range(2)]
    if choice < 0.7:
        return "".join(parts)
    if choice < 0.85:
        return f"(?:{'|'.join(parts)}){rng.choice(TIMES)}"
    return rng.choice(["(?i:{})", "(?>{})", "{}|a"]).format(parts[0])


@pytest.mark.oracle("tokenizers", "onigurumacffi")
@pytest.mark.parametrize("seed", range(20))
def test_random_expressions(seed: int) -> None:
    import tokenizers

    rng = random.Random(seed)
    compared = 0
    while compared < 200:
        expression = random_expression(rng)
        try:
            tokenizers.Regex(expression)
        except Exception:
            with pytest.raises(ValueError, match="is malformed"):
                Regex(expression)
            continue
        regex = Regex(expression)
        for _ in range(5):
            text = "".join(rng.choices(LETTERS, k=rng.choice([1, 3, 10, 30])))
            try:
                found = regex(text)
            except TokenizerError:
                continue  # given up; the peer panics, or its search sees that nothing can match
            assert marked(found, text) == peer_marked(expression, text), (expression, text)
            compared += 1


RUNS = [
    *(" {2,}", r"\s+", " +", r"[\n\r]", r"\n", r"\n{3,}", "a", "-a"[1], r"\s", r"[\s\p{N}]{2,3}"),
    *(
        r"\p{N}",
        r"\p{N}{1,3}",
        r"\p{L}+",
        "[0-9]",
        "[一-龥ぁ-ゟ゠-ヿ]+",
        "[a-zA-Z]{2}",
        "a++",
        r"\t+",
    ),
    *("[ab]{1,2}", "[.+*]+", "[^a]", r"[^\s\p{L}]{2,}", r"[\p{P}\$\+<=>\^~\|`]+", "[0-9][0-9]"),
    *(
        r"\s?\p{L}+",
        r" ?\s{2}",
        r"\s?\p{P}+",
        " ?[^(\\s|[.,*])]+",
        r"\s?[\s.]{3}",
        r"[\p{M}\p{S}]+",
    ),
    *(r"\s+$", "[ab\n]+$", "a+$", " ?[ .]{2,3}", r"[\-Z-_]+", "[c-ea-dZ]+", r"\s?\s+", " ?a"),
]
OTHERS_THAN_RUNS = [
    *("[a-", "a{2,1}", "(a)", "a?", "a{0,3}", r"\d+", "[a-c-e]", r"\s++$", " ?a+$", "[[:alpha:]]+"),
    *("[a&&b]", "[^[^a]]", r"\s{2,}$", "[ab][bc]", r"\p{Lu}+", "a+?", r"[\d]"),
]


@pytest.mark.oracle("tokenizers", "onigurumacffi")
@pytest.mark.parametrize("expression", RUNS)
def test_runs_of_the_core(expression: str) -> None:
    assert read_run(expression) is not None
    file = plain_bpe()
    file["normalizer"] = {"type": "Replace", "pattern": {"Regex": expression}, "content": "|"}
    ours = Tokenizer(to_bytes(file))
    rng = random.Random(expression)
    letters = [*"aabbc019 \n\r\t  .+*Z-(|$<`", "\u0301", "\u00a0", "½", "一", "ゟ", "é", "\u3000"]
    for _ in range(300):
        text = "".join(rng.choices(letters, k=rng.randrange(1, 30)))
        expected = peer_marked(expression, text).replace(MARK, "|")
        assert ours.decode(ours.encode(text).ids) == expected, (expression, text)


@pytest.mark.parametrize("expression", OTHERS_THAN_RUNS)
def test_no_runs(expression: str) -> None:
    assert read_run(expression) is None


@pytest.mark.oracle("onigurumacffi")
@pytest.mark.parametrize("expression", ["(a*)*b", "(a|aa)+$", r"(\w+\s?)*!"])
def test_the_engine_gives_up(expression: str) -> None:
    """The peer panics where a match needs 10 million steps; we refuse the text."""
    tokenizer = Tokenizer(to_bytes(split_file(expression)))
    began = process_time()
    with pytest.raises(TokenizerError, match="takes too long on a text of 5001 bytes"):
        tokenizer.encode("a" * 5000 + "?")
    assert process_time() - began < 20


@pytest.mark.oracle("onigurumacffi")
def test_polynomial_time_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quatrain.tokenizer.regex._SECONDS", 0.2)
    monkeypatch.setattr("quatrain.tokenizer.regex._SECONDS_PER_BYTE", 0.0)
    with pytest.raises(TokenizerError, match="takes too long"):
        Regex("a*b")("a" * 60_000)
    assert Regex("a+b")("a" * 1000) == []


@pytest.mark.oracle("onigurumacffi")
def test_threads_share_an_expression() -> None:
    file = split_file(r"(?<=\w)\s|\d(?!\w)")
    tokenizer = Tokenizer(to_bytes(file))
    texts = [f"a {i} b{i} c" * (i + 1) for i in range(200)]
    expected = [tokenizer.encode(text).ids for text in texts]
    for threads in (1, 3):
        assert [e.ids for e in tokenizer.encode_batch(texts, threads=threads)] == expected


@pytest.mark.oracle("onigurumacffi")
@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("(a", r"pre_tokenizer\.pattern\.Regex: '\(a' is malformed: end pattern with unmatched"),
        ("a{3", "^$"),
        (r"\Ga", r"\\G is not supported"),
        (r"\p{Nothing}", "invalid character property name"),
    ],
)
def test_bad_expressions(expression: str, message: str) -> None:
    if message == "^$":  # odd, but an expression
        Tokenizer(to_bytes(split_file(expression)))
        return
    with pytest.raises(TokenizerError, match=message):
        Tokenizer(to_bytes(split_file(expression)))


def test_without_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onigurumacffi", None)
    with pytest.raises(TokenizerError, match=r"'a\|b' has no scanner .* pip install 'quatrain\[re"):
        Tokenizer(to_bytes(split_file("a|b")))
    Tokenizer(to_bytes(split_file(" +")))
