#include "core/pages.h"

#include <cstdint>
#include <cstdlib>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace quatrain {
namespace {

void* aligned(void* memory, std::size_t alignment) {
  const auto address = reinterpret_cast<std::uintptr_t>(memory);
  return static_cast<char*>(memory) + (alignment - address % alignment) % alignment;
}

}  // namespace

#if defined(__linux__)
Pages::Pages(std::size_t bytes) : bytes_(bytes) {
  constexpr std::size_t kHuge = std::size_t{1} << 21;
  const bool is_large = bytes >= kHuge;
  if (is_large) bytes_ += kHuge;  // what is cut off is never touched
  memory_ = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory_ == MAP_FAILED) throw std::bad_alloc();
  data_ = is_large ? aligned(memory_, kHuge) : memory_;
  if (is_large) madvise(data_, bytes / kHuge * kHuge, MADV_HUGEPAGE);  // a wish
}

Pages::~Pages() {
  if (memory_) munmap(memory_, bytes_);
}
#else
Pages::Pages(std::size_t bytes) : bytes_(bytes + 64) {
  memory_ = std::calloc(bytes_, 1);
  if (!memory_) throw std::bad_alloc();
  data_ = aligned(memory_, 64);
}

Pages::~Pages() { std::free(memory_); }
#endif

}  // namespace quatrain
