// Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021.
#pragma once
#include <cstdint>

#include "core/tensor.h"

namespace quatrain {

// x [N, H*D]; cosines, sines [N, R/2], R <= D. The first R values of each head are R/2 pairs, each
// turned by its angle: (a, b) -> (a cos - b sin, b cos + a sin). Pair i is values (i, i + R/2), as
// in GPT-NeoX and Llama, or (2i, 2i + 1) if interleaved, as in the paper. The rest is copied.
void rope(ConstRows x, ConstRows cosines, ConstRows sines, std::ptrdiff_t heads, bool interleaved,
          MutableRows out, int threads);

// cosines, sines [N, R/2]: scale times those of positions[n] * inv_freq[i], which is rounded to
// float32, as in the code that the checkpoints come from.
void rotary(const std::int64_t* positions, const float* inv_freq, float scale, MutableRows cosines,
            MutableRows sines, int threads);

}  // namespace quatrain
