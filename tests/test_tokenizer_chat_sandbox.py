"""Chat templates are programs, perhaps a stranger's: they end, and see nothing of Python."""

from __future__ import annotations

from contextlib import suppress

import pytest

from chats import rendered
from quatrain.errors import TokenizerError


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
