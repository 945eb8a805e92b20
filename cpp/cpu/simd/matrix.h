// The matrix product: tiles of registers over packed panels. Included once per instruction set.
namespace quatrain::QUATRAIN_ISA {

constexpr int kPanelVecs = static_cast<int>(kPanel) / kWidth;
// Rows of the left factor that are packed at a time, kBlockK (one for each instruction set) of
// their columns: the block stays in the second cache while one panel after another passes by.
constexpr std::ptrdiff_t kBlockRows = 96;

// The left factor, as the matrix lies in memory, or packed for tiles of so many rows: [k][rows].
struct Plain {
  const float* data;
  std::ptrdiff_t stride;
  QUATRAIN_INLINE float at(int row) const { return data[row * stride]; }
  QUATRAIN_INLINE void advance() { ++data; }
};
template <int rows>
struct Packed {
  const float* data;
  QUATRAIN_INLINE float at(int row) const { return data[row]; }
  QUATRAIN_INLINE void advance() { data += rows; }
};

// The right factor: panel p, line k at data[p * panel_stride + k * k_stride], kPanel values.
template <class Value>
struct RightOf {
  const Value* data;
  std::ptrdiff_t k_stride;
  std::ptrdiff_t panel_stride;
};
using Right = RightOf<float>;
QUATRAIN_INLINE Vec load(const Float16* p) { return load_float16(&p->bits); }
QUATRAIN_INLINE Vec load(const Bfloat16* p) { return load_bfloat16(&p->bits); }

// What is read next, fetched little by little while a tile computes: so many streams, `step` values
// of each for every k.
template <int streams, class Value = float>
struct Ahead {
  const Value* data;
  std::ptrdiff_t step, stride;
  QUATRAIN_INLINE void advance() {
#pragma GCC unroll 8
    for (int i = 0; i < streams; ++i) {
      prefetch(reinterpret_cast<const float*>(data + i * stride));
    }
    data += step;
  }
};
struct Nothing {
  QUATRAIN_INLINE void advance() {}
};

// c[row, column] += sum_k left[row, k] right[k, column], over ascending k in one accumulator each;
// starting from zero unless `accumulate`, and bias[column] added last if there is one. All sizes
// but k are fixed, so that the sums stay in registers.
template <int rows, int panels, class Left, class Value, class Next = Nothing>
QUATRAIN_INLINE void tile(Left left, RightOf<Value> right, std::ptrdiff_t k, float* c,
                          std::ptrdiff_t stride, bool accumulate, const float* bias = nullptr,
                          Next next = {}) {
  constexpr int columns = panels * kPanelVecs;
  Vec sum[rows][columns];
#pragma GCC unroll 16
  for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 16
    for (int j = 0; j < columns; ++j) {
      sum[i][j] = accumulate ? load(c + i * stride + j * kWidth) : zero();
    }
  }
  // The output comes in while the sum is made: waiting for it at the end costs a tenth of all.
#pragma GCC unroll 16
  for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 16
    for (int j = 0; j < columns; ++j) prefetch_to_write(c + i * stride + j * kWidth);
  }
  // Counting steps takes the place of products.
#pragma GCC unroll 4
  for (std::ptrdiff_t step = 0; step < k; ++step) {
    Vec line[columns];
#pragma GCC unroll 16
    for (int j = 0; j < columns; ++j) {
      line[j] = load(right.data + j / kPanelVecs * right.panel_stride + j % kPanelVecs * kWidth);
    }
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i) {
      const Vec value = splat(left.at(i));
#pragma GCC unroll 16
      for (int j = 0; j < columns; ++j) sum[i][j] = fma(value, line[j], sum[i][j]);
    }
    left.advance();
    next.advance();
    right.data += right.k_stride;
  }
#pragma GCC unroll 16
  for (int i = 0; i < rows; ++i) {
    if (bias != nullptr) {
#pragma GCC unroll 16
      for (int j = 0; j < columns; ++j) sum[i][j] = sum[i][j] + load(bias + j * kWidth);
    }
#pragma GCC unroll 16
    for (int j = 0; j < columns; ++j) store(c + i * stride + j * kWidth, sum[i][j]);
  }
}

// Panels side by side that a tile of so many rows has registers for: a power of two.
template <int rows, int panels = 4>
constexpr int tile_panels() {
  if constexpr (panels > 1 && rows * panels * kPanelVecs > kRegisters) {
    return tile_panels<rows, panels / 2>();
  } else {
    return panels;
  }
}

// One tile at the right edge of the output: `columns` < kPanel of its columns exist.
template <int rows, class Left, class Value>
void edge_tile(Left left, RightOf<Value> right, std::ptrdiff_t k, float* c, std::ptrdiff_t stride,
               std::ptrdiff_t columns, bool accumulate, const float* bias) {
  float whole[rows * kPanel];
  for (int i = 0; i < rows; ++i) {
    for (std::ptrdiff_t j = 0; j < kPanel; ++j) {
      whole[i * kPanel + j] = accumulate && j < columns ? c[i * stride + j] : 0.0f;
    }
  }
  tile<rows, 1>(left, right, k, whole, kPanel, true);
  for (int i = 0; i < rows; ++i) {
    for (std::ptrdiff_t j = 0; j < columns; ++j) {
      const float sum = whole[i * kPanel + j];
      c[i * stride + j] = bias == nullptr ? sum : sum + bias[j];
    }
  }
}

// `rows` rows by `columns` columns, any number of panels: as many side by side as there are
// registers, then half as many, and so on. If the panels come from memory (`distant`), those that
// follow are fetched meanwhile, in two streams each: memory gives more, the more streams are read.
// (Inline: attention has products so small that a call is felt.)
template <int rows, bool distant = false, int panels = tile_panels<rows>(), class Left, class Value>
QUATRAIN_INLINE void strip(Left left, RightOf<Value> right, std::ptrdiff_t k, float* c,
                           std::ptrdiff_t stride, std::ptrdiff_t columns, bool accumulate,
                           const float* bias = nullptr) {
  for (; columns >= panels * kPanel; columns -= panels * kPanel) {
    if constexpr (distant) {
      tile<rows, panels>(left, right, k, c, stride, accumulate, bias,
                         Ahead<2 * panels, Value>{right.data + panels * right.panel_stride,
                                                  kPanel / 2, right.panel_stride / 2});
    } else {
      tile<rows, panels>(left, right, k, c, stride, accumulate, bias);
    }
    right.data += panels * right.panel_stride;
    c += panels * kPanel;
    if (bias != nullptr) bias += panels * kPanel;
  }
  if constexpr (panels > 1) {
    strip<rows, distant, panels / 2>(left, right, k, c, stride, columns, accumulate, bias);
  } else if (columns > 0) {
    edge_tile<rows>(left, right, k, c, stride, columns, accumulate, bias);
  }
}

// Rows are cut into tiles of nearly equal height (8 rows: 4 + 4, not 6 + 2).
struct RowCut {
  std::ptrdiff_t rows, tiles;
  explicit RowCut(std::ptrdiff_t rows_) : rows(rows_), tiles((rows_ + kTileRows - 1) / kTileRows) {}
  std::ptrdiff_t begin(std::ptrdiff_t tile) const { return rows * tile / tiles; }
  std::ptrdiff_t height(std::ptrdiff_t tile) const { return begin(tile + 1) - begin(tile); }
};

// One tile's rows become a stream: [k][rows]. Vectors overlap, the next covers what is too much of
// one: kWidth floats are written beyond the end.
template <int rows>
inline void pack_tile(const float* x, std::ptrdiff_t stride, std::ptrdiff_t k, float* packed) {
  static_assert(rows <= kWidth);
  std::ptrdiff_t step = 0;
  for (; step + kWidth <= k; step += kWidth) {
    Vec columns[kWidth];
    // Vectors have more lanes than tiles have rows: the last row stands in for those missing.
    transpose([&](int i) { return x + (i < rows ? i : rows - 1) * stride + step; }, columns);
#pragma GCC unroll 16
    for (int c = 0; c < kWidth; ++c) store(packed + (step + c) * rows, columns[c]);
  }
  for (; step < k; ++step) {
    for (int i = 0; i < rows; ++i) packed[step * rows + i] = x[i * stride + step];
  }
}

// Copies a block of x so that each tile reads one stream: [tile][k][rows of the tile].
inline void pack_left(const float* x, std::ptrdiff_t stride, const RowCut& cut, std::ptrdiff_t k,
                      float* packed) {
  for (std::ptrdiff_t t = 0; t < cut.tiles; ++t) {
    const std::ptrdiff_t row = cut.begin(t);
    with_rows<kTileRows>(cut.height(t), [&](auto exact) {
      pack_tile<exact.value>(x + row * stride, stride, k, packed + row * k);
    });
  }
}

// The activation of a block of the output, which is still in the cache.
inline void activate_block(const LinearTask& task, float* out, std::ptrdiff_t rows,
                           std::ptrdiff_t columns) {
  if (task.activate == nullptr) return;
  for (std::ptrdiff_t i = 0; i < rows; ++i, out += task.out_stride) {
    task.activate(out, out, columns);
  }
}

template <class Value>
void linear_few_rows(const LinearTask& task) {
  const std::ptrdiff_t panel_size = task.k * kPanel;
  const std::ptrdiff_t begin = task.first_panel * kPanel;
  const std::ptrdiff_t columns = smaller(task.last_panel * kPanel, task.columns) - begin;
  const Value* panels = static_cast<const Value*>(task.panels);
  const RightOf<Value> right{panels + task.first_panel * panel_size, kPanel, panel_size};
  with_rows<kTileRows>(task.rows, [&](auto rows) {
    strip<rows.value, true>(Plain{task.x, task.x_stride}, right, task.k, task.out + begin,
                            task.out_stride, columns, false,
                            task.bias == nullptr ? nullptr : task.bias + begin);
  });
  activate_block(task, task.out + begin, task.rows, columns);
}

// All tiles of a packed block of rows against `panels` panels side by side; `columns` of theirs
// exist. While they compute, the panels that follow come in, an equal share for each tile. (Beyond
// the last panel that is in vain, but harmless: prefetching does not read.)
template <int panels>
void block_against_panels(const float* packed, const RowCut& cut, Right right, std::ptrdiff_t k,
                          float* c, std::ptrdiff_t stride, std::ptrdiff_t columns, bool accumulate,
                          const float* bias) {
  const std::ptrdiff_t step = (kPanel + cut.tiles - 1) / cut.tiles;
  for (std::ptrdiff_t t = 0; t < cut.tiles; ++t) {
    const std::ptrdiff_t row = cut.begin(t);
    const float* follower = right.data + panels * right.panel_stride + t * k * kPanel / cut.tiles;
    with_rows<kTileRows>(cut.height(t), [&](auto height) {
      constexpr int n = height.value;
      const Packed<n> left{packed + row * k};
      if (columns == panels * kPanel) {
        tile<n, panels>(left, right, k, c + row * stride, stride, accumulate, bias,
                        Ahead<panels>{follower, step, right.panel_stride});
      } else {
        strip<n, false, 1>(left, right, k, c + row * stride, stride, columns, accumulate, bias);
      }
    });
  }
}

// Up to kBlockRows rows against all panels of the task, equal parts of the rows at a time.
inline void linear_block(const LinearTask& task, std::ptrdiff_t first_row, std::ptrdiff_t rows) {
  constexpr int panels = tile_panels<kTileRows>();
  const RowCut cut(rows);
  const float* values = static_cast<const float*>(task.panels);
  const std::ptrdiff_t panel_size = task.k * kPanel;
  const std::ptrdiff_t end = smaller(task.last_panel * kPanel, task.columns);
  float* out = task.out + first_row * task.out_stride;
  const std::ptrdiff_t parts = larger((task.k + kBlockK - 1) / kBlockK, 1);
  const std::ptrdiff_t part = (task.k + parts - 1) / parts;
  std::ptrdiff_t start = 0;
  do {  // once even if k is 0: the bias is added
    const std::ptrdiff_t depth = smaller(part, task.k - start);
    pack_left(task.x + first_row * task.x_stride + start, task.x_stride, cut, depth, task.scratch);
    const bool last = start + depth >= task.k;
    for (std::ptrdiff_t panel = task.first_panel; panel < task.last_panel; panel += panels) {
      const std::ptrdiff_t begin = panel * kPanel;
      const std::ptrdiff_t columns = smaller(panels * kPanel, end - begin);
      const Right right{values + panel * panel_size + start * kPanel, kPanel, panel_size};
      block_against_panels<panels>(task.scratch, cut, right, depth, out + begin, task.out_stride,
                                   columns, start > 0,
                                   last && task.bias != nullptr ? task.bias + begin : nullptr);
      if (last) activate_block(task, out + begin, rows, columns);
    }
    start += part;
  } while (start < task.k);
}

inline void linear(const LinearTask& task) {
  if (task.rows <= kTileRows) {
    switch (task.element) {
      case Element::kFloat32:
        return linear_few_rows<float>(task);
      case Element::kFloat16:
        return linear_few_rows<Float16>(task);
      case Element::kBfloat16:
        return linear_few_rows<Bfloat16>(task);
    }
  }
  for (std::ptrdiff_t row = 0; row < task.rows; row += kBlockRows) {
    linear_block(task, row, smaller(kBlockRows, task.rows - row));
  }
}

// Rows become columns: [k][kPanel], zero for the rows that are missing.
inline void pack_panel(const float* rows, std::ptrdiff_t stride, std::ptrdiff_t count,
                       std::ptrdiff_t k, float* panel) {
  for (std::ptrdiff_t row = 0; row < kPanel; row += kWidth) {
    const std::ptrdiff_t present = smaller(kWidth, count - row);
    std::ptrdiff_t step = 0;
    if (present == kWidth) {
      for (; step + kWidth <= k; step += kWidth) {
        Vec columns[kWidth];
        transpose([&](int i) { return rows + (row + i) * stride + step; }, columns);
        for (int c = 0; c < kWidth; ++c) store(panel + (step + c) * kPanel + row, columns[c]);
      }
    }
    for (; step < k; ++step) {
      for (std::ptrdiff_t i = 0; i < kWidth; ++i) {
        panel[step * kPanel + row + i] = i < present ? rows[(row + i) * stride + step] : 0.0f;
      }
    }
  }
}

}  // namespace quatrain::QUATRAIN_ISA
