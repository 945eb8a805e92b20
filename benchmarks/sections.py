"""What is timed: each section is a table, or a few, of the page that comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType

from benchmarks.cases import Case
from benchmarks.kernels import cases as kernels
from benchmarks.kernels import suite as kernel_suite
from benchmarks.models import cases as models
from benchmarks.models import suite as model_suite

SUITES: dict[str, ModuleType] = {"kernels": kernel_suite, "models": model_suite}
#: What holds quatrain and its peers to AVX2. onnxruntime has no such switch, nor has what is on it.
HELD = {
    "QUATRAIN_ISA": "avx2",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
    "OPENBLAS_CORETYPE": "Haswell",
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "FBGEMM_ENABLE_INSTRUCTIONS": "AVX2",
    "CT2_FORCE_CPU_ISA": "AVX2",
}
UNHELD = ("onnxruntime", "genai", "llama.cpp")
WIDER = ("avx512", "avx512_vnni", "amx")


@dataclass(frozen=True, kw_only=True)
class Section:
    #: Suite -> its cases.
    cases: Mapping[str, Sequence[Case]]
    threads: Sequence[int] = (1,)
    #: Whether peers are timed, too.
    beside: bool = True
    #: The instruction set that everybody is held to, and the variables that do it.
    isa: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    #: Whether it is about memory, not time.
    memory: bool = False

    def peers(self, suite: str) -> list[str]:
        held = UNHELD if self.isa else ()
        return [name for name in SUITES[suite].PEERS if self.beside and name not in held]


SECTIONS = {
    "kernels": Section(cases={"kernels": kernels.TABLE}),
    "models": Section(cases={"models": models.TABLE}),
    "threads": Section(
        cases={
            "kernels": (kernels.linear(1024, 1024, 1024), kernels.attention(1, 2048, 12, 64)),
            "models": (models.encode(32, 128), models.prefill(512)),
        },
        threads=(1, 2),
        beside=False,
    ),
    "curves": Section(cases={"models": [case for c in models.CURVES.values() for case in c]}),
    "avx2": Section(
        cases={"kernels": kernels.TABLE, "models": models.TABLE}, isa="avx2", environment=HELD
    ),
    "blocks": Section(cases={"models": models.BLOCKS}),
    "memory": Section(cases={"models": (models.encode(32, 128), models.decode(1))}, memory=True),
}
