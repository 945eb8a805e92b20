// What this processor can do, and how much of it belongs to this process.
#pragma once

namespace quatrain {

// The instruction-set tiers for which kernels are compiled, of each architecture the best last.
// Those with VNNI and dot products have products of integers of their own, AMX also one of floats;
// the rest is that of AVX2, AVX-512 and NEON.
enum class Isa { kPortable, kAvx2, kAvxVnni, kAvx512, kAvx512Vnni, kAmx, kNeon, kNeonDotprod };

// The best tier that this processor runs, or the one that QUATRAIN_ISA names. Throws InputError if
// the variable names an unknown tier, or one that the processor lacks.
Isa selected_isa();

// A tier's name, as QUATRAIN_ISA has it.
const char* isa_name(Isa isa);

// Cores that this process may use: physical cores within its CPU affinity, limited by the cgroup's
// CPU quota (rounded up). Found once per process.
int default_threads();

// `threads` as given by a caller: 0 means default_threads(); negative is an InputError.
int resolve_threads(int threads);

}  // namespace quatrain
