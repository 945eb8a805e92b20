#include "tokenizer/batch.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace quatrain::tokenizer {

// Own threads per call: to be the process's pool (core/parallel.h) when it is in the tree.
void for_each_in_parallel(int threads, std::ptrdiff_t count,
                          const std::function<void(std::ptrdiff_t)>& body) {
  std::atomic<std::ptrdiff_t> next{0};
  std::exception_ptr error;
  std::mutex mutex;
  const auto work = [&] {
    try {
      for (std::ptrdiff_t i; (i = next.fetch_add(1)) < count;) body(i);
    } catch (...) {
      next = count;
      const std::lock_guard lock(mutex);
      if (!error) error = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> helpers;
    const auto wanted = std::min<std::ptrdiff_t>(threads, count) - 1;
    for (std::ptrdiff_t i = 0; i < wanted; ++i) helpers.emplace_back(work);
    work();
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace quatrain::tokenizer
