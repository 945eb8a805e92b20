// The product of bytes and 4-bit weights, one group of k after another. Included once per
// instruction set, behind matrix_int8.h.
namespace quatrain::QUATRAIN_ISA {

constexpr int kPanelVecs = static_cast<int>(kPanel) / kWidth;
constexpr int kInt4Rows = 4;  // rows of a tile

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

// Some rows against one panel. The weights of a group are brought to bytes once for all rows.
template <int rows, bool zeros>
void int4_tile(const Int4Task& task, std::ptrdiff_t row, std::ptrdiff_t panel) {
  const std::ptrdiff_t groups = task.depth / kGroup, blocks = task.depth / task.block;
  const std::uint8_t* weights = task.panels + panel * groups * kGroupBytes;
  const std::uint16_t* scales = task.scales + panel * blocks * kPanel;
  const std::uint8_t* zero_points = zeros ? task.zeros + panel * blocks * kPanel : nullptr;
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
  for (std::ptrdiff_t g = 0; g < groups; ++g, weights += kGroupBytes) {
    for (std::ptrdiff_t i = 0; rows == 1 && i < kGroupBytes; i += 64) fetch_ahead(weights + i);
#pragma GCC unroll 4
    for (int v = 0; v < kPanelVecs; ++v) {
      const Nibbles nibbles = load_nibbles(weights + v * kWidth * kQuad);
      const Vec scale = load_float16(scales + v * kWidth);
#pragma GCC unroll 4
      for (int i = 0; i < rows; ++i) {
        const GroupScale from = x_scales[i][g * kHeight];
        Lanes all = splat_int(-8 * from.sum);
        if constexpr (zeros) all = minus_product(zero_points + v * kWidth, from.sum);
        all = dot(all, x + i * task.depth + g * kGroup, nibbles);
        sum[i][v] = sum[i][v] + to_float(all) * (scale * splat(from.scale));
      }
    }
    if (--left == 0) {
      left = task.block / kGroup;
      scales += kPanel;
      if constexpr (zeros) zero_points += kPanel;
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

inline void int4(const Int4Task& task) {
  const std::ptrdiff_t tiles = (task.rows + kInt4Rows - 1) / kInt4Rows;
  for (std::ptrdiff_t panel = task.first_panel; panel < task.last_panel; ++panel) {
    for (std::ptrdiff_t t = 0; t < tiles; ++t) {
      const std::ptrdiff_t row = task.rows * t / tiles;
      with_rows<kInt4Rows>(task.rows * (t + 1) / tiles - row, [&](auto rows) {
        if (task.zeros != nullptr) {
          int4_tile<rows.value, true>(task, row, panel);
        } else {
          int4_tile<rows.value, false>(task, row, panel);
        }
      });
    }
  }
}

}  // namespace quatrain::QUATRAIN_ISA
