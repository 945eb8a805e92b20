"""Charsmaps for the tests, compiled as sentencepiece does: in the layout of Darts-clone."""

from __future__ import annotations

import struct
from itertools import groupby


def charsmap(rules: dict[str, str]) -> bytes:
    """The charsmap that replaces each key by its value."""
    replacements, places = b"", {}
    for value in rules.values():
        if value not in places:
            places[value] = len(replacements)
            replacements += value.encode() + b"\0"
    keys = sorted((key.encode(), places[value]) for key, value in rules.items())
    return with_array(_array(keys), replacements)


def with_array(units: list[int], replacements: bytes) -> bytes:
    """The charsmap of a double array's units and NUL-terminated replacements."""
    return struct.pack(f"<I{len(units)}I", 4 * len(units), *units) + replacements


def _array(keys: list[tuple[bytes, int]]) -> list[int]:
    units: dict[int, int] = {0: 0}
    bases: set[int] = set()
    free = 1  # every unit before it is taken
    nodes = [(0, keys, 0)]
    while nodes:
        node, inside, depth = nodes.pop()
        value = inside[0][1] if len(inside[0][0]) == depth else None
        rest = inside[value is not None :]
        groups = groupby(rest, lambda key, at=depth: key[0][at])
        children = {c: list(group) for c, group in groups}
        labels = [0] * (value is not None) + list(children)
        while free in units:
            free += 1
        base = free
        while base in bases or any(base ^ label in units for label in labels):
            base += 1
        bases.add(base)
        offset = node ^ base
        units[node] |= offset << 10 if offset < 1 << 21 else offset << 2 | 1 << 9
        if value is not None:
            units[node] |= 1 << 8
            units[base] = value | 1 << 31
        for label, group in children.items():
            units[base ^ label] = label
            nodes.append((base ^ label, group, depth + 1))
    nothing = 1 << 31  # a value, to which no byte leads: a zero is what a NUL leads to
    return [units.get(i, nothing) for i in range((max(units) | 255) + 1)]
