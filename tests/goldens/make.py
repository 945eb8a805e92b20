"""Writes the goldens: what transformers, in float64, computes from each family's tiny checkpoint.

``python tests/goldens/make.py [FAMILY]...`` (default: all) needs torch and transformers. Each
file keeps the texts with the answers, so that ``test_goldens.py`` needs neither.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import checkpoints
import oracle
from families import DECODERS, FAMILIES, PAIRED, VOCAB

#: Tokens of the text and of its source, and how many more are chosen, one by one.
LENGTHS, NEW = (11, 7), 12


def golden(family: str, folder: Path) -> dict[str, np.ndarray]:
    """The arrays of a family's golden: ids, source, every hidden state, logits, greedy ids."""
    random = np.random.default_rng(sum(map(ord, family)))
    ids = random.integers(0, VOCAB, LENGTHS[0])
    (source,) = FAMILIES[family].sources(random, LENGTHS[1])
    # Padding is no part of a text: RoBERTa's positions do not count it.
    ids[ids == FAMILIES[family].config.get("pad_token_id")] += 1
    judge = oracle.judge(checkpoints.write(folder, family), family)
    found = {"ids": ids} | ({"source": source} if family in PAIRED else {})
    result = judge.run(ids, source if family in PAIRED else None)
    for name, value in result.items():
        found[name] = np.array(value, np.float32)
    if family in DECODERS:
        new, margins = judge.greedy(source if family in PAIRED else ids, NEW)
        found |= {"greedy": np.array(new), "margins": np.array(margins, np.float32)}
    return found


def main() -> None:
    for family in sys.argv[1:] or FAMILIES:
        with tempfile.TemporaryDirectory() as scratch:
            arrays = golden(family, Path(scratch))
        path = Path(__file__).with_name(f"{family}.npz")
        np.savez_compressed(path, allow_pickle=False, **arrays)
        print(f"{path.name}: {path.stat().st_size} bytes, {', '.join(arrays)}")


if __name__ == "__main__":
    main()
