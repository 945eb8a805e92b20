#pragma once
#include <cstdint>

#include "core/tensor.h"

namespace quatrain {

// out[i] = weight[ids[i]]: ids [N], weight [V, D], out [N, D]. An id outside [0, V) is an
// InputError that names the id, its position and V.
void embedding(const std::int64_t* ids, ConstRows weight, MutableRows out, int threads);

// The check alone, for other tables.
void check_ids(const char* where, const std::int64_t* ids, std::ptrdiff_t count,
               std::ptrdiff_t vocabulary);

}  // namespace quatrain
