#include "core/pages.h"

#include <cstdint>
#include <cstdlib>
#include <new>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace quatrain {
namespace {

void* aligned(void* memory, std::size_t alignment) {
  const auto address = reinterpret_cast<std::uintptr_t>(memory);
  return static_cast<char*>(memory) + (alignment - address % alignment) % alignment;
}

constexpr std::size_t kHuge = std::size_t{1} << 21;

// In front of what allocate() gives: its pages, or none if malloc() gave it.
constexpr std::size_t kHeader = 64;
static_assert(sizeof(Pages) <= kHeader);

char* header_of(void* memory) { return static_cast<char*>(memory) - kHeader; }
Pages& pages_of(void* memory) { return *reinterpret_cast<Pages*>(header_of(memory)); }

// Pages that are given away in pieces, one behind another.
struct Shared {
  Pages pages;
  std::size_t used;
};
constexpr std::size_t kSharedBytes = 16 * kHuge;

}  // namespace

std::shared_ptr<void> allocate_together(std::size_t bytes) {
  static thread_local std::weak_ptr<Shared> latest;
  if (bytes >= kSharedBytes / 2) {
    const auto own = std::make_shared<Pages>(bytes);
    return {own, own->data()};
  }
  std::shared_ptr<Shared> shared = latest.lock();
  if (!shared || bytes > kSharedBytes - shared->used) {
    shared = std::make_shared<Shared>(Shared{Pages(kSharedBytes), 0});
    latest = shared;
  }
  void* const piece = static_cast<char*>(shared->pages.data()) + shared->used;
  shared->used += (bytes + 63) / 64 * 64;
  return {std::move(shared), piece};
}

void* allocate(std::size_t bytes) {
  bytes += kHeader;
  Pages pages;
  if (bytes >= kHuge) pages = Pages(bytes);
  void* header = pages.data() ? pages.data() : std::malloc(bytes);
  if (!header) throw std::bad_alloc();
  new (header) Pages(std::move(pages));
  return static_cast<char*>(header) + kHeader;
}

void* shrink(void* memory, std::size_t bytes) {
  if (pages_of(memory).data()) {
    pages_of(memory).shrink(bytes + kHeader);
    return memory;
  }
  void* header = std::realloc(header_of(memory), bytes + kHeader);
  return header ? static_cast<char*>(header) + kHeader : memory;
}

void deallocate(void* memory) {
  if (!memory) return;
  const Pages pages = std::move(pages_of(memory));
  if (!pages.data()) std::free(header_of(memory));
}

#if defined(__linux__)
Pages::Pages(std::size_t bytes) : bytes_(bytes) {
  if (bytes == 0) return;  // mmap() refuses
  const bool is_large = bytes >= kHuge;
  // To align: what is not touched is free.
  if (is_large && __builtin_add_overflow(bytes_, kHuge, &bytes_)) throw std::bad_alloc();
  memory_ = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory_ == MAP_FAILED) throw std::bad_alloc();
  data_ = is_large ? aligned(memory_, kHuge) : memory_;
  if (is_large) madvise(data_, bytes / kHuge * kHuge, MADV_HUGEPAGE);  // a wish
}

void Pages::shrink(std::size_t bytes) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const auto used =
      static_cast<std::size_t>(static_cast<char*>(data_) - static_cast<char*>(memory_));
  const std::size_t kept = (used + bytes + page - 1) / page * page;
  if (kept < bytes_ && munmap(static_cast<char*>(memory_) + kept, bytes_ - kept) == 0)
    bytes_ = kept;
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

void Pages::shrink(std::size_t) {}

Pages::~Pages() { std::free(memory_); }
#endif

}  // namespace quatrain
