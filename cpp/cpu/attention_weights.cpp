#include <algorithm>
#include <cmath>
#include <limits>

#include "core/check.h"
#include "cpu/kernels.h"
#include "cpu/schedule.h"
#include "ops/attention.h"

namespace quatrain {

namespace {

void check_columns(const char* where, const char* name, ConstRows rows, const char* heads_name,
                   std::ptrdiff_t heads) {
  check(rows.columns % heads == 0, where, "expected ", name, " to have a multiple of ", heads_name,
        " = ", heads, " columns, got ", rows.columns);
}

}  // namespace

void check_attention(const char* where, ConstRows q, ConstRows k, const ConstRows* v,
                     const AttentionLayout& layout, const AttentionOptions& options) {
  check(options.heads > 0 && options.kv_heads > 0 && options.heads % options.kv_heads == 0, where,
        "expected heads to be a multiple of kv_heads, got ", options.heads, " and ",
        options.kv_heads);
  check(options.window >= 0, where, "expected window >= 1, got ", options.window);
  check(options.softcap >= 0, where, "expected softcap > 0, got ", options.softcap);
  check_columns(where, "q", q, "heads", options.heads);
  check_columns(where, "k", k, "kv_heads", options.kv_heads);
  check(q.columns / options.heads == k.columns / options.kv_heads, where,
        "expected keys of the queries' size ", q.columns / options.heads, ", got ",
        k.columns / options.kv_heads);
  if (v != nullptr) {
    check_columns(where, "v", *v, "kv_heads", options.kv_heads);
    check(v->rows == k.rows, where, "expected ", k.rows, " rows of v, as of k, got ", v->rows);
  }
  check(layout.q_start[0] == 0 && layout.q_start[layout.batch] == q.rows, where,
        "expected q_start to run from 0 to ", q.rows, ", got ", layout.q_start[0], " to ",
        layout.q_start[layout.batch]);
  for (std::ptrdiff_t b = 0; b < layout.batch; ++b) {
    check(layout.q_start[b] <= layout.q_start[b + 1], where, "q_start decreases at sentence ", b);
    check(layout.past[b] >= 0 && layout.past[b] <= std::numeric_limits<std::int32_t>::max(), where,
          "expected past in [0, 2^31) for sentence ", b, ", got ", layout.past[b]);
    const std::int64_t start = layout.k_start[b], length = layout.k_length[b];
    check(start >= 0 && length >= 0 && start <= k.rows && length <= k.rows - start, where, "keys ",
          start, " to ", start, " + ", length, " of sentence ", b, " are outside the ", k.rows,
          " rows of k");
  }
}

void attention_weights(ConstRows q, ConstRows k, const AttentionLayout& layout,
                       const AttentionOptions& options, const std::vector<float*>& scores,
                       const std::vector<float*>& weights, int threads) {
  check_attention("attention_weights", q, k, nullptr, layout, options);
  const std::ptrdiff_t size = q.columns / options.heads;
  const std::ptrdiff_t group = options.heads / options.kv_heads;
  for_rows(
      threads, layout.batch * options.heads, q.size(),
      [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
        for (std::ptrdiff_t index = begin; index < end; ++index) {
          const std::ptrdiff_t b = index / options.heads, head = index % options.heads;
          const auto first = static_cast<std::ptrdiff_t>(layout.q_start[b]);
          const auto count = static_cast<std::ptrdiff_t>(layout.q_start[b + 1]) - first;
          const auto keys = static_cast<std::ptrdiff_t>(layout.k_length[b]);
          const auto key_start = static_cast<std::ptrdiff_t>(layout.k_start[b]);
          for (std::ptrdiff_t i = 0; i < count; ++i) {
            const std::ptrdiff_t position = i + static_cast<std::ptrdiff_t>(layout.past[b]);
            const float* query = q.row(first + i) + head * size;
            float* score = scores[static_cast<std::size_t>(b)] + (head * count + i) * keys;
            float* weight = weights[static_cast<std::size_t>(b)] + (head * count + i) * keys;
            for (std::ptrdiff_t j = 0; j < keys; ++j) {
              const float* key = k.row(key_start + j) + head / group * size;
              double dot = 0;
              for (std::ptrdiff_t d = 0; d < size; ++d) dot += double{query[d]} * double{key[d]};
              double value = double{options.scale} * dot;
              if (options.softcap > 0) {
                value = double{options.softcap} * std::tanh(value / double{options.softcap});
              }
              if (layout.bias != nullptr) {
                const AttentionBias& bias = layout.bias[b];
                const std::ptrdiff_t bias_head = bias.heads == 1 ? 0 : head;
                value += double{bias.data[bias_head * bias.head_stride + i * bias.row_stride + j]};
              }
              score[j] = static_cast<float>(value);
            }
            const std::ptrdiff_t end_key = options.causal ? std::min(keys, position + 1) : keys;
            const std::ptrdiff_t begin_key =
                options.window > 0 ? std::max<std::ptrdiff_t>(0, position - options.window + 1) : 0;
            std::fill_n(weight, keys, 0.0f);
            if (begin_key >= end_key) continue;
            const float top = *std::max_element(score + begin_key, score + end_key);
            if (top == -std::numeric_limits<float>::infinity()) continue;
            kernels().softmax(score + begin_key, weight + begin_key, end_key - begin_key);
          }
        }
      });
}

}  // namespace quatrain
