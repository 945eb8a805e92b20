// The matrix registers of AMX: eight of 16 rows of 64 bytes. Included once per instruction set.
#include <immintrin.h>

namespace quatrain::QUATRAIN_ISA {

// What each register holds, in the form that the instruction wants.
struct alignas(64) TileConfig {
  std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};

  QUATRAIN_INLINE void load() const {
    // GCC 12 believes that the instruction reads the first bytes alone, and keeps only these.
    asm volatile("" ::"m"(*this));
    _tile_loadconfig(this);
  }
};

}  // namespace quatrain::QUATRAIN_ISA
