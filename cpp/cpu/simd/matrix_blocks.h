// The product of bytes and weights in blocks, one group of k after another. Included once per
// instruction set, behind matrix_int8.h.
namespace quatrain::QUATRAIN_ISA {

constexpr int kPanelVecs = static_cast<int>(kPanel) / kWidth;

inline void int4_errors(const float* lines, std::ptrdiff_t count, const Int4Levels& levels,
                        float* errors) {
  const Vec magic = splat(kRoundingMagic), most = splat(15.0f);
  for (std::ptrdiff_t j = 0; j < kPanel; j += kWidth) {
    const Vec scale = load(levels.scales + j), inverse = load(levels.inverses + j);
    const Vec first = zero() - load(levels.zeros + j), last = first + most;
    Vec error = zero();
    for (std::ptrdiff_t i = 0; i < count; ++i) {
      const Vec value = load(lines + i * kPanel + j);
      const Vec step = (value * inverse + magic) - magic;
      const Vec lost = min(max(step, first), last) * scale - value;
      error = error + lost * lost;
    }
    store(errors + j, error);
  }
}

// Quantises a row, each group by its largest magnitude.
inline void quantize_groups(const float* x, std::ptrdiff_t k, std::ptrdiff_t depth,
                            std::int8_t* values, GroupScale* scales) {
  auto* bytes = reinterpret_cast<std::uint8_t*>(values);
  for (std::ptrdiff_t first = 0; first < depth; first += kGroup) {
    Vec part[kGroup / kWidth], largest = zero(), odd = zero();
    for (int i = 0; i < kGroup / kWidth; ++i) {
      const std::ptrdiff_t at = first + i * kWidth;
      part[i] = at + kWidth <= k ? load(x + at) : at < k ? load(x + at, k - at) : zero();
      largest = max(abs(part[i]), largest);
      odd = odd + part[i] * zero();  // NaN, once there is one or an infinity
    }
    float scale = reduce_max(largest) / 127.0f;
    if (scale < 1e-37f) scale = 0.0f;  // its inverse would overflow: a group of zeros
    const Vec inverse = splat(scale > 0.0f ? 1.0f / scale : 0.0f);
    const Vec magic = splat(kRoundingMagic), limit = splat(127.0f);
    Vec sum = zero();  // of integers: exact
    for (int i = 0; i < kGroup / kWidth; ++i) {
      const Vec value = min(max(part[i] * inverse, zero() - limit), limit) + magic;
      sum = sum + (value - magic);
      store_bytes(bytes + first + i * kWidth, value);
    }
    *scales = {scale + reduce_add(odd), static_cast<std::int32_t>(reduce_add(sum))};
    scales += kHeight;
  }
}

template <BlockForm form>
struct WeightsOf {
  using Type = Nibbles;
};
template <>
struct WeightsOf<BlockForm::kBytes> {
  using Type = Bytes;
};

// What a group's sums of integers begin with: what zero points take from them.
template <BlockForm form>
QUATRAIN_INLINE Lanes group_start(std::int32_t sum_of_x, const std::uint8_t* zeros) {
  if constexpr (form == BlockForm::kZeros) return minus_product(zeros, sum_of_x);
  if constexpr (form == BlockForm::kMiddle) return splat_int(-kMiddle * sum_of_x);
  if constexpr (form == BlockForm::kBytes) return splat_int(-Bytes::kMore * sum_of_x);
  return splat_int(0);
}

// Some rows against one panel. The weights of a group are brought to bytes once for all rows.
template <BlockForm form, int rows>
void block_tile(const BlockTask& task, std::ptrdiff_t row, std::ptrdiff_t panel) {
  using Weights = typename WeightsOf<form>::Type;
  constexpr std::ptrdiff_t kBytes = Weights::kLines * kLine;
  const std::ptrdiff_t groups = task.depth / kGroup, blocks = task.depth / task.block;
  const std::uint8_t* weights = task.panels + panel * groups * kBytes;
  const std::uint16_t* scales = task.scales + panel * blocks * kPanel;
  const std::ptrdiff_t first_shift = panel * blocks * kPanel;
  const auto* zeros = static_cast<const std::uint8_t*>(task.shifts);
  const auto* minima = static_cast<const std::uint16_t*>(task.shifts);
  if constexpr (form == BlockForm::kZeros) zeros += first_shift;
  if constexpr (form == BlockForm::kMinima) minima += first_shift;
  const std::int8_t* x = task.x + row * task.depth;
  const GroupScale* x_scales[rows];
  for (int i = 0; i < rows; ++i) {
    x_scales[i] = task.x_scales + (row + i) / kHeight * kHeight * groups + (row + i) % kHeight;
  }
  Vec sum[rows][kPanelVecs];
  for (int i = 0; i < rows; ++i) {
    for (int v = 0; v < kPanelVecs; ++v) sum[i][v] = zero();
  }
  std::ptrdiff_t left = task.block / kGroup;  // groups of the block
  for (std::ptrdiff_t g = 0; g < groups; ++g, weights += kBytes, x += kGroup) {
    if constexpr (rows == 1) {
      constexpr std::ptrdiff_t kAhead = form == BlockForm::kBytes ? 2048 : 8192;
      for (std::ptrdiff_t i = 0; i < kBytes; i += kLine) fetch_ahead<kAhead>(weights + i);
    }
#pragma GCC unroll 4
    for (int v = 0; v < kPanelVecs; ++v) {
      typename Weights::Sum all[rows];
#pragma GCC unroll 8
      for (int i = 0; i < rows; ++i) {
        const std::int32_t sum_of_x = x_scales[i][g * kHeight].sum;
        all[i] = Weights::begin(group_start<form>(sum_of_x, zeros + v * kWidth));
      }
#pragma GCC unroll 8
      for (int line = 0; line < Weights::kLines; ++line) {
        const auto w = Weights::load(weights + line * kLine + v * kWidth * kQuad);
#pragma GCC unroll 8
        for (int i = 0; i < rows; ++i) {
          all[i] = Weights::dot(all[i], x + i * task.depth + line * Weights::kSteps, w);
        }
      }
      const Vec scale = load_float16(scales + v * kWidth);
#pragma GCC unroll 8
      for (int i = 0; i < rows; ++i) {
        const GroupScale from = x_scales[i][g * kHeight];
        sum[i][v] = sum[i][v] + to_float(Weights::end(all[i])) * (scale * splat(from.scale));
        if constexpr (form == BlockForm::kMinima) {
          const Vec whole = splat(from.scale * static_cast<float>(from.sum));
          sum[i][v] = sum[i][v] + load_float16(minima + v * kWidth) * whole;
        }
      }
    }
    if (--left == 0) {
      left = task.block / kGroup;
      scales += kPanel;
      if constexpr (form == BlockForm::kZeros) zeros += kPanel;
      if constexpr (form == BlockForm::kMinima) minima += kPanel;
    }
  }
  for (int i = 0; i < rows; ++i) {
    for (int v = 0; v < kPanelVecs; ++v) {
      const std::ptrdiff_t at = panel * kPanel + v * kWidth, n = smaller(task.columns - at, kWidth);
      if (n <= 0) break;
      float* out = task.out + (row + i) * task.out_stride + at;
      store(out, task.bias == nullptr ? sum[i][v] : sum[i][v] + load(task.bias + at, n), n);
    }
  }
}

// f(std::integral_constant of the task's form), without the standard header.
template <BlockForm of>
struct Form {
  static constexpr BlockForm value = of;
};
template <class F>
QUATRAIN_INLINE void with_form(BlockForm form, const F& f) {
  switch (form) {
    case BlockForm::kBytes:
      return f(Form<BlockForm::kBytes>());
    case BlockForm::kMiddle:
      return f(Form<BlockForm::kMiddle>());
    case BlockForm::kZeros:
      return f(Form<BlockForm::kZeros>());
    case BlockForm::kMinima:
      return f(Form<BlockForm::kMinima>());
  }
}

inline void blocks(const BlockTask& task) {
  const std::ptrdiff_t tiles = (task.rows + kBlockRows - 1) / kBlockRows;
  with_form(task.form, [&](auto form) {
    for (std::ptrdiff_t panel = task.first_panel; panel < task.last_panel; ++panel) {
      for (std::ptrdiff_t t = 0; t < tiles; ++t) {  // of nearly equal height
        const std::ptrdiff_t row = task.rows * t / tiles;
        with_rows<kBlockRows>(task.rows * (t + 1) / tiles - row, [&](auto rows) {
          block_tile<form.value, rows.value>(task, row, panel);
        });
      }
    }
  });
}

}  // namespace quatrain::QUATRAIN_ISA
