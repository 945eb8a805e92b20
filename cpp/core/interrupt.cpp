#include "core/interrupt.h"

#include <chrono>

namespace quatrain {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kPause = std::chrono::milliseconds(100);  // asking may mean to wait for a lock
thread_local void (*asks)() = nullptr;
thread_local Clock::time_point next;

}  // namespace

void set_interrupt(void (*ask)()) { asks = ask; }

void Pulse::ask() {
  if (!asks) return;
  const auto now = Clock::now();
  if (now < next) return;
  next = now + kPause;
  asks();
}

}  // namespace quatrain
