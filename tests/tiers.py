"""The instruction-set tiers of the architecture that the tests run on, but for the portable one."""

import platform

ON_ARM = platform.machine() in ("aarch64", "arm64")
FLOATS = ["neon"] if ON_ARM else ["avx2", "avx512", "amx"]
INTEGERS = (
    ["neon", "neon_dotprod"] if ON_ARM else ["avx2", "avx_vnni", "avx512", "avx512_vnni", "amx"]
)
