// The product of bytes and 4-bit weights on matrix registers: a panel is brought to bytes once for
// all rows. Included behind matrix_int8_amx.h.
namespace quatrain::QUATRAIN_ISA {

// Below so many rows vectors are quicker.
constexpr std::ptrdiff_t kFewInt4Rows = 8;

// The levels of a panel less their zero points, as a panel of int8 has them.
inline void unpack_int4(const Int4Task& task, std::ptrdiff_t panel, std::int8_t* out) {
  const std::ptrdiff_t groups = task.depth / kGroup, in_block = task.block / kGroup;
  const std::uint8_t* weights = task.panels + panel * groups * kGroupBytes;
  const std::uint8_t* zeros =
      task.zeros == nullptr ? nullptr : task.zeros + panel * (groups / in_block) * kPanel;
  __m512i zero = _mm512_set1_epi8(8);
  for (std::ptrdiff_t g = 0; g < groups; ++g, weights += kGroupBytes) {
    if (zeros != nullptr && g % in_block == 0) {
      const auto* point = reinterpret_cast<const __m128i*>(zeros + g / in_block * kPanel);
      const __m512i wide = _mm512_cvtepu8_epi32(_mm_loadu_si128(point));
      zero = _mm512_mullo_epi32(wide, _mm512_set1_epi32(0x01010101));  // in each byte of a column
    }
    const Nibbles nibbles = load_nibbles(weights);
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i, out += 64) {
      _mm512_storeu_si512(out, _mm512_sub_epi8(nibbles.v[i], zero));
    }
  }
}

// Groups whose sums are made together, for each alone would wait for its registers. K is filled up
// to a multiple of these. (Two buffers of more would be 4096 bytes apart, where the processor
// mistakes one for the other.)
constexpr std::ptrdiff_t kSpan = 2;

// c[group] = the sums [kHeight][kPanel] of kSpan groups.
QUATRAIN_INLINE void int4_amx_span(const std::int8_t* x, std::ptrdiff_t depth,
                                   const std::int8_t* weights,
                                   std::int32_t (*c)[kHeight * kPanel]) {
  constexpr std::ptrdiff_t kBytes = kGroup * kPanel;
  _tile_zero(0);
  _tile_zero(1);
  _tile_loadd(4, x, depth);
  _tile_loadd(6, weights, 64);
  _tile_dpbssd(0, 4, 6);
  _tile_loadd(5, x + kGroup, depth);
  _tile_loadd(7, weights + kBytes, 64);
  _tile_dpbssd(1, 5, 7);
  _tile_stored(0, c[0], 64);
  _tile_stored(1, c[1], 64);
}

// 16 rows, of which `rows` are stored, against a panel whose bytes are `weights`. The sums of a
// span come out of the matrix registers and are added, group after group, to those in vector
// registers while the next span's are made.
inline void int4_amx_tile(const Int4Task& task, const std::int8_t* weights, std::ptrdiff_t row,
                          std::ptrdiff_t rows, std::ptrdiff_t panel) {
  constexpr int height = static_cast<int>(kHeight);
  const std::ptrdiff_t groups = task.depth / kGroup, in_block = task.block / kGroup;
  const std::uint16_t* scales = task.scales + panel * (groups / in_block) * kPanel;
  const std::int8_t* x = task.x + row * task.depth;
  const GroupScale* x_scales = task.x_scales + row * groups;
  alignas(64) std::int32_t c[2][kSpan][kHeight * kPanel];
  Vec sum[height];
#pragma GCC unroll 16
  for (int i = 0; i < height; ++i) sum[i] = zero();
  int4_amx_span(x, task.depth, weights, c[0]);
  std::ptrdiff_t left = in_block;  // groups of the block
  for (std::ptrdiff_t first = 0; first < groups; first += kSpan) {
    const std::ptrdiff_t next = first + kSpan;
    if (next < groups) {
      int4_amx_span(x + next * kGroup, task.depth, weights + next * kGroup * kPanel,
                    c[next / kSpan % 2]);
    }
    const std::int32_t* all = c[first / kSpan % 2][0];
    for (std::ptrdiff_t g = 0; g < kSpan; ++g, x_scales += kHeight, all += kHeight * kPanel) {
      const Vec scale = load_float16(scales);
#pragma GCC unroll 16
      for (int i = 0; i < height; ++i) {
        const Vec whole = to_float(Lanes{_mm512_load_si512(all + i * kPanel)});
        sum[i] = sum[i] + whole * (scale * splat(x_scales[i].scale));
      }
      if (--left == 0) {
        left = in_block;
        scales += kPanel;
      }
    }
  }
  const std::ptrdiff_t at = panel * kPanel, n = smaller(task.columns - at, kPanel);
  const Vec bias = task.bias == nullptr ? zero() : load(task.bias + at, n);
  float* out = task.out + row * task.out_stride + at;
#pragma GCC unroll 16
  for (int i = 0; i < height; ++i, out += task.out_stride) {
    if (i < rows) store(out, task.bias == nullptr ? sum[i] : sum[i] + bias, n);
  }
}

inline void int4_amx(const Int4Task& task) {
  if (task.rows < kFewInt4Rows) return int4(task);
  TileConfig config;
  config.row_bytes[4] = config.row_bytes[5] = kGroup;  // x
  config.rows[6] = config.rows[7] = kGroup / kQuad;    // weights
  _tile_loadconfig(&config);
  for (std::ptrdiff_t panel = task.first_panel; panel < task.last_panel; ++panel) {
    unpack_int4(task, panel, task.scratch);
    for (std::ptrdiff_t row = 0; row < task.rows; row += kHeight) {
      int4_amx_tile(task, task.scratch, row, smaller(kHeight, task.rows - row), panel);
    }
  }
  _tile_release();
}

}  // namespace quatrain::QUATRAIN_ISA
