"""Generate ``cpp/tokenizer/unicode_tables.cpp`` from the tables of pinned PyPI archives.

Tokenizers do not agree with one Unicode version: each library a peer was built from froze its
own. Every class below therefore names the version whose table it must equal, found by brute
force over all code points against ``tokenizers`` 0.23 (``tests/test_tokenizer_oracle.py`` repeats
the comparison). The archives are read as text and never built:

    for v in 8.0.0 9.0.0.post2 16.0.0 17.0.0; do
        pip download --no-deps --no-binary :all: --no-build-isolation -d archives unicodedata2==$v
    done
    pip download --no-deps -d archives fonttools==3.28.0
    pip install regex==2025.11.3
    python tools/unicode_tables.py archives > cpp/tokenizer/unicode_tables.cpp
"""

from __future__ import annotations

import bisect
import re
import sys
import tarfile
import unicodedata
import zipfile
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

BERT = "8.0.0"  # the `unicode_categories` crate: BERT's punctuation, control and accents
FORMS = "9.0.0.post2"  # normalization forms and combining classes
REGEX = "16.0.0"  # \p{L}, \p{N}, \s, \w and the categories
CASE = "17.0.0"  # the Rust standard library: lowercase and numeric
GRAPHEMES = "2025.11.3"  # of regex, asked itself: Unicode 17, grapheme clusters
SCRIPTS = "3.28.0"  # of fontTools: Unicode 10, of which the characters that 9.0 has are taken

CODE_POINTS = range(0x110000)
HANGUL = range(0xAC00, 0xD7A4)
ASCII_PUNCTUATION = set(map(ord, "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"))
# Alphabetic symbols (category So) and the join controls: the part of \w that categories miss.
WORD_EXTRAS = [
    *range(0x24B6, 0x24EA),
    *range(0x1F130, 0x1F14A),
    *range(0x1F150, 0x1F16A),
    *range(0x1F170, 0x1F18A),
    0x200C,
    0x200D,
]
# The blocks of BertNormalizer's handle_chinese_chars.
HAN = [
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B920, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
]
WHITE_SPACE = [*range(9, 14), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B)]
WHITE_SPACE += [0x2028, 0x2029, 0x202F, 0x205F, 0x3000]

# In the order of quatrain::unicode::GraphemeBreak and Conjunct.
GRAPHEME_BREAKS = ["Other", "CR", "LF", "Control", "Extend", "ZWJ", "RI", "Prepend"]
GRAPHEME_BREAKS += ["SpacingMark", "L", "V", "T", "LV", "LVT"]
CONJUNCTS = ["None", "Consonant", "Linker", "Extend"]

# In the order of the bits of quatrain::unicode::Class.
LETTER, NUMBER, SPACE, WORD, PUNCTUATION, CONTROL, NONSPACING, MARK, NUMERIC = (
    1 << bit for bit in range(9)
)
CANONICAL, COMPATIBLE, UPPER, IDEOGRAPH = (1 << bit for bit in range(9, 13))
# In the order of the bits of quatrain::unicode::Category.
CATEGORIES = (("Lu", "Lt"), ("Ll",), ("Lm", "Lo"), "M", "N", "P", "S")
CATEGORY_SPACE = 1 << len(CATEGORIES)


class Tables:
    """The C tables of one ``unicodedata2`` release, read from its source archive."""

    def __init__(self, folder: Path, version: str):
        with tarfile.open(folder / f"unicodedata2-{version}.tar.gz") as archive:
            sources = {
                name.rsplit("/", 1)[1]: archive.extractfile(name).read().decode()
                for name in archive.getnames()
                if name.endswith("_db.h") and "/py2/" not in name
            }
        self._data = sources["unicodedata_db.h"]
        self._type = sources["unicodetype_db.h"]
        names = self._body(self._data, "_PyUnicode_CategoryNames")
        categories = re.findall(r'"(\w\w)"', names)
        records = self._records(self._data, "_PyUnicode_Database_Records")
        index = self._index(self._data, "SHIFT", "index1", "index2")
        self.category = [categories[records[i][0]] for i in index]
        self.combining = [records[i][1] for i in index]

    @staticmethod
    def _body(source: str, name: str) -> str:
        match = re.search(rf"\b{name}\[\] = \{{(.*?)\n\}};", source, re.S)
        assert match, name
        return re.sub(r"/\*.*?\*/", "", match[1], flags=re.S)

    def _numbers(self, source: str, name: str) -> list[int]:
        return [int(x, 0) for x in re.findall(r"-?\b\w+\b", self._body(source, name))]

    def _records(self, source: str, name: str) -> list[list[int]]:
        rows = re.findall(r"\{([^}]*)\}", self._body(source, name))
        return [[int(x) for x in row.split(",")] for row in rows]

    def _index(self, source: str, shift: str, first: str, second: str) -> list[int]:
        bits = int(re.search(rf"#define {shift} (\d+)", source)[1])
        high, low = self._numbers(source, first), self._numbers(source, second)
        mask = (1 << bits) - 1
        return [low[(high[c >> bits] << bits) + (c & mask)] for c in CODE_POINTS]

    def decompositions(self) -> dict[int, tuple[bool, list[int]]]:
        """Code point -> (is it a compatibility mapping, the mapping, one level deep)."""
        data = self._numbers(self._data, "decomp_data")
        index = self._index(self._data, "DECOMP_SHIFT", "decomp_index1", "decomp_index2")
        found = {}
        for c, at in enumerate(index):
            if length := data[at] >> 8:
                found[c] = bool(data[at] & 255), data[at + 1 : at + 1 + length]
        return found

    def lower(self) -> dict[int, list[int]]:
        """Code point -> its full lowercase mapping, where that differs."""
        records = self._records(self._type, "_PyUnicode_TypeRecords")
        extended = self._numbers(self._type, "_PyUnicode_ExtendedCase")
        found = {}
        for c, at in enumerate(self._index(self._type, "SHIFT", "index1", "index2")):
            lower, flags = records[at][1], records[at][5]
            if flags & 0x4000:  # EXTENDED_CASE_MASK
                count = lower >> 24
                mapped = extended[lower & 0xFFFF :][:count] if count else [c]
                if not count:
                    mapped = [extended[lower & 0xFFFF]]
            else:
                mapped = [c + lower]
            if mapped != [c]:
                found[c] = mapped
        return found


def scripts(folder: Path, categories: list[str]) -> list[int]:
    """Code point -> a number for its script, as the UnicodeScripts pre-tokenizer sees it.

    0 is no script: unassigned characters and the space, which go with any.
    """
    archive = zipfile.ZipFile(folder / f"fonttools-{SCRIPTS}-py2.py3-none-any.whl")
    names: dict[str, list] = {}
    exec(archive.read("fontTools/unicodedata/Scripts.py"), names)
    script = [
        names["VALUES"][bisect.bisect(names["RANGES"], c) - 1] if kind != "Cn" else "Zzzz"
        for c, kind in enumerate(categories)
    ]
    script[0x061C] = "Zyyy"  # Arabic only since Unicode 10
    script[ord(" ")] = "Zzzz"
    script[0x30FC] = "Hani"
    japanese = {"Hira": "Hani", "Kana": "Hani"}
    script = [japanese.get(name, name) for name in script]
    numbers = {name: i for i, name in enumerate(["Zzzz", *sorted(set(script) - {"Zzzz"})])}
    return [numbers[name] for name in script]


def expand(c: int, mappings: dict[int, tuple[bool, list[int]]], compatible: bool) -> list[int]:
    """The full decomposition: mappings applied until none is left."""
    is_compatible, mapped = mappings.get(c, (False, []))
    if not mapped or (is_compatible and not compatible):
        return [c]
    return [d for m in mapped for d in expand(m, mappings, compatible)]


def runs(values: list[int]) -> Iterable[tuple[int, int]]:
    """(start, value) wherever the value changes."""
    previous = None
    for c, value in enumerate(values):
        if value != previous:
            yield c, value
            previous = value


def emit(kind: str, name: str, rows: Iterable[Iterable[int]]) -> None:
    rows = [tuple(row) for row in rows]
    print(f"const {kind} {name}[] = {{")
    line = ""
    for row in rows:
        item = "{" + ",".join(map(str, row)) + "}," if len(row) > 1 else f"{row[0]},"
        if len(line) + len(item) > 98:
            print(line)
            line = ""
        line += item
    print(line)
    print(f"}};\nconst std::size_t {name}_size = {len(rows)};\n")


def graphemes() -> list[int]:
    """Per code point: its GraphemeBreak, + 16 if a pictograph, + 32 times its Conjunct."""
    import regex

    assert version("regex") == GRAPHEMES, f"expected regex {GRAPHEMES}"
    values = [0] * len(CODE_POINTS)
    text = "".join(map(chr, CODE_POINTS))
    flags = {f"GCB={name}": i for i, name in enumerate(GRAPHEME_BREAKS)} | {"ExtPict": 16}
    flags |= {f"InCB={name}": 32 * i for i, name in enumerate(CONJUNCTS)}
    for name, flag in flags.items():
        for match in regex.finditer(rf"\p{{{name}}}+", text) if flag else ():
            for c in range(*match.span()):
                values[c] += flag
    for c in HANGUL:  # whether a syllable has a tail is easily computed
        values[c] = GRAPHEME_BREAKS.index("LV")
    return values


def main(folder: Path) -> None:
    bert, forms = Tables(folder, BERT), Tables(folder, FORMS)
    regex, case = Tables(folder, REGEX), Tables(folder, CASE)
    mappings, lower = forms.decompositions(), case.lower()

    classes = [0] * len(CODE_POINTS)
    canonical, compatible = {}, {}
    for c in CODE_POINTS:
        flags = 0
        kind = regex.category[c]
        flags |= LETTER * (kind[0] == "L")
        flags |= NUMBER * (kind[0] == "N")
        flags |= WORD * (kind[0] in "LM" or kind in ("Nd", "Nl", "Pc"))
        kind = bert.category[c]
        flags |= PUNCTUATION * (kind[0] == "P" or c in ASCII_PUNCTUATION)
        flags |= NONSPACING * (kind == "Mn")
        flags |= CONTROL * ((kind in ("Cc", "Cf", "Co") or c == 0xFFFD) and c not in (9, 10, 13))
        flags |= MARK * (forms.category[c][0] == "M")
        flags |= NUMERIC * (case.category[c][0] == "N")
        flags |= UPPER * (c in lower)
        if c in mappings:
            once, fully = expand(c, mappings, False), expand(c, mappings, True)
            if once != [c]:
                canonical[c] = once
            if fully != once:
                compatible[c] = fully
        moves = forms.combining[c] > 0 or c in HANGUL
        flags |= CANONICAL * (moves or c in canonical)
        flags |= COMPATIBLE * (moves or c in canonical or c in compatible)
        classes[c] = flags
    for c in WORD_EXTRAS:
        classes[c] |= WORD
    for c in WHITE_SPACE:
        classes[c] |= SPACE
    for first, last in HAN:
        for c in range(first, last + 1):
            classes[c] |= IDEOGRAPH

    categories = [
        sum((kind in names or kind[0] in names) << bit for bit, names in enumerate(CATEGORIES))
        for kind in regex.category
    ]
    for c in WHITE_SPACE:
        categories[c] |= CATEGORY_SPACE

    # Compositions never change once made (a stability policy of Unicode), so the interpreter's
    # own table says which pairs are excluded.
    pairs = sorted(
        (*mapped, c)
        for c, (is_compatible, mapped) in mappings.items()
        if not is_compatible
        and len(mapped) == 2
        and unicodedata.normalize("NFC", "".join(map(chr, mapped))) == chr(c)
    )

    data: list[int] = []
    tables = {}
    for name, table in (("canonical", canonical), ("compatible", compatible)):
        tables[name] = []
        for c, mapped in sorted(table.items()):
            tables[name].append((c, len(data), len(mapped)))
            data += mapped

    print(f"""\
// Generated by tools/unicode_tables.py from unicodedata2 {BERT}, {FORMS}, {REGEX} and {CASE},
// fontTools {SCRIPTS} and regex {GRAPHEMES}.
// Do not edit: run the tool again. It says which class follows which Unicode version, and why.
// clang-format off
#include "tokenizer/unicode.h"

namespace quatrain::unicode::tables {{
""")
    emit("Run", "class_runs", runs(classes))
    emit("Run", "category_runs", runs(categories))
    emit("Run", "combining_runs", runs(forms.combining))
    emit("Run", "grapheme_runs", runs(graphemes()))
    emit("Run", "script_runs", runs(scripts(folder, forms.category)))
    emit("Mapping", "canonical", tables["canonical"])
    emit("Mapping", "compatible", tables["compatible"])
    emit("std::uint32_t", "decomposed", ([d] for d in data))
    emit("Pair", "compositions", pairs)
    emit("Lower", "lower", ((c, *m, *[0] * (2 - len(m))) for c, m in sorted(lower.items())))
    print("}  // namespace quatrain::unicode::tables")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
