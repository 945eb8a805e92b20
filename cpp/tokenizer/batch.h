// The one place where the tokenizer meets threads.
#pragma once
#include <cstddef>
#include <functional>

namespace quatrain::tokenizer {

// Calls body(i) for i in [0, count) from up to `threads` threads; the first exception is rethrown
// here, once all threads have stopped.
void for_each_in_parallel(int threads, std::ptrdiff_t count,
                          const std::function<void(std::ptrdiff_t)>& body);

}  // namespace quatrain::tokenizer
