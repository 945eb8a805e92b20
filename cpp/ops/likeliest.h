// Choosing among the continuations of several texts. python/quatrain/tasks/sampling.py is the
// specification, in NumPy.
#pragma once
#include <cstdint>
#include <vector>

#include "core/tensor.h"

namespace quatrain {

// log(sum_v e^logits[b][v]) of each row [B, V], within 1e-6. Of each row one has to be finite;
// NaN and inf are an InputError.
std::vector<double> log_sum_exp(ConstRows logits, int threads);

// Row b's token `id` scores offsets[b] + logits[b][id].
struct Continuation {
  double score;
  std::int64_t row, id;
};

// The `count` continuations with the highest scores, best first: of equal ones the lower row, then
// the lower id. There are fewer where other logits are -inf; NaN and inf are an InputError. Nothing
// but the candidates is sorted.
std::vector<Continuation> likeliest(ConstRows logits, const std::vector<double>& offsets,
                                    std::ptrdiff_t count, int threads);

}  // namespace quatrain
