"""Models whose weights are held in fewer bits: how close they stay, and what is refused."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

import quatrain
from quatrain.engines import DTYPES
from quatrain.engines.reference import Reference
from quatrain.errors import EngineError


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_logits_do_not_depend_on_the_cache_or_the_batch(tiny, family, dtype):
    model = quatrain.load(tiny(family), dtype=dtype)
    ids = [3, 1, 4, 1, 5]
    whole = model.logits(ids)
    assert np.isfinite(whole).all()
    for end in range(1, 5):
        assert model.logits(ids[:end]).tobytes() == whole[:end].tobytes()
    both = model.run("logits", model.samples([[2, 6], ids]))[0]
    assert both[2:].tobytes() == whole.tobytes()
    assert model.generate(ids, max_new_tokens=3).ids == model.generate(ids, max_new_tokens=3).ids


#: The least mean cosine, and the least of all, that a dtype must keep.
LEAST = {
    "float16": (0.999999, 0.99999),
    "bfloat16": (0.9999, 0.9999),
    "int8": (0.997, 0.99),
    "int4": (0.95, 0.85),
}


@pytest.mark.data("minilm")
@pytest.mark.data("text")
@pytest.mark.parametrize("dtype", LEAST)
def test_sentence_vectors_stay_close_to_float64(test_data, dtype):
    text = gzip.decompress((test_data / "text" / "english.txt.gz").read_bytes())
    lines = [line for line in text.decode("utf-8").splitlines() if 20 <= len(line) <= 200]
    texts = [lines[i] for i in np.linspace(0, len(lines) - 1, 60).astype(int)]
    model = quatrain.load(test_data / "minilm", dtype=dtype)
    exact = model.on(Reference(np.float64)).encode(texts)
    cosine = (model.encode(texts) * exact).sum(1)
    mean, least = LEAST[dtype]
    assert cosine.mean() >= mean
    assert cosine.min() >= least


def test_what_an_engine_cannot_do_is_refused(tiny):
    with pytest.raises(EngineError, match="expected dtype float32 on reference, got int8"):
        quatrain.load(tiny("bert"), engine="reference", dtype="int8")
    with pytest.raises(EngineError, match=r"expected dtype among float32, .*int4, got 'int3'"):
        quatrain.load(tiny("bert"), dtype="int3")
