"""How byte-level vocabularies in GGUF files cut text, by their ``tokenizer.ggml.pre``.

The names, and which model's cut each stands for, are llama.cpp's (``src/llama-vocab.cpp``). Each
cut is a list of regular expressions, applied one after the other: what an expression matches and
what is between its matches are pieces, which the next one cuts again. They are written as the
models' own files have them.
"""

from __future__ import annotations

from typing import NamedTuple

from quatrain.tokenizer.formats.expressions import (
    DEEP_SEEK3,
    EXAONE_MOE,
    GPT2,
    JAIS2,
    KIMI_K2,
    LLAMA3,
    MINI_CPM5,
    O200K,
    QWEN2,
    QWEN35,
    SEED_CODER,
    TEKKEN,
    UFAKZEKA,
    YOUTU,
)

_HAN = "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"
# Cased letters, range by range: compatible spellings of some would be other ranges.
_DEEPSEEK_LETTERS = (
    "A-Za-z\xb5\xc0-\xd6\xd8-\xf6\xf8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af\u0370-"
    "\u0373\u0376\u0377\u037b-\u037d\u037f\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5"
    "\u03f7-\u0481\u048a-\u052f\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5\u13f8-\u13fd\u1c90-"
    "\u1cba\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77\u1d79-\u1d9a\u1e00-\u1f15\u1f18-\u1f1d"
    "\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d\u1f5f-\u1f7d\u1f80-\u1fb4"
    "\u1fb6-\u1fbc\u1fbe\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec"
    "\u1ff2-\u1ff4\u1ff6-\u1ffc\u2102\u2107\u210a-\u2113\u2115\u2119-\u211d\u2124\u2126\u2128"
    "\u212a-\u212d\u212f-\u2134\u2139\u213c-\u213f\u2145-\u2149\u214e\u2183\u2184\u2c00-"
    "\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2\u2cf3\ua640-\ua66d\ua680-\ua69b\ua722-\ua76f"
    "\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf\ufb00-\ufb06\ufb13-\ufb17\uff21-\uff3a\uff41-"
    "\uff5a\U00010400-\U0001044f\U000104b0-\U000104d3\U000104d8-\U000104fb\U00010c80-"
    "\U00010cb2\U00010cc0-\U00010cf2\U000118a0-\U000118df\U0001e900-\U0001e943"
)
_KANA_AND_HAN = "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"
_WORDS_AND_MARKS = " ?[^(\\s|.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c)]+"


class Cut(NamedTuple):
    """A cut, and what else goes with its name."""

    patterns: tuple[str, ...]
    ignore_merges: bool = False
    add_bos: bool = False


_LLAMA3 = Cut((LLAMA3,))
_DIGITS = Cut((r"\p{N}", GPT2))
_DEEPSEEK3 = Cut((r"\p{N}{1,3}", _KANA_AND_HAN, DEEP_SEEK3))

CUTS: dict[str, Cut] = {
    "default": Cut((r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]")),
    **dict.fromkeys(
        (
            *("llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0"),
            *("lfm2", "jina-v5-nano"),
        ),
        Cut((LLAMA3,), ignore_merges=True, add_bos=True),
    ),
    **dict.fromkeys(("dbrx", "smaug-bpe", "chatglm-bpe"), _LLAMA3),
    **dict.fromkeys(("glm4", "glm5"), Cut((LLAMA3,), ignore_merges=True)),
    "deepseek-llm": Cut(
        (
            "[\r\n]",
            rf"\s?[{_DEEPSEEK_LETTERS}]+",
            "\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+",
            r"\s+$",
            _HAN,
            r"\p{N}+",
        )
    ),
    "deepseek-coder": Cut(("[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", _HAN, r"\p{N}")),
    **dict.fromkeys(("deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4"), _DEEPSEEK3),
    "falcon": Cut((r"[\p{P}\$\+<=>\^~\|`]+", GPT2, "[0-9][0-9][0-9]")),
    **dict.fromkeys(
        (
            *("starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b"),
            "mellum2",
        ),
        _DIGITS,
    ),
    **dict.fromkeys(
        (
            *("gpt-2", "phi-2", "jina-es", "jina-de", "gigachat", "jina-v2-es", "jina-v2-de"),
            *("a.x-4.0", "mellum", "modern-bert", "mpt", "olmo", "jais", "trillion", "exaone4"),
            *("granite-docling", "jina-v1-en", "jina-v2-code", "roberta-bpe"),
        ),
        Cut((GPT2,)),
    ),
    **dict.fromkeys(
        (
            *("qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "megrez", "stablelm2", "hunyuan"),
            *("solar-open", "grok-2", "bailingmoe", "bailingmoe2", "llada-moe"),
        ),
        Cut((QWEN2,)),
    ),
    "qwen35": Cut((QWEN35,)),
    "laguna": Cut(("\n+", QWEN2)),
    "seed-coder": Cut((SEED_CODER,)),
    "ufakzeka": Cut((UFAKZEKA,)),
    "minicpm5": Cut((r"\p{N}{1,3}", MINI_CPM5), ignore_merges=True),
    **dict.fromkeys(("bloom", "poro-chat", "gpt3-finnish"), Cut((_WORDS_AND_MARKS,))),
    "viking": Cut((_WORDS_AND_MARKS, r"\p{N}")),
    "youtu": Cut(
        (
            "[\uac00-\ud7a3\u3131-\u318e]+",
            "[\uff01\u2026\u201c\u201d\u2018\u2019\u2014\uff1a\uff1b\uff0c"
            "\u3001-\u303f\ufe30-\ufe4f]+",
            "[\u3105-\u312f]+",
            _KANA_AND_HAN,
            YOUTU,
        ),
        ignore_merges=True,
    ),
    **dict.fromkeys(("gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"), Cut((O200K,))),
    "tekken": Cut((TEKKEN,), ignore_merges=True, add_bos=True),
    # These need a regular expression engine.
    "kimi-k2": Cut((KIMI_K2,)),
    "jais-2": Cut((JAIS2,)),
    "exaone-moe": Cut((EXAONE_MOE,)),
    **dict.fromkeys(("tiny_aya", "cohere2moe"), Cut((r"\d{1,3}(?=(?:\d{3})*\b)", O200K))),
    "superbpe": Cut((r"\p{N}+", r"(?=(\d{3})+(?!\d))")),
    "chameleon": Cut(
        (
            *("<sentinel:[0-9]+>", "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z", r"([\t\n]|    |  )"),
            *(r"\p{N}", r"[\p{P}!-/:-@\[-`{-~]", GPT2),
        ),
        add_bos=True,
    ),
}
