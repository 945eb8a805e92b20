// The product of bytes and int8 weights: tiles of int32 registers over packed panels. Included once
// per instruction set, behind its own ints_*.h.
namespace quatrain::QUATRAIN_ISA {

// Quantises a row: zero is among the values, so that what is zero stays zero.
inline RowScale quantize(const float* x, std::ptrdiff_t k, std::ptrdiff_t depth,
                         std::ptrdiff_t step, void* values) {
  constexpr int kParts = 4;  // each would wait for itself
  Vec low[kParts], high[kParts], odd[kParts];
  for (int p = 0; p < kParts; ++p) low[p] = high[p] = odd[p] = zero();
  const auto look = [&](int p, Vec value) {
    low[p] = min(value, low[p]);
    high[p] = max(value, high[p]);
    odd[p] = odd[p] + value * zero();  // NaN, once there is one or an infinity
  };
  const std::ptrdiff_t whole = k / kWidth * kWidth;
  std::ptrdiff_t seen = 0;
  for (; seen + kParts * kWidth <= whole; seen += kParts * kWidth) {
#pragma GCC unroll 4
    for (int p = 0; p < kParts; ++p) look(p, load(x + seen + p * kWidth));
  }
  for (; seen < whole; seen += kWidth) look(0, load(x + seen));
  if (whole < k) look(0, load(x + whole, k - whole));
  for (int p = 1; p < kParts; ++p) {
    low[0] = min(low[p], low[0]);
    high[0] = max(high[p], high[0]);
    odd[0] = odd[0] + odd[p];
  }
  const float bottom = reduce_max(zero() - low[0]), top = reduce_max(high[0]);
  const float poison = reduce_add(odd[0]);
  const float range = bottom / 255.0f + top / 255.0f;  // the sum of the two might overflow
  RowScale found{range + poison, 0};
  float inverse = 0.0f;
  if (found.scale >= 1e-37f) {
    inverse = 1.0f / found.scale;
    found.zero = static_cast<std::int32_t>(__builtin_rintf(bottom * inverse));
  } else if (found.scale < 1e-37f) {  // its inverse would overflow: a row of zeros
    found.scale = 0.0f;
  }
  const Vec factor = splat(inverse);
  const Vec first = splat(kRoundingMagic), last = splat(kRoundingMagic + 255.0f);
  const Vec offset = splat(kRoundingMagic + static_cast<float>(found.zero));
  Value* out = static_cast<Value*>(values);
  for (std::ptrdiff_t begin = 0; begin < depth; begin += kDepth, out += step) {
#pragma GCC unroll 4
    for (std::ptrdiff_t at = 0; at < kDepth; at += kWidth) {
      const std::ptrdiff_t i = begin + at;
      const Vec value = i < whole ? load(x + i) : i < k ? load(x + i, k - i) : zero();
      store_values(out + at, max(min(value * factor + offset, last), first));
    }
  }
  return found;
}

// Few rows wait for their weights, which lie one behind another: they are asked for in time, the
// earlier, the sooner one has done with a line.
template <std::ptrdiff_t distance = 2048>
QUATRAIN_INLINE void fetch_ahead(const void* weights) {
  __builtin_prefetch(static_cast<const char*>(weights) + distance);
}

// A register of sums is that of so many columns.
constexpr std::ptrdiff_t kSumColumns = kPanel / kSums;

// c[row][column] = sum_k x[row, k] w[column, k] for the columns of `sums` registers from `column`
// of `panels` on. Each is over `strands` sums, for that of one row would wait for itself; of
// integers, the order does not matter.
template <int rows, int sums, int strands>
QUATRAIN_INLINE void int8_tile(const Value* x, std::ptrdiff_t depth, const std::int8_t* panels,
                               std::ptrdiff_t column, std::int32_t* c) {
  Sum sum[strands][rows][sums];
#pragma GCC unroll 8
  for (int s = 0; s < strands; ++s) {
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 16
      for (int j = 0; j < sums; ++j) sum[s][i][j] = no_sum();
    }
  }
  const std::int8_t* weights[sums];
#pragma GCC unroll 16
  for (int j = 0; j < sums; ++j) {
    const std::ptrdiff_t first = column + j * kSumColumns;
    weights[j] = panels + first / kPanel * kPanel * depth + first % kPanel * kQuad;
  }
  for (std::ptrdiff_t k = 0; k < depth; k += strands * kQuad) {
#pragma GCC unroll 8
    for (int s = 0; s < strands; ++s) {
      const std::ptrdiff_t at = k + s * kQuad;
      Line line[sums];
#pragma GCC unroll 16
      for (int j = 0; j < sums; ++j) {
        if (j * kSumColumns % kPanel == 0) fetch_ahead(weights[j] + at * kPanel);
        line[j] = load_line(weights[j] + at * kPanel);
      }
#pragma GCC unroll 16
      for (int i = 0; i < rows; ++i) {
        const Quad quad = load_quad(x + i * depth + at);
#pragma GCC unroll 16
        for (int j = 0; j < sums; ++j) sum[s][i][j] = dot(sum[s][i][j], quad, line[j]);
      }
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 16
    for (int j = 0; j < sums; ++j) {
#pragma GCC unroll 8
      for (int s = 1; s < strands; ++s) sum[0][i][j] = add(sum[0][i][j], sum[s][i][j]);
    }
    store_columns<sums>(c + i * sums * kSumColumns, sum[0][i]);
  }
}

// The sums [rows][columns of c] become floats. `column` is the first one's.
inline void int8_finish(const Int8Task& task, const std::int32_t* c, std::ptrdiff_t stride,
                        std::ptrdiff_t row, std::ptrdiff_t rows, std::ptrdiff_t column,
                        std::ptrdiff_t columns) {
  const float* scales = task.scales + column;
  const std::int32_t* sums = task.sums + column;
  const float* bias = task.bias == nullptr ? nullptr : task.bias + column;
  const std::ptrdiff_t out_stride = task.out_stride;
  float* out = task.out + row * out_stride + column;
  const RowScale* from = task.x_scales + row;
  for (std::ptrdiff_t i = 0; i < rows; ++i, c += stride, out += out_stride) {
    const Vec scale = splat(from[i].scale);
    const std::int32_t shift = from[i].zero;
    const auto value = [&](std::ptrdiff_t j) {
      return to_float(c + j, sums + j, shift) * (scale * load(scales + j));
    };
    std::ptrdiff_t j = 0;
    if (bias != nullptr) {
      for (; j + kWidth <= columns; j += kWidth) store(out + j, value(j) + load(bias + j));
      if (j < columns) store(out + j, value(j) + load(bias + j, columns - j), columns - j);
    } else {
      for (; j + kWidth <= columns; j += kWidth) store(out + j, value(j));
      if (j < columns) store(out + j, value(j), columns - j);
    }
  }
}

template <int rows, int sums, int strands = 1>
void int8_one(const Int8Task& task, std::ptrdiff_t row, std::ptrdiff_t column, std::ptrdiff_t end) {
  constexpr std::ptrdiff_t columns = sums * kSumColumns;
  alignas(64) std::int32_t c[rows * columns];
  const Value* x = static_cast<const Value*>(task.x) + row * task.depth;
  int8_tile<rows, sums, strands>(x, task.depth, task.panels, column, c);
  int8_finish(task, c, columns, row, rows, column, smaller(end - column, columns));
}

// A few columns after others stay near, and all rows pass by.
inline void int8_tiles(const Int8Task& task) {
  const std::ptrdiff_t end = smaller(task.last_panel * kPanel, task.columns);
  std::ptrdiff_t column = task.first_panel * kPanel;
  if (task.rows == 1) {
    for (; column < end; column += kPanel) int8_one<1, kSums, kStrands>(task, 0, column, end);
    return;
  }
  const std::ptrdiff_t tiles = (task.rows + kIntRows - 1) / kIntRows;
  while (column < end) {
    // A tile of several panels ends with the last of them.
    constexpr bool across = kTileSums > kSums;
    const bool whole = !across || column + kTileSums * kSumColumns <= task.last_panel * kPanel;
    for (std::ptrdiff_t t = 0; t < tiles; ++t) {  // of nearly equal height
      const std::ptrdiff_t row = task.rows * t / tiles;
      with_rows<kIntRows>(task.rows * (t + 1) / tiles - row, [&](auto rows) {
        if (whole) {
          int8_one<rows.value, kTileSums>(task, row, column, end);
        } else if constexpr (across) {
          int8_one<rows.value, kSums>(task, row, column, end);
        }
      });
    }
    column += (whole ? kTileSums : kSums) * kSumColumns;
  }
}

}  // namespace quatrain::QUATRAIN_ISA
