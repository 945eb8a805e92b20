"""Chat templates are programs, perhaps a stranger's: they end, and see nothing of Python."""

from __future__ import annotations

import tracemalloc
from contextlib import suppress
from time import process_time

import pytest

from chats import MESSAGES, rendered, tokenizer
from quatrain.errors import InputError, TokenizerError
from quatrain.tokenizer.chat.rendered import Rendered, by_template, join


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in range(10**9) %}x{% endfor %}",
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
        "{% set r = range(99999) %}{% for i in r %}{% for j in r if no %}{% endfor %}{% endfor %}",
        "{{ 'a' * 10**10 }}",
        "{{ [0] * 10**10 }}",
        "{{ 9 ** (9 ** 9) }}",
        "{{ 'a' | center(10**10) }}",
        "{{ 'a'.ljust(10**10) }}",
        "{{ '%10000000000d' % 1 }}",
        "{{ '{:>10000000000}'.format(1) }}",
        "{{ '{:{}}'.format(1, 10**10) }}",
        "{{ '%10000000000d' | format(1) }}",
        "{{ strftime_now('%9999999999d') }}",
        "{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}"
        "{% endfor %}",
        "{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}"
        "{% endfor %}",
        "{% set ns = namespace(s='ab') %}{% for i in range(99) %}"
        "{% set ns.s = ns.s.replace('a', ns.s) %}{% endfor %}",
        "{% set ns = namespace(s='ab') %}{% for i in range(99) %}"
        "{% set ns.s = [ns.s, ns.s] | join %}{% endfor %}",
        "{% set ns = namespace(x=[]) %}{% for i in range(99) %}{% set ns.x = [ns.x, ns.x] %}"
        "{% endfor %}{{ ns.x }}",
        "{% set ns = namespace(x=[]) %}{% for i in range(99) %}{% set ns.x = [ns.x, ns.x] %}"
        "{% endfor %}{{ ns.x | tojson }}",
        "{% set ns = namespace(x=[], y=[]) %}{% for i in range(99) %}{% set ns.x = [ns.x, ns.x] %}"
        "{% set ns.y = [ns.y, ns.y] %}{% endfor %}{{ ns.x == ns.y }}",
        "{% set ns = namespace(x=[]) %}{% for i in range(99999) %}"
        "{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}",
        "{% set ns = namespace(x=9) %}{% for i in range(99) %}{% set ns.x = ns.x * ns.x %}"
        "{% endfor %}",
        "{% set ns = namespace(x=[]) %}{% for i in range(99999) %}"
        "{% set ns.x = [ns.x, [0] * 1000000] %}{% endfor %}",
        "{% macro f(n) %}{{ f(n) }}{{ f(n) }}{% endmacro %}{{ f(1) }}",
        "{% macro f(n) %}{% if n %}{{ f(n-1) }}{{ f(n-1) }}{% endif %}{% endmacro %}{{ f(60) }}",
        "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        "{% for x in [1] recursive %}{{ loop([1, 2]) }}{% endfor %}",
        "{{ range(99999) | map('string') | map('upper') | list | tojson | length }}" * 100,
        "{{ lipsum(n=10**6) }}",
        "{{ 'x' | indent(10**10) }}",
        "{{ [1] | tojson(indent=10**10) }}",
        "{{ 1.5 | round(10**10) }}",
        "{{ 'abc' | batch(10**10) | list }}",
        "{{ (5).to_bytes(10**10, 'big') }}",
        "{% set s = 'ab' * 10000000 %}{% for i in range(99999) %}{{ 'c' in s }}{% endfor %}",
        "{% set s = 'ab' * 10000000 %}{% for i in range(9999) %}{% set t = s[1:] %}{% endfor %}",
        "{% set s = 'ab' * 10000000 %}{% for i in range(999) %}{% set t = s.upper() %}{% endfor %}",
        "{% for i in range(99999) %}" + "{{ messages[0].content }}" * 1000 + "{% endfor %}",
        "{{ 1 " + "+ 1 " * 400_000 + "}}",
        "{{ " + "(" * 5000 + "1" + ")" * 5000 + "}}",
        "{% if true %}" * 300 + "{% endif %}" * 300,
        "x" * 2**21,
    ],
    ids=range(42),
)
def test_hostile_templates_end(source: str) -> None:
    with pytest.raises(TokenizerError, match=r"^it: ") as caught:
        rendered(source)
    assert len(str(caught.value)) < 1000


# ns.x and ns.y: tuples a hundred thousand deep, lists that are short but for what they hold twice.
DEEP = (
    "{% set ns = namespace(x=(1,)) %}{% for i in range(100000) %}{% set ns.x = (ns.x,) %}"
    "{% endfor %}"
)
DOUBLED = (
    "{% set ns = namespace(x=1, y=1) %}{% for i in range(60) %}{% set ns.x = (ns.x, ns.x) %}"
    "{% set ns.y = (ns.y, ns.y) %}{% endfor %}"
)


@pytest.mark.parametrize(
    "use",
    [
        "{{ {ns.x: 1} | length }}",
        "{{ messages[0].get(ns.x) }}",
        "{{ messages[0][ns.x] }}",
        "{{ ns.x in messages[0] }}",
        "{{ ns.x not in messages[0] }}",
        "{{ ns.x is in messages[0] }}",
        "{{ [ns.x] | select('in', messages[0]) | list }}",
        "{{ [ns.x] | unique | list }}",
        "{{ [{'a': ns.x}] | unique(attribute='a') | list }}",
        "{{ dict([(ns.x, 1)]) }}",
        "{{ namespace([(ns.x, 1)]) }}",
        "{{ {'a': ns.x}.items() - [] }}",
        "{{ {}.keys() - [ns.x] }}",
        "{{ {'a': ns.x}.items() == {'a': 1}.keys() }}",
        "{{ [{'a': ns.x}.items()] == [{'a': 1}.keys()] }}",
    ],
)
def test_nothing_deep_is_a_key(use: str) -> None:
    with pytest.raises(TokenizerError, match=r"^it: "):
        rendered(DEEP + use)


@pytest.mark.parametrize(
    "use", ["{{ {ns.x: 1} }}", "{{ messages[0].get(ns.x) }}", "{{ ns.x in messages[0] }}"]
)
def test_nothing_held_twice_is_a_key(use: str) -> None:
    with pytest.raises(TokenizerError, match="a tuple as a key is not supported"):
        rendered(DOUBLED + use)


@pytest.mark.parametrize(
    "use",
    [
        "{{ 1 if ns.x is in messages[0] }}",
        "{{ [ns.x].count(ns.y) }}",
        "{{ [ns.x].index(ns.y) }}",
        "{{ ns.x == ns.y }}",
        "{{ [ns.x, ns.y] | sort }}",
        "{{ [[ns.x], [ns.y]] | map('first') | max }}",
        "{{ [{'a': ns.x}, {'a': ns.y}] | groupby('a') }}",
        "{{ [ns.x] | upper }}",
        "{{ ns.x | e }}",
        "{{ ns }}",
        "{{ {'a': ns.x}.values() }}",
        "{{ {'a': ns.x}.items() }}",
        "{{ raise_exception(ns.x) }}",
        "{{ '%s' % (ns.x,) }}",
        "{% for i in [1, 2] %}{{ loop.changed([ns.x] if i == 1 else [ns.y]) }}{% endfor %}",
    ],
)
def test_what_is_held_twice_is_paid_for_twice(use: str) -> None:
    with pytest.raises(TokenizerError, match="too much work"):
        rendered(DOUBLED + use)


@pytest.mark.parametrize(
    "source",
    [
        "{{ ([[1]] * 60000) | sum(start=[]) | length }}",
        "{{ [[1], [2]] | sum }}",
        "{{ ('%(a)999d' * 300000) % {'a': 1} }}",
        "{{ ('{0:>999}' * 300000).format('') }}",
        "{{ ('%(a)s' * 300000) % {'a': 'x' * 9999} }}",
        "{{ ('{0}' * 300000).format('x' * 9999) }}",
        "{{ ('%(a)999d' * 300000) | format(a=1) }}",
    ],
)
def test_sums_and_formats_are_foreseen(source: str) -> None:
    tracemalloc.start()
    begin = process_time()
    with pytest.raises(TokenizerError, match=r"^it: "):
        rendered(source)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**26 and process_time() - begin < 5


def test_lazy_values_do_not_nest() -> None:
    source = "{% set ns = namespace(x=[1]) %}{% for i in range(30000) %}"
    source += "{% set ns.x = ns.x | map('string') %}{% endfor %}{{ ns.x | list }}"
    assert rendered(source) == "['1']"


def test_views_of_dicts_are_those_of_python() -> None:
    source = "{% set d = {'a': 1, 'b': (2,)} %}{{ d.items() }}{{ d.keys() }}{{ d.values() }}"
    d = {"a": 1, "b": (2,)}
    assert rendered(source) == f"{d.items()}{d.keys()}{d.values()}"
    source = "{% set d = {'a': 1} %}{{ 'a' in d.keys() }}{{ d.items() | list | length }}"
    source += "{{ d.items() is sequence }}{{ dict(d.items()).a }}{{ d.values() | sum }}"
    assert rendered(source) == "True1False11"


def test_pieces_of_a_text_pay_for_their_own_ranges() -> None:
    pieces = 200_000
    text = join(by_template("a") if i % 2 else Rendered("c") for i in range(pieces))
    begin = process_time()
    assert len(text.split("a")) == pieces // 2 + 1
    assert process_time() - begin < 5


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ messages.__class__ }}",
        "{{ messages[0].content.join.__self__ }}",
        "{{ namespace.__init__.__globals__ }}",
        "{{ raise_exception.__globals__ }}",
        "{{ dict.__subclasses__() }}",
        "{{ range.__class__.__base__ }}",
        "{{ cycler }}{{ cycler.__init__.__globals__ }}",
        "{{ '{0.__class__}'.format('a') }}",
        "{{ '{0.__class__}'.format_map({'0': 'a'}) }}",
        "{{ ('{0.__class__}' | attr('format'))('a') }}",
        "{{ messages.append(1) }}",
        "{{ messages[0].update(a=1) }}",
        "{% set ns = namespace() %}{% set ns.__class__ = 1 %}",
        "{{ namespace(__class__=1) }}",
        "{{ self.__init__.__globals__ }}",
        "{{ environment.filters }}{{ [].__class__.__base__.__subclasses__() }}",
        "{{ bos_token._written }}{{ messages[0].content._cut(0, 1) }}",
        "{{ bos_token.by_template('x') }}",
        "{{ 1 | spend }}",
        "{% include 'x' %}",
        "{% import 'x' as y %}",
        "{% extends 'x' %}",
        "{% for %}",
        "{{",
        "{{ 'x' | nothing }}",
    ],
)
def test_escapes_and_faults_are_refused(source: str) -> None:
    with suppress(TokenizerError):
        assert rendered(source) == ""  # what the sandbox hides is undefined


def test_mistaken_names_are_no_templates() -> None:
    with pytest.raises(
        TokenizerError, match="there is no chat template 'tool-use'; templates: default"
    ):
        tokenizer().apply_chat_template(MESSAGES, chat_template="tool-use")


@pytest.mark.parametrize(
    "option",
    [
        *("tokenize", "return_tensors", "return_dict", "return_assistant_tokens_mask"),
        *("continue_final_message", "padding", "truncation", "max_length"),
    ],
)
def test_options_of_others_are_no_variables(option: str) -> None:
    with pytest.raises(InputError, match=f"^{option} is not supported"):
        tokenizer().apply_chat_template(MESSAGES, **{option: False})
