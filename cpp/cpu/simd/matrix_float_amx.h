// The product of float32 matrices on matrix registers: of the nine products of parts (parts_amx.h)
// the six largest are added, each of them exact. What is left out is below 2^-22 of the product.
// Of a w with fewer bits the parts that are zero are left out. Outputs that are NaN are made anew
// without parts: x or w may hold infinity. Included once per instruction set.
namespace quatrain::QUATRAIN_ISA {

// The parts of so many rows and steps stay in the second cache.
constexpr std::ptrdiff_t kBlockRows = 128;
constexpr std::ptrdiff_t kBlockK = 1024;

constexpr std::ptrdiff_t kRowsSize = kBlockRows * kBlockK * kParts;
constexpr std::ptrdiff_t kPanelsSize = 2 * kWide * kBlockK * kParts;
constexpr std::ptrdiff_t kScratch = (kRowsSize + kPanelsSize) / 2;  // in floats

template <bool flag>
struct Flag {
  static constexpr bool value = flag;
};

// Registers 0 to 3 add the products of one slice; 4 and 5 hold a part of x, 6 and 7 one of w.
// Between products there is time for other work: `between`(0) to (3).
template <bool tall, int parts, class Between>
QUATRAIN_INLINE void multiply_slice(const std::uint16_t* x, std::ptrdiff_t lower,
                                    const std::uint16_t* w, const Between& between) {
  constexpr int kHigh = 0, kMiddle = kPart, kLow = 2 * kPart;
  constexpr std::ptrdiff_t next = parts * kPart;
  const auto load_x = [&](std::ptrdiff_t part) __attribute__((always_inline)) {
    _tile_loadd(4, x + part, 2 * kSlice);
    if constexpr (tall) _tile_loadd(5, x + lower + part, 2 * kSlice);
  };
  const auto load_w = [&](std::ptrdiff_t part) __attribute__((always_inline)) {
    _tile_loadd(6, w + part, 2 * kSlice);
    _tile_loadd(7, w + next + part, 2 * kSlice);
  };
  const auto multiply = []() __attribute__((always_inline)) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    if constexpr (tall) _tile_dpbf16ps(2, 5, 6);
    if constexpr (tall) _tile_dpbf16ps(3, 5, 7);
  };
  if constexpr (parts > 1) load_x(kMiddle), load_w(kMiddle), multiply();
  between(0);
  load_x(kHigh);
  if constexpr (parts > 1) multiply();
  between(1);
  if constexpr (parts > 2) load_w(kLow), multiply();
  between(2);
  load_w(kHigh), multiply();
  between(3);
  load_x(kMiddle), multiply();
  load_x(kLow), multiply();
}

// A block of the output, kTall by kWide at most, and its sums while they are made.
class OutBlock {
 public:
  OutBlock(const LinearTask& task, std::ptrdiff_t row, std::ptrdiff_t panel, float* sums)
      : task_(task),
        row_(row),
        panel_(panel),
        rows_(smaller(task.rows - row, kTall)),
        columns_(smaller(task.columns, task.last_panel * kPanel) - panel * kPanel),
        out_(task.out + row * task.out_stride + panel * kPanel),
        sums_(sums) {}

  // From earlier steps of k.
  void read() const {
    for (std::ptrdiff_t i = 0; i < rows_; ++i) {
      for (std::ptrdiff_t j = 0; j < 2; ++j) {
        _mm512_store_ps(sum(i, j), _mm512_maskz_loadu_ps(lanes(j), out(i, j)));
      }
    }
  }
  void write() const {
    for (std::ptrdiff_t i = 0; i < rows_; ++i) {
      for (std::ptrdiff_t j = 0; j < 2; ++j) {
        _mm512_mask_storeu_ps(out(i, j), lanes(j), _mm512_load_ps(sum(i, j)));
      }
    }
  }
  // With bias and activation.
  void finish() const {
    for (std::ptrdiff_t i = 0; i < rows_; ++i) {
      for (std::ptrdiff_t j = 0; j < 2; ++j) {
        const __mmask16 exists = lanes(j);
        __m512 value = _mm512_load_ps(sum(i, j));
        if (task_.bias != nullptr) {
          const float* bias = task_.bias + (panel_ + j) * kPanel;
          value = _mm512_add_ps(value, _mm512_maskz_loadu_ps(exists, bias));
        }
        _mm512_mask_storeu_ps(out(i, j), exists, value);
        const __mmask16 nan = _mm512_mask_cmp_ps_mask(exists, value, value, _CMP_UNORD_Q);
        if (nan != 0) [[unlikely]] {
          make_anew(i, j, nan);
        }
      }
      if (task_.activate != nullptr) task_.activate(out(i, 0), out(i, 0), smaller(columns_, kWide));
    }
  }

 private:
  // These lanes of a row and a panel, without parts.
  void make_anew(std::ptrdiff_t i, std::ptrdiff_t j, __mmask16 anew) const {
    LinearTask task = task_;
    task.x += (row_ + i) * task.x_stride;
    task.out += (row_ + i) * task.out_stride;
    task.rows = 1;
    task.first_panel = panel_ + j;
    task.last_panel = panel_ + j + 1;
    task.activate = nullptr;
    const __mmask16 others = lanes(j) & ~anew;
    const __m512 kept = _mm512_maskz_loadu_ps(others, out(i, j));
    avx512_kernels().linear(task);
    _mm512_mask_storeu_ps(out(i, j), others, kept);
  }
  __mmask16 lanes(std::ptrdiff_t j) const {
    const std::ptrdiff_t present = columns_ - j * kPanel;
    if (present >= kPanel) return 0xffff;
    return present <= 0 ? 0 : static_cast<__mmask16>((1u << present) - 1);
  }
  float* sum(std::ptrdiff_t i, std::ptrdiff_t j) const { return sums_ + i * kWide + j * kPanel; }
  float* out(std::ptrdiff_t i, std::ptrdiff_t j) const {
    return out_ + i * task_.out_stride + j * kPanel;
  }

  const LinearTask& task_;
  const std::ptrdiff_t row_, panel_, rows_, columns_;
  float* const out_;
  float* const sums_;
};

// Registers 0 to 3, of kTall rows and kWide columns.
template <bool tall>
QUATRAIN_INLINE void begin_sums(const float* sums, bool accumulate) {
  constexpr std::ptrdiff_t stride = kWide * 4;
  if (!accumulate) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    return;
  }
  _tile_loadd(0, sums, stride);
  _tile_loadd(1, sums + kPanel, stride);
  if constexpr (tall) _tile_loadd(2, sums + kTile * kWide, stride);
  if constexpr (tall) _tile_loadd(3, sums + kTile * kWide + kPanel, stride);
}
template <bool tall>
QUATRAIN_INLINE void end_sums(float* sums) {
  constexpr std::ptrdiff_t stride = kWide * 4;
  _tile_stored(0, sums, stride);
  _tile_stored(1, sums + kPanel, stride);
  if constexpr (tall) _tile_stored(2, sums + kTile * kWide, stride);
  if constexpr (tall) _tile_stored(3, sums + kTile * kWide + kPanel, stride);
}

// Some rows and `depth` steps of k from `start`, kBlockRows and kBlockK at most; of one tile
// `alone` the steps may be more, as the rows are fewer.
template <class Value, bool alone>
void multiply_block(const LinearTask& task, std::ptrdiff_t start, std::ptrdiff_t depth) {
  auto* const x = reinterpret_cast<std::uint16_t*>(task.scratch);
  split_rows(task.x + start, task.x_stride, task.rows, depth, x);
  const std::ptrdiff_t slices = slices_of(depth), tile_size = slices * kParts * kPart;
  const std::ptrdiff_t tiles = alone ? 1 : (task.rows + kTall - 1) / kTall;
  using W = PanelParts<Value, alone>;
  W w(task, start, depth, x + kRowsSize);
  const std::ptrdiff_t pieces = (W::kPieces + tiles - 1) / tiles;
  std::ptrdiff_t used = 0;  // slices of w, of panels before these
  alignas(64) float sums[kTall * kWide] = {};
  for (std::ptrdiff_t panel = task.first_panel; panel < task.last_panel; panel += 2) {
    for (std::ptrdiff_t tile = 0; tile < tiles; ++tile) {
      const OutBlock block(task, tile * kTall, panel, sums);
      std::ptrdiff_t slice = 0;
      const auto split_some = [&](int turn) __attribute__((always_inline)) {
        if (turn < pieces) w.split_piece(used + (alone ? slice : 0));
      };
      const auto multiply = [&](auto tall) __attribute__((always_inline)) {
        const std::uint16_t* rows = x + 2 * tile * tile_size;
        begin_sums<tall.value>(sums, start > 0);
        for (slice = 0; slice < slices; ++slice, rows += kParts * kPart) {
          multiply_slice<tall.value, kPartsOf<Value>>(rows, tile_size, w.slot(used + slice),
                                                      split_some);
        }
        end_sums<tall.value>(sums);
      };
      if (start > 0) block.read();
      if (task.rows - tile * kTall > kTile) {
        multiply(Flag<true>());
      } else {
        multiply(Flag<false>());
      }
      if (start + depth < task.k) {
        block.write();
      } else {
        block.finish();
      }
    }
    used += slices;
  }
}

template <class Value>
void linear_of(const LinearTask& task) {
  TileConfig config;
  // Registers of fewer rows are quicker.
  if (task.rows < kTile) {
    for (const int i : {0, 1, 4}) config.rows[i] = static_cast<std::uint8_t>(task.rows);
  }
  config.load();
  const std::ptrdiff_t tiles = (task.rows + kTall - 1) / kTall;
  const std::ptrdiff_t blocks = (task.rows + kBlockRows - 1) / kBlockRows;
  const std::ptrdiff_t most = tiles == 1 ? kBlockK * kBlockRows / kTall : kBlockK;
  const std::ptrdiff_t parts = larger((task.k + most - 1) / most, 1);
  const std::ptrdiff_t depth = slices_of((task.k + parts - 1) / parts) * kSlice;
  for (std::ptrdiff_t b = 0; b < blocks; ++b) {
    const std::ptrdiff_t first = tiles * b / blocks * kTall;
    LinearTask block = task;
    block.rows = smaller(tiles * (b + 1) / blocks * kTall, task.rows) - first;
    block.x += first * task.x_stride;
    block.out += first * task.out_stride;
    std::ptrdiff_t start = 0;
    do {  // once even if k is 0: the bias is added
      const std::ptrdiff_t steps = smaller(depth, task.k - start);
      if (tiles == 1) {
        multiply_block<Value, true>(block, start, steps);
      } else {
        multiply_block<Value, false>(block, start, steps);
      }
      start += depth;
    } while (start < task.k);
  }
  _tile_release();
}

inline void linear(const LinearTask& task) {
  switch (task.element) {
    case Element::kFloat32:
      return linear_of<float>(task);
    case Element::kFloat16:
      return linear_of<Float16>(task);
    case Element::kBfloat16:
      return linear_of<Bfloat16>(task);
  }
}

}  // namespace quatrain::QUATRAIN_ISA
