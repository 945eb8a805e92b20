// The one thread pool of the process.
#pragma once
#include <cstddef>
#include <functional>

namespace quatrain {

// More are never used.
inline constexpr int kMostThreads = 256;

// Calls fn(begin, end) on disjoint ranges that cover [0, count), on at most `threads` threads, the
// caller among them, and returns when all are done. Ranges hold at least `grain` items (but for the
// last) and are handed out as threads become free, so fn must not care which thread runs what.
//
// The first exception thrown by fn reaches the caller; ranges not yet begun are then dropped. A
// call from inside fn, or while another thread's call holds the pool, runs on the calling thread
// alone. A forked child starts a pool of its own when it first needs one.
void parallel_for(int threads, std::ptrdiff_t count,
                  const std::function<void(std::ptrdiff_t begin, std::ptrdiff_t end)>& fn,
                  std::ptrdiff_t grain = 1);

}  // namespace quatrain
