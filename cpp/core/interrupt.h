// Long work asks now and then whether to go on; else Ctrl-C would wait for its end.
#pragma once
#include <cstddef>

namespace quatrain {

// Has the calling thread ask by `ask`, which throws to stop the work. Other threads never ask: one
// that waits for them does.
void set_interrupt(void (*ask)());

// Counts what the work has read, and asks once in a while.
class Pulse {
 public:
  void read(std::size_t bytes) {
    bytes_ += bytes;
    if (bytes_ < kBytes) return;
    bytes_ = 0;
    ask();
  }
  // Asks, unless it did so a moment ago.
  static void ask();

 private:
  static constexpr std::size_t kBytes = 1 << 20;
  std::size_t bytes_ = 0;
};

}  // namespace quatrain
