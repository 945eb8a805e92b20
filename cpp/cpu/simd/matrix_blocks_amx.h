// The product of bytes and weights in blocks on matrix registers: a panel of 4-bit weights is
// brought to bytes once for all rows. Included behind matrix_int8_amx.h.
namespace quatrain::QUATRAIN_ISA {

// Below so many rows vectors are quicker.
constexpr std::ptrdiff_t kFewBlockRows = 8;

// The levels of a panel less their zero points, as a panel of int8 has them.
template <BlockForm form>
void unpack_nibbles(const BlockTask& task, std::ptrdiff_t panel, std::int8_t* out) {
  const std::ptrdiff_t groups = task.depth / kGroup, in_block = task.block / kGroup;
  const std::uint8_t* weights = task.panels + panel * groups * kNibbleGroup;
  const std::uint8_t* zeros = nullptr;
  __m512i zero = _mm512_setzero_si512();
  if constexpr (form == BlockForm::kMiddle) zero = _mm512_set1_epi8(kMiddle);
  if constexpr (form == BlockForm::kZeros) {
    zeros = static_cast<const std::uint8_t*>(task.shifts) + panel * (groups / in_block) * kPanel;
  }
  for (std::ptrdiff_t g = 0; g < groups; ++g) {
    if (form == BlockForm::kZeros && g % in_block == 0) {
      const auto* point = reinterpret_cast<const __m128i*>(zeros + g / in_block * kPanel);
      const __m512i wide = _mm512_cvtepu8_epi32(_mm_loadu_si128(point));
      zero = _mm512_mullo_epi32(wide, _mm512_set1_epi32(0x01010101));  // in each byte of a column
    }
#pragma GCC unroll 4
    for (int i = 0; i < Nibbles::kLines; ++i, weights += kLine, out += 2 * kLine) {
      const Nibbles::Line line = Nibbles::load(weights);
      _mm512_storeu_si512(out, _mm512_sub_epi8(line.low, zero));
      _mm512_storeu_si512(out + kLine, _mm512_sub_epi8(line.high, zero));
    }
  }
}

// Groups whose sums are made together, for each alone would wait for its registers. K is filled up
// to a multiple of these. (Two buffers of more would be 4096 bytes apart, where the processor
// mistakes one for the other.)
constexpr std::ptrdiff_t kSpan = 2;

// c[group] = the sums [kHeight][kPanel] of kSpan groups.
QUATRAIN_INLINE void block_span(const std::int8_t* x, std::ptrdiff_t depth,
                                const std::int8_t* weights, std::int32_t (*c)[kHeight * kPanel]) {
  _tile_zero(0);
  _tile_zero(1);
  _tile_loadd(4, x, depth);
  _tile_loadd(6, weights, kLine);
  _tile_dpbssd(0, 4, 6);
  _tile_loadd(5, x + kGroup, depth);
  _tile_loadd(7, weights + kByteGroup, kLine);
  _tile_dpbssd(1, 5, 7);
  _tile_stored(0, c[0], 64);
  _tile_stored(1, c[1], 64);
}

// So many rows, of which `rows` are stored, against a panel whose bytes are `weights`. The sums of
// a span come out of the matrix registers and are added, group after group, to those in vector
// registers while the next span's are made, and the first rows' tiles ask for the panel that
// follows.
template <int height, BlockForm form>
void block_amx_tile(const BlockTask& task, const std::int8_t* weights, std::ptrdiff_t row,
                    std::ptrdiff_t rows, std::ptrdiff_t panel) {
  constexpr std::ptrdiff_t kBytes = WeightsOf<form>::Type::kLines * kLine;
  const std::ptrdiff_t groups = task.depth / kGroup, in_block = task.block / kGroup;
  const std::ptrdiff_t first_scale = panel * (groups / in_block) * kPanel;
  const std::uint16_t* scales = task.scales + first_scale;
  const auto* minima = static_cast<const std::uint16_t*>(task.shifts);
  if constexpr (form == BlockForm::kMinima) minima += first_scale;
  const std::uint8_t* following = task.panels + (panel + 1) * groups * kBytes;
  const std::int8_t* x = task.x + row * task.depth;
  const GroupScale* x_scales = task.x_scales + row * groups;
  alignas(64) std::int32_t c[2][kSpan][kHeight * kPanel];
  Vec sum[height];
#pragma GCC unroll 16
  for (int i = 0; i < height; ++i) sum[i] = zero();
  block_span(x, task.depth, weights, c[0]);
  std::ptrdiff_t left = in_block;  // groups of the block
  for (std::ptrdiff_t first = 0; first < groups; first += kSpan) {
    const std::ptrdiff_t next = first + kSpan;
    if (next < groups) {
      block_span(x + next * kGroup, task.depth, weights + next * kByteGroup, c[next / kSpan % 2]);
    }
    for (std::ptrdiff_t i = 0; row == 0 && i < kSpan * kBytes; i += kLine) {
      _mm_prefetch(reinterpret_cast<const char*>(following + first * kBytes + i), _MM_HINT_T1);
    }
    const std::int32_t* all = c[first / kSpan % 2][0];
    for (std::ptrdiff_t g = 0; g < kSpan; ++g, x_scales += kHeight, all += kHeight * kPanel) {
      const Vec scale = load_float16(scales);
#pragma GCC unroll 16
      for (int i = 0; i < height; ++i) {
        const Vec whole = to_float(Lanes{_mm512_load_si512(all + i * kPanel)});
        sum[i] = sum[i] + whole * (scale * splat(x_scales[i].scale));
      }
      if constexpr (form == BlockForm::kMinima) {
        const Vec minimum = load_float16(minima);
#pragma GCC unroll 16
        for (int i = 0; i < height; ++i) {
          const float whole = x_scales[i].scale * static_cast<float>(x_scales[i].sum);
          sum[i] = sum[i] + minimum * splat(whole);
        }
      }
      if (--left == 0) {
        left = in_block;
        scales += kPanel;
        if constexpr (form == BlockForm::kMinima) minima += kPanel;
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

template <int height, BlockForm form>
void block_amx_tiles(const BlockTask& task) {
  TileConfig config;
  for (const int i : {0, 1, 4, 5}) config.rows[i] = height;  // sums and x
  config.row_bytes[4] = config.row_bytes[5] = kGroup;
  config.rows[6] = config.rows[7] = kGroup / kQuad;  // weights
  config.load();
  for (std::ptrdiff_t panel = task.first_panel; panel < task.last_panel; ++panel) {
    const std::int8_t* weights = task.scratch;
    if constexpr (form == BlockForm::kBytes) {
      weights = reinterpret_cast<const std::int8_t*>(task.panels) + panel * task.depth * kPanel;
    } else {
      unpack_nibbles<form>(task, panel, task.scratch);
    }
    for (std::ptrdiff_t row = 0; row < task.rows; row += height) {
      const std::ptrdiff_t rows = smaller(height, task.rows - row);
      block_amx_tile<height, form>(task, weights, row, rows, panel);
    }
  }
  _tile_release();
}

inline void blocks_amx(const BlockTask& task) {
  constexpr int half = kHeight / 2;
  if (task.rows < kFewBlockRows) return blocks(task);
  with_form(task.form, [&](auto form) {
    if (task.rows <= half) {
      block_amx_tiles<half, form.value>(task);
    } else {
      block_amx_tiles<kHeight, form.value>(task);
    }
  });
}

}  // namespace quatrain::QUATRAIN_ISA
