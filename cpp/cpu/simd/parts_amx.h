// Float32 as sums of bfloat16, which matrix registers multiply and add up in float32.
//
// A float32 is the sum of three bfloat16, its parts: 8 bits of the mantissa each. x rounds its
// parts and w cuts them, so that what products of parts leave out has either sign. Parts below
// 2^-126 count as zero; infinity and NaN have NaN among their parts. Included once per instruction
// set.
#include <immintrin.h>

namespace quatrain::QUATRAIN_ISA {

constexpr std::ptrdiff_t kTile = 16;              // rows of a register; it is a panel wide
constexpr std::ptrdiff_t kTall = 2 * kTile;       // rows of x and
constexpr std::ptrdiff_t kWide = 2 * kPanel;      // columns of w that are multiplied at a time
constexpr std::ptrdiff_t kSlice = 32;             // steps of k in a register
constexpr std::ptrdiff_t kPart = kTile * kSlice;  // values of a register
constexpr std::ptrdiff_t kParts = 3;

inline std::ptrdiff_t slices_of(std::ptrdiff_t k) { return (k + kSlice - 1) / kSlice; }

// Steps 0 to 15 and 16 to 31 of a slice become pairs (i, i + 16), the form that registers want.
template <bool rounded, int count = kParts>
QUATRAIN_INLINE void split(__m512 first, __m512 second, std::uint16_t* parts) {
  const __m512i upper = _mm512_set1_epi32(static_cast<int>(0xffff0000u));
  const __m512i half = _mm512_set1_epi32(0x8000);
#pragma GCC unroll 3
  for (std::ptrdiff_t part = 0; part < count; ++part) {
    __m512i a = _mm512_castps_si512(first), b = _mm512_castps_si512(second);
    if constexpr (rounded) a = _mm512_add_epi32(a, half), b = _mm512_add_epi32(b, half);
    const __m512i b_part = _mm512_and_si512(b, upper);
    _mm512_store_si512(parts + part * kPart, _mm512_or_si512(_mm512_srli_epi32(a, 16), b_part));
    first = _mm512_sub_ps(first, _mm512_castsi512_ps(_mm512_and_si512(a, upper)));
    second = _mm512_sub_ps(second, _mm512_castsi512_ps(b_part));
  }
}

// A line of w, and how many of its parts are not zero: float16 has 11 bits of mantissa.
template <class Value>
constexpr int kPartsOf = kParts;
template <>
inline constexpr int kPartsOf<Float16> = 2;
template <>
inline constexpr int kPartsOf<Bfloat16> = 1;
QUATRAIN_INLINE __m512 line_of(const float* values) { return _mm512_loadu_ps(values); }
QUATRAIN_INLINE __m512 line_of(const Float16* values) {
  return avx512::load_float16(&values->bits).v;
}
QUATRAIN_INLINE __m512 line_of(const Bfloat16* values) {
  return avx512::load_bfloat16(&values->bits).v;
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
template <class Value, bool alone>
class PanelParts {
  static constexpr std::ptrdiff_t kPanelSize = kPartsOf<Value> * kPart;

 public:
  static constexpr std::ptrdiff_t kSize = 2 * kPanelSize;  // of a slice
  static constexpr int kPieces = 4;                        // that a slice is split in

  PanelParts(const LinearTask& task, std::ptrdiff_t start, std::ptrdiff_t depth,
             std::uint16_t* ring)
      : panel_size_(task.k * kPanel),
        depth_(depth),
        slices_(slices_of(depth)),
        slots_(alone ? 2 : 2 * slices_),
        ring_(ring),
        panels_left_(task.last_panel - task.first_panel),
        lines_(static_cast<const Value*>(task.panels) + task.first_panel * panel_size_ +
               start * kPanel) {
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
    const Value* lines = lines_ + (second && panels_left_ > 1 ? panel_size_ : 0);
    std::uint16_t* parts = ring_ + count_ % slots_ * kSize + (second ? kPanelSize : 0);
    const std::ptrdiff_t present = depth_ - slice_ * kSlice;
    if (present >= kSlice) {
      if constexpr (alone) fetch_followers();
#pragma GCC unroll 8
      for (std::ptrdiff_t i = begin; i < begin + kLines; ++i) {
        const Value* line = lines + i * kPanel;
        fetch<kFirst>(line + kSoon);
        fetch<kFirst>(line + kSoon + kTile * kPanel);
        split<false, kPartsOf<Value>>(line_of(line), line_of(line + kTile * kPanel),
                                      parts + i * kSlice);
      }
    } else {
      const auto line = [&](std::ptrdiff_t i) {
        return i < present ? line_of(lines + i * kPanel) : _mm512_setzero_ps();
      };
      for (std::ptrdiff_t i = begin; i < begin + kLines; ++i) {
        split<false, kPartsOf<Value>>(line(i), line(i + kTile), parts + i * kSlice);
      }
    }
    if (++piece_ == kPieces) advance();
  }

 private:
  static constexpr std::ptrdiff_t kSoon = 2 * kSlice * kPanel;  // fetched into the first cache

  // Caches, as __builtin_prefetch knows them.
  static constexpr int kFirst = 3, kSecond = 2;
  template <int cache>
  QUATRAIN_INLINE static void fetch(const Value* line) {
    __builtin_prefetch(line, 0, cache);
  }
  // A share of the panels that follow comes into the second cache: a single tile waits for nothing
  // but memory, and that gives more, the more streams are read.
  QUATRAIN_INLINE void fetch_followers() const {
    constexpr std::ptrdiff_t kStreams = 4, kLines = kSlice / kPieces / kStreams;
    const std::ptrdiff_t done = (slice_ * kPieces + piece_) * kLines * kPanel;
    const Value* panel = lines_ - slice_ * kSlice * kPanel + 2 * panel_size_ + done;
#pragma GCC unroll 2
    for (int i = 0; i < 2; ++i, panel += panel_size_) {
#pragma GCC unroll 4
      for (std::ptrdiff_t j = 0; j < kStreams; ++j) {
        const Value* line = panel + j * (depth_ * kPanel / kStreams);
#pragma GCC unroll 2
        for (std::ptrdiff_t l = 0; l < kLines; ++l) fetch<kSecond>(line + l * kPanel);
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
  const Value* lines_;        // of the first panel, at the current slice
  std::ptrdiff_t slice_ = 0;  // of these panels
  std::ptrdiff_t count_ = 0;  // slices split in all
  int piece_ = 0;
};

}  // namespace quatrain::QUATRAIN_ISA
