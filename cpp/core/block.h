// Large memory for the results of operations.
#pragma once
#include <cstddef>

#include "core/pages.h"

namespace quatrain {

// Uninitialised memory, aligned to 64 bytes. The system clears every page of new memory, which
// takes longer than many operations take to fill it, so the memory of a block that is gone serves
// the next one of about its size. It waits for 64 other blocks at most; then the system has it
// back.
class Block {
 public:
  // Smaller memory is better asked of malloc(), which keeps what it gets back.
  static constexpr std::size_t kWorthwhile = std::size_t{1} << 18;

  explicit Block(std::size_t bytes);
  ~Block();
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  void* data() const { return pages_.data(); }

 private:
  std::size_t bytes_;
  Pages pages_;
};

}  // namespace quatrain
