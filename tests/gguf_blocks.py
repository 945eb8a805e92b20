"""GGUF's quantised types, one value at a time in float64, as ggml's block formats define them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

#: What the sixteen numbers of IQ4_NL and IQ4_XS stand for.
LEVELS = (-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113)


def half(block: bytes, at: int) -> float:
    return float(np.frombuffer(block, "<f2", 1, at)[0])


def nibbles(data: bytes) -> list[int]:
    """The low halves of the bytes, then the high ones."""
    return [byte & 15 for byte in data] + [byte >> 4 for byte in data]


def q4_0(b: bytes) -> list[float]:
    return [half(b, 0) * (q - 8) for q in nibbles(b[2:])]


def q4_1(b: bytes) -> list[float]:
    return [half(b, 0) * q + half(b, 2) for q in nibbles(b[4:])]


def fifth_bits(data: bytes) -> list[int]:
    return [int.from_bytes(data, "little") >> i & 1 for i in range(32)]


def q5_0(b: bytes) -> list[float]:
    high = fifth_bits(b[2:6])
    return [half(b, 0) * (q + 16 * h - 16) for q, h in zip(nibbles(b[6:]), high, strict=True)]


def q5_1(b: bytes) -> list[float]:
    high = fifth_bits(b[4:8])
    return [
        half(b, 0) * (q + 16 * h) + half(b, 2) for q, h in zip(nibbles(b[8:]), high, strict=True)
    ]


def q8_0(b: bytes) -> list[float]:
    return [half(b, 0) * q for q in np.frombuffer(b, np.int8, 32, 2).tolist()]


def quarters(data: bytes, i: int) -> int:
    """Number i of two bits each: four runs of 32 in every 32 bytes."""
    part, run, at = i // 128, i % 128 // 32, i % 32
    return data[32 * part + at] >> 2 * run & 3


def q2_k(b: bytes) -> list[float]:
    d, least = half(b, 80), half(b, 82)
    return [
        d * (b[i // 16] & 15) * quarters(b[16:80], i) - least * (b[i // 16] >> 4)
        for i in range(256)
    ]


def q3_k(b: bytes) -> list[float]:
    mask, low, packed, d = b[:32], b[32:96], b[96:108], half(b, 108)
    scales = [
        (packed[j % 8] >> 4 * (j // 8) & 15) + 16 * (packed[8 + j % 4] >> 2 * (j // 4) & 3) - 32
        for j in range(16)
    ]
    high = [mask[i % 32] >> i // 32 & 1 for i in range(256)]
    return [d * scales[i // 16] * (quarters(low, i) + 4 * high[i] - 4) for i in range(256)]


def six_bits(packed: bytes) -> list[tuple[int, int]]:
    """The scales and least values of the eight parts of a block of Q4_K or Q5_K."""
    found = []
    for j in range(8):
        if j < 4:
            found.append((packed[j] & 63, packed[j + 4] & 63))
        else:
            high = packed[j - 4] >> 6, packed[j] >> 6
            found.append((packed[j + 4] & 15 | high[0] << 4, packed[j + 4] >> 4 | high[1] << 4))
    return found


def q4_k(b: bytes) -> list[float]:
    parts, values = six_bits(b[4:16]), []
    for j in range(8):
        data = b[16 + 32 * (j // 2) :][:32]
        scale, least = half(b, 0) * parts[j][0], half(b, 2) * parts[j][1]
        values += [scale * (byte >> 4 * (j % 2) & 15) - least for byte in data]
    return values


def q5_k(b: bytes) -> list[float]:
    parts, high, values = six_bits(b[4:16]), b[16:48], []
    for j in range(8):
        data = b[48 + 32 * (j // 2) :][:32]
        scale, least = half(b, 0) * parts[j][0], half(b, 2) * parts[j][1]
        for at, byte in enumerate(data):
            q = (byte >> 4 * (j % 2) & 15) + 16 * (high[at] >> j & 1)
            values.append(scale * q - least)
    return values


def q6_k(b: bytes) -> list[float]:
    low, high, scales = b[:128], b[128:192], np.frombuffer(b, np.int8, 16, 192).tolist()
    values = []
    for i in range(256):
        part, run, at = i // 128, i % 128 // 32, i % 32
        nibble = low[64 * part + 32 * (run % 2) + at] >> 4 * (run // 2) & 15
        q = nibble + 16 * (high[32 * part + at] >> 2 * run & 3) - 32
        values.append(half(b, 208) * scales[i // 16] * q)
    return values


def iq4_nl(b: bytes) -> list[float]:
    return [half(b, 0) * LEVELS[q] for q in nibbles(b[2:])]


def iq4_xs(b: bytes) -> list[float]:
    high, values = int.from_bytes(b[2:4], "little"), []
    for j in range(8):
        scale = (b[4 + j // 2] >> 4 * (j % 2) & 15) + 16 * (high >> 2 * j & 3) - 32
        values += [half(b, 0) * scale * LEVELS[q] for q in nibbles(b[8 + 16 * j :][:16])]
    return values


#: Each type, and at which bytes of its blocks there are float16.
FORMULAS: dict[str, tuple[Callable[[bytes], list[float]], tuple[int, ...]]] = {
    "Q4_0": (q4_0, (0,)),
    "Q4_1": (q4_1, (0, 2)),
    "Q5_0": (q5_0, (0,)),
    "Q5_1": (q5_1, (0, 2)),
    "Q8_0": (q8_0, (0,)),
    "Q2_K": (q2_k, (80, 82)),
    "Q3_K": (q3_k, (108,)),
    "Q4_K": (q4_k, (0, 2)),
    "Q5_K": (q5_k, (0, 2)),
    "Q6_K": (q6_k, (208,)),
    "IQ4_NL": (iq4_nl, (0,)),
    "IQ4_XS": (iq4_xs, (0,)),
}


def random_rows(random: np.random.Generator, kind: str, rows: int, width: int) -> np.ndarray:
    """Rows of blocks of any bits, but of scales that are small numbers: uint8 [rows, bytes]."""
    import gguf

    values, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[kind]]
    blocks = random.integers(0, 256, (rows * width // values, size), np.uint8)
    for at in FORMULAS[kind][1]:
        scale = random.uniform(-0.01, 0.01, (len(blocks), 1)).astype("<f2")
        blocks[:, at : at + 2] = scale.view(np.uint8)
    return blocks.reshape(rows, -1)
