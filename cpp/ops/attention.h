// Scaled dot-product attention over packed sentences of unequal length.
#pragma once
#include <cstdint>
#include <vector>

#include "core/tensor.h"
#include "ops/cache_rows.h"

namespace quatrain {

struct AttentionOptions {
  std::ptrdiff_t heads = 1;
  std::ptrdiff_t kv_heads = 1;  // head h uses key and value head h / (heads / kv_heads)
  float scale = 1.0f;
  float softcap = 0.0f;       // scores become softcap * tanh(scores / softcap); 0: they stay
  bool causal = false;        // a query at position p sees keys j <= p
  std::ptrdiff_t window = 0;  // and |j - p| < window; 0: no window
  // [heads], or null: a score per head that takes its share of the softmax and adds no value.
  const float* sinks = nullptr;
};

// Added to one sentence's scores: [H or 1, n, k_length].
struct AttentionBias {
  const float* data;
  std::ptrdiff_t heads;
  std::ptrdiff_t head_stride, row_stride;
};

// Sentence b: queries are rows q_start[b] .. q_start[b+1] of q; keys and values are k_length[b]
// rows from k_start[b] on. Query i of the sentence has position i + past[b].
struct AttentionLayout {
  std::ptrdiff_t batch = 0;
  const std::int64_t* q_start = nullptr;   // [B+1]
  const std::int64_t* k_start = nullptr;   // [B]
  const std::int64_t* k_length = nullptr;  // [B]
  const std::int64_t* past = nullptr;      // [B]
  const AttentionBias* bias = nullptr;     // [B], or null
};

// q [Nq, H*Dk], k [R, Hk*Dk], v [R, Hk*Dv], out [Nq, H*Dv]; k and v either float32 or int8:
//   out = softmax(softcap(scale q k^T) + bias, over the keys that the query sees, and the sink) v
// Vaswani et al., "Attention Is All You Need", 2017. A query that sees no key gives 0. Keys that it
// does not see have no influence, whatever they hold. A query's result is the same, bit by bit,
// whatever other queries, sentences or later keys there are.
void attention(ConstRows q, CacheRows k, CacheRows v, const AttentionLayout& layout,
               const AttentionOptions& options, MutableRows out, int threads);

// For explanations: scores[b] and weights[b], each [H, n, k_length], before the mask and after the
// softmax. Plain code: agrees with attention() to rounding.
void attention_weights(ConstRows q, ConstRows k, const AttentionLayout& layout,
                       const AttentionOptions& options, const std::vector<float*>& scores,
                       const std::vector<float*>& weights, int threads);

// Columns of the output for values of so many. Throws InputError unless there are heads that share
// them.
std::ptrdiff_t attended_columns(const char* where, std::ptrdiff_t value_columns,
                                const AttentionOptions& options);

// Everything about the arguments that could make either function read out of bounds.
// v may be null.
void check_attention(const char* where, ConstRows q, CacheRows k, const CacheRows* v,
                     const AttentionLayout& layout, const AttentionOptions& options);

}  // namespace quatrain
