// The product of bytes and int8 weights on matrix registers.
namespace quatrain::QUATRAIN_ISA {

// Below so many rows vectors are quicker.
constexpr std::ptrdiff_t kFewRows = 6;

// Panels that are read next come into the second cache little by little (the first is full of those
// read now): `step` bytes for every 64 steps of k.
struct Ahead {
  const std::int8_t* data;
  std::ptrdiff_t step;
  QUATRAIN_INLINE void advance() {
    for (std::ptrdiff_t i = 0; i < step; i += 64) {
      _mm_prefetch(reinterpret_cast<const char*>(data + i), _MM_HINT_T1);
    }
    data += step;
  }
};

// The sums of 16 or 32 rows (`tall`) and one or two panels (`wide`): registers 0 to 3. The others
// hold two times 16 rows of x and two panels, 64 steps of k each.
template <bool tall, bool wide>
QUATRAIN_INLINE void amx_tile(const std::uint8_t* x, const std::int8_t* panel, std::ptrdiff_t depth,
                              Ahead ahead, std::int32_t* c) {
  const std::uint8_t* lower = x + kHeight * depth;
  const std::int8_t* next = panel + kPanel * depth;
  _tile_zero(0);
  if constexpr (wide) _tile_zero(1);
  if constexpr (tall) _tile_zero(2);
  if constexpr (tall && wide) _tile_zero(3);
  for (std::ptrdiff_t k = 0; k < depth; k += kDepth) {
    _tile_loadd(6, panel + k * kPanel, 64);
    if constexpr (wide) _tile_loadd(7, next + k * kPanel, 64);
    _tile_loadd(4, x + k * kHeight, 64);
    if constexpr (tall) _tile_loadd(5, lower + k * kHeight, 64);
    _tile_dpbusd(0, 4, 6);
    if constexpr (wide) _tile_dpbusd(1, 4, 7);
    if constexpr (tall) _tile_dpbusd(2, 5, 6);
    if constexpr (tall && wide) _tile_dpbusd(3, 5, 7);
    ahead.advance();
  }
  constexpr int stride = 2 * kPanel;
  _tile_stored(0, c, stride * 4);
  if constexpr (wide) _tile_stored(1, c + kPanel, stride * 4);
  if constexpr (tall) _tile_stored(2, c + kHeight * stride, stride * 4);
  if constexpr (tall && wide) _tile_stored(3, c + kHeight * stride + kPanel, stride * 4);
}

inline void int8_amx(const Int8Task& task) {
  if (!task.tiled) return int8_tiles(task);
  const TileConfig config;
  config.load();
  alignas(64) std::int32_t c[2 * kHeight * 2 * kPanel];
  const std::ptrdiff_t end = smaller(task.last_panel * kPanel, task.columns);
  const std::ptrdiff_t tiles = (task.rows + 2 * kHeight - 1) / (2 * kHeight);
  const std::ptrdiff_t share = 2 * kPanel * kDepth / tiles / 64 * 64 + 64;
  for (std::ptrdiff_t panel = task.first_panel; panel < task.last_panel; panel += 2) {
    const bool wide = panel + 1 < task.last_panel;
    const std::int8_t* weights = task.panels + panel * task.depth * kPanel;
    Ahead ahead{weights + 2 * task.depth * kPanel, share};
    for (std::ptrdiff_t row = 0; row < task.rows; row += 2 * kHeight) {
      const std::ptrdiff_t rows = smaller(2 * kHeight, task.rows - row);
      const std::uint8_t* x = static_cast<const std::uint8_t*>(task.x) + row * task.depth;
      if (rows > kHeight && wide) {
        amx_tile<true, true>(x, weights, task.depth, ahead, c);
      } else if (rows > kHeight) {
        amx_tile<true, false>(x, weights, task.depth, ahead, c);
      } else if (wide) {
        amx_tile<false, true>(x, weights, task.depth, ahead, c);
      } else {
        amx_tile<false, false>(x, weights, task.depth, ahead, c);
      }
      ahead.data += share * (task.depth / kDepth);
      int8_finish(task, c, 2 * kPanel, row, rows, panel * kPanel,
                  smaller(2 * kPanel, end - panel * kPanel));
    }
  }
  _tile_release();
}

}  // namespace quatrain::QUATRAIN_ISA
