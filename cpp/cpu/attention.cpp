#include "ops/attention.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "core/aligned.h"
#include "core/check.h"
#include "cpu/kernels.h"
#include "cpu/schedule.h"

namespace quatrain {

namespace {

// Rows (query, head) of one task: enough to pay for packing the keys, few enough to stay cached.
constexpr std::ptrdiff_t kTaskRows = 240;

// Queries [first, last) of a sentence, for some key and value heads.
struct Piece {
  std::ptrdiff_t sentence, kv_head, kv_heads, first, last;
};

std::vector<Piece> cut(const AttentionLayout& layout, const AttentionOptions& options,
                       int threads) {
  const std::ptrdiff_t group = options.heads / options.kv_heads;
  const std::ptrdiff_t queries = std::max<std::ptrdiff_t>(kTaskRows / group, 1);
  // Heads together, as long as there are two pieces for each thread.
  const std::ptrdiff_t shares =
      threads <= 1 ? 1
                   : (2 * threads + layout.batch - 1) / std::max<std::ptrdiff_t>(layout.batch, 1);
  const std::ptrdiff_t together = (options.kv_heads + shares - 1) / shares;
  std::vector<Piece> pieces;
  for (std::ptrdiff_t b = 0; b < layout.batch; ++b) {
    const auto count = static_cast<std::ptrdiff_t>(layout.q_start[b + 1] - layout.q_start[b]);
    for (std::ptrdiff_t h = 0; h < options.kv_heads; h += together) {
      for (std::ptrdiff_t first = 0; first < count; first += queries) {
        pieces.push_back({b, h, std::min(together, options.kv_heads - h), first,
                          std::min(first + queries, count)});
      }
    }
  }
  return pieces;
}

void check_columns(const char* where, const char* name, std::ptrdiff_t columns,
                   const char* heads_name, std::ptrdiff_t heads) {
  check(columns > 0 && columns % heads == 0, where, "expected ", name,
        " to have a positive multiple of ", heads_name, " = ", heads, " columns, got ", columns);
}

void check_heads(const char* where, const AttentionOptions& options) {
  check(options.heads > 0 && options.kv_heads > 0 && options.heads % options.kv_heads == 0, where,
        "expected heads to be a multiple of kv_heads, got ", options.heads, " and ",
        options.kv_heads);
}

// The scales of the heads from `head` on, of the keys or values from `row` on; null if there are
// none.
const std::int8_t* scales_at(CacheRows x, std::ptrdiff_t heads, std::ptrdiff_t row,
                             std::ptrdiff_t head) {
  if (!x.quantized) return nullptr;
  return static_cast<const std::int8_t*>(x.at(row, x.value_columns(heads) + head * kScaleColumns));
}

}  // namespace

std::ptrdiff_t attended_columns(const char* where, std::ptrdiff_t value_columns,
                                const AttentionOptions& options) {
  check_heads(where, options);
  check_columns(where, "v", value_columns, "kv_heads", options.kv_heads);
  std::ptrdiff_t columns = 0;
  check(!__builtin_mul_overflow(value_columns / options.kv_heads, options.heads, &columns), where,
        "expected an output that memory can hold, got ", options.heads, " heads of ",
        value_columns / options.kv_heads, " values");
  return columns;
}

void check_attention(const char* where, ConstRows q, CacheRows k, const CacheRows* v,
                     const AttentionLayout& layout, const AttentionOptions& options) {
  check_heads(where, options);
  check(options.window >= 0, where, "expected window >= 1, got ", options.window);
  check(options.softcap >= 0, where, "expected softcap > 0, got ", options.softcap);
  check_columns(where, "q", q.columns, "heads", options.heads);
  check_columns(where, "k", k.value_columns(options.kv_heads), "kv_heads", options.kv_heads);
  check(q.columns / options.heads == k.size(options.kv_heads), where,
        "expected keys of the queries' size ", q.columns / options.heads, ", got ",
        k.size(options.kv_heads));
  if (v != nullptr) {
    attended_columns(where, v->value_columns(options.kv_heads), options);
    check(v->quantized == k.quantized, where, "expected keys and values of one dtype");
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

void attention(ConstRows q, CacheRows k, CacheRows v, const AttentionLayout& layout,
               const AttentionOptions& options, MutableRows out, int threads) {
  check_attention("attention", q, k, &v, layout, options);
  if (out.rows == 0) return;
  const Kernels& kernel = kernels();
  const std::ptrdiff_t group = options.heads / options.kv_heads;

  AttentionTask common{};
  common.q_stride = q.stride;
  common.k_stride = k.stride;
  common.v_stride = v.stride;
  common.out_stride = out.stride;
  common.key_size = q.columns / options.heads;
  common.value_size = v.size(options.kv_heads);
  common.group = group;
  common.scale = options.scale;
  common.softcap = options.softcap;
  common.causal = options.causal;
  common.window = options.window;

  const std::vector<Piece> pieces = cut(layout, options, threads);
  parallel_for(threads, static_cast<std::ptrdiff_t>(pieces.size()),
               [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
                 static thread_local AlignedBuffer scratch;
                 for (std::ptrdiff_t i = begin; i < end; ++i) {
                   const Piece& piece = pieces[static_cast<std::size_t>(i)];
                   const std::ptrdiff_t b = piece.sentence;
                   const auto key = static_cast<std::ptrdiff_t>(layout.k_start[b]);
                   const auto query = static_cast<std::ptrdiff_t>(layout.q_start[b]);
                   AttentionTask task = common;
                   task.q = q.row(query) + piece.kv_head * group * task.key_size;
                   task.k = k.at(key, piece.kv_head * task.key_size);
                   task.v = v.at(key, piece.kv_head * task.value_size);
                   task.k_scales = scales_at(k, options.kv_heads, key, piece.kv_head);
                   task.v_scales = scales_at(v, options.kv_heads, key, piece.kv_head);
                   task.out = out.row(query) + piece.kv_head * group * task.value_size;
                   if (options.sinks != nullptr) {
                     task.sinks = options.sinks + piece.kv_head * group;
                   }
                   task.kv_heads = piece.kv_heads;
                   task.first = piece.first;
                   task.last = piece.last;
                   task.past = static_cast<std::ptrdiff_t>(layout.past[b]);
                   task.keys = static_cast<std::ptrdiff_t>(layout.k_length[b]);
                   if (layout.bias != nullptr) {
                     const AttentionBias& bias = layout.bias[b];
                     task.bias_head_stride = bias.heads == 1 ? 0 : bias.head_stride;
                     task.bias = bias.data + piece.kv_head * group * task.bias_head_stride;
                     task.bias_row_stride = bias.row_stride;
                   }
                   task.scratch =
                       scratch.at_least(static_cast<std::size_t>(kernel.attention_scratch(task)));
                   kernel.attention(task);
                 }
               });
}

}  // namespace quatrain
