// The table of kernels, filled once per instruction set (simd/kernels_*.cpp). A kernel runs on one
// thread, over rows or blocks that its caller has checked and cut; shapes and threads are the
// business of the operations in this folder.
//
// Bits do not depend on how the work is cut: each output value is computed by one sequence of
// float32 operations, fixed by its row (and, for a matrix product, its column) alone.
#pragma once
#include <cstddef>
#include <cstdint>

#include "ops/activation.h"
#include "ops/cache_rows.h"

namespace quatrain {

// Columns of a packed panel: weights are stored as [panel][k][kPanel], zero beyond the last column.
inline constexpr std::ptrdiff_t kPanel = 16;

// Keys are taken in blocks that begin at multiples of this, counted from a sentence's first key.
inline constexpr std::ptrdiff_t kKeyBlock = 256;

// Logits are looked through in blocks of so many.
inline constexpr std::ptrdiff_t kLogitBlock = 64;

// Elements of weights that are computed with as float32.
struct Float16 {
  std::uint16_t bits;
};
struct Bfloat16 {
  std::uint16_t bits;
};
enum class Element { kFloat32, kFloat16, kBfloat16 };

using ActivationKernel = void (*)(const float* x, float* out, std::ptrdiff_t n);

// out[m, n] = act(sum_k x[m, k] w[n, k] + bias[n]) for all rows and a range of panels. Every
// output is one sequence of sums over ascending k, the same for any rows and panels.
struct LinearTask {
  const float* x;
  std::ptrdiff_t x_stride;
  std::ptrdiff_t rows;
  std::ptrdiff_t k;
  Element element;
  const void* panels;
  std::ptrdiff_t first_panel, last_panel;
  std::ptrdiff_t columns;     // of the whole weight
  const float* bias;          // may be null
  ActivationKernel activate;  // may be null
  float* out;
  std::ptrdiff_t out_stride;
  float* scratch;  // linear_scratch floats
};

// Attention of queries [first, last) of one sentence, for some key and value heads and the `group`
// heads that share each. Pointers are to the sentence's first query and key, at the first of these
// heads.
struct AttentionTask {
  const float* q;
  const void* k;  // float32, or int8: then scales are not null
  const void* v;
  const std::int8_t *k_scales, *v_scales;  // float32 scales of the heads, with the keys' stride
  float* out;
  std::ptrdiff_t q_stride, k_stride, v_stride, out_stride;  // in elements
  std::ptrdiff_t key_size, value_size;
  std::ptrdiff_t first, last, past, keys;
  std::ptrdiff_t kv_heads, group;
  float scale;
  float softcap;          // 0: none
  bool causal;            // query i sees keys j <= i + past
  std::ptrdiff_t window;  // and |j - i - past| < window; 0: no window
  const float* bias;      // of the first of these heads, or null
  std::ptrdiff_t bias_row_stride, bias_head_stride;
  const float* sinks;  // of these heads, or null
  float* scratch;      // attention_scratch(...) floats
};

struct Kernels {
  ActivationKernel activate[kActivations];
  void (*gated[kActivations])(const float* gate, const float* up, float* out, std::ptrdiff_t n);
  void (*add)(const float* x, const float* y, float* out, std::ptrdiff_t n);
  void (*mul)(const float* x, const float* y, float* out, std::ptrdiff_t n);
  void (*max)(const float* x, const float* y, float* out, std::ptrdiff_t n);
  void (*scale)(const float* x, float factor, float* out, std::ptrdiff_t n);
  float (*sum_squares)(const float* x, std::ptrdiff_t n);

  // Copies past the caches to `out`, which begins on a cache line; other threads see it after
  // settle().
  void (*stream)(const float* x, float* out, std::ptrdiff_t n);
  void (*settle)();

  void (*softmax)(const float* x, float* out, std::ptrdiff_t n);
  // bias may be null
  void (*layer_norm)(const float* x, const float* weight, const float* bias, float eps, float* out,
                     std::ptrdiff_t n);
  void (*rms_norm)(const float* x, const float* weight, float eps, float* out, std::ptrdiff_t n);
  // Rotates the first 2 * half values of one head.
  void (*rope_half_split)(const float* x, const float* cosines, const float* sines, float* out,
                          std::ptrdiff_t half);
  void (*rope_interleaved)(const float* x, const float* cosines, const float* sines, float* out,
                           std::ptrdiff_t half);

  // maxima: of each kLogitBlock values. Returns the largest value, or NaN if there is one.
  float (*block_maxima)(const float* x, std::ptrdiff_t n, float* maxima);
  // e^((x - top) factor) for x <= top, rounded to whole parts of kLikeliest (ops/sampling.h).
  void (*likelihoods)(const float* x, std::ptrdiff_t n, float top, double factor,
                      std::int64_t* out);
  // The sum of e^(x - top) for x <= top.
  double (*sum_exponentials)(const float* x, std::ptrdiff_t n, float top);
  std::int64_t (*sum_likelihoods)(const float* x, std::ptrdiff_t n, float top, double factor);

  // `rows` <= kPanel rows of k contiguous values become one panel [k][kPanel].
  void (*pack_panel)(const float* rows, std::ptrdiff_t stride, std::ptrdiff_t count,
                     std::ptrdiff_t k, float* panel);
  // Halves become floats; n is a multiple of kPanel.
  void (*widen_float16)(const std::uint16_t* x, float* out, std::ptrdiff_t n);
  void (*widen_bfloat16)(const std::uint16_t* x, float* out, std::ptrdiff_t n);
  std::ptrdiff_t linear_scratch;
  std::ptrdiff_t linear_block_rows;  // more rows than this gain nothing in one task
  std::ptrdiff_t linear_half_rows;   // for more rows than this `linear` wants elements of float32
  void (*linear)(const LinearTask& task);

  // The integers of n values, of one head; returns their scale (ops/cache_rows.h).
  float (*quantize_head)(const float* x, std::ptrdiff_t n, std::int8_t* out);
  std::ptrdiff_t (*attention_scratch)(const AttentionTask& task);
  void (*attention)(const AttentionTask& task);
};

// The table that selected_isa() names, chosen at the first call.
const Kernels& kernels();

// What follows a product: null for none.
ActivationKernel activation_kernel(Activation kind);

// One per instruction set compiled in.
const Kernels& portable_kernels();
const Kernels& avx2_kernels();
const Kernels& avx512_kernels();
const Kernels& amx_kernels();
const Kernels& neon_kernels();

}  // namespace quatrain
