#include <algorithm>
#include <cmath>
#include <limits>

#include "cpu/kernels.h"
#include "cpu/schedule.h"
#include "ops/attention.h"

namespace quatrain {

namespace {

// One query of one head: `query` and `key` are [size], keys k_stride apart, bias [keys] or null.
void score_row(const float* query, const float* key, std::ptrdiff_t k_stride, std::ptrdiff_t size,
               const float* bias, const AttentionOptions& options, std::ptrdiff_t keys,
               float* scores) {
  for (std::ptrdiff_t j = 0; j < keys; ++j, key += k_stride) {
    double dot = 0;
    for (std::ptrdiff_t d = 0; d < size; ++d) dot += double{query[d]} * double{key[d]};
    double score = double{options.scale} * dot;
    if (options.softcap > 0) {
      score = double{options.softcap} * std::tanh(score / double{options.softcap});
    }
    if (bias != nullptr) score += double{bias[j]};
    scores[j] = static_cast<float>(score);
  }
}

// Softmax over the keys that a query at this position sees, and the head's sink; zero elsewhere.
void weigh_row(const float* scores, std::ptrdiff_t head, std::ptrdiff_t position,
               const AttentionOptions& options, std::ptrdiff_t keys, float* weights) {
  std::fill_n(weights, keys, 0.0f);
  std::ptrdiff_t begin = 0, end = options.causal ? std::min(keys, position + 1) : keys;
  if (options.window > 0) {
    begin = std::max(begin, position - options.window + 1);
    if (options.window < end - position) end = position + options.window;
  }
  const auto masked = [](float s) { return s == -std::numeric_limits<float>::infinity(); };
  if (begin >= end || std::all_of(scores + begin, scores + end, masked)) return;
  if (options.sinks == nullptr) {
    kernels().softmax(scores + begin, weights + begin, end - begin);
    return;
  }
  std::vector<float> row(scores + begin, scores + end);
  row.push_back(options.sinks[head]);
  kernels().softmax(row.data(), row.data(), end - begin + 1);
  std::copy_n(row.data(), end - begin, weights + begin);
}

}  // namespace

void attention_weights(ConstRows q, ConstRows k, const AttentionLayout& layout,
                       const AttentionOptions& options, const std::vector<float*>& scores,
                       const std::vector<float*>& weights, int threads) {
  check_attention("attention_weights", q, k, nullptr, layout, options);
  const std::ptrdiff_t size = q.columns / options.heads;
  const std::ptrdiff_t group = options.heads / options.kv_heads;
  const auto one_head = [&](std::ptrdiff_t b, std::ptrdiff_t head) {
    const auto first = static_cast<std::ptrdiff_t>(layout.q_start[b]);
    const auto count = static_cast<std::ptrdiff_t>(layout.q_start[b + 1]) - first;
    const auto keys = static_cast<std::ptrdiff_t>(layout.k_length[b]);
    const float* key = k.row(static_cast<std::ptrdiff_t>(layout.k_start[b])) + head / group * size;
    for (std::ptrdiff_t i = 0; i < count; ++i) {
      const float* bias = nullptr;
      if (layout.bias != nullptr) {
        const AttentionBias& given = layout.bias[b];
        bias =
            given.data + i * given.row_stride + (given.heads == 1 ? 0 : head * given.head_stride);
      }
      const std::ptrdiff_t row = (head * count + i) * keys;
      float* score = scores[static_cast<std::size_t>(b)] + row;
      score_row(q.row(first + i) + head * size, key, k.stride, size, bias, options, keys, score);
      weigh_row(score, head, i + static_cast<std::ptrdiff_t>(layout.past[b]), options, keys,
                weights[static_cast<std::size_t>(b)] + row);
    }
  };
  for_rows(threads, layout.batch * options.heads, q.size(),
           [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
             for (std::ptrdiff_t i = begin; i < end; ++i) {
               one_head(i / options.heads, i % options.heads);
             }
           });
}

}  // namespace quatrain
