// The product of float32 matrices on matrix registers, which multiply bfloat16 and add float32.
//
// A float32 is the sum of three bfloat16, its parts: 8 bits of the mantissa each. Of the nine
// products of parts the six largest are added, each of them exact; what is left out is below
// 2^-22 of the product, for x rounds its parts and w cuts them, so that errors have either sign.
// Parts below 2^-126 count as zero. Where x or w hold infinity or NaN, the parts give NaN: such
// outputs are made anew without parts. Included once per instruction set.
namespace quatrain::QUATRAIN_ISA {

constexpr std::ptrdiff_t kTile = 16;              // rows of a register; it is a panel wide
constexpr std::ptrdiff_t kTall = 2 * kTile;       // rows of x and
constexpr std::ptrdiff_t kWide = 2 * kPanel;      // columns of w that are multiplied at a time
constexpr std::ptrdiff_t kSlice = 32;             // steps of k in a register
constexpr std::ptrdiff_t kPart = kTile * kSlice;  // values of a register
constexpr std::ptrdiff_t kParts = 3;
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

inline std::ptrdiff_t slices_of(std::ptrdiff_t k) { return (k + kSlice - 1) / kSlice; }

// Steps 0 to 15 and 16 to 31 of a slice become pairs (i, i + 16), the form that registers want.
template <bool rounded>
QUATRAIN_INLINE void split(__m512 first, __m512 second, std::uint16_t* parts) {
  const __m512i upper = _mm512_set1_epi32(static_cast<int>(0xffff0000u));
  const __m512i half = _mm512_set1_epi32(0x8000);
#pragma GCC unroll 3
  for (std::ptrdiff_t part = 0; part < kParts; ++part) {
    __m512i a = _mm512_castps_si512(first), b = _mm512_castps_si512(second);
    if constexpr (rounded) a = _mm512_add_epi32(a, half), b = _mm512_add_epi32(b, half);
    const __m512i b_part = _mm512_and_si512(b, upper);
    _mm512_store_si512(parts + part * kPart, _mm512_or_si512(_mm512_srli_epi32(a, 16), b_part));
    first = _mm512_sub_ps(first, _mm512_castsi512_ps(_mm512_and_si512(a, upper)));
    second = _mm512_sub_ps(second, _mm512_castsi512_ps(b_part));
  }
}

// Rows of x: [tile][slice][part][row][kSlice], zero for what is missing of a whole register.
inline void split_rows(const float* x, std::ptrdiff_t stride, std::ptrdiff_t rows, std::ptrdiff_t k,
                       std::uint16_t* parts) {
  for (std::ptrdiff_t tile = 0; tile < rows; tile += kTile) {
    for (std::ptrdiff_t step = 0; step < k; step += kSlice) {
      const std::ptrdiff_t present = smaller(k - step, kSlice);
      const __mmask32 mask = static_cast<__mmask32>((std::uint64_t{1} << present) - 1);
      for (std::ptrdiff_t i = 0; i < kTile; ++i) {
        const bool exists = tile + i < rows;
        const float* row = x + (exists ? (tile + i) * stride + step : 0);
        const __mmask32 lanes = exists ? mask : 0;
        split<true>(_mm512_maskz_loadu_ps(static_cast<__mmask16>(lanes), row),
                    _mm512_maskz_loadu_ps(static_cast<__mmask16>(lanes >> 16), row + kTile),
                    parts + i * kSlice);
      }
      parts += kParts * kPart;
    }
  }
}

// Panels of w, two at a time: a ring of slices [panel][part][pair][kPanel], each split some time
// before it is used, while registers multiply. A single tile meets every slice once: `alone`, it is
// split right before, and stays in the first cache. Several meet two whole panels, while the two
// that follow are split.
template <bool alone>
class PanelParts {
 public:
  static constexpr std::ptrdiff_t kSize = 2 * kParts * kPart;  // of a slice
  static constexpr int kPieces = 4;                            // that a slice is split in

  PanelParts(const LinearTask& task, std::ptrdiff_t start, std::ptrdiff_t depth,
             std::uint16_t* ring)
      : panel_size_(task.k * kPanel),
        depth_(depth),
        slices_(slices_of(depth)),
        slots_(alone ? 2 : 2 * slices_),
        ring_(ring),
        panels_left_(task.last_panel - task.first_panel),
        lines_(task.panels + task.first_panel * panel_size_ + start * kPanel) {
    for (std::ptrdiff_t i = 0; i < kPieces * slots_ / 2; ++i) split_piece(slots_ / 2);
  }

  const std::uint16_t* slot(std::ptrdiff_t slice) const { return ring_ + slice % slots_ * kSize; }

  // The next piece, while the slices from `needed` on are still needed.
  QUATRAIN_INLINE void split_piece(std::ptrdiff_t needed) {
    if (count_ >= needed + slots_ || panels_left_ <= 0) return;
    constexpr int kLines = 2 * kTile / kPieces;
    const bool second = piece_ >= kPieces / 2;
    const std::ptrdiff_t begin = piece_ % (kPieces / 2) * kLines;
    // Beside a last panel that is alone it stands once more.
    const float* lines = lines_ + (second && panels_left_ > 1 ? panel_size_ : 0);
    std::uint16_t* parts = ring_ + count_ % slots_ * kSize + (second ? kParts * kPart : 0);
    const std::ptrdiff_t present = depth_ - slice_ * kSlice;
    if (present >= kSlice) {
      if constexpr (alone) fetch_followers();
#pragma GCC unroll 8
      for (std::ptrdiff_t i = begin; i < begin + kLines; ++i) {
        const float* line = lines + i * kPanel;
        fetch<_MM_HINT_T0>(line + kSoon);
        fetch<_MM_HINT_T0>(line + kSoon + kTile * kPanel);
        split<false>(_mm512_loadu_ps(line), _mm512_loadu_ps(line + kTile * kPanel),
                     parts + i * kSlice);
      }
    } else {
      const auto line = [&](std::ptrdiff_t i) {
        return i < present ? _mm512_loadu_ps(lines + i * kPanel) : _mm512_setzero_ps();
      };
      for (std::ptrdiff_t i = begin; i < begin + kLines; ++i) {
        split<false>(line(i), line(i + kTile), parts + i * kSlice);
      }
    }
    if (++piece_ == kPieces) advance();
  }

 private:
  static constexpr std::ptrdiff_t kSoon = 2 * kSlice * kPanel;  // fetched into the first cache

  template <_mm_hint where>
  QUATRAIN_INLINE static void fetch(const float* line) {
    _mm_prefetch(reinterpret_cast<const char*>(line), where);
  }
  // A share of the panels that follow comes into the second cache: a single tile waits for nothing
  // but memory, and that gives more, the more streams are read.
  QUATRAIN_INLINE void fetch_followers() const {
    constexpr std::ptrdiff_t kStreams = 4, kLines = kSlice / kPieces / kStreams;
    const std::ptrdiff_t done = (slice_ * kPieces + piece_) * kLines * kPanel;
    const float* panel = lines_ - slice_ * kSlice * kPanel + 2 * panel_size_ + done;
#pragma GCC unroll 2
    for (int i = 0; i < 2; ++i, panel += panel_size_) {
#pragma GCC unroll 4
      for (std::ptrdiff_t j = 0; j < kStreams; ++j) {
        const float* line = panel + j * (depth_ * kPanel / kStreams);
#pragma GCC unroll 2
        for (std::ptrdiff_t l = 0; l < kLines; ++l) fetch<_MM_HINT_T1>(line + l * kPanel);
      }
    }
  }
  QUATRAIN_INLINE void advance() {
    piece_ = 0;
    ++count_;
    lines_ += kSlice * kPanel;
    if (++slice_ == slices_) {
      slice_ = 0;
      lines_ += 2 * panel_size_ - slices_ * kSlice * kPanel;
      panels_left_ -= 2;
    }
  }

  const std::ptrdiff_t panel_size_, depth_, slices_, slots_;
  std::uint16_t* const ring_;
  std::ptrdiff_t panels_left_;
  const float* lines_;        // of the first panel, at the current slice
  std::ptrdiff_t slice_ = 0;  // of these panels
  std::ptrdiff_t count_ = 0;  // slices split in all
  int piece_ = 0;
};

// Registers 0 to 3 add the products of one slice; 4 and 5 hold a part of x, 6 and 7 one of w.
// Between products there is time for other work: `between`(0) to (3).
template <bool tall, class Between>
QUATRAIN_INLINE void multiply_slice(const std::uint16_t* x, std::ptrdiff_t lower,
                                    const std::uint16_t* w, const Between& between) {
  constexpr int kHigh = 0, kMiddle = kPart, kLow = 2 * kPart;
  constexpr std::ptrdiff_t next = kParts * kPart;
  const auto load_x = [&](std::ptrdiff_t part) __attribute__((always_inline)) {
    _tile_loadd(4, x + part, 2 * kSlice);
    if constexpr (tall) _tile_loadd(5, x + lower + part, 2 * kSlice);
  };
  const auto load_w = [&](std::ptrdiff_t part) __attribute__((always_inline)) {
    _tile_loadd(6, w + part, 2 * kSlice);
    _tile_loadd(7, w + next + part, 2 * kSlice);
  };
  const auto multiply = [] __attribute__((always_inline)) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    if constexpr (tall) _tile_dpbf16ps(2, 5, 6);
    if constexpr (tall) _tile_dpbf16ps(3, 5, 7);
  };
  load_x(kMiddle), load_w(kMiddle), multiply();
  between(0);
  load_x(kHigh), multiply();
  between(1);
  load_w(kLow), multiply();
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
        if (nan != 0) [[unlikely]]
          make_anew(i, j);
      }
      if (task_.activate != nullptr) task_.activate(out(i, 0), out(i, 0), smaller(columns_, kWide));
    }
  }

 private:
  // One row and one panel, without parts.
  void make_anew(std::ptrdiff_t i, std::ptrdiff_t j) const {
    LinearTask task = task_;
    task.x += (row_ + i) * task.x_stride;
    task.out += (row_ + i) * task.out_stride;
    task.rows = 1;
    task.first_panel = panel_ + j;
    task.last_panel = panel_ + j + 1;
    task.activate = nullptr;
    avx512_kernels().linear(task);
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
template <bool alone>
void multiply_block(const LinearTask& task, std::ptrdiff_t start, std::ptrdiff_t depth) {
  auto* const x = reinterpret_cast<std::uint16_t*>(task.scratch);
  split_rows(task.x + start, task.x_stride, task.rows, depth, x);
  const std::ptrdiff_t slices = slices_of(depth), tile_size = slices * kParts * kPart;
  const std::ptrdiff_t tiles = alone ? 1 : (task.rows + kTall - 1) / kTall;
  using W = PanelParts<alone>;
  W w(task, start, depth, x + kRowsSize);
  const std::ptrdiff_t pieces = (W::kPieces + tiles - 1) / tiles;
  std::ptrdiff_t used = 0;  // slices of w, of panels before these
  alignas(64) float sums[kTall * kWide] = {};
  for (std::ptrdiff_t panel = task.first_panel; panel < task.last_panel; panel += 2) {
    for (std::ptrdiff_t tile = 0; tile < tiles; ++tile) {
      const OutBlock block(task, tile * kTall, panel, sums);
      const auto multiply = [&](auto tall) __attribute__((always_inline)) {
        const std::uint16_t* rows = x + 2 * tile * tile_size;
        begin_sums<tall.value>(sums, start > 0);
        for (std::ptrdiff_t s = 0; s < slices; ++s, rows += kParts * kPart) {
          multiply_slice<tall.value>(rows, tile_size, w.slot(used + s),
                                     [&](int turn) __attribute__((always_inline)) {
                                       if (turn < pieces) w.split_piece(alone ? used + s : used);
                                     });
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

inline void linear(const LinearTask& task) {
  TileConfig config;
  // Registers of fewer rows are quicker.
  if (task.rows < kTile) {
    for (const int i : {0, 1, 4}) config.rows[i] = static_cast<std::uint8_t>(task.rows);
  }
  _tile_loadconfig(&config);
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
        multiply_block<true>(block, start, steps);
      } else {
        multiply_block<false>(block, start, steps);
      }
      start += depth;
    } while (start < task.k);
  }
  _tile_release();
}

}  // namespace quatrain::QUATRAIN_ISA
